//! Checking that the segments of a log follow each other without a gap, and all that they hold.

use super::super::RecordNumber;
use super::super::error::LogError;
use super::super::format::SegmentHeader;
use super::super::scan::{Found, Scan};
use super::inventory::Headed;
use crate::medium::{LogFile, Medium};

/// The log as far as it holds: the scans of its live segments in order.
pub(super) struct Checked<F> {
    pub(super) names: Vec<String>,
    pub(super) headers: Vec<SegmentHeader>,
    pub(super) scans: Vec<Scan<F>>,
    pub(super) torn_tail: bool,
}

impl<F> Checked<F> {
    /// The number of the first record.
    pub(super) fn first(&self) -> RecordNumber {
        self.headers[0].start.record
    }

    /// Where the log ends.
    pub(super) fn end(&self) -> &Scan<F> {
        self.scans.last().expect("a log has a segment")
    }
}

/// Checks that the segments follow each other without a gap, and all that they hold.
pub(super) fn check<M: Medium>(
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
