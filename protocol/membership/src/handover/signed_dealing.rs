//! A dealing with its dealer's word that it is its own: what recipients take, keep and pass on.
//!
//! The dealer signs with its key of the epoch that ends. The statement stands in the frame of the
//! group, as those of the ordering engine do, so that two of them for one attempt that differ are
//! evidence like two votes for one slot ([`crate::monitor::evidence`]):
//!
//! ```text
//! system [32] | group [32] | epoch u64 | session [32] | dealer u16 | digest of the dealing [32]
//! |<------------------- what it is about ------------------------>|
//! ```
//! The session names the attempt with its recipients and their keys. A correct dealer never signs
//! two: what it deals follows from its seed and the session, after a crash too.
//!
//! # Invariants
//! - MEM-53: a recipient takes, acknowledges, complains about and passes on only dealings that
//!   their dealers have signed.

use alloc::vec::Vec;

use quorate_crypto::{Signer, Verifier, hash};
use quorate_types::{Epoch, PublicKey, Signature, SystemId};

use super::dealing::PublishedDealing;
use crate::election::membership_group_id;
use crate::monitor::evidence::{SignedStatement, StatementKind, framed};

/// A dealing, and the signature of its dealer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedDealing {
    /// The dealing.
    pub dealing: PublishedDealing,
    /// The dealer's signature, under its key of the epoch that ends.
    pub signature: Signature,
}

quorate_wire::fields!(SignedDealing { dealing, signature });

impl SignedDealing {
    /// Signs a dealing at the end of an epoch of a system.
    #[must_use]
    pub fn sign(dealing: PublishedDealing, place: (SystemId, Epoch), signer: &dyn Signer) -> Self {
        let kind = StatementKind::Dealing;
        let signature = signer.sign(&hash(kind.domain(), &statement(&dealing, place)));
        Self { dealing, signature }
    }

    /// What was signed, as evidence holds it; the epoch is the one that ends.
    #[must_use]
    pub fn statement(&self, place: (SystemId, Epoch)) -> SignedStatement {
        let (bytes, signature) = (statement(&self.dealing, place), self.signature);
        SignedStatement { kind: StatementKind::Dealing, bytes, signature }
    }

    /// Did the owner of this key sign it at the end of this epoch?
    #[must_use]
    pub fn is_by(&self, key: PublicKey, place: (SystemId, Epoch), verifier: &dyn Verifier) -> bool {
        verifier.is_valid(&self.statement(place).check(key))
    }

    /// Did the dealer deal something else in the same attempt?
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        let (own, other) = (&self.dealing, &other.dealing);
        (own.session, own.dealer) == (other.session, other.dealer) && own != other
    }
}

fn statement(dealing: &PublishedDealing, (system, epoch): (SystemId, Epoch)) -> Vec<u8> {
    let frame = (system, membership_group_id(system), epoch);
    framed(frame, &((dealing.session, dealing.dealer), dealing.digest()))
}
