//! Byzantine members at the founding: wrong partial signatures, two of which may cancel, and
//! partial signatures that never come.
//!
//! Whoever combines gets the partials in the order that suits the bad: theirs come first.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use quorate_threshold::{
    Bls12381, CombineFailure, Combined, Domain, GroupKey, KeyShare, PartialSignature, ShareIndex,
    ThresholdScheme,
};

/// What a bad member gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Contribution {
    /// A partial signature under another share.
    Wrong,
    /// As `Wrong`, off by just so much that with the accomplice's the sum is right.
    Cancelling {
        /// The other bad member.
        accomplice: u16,
    },
    /// Nothing.
    Withheld,
}

impl Contribution {
    /// What is counted when it is given.
    #[must_use]
    pub const fn mark(&self) -> &'static str {
        match self {
            Self::Wrong => "liar.partial_wrong",
            Self::Cancelling { .. } => "liar.partials_cancel",
            Self::Withheld => "liar.partial_withheld",
        }
    }
}

/// The scheme as it is at a ceremony with bad members, by the indices of their shares.
#[derive(Debug)]
pub struct Ceremony {
    bad: BTreeMap<u16, Contribution>,
    had_cancelled: AtomicBool,
}

/// The share with this much added to its secret. The secret is uniform below 2^255, so that the
/// chance of a carry beyond the order of the group is about 2^-240.
fn shifted(share: &KeyShare, by: i64) -> KeyShare {
    let mut bytes = share.encode();
    let mut carry = i128::from(by);
    for byte in bytes.iter_mut().skip(2).rev() {
        let sum = i128::from(*byte) + carry;
        *byte = u8::try_from(sum.rem_euclid(256)).expect("a remainder of 256");
        carry = sum.div_euclid(256);
    }
    KeyShare::decode(&bytes[..]).unwrap_or_else(|_| unreachable!("the shifted secret is a scalar"))
}

/// By how much the share `mine` is off, so that its weight and that of the accomplice's cancel when
/// the third index is `other`: with weights at zero, `mine * (other - mine)` for each of the two.
fn offset(mine: u16, other: u16) -> i64 {
    i64::from(mine) * (i64::from(other) - i64::from(mine))
}

impl Ceremony {
    /// A ceremony with these bad members.
    #[must_use]
    pub fn new(bad: BTreeMap<u16, Contribution>) -> Self {
        Self { bad, had_cancelled: AtomicBool::new(false) }
    }

    /// Did errors cancel, so that the bad were not even noticed?
    #[must_use]
    pub fn had_cancelled(&self) -> bool {
        self.had_cancelled.load(Ordering::Relaxed)
    }

    /// The lowest index that is neither of the two.
    fn third(mine: u16, accomplice: u16) -> u16 {
        (1..).find(|index| *index != mine && *index != accomplice).expect("there is a third index")
    }

    fn contribution(&self, index: ShareIndex) -> Option<Contribution> {
        self.bad.get(&index.get()).copied()
    }
}

impl ThresholdScheme for Ceremony {
    fn sign_partial(&self, share: &KeyShare, domain: Domain, message: &[u8]) -> PartialSignature {
        let mine = share.index().get();
        let by = match self.contribution(share.index()) {
            None | Some(Contribution::Withheld) => 0,
            Some(Contribution::Wrong) => 1,
            Some(Contribution::Cancelling { accomplice }) => {
                offset(mine, Self::third(mine, accomplice))
            }
        };
        Bls12381.sign_partial(&shifted(share, by), domain, message)
    }

    fn combine(
        &self,
        group: &GroupKey,
        domain: Domain,
        message: &[u8],
        partials: &[PartialSignature],
    ) -> Result<Combined, CombineFailure> {
        let mut given: Vec<PartialSignature> = partials.to_vec();
        given.retain(|one| self.contribution(one.index()) != Some(Contribution::Withheld));
        given.sort_by_key(|one| self.contribution(one.index()).is_none());
        let combined = Bls12381.combine(group, domain, message, &given);
        let is_cancelling = |one: &Contribution| matches!(one, Contribution::Cancelling { .. });
        let unnoticed = combined.as_ref().is_ok_and(|combined| combined.bad.is_empty());
        if unnoticed && self.bad.values().any(is_cancelling) {
            self.had_cancelled.store(true, Ordering::Relaxed);
        }
        combined
    }
}
