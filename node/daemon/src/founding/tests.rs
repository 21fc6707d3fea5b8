//! What a founding leaves in files, from the keys to the kit of a client; every wrong one is named.
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use quorate_client::cluster_file::ClusterFile;
use quorate_client::explanation::Kind;
use quorate_membership::header::ConfigurationHeader;
use quorate_membership::{
    CertifiedConfiguration, CheckedGenesis, Lineage, Schemes, VerifiedConfiguration,
};
use quorate_store::directory::Expectation;
use quorate_threshold::{Bls12381, GroupKey, Seed};
use quorate_types::UnixTime;

use super::ceremony::{
    ClientRequest, NewGenesis, ServerRequest, SystemRequest, new_authority, new_client,
    new_cluster_file, new_genesis, new_server,
};
use super::pinned::{FOUNDING, pin};
use super::{Founder, FoundingError, GenesisFault, GenesisFile, Loaded, NodeIdentity};
use crate::configuration::NodeConfiguration;

mod ceremony;
mod excess;
mod files;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A directory of its own, removed at the end.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("quorate-founding-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

pub(super) fn request(number: u16) -> ServerRequest {
    ServerRequest {
        listen: format!("127.0.0.1:{}", 4700 + number).parse().unwrap(),
        address: format!("127.0.0.1:{}", 4700 + number),
        probe_port: 4700 + number,
        metrics: format!("127.0.0.1:{}", 9700 + number).parse().unwrap(),
        failure_domain: format!("rack {number}"),
        joins: None,
    }
}

/// Five servers with f = 1 everywhere, which have a genesis.
pub(super) struct World {
    pub(super) scratch: Scratch,
    pub(super) system: NewGenesis,
}

impl World {
    pub(super) fn new() -> Self {
        let scratch = Scratch::new();
        let authority = new_authority(&scratch.join("authority")).unwrap();
        let mut admissions = Vec::new();
        for number in 0..5 {
            let directory = scratch.join(&format!("node-{number}"));
            admissions.push(new_server(&directory, &request(number)).unwrap().admission_file);
        }
        let request = SystemRequest { authority_key: authority.key, f: 1, f_ms: 1, admissions };
        let system = new_genesis(&scratch.join("founding"), &request).unwrap();
        Self { scratch, system }
    }

    pub(super) fn authority(&self) -> PathBuf {
        self.scratch.join("authority/authority.key")
    }

    pub(super) fn node(&self, number: u16) -> PathBuf {
        self.scratch.join(&format!("node-{number}"))
    }

    pub(super) fn genesis(&self) -> CheckedGenesis {
        GenesisFile::read(&self.system.genesis_file).unwrap()
    }

    /// Carries the genesis to a server.
    pub(super) fn install(&self, number: u16) -> NodeConfiguration {
        let node = self.node(number);
        std::fs::copy(&self.system.genesis_file, node.join("genesis")).unwrap();
        NodeConfiguration::read(&node.join("node.toml")).unwrap()
    }

    /// The same for a server that has lived through the founding.
    pub(super) fn install_founded(&self, number: u16) -> NodeConfiguration {
        let settings = self.install(number);
        pin(&settings.keys.join(FOUNDING), &first(&self.genesis())).unwrap();
        settings
    }

    /// The file that clients get once the system has a key.
    pub(super) fn cluster_file(&self) -> PathBuf {
        let path = self.scratch.join("cluster.toml");
        if !path.exists() {
            new_cluster_file(&path, &first(&self.genesis()), None).unwrap();
        }
        path
    }
}

/// The configuration of epoch 1 that the servers of a genesis could have made, under a key of which
/// the test has all shares.
#[expect(clippy::disallowed_methods, reason = "a test may have all shares of a key")]
pub(super) fn first(genesis: &CheckedGenesis) -> VerifiedConfiguration {
    let shared = genesis.found(&Seed::new([9; 32]), &Bls12381).unwrap();
    let group = GroupKey::new(shared.commitment).unwrap();
    let (genesis, old) = (genesis.unsigned(), shared.configuration.certified.header.lineage);
    let mut configuration = genesis.configuration().clone();
    configuration.epoch = configuration.epoch.next();
    configuration.ring_epoch = configuration.epoch;
    let lineage = Lineage { previous: genesis.header().hash(), ..old };
    let header = ConfigurationHeader::of(&configuration, lineage);
    let shares = shared.shares.iter();
    let partials: Vec<_> = shares.map(|(_, share)| header.sign_partial(share, &Bls12381)).collect();
    let (certified, _) = header.certify(&group, &partials, &Bls12381).unwrap();
    let certified = CertifiedConfiguration { certified, members: configuration.members };
    certified.verify(&shared.system_key, &Schemes::real()).unwrap()
}

pub(super) fn founder(settings: &NodeConfiguration) -> Result<Founder, FoundingError> {
    match Loaded::load(settings)? {
        Loaded::Founding(founder) => Ok(*founder),
        Loaded::Founded(identity) => panic!("it has a key: {identity:?}"),
    }
}

pub(super) fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

pub(super) fn code(error: &FoundingError) -> &'static str {
    error.explain().code
}

