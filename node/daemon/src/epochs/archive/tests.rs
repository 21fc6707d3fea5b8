//! What a server keeps of the chain outlives a restart, and says what it lacks.
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use quorate_membership::archive::{ArchiveMessage, Deltas, GetDeltas, GetFirst};
use quorate_membership::{Delta, VerifiedConfiguration};
use quorate_store::directory::{DataDirectory, Expectation};
use quorate_types::Epoch;

use super::{Archive, FIRST, SLACK};
use crate::crowd::{Crowd, following};

fn scratch(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("quorate-{name}-{}", std::process::id()));
    drop(std::fs::remove_dir_all(&path));
    path
}

/// A chain of so many configurations.
fn chain(count: usize) -> Vec<VerifiedConfiguration> {
    let first = Crowd::new(7, SocketAddr::from(([127, 0, 0, 1], 1))).configuration().clone();
    std::iter::successors(Some(first), |old| Some(following(old))).take(count).collect()
}

fn open(path: &Path, first: &VerifiedConfiguration) -> Archive {
    let data = DataDirectory::open(path, &[1; 32], Expectation::Fresh).expect("a directory");
    Archive::open(&data, first.clone()).expect("what is kept can be read")
}

fn put(archive: &Archive, pair: &[VerifiedConfiguration]) {
    let delta = Delta::between(&pair[0], &pair[1]).expect("one follows the other");
    archive.put(&delta).expect("it is durable");
}

/// How many deltas it gives behind an epoch.
fn given(archive: &Archive, after: Epoch) -> usize {
    let question = ArchiveMessage::GetDeltas(GetDeltas { after });
    match archive.answer(&question) {
        Some(ArchiveMessage::Deltas(Deltas { after: of, deltas })) if of == after => deltas.len(),
        other => panic!("no answer to the question: {other:?}"),
    }
}

#[test]
fn the_chain_outlives_a_restart_and_a_gap_in_it_is_known() {
    let path = scratch("archive");
    let chain = chain(6);
    let begins = chain[0].epoch();
    let newest = chain[5].epoch();
    let archive = open(&path, &chain[0]);
    assert_eq!(archive.lacks(begins), None);
    for pair in chain.windows(2).filter(|pair| pair[1].epoch() != chain[3].epoch()) {
        put(&archive, pair);
    }
    assert_eq!(archive.lacks(newest), Some(chain[3].epoch()));
    assert_eq!(given(&archive, begins), 2);
    assert_eq!(given(&archive, chain[2].epoch()), 0);
    assert_eq!(given(&archive, chain[3].epoch()), 2, "others are given what is behind the gap");
    drop(archive);

    let archive = open(&path, &chain[0]);
    assert_eq!(archive.known().expect("it can be read").hash(), chain[2].hash());
    put(&archive, &chain[2..4]);
    assert_eq!(archive.lacks(newest), None);
    assert_eq!(archive.known().expect("it can be read").hash(), chain[5].hash());
    let first = archive.answer(&ArchiveMessage::GetFirst(GetFirst { from: 0 }));
    assert!(matches!(first, Some(ArchiveMessage::First(part)) if part.epoch == begins));
    std::fs::remove_dir_all(&path).expect("the scratch directory goes");
}

#[test]
fn what_is_damaged_is_lacking() {
    let path = scratch("archive-damaged");
    let chain = chain(4);
    let archive = open(&path, &chain[0]);
    chain.windows(2).for_each(|pair| put(&archive, pair));
    let damaged = archive.path(chain[2].epoch());
    std::fs::write(damaged, b"nothing of this system").expect("it is written");
    assert_eq!(archive.known().expect("it can be read").hash(), chain[1].hash());
    assert_eq!(archive.lacks(chain[3].epoch()), Some(chain[2].epoch()));
    std::fs::remove_dir_all(&path).expect("the scratch directory goes");
}

#[test]
fn the_oldest_epochs_go_when_there_are_too_many() {
    const KEPT: u64 = 2;
    let path = scratch("archive-trim");
    let count = usize::try_from(KEPT + SLACK + 2).expect("a small number");
    let chain = chain(count);
    let archive = open(&path, &chain[0]);
    for pair in chain.windows(2) {
        put(&archive, pair);
        archive.trim_to(&pair[1], KEPT).expect("the disk is well");
    }
    assert_eq!(archive.lacks(chain[count - 1].epoch()), None);
    assert_eq!(given(&archive, chain[0].epoch()), 0, "they are gone");
    let begins = chain[count - 1 - usize::try_from(KEPT).expect("two")].clone();
    assert_eq!(given(&archive, begins.epoch()), 2);
    drop(archive);

    let archive = open(&path, &chain[0]);
    assert_eq!(archive.known().expect("it can be read").hash(), chain[count - 1].hash());
    assert_eq!(archive.first().expect("it can be read").hash(), begins.hash());
    std::fs::remove_dir_all(&path).expect("the scratch directory goes");
}

#[test]
fn a_server_that_came_later_takes_an_earlier_beginning_once() {
    let path = scratch("archive-late");
    let chain = chain(4);
    let archive = open(&path, &chain[2]);
    assert!(archive.is_late(), "nobody said with what the system began");
    let given = GetFirst { from: 5 };
    let part = |archive: &Archive| archive.answer(&ArchiveMessage::GetFirst(given));
    let of_memory = part(&archive);
    archive.begin_with(&chain[2]).expect("it is durable");
    assert_eq!(part(&archive), of_memory, "a file gives the same as what was held");
    archive.begin_with(&chain[0]).expect("it is durable");
    assert!(!archive.is_late());
    assert!(archive.kept().first.is_none(), "what lies in a file is not in memory too");
    let length = u32::try_from(chain[0].to_bytes().len()).expect("a small number");
    let behind = |from| archive.answer(&ArchiveMessage::GetFirst(GetFirst { from }));
    assert!(matches!(behind(length), Some(ArchiveMessage::First(part)) if part.bytes.is_empty()));
    assert_eq!(behind(length + 1), None);
    assert_eq!(archive.lacks(chain[2].epoch()), Some(chain[1].epoch()));
    chain.windows(2).for_each(|pair| put(&archive, pair));
    archive.begin_with(&chain[3]).expect("it is durable");
    drop(archive);

    let archive = open(&path, &chain[2]);
    assert!(!archive.is_late());
    let first = archive.first().expect("it can be read");
    assert_eq!(first.hash(), chain[0].hash(), "a later one changes nothing");
    assert_eq!(archive.lacks(chain[3].epoch()), None);
    std::fs::remove_dir_all(&path).expect("the scratch directory goes");
}

#[test]
fn a_chain_whose_beginning_is_damaged_begins_anew_and_stops_nobody() {
    let path = scratch("archive-anew");
    let chain = chain(usize::try_from(SLACK + 3).expect("a small number"));
    let newest = &chain[chain.len() - 1];
    let archive = open(&path, &chain[0]);
    archive.begin_with(&chain[0]).expect("it is durable");
    chain.windows(2).for_each(|pair| put(&archive, pair));
    std::fs::write(archive.directory.join(FIRST), b"of no system").expect("it is written");
    assert!(archive.known().is_err());
    archive.trim_to(newest, 1).expect("the disk is well");
    assert_eq!(archive.known().expect("it can be read").hash(), newest.hash());
    assert_eq!(archive.lacks(newest.epoch()), None);
    std::fs::remove_dir_all(&path).expect("the scratch directory goes");
}
