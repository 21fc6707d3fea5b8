//! Votes of the second and third phase, and the certificates that a quorum of them makes.

use alloc::vec::Vec;

use quorate_crypto::{Certificate, Domain, Rejected, SignatureCheck, Signer};
use quorate_types::{Digest, GroupConfiguration, ReplicaId, Signature, Slot, View};

use super::{member_check, statement};
use crate::contradiction::SignedWord;

/// The phase that a vote belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// Second phase: I accepted this cut for this slot in this view.
    Prepare,
    /// Third phase: I hold a quorum of prepares on my disk.
    Commit,
}

/// A vote for a cut in a slot and a view.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Vote {
    /// The view.
    pub view: View,
    /// The slot.
    pub slot: Slot,
    /// Digest of the cut.
    pub digest: Digest,
    /// Who votes.
    pub from: ReplicaId,
    /// The voter's signature.
    pub signature: Signature,
}

quorate_wire::fields!(Vote { view, slot, digest, from, signature });

impl Phase {
    pub(super) const fn domain(self) -> Domain {
        match self {
            Self::Prepare => Domain::Prepare,
            Self::Commit => Domain::Commit,
        }
    }

    pub(super) fn statement(
        self,
        group: &GroupConfiguration,
        choice: (View, Slot, Digest),
    ) -> Digest {
        statement(self.domain(), group, &(choice.0, (choice.1, choice.2)))
    }
}

impl Vote {
    /// Signs a vote.
    #[must_use]
    pub fn sign(
        (phase, group): (Phase, &GroupConfiguration),
        choice: (View, Slot, Digest),
        (from, signer): (ReplicaId, &dyn Signer),
    ) -> Self {
        let signature = signer.sign(&phase.statement(group, choice));
        Self { view: choice.0, slot: choice.1, digest: choice.2, from, signature }
    }

    /// What the voter signed, if this is its vote in that phase.
    #[must_use]
    pub fn word(&self, phase: Phase, group: &GroupConfiguration) -> SignedWord {
        let choice = (self.view, (self.slot, self.digest));
        SignedWord::new((phase.domain(), group), &choice, self.signature)
    }

    /// Lists the signature.
    ///
    /// # Errors
    /// [`Rejected`] for a stranger.
    pub fn checks(
        &self,
        phase: Phase,
        group: &GroupConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        let digest = phase.statement(group, (self.view, self.slot, self.digest));
        checks.push(member_check(group, self.from, (digest, self.signature))?);
        Ok(())
    }
}

macro_rules! certificate {
    ($(#[$doc:meta])* $name:ident, $phase:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub struct $name {
            /// The view of the votes.
            pub view: View,
            /// The slot.
            pub slot: Slot,
            /// Digest of the cut.
            pub digest: Digest,
            /// The votes of a quorum.
            pub certificate: Certificate,
        }

        quorate_wire::fields!($name { view, slot, digest, certificate });

        impl $name {
            /// Lists the signatures.
            ///
            /// # Errors
            /// [`Rejected`] unless a quorum of members voted.
            pub fn checks(
                &self,
                group: &GroupConfiguration,
                checks: &mut Vec<SignatureCheck>,
            ) -> Result<(), Rejected> {
                let digest = $phase.statement(group, (self.view, self.slot, self.digest));
                self.certificate.checks(digest, (group, group.resilience.quorum()), checks)
            }
        }
    };
}

certificate!(
    /// A quorum accepted the cut: no other cut can be prepared in this view and slot.
    PrepareCertificate,
    Phase::Prepare
);
certificate!(
    /// A quorum holds the prepares: the cut and all its ancestors are decided.
    CommitCertificate,
    Phase::Commit
);
