//! Opening a log: find its segments, check all of it, repair the end, hand out the records.
//!
//! # Invariants
//! - STO-2: recovery returns a gapless run of the appended records, from the first that was not
//!   released (or an earlier one) to at least the last that was committed.
//!
//! What a crash may leave is repaired: a torn last batch is erased, a missing seal is written. The
//! last batch is written again before it is reported, because after a crash of the process alone
//! it may be in the page cache and not on the disk, and after a failed sync the page cache may
//! call it clean although it never reached the disk. Everything else is [`LogError::Corrupt`].

use std::collections::VecDeque;

use super::error::LogError;
use super::format::{Position, SegmentHeader};
use super::scan::Scan;
use super::segment::{self, LiveSegment, SegmentPool, SpareSegment};
use super::{Log, LogOptions, RecordNumber};
use crate::medium::{LogFile, Medium};

mod check;
mod inventory;
mod recovered;
mod repair;

use check::{Checked, check};
use inventory::{Headed, Inventory, check_never_used, fill_pool, take_inventory};
pub use recovered::Recovered;
use repair::repair;

pub(super) fn open<M: Medium>(
    medium: M,
    options: LogOptions,
) -> Result<(Log<M>, Recovered<M::File>), LogError> {
    segment::check_segment_bytes(options.segment_bytes)?;

    let inventory = take_inventory(&medium, &options)?;
    let Some(newest) = inventory.headed.last().map(|segment| segment.header.clone()) else {
        return create(medium, options, inventory);
    };

    let oldest = newest.oldest_sequence;
    let is_live = |segment: &Headed<M::File>| segment.header.sequence >= oldest;
    let (live, unneeded) = inventory.headed.into_iter().partition(is_live);
    let checked = check(&medium, live, &newest)?;
    repair(&medium, &checked)?;
    let mut pool = SegmentPool::new(options.segment_bytes, inventory.next_index);
    fill_pool(&medium, &mut pool, inventory.unheaded, unneeded)?;
    assemble(medium, options, pool, checked)
}

/// Makes a log where there is none.
fn create<M: Medium>(
    medium: M,
    options: LogOptions,
    inventory: Inventory<M::File>,
) -> Result<(Log<M>, Recovered<M::File>), LogError> {
    for segment in &inventory.unheaded {
        check_never_used(&medium, segment)?;
    }
    if options.must_exist {
        return Err(LogError::Missing { directory: medium.display("") });
    }

    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(|error| {
        let source = std::io::Error::other(error.to_string());
        LogError::io("draw a salt for", medium.display(""), source, 0)
    })?;
    let start = Position { record: RecordNumber::new(1), batch: 1, link: [0; 32] };
    let header = SegmentHeader {
        identity: options.identity,
        salt,
        sequence: 1,
        oldest_sequence: 1,
        segment_bytes: options.segment_bytes,
        start,
    };
    let mut pool = SegmentPool::new(options.segment_bytes, inventory.next_index);
    fill_pool(&medium, &mut pool, inventory.unheaded, Vec::new())?;
    let SpareSegment { file, name } = pool.take(&medium)?;
    write_synced(&file, &medium.display(&name), 0, &header.encode())?;
    let scan = Scan::new(&medium, &name, file, &header);
    let checked =
        Checked { names: vec![name], headers: vec![header], scans: vec![scan], torn_tail: false };
    assemble(medium, options, pool, checked)
}

fn assemble<M: Medium>(
    medium: M,
    options: LogOptions,
    pool: SegmentPool<M::File>,
    checked: Checked<M::File>,
) -> Result<(Log<M>, Recovered<M::File>), LogError> {
    let recovered = Recovered::of(&medium, &checked)?;
    let (offset, position) = (checked.end().offset, checked.end().position);
    let salt = checked.headers[0].salt;
    let files = checked.names.into_iter().zip(checked.headers).zip(checked.scans);
    let live = files.map(|((name, header), scan)| LiveSegment {
        file: scan.file,
        name,
        sequence: header.sequence,
        segment_bytes: header.segment_bytes,
        life: scan.life,
        first_record: header.start.record,
    });
    let live = live.collect();
    Ok((Log::assembled(medium, options, Parts { pool, live, salt, offset, position }), recovered))
}

/// What recovery hands to the log.
pub(super) struct Parts<F> {
    pub(super) pool: SegmentPool<F>,
    pub(super) live: VecDeque<LiveSegment<F>>,
    pub(super) salt: [u8; 32],
    pub(super) offset: u64,
    pub(super) position: Position,
}

pub(super) fn write_synced<F: LogFile>(
    file: &F,
    display: &str,
    offset: u64,
    bytes: &[u8],
) -> Result<(), LogError> {
    let needed_bytes = bytes.len() as u64;
    file.write_at(offset, bytes)
        .map_err(|error| LogError::io("write", display.to_string(), error, needed_bytes))?;
    file.sync_data().map_err(|error| LogError::io("sync", display.to_string(), error, needed_bytes))
}

fn listing<M: Medium>(medium: &M, error: std::io::Error) -> LogError {
    LogError::io("read or sync the directory", medium.display(""), error, 0)
}
