//! What a server prints about itself, and the authority takes: `quorate node new`.
//!
//! Nothing in it is secret, and it can be carried by any means: the server signs all of it with
//! its identity key, so nobody can claim the key of another, or change an address on the way.

use alloc::string::String;
use core::fmt;

use quorate_crypto::{Domain, Verifier, hash};
use quorate_types::limits::{ADDRESS_BYTES_MAX, FAILURE_DOMAIN_BYTES_MAX};
use quorate_types::{Digest, FailureDomain, IdentityKey, PublicKey, SoftwareVersion};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::codec::{FORMAT, read_format, read_text};
use crate::epoch_key::{EpochKeyCertificate, EpochKeyStatement};
use crate::identity::{IdentitySignature, IdentitySigner};

const ADDRESS: Limit = Limit::new("address bytes", ADDRESS_BYTES_MAX);

/// Where a server is and what it runs: what may change while it stays the same server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerDescription {
    /// Host and port of its listener.
    pub address: String,
    /// Port of its datagram probes on the same host.
    pub probe_port: u16,
    /// What it fails together with.
    pub failure_domain: FailureDomain,
    /// What it runs.
    pub version: SoftwareVersion,
}

/// Why a server's own words are not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AdmissionError {
    /// The address is not `host:port` of up to [`ADDRESS_BYTES_MAX`] bytes.
    Address,
    /// The failure domain is longer than [`FAILURE_DOMAIN_BYTES_MAX`] bytes.
    FailureDomain,
    /// The identity key did not sign the key of the epoch.
    EpochKey,
    /// The server was made to join later: a founder certifies the key of epoch 0.
    LaterEpoch,
    /// The identity key did not sign the whole.
    Possession,
}

impl fmt::Display for AdmissionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "the address is not a host and a port",
            Self::FailureDomain => "the failure domain is too long",
            Self::EpochKey => "the identity key did not sign the key of the epoch",
            Self::LaterEpoch => "the server was made for a later epoch, and cannot found a system",
            Self::Possession => "the identity key did not sign the admission: changed on the way?",
        })
    }
}

impl core::error::Error for AdmissionError {}

impl ServerDescription {
    /// Are the texts what they should be?
    ///
    /// # Errors
    /// [`AdmissionError::Address`], [`AdmissionError::FailureDomain`].
    pub fn check(&self) -> Result<(), AdmissionError> {
        let is_address = self.address.len() <= ADDRESS_BYTES_MAX
            && self.address.rsplit_once(':').is_some_and(|(host, port)| {
                !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
            });
        if !is_address {
            return Err(AdmissionError::Address);
        }
        if self.failure_domain.0.len() > FAILURE_DOMAIN_BYTES_MAX {
            return Err(AdmissionError::FailureDomain);
        }
        Ok(())
    }
}

/// A server's own words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeAdmission {
    /// Where it is and what it runs.
    pub server: ServerDescription,
    /// The key that stays, and what it certified for its first epoch: the key of epoch 0, if the
    /// server founds a system.
    pub certificate: EpochKeyCertificate,
    /// The identity key's signature on all of the above, by the same leaf.
    pub possession: IdentitySignature,
}

impl NodeAdmission {
    /// What a server with this identity, in its first epoch, prints.
    #[must_use]
    pub fn new(
        server: ServerDescription,
        certificate: EpochKeyCertificate,
        identity: &dyn IdentitySigner,
    ) -> Self {
        let possession = identity.sign_as_identity(&digest(&server, &certificate));
        Self { server, certificate, possession }
    }

    /// What a founder prints: an identity in epoch 0 certifies its key and signs the whole.
    #[must_use]
    pub fn founding(
        server: ServerDescription,
        identity: &dyn IdentitySigner,
        epoch_key: PublicKey,
    ) -> Self {
        let statement = EpochKeyStatement::founding(identity.identity_key(), epoch_key);
        Self::new(server, EpochKeyCertificate::issue(statement, identity), identity)
    }

    /// The key that stays.
    #[must_use]
    pub const fn identity_key(&self) -> IdentityKey {
        self.certificate.statement.identity_key
    }

    /// The key that it signs with in its first epoch.
    #[must_use]
    pub const fn epoch_key(&self) -> PublicKey {
        self.certificate.statement.epoch_key
    }

    /// Checks both signatures and the texts.
    ///
    /// # Errors
    /// [`AdmissionError`] says what is wrong.
    pub fn check(&self, verifier: &dyn Verifier) -> Result<(), AdmissionError> {
        self.server.check()?;
        let statement = &self.certificate.statement;
        let root = self.identity_key().first_root();
        let is_first = statement.successor.is_none() && statement.is_well_formed();
        if !is_first || !self.certificate.is_valid(root, verifier) {
            return Err(AdmissionError::EpochKey);
        }
        let digest = digest(&self.server, &self.certificate);
        let possession = self.possession.check(root, statement.epoch, digest);
        if !possession.is_some_and(|check| verifier.is_valid(&check)) {
            return Err(AdmissionError::Possession);
        }
        Ok(())
    }
}

/// What the proof of possession signs: everything but itself.
fn digest(server: &ServerDescription, certificate: &EpochKeyCertificate) -> Digest {
    let mut writer = Writer::with_capacity(1024);
    encode_unsigned(server, certificate, &mut writer);
    hash(Domain::PossessionProof, writer.as_bytes())
}

fn encode_unsigned(
    server: &ServerDescription,
    certificate: &EpochKeyCertificate,
    writer: &mut Writer,
) {
    writer.tag(FORMAT);
    server.encode(writer);
    certificate.encode(writer);
}

impl Encode for ServerDescription {
    fn encode(&self, writer: &mut Writer) {
        writer.bytes(self.address.as_bytes());
        self.probe_port.encode(writer);
        self.failure_domain.encode(writer);
        self.version.encode(writer);
    }
}

impl Decode for ServerDescription {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            address: read_text(reader, ADDRESS)?,
            probe_port: Decode::decode(reader)?,
            failure_domain: Decode::decode(reader)?,
            version: Decode::decode(reader)?,
        })
    }
}

impl Encode for NodeAdmission {
    fn encode(&self, writer: &mut Writer) {
        encode_unsigned(&self.server, &self.certificate, writer);
        self.possession.encode(writer);
    }
}

impl Decode for NodeAdmission {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_format(reader, "NodeAdmission")?;
        Ok(Self {
            server: Decode::decode(reader)?,
            certificate: Decode::decode(reader)?,
            possession: Decode::decode(reader)?,
        })
    }
}

#[cfg(test)]
mod tests;
