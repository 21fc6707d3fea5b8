//! A system that was founded elsewhere and is too much for this release is refused by name.
use quorate_bft::limits::GROUP_F_MAX;
use quorate_crypto::Signer;
use quorate_crypto::real::RealSigner;
use quorate_kes::Blake3Tree;
use quorate_membership::{Genesis, Identity, NodeAdmission, ServerDescription};
use quorate_types::{Digest, Epoch, FailureDomain, Resilience, SoftwareVersion, UnixTime};

use super::{Scratch, founder};
use crate::configuration::{NodeConfiguration, NodeTemplate};
use crate::founding::GenesisFile;
use crate::keys::{ServerIdentity, ServerKeys};

const SERVERS: u16 = 3 * (GROUP_F_MAX + 1) + 1;

fn seed(role: u8, number: u16) -> [u8; 32] {
    let mut seed = [role; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    seed
}

/// Made short: there are many.
fn identity(number: u16) -> ServerIdentity {
    let seed = quorate_kes::Seed::new(seed(b'i', number));
    Identity::generate_short(Blake3Tree, seed, (Epoch::ZERO, 1))
}

fn admission(number: u16) -> NodeAdmission {
    let server = ServerDescription {
        address: format!("server-{number}.example:4700"),
        probe_port: 4701,
        failure_domain: FailureDomain(String::from("rack")),
        version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
    };
    let epoch_key = RealSigner::from_seed(&seed(b'e', number)).public_key();
    NodeAdmission::founding(server, &identity(number), epoch_key)
}

/// What another tool than `quorate init` may make: every signature in it is good.
fn made_elsewhere(storage: u16, membership: u16) -> Genesis {
    let mut admissions: Vec<_> = (0..SERVERS).map(admission).collect();
    admissions.sort_by_key(NodeAdmission::identity_key);
    Genesis {
        authority_key: RealSigner::from_seed(&[9; 32]).public_key(),
        storage: Resilience::new(storage).unwrap(),
        membership: Resilience::new(membership).unwrap(),
        created: UnixTime::from_micros(1_000_000),
        randomness: Digest::new([5; 32]),
        admissions,
    }
}

/// The files of server 0.
fn install(scratch: &Scratch, genesis: &Genesis) -> NodeConfiguration {
    ServerKeys::create_directory(&scratch.join("keys"), &identity(0)).unwrap();
    GenesisFile::write(&scratch.join("genesis"), genesis).unwrap();
    let (listen, metrics) = ("127.0.0.1:4700".parse().unwrap(), "127.0.0.1:9700".parse().unwrap());
    let template = NodeTemplate { listen, metrics, system_key: None, joins: None };
    std::fs::write(scratch.join("node.toml"), template.to_text()).unwrap();
    NodeConfiguration::read(&scratch.join("node.toml")).unwrap()
}

#[test]
fn a_genesis_whose_groups_are_too_large_keeps_a_server_from_starting_and_says_why() {
    let (most, more) = (GROUP_F_MAX, GROUP_F_MAX + 1);
    for (storage, membership, group) in
        [(more, 1, "storage groups"), (most, more, "the membership group")]
    {
        let scratch = Scratch::new();
        let configuration = install(&scratch, &made_elsewhere(storage, membership));
        let error = founder(&configuration).map(|_| ()).unwrap_err().explain();
        assert_eq!(error.code, "system-too-large", "{error}");
        assert_eq!(error.place, scratch.join("genesis").display().to_string());
        assert_eq!(
            error.what,
            format!(
                "{group} of the system would tolerate {more} bad servers, this release serves at \
                 most {most}"
            )
        );
        assert!(error.remedy.starts_with("found a system with a smaller f"), "{error}");
    }
}
