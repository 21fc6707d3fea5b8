//! Files: chunks and manifests through the network, while one server is bad.

use std::collections::VecDeque;

use quorate_dht::limits::CHUNK_BYTES;
use quorate_dht::manifest::{ManifestBuilder, ManifestNode, ManifestReader, Wanted};
use quorate_dht::{Answer, ContentKind, Message, ObjectKey, Operation};
use quorate_types::ObjectId;

use crate::contents::{bytes, put, store};
use crate::network::Network;

const FILE_HASH: [u8; 32] = [3; 32];

fn store_nodes(network: &mut Network, client: usize, nodes: Vec<ManifestNode>) -> Option<ObjectId> {
    let mut last = None;
    for node in nodes {
        let stored = network.perform(client, put(ContentKind::Manifest, &node.bytes));
        assert_eq!(stored, Ok(Answer::Stored(ObjectKey::Manifest(node.id))));
        last = Some(node.id);
    }
    last
}

fn fetch(network: &mut Network, client: usize, key: ObjectKey) -> Vec<u8> {
    match network.perform(client, Operation::GetContent(key)) {
        Ok(Answer::Content(body)) => body.to_vec(),
        other => panic!("a get returned {other:?}"),
    }
}

#[test]
fn a_file_comes_back_byte_for_byte_with_a_server_that_sends_wrong_bytes() {
    let mut network = Network::new(1, 1, 2);
    let client = network.add_client(50);
    network.lie(
        network.node(1),
        Box::new(|_, message| match message {
            Message::Content(mut reply) => {
                let body = reply.body.take().map(|body| {
                    let mut bytes = body.to_vec();
                    bytes[0] ^= 1;
                    quorate_dht::Body::new(bytes)
                });
                vec![Message::Content(quorate_dht::ContentReply { body, ..reply })]
            }
            other => vec![other],
        }),
    );
    let file = bytes(1, 2 * CHUNK_BYTES + 12_345);
    let mut builder = ManifestBuilder::new();
    for chunk in file.chunks(CHUNK_BYTES) {
        let key = store(&mut network, client, chunk);
        assert!(builder.push(key.id(), chunk.len()).unwrap().is_empty());
    }
    let id = store_nodes(&mut network, client, builder.finish(FILE_HASH)).unwrap();

    for _ in 0..3 {
        let root = fetch(&mut network, client, ObjectKey::Manifest(id));
        let mut reader = ManifestReader::open(id, &root).unwrap();
        assert_eq!((reader.length(), reader.file_hash()), (file.len() as u64, &FILE_HASH));
        let mut read = Vec::new();
        loop {
            match reader.advance() {
                Wanted::Node(key) => reader.supply(&fetch(&mut network, client, key)).unwrap(),
                Wanted::Chunk(place) => {
                    let chunk = fetch(&mut network, client, ObjectKey::Chunk(place.id));
                    assert_eq!((place.offset, place.bytes), (read.len() as u64, chunk.len()));
                    read.extend(chunk);
                }
                Wanted::End => break,
            }
        }
        assert!(read == file);
    }
    assert!(network.mark_count("dht.client.wrong_content") > 0, "the liar was never asked");
}

/// A terabyte and more: three levels of nodes, with the ids of chunks that nobody stores.
#[test]
fn a_manifest_of_three_levels_is_followed_through_the_network() {
    const CHUNKS: u64 = 1024 * 1024 + 1500;
    let mut network = Network::new(2, 1, 0);
    let client = network.add_client(50);
    let chunk = |index: u64| {
        let mut id = [7; 32];
        id[..8].copy_from_slice(&index.to_be_bytes());
        ObjectId::new(id)
    };
    let mut builder = ManifestBuilder::new();
    let mut nodes = VecDeque::new();
    for index in 0..CHUNKS {
        nodes.extend(builder.push(chunk(index), CHUNK_BYTES).unwrap());
    }
    nodes.extend(builder.finish(FILE_HASH));
    assert_eq!(nodes.len(), 1024 + 2 + 2 + 1);
    // The inner nodes at both ends of the file, and all above them.
    let kept: Vec<ManifestNode> =
        nodes.iter().take(2).chain(nodes.iter().skip(1024)).cloned().collect();
    let id = store_nodes(&mut network, client, kept).unwrap();

    let root = fetch(&mut network, client, ObjectKey::Manifest(id));
    let mut reader = ManifestReader::open(id, &root).unwrap();
    assert_eq!(reader.length(), CHUNKS * CHUNK_BYTES as u64);
    for index in 0..2048 {
        let place = loop {
            match reader.advance() {
                Wanted::Node(key) => reader.supply(&fetch(&mut network, client, key)).unwrap(),
                Wanted::Chunk(place) => break place,
                Wanted::End => panic!("the file ends early"),
            }
        };
        assert_eq!((place.id, place.offset), (chunk(index), index * CHUNK_BYTES as u64));
    }
}
