//! The records that recovery hands out, read again as they are asked for.

use std::collections::VecDeque;

use super::super::error::LogError;
use super::super::format;
use super::super::scan::{Found, Scan};
use super::super::{Record, RecordNumber};
use super::check::Checked;
use crate::medium::{LogFile, Medium};

/// The records that a log held when it was opened, in order.
///
/// They are read as they are asked for: take them before the first
/// [`Log::release`](super::super::Log::release).
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
    /// The records of a log that was checked, from files that are opened anew.
    pub(super) fn of<M: Medium<File = F>>(
        medium: &M,
        checked: &Checked<F>,
    ) -> Result<Self, LogError> {
        let mut segments = VecDeque::new();
        for (name, header) in checked.names.iter().zip(&checked.headers) {
            let file = medium
                .open(name)
                .map_err(|error| LogError::io("open", medium.display(name), error, 0))?;
            segments.push_back(Scan::new(medium, name, file, header));
        }
        Ok(Self {
            segments,
            batch: Vec::new(),
            consumed_bytes: 0,
            next: checked.first(),
            end: checked.end().position.record,
            torn_tail: checked.torn_tail,
        })
    }

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
