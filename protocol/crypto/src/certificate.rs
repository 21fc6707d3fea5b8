//! Enough signatures of a group on one digest to convince anybody.

use alloc::vec::Vec;

use quorate_types::limits::REPLICAS_MAX;
use quorate_types::{Digest, GroupConfiguration, ReplicaId, ReplicaSet, Signature};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::signature::SignatureCheck;
use crate::verified::Rejected;

const SIGNATURES: Limit = Limit::new("certificate signatures", REPLICAS_MAX);

/// Signatures of distinct members of a group on one digest, in ascending order of member.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Certificate {
    signers: ReplicaSet,
    signatures: Vec<Signature>,
}

impl Certificate {
    /// The certificate of these signatures; of several by one member the last counts.
    #[must_use]
    pub fn new(signatures: impl IntoIterator<Item = (ReplicaId, Signature)>) -> Self {
        let by_signer: alloc::collections::BTreeMap<_, _> = signatures.into_iter().collect();
        Self {
            signers: by_signer.keys().copied().collect(),
            signatures: by_signer.into_values().collect(),
        }
    }

    /// Who signed.
    #[must_use]
    pub const fn signers(&self) -> ReplicaSet {
        self.signers
    }

    /// Each signer with its signature.
    pub fn signatures(&self) -> impl Iterator<Item = (ReplicaId, Signature)> + '_ {
        self.signers.iter().zip(self.signatures.iter().copied())
    }

    /// Lists the signatures on `digest`.
    ///
    /// # Errors
    /// CRY-3: [`Rejected`] unless at least `needed` distinct members of the group signed.
    pub fn checks(
        &self,
        digest: Digest,
        (group, needed): (&GroupConfiguration, usize),
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        if !self.signers.is_within(group.resilience) {
            return Err(Rejected::ExcessBits);
        }
        if self.signatures.len() != self.signers.len() {
            return Err(Rejected::SignatureCount);
        }
        if self.signers.len() < needed {
            return Err(Rejected::ShortCertificate { got: self.signers.len(), needed });
        }
        assert!(self.signatures().count() >= needed, "CRY-3: one signature per distinct member");
        for (replica, signature) in self.signatures() {
            let member = group.member(replica).ok_or(Rejected::UnknownSigner)?;
            checks.push(SignatureCheck { key: member.key, digest, signature });
        }
        Ok(())
    }
}

impl Encode for Certificate {
    fn encode(&self, writer: &mut Writer) {
        self.signers.encode(writer);
        writer.sequence(&self.signatures);
    }
}

impl Decode for Certificate {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let signers = ReplicaSet::decode(reader)?;
        let signatures = reader.sequence(SIGNATURES)?;
        Ok(Self { signers, signatures })
    }
}

#[cfg(test)]
mod tests;
