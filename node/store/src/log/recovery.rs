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
use super::format::{
    self, BLOCK_BYTES, BatchBuffer, BatchKind, HeaderBlock, Position, SegmentHeader,
};
use super::scan::{self, Found, Scan};
use super::segment::{self, LiveSegment, SPARE_SEGMENTS_MAX, SegmentPool, SpareSegment};
use super::{Log, LogOptions, Record, RecordNumber};
use crate::medium::{LogFile, Medium};

/// The records that a log held when it was opened, in order.
///
/// They are read as they are asked for: take them before the first [`Log::release`].
#[derive(Debug)]
pub struct Recovered<F> {
    segments: VecDeque<Scan<F>>,
    batch: Vec<u8>,
    consumed_bytes: usize,
    next: RecordNumber,
    end: RecordNumber,
    torn_tail: bool,
}

impl<F: LogFile> Recovered<F> {
    /// The number of the first record that comes, or would come if there were one.
    #[must_use]
    pub fn first(&self) -> RecordNumber {
        self.next
    }

    /// Whether something stood behind the last record and was erased: mostly a batch that was
    /// being written in a crash and never acknowledged, or bytes of a former use of the segment.
    #[must_use]
    pub fn torn_tail(&self) -> bool {
        self.torn_tail
    }

    fn next_record(&mut self) -> Result<Option<Record>, LogError> {
        if self.next == self.end {
            return Ok(None);
        }
        while self.consumed_bytes == self.batch.len() {
            self.next_batch()?;
        }
        let rest = &self.batch[self.consumed_bytes..];
        let Some((kind, payload, after)) = format::split_record(rest) else {
            return Err(self.changed("the records of a batch do not fill it"));
        };
        let record = Record { number: self.next, kind, bytes: payload.to_vec() };
        self.consumed_bytes = self.batch.len() - after.len();
        self.next = self.next.plus(1);
        Ok(Some(record))
    }

    fn next_batch(&mut self) -> Result<(), LogError> {
        let Some(scan) = self.segments.front_mut() else {
            return Err(self.changed("records that were there a moment ago are gone"));
        };
        match scan.step()? {
            Found::Records(batch) => {
                self.batch = batch;
                self.consumed_bytes = 0;
            }
            Found::Seal | Found::End => {
                self.segments.pop_front();
            }
        }
        Ok(())
    }

    fn changed(&self, reason: &'static str) -> LogError {
        let (file, offset) = match self.segments.front() {
            Some(scan) => (scan.display.clone(), scan.offset),
            None => (String::from("the last segment"), 0),
        };
        LogError::Corrupt { file, offset, reason }
    }
}

impl<F: LogFile> Iterator for Recovered<F> {
    type Item = Result<Record, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.next_record().transpose();
        if matches!(item, Some(Err(_))) {
            self.next = self.end;
        }
        item
    }
}

/// A segment file whose header holds.
struct Headed<F> {
    name: String,
    file: F,
    header: SegmentHeader,
}

/// A segment file without a header that holds.
struct Unheaded<F> {
    name: String,
    file: F,
}

/// What the directory holds.
struct Inventory<F> {
    headed: Vec<Headed<F>>,
    unheaded: Vec<Unheaded<F>>,
    next_index: u64,
}

/// The log as far as it holds: the scans of its live segments in order.
struct Checked<F> {
    names: Vec<String>,
    headers: Vec<SegmentHeader>,
    scans: Vec<Scan<F>>,
    torn_tail: bool,
}

