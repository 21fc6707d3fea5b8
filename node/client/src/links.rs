//! Servers on links: what one shows there of itself, and how the others are told.
//!
//! The transport knows no message; this gives it the certificates of epoch keys as bytes, and the
//! rule of the membership crate to judge them by.

use std::sync::Arc;

use quorate_crypto::Verifier;
use quorate_crypto::real::RealVerifier;
use quorate_membership::limits::ADMISSIONS_MAX;
use quorate_membership::recognition::Unrecognised;
use quorate_membership::{EpochConfiguration, EpochKeyCertificate, Recognition};
use quorate_net::limits::{PEERS_MAX, PROOF_BYTES_MAX};
use quorate_net::{Credential, LinkKey, PeerKey, Recognise, Seed};
use quorate_types::{IdentityKey, PublicKey, SystemId};
use zeroize::Zeroizing;

const _: () = {
    assert!(EpochKeyCertificate::BYTES_MAX <= PROOF_BYTES_MAX, "a hello carries any certificate");
    assert!(ADMISSIONS_MAX <= PEERS_MAX, "whoever founds a system can be connected to");
};

/// The peer that a server is on links.
#[must_use]
pub const fn peer_of(identity_key: &IdentityKey) -> PeerKey {
    PeerKey::new(*identity_key.as_bytes())
}

/// What a server proves itself with in an epoch: its key, and the certificate that it keeps.
#[must_use]
pub fn credential(
    certificate: &EpochKeyCertificate,
    epoch_seed: &Zeroizing<[u8; 32]>,
) -> Credential {
    Credential { seed: Seed::new(**epoch_seed), proof: quorate_wire::encode(certificate) }
}

/// Tells servers by the certificates of their epoch keys.
#[derive(Debug)]
pub struct Recogniser {
    recognition: Recognition,
    verifier: Arc<dyn Verifier>,
}

impl Recogniser {
    /// For whoever asks for a configuration and has none yet.
    #[must_use]
    pub fn newcomer(system: SystemId) -> Arc<Self> {
        Self::by(Recognition::Newcomer(system))
    }

    /// For whoever has this configuration.
    #[must_use]
    pub fn member(configuration: impl Into<EpochConfiguration>) -> Arc<Self> {
        Self::by(Recognition::Member(configuration.into()))
    }

    fn by(recognition: Recognition) -> Arc<Self> {
        Arc::new(Self { recognition, verifier: Arc::new(RealVerifier) })
    }
}

impl Recognise for Recogniser {
    fn recognise(&self, key: LinkKey, proof: &[u8]) -> Result<PeerKey, quorate_net::Unrecognised> {
        let proved = PublicKey::new(*key.as_bytes());
        let identity = self.recognition.recognise(proved, proof, &*self.verifier);
        identity.map(|identity| peer_of(&identity)).map_err(to_net)
    }
}

const fn to_net(why: Unrecognised) -> quorate_net::Unrecognised {
    match why {
        Unrecognised::Malformed => quorate_net::Unrecognised::Malformed,
        Unrecognised::OtherKey => quorate_net::Unrecognised::OtherKey,
        Unrecognised::OtherSystem => quorate_net::Unrecognised::OtherSystem,
        Unrecognised::OtherEpoch => quorate_net::Unrecognised::OtherEpoch,
        Unrecognised::SecondKey => quorate_net::Unrecognised::SecondKey,
        Unrecognised::Forged => quorate_net::Unrecognised::Forged,
    }
}

#[cfg(test)]
mod tests {
    //! Production's schemes and the transport's names of what is wrong.
    use quorate_crypto::{Signer, real::RealSigner};
    use quorate_kes::Blake3Tree;
    use quorate_membership::{EpochKeyCertificate, EpochKeyStatement, Identity, IdentitySigner};
    use quorate_net::{LinkKey, Recognise, Seed, Unrecognised, link_key_of_seed};
    use quorate_types::{Epoch, SystemId};

    use super::{Recogniser, peer_of};

    #[test]
    fn a_server_is_told_by_the_certificate_of_the_very_key_that_tls_proves() {
        let [identity, other] = [1, 4].map(|byte| {
            let seed = quorate_kes::Seed::new([byte; 32]);
            Identity::generate_short(Blake3Tree, seed, (Epoch::ZERO, 1))
        });
        let epoch = RealSigner::from_seed(&[2; 32]);
        let statement = EpochKeyStatement::founding(identity.identity_key(), epoch.public_key());
        let proof = quorate_wire::encode(&EpochKeyCertificate::issue(statement, &identity));
        let recogniser = Recogniser::newcomer(SystemId::new([3; 32]));
        let of_link = link_key_of_seed(&Seed::new([2; 32]));
        let server = peer_of(&identity.identity_key());
        assert_eq!(recogniser.recognise(of_link, &proof), Ok(server));
        let of_identity = LinkKey::new(*identity.identity_key().as_bytes());
        let refused = recogniser.recognise(of_identity, &proof);
        assert_eq!(refused, Err(Unrecognised::OtherKey), "the identity key is no link's key");
        let forged = quorate_wire::encode(&EpochKeyCertificate::issue(statement, &other));
        assert_eq!(recogniser.recognise(of_link, &forged), Err(Unrecognised::Forged));
        assert_eq!(recogniser.recognise(of_link, &[]), Err(Unrecognised::Malformed));
    }
}
