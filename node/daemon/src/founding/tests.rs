//! A system is founded with files from end to end, and every wrong file is named.
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use quorate_client::cluster_file::ClusterFile;
use quorate_client::explanation::Kind;
use quorate_store::directory::Expectation;
use quorate_types::UnixTime;

use super::ceremony::{
    ClientRequest, FoundedSystem, ServerRequest, SystemRequest, found_system, new_authority,
    new_client, new_server,
};
use super::{FoundingError, FoundingFile, NodeIdentity};
use crate::configuration::{NodeConfiguration, SHARE, system_key_line};

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

/// Four servers with f = 1 everywhere, founded in a directory of their own.
pub(super) struct World {
    pub(super) scratch: Scratch,
    pub(super) system: FoundedSystem,
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
        let system = found_system(&scratch.join("founding"), &request).unwrap();
        Self { scratch, system }
    }

    pub(super) fn authority(&self) -> PathBuf {
        self.scratch.join("authority/authority.key")
    }

    pub(super) fn node(&self, number: u16) -> PathBuf {
        self.scratch.join(&format!("node-{number}"))
    }

    /// Carries the genesis, the key and, if there is one, the share to a server.
    pub(super) fn install(&self, number: u16) -> NodeConfiguration {
        let node = self.node(number);
        std::fs::copy(&self.system.genesis_file, node.join("genesis")).unwrap();
        let file = node.join("node.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text + &system_key_line(&self.system.system_key)).unwrap();
        let address = request(number).address;
        if let Some(share) = self.system.shares.iter().find(|share| share.address == address) {
            std::fs::rename(&share.path, node.join(SHARE)).unwrap();
        }
        NodeConfiguration::read(&file).unwrap()
    }

    pub(super) fn has_share(&self, number: u16) -> bool {
        self.system.shares.iter().any(|share| share.address == request(number).address)
    }
}

pub(super) fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

pub(super) fn code(error: &FoundingError) -> &'static str {
    error.explain().code
}

#[test]
fn keys_made_on_each_server_become_a_system_in_which_each_finds_its_place() {
    let world = World::new();
    let mut with_share = 0;
    for number in 0..5 {
        let has_share = world.has_share(number);
        let configuration = world.install(number);
        let node = NodeIdentity::load(&configuration).unwrap();
        assert_eq!(node.record().address, request(number).address);
        assert_eq!(node.is_in_membership_group(), has_share);
        assert_eq!(node.founding.system(), world.system.system);
        assert_eq!(node.founding.system_key(), world.system.system_key);
        assert_eq!((node.founding.storage().f(), node.founding.membership().f()), (1, 1));
        with_share += usize::from(has_share);
        for key in ["identity-2.key", "epoch-0.key", "epoch-1.key", "decryption-0.key"] {
            assert_eq!(mode(&world.node(number).join("keys").join(key)), 0o600, "{key}");
        }
    }
    assert_eq!(with_share, 4, "3f+1 servers have a share");
    assert_eq!(mode(&world.authority()), 0o600);
}

#[test]
fn shares_are_for_their_owner_only() {
    let world = World::new();
    for share in &world.system.shares {
        assert_eq!(mode(&share.path), 0o600);
    }
}

#[test]
fn an_identity_remembers_that_it_has_served() {
    let world = World::new();
    let configuration = world.install(0);
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
        cluster_file: world.system.cluster_file.clone(),
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
fn the_genesis_is_believed_with_nothing_but_the_key() {
    let world = World::new();
    let founding =
        FoundingFile::read_verified(&world.system.genesis_file, &world.system.system_key).unwrap();
    assert_eq!(founding.configuration().configuration().members.len(), 5);
    let group = founding.group_key().expect("it is a founding");
    assert_eq!(group.public_key(), world.system.system_key);
}
