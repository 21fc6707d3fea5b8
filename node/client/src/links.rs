//! Servers on links: which have some, what one shows there of itself, and how the others are told.
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
use quorate_types::{Configuration, IdentityKey, MemberRecord, MemberStatus, PublicKey, SystemId};
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

/// The servers of a system with which a process has links: all, or of more than [`PEERS_MAX`] the
/// membership group first, then those that hold objects, then others, each with those first that
/// have duties. It is the same for all, so whoever is not among them reaches nobody. A system that
/// has grown so far keeps its epochs and its objects, its clients reach them, and a server of it
/// can start again.
#[must_use]
pub fn linked(configuration: &Configuration) -> Vec<&Arc<MemberRecord>> {
    let group = &configuration.membership_group;
    let rank = |member: &&Arc<MemberRecord>| {
        let has_duties = member.status == MemberStatus::Active;
        (!group.contains(&member.id), !member.is_on_ring, !has_duties)
    };
    let mut members: Vec<_> = configuration.members.iter().collect();
    if members.len() > PEERS_MAX {
        members.sort_by_key(rank);
        members.truncate(PEERS_MAX);
    }
    members
}

/// How many servers of a system are past the links: they are neither called nor answered.
#[must_use]
pub const fn past_links(configuration: &Configuration) -> usize {
    configuration.members.len().saturating_sub(PEERS_MAX)
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
    /// For whoever has the key of the system, asks for a configuration and has none yet.
    #[must_use]
    pub fn newcomer(system: SystemId) -> Arc<Self> {
        Self::by(Recognition::Newcomer(system))
    }

    /// For whoever asks those of the genesis of a system which key that has.
    #[must_use]
    pub fn keyless(system: SystemId) -> Arc<Self> {
        Self::by(Recognition::Keyless(system))
    }

    /// For whoever has this configuration.
    #[must_use]
    pub fn member(configuration: impl Into<EpochConfiguration>) -> Arc<Self> {
        Self::by(Recognition::member(configuration))
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
    //! Production's schemes and the transport's names of what is wrong; who has links.
    use quorate_crypto::{Signer, real::RealSigner};
    use quorate_kes::Blake3Tree;
    use quorate_membership::{EpochKeyCertificate, EpochKeyStatement, Identity, IdentitySigner};
    use quorate_net::{LinkKey, Recognise, Seed, Unrecognised, link_key_of_seed};
    use quorate_types::{Configuration, Epoch, MemberRecord, MemberStatus, NodeId, SystemId};

    use super::{PEERS_MAX, Recogniser, linked, past_links, peer_of};
    use crate::testing::{id, member, system};

    const MORE: usize = 6;
    /// The numbers of the members of a group; the last of them would be behind the last link.
    const GROUP: [u32; 4] = [7, 100, 900, 1_027];
    /// Of two that hold objects one is silent, and one was removed.
    const WITHOUT_DUTIES: [(u32, MemberStatus); 2] =
        [(10, MemberStatus::Inactive), (11, MemberStatus::Removed)];

    /// As many servers as there are links for, and a few more; the last of the group and two others
    /// hold no objects.
    fn grown() -> Configuration {
        let count = u32::try_from(PEERS_MAX + MORE).unwrap();
        let status = |number| WITHOUT_DUTIES.iter().find(|(it, _)| *it == number);
        let members = (0..count).map(|number| MemberRecord {
            status: status(number).map_or(MemberStatus::Active, |(_, status)| *status),
            is_on_ring: ![2, 5, GROUP[3]].contains(&number),
            ..member(number)
        });
        let membership_group = GROUP.map(id).to_vec();
        Configuration { membership_group, ..system(members, (1, 1)) }
    }

    #[test]
    fn of_more_servers_than_links_the_group_and_who_holds_objects_come_first() {
        let mut configuration = grown();
        let some = linked(&configuration);
        assert_eq!(some.len(), PEERS_MAX);
        let has = |id: &NodeId| some.iter().any(|member| member.id == *id);
        assert!(configuration.membership_group.iter().all(has));
        let left_out = configuration.members.iter().map(|it| it.id).filter(|id| !has(id));
        let without = [2, 5, 10, 11, 1_028, 1_029].map(id);
        assert!(left_out.eq(without), "who holds nothing, who has no duties, and then the last");
        assert_eq!(past_links(&configuration), MORE);

        configuration.members.truncate(PEERS_MAX);
        let all = configuration.members.iter().map(|member| member.id);
        assert!(linked(&configuration).into_iter().map(|it| it.id).eq(all), "all, in their order");
        assert_eq!(past_links(&configuration), 0);
    }

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
