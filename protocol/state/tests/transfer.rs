//! State transfer: honest chunks of every size arrive, everything else is refused (B11, R-13).

use proptest::prelude::*;
use quorate_state::{Bytes, Chunk, Map, Rejected, Restore, Snapshot};
use quorate_wire::{decode, encode};

fn snapshot_of(entry_count: u16) -> Snapshot {
    let mut map = Map::new();
    for number in 0..entry_count {
        map.insert(&number.to_be_bytes(), &vec![7; usize::from(number % 13)]);
    }
    map.snapshot()
}

/// All chunks of a snapshot in order, by way of their encoding.
fn chunks_of(snapshot: &Snapshot, bytes_max: usize) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut from = None;
    loop {
        let chunk = snapshot.chunk(from.as_deref(), bytes_max);
        let verified = chunk
            .clone()
            .verify(snapshot.root(), from.as_deref())
            .expect("an honest chunk is accepted");
        chunks.push(decode(&encode(&chunk)).expect("what was encoded decodes"));
        from = verified.next_from().cloned();
        if from.is_none() {
            return chunks;
        }
    }
}

#[test]
fn sta_7_chunks_of_any_size_give_the_map_back() {
    for entry_count in [0, 1, 2, 3, 10, 100, 400] {
        let snapshot = snapshot_of(entry_count);
        for bytes_max in [0, 1, 20, 50, 333, 4096, usize::MAX] {
            let mut restore = Restore::new(snapshot.root());
            for chunk in chunks_of(&snapshot, bytes_max) {
                assert!(!restore.is_complete());
                restore.take(chunk).expect("an honest chunk is accepted");
            }
            let mut map = restore.finish().expect("all chunks were taken");
            map.audit();
            assert_eq!(map.root(), snapshot.root());
            assert!(map.iter().eq(snapshot.iter()));
            assert_eq!(map.take_changes().len(), usize::from(entry_count));
        }
    }
}

#[test]
fn sta_6_a_chunk_holds_just_the_entries_of_its_range() {
    let snapshot = snapshot_of(200);
    let all: Vec<_> = snapshot.iter().map(|(k, v)| (Bytes::from(k), v.clone())).collect();
    for start in 0..=200_u16 {
        let from = start.checked_sub(1).map(u16::to_be_bytes);
        let from = from.as_ref().map(<[u8; 2]>::as_slice);
        let chunk = snapshot.chunk(from, 150).verify(snapshot.root(), from).expect("honest");
        let start = usize::from(start);
        let end = start + chunk.entries().len();
        assert_eq!(chunk.entries(), &all[start..end]);
        assert_eq!(chunk.is_last(), end == 200);
        assert_eq!(chunk.next_from(), (end < 200).then(|| &all[end - 1].0));
        assert_eq!(chunk.entry_count(), 200);
    }
}

#[test]
fn a_chunk_begins_behind_keys_that_are_not_in_the_map_too() {
    let snapshot = snapshot_of(50);
    for from in [&[0_u8][..], &[0, 10, 1], &[9], &[0, 49, 0]] {
        let chunk = snapshot.chunk(Some(from), 100);
        let verified = chunk.verify(snapshot.root(), Some(from)).expect("honest");
        let expected = snapshot.iter().find(|(key, _)| *key > from).map(|(key, _)| key);
        assert_eq!(verified.entries().first().map(|(key, _)| &**key), expected);
    }
}

#[test]
fn r_13_a_right_chunk_at_a_wrong_position_is_refused() {
    let snapshot = snapshot_of(100);
    let chunks = chunks_of(&snapshot, 200);
    assert!(chunks.len() > 5);
    let mut restore = Restore::new(snapshot.root());
    for index in 0..chunks.len() {
        for (other, chunk) in chunks.iter().enumerate().filter(|(other, _)| *other != index) {
            let taken = restore.take(chunk.clone());
            assert_eq!(taken, Err(Rejected::WrongPosition), "chunk {other} at {index}");
        }
        restore.take(chunks[index].clone()).expect("the right one is accepted after the wrong");
    }
    assert_eq!(restore.take(chunks[0].clone()), Err(Rejected::WrongPosition), "after the end");
    assert!(restore.finish().is_ok());
}

#[test]
fn a_chunk_of_an_older_snapshot_is_refused() {
    let mut map = Map::from_snapshot(&snapshot_of(100));
    let older = map.snapshot();
    map.insert(&[0, 90], b"newer");
    let newer = map.snapshot();
    let mut restore = Restore::new(newer.root());
    for chunk in chunks_of(&newer, 200) {
        let stale = older.chunk(restore.from(), 200);
        assert_eq!(restore.take(stale), Err(Rejected::WrongRoot));
        restore.take(chunk).expect("an honest chunk is accepted");
    }
    let unfinished = Restore::new(newer.root()).finish().expect_err("nothing was taken");
    assert!(unfinished.is_empty());
}

#[test]
fn sta_6_each_byte_of_a_chunk_is_bound() {
    let snapshot = snapshot_of(60);
    for from in [None, Some(&[0, 9][..]), Some(&[0, 30]), Some(&[0, 55]), Some(&[0, 59])] {
        let bytes = encode(&snapshot.chunk(from, 160));
        for index in 0..bytes.len() {
            for flip in [0x01, 0x02, 0x03, 0x80, 0xff] {
                let mut lie = bytes.clone();
                lie[index] ^= flip;
                let verified =
                    decode::<Chunk>(&lie).map(|chunk| chunk.verify(snapshot.root(), from).is_ok());
                assert!(!verified.unwrap_or(false), "byte {index} flipped by {flip}");
            }
        }
        for end in 0..bytes.len() {
            assert!(decode::<Chunk>(&bytes[..end]).is_err());
        }
    }
}

proptest! {
    #[test]
    fn hostile_bytes_are_refused_without_panic(
        noise in proptest::collection::vec(any::<u8>(), 0..300),
        at in any::<prop::sample::Index>(),
    ) {
        let snapshot = snapshot_of(60);
        let honest = encode(&snapshot.chunk(Some(&[0, 9]), 160));
        let mut mixed = honest.clone();
        mixed.splice(at.index(honest.len()).., noise.iter().copied());
        for bytes in [&noise, &mixed] {
            if let Ok(chunk) = decode::<Chunk>(bytes) {
                prop_assert_eq!(&encode(&chunk), bytes);
                let is_taken = chunk.verify(snapshot.root(), Some(&[0, 9])).is_ok();
                prop_assert_eq!(is_taken, *bytes == honest);
            }
        }
    }

    #[test]
    fn sta_7_any_map_survives_the_transfer(
        entries in proptest::collection::btree_map(
            proptest::collection::vec(0_u8..3, 0..6), proptest::collection::vec(any::<u8>(), 0..9),
            0..60,
        ),
        bytes_max in 0_usize..400,
    ) {
        let mut map = Map::new();
        for (key, value) in &entries {
            map.insert(key, value);
        }
        let snapshot = map.snapshot();
        let mut restore = Restore::new(snapshot.root());
        for chunk in chunks_of(&snapshot, bytes_max) {
            let before = restore.from().map(<[u8]>::to_vec);
            restore.take(chunk).expect("an honest chunk is accepted");
            prop_assert!(entries.is_empty() || restore.from() > before.as_deref());
        }
        let restored = restore.finish().expect("all chunks were taken");
        prop_assert!(restored.iter().eq(snapshot.iter()));
    }
}
