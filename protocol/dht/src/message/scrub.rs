//! Asking a server to check everything that it holds.
//!
//! A request names a run; who repeats it hears how far that run is. So it can be asked again and
//! again until it is over, whatever is lost on the way. Checking costs the server time, so the
//! request carries the authority of a client, like a write.

use quorate_crypto::{ClientCertificate, Domain, SignatureCheck, Signer, hash_of};
use quorate_types::{ClientId, Epoch, Signature, SystemId};

use super::{Head, MessageContext};

/// Check all that you hold, or say how far you are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scrub {
    /// Epoch and operation.
    pub head: Head,
    /// Names the run: random, drawn by whoever wants it.
    pub run: u64,
    /// The authority's word about the client.
    pub certificate: ClientCertificate,
    /// The client's signature on the request.
    pub signature: Signature,
}

quorate_wire::fields!(Scrub { head, run, certificate, signature });

/// What a client signs to have a server check what it holds.
struct ScrubStatement {
    system: SystemId,
    epoch: Epoch,
    client: ClientId,
    run: u64,
}

quorate_wire::fields!(ScrubStatement { system, epoch, client, run });

impl Scrub {
    /// Signs a request.
    #[must_use]
    pub fn sign(
        (system, head): (SystemId, Head),
        run: u64,
        certificate: &ClientCertificate,
        signer: &dyn Signer,
    ) -> Self {
        let client = certificate.grant.client;
        let statement = ScrubStatement { system, epoch: head.epoch, client, run };
        let signature = signer.sign(&hash_of(Domain::ScrubRequest, &statement));
        Self { head, run, certificate: certificate.clone(), signature }
    }

    /// The checks of the client's signature and of the authority's.
    pub(super) fn checks(&self, context: &MessageContext) -> [SignatureCheck; 2] {
        let client = self.certificate.grant.client;
        let (system, epoch) = (context.system, self.head.epoch);
        let statement = ScrubStatement { system, epoch, client, run: self.run };
        let digest = hash_of(Domain::ScrubRequest, &statement);
        let own = SignatureCheck { key: client.public_key(), digest, signature: self.signature };
        [self.certificate.check(context.authority_key), own]
    }
}

/// What a run over all objects of a server has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ScrubReport {
    /// Objects that were there.
    pub checked: u64,
    /// Their bytes, as they are stored.
    pub bytes: u64,
    /// Of these objects, damaged ones.
    pub damaged: u64,
    /// Of these, mended ones, with those that were never completely written and are dropped.
    pub repaired: u64,
    /// What could not be read at all, since the store failed: objects, and the rest of its names
    /// as one.
    pub unread: u64,
}

quorate_wire::fields!(ScrubReport { checked, bytes, damaged, repaired, unread });

impl ScrubReport {
    /// Damaged objects that nobody could mend.
    #[must_use]
    pub const fn unrepaired(&self) -> u64 {
        self.damaged.saturating_sub(self.repaired)
    }
}

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ScrubState {
    /// All has been checked.
    pub is_over: bool,
    /// How much of the space of names lies behind, in thousandths.
    pub thousandths: u16,
    /// What was found until now.
    pub report: ScrubReport,
}

quorate_wire::fields!(ScrubState { is_over, thousandths, report });

/// How far the run is that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scrubbed {
    /// Epoch and operation.
    pub head: Head,
    /// How far, and what was found.
    pub state: ScrubState,
}

quorate_wire::fields!(Scrubbed { head, state });
