//! Segment files: their names, and the pool that has the next one ready before it is needed.
//!
//! A segment that nobody needs any more is overwritten, never removed: removing a large file makes
//! the syncs of everyone on that disk wait for tens of milliseconds. The oldest is taken first, so
//! the segments that remain are always a gapless run. A new file is filled with zeros ahead of its
//! use, a bounded step between commits, so that later syncs find its blocks allocated.

use std::collections::VecDeque;

use super::RecordNumber;
use super::error::LogError;
use super::format::BLOCK_BYTES;
use crate::medium::{LogFile, Medium};

/// The least that one preparation step fills, in bytes.
const FILL_STEP_BYTES_MIN: u64 = 256 * 1024;
/// How much faster than the log grows the next segment is filled.
const FILL_STEPS_PER_BATCH: u64 = 4;
/// What files are filled with, piece by piece.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
/// Unneeded segments kept when a log opens; more are removed then.
pub(super) const SPARE_SEGMENTS_MAX: usize = 4;

const NAME_PREFIX: &str = "segment-";

/// A segment that holds needed records.
#[derive(Debug)]
pub(super) struct LiveSegment<F> {
    pub(super) file: F,
    pub(super) name: String,
    pub(super) sequence: u64,
    pub(super) segment_bytes: u64,
    pub(super) life: u64,
    pub(super) first_record: RecordNumber,
}

/// A file of full length whose content nobody needs.
#[derive(Debug)]
pub(super) struct SpareSegment<F> {
    pub(super) file: F,
    pub(super) name: String,
}

#[derive(Debug)]
struct Filling<F> {
    spare: SpareSegment<F>,
    filled_bytes: u64,
}

/// Segments in waiting.
#[derive(Debug)]
pub(super) struct SegmentPool<F> {
    segment_bytes: u64,
    spares: VecDeque<SpareSegment<F>>,
    filling: Option<Filling<F>>,
    next_index: u64,
    /// The last step ahead of time failed; the next try is made when the segment is needed.
    postponed: bool,
}

impl<F: LogFile> SegmentPool<F> {
    pub(super) fn new(segment_bytes: u64, next_index: u64) -> Self {
        Self { segment_bytes, spares: VecDeque::new(), filling: None, next_index, postponed: false }
    }

    /// Adds a file to be overwritten after all that were added before.
    pub(super) fn add(&mut self, spare: SpareSegment<F>) {
        self.spares.push_back(spare);
    }

    pub(super) fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    pub(super) fn len(&self) -> usize {
        self.spares.len()
    }

    /// A segment to write to, made on the spot if none was ready. On an error nothing of the log
    /// has changed.
    pub(super) fn take<M: Medium<File = F>>(
        &mut self,
        medium: &M,
    ) -> Result<SpareSegment<F>, LogError> {
        self.postponed = false;
        loop {
            if let Some(spare) = self.spares.pop_front() {
                return Ok(spare);
            }
            self.fill(medium, self.segment_bytes)?;
        }
    }

    /// One bounded step towards the next segment; `batch_bytes` were just committed. A failure
    /// here concerns no record: it is reported when the segment is needed.
    pub(super) fn prepare<M: Medium<File = F>>(&mut self, medium: &M, batch_bytes: u64) {
        if !self.spares.is_empty() || self.postponed {
            return;
        }
        let step_bytes = FILL_STEP_BYTES_MIN.max(batch_bytes * FILL_STEPS_PER_BATCH);
        self.postponed = self.fill(medium, step_bytes).is_err();
    }

    fn fill<M: Medium<File = F>>(&mut self, medium: &M, step_bytes: u64) -> Result<(), LogError> {
        // Taken, so that a failure forgets the file: it is created afresh at the next try.
        let mut filling = match self.filling.take() {
            Some(filling) => filling,
            None => self.create(medium)?,
        };
        let SpareSegment { file, name } = &filling.spare;
        let step_bytes = step_bytes.min(self.segment_bytes - filling.filled_bytes);
        let fail = |operation, source| {
            LogError::io(operation, medium.display(name), source, self.segment_bytes)
        };

        // A buffer of a whole segment would stay resident in the allocator for as long as the
        // process lives, once for each thread that opens a log.
        let end = filling.filled_bytes + step_bytes;
        let mut place = filling.filled_bytes;
        while place < end {
            let piece = usize::try_from((end - place).min(ZEROS.len() as u64));
            let piece = &ZEROS[..piece.expect("limited by a usize")];
            file.write_at(place, piece).map_err(|error| fail("fill", error))?;
            place += piece.len() as u64;
        }
        file.sync_data().map_err(|error| fail("sync", error))?;
        filling.filled_bytes = end;
        if filling.filled_bytes < self.segment_bytes {
            self.filling = Some(filling);
            return Ok(());
        }
        medium.sync_dir().map_err(|error| fail("sync the directory of", error))?;
        self.next_index += 1;
        self.spares.push_back(filling.spare);
        Ok(())
    }

    fn create<M: Medium<File = F>>(&self, medium: &M) -> Result<Filling<F>, LogError> {
        let name = segment_name(self.next_index);
        let file = medium.create(&name).map_err(|error| {
            LogError::io("create", medium.display(&name), error, self.segment_bytes)
        })?;
        Ok(Filling { spare: SpareSegment { file, name }, filled_bytes: 0 })
    }
}

/// The name of a segment file. The index tells files apart and says nothing about their content.
pub(super) fn segment_name(index: u64) -> String {
    format!("{NAME_PREFIX}{index:08}")
}

/// The index in the name of a segment file; none for other files.
pub(super) fn segment_index(name: &str) -> Option<u64> {
    name.strip_prefix(NAME_PREFIX)?.parse().ok()
}

/// Whether segments of this length can hold a header, one batch and a seal.
pub(super) fn check_segment_bytes(segment_bytes: u64) -> Result<(), LogError> {
    let fail = |reason| Err(LogError::Options { segment_bytes, reason });
    let block_bytes = BLOCK_BYTES as u64;
    if !segment_bytes.is_multiple_of(block_bytes) {
        return fail("the size must be a multiple of 4096");
    }
    if segment_bytes < 3 * block_bytes {
        return fail("the size must be at least 12288");
    }
    if segment_bytes > u64::from(u32::MAX) {
        return fail("the size must be below 4 GiB");
    }
    Ok(())
}
