//! The log of one node as its disk sees it: what is durable, what is written, what is only queued.
//!
//! # Invariants
//! - SIM-2: after a crash the log holds every durable record that was not released, and of the
//!   others a prefix.

use std::collections::VecDeque;

use quorate_machine::RecordNumber;

#[cfg(test)]
mod tests;

/// Records in the order of their numbers.
#[derive(Debug)]
pub(crate) struct Log<R> {
    records: VecDeque<(RecordNumber, R)>,
    /// The last record: `records` ends with it unless all were released.
    appended: u64,
    /// The last record that a crash must spare.
    durable: u64,
    /// The last record that a crash may spare.
    written: u64,
    /// The log forgets whole segments: this many records each.
    segment_records: u64,
}

impl<R: Clone> Log<R> {
    pub(crate) fn new(segment_records: u64) -> Self {
        assert!(segment_records > 0, "a segment holds records");
        Self { records: VecDeque::new(), appended: 0, durable: 0, written: 0, segment_records }
    }

    /// Queues a record.
    pub(crate) fn append(&mut self, record: R) -> u64 {
        self.appended += 1;
        self.records.push_back((RecordNumber::new(self.appended), record));
        self.appended
    }

    pub(crate) const fn appended(&self) -> u64 {
        self.appended
    }

    pub(crate) const fn durable(&self) -> u64 {
        self.durable
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// The records up to here are on their way to the disk.
    pub(crate) fn write(&mut self, through: u64) {
        assert!(through <= self.appended, "SIM-2: record {through} does not exist");
        self.written = self.written.max(through);
    }

    /// The disk has confirmed the records up to here.
    pub(crate) fn sync(&mut self, through: u64) {
        assert!(through <= self.written, "SIM-2: record {through} was not written");
        self.durable = self.durable.max(through);
    }

    /// Records above `durable` that the disk may or may not hold.
    pub(crate) const fn uncertain_count(&self) -> u64 {
        self.written - self.durable
    }

    /// Forgets the segments that end below this number.
    pub(crate) fn release(&mut self, below: RecordNumber) {
        let kept = below.get().min(self.appended + 1).saturating_sub(1);
        let first = kept - kept % self.segment_records + 1;
        while self.records.front().is_some_and(|(number, _)| number.get() < first) {
            self.records.pop_front();
        }
    }

    /// The node loses its memory and its disk's cache: the records above `through` are gone.
    pub(crate) fn crash(&mut self, through: u64) {
        let possible = self.durable <= through && through <= self.written;
        assert!(possible, "SIM-2: {through} is not from {} to {}", self.durable, self.written);
        self.cut(through);
    }

    /// The disk breaks its word, or an old copy of it comes back: the records above are gone.
    pub(crate) fn cut(&mut self, through: u64) {
        while self.records.back().is_some_and(|(number, _)| number.get() > through) {
            self.records.pop_back();
        }
        self.appended = through;
        self.written = through;
        self.durable = through;
    }

    /// What a node finds when it starts again.
    pub(crate) fn recovered(&self) -> Vec<(RecordNumber, R)> {
        assert!(self.appended == self.durable, "SIM-2: a log is read after its crash");
        self.records.iter().cloned().collect()
    }

    /// A record that was not released.
    pub(crate) fn get(&self, number: u64) -> Option<&R> {
        let first = self.records.front()?.0.get();
        let index = usize::try_from(number.checked_sub(first)?).ok()?;
        self.records.get(index).map(|(_, record)| record)
    }
}