pub(super) fn open<M: Medium>(
    medium: M,
    options: LogOptions,
) -> Result<(Log<M>, Recovered<M::File>), LogError> {
    segment::check_segment_bytes(options.segment_bytes)?;

    let mut inventory = take_inventory(&medium, &options)?;
    inventory.headed.sort_by_key(|segment| segment.header.sequence);
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

fn take_inventory<M: Medium>(
    medium: &M,
    options: &LogOptions,
) -> Result<Inventory<M::File>, LogError> {
    let mut names = medium.list().map_err(|error| listing(medium, error))?;
    names.retain(|name| segment::segment_index(name).is_some());
    names.sort_unstable();

    let mut inventory = Inventory { headed: Vec::new(), unheaded: Vec::new(), next_index: 1 };
    for name in names {
        let index = segment::segment_index(&name).expect("only such names were kept");
        inventory.next_index = inventory.next_index.max(index.saturating_add(1));
        let display = medium.display(&name);
        let fail = |error| LogError::io("open", display.clone(), error, 0);
        let file = medium.open(&name).map_err(fail)?;
        let block = scan::read(&file, &display, 0, BLOCK_BYTES)?;
        match SegmentHeader::decode(&block) {
            HeaderBlock::Valid(header) if header.identity == options.identity => {
                inventory.headed.push(Headed { name, file, header });
            }
            HeaderBlock::Valid(_) | HeaderBlock::OtherVersion => {
                return Err(LogError::Foreign { file: display });
            }
            HeaderBlock::Blank | HeaderBlock::Unreadable => {
                inventory.unheaded.push(Unheaded { name, file });
            }
        }
    }
    Ok(inventory)
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

/// Without any header, a file with content is a log whose only header was damaged.
fn check_never_used<M: Medium>(medium: &M, segment: &Unheaded<M::File>) -> Result<(), LogError> {
    let display = medium.display(&segment.name);
    let mut offset = BLOCK_BYTES as u64;
    loop {
        let block = scan::read(&segment.file, &display, offset, BLOCK_BYTES)?;
        if block.is_empty() {
            return Ok(());
        }
        if block.iter().any(|byte| *byte != 0) {
            let reason = "the header of a used segment is damaged";
            return Err(LogError::Corrupt { file: display, offset: 0, reason });
        }
        offset += block.len() as u64;
    }
}

/// Checks that the segments follow each other without a gap, and all that they hold.
fn check<M: Medium>(
    medium: &M,
    live: Vec<Headed<M::File>>,
    newest: &SegmentHeader,
) -> Result<Checked<M::File>, LogError> {
    let mut checked = Checked {
        names: Vec::new(),
        headers: Vec::new(),
        scans: Vec::<Scan<M::File>>::new(),
        torn_tail: false,
    };
    assert!(!live.is_empty(), "STO-2: the newest segment needs at least itself");
    for (expected_sequence, segment) in (newest.oldest_sequence..).zip(live) {
        let Headed { name, file, header } = segment;
        let mut scan = Scan::new(medium, &name, file, &header);
        check_header(&scan, &header, expected_sequence, newest)?;
        if let Some(previous) = checked.scans.last()
            && previous.position != header.start
        {
            return Err(previous.corrupt("the end of a segment is damaged"));
        }
        let sealed = read_to_end(&mut scan)?;
        if header.sequence == newest.sequence {
            if sealed {
                return Err(scan.corrupt("the next segment is missing"));
            }
            scan.check_nothing_follows()?;
            checked.torn_tail = !scan.end_is_blank()?;
        }
        checked.names.push(name);
        checked.headers.push(header);
        checked.scans.push(scan);
    }
    Ok(checked)
}

fn check_header<F: LogFile>(
    scan: &Scan<F>,
    header: &SegmentHeader,
    expected_sequence: u64,
    newest: &SegmentHeader,
) -> Result<(), LogError> {
    let fail = |reason| Err(LogError::Corrupt { file: scan.display.clone(), offset: 0, reason });
    if header.sequence > expected_sequence {
        return fail("the segment before this one is missing");
    }
    if header.sequence < expected_sequence {
        return fail("two segments have the same sequence");
    }
    if header.salt != newest.salt {
        return fail("the segment belongs to another log");
    }
    let length = scan
        .file
        .length()
        .map_err(|error| LogError::io("measure", scan.display.clone(), error, 0))?;
    if length < header.segment_bytes {
        return fail("the file is shorter than its header says");
    }
    Ok(())
}

/// Reads all batches; returns whether a seal ends them.
fn read_to_end<F: LogFile>(scan: &mut Scan<F>) -> Result<bool, LogError> {
    loop {
        match scan.step()? {
            Found::Records(_) => {}
            Found::Seal => return Ok(true),
            Found::End => return Ok(false),
        }
    }
}

/// Erases a torn tail, and makes durable what is about to be reported.
fn repair<M: Medium>(medium: &M, checked: &Checked<M::File>) -> Result<(), LogError> {
    let (Some(last), Some(header)) = (checked.scans.last(), checked.headers.last()) else {
        return Ok(());
    };
    let write = |offset: u64, bytes: &[u8]| {
        last.file
            .write_at(offset, bytes)
            .map_err(|error| LogError::io("write", last.display.clone(), error, bytes.len() as u64))
    };
    write(0, &header.encode())?;
    if let Some((offset, length)) = last.last_batch {
        let length = usize::try_from(length).expect("a segment fits into memory");
        write(offset, &scan::read(&last.file, &last.display, offset, length)?)?;
    }
    if checked.torn_tail {
        write(last.offset, &[0; BLOCK_BYTES])?;
    }
    last.file.sync_data().map_err(|error| LogError::io("sync", last.display.clone(), error, 0))?;

    medium.sync_dir().map_err(|error| listing(medium, error))?;

    let before_last = checked.scans.iter().rev().nth(1);
    match before_last {
        Some(previous) if last.last_batch.is_none() => write_seal(previous),
        Some(_) | None => Ok(()),
    }
}

/// The crash may have come between the header of the last segment and the seal of the one before.
fn write_seal<F: LogFile>(previous: &Scan<F>) -> Result<(), LogError> {
    let position = &previous.position;
    let mut seal = BatchBuffer::new(position.record, Vec::new());
    let (bytes, _) = seal.finish(BatchKind::Seal, previous.life, position);
    write_synced(&previous.file, &previous.display, previous.offset, bytes)
}

/// Keeps released segments to use again, up to a number, and removes the other files.
///
/// A file that was never used is removed too: the process that filled it may have ended before
/// its sync, or because of it, and then its length is only in the page cache.
fn fill_pool<M: Medium>(
    medium: &M,
    pool: &mut SegmentPool<M::File>,
    unheaded: Vec<Unheaded<M::File>>,
    unneeded: Vec<Headed<M::File>>,
) -> Result<(), LogError> {
    let mut names: Vec<String> = unheaded.into_iter().map(|segment| segment.name).collect();
    for Headed { name, file, header } in unneeded {
        if header.segment_bytes == pool.segment_bytes() && pool.len() < SPARE_SEGMENTS_MAX {
            pool.add(SpareSegment { file, name });
        } else {
            names.push(name);
        }
    }
    for name in names {
        medium
            .remove(&name)
            .map_err(|error| LogError::io("remove", medium.display(&name), error, 0))?;
    }
    medium.sync_dir().map_err(|error| listing(medium, error))
}

fn assemble<M: Medium>(
    medium: M,
    options: LogOptions,
    pool: SegmentPool<M::File>,
    checked: Checked<M::File>,
) -> Result<(Log<M>, Recovered<M::File>), LogError> {
    let end = checked.scans.last().expect("a log has a segment");
    let (offset, position) = (end.offset, end.position);
    let mut segments = VecDeque::new();
    for (name, header) in checked.names.iter().zip(&checked.headers) {
        let file = medium
            .open(name)
            .map_err(|error| LogError::io("open", medium.display(name), error, 0))?;
        segments.push_back(Scan::new(&medium, name, file, header));
    }
    let first = checked.headers[0].start.record;
    let recovered = Recovered {
        segments,
        batch: Vec::new(),
        consumed_bytes: 0,
        next: first,
        end: position.record,
        torn_tail: checked.torn_tail,
    };

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
