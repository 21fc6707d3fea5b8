//! Files that are wrong, foreign, damaged, or open to others.
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use super::{World, code, request};
use crate::founding::ceremony::new_server;
use crate::founding::error::{FoundingError, GenesisFault};
use crate::founding::{FoundingFile, NodeIdentity};

#[test]
fn every_flipped_byte_of_a_genesis_is_noticed() {
    let world = World::new();
    let bytes = std::fs::read(&world.system.genesis_file).unwrap();
    for index in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[index] ^= 1;
        assert!(FoundingFile::from_bytes(&flipped).is_err(), "byte {index}");
        assert!(FoundingFile::from_bytes(&bytes[..index]).is_err(), "cut at {index}");
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
fn a_forged_genesis_is_not_believed_whatever_its_hash_says() {
    let world = World::new();
    let bytes = std::fs::read(&world.system.genesis_file).unwrap();
    let mut believed = Vec::new();
    // Every seventh byte: signatures are slow, and each field has more bytes than that.
    for index in (0..bytes.len() - 32).step_by(7) {
        let mut forged = bytes.clone();
        forged[index] ^= 1;
        let read = FoundingFile::from_bytes(&with_fitting_hash(forged));
        if read.and_then(|file| file.verify(&world.system.system_key)).is_ok() {
            believed.push(index);
        }
    }
    assert_eq!(believed, Vec::<usize>::new());
}

#[test]
fn a_genesis_of_another_system_and_other_files_are_told_apart() {
    let (world, other) = (World::new(), World::new());
    let read = |path, key| FoundingFile::read_verified(path, key).map(|_| ()).unwrap_err();
    let error = read(&other.system.genesis_file, &world.system.system_key);
    assert_eq!(code(&error), "other-system");

    let mut swapped = FoundingFile::read(&other.system.genesis_file).unwrap();
    swapped.system_key = world.system.system_key;
    let fault = swapped.verify(&world.system.system_key).unwrap_err();
    assert!(matches!(fault, GenesisFault::Forged(_)), "{fault:?}");

    let mut mixed = FoundingFile::read(&world.system.genesis_file).unwrap();
    mixed.commitment = FoundingFile::read(&other.system.genesis_file).unwrap().commitment;
    let fault = mixed.verify(&world.system.system_key).unwrap_err();
    assert_eq!(fault, GenesisFault::Commitment);

    let error = read(&world.system.cluster_file, &world.system.system_key);
    assert_eq!(code(&error), "no-genesis");
    let mut newer = std::fs::read(&world.system.genesis_file).unwrap();
    newer[17] = 2;
    assert_eq!(FoundingFile::from_bytes(&newer), Err(GenesisFault::Version(2)));
}

fn load_error(configuration: &crate::configuration::NodeConfiguration) -> FoundingError {
    NodeIdentity::load(configuration).map(|_| ()).unwrap_err()
}

#[test]
fn each_wrong_key_of_a_server_is_named() {
    let world = World::new();
    let member = (0..5).find(|number| world.has_share(*number)).unwrap();
    let second = (0..5).rfind(|number| world.has_share(*number)).unwrap();
    let (right, other) = (world.install(member), world.install(second));
    assert!(NodeIdentity::load(&right).is_ok());
    let changed = |change: &dyn Fn(&mut crate::configuration::NodeConfiguration)| {
        let mut configuration = right.clone();
        change(&mut configuration);
        load_error(&configuration).explain()
    };

    let stranger = new_server(&world.scratch.join("stranger"), &request(9)).unwrap();
    let stranger = stranger.node_file.with_file_name("keys");
    let error = changed(&|it| it.keys.clone_from(&stranger));
    assert_eq!(error.code, "not-a-member");
    let error = changed(&|it| it.share.clone_from(&other.share));
    assert_eq!(error.code, "other-share");
    let error = changed(&|it| it.share = None);
    assert_eq!((error.code, error.place.ends_with("node.toml")), ("share-missing", true));
    let error = changed(&|it| it.share = Some(world.scratch.join("nothing")));
    assert_eq!(error.code, "share-missing");
    let error = changed(&|it| it.share = Some(right.keys.join("epoch-0.key")));
    assert_eq!(error.code, "share-broken");
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
    let configuration = world.install(0);
    NodeIdentity::load(&configuration).unwrap();
    std::fs::set_permissions(configuration.keys.join("epoch-1.key"), Permissions::from_mode(0o644))
        .unwrap();
    let error = load_error(&configuration).explain();
    assert_eq!(error.code, "key-open-to-others");
    assert!(error.remedy.contains("chmod 600"), "{error}");
}
