//! Files that are wrong, foreign, damaged, or open to others.
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{World, code, first, founder, request};
use crate::configuration::NodeConfiguration;
use crate::founding::ceremony::new_server;
use crate::founding::error::{FoundingError, GenesisFault};
use crate::founding::pinned::{pin, read_pinned};
use crate::founding::{GenesisFile, NodeIdentity};

/// Every copy of these bytes with one bit changed, or cut short.
fn damaged(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len()).flat_map(|index| {
        let mut flipped = bytes.to_vec();
        flipped[index] ^= 1;
        [flipped, bytes[..index].to_vec()]
    })
}

#[test]
fn every_flipped_byte_of_a_genesis_is_noticed() {
    let world = World::new();
    let bytes = std::fs::read(&world.system.genesis_file).unwrap();
    for changed in damaged(&bytes) {
        assert!(GenesisFile::from_bytes(&changed).is_err());
    }
}

#[test]
fn every_flipped_byte_of_what_a_founder_keeps_of_the_founding_is_noticed() {
    let world = World::new();
    let (genesis, path) = (world.genesis(), world.scratch.join("kept"));
    pin(&path, &first(&genesis)).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert!(read_pinned(&path, genesis.unsigned()).is_ok());
    for changed in damaged(&bytes) {
        std::fs::write(&path, changed).unwrap();
        assert!(read_pinned(&path, genesis.unsigned()).is_err());
    }
}

/// A forger makes the hash at the end fit, too.
fn with_fitting_hash(mut bytes: Vec<u8>) -> Vec<u8> {
    let content = bytes.len() - 32;
    let hash = blake3::hash(&bytes[..content]);
    bytes[content..].copy_from_slice(hash.as_bytes());
    bytes
}

#[test]
fn a_forged_genesis_is_refused_or_that_of_another_system_whatever_its_hash_says() {
    let world = World::new();
    let bytes = std::fs::read(&world.system.genesis_file).unwrap();
    let mut others = 0;
    // Every seventh byte: signatures are slow, and each field has more bytes than that.
    for index in (0..bytes.len() - 32).step_by(7) {
        let mut forged = bytes.clone();
        forged[index] ^= 1;
        if let Ok(read) = GenesisFile::from_bytes(&with_fitting_hash(forged)) {
            assert_ne!(read.system(), world.system.system, "byte {index}");
            others += 1;
        }
    }
    assert!(others > 0, "randomness and time are what whoever makes a genesis says");
}

fn pinned_error(path: &Path, world: &World) -> FoundingError {
    read_pinned(path, world.genesis().unsigned()).map(|_| ()).unwrap_err()
}

#[test]
fn a_founding_of_another_system_and_other_files_are_told_apart() {
    let (world, other) = (World::new(), World::new());
    let path = world.scratch.join("kept");
    pin(&path, &first(&other.genesis())).unwrap();
    assert_eq!(code(&pinned_error(&path, &world)), "other-system");

    // The signature is the last thing but for members and the hash: another one does not fit.
    let mut bytes = std::fs::read(&path).unwrap();
    let key = 18..18 + 48;
    std::fs::remove_file(&path).unwrap();
    pin(&path, &first(&world.genesis())).unwrap();
    let own = std::fs::read(&path).unwrap();
    bytes[key.clone()].copy_from_slice(&own[key]);
    std::fs::write(&path, with_fitting_hash(bytes)).unwrap();
    assert_eq!(code(&pinned_error(&path, &world)), "genesis-forged");

    let read = |path: &Path| GenesisFile::read(path).map(|_| ()).unwrap_err();
    assert_eq!(code(&read(&world.cluster_file())), "no-genesis");
    let mut newer = std::fs::read(&world.system.genesis_file).unwrap();
    for version in [1, 3] {
        newer[17] = version;
        let fault = GenesisFile::from_bytes(&newer).map(|_| ()).unwrap_err();
        assert_eq!(fault, GenesisFault::Version(version.into()));
    }
}

fn load_error(configuration: &NodeConfiguration) -> FoundingError {
    founder(configuration).map(|_| ()).unwrap_err()
}

#[test]
fn each_wrong_key_of_a_server_is_named() {
    let world = World::new();
    let (right, other) = (world.install(0), world.install(1));
    assert!(founder(&right).is_ok());
    let changed = |change: &dyn Fn(&mut NodeConfiguration)| {
        let mut configuration = right.clone();
        change(&mut configuration);
        load_error(&configuration).explain()
    };

    let stranger = new_server(&world.scratch.join("stranger"), &request(9)).unwrap();
    let stranger = stranger.node_file.with_file_name("keys");
    let error = changed(&|it| it.keys.clone_from(&stranger));
    assert_eq!(error.code, "not-a-member");
    let error = changed(&|it| it.keys = world.scratch.join("nothing"));
    assert_eq!(error.code, "key-missing");
    std::fs::copy(other.keys.join("epoch-0.key"), right.keys.join("epoch-0.key")).unwrap();
    assert_eq!(changed(&|_| ()).code, "other-epoch-key");
    std::fs::write(right.keys.join("epoch-0.key"), "no key").unwrap();
    assert_eq!(changed(&|_| ()).code, "key-damaged");
}

#[test]
fn a_key_that_others_may_read_is_refused_with_the_command_that_helps() {
    let world = World::new();
    let configuration = world.install_founded(0);
    NodeIdentity::load(&configuration).unwrap();
    std::fs::set_permissions(configuration.keys.join("epoch-1.key"), Permissions::from_mode(0o644))
        .unwrap();
    let error = NodeIdentity::load(&configuration).map(|_| ()).unwrap_err().explain();
    assert_eq!(error.code, "key-open-to-others");
    assert!(error.remedy.contains("chmod 600"), "{error}");
}
