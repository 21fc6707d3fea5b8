//! One manifest for given bytes, the same for ever; every lie about the shape is noticed.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use std::collections::BTreeMap;

use quorate_types::ObjectId;

use super::{
    ChunkPlace, Head, ManifestBuilder, ManifestError, ManifestNode, ManifestReader, Node, Shape,
    Wanted,
};
use crate::limits::{CHUNK_BYTES, FILE_BYTES_MAX, MANIFEST_FANOUT, MANIFEST_NODE_BYTES_MAX};
use crate::object::{ContentKind, ObjectKey};

const FILE_HASH: [u8; 32] = [0xf1; 32];
/// Small numbers, so that few chunks make many levels.
const SMALL: Shape = Shape { chunk_bytes: 10, fanout: 3 };

fn chunk(index: u64) -> ObjectId {
    ContentKind::Chunk.key_of(&index.to_be_bytes()).id()
}

/// The nodes of a file with synthetic chunks, the root last.
fn build(shape: Shape, length: u64) -> Vec<ManifestNode> {
    let mut builder = ManifestBuilder::of_shape(shape);
    let mut nodes = Vec::new();
    let (mut index, mut rest) = (0, length);
    while rest > 0 {
        let bytes = rest.min(shape.chunk_bytes);
        nodes.extend(builder.push(chunk(index), usize::try_from(bytes).unwrap()).unwrap());
        index += 1;
        rest -= bytes;
    }
    assert_eq!(builder.length(), length);
    nodes.extend(builder.finish(FILE_HASH));
    nodes
}

/// Follows a manifest over these nodes; returns its chunks.
fn follow(shape: Shape, nodes: &[ManifestNode]) -> Result<Vec<ChunkPlace>, ManifestError> {
    let by_id: BTreeMap<_, _> = nodes.iter().map(|node| (node.id, &node.bytes)).collect();
    let root = nodes.last().unwrap();
    let mut reader = ManifestReader::of_shape(shape, root.id, &root.bytes)?;
    let mut chunks = Vec::new();
    loop {
        match reader.advance() {
            Wanted::Node(key) => {
                assert_eq!(reader.advance(), Wanted::Node(key), "wanted until it is supplied");
                reader.supply(by_id[&key.id()])?;
            }
            Wanted::Chunk(place) => chunks.push(place),
            Wanted::End => return Ok(chunks),
        }
    }
}

#[test]
fn what_was_built_reads_back_chunk_by_chunk_at_every_length() {
    for length in 0..400 {
        let nodes = build(SMALL, length);
        let chunks = follow(SMALL, &nodes).unwrap();
        assert_eq!(chunks.len() as u64, length.div_ceil(10));
        let mut offset = 0;
        for (index, place) in chunks.iter().enumerate() {
            assert_eq!((place.id, place.offset), (chunk(index as u64), offset));
            offset += place.bytes as u64;
        }
        assert_eq!(offset, length);
    }
}

#[test]
fn the_shape_follows_from_the_length() {
    for (length, nodes) in [(0, 1), (1, 1), (30, 1), (31, 3), (90, 4), (91, 7), (270, 13)] {
        assert_eq!(build(SMALL, length).len(), nodes, "{length} bytes");
    }
    let full = build(Shape::FORMAT, (MANIFEST_FANOUT * CHUNK_BYTES) as u64);
    assert_eq!(full.len(), 1, "1 GiB fits one node");
    assert!(full[0].bytes.len() <= MANIFEST_NODE_BYTES_MAX);
}

fn check_id(length: u64, expected: &str) {
    let root = build(Shape::FORMAT, length).pop().unwrap();
    assert_eq!(root.id.to_hex(), expected, "the format changed: files of {length} bytes");
}

/// FORMAT: these ids never change.
#[test]
fn the_ids_of_known_files_never_change() {
    const CHUNK: u64 = CHUNK_BYTES as u64;
    let expected: [(u64, &str); 5] = [
        (0, "8664da2e45b7d77f9d440783695c9d80ead0c28d24529508c6f03961bcf5b79b"),
        (1, "27a4810f90a3db73333e01d2340eb09d3084688921b139d0fdf4e1ba107c8cd3"),
        (CHUNK, "5e291f6a44ce3f60c8f790ee5b9e39a77a4284ba67203e56a014fbb7960169b6"),
        (CHUNK + 1, "74f3cd2f1d2d4bfc2d8aa172d434a796f9b2f2f9d59b2cec1c8ce7868fc0afe8"),
        (CHUNK * 1024 * 2 + 5, "51f8a0f76a41e7b2c782a988346f007ab96e785612f03e92a4d97445367e650f"),
    ];
    for (length, id) in expected {
        check_id(length, id);
    }
}

#[test]
fn the_encoding_of_a_root_never_changes() {
    let root = build(Shape::FORMAT, 5).pop().unwrap();
    let mut expected = vec![1, 1, 0, 0, 0, 0, 0, 0, 0, 5];
    expected.extend([0xf1; 32]);
    expected.extend([0, 0, 0, 1]);
    expected.extend(chunk(0).as_bytes());
    assert_eq!(root.bytes, expected);
}