#[test]
fn keys_made_on_each_server_become_a_genesis_in_which_each_finds_its_place() {
    let world = World::new();
    let genesis = world.genesis().unsigned();
    let mut in_group = 0;
    for number in 0..5 {
        let settings = world.install(number);
        let founder = founder(&settings).unwrap();
        let own = genesis.configuration().member(founder.id).unwrap();
        assert_eq!(own.address, request(number).address);
        assert_eq!(founder.genesis.configuration().system, world.system.system);
        in_group += usize::from(genesis.configuration().membership_group.contains(&founder.id));
        for key in ["identity-2.key", "epoch-0.key", "epoch-1.key", "decryption-1.key"] {
            assert_eq!(mode(&world.node(number).join("keys").join(key)), 0o600, "{key}");
        }
    }
    assert_eq!(in_group, 4, "3f+1 servers make the key");
    assert_eq!(mode(&world.authority()), 0o600);
}

#[test]
fn a_server_that_has_founded_is_one_of_a_system_with_a_key() {
    let world = World::new();
    let first = first(&world.genesis());
    for number in 0..5 {
        let settings = world.install(number);
        let before = NodeIdentity::load(&settings).map(|_| ()).unwrap_err();
        assert_eq!(code(&before), "not-founded");
        let founder = founder(&settings).unwrap();
        assert_eq!(founder.expectation(), Expectation::Fresh);
        founder.mark_begun().unwrap();
        assert_eq!(founder.expectation(), Expectation::Existing);
        let identity = founder.pin(&settings, &first).unwrap();
        assert!(identity.is_newborn);
        drop(identity);

        let identity = NodeIdentity::load(&settings).unwrap();
        assert_eq!(identity.record().address, request(number).address);
        let founding = &identity.founding;
        assert_eq!(founding.system_key(), *first.header().system_key());
        assert_eq!(founding.genesis(), Some(&world.genesis().unsigned()));
        assert_eq!((founding.storage().f(), founding.membership().f()), (1, 1));
        assert_eq!(identity.expectation(), Expectation::Existing, "it has spoken before");
    }
}

#[test]
fn an_identity_remembers_that_it_has_served() {
    let world = World::new();
    let configuration = world.install_founded(0);
    let node = NodeIdentity::load(&configuration).unwrap();
    assert_eq!(node.expectation(), Expectation::Fresh);
    node.mark_served().unwrap();
    node.mark_served().unwrap();
    let error = NodeIdentity::load(&configuration).map(|_| ()).unwrap_err().explain();
    assert_eq!((error.kind, error.code), (Kind::InUse, "keys-in-use"));
    drop(node);
    let again = NodeIdentity::load(&configuration).unwrap();
    assert_eq!(again.expectation(), Expectation::Existing);
}

#[test]
fn a_client_gets_a_kit_that_it_can_prove_itself_with() {
    let world = World::new();
    let request = ClientRequest {
        authority_key: world.authority(),
        cluster_file: world.cluster_file(),
        name: String::from("archive"),
        expires: UnixTime::from_micros(1_000_000),
    };
    let client = new_client(&world.scratch.join("client"), &request).unwrap();
    assert_eq!(mode(&client.files.key), 0o600);
    let cluster = ClusterFile::read(&client.cluster_file).unwrap();
    assert_eq!(cluster.servers.len(), 5);
    let identity = cluster.client_identity().unwrap();
    assert_eq!(identity.certificate.grant.client, client.id);
    assert_eq!(identity.certificate.grant.name, "archive");

    let other = new_client(&world.scratch.join("other"), &request).unwrap();
    let mixed = ClusterFile {
        client: Some(quorate_client::cluster_file::ClientFiles {
            key: client.files.key,
            certificate: other.files.certificate,
        }),
        ..cluster
    };
    let error = mixed.client_identity().unwrap_err();
    assert_eq!((error.kind, error.code), (Kind::Unauthorised, "client-certificate"));
    assert!(error.what.contains("another key"), "{error}");
}

#[test]
fn a_key_that_is_pinned_in_node_toml_is_the_key_of_the_system() {
    let world = World::new();
    let mut settings = world.install_founded(0);
    settings.system_key = Some(*first(&world.genesis()).header().system_key());
    assert!(NodeIdentity::load(&settings).is_ok());
    settings.system_key = Some(*first(&World::new().genesis()).header().system_key());
    let error = NodeIdentity::load(&settings).map(|_| ()).unwrap_err();
    assert!(matches!(
        error,
        FoundingError::Genesis { fault: GenesisFault::OtherSystem { .. }, .. }
    ));
}
