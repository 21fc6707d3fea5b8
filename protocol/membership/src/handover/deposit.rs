//! What a server deposits during an epoch, to be drawn for the group of the next one: its keys.
//!
//! Settled points 14 and 31; specification of the cryptography, pitfall 1: the encryption key is
//! made for one epoch and erased with it. A group is drawn only among servers whose keys stand in
//! the log, so nobody waits for the key of a server that is down. A deposit may name the root that
//! is to take the place of the identity's, which then shows that the server holds it (MEM-18).

use alloc::vec;
use core::fmt;

use quorate_crypto::{Domain, SignatureCheck, Signer, hash_of};
use quorate_threshold::{
    DecryptionKey, PUBLIC_KEY_BYTES, Rejected, Signature as ThresholdSignature,
};
use quorate_types::{Digest, Epoch, IdentityKey, IdentityRoot, PublicKey, Signature, SystemId};
use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};

use crate::codec::{read_signature, write_signature};
use crate::epoch_key::EpochKeyCertificate;
use crate::later_root::RootProof;
use crate::schemes::Schemes;

/// An encryption key as it travels: a point of G1, unchecked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EncryptionKeyBytes(pub [u8; PUBLIC_KEY_BYTES]);

/// A server's keys of the next epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deposit {
    /// The identity's word on the key that will sign.
    pub certificate: EpochKeyCertificate,
    /// What dealers will seal subshares with.
    pub encryption_key: EncryptionKeyBytes,
    /// Shows that the server can decrypt (THR-12).
    pub possession: ThresholdSignature,
    /// The next key's signature on the encryption key.
    pub signature: Signature,
    /// Shows that the server holds the root that its certificate names, if it names one.
    pub root_proof: Option<RootProof>,
}

/// Why a deposit is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DepositRefused {
    /// It is for another system.
    OtherSystem,
    /// It is not for the next epoch.
    OtherEpoch,
    /// The identity did not certify the key, or the key did not sign the encryption key.
    BadSignature,
    /// Nothing shows that the server can decrypt.
    Possession(Rejected),
    /// A root is named that is no other, or nothing shows that the server holds it; or the other
    /// way round.
    Successor,
}

impl fmt::Display for DepositRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherSystem => f.write_str("the deposit is for another system"),
            Self::OtherEpoch => f.write_str("the deposit is not for the next epoch"),
            Self::BadSignature => f.write_str("a signature of the deposit does not fit"),
            Self::Successor => f.write_str("nothing shows the root that is named"),
            Self::Possession(reason) => write!(f, "no proof of the decryption key: {reason:?}"),
        }
    }
}

impl core::error::Error for DepositRefused {}

impl Deposit {
    /// The deposit of a server whose identity has certified the key of `signer`.
    #[must_use]
    pub fn new(
        certificate: EpochKeyCertificate,
        signer: &dyn Signer,
        decryption_key: &DecryptionKey,
    ) -> Self {
        let key = EncryptionKeyBytes(decryption_key.encryption_key().encode());
        let statement = possession_statement(&certificate);
        let possession = decryption_key.prove_possession(statement.as_bytes());
        let signature = signer.sign(&next_keys(&certificate, key));
        Self { certificate, encryption_key: key, possession, signature, root_proof: None }
    }

    /// The same, where the certificate names another root.
    #[must_use]
    pub fn proving(self, root_proof: Option<RootProof>) -> Self {
        Self { root_proof, ..self }
    }

    /// Whose keys they are.
    #[must_use]
    pub fn identity_key(&self) -> IdentityKey {
        self.certificate.statement.identity_key
    }

    /// The key that will sign.
    #[must_use]
    pub fn epoch_key(&self) -> PublicKey {
        self.certificate.statement.epoch_key
    }

    /// The root that is to take the place of the identity's, if one is.
    #[must_use]
    pub fn successor(&self) -> Option<IdentityRoot> {
        self.certificate.statement.successor
    }

    /// Checks a deposit for the epoch behind `epoch` by an identity that has this root; whether the
    /// server may be drawn is not asked.
    ///
    /// # Errors
    /// [`DepositRefused`], cheap reasons first.
    pub fn check(
        &self,
        (system, epoch): (SystemId, Epoch),
        root: IdentityRoot,
        schemes: &Schemes,
    ) -> Result<(), DepositRefused> {
        let statement = &self.certificate.statement;
        if statement.system != Some(system) {
            return Err(DepositRefused::OtherSystem);
        }
        if statement.epoch != epoch.next() {
            return Err(DepositRefused::OtherEpoch);
        }
        let by_next_key = SignatureCheck {
            key: statement.epoch_key,
            digest: next_keys(&self.certificate, self.encryption_key),
            signature: self.signature,
        };
        // MEM-18: the root that the identity has, which may name another.
        let by_identity = self.certificate.check(root).ok_or(DepositRefused::BadSignature)?;
        let mut checks = vec![by_identity, by_next_key];
        checks.extend(self.check_successor(system, root)?);
        if !schemes.signatures.are_valid(&checks) {
            return Err(DepositRefused::BadSignature);
        }
        let statement = possession_statement(&self.certificate);
        let key = &self.encryption_key.0;
        let scheme = &*schemes.threshold;
        let proved = scheme.decode_proved(key, statement.as_bytes(), &self.possession);
        proved.map(drop).map_err(DepositRefused::Possession)
    }

    /// What is left to check of the proof that the server holds the root that it names.
    fn check_successor(
        &self,
        system: SystemId,
        root: IdentityRoot,
    ) -> Result<Option<SignatureCheck>, DepositRefused> {
        let statement = &self.certificate.statement;
        let (named, proof) = match (statement.successor, &self.root_proof) {
            (None, None) => return Ok(None),
            (Some(named), Some(proof)) if named != root => (named, proof),
            (Some(_), _) | (None, Some(_)) => return Err(DepositRefused::Successor),
        };
        match proof.check((system, statement.identity_key), statement.epoch) {
            Some((shown, check)) if shown == named => Ok(Some(check)),
            Some(_) | None => Err(DepositRefused::Successor),
        }
    }
}

/// Binds the owner and the epoch.
fn possession_statement(certificate: &EpochKeyCertificate) -> Digest {
    hash_of(Domain::DecryptionProof, &certificate.statement)
}

fn next_keys(certificate: &EpochKeyCertificate, key: EncryptionKeyBytes) -> Digest {
    hash_of(Domain::NextKeys, &(certificate.statement, key))
}

impl Encode for EncryptionKeyBytes {
    fn encode(&self, writer: &mut Writer) {
        writer.raw(&self.0);
    }
}

impl Decode for EncryptionKeyBytes {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.array().map(Self)
    }
}

impl Encode for Deposit {
    fn encode(&self, writer: &mut Writer) {
        self.certificate.encode(writer);
        self.encryption_key.encode(writer);
        write_signature(writer, &self.possession);
        self.signature.encode(writer);
        self.root_proof.encode(writer);
    }
}

impl Decode for Deposit {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            certificate: Decode::decode(reader)?,
            encryption_key: Decode::decode(reader)?,
            possession: read_signature(reader)?,
            signature: Decode::decode(reader)?,
            root_proof: Decode::decode(reader)?,
        })
    }
}
