//! What a crash may leave is repaired: a torn last batch is erased, a missing seal is written.

use super::super::error::LogError;
use super::super::format::{BLOCK_BYTES, BatchBuffer, BatchKind};
use super::super::scan::{self, Scan};
use super::check::Checked;
use super::{listing, write_synced};
use crate::medium::{LogFile, Medium};

/// Erases a torn tail, and makes durable what is about to be reported.
pub(super) fn repair<M: Medium>(medium: &M, checked: &Checked<M::File>) -> Result<(), LogError> {
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