#[test]
fn chunks_of_a_wrong_length_are_refused() {
    let mut builder = ManifestBuilder::new();
    assert_eq!(builder.push(chunk(0), 0), Err(ManifestError::ChunkLength(0)));
    let long = CHUNK_BYTES + 1;
    assert_eq!(builder.push(chunk(0), long), Err(ManifestError::ChunkLength(long)));
    builder.push(chunk(0), 7).unwrap();
    let after_short = builder.push(chunk(1), CHUNK_BYTES);
    assert_eq!(after_short, Err(ManifestError::ChunkLength(CHUNK_BYTES)));
}

fn node(head: Head, children: u64) -> ManifestNode {
    ManifestNode::new(&Node { head, children: (0..children).map(chunk).collect() })
}

fn open(root: &ManifestNode) -> Result<ManifestReader, ManifestError> {
    ManifestReader::of_shape(SMALL, root.id, &root.bytes)
}

#[test]
fn a_root_with_another_number_of_children_is_refused_dht_8() {
    for (length, children) in [(0, 1), (1, 0), (10, 2), (31, 1), (31, 3), (91, 3)] {
        let root = node(Head::Root { length, file_hash: FILE_HASH }, children);
        assert_eq!(open(&root).err(), Some(ManifestError::Shape), "{length} {children}");
    }
    let long = node(Head::Root { length: FILE_BYTES_MAX + 1, file_hash: FILE_HASH }, 3);
    let refused = ManifestReader::open(long.id, &long.bytes);
    assert_eq!(refused.err(), Some(ManifestError::TooLong));
    let greatest = node(Head::Root { length: u64::MAX, file_hash: FILE_HASH }, 3);
    let refused = ManifestReader::open(greatest.id, &greatest.bytes);
    assert_eq!(refused.err(), Some(ManifestError::TooLong));
}

/// Supplies `inner` where the first inner node of a file of 91 bytes belongs: level 2, 90 bytes.
fn supply_first(inner: &ManifestNode) -> Result<(), ManifestError> {
    let children = vec![inner.id, chunk(1)];
    let head = Head::Root { length: 91, file_hash: FILE_HASH };
    let root = ManifestNode::new(&Node { head, children });
    let mut reader = open(&root).unwrap();
    assert_eq!(reader.advance(), Wanted::Node(ObjectKey::Manifest(inner.id)));
    reader.supply(&inner.bytes)
}

#[test]
fn an_inner_node_out_of_its_place_is_refused_dht_8() {
    assert_eq!(supply_first(&node(Head::Inner { level: 2, length: 90 }, 3)), Ok(()));
    let wrong = [
        (Head::Inner { level: 1, length: 90 }, 3),
        (Head::Inner { level: 3, length: 90 }, 3),
        (Head::Inner { level: 2, length: 89 }, 3),
        (Head::Inner { level: 2, length: 90 }, 2),
        (Head::Root { length: 90, file_hash: FILE_HASH }, 3),
    ];
    for (head, children) in wrong {
        assert_eq!(supply_first(&node(head, children)), Err(ManifestError::Shape), "{head:?}");
    }
}

#[test]
fn bytes_that_are_no_manifest_are_refused() {
    let root = build(Shape::FORMAT, 5).pop().unwrap();
    let other = build(Shape::FORMAT, 6).pop().unwrap();
    let opened = ManifestReader::open(root.id, &other.bytes);
    assert_eq!(opened.err(), Some(ManifestError::WrongHash));
    let read =
        |bytes: &[u8]| ManifestReader::open(ContentKind::Manifest.key_of(bytes).id(), bytes).err();
    let mut later = root.bytes.clone();
    later[0] = 2;
    assert_eq!(read(&later), Some(ManifestError::UnknownVersion(2)));
    let mut longer = root.bytes.clone();
    longer.push(0);
    assert!(matches!(read(&longer), Some(ManifestError::Encoding(_))));
    for end in 0..root.bytes.len() {
        assert!(matches!(read(&root.bytes[..end]), Some(ManifestError::Encoding(_))), "{end}");
    }
    let inner = node(Head::Inner { level: 1, length: 10 }, 1);
    assert_eq!(open(&inner).err(), Some(ManifestError::Shape));
    let mut reader = ManifestReader::open(root.id, &root.bytes).unwrap();
    assert_eq!(reader.supply(&root.bytes), Err(ManifestError::NotWanted));
}

#[test]
fn errors_say_what_is_wrong() {
    let text = |error: ManifestError| alloc::format!("{error}");
    assert_eq!(text(ManifestError::UnknownVersion(9)), "manifest version 9, only 1 is known");
    let long: String = text(ManifestError::ChunkLength(7));
    assert_eq!(long, "a chunk of 7 bytes; all but the last have 1048576");
}
