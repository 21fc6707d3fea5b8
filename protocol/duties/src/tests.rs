//! Duties follow from the configuration.

use std::sync::Arc;
use std::vec::Vec;

use quorate_crypto::Signer;
use quorate_crypto::ideal::{IdealRegistry, IdealSigner};
use quorate_kes::IdealTree;
use quorate_membership::{
    Genesis, Identity, NodeAdmission, Schemes, ServerDescription, VerifiedConfiguration,
};
use quorate_threshold::{Bls12381, Seed};
use quorate_types::{Digest, Epoch, FailureDomain, Resilience, SoftwareVersion, UnixTime};

use super::Duties;

pub(crate) fn registry() -> IdealRegistry {
    IdealRegistry::new([7; 32])
}

fn signer(role: u8, server: u8) -> IdealSigner {
    registry().signer(&[role ^ server.rotate_left(3); 32])
}

pub(crate) fn configuration(server_count: u8) -> VerifiedConfiguration {
    let admission = |server: u8| {
        let description = ServerDescription {
            address: std::format!("server-{server}.example:4700"),
            probe_port: 4701,
            failure_domain: FailureDomain(std::string::String::from("rack")),
            version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
        };
        let seed = quorate_kes::Seed::new([server; 32]);
        let tree = IdealTree(registry());
        let identity = Identity::generate_short(tree, seed, (Epoch::ZERO, 1));
        NodeAdmission::founding(description, &identity, signer(b'e', server).public_key())
    };
    let mut admissions: Vec<_> = (0..server_count).map(admission).collect();
    admissions.sort_by_key(NodeAdmission::identity_key);
    let genesis = Genesis {
        authority_key: signer(b'a', 0).public_key(),
        storage: Resilience::new(1).unwrap(),
        membership: Resilience::new(1).unwrap(),
        created: UnixTime::from_micros(1_000_000),
        randomness: Digest::new([5; 32]),
        admissions,
    };
    let genesis = genesis.check(&registry()).unwrap();
    let founding = genesis.found(&Seed::new([9; 32]), &Bls12381).unwrap();
    let schemes = Schemes { threshold: Arc::new(Bls12381), signatures: Arc::new(registry()) };
    founding.configuration.verify(&founding.system_key, &schemes).unwrap()
}

#[test]
fn each_group_has_each_of_its_replicas_on_one_server() {
    let configuration = configuration(7);
    let servers = &configuration.configuration().members;
    let duties: Vec<_> =
        servers.iter().map(|server| Duties::of(&configuration, server.id).unwrap()).collect();
    let mut membership: Vec<_> =
        duties.iter().filter_map(|duties| duties.membership().map(|seat| seat.me.get())).collect();
    let mut key_value: Vec<_> =
        duties.iter().filter_map(|duties| duties.key_value().map(|seat| seat.me.get())).collect();
    membership.sort_unstable();
    key_value.sort_unstable();
    assert_eq!(membership, [0, 1, 2, 3]);
    assert_eq!(key_value, [0, 1, 2, 3]);
}

#[test]
fn who_vouches_is_in_the_membership_group() {
    let configuration = configuration(7);
    for server in &configuration.configuration().members {
        let duties = Duties::of(&configuration, server.id).unwrap();
        let is_member = configuration.group_member(server.id).is_some();
        assert_eq!(duties.membership().is_some(), is_member);
    }
}
