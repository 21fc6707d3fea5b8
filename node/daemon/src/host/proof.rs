//! What the ordering engine heard of a liar, as evidence for the log of the membership service.
//!
//! The engine gives the words as they were signed; what evidence is made of, and when it proves
//! something, is the membership service's business (MEM-44).

use quorate_bft::{Contradiction, SignedWord};
use quorate_membership::monitor::Evidence;
use quorate_membership::monitor::evidence::{self, Misdeed, SignedStatement, StatementKind};

/// Evidence of a contradiction; none if no evidence is made of such words.
#[must_use]
pub fn of(told: Contradiction) -> Option<Evidence> {
    let Contradiction { by, first, second } = told;
    let both = evidence::Contradiction { first: stated(first)?, second: stated(second)? };
    Some(Evidence { server: by, misdeed: Misdeed::Contradiction(both) })
}

fn stated(word: SignedWord) -> Option<SignedStatement> {
    let kind = StatementKind::of(word.domain)?;
    Some(SignedStatement { kind, bytes: word.bytes, signature: word.signature })
}
