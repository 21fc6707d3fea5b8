//! What the trusted authority says about clients.
//!
//! A client is an Ed25519 key with a certificate of the authority. The signature is checked with
//! the message that carries the certificate; whether it has run out is decided where time is
//! agreed: at execution by the time of the slot, in the DHT by each server's own clock.

use alloc::string::String;
use alloc::vec::Vec;

use quorate_types::{ClientId, PublicKey, Signature, SystemId, UnixTime};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::hash::{Domain, hash_of};
use crate::signature::{SignatureCheck, Signer};

/// Longest name of a client, in bytes.
pub const CLIENT_NAME_BYTES_MAX: usize = 63;

const NAME: Limit = Limit::new("client name bytes", CLIENT_NAME_BYTES_MAX);

/// What a certificate says of a client.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ClientGrant {
    /// The system in which it holds.
    pub system: SystemId,
    /// The client.
    pub client: ClientId,
    /// What people call the client; up to 63 bytes of UTF-8.
    pub name: String,
    /// First moment at which it does not hold any more.
    pub expires: UnixTime,
}

/// The authority's signature on a grant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ClientCertificate {
    /// What is said.
    pub grant: ClientGrant,
    /// The authority's signature.
    pub signature: Signature,
}

impl ClientCertificate {
    /// Signs a grant with the authority's key.
    #[must_use]
    pub fn issue(grant: ClientGrant, authority: &dyn Signer) -> Self {
        let signature = authority.sign(&hash_of(Domain::ClientCertificate, &grant));
        Self { grant, signature }
    }

    /// The check of the authority's signature.
    #[must_use]
    pub fn check(&self, authority_key: PublicKey) -> SignatureCheck {
        let digest = hash_of(Domain::ClientCertificate, &self.grant);
        SignatureCheck { key: authority_key, digest, signature: self.signature }
    }

    /// Does it hold at this time?
    #[must_use]
    pub fn holds_at(&self, time: UnixTime) -> bool {
        time < self.grant.expires
    }
}

impl Encode for ClientGrant {
    fn encode(&self, writer: &mut Writer) {
        self.system.encode(writer);
        self.client.encode(writer);
        writer.bytes(self.name.as_bytes());
        self.expires.encode(writer);
    }
}

impl Decode for ClientGrant {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            system: Decode::decode(reader)?,
            client: Decode::decode(reader)?,
            name: name(reader)?,
            expires: Decode::decode(reader)?,
        })
    }
}

fn name(reader: &mut Reader<'_>) -> Result<String, DecodeError> {
    let bytes: Vec<u8> = reader.bytes(NAME)?;
    String::from_utf8(bytes).or(Err(DecodeError::NotCanonical { of: "client name" }))
}

quorate_wire::fields!(ClientCertificate { grant, signature });

#[cfg(test)]
mod tests {
    //! A certificate is the authority's word about one client, until it runs out.
    use alloc::string::String;

    use quorate_types::{ClientId, SystemId, UnixTime};
    use quorate_wire::{decode, encode};

    use super::{ClientCertificate, ClientGrant};
    use crate::ideal::IdealRegistry;
    use crate::signature::{Signer, Verifier};

    #[test]
    fn a_certificate_is_the_authoritys_word_until_it_runs_out() {
        let registry = IdealRegistry::new([1; 32]);
        let authority = registry.signer(&[2; 32]);
        let grant = ClientGrant {
            system: SystemId::new([3; 32]),
            client: ClientId::new([4; 32]),
            name: String::from("archive"),
            expires: UnixTime::from_micros(100),
        };
        let certificate = ClientCertificate::issue(grant, &authority);
        assert!(registry.is_valid(&certificate.check(authority.public_key())));
        assert!(certificate.holds_at(UnixTime::from_micros(99)));
        assert!(!certificate.holds_at(UnixTime::from_micros(100)));
        assert_eq!(decode::<ClientCertificate>(&encode(&certificate)), Ok(certificate.clone()));
        let mut forged = certificate;
        forged.grant.expires = UnixTime::from_micros(1_000);
        assert!(!registry.is_valid(&forged.check(authority.public_key())));
    }
}
