//! What a server prints about itself, and the authority takes: `quorate node new`.
//!
//! Nothing in it is secret, and it can be carried by any means: the server signs all of it with
//! its identity key, so nobody can claim the key of another, or change an address on the way.

use alloc::string::String;
use core::fmt;

use quorate_crypto::{Domain, IdentitySigner, Verifier, hash, identity_check};
use quorate_types::limits::{ADDRESS_BYTES_MAX, FAILURE_DOMAIN_BYTES_MAX};
use quorate_types::{
    Digest, FailureDomain, IdentityKey, IdentitySignature, PublicKey, Signature, SoftwareVersion,
};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::codec::{FORMAT, read_format, read_text};
use crate::epoch_key::{EpochKeyCertificate, EpochKeyStatement};

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
    /// The identity key did not sign the whole.
    Possession,
}

impl fmt::Display for AdmissionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "the address is not a host and a port",
            Self::FailureDomain => "the failure domain is too long",
            Self::EpochKey => "the identity key did not sign the key of the epoch",
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
    /// The key that stays.
    pub identity_key: IdentityKey,
    /// Where it is and what it runs.
    pub server: ServerDescription,
    /// The key that it signs with in epoch 0, if it founds a system.
    pub epoch_key: PublicKey,
    /// The identity key's signature on the epoch key.
    pub epoch_key_certificate: IdentitySignature,
    /// The identity key's signature on all of the above.
    pub possession: IdentitySignature,
}

impl NodeAdmission {
    /// What a server with these keys prints.
    #[must_use]
    pub fn new(
        server: ServerDescription,
        identity: &(impl IdentitySigner + ?Sized),
        epoch_key: PublicKey,
    ) -> Self {
        let identity_key = identity.identity_key();
        let statement = EpochKeyStatement::founding(identity_key, epoch_key);
        let epoch_key_certificate = statement.sign(identity);
        let possession = IdentitySignature::Plain(Signature::new([0; Signature::BYTES]));
        let unsigned = Self { identity_key, server, epoch_key, epoch_key_certificate, possession };
        let possession = identity.sign_as_identity(&unsigned.digest());
        Self { possession, ..unsigned }
    }

    /// Checks both signatures and the texts.
    ///
    /// # Errors
    /// [`AdmissionError`] says what is wrong.
    pub fn check(&self, verifier: &dyn Verifier) -> Result<(), AdmissionError> {
        self.server.check()?;
        let statement = EpochKeyStatement::founding(self.identity_key, self.epoch_key);
        if !verifier.is_valid(&statement.check(self.epoch_key_certificate)) {
            return Err(AdmissionError::EpochKey);
        }
        let possession = identity_check(self.identity_key, self.digest(), self.possession);
        if !verifier.is_valid(&possession) {
            return Err(AdmissionError::Possession);
        }
        Ok(())
    }

    /// What the server shows on its links while it signs with this key of the epoch.
    #[must_use]
    pub const fn certificate(&self) -> EpochKeyCertificate {
        EpochKeyCertificate {
            statement: EpochKeyStatement::founding(self.identity_key, self.epoch_key),
            signature: self.epoch_key_certificate,
        }
    }

    /// What the proof of possession signs: everything but itself.
    fn digest(&self) -> Digest {
        let mut writer = Writer::with_capacity(512);
        self.encode_unsigned(&mut writer);
        hash(Domain::PossessionProof, writer.as_bytes())
    }

    fn encode_unsigned(&self, writer: &mut Writer) {
        writer.tag(FORMAT);
        self.identity_key.encode(writer);
        self.server.encode(writer);
        self.epoch_key.encode(writer);
        self.epoch_key_certificate.encode(writer);
    }
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
        self.encode_unsigned(writer);
        self.possession.encode(writer);
    }
}

impl Decode for NodeAdmission {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_format(reader, "NodeAdmission")?;
        Ok(Self {
            identity_key: Decode::decode(reader)?,
            server: Decode::decode(reader)?,
            epoch_key: Decode::decode(reader)?,
            epoch_key_certificate: Decode::decode(reader)?,
            possession: Decode::decode(reader)?,
        })
    }
}

#[cfg(test)]
mod tests;
