//! Reading a segment batch by batch, and telling a torn tail from rot.
//!
//! A commit is written only after the one before it was synced. So after a crash at most the last
//! batch can be incomplete, and nothing of this use of the segment follows it. A batch that does
//! not hold but is followed by a later one was acknowledged: that is damage, not a crash.

use super::error::LogError;
use super::format::{self, BATCH_HEADER_BYTES, BLOCK_BYTES, BatchHeader, Position, SegmentHeader};
use crate::medium::{LogFile, Medium};

const BLOCK: u64 = BLOCK_BYTES as u64;

/// What stands at the place that a scan has reached.
#[derive(Debug)]
pub(super) enum Found {
    /// A whole batch that continues the log: its records.
    Records(Vec<u8>),
    /// The log goes on in the next segment.
    Seal,
    /// Nothing that holds.
    End,
}

/// A reader of one segment.
#[derive(Debug)]
pub(super) struct Scan<F> {
    pub(super) file: F,
    /// The name to show.
    pub(super) display: String,
    pub(super) life: u64,
    segment_bytes: u64,
    /// Where the next batch should stand.
    pub(super) offset: u64,
    /// The offset and padded length of the last batch that held.
    pub(super) last_batch: Option<(u64, u64)>,
    pub(super) position: Position,
}

impl<F: LogFile> Scan<F> {
    pub(super) fn new<M: Medium<File = F>>(
        medium: &M,
        name: &str,
        file: F,
        header: &SegmentHeader,
    ) -> Self {
        Self {
            file,
            display: medium.display(name),
            life: header.life(),
            segment_bytes: header.segment_bytes,
            offset: BLOCK,
            last_batch: None,
            position: header.start,
        }
    }

    /// Reads the next batch and checks that it continues the log.
    pub(super) fn step(&mut self) -> Result<Found, LogError> {
        let Some((header, mut batch)) = self.whole_batch(self.offset)? else {
            return Ok(Found::End);
        };
        if header.number != self.position.batch {
            return Ok(Found::End);
        }
        let Some(link) = format::continued_link(&self.position.link, &batch) else {
            return Err(self.corrupt("a whole batch does not continue the one before it"));
        };
        if header.first != self.position.record {
            return Err(self.corrupt("the record numbers have a gap"));
        }
        if header.is_seal() {
            return Ok(Found::Seal);
        }

        let padded = header.len().next_multiple_of(BLOCK);
        self.last_batch = Some((self.offset, padded));
        self.offset += padded;
        self.position = Position {
            record: header.first.plus(u64::from(header.count)),
            batch: header.number + 1,
            link,
        };
        batch.drain(..BATCH_HEADER_BYTES);
        Ok(Found::Records(batch))
    }

    /// Requires: the scan has ended. Fails if what follows shows that acknowledged records were
    /// damaged here.
    pub(super) fn check_nothing_follows(&self) -> Result<(), LogError> {
        let mut offset = self.offset;
        while offset + BLOCK <= self.segment_bytes {
            let found = self.whole_batch(offset)?;
            if found.is_some_and(|(header, _)| header.number > self.position.batch) {
                return Err(self.corrupt("a damaged batch is followed by a whole one"));
            }
            offset += BLOCK;
        }
        Ok(())
    }

    /// Whether the block where the next batch should stand holds only zeros.
    pub(super) fn end_is_blank(&self) -> Result<bool, LogError> {
        if self.offset + BLOCK > self.segment_bytes {
            return Ok(true);
        }
        let block = self.read(self.offset, BLOCK_BYTES)?;
        Ok(block.iter().all(|byte| *byte == 0))
    }

    pub(super) fn corrupt(&self, reason: &'static str) -> LogError {
        LogError::Corrupt { file: self.display.clone(), offset: self.offset, reason }
    }

    /// The batch of this use of the segment at `offset` whose check sum holds.
    fn whole_batch(&self, offset: u64) -> Result<Option<(BatchHeader, Vec<u8>)>, LogError> {
        if offset + BLOCK > self.segment_bytes {
            return Ok(None);
        }
        let mut batch = self.read(offset, BLOCK_BYTES)?;
        let Some(header) = BatchHeader::decode(&batch, self.life) else {
            return Ok(None);
        };
        if header.len() > self.segment_bytes - offset {
            return Ok(None);
        }
        let length = usize::try_from(header.len()).expect("a segment fits into memory");
        if length > batch.len() {
            batch = self.read(offset, length)?;
        }
        batch.truncate(length);
        let whole = batch.len() == length && format::crc_holds(&batch);
        Ok(whole.then_some((header, batch)))
    }

    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, LogError> {
        read(&self.file, &self.display, offset, length)
    }
}

/// Reads up to `length` bytes; fewer at the end of the file.
pub(super) fn read<F: LogFile>(
    file: &F,
    display: &str,
    offset: u64,
    length: usize,
) -> Result<Vec<u8>, LogError> {
    let mut bytes = vec![0; length];
    let filled = file
        .read_at(offset, &mut bytes)
        .map_err(|error| LogError::io("read", display.to_string(), error, 0))?;
    bytes.truncate(filled);
    Ok(bytes)
}
