//! What goes over links comes back the same, and nothing claims more than it may.
use std::boxed::Box;
use std::sync::Arc;
use std::vec;

use quorate_types::{Digest as Hash, Epoch};
use quorate_wire::{DecodeError, decode, encode};

use super::{Digest, GetDelta, GetLeaves, GetRecords, Leaves, Message, Records};
use crate::delta::Delta;
use crate::dissemination::EncodedDelta;
use crate::limits::{CHUNK_BYTES, CHUNKS_MAX, LEAVES_MAX, RECORDS_MAX};
use crate::testing::World;

#[test]
fn every_message_is_read_back_as_it_was_written_and_keeps_its_bound() {
    let world = World::new(12, 1);
    let next = world.following(&world.first);
    let delta = Delta::between(&world.first, &next).unwrap();
    let chunk = Arc::clone(&EncodedDelta::of(&delta).unwrap().chunks()[0]);
    let (hash, epoch) = (next.hash(), next.epoch());
    let record = next.configuration().members[3].clone();
    let messages = [
        (Message::Chunk(chunk), CHUNK_BYTES + 400),
        (Message::Digest(Digest { epoch, hash }), 41),
        (Message::Header(Box::new(next.header().certified().clone())), 500 + 32 * 4),
        (Message::GetDelta(GetDelta { epoch, wanted: vec![3; CHUNKS_MAX] }), 270),
        (Message::GetLeaves(GetLeaves { hash, from: 4096 }), 37),
        (Message::Leaves(Leaves { hash, from: 7, leaves: vec![[1; 16]; LEAVES_MAX] }), 65_600),
        (Message::GetRecords(GetRecords { hash, positions: vec![9; RECORDS_MAX] }), 1_070),
        (Message::Records(Records { hash, records: vec![(3, record); RECORDS_MAX] }), 256 * 460),
    ];
    for (message, bound) in messages {
        let bytes = encode(&message);
        assert!(bytes.len() <= bound, "{} bytes of {bound}: tag {}", bytes.len(), bytes[0]);
        assert_eq!(decode(&bytes), Ok(message));
    }
}

#[test]
fn who_claims_more_than_there_may_be_is_refused() {
    let hash = Hash::new([1; 32]);
    let too_many = [
        Message::Leaves(Leaves { hash, from: 0, leaves: vec![[1; 16]; LEAVES_MAX + 1] }),
        Message::GetRecords(GetRecords { hash, positions: vec![1; RECORDS_MAX + 1] }),
        Message::GetDelta(GetDelta { epoch: Epoch::new(1), wanted: vec![1; CHUNKS_MAX + 1] }),
    ];
    for message in too_many {
        let refused = decode::<Message>(&encode(&message));
        assert!(matches!(refused, Err(DecodeError::OverLimit { .. })), "{refused:?}");
    }
}
