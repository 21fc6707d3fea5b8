//! Names, stamps and what the owner signs.

use alloc::string::ToString;
use alloc::{format, vec};

use quorate_crypto::Verifier;
use quorate_crypto::ideal::IdealRegistry;
use quorate_crypto::{Domain, Signer, hash};
use quorate_types::{ObjectId, SystemId};
use quorate_wire::{decode, encode};

use super::{
    Body, ContentKind, KEEP_FOR_EVER, NotAName, ObjectKey, Record, StoredContent, StoredObject,
    Value, Version, WriterId,
};
use crate::limits::VALUE_BYTES_MAX;

const SYSTEM: SystemId = SystemId::new([1; 32]);

fn version(sequence: u64, writer: u8, text: &[u8]) -> Version {
    let owner = IdealRegistry::new([9; 32]).signer(&[2; 32]);
    let value = Value::Data(Body::new(text.to_vec()));
    Version::sign(SYSTEM, (sequence, WriterId::new([writer; 16])), value, &owner)
}

#[test]
fn the_same_bytes_have_another_name_as_a_chunk_than_as_a_manifest_node() {
    let chunk = ContentKind::Chunk.key_of(b"bytes");
    let node = ContentKind::Manifest.key_of(b"bytes");
    assert_ne!(chunk.id(), node.id());
    assert_eq!(chunk.id().as_bytes(), hash(Domain::Content, b"bytes").as_bytes());
    assert!(chunk.is_name_of(b"bytes") && !chunk.is_name_of(b"other"));
    assert!(!ObjectKey::Register(chunk.id()).is_name_of(b"bytes"));
}

#[test]
fn names_keep_their_order_as_bytes() {
    let ids = [0, 1, 255].map(|byte| ObjectId::new([byte; 32]));
    let mut keys = vec![];
    for id in ids {
        keys.extend([ObjectKey::Chunk(id), ObjectKey::Manifest(id), ObjectKey::Register(id)]);
    }
    keys.sort_unstable();
    assert!(keys.iter().map(|key| key.to_bytes()).is_sorted());
    assert!(keys.iter().all(|key| ObjectKey::from_bytes(&key.to_bytes()) == Ok(*key)));
    assert!(keys.iter().all(|key| key.to_bytes().len() == ObjectKey::BYTES));
}

#[test]
fn stamps_are_ordered_by_sequence_then_writer_then_value() {
    assert!(version(1, 9, b"z").stamp() < version(2, 1, b"a").stamp());
    assert!(version(2, 1, b"z").stamp() < version(2, 2, b"a").stamp());
}

#[test]
fn one_stamp_has_one_value_dht_5() {
    let (first, second) = (version(6, 1, b"v1"), version(6, 1, b"v2"));
    assert_ne!(first.stamp(), second.stamp(), "DHT-5: the triple tells the values apart");
    assert!(first.fits_its_stamp());
    let swapped = Version { signed: first.signed, value: second.value };
    assert!(!swapped.fits_its_stamp());
}

#[test]
fn the_signature_covers_system_object_and_stamp() {
    let registry = IdealRegistry::new([9; 32]);
    let good = version(6, 1, b"v1").signed;
    assert!(registry.is_valid(&good.check(SYSTEM)));
    assert!(!registry.is_valid(&good.check(SystemId::new([7; 32]))));
    let mut forged = good;
    forged.stamp.sequence = 7;
    assert!(!registry.is_valid(&forged.check(SYSTEM)));
    let mut stolen = good;
    stolen.owner = registry.signer(&[3; 32]).public_key();
    assert!(!registry.is_valid(&stolen.check(SYSTEM)));
}

#[test]
fn stored_objects_read_back_and_long_values_do_not() {
    let content = StoredContent { expires: KEEP_FOR_EVER, body: Body::new(vec![7; 100]) };
    let objects = [StoredObject::Content(content), StoredObject::Version(version(1, 1, b"value"))];
    for object in objects {
        let key = ContentKind::Chunk.key_of(b"any");
        let bytes = Record::Store(key, object.clone()).bytes().unwrap();
        assert_eq!(decode::<StoredObject>(&bytes), Ok(object));
    }
    let long = Value::Data(Body::new(vec![0; VALUE_BYTES_MAX + 1]));
    assert!(decode::<Value>(&encode(&long)).is_err());
    assert_eq!(decode::<Value>(&encode(&Value::Deleted)), Ok(Value::Deleted));
}

#[test]
fn a_name_is_read_back_from_its_text() {
    let id = ObjectId::new([0xab; 32]);
    let names = [ObjectKey::Chunk(id), ObjectKey::Manifest(id), ObjectKey::Register(id)];
    for (name, kind) in names.into_iter().zip(["chunk", "manifest", "register"]) {
        let text = format!("{kind}:{}", "ab".repeat(32));
        assert_eq!((name.to_string(), text.parse()), (text, Ok(name)));
    }
    for text in
        ["", "chunk", "chunk:", "blob:00", "chunk:0", &format!("chunk: {}", "ab".repeat(32))]
    {
        assert_eq!(text.parse::<ObjectKey>(), Err(NotAName), "{text}");
    }
}
