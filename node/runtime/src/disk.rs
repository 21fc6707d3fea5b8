//! The disk thread of one machine: takes records in batches and makes each batch durable at once.
//!
//! All records that wait when the thread looks share one commit. Each machine with a journal has a
//! thread of its own, so that a large object of the storage does not delay a vote of a replica.
//!
//! # Invariants
//! - RUN-3: a record is reported durable only after a commit that began behind it has succeeded.
//! - RUN-4: after a failure nothing more is reported durable, ever.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use quorate_machine::RecordNumber;
use tokio::sync::Notify;

use crate::journal::{Journal, JournalError};
use crate::limits::{GROUP_BYTES_MAX, GROUP_RECORDS_MAX};
use crate::mailbox::Mailbox;
use crate::metrics::{MachineMetrics, count};
use crate::queue::Ticket;
use crate::spawn::Thread;

/// Work for the disk thread.
pub(crate) enum DiskWork<R> {
    Append { record: R, ticket: Ticket, bytes: usize },
    Release(RecordNumber),
}

impl<R> DiskWork<R> {
    const fn bytes(&self) -> usize {
        match self {
            Self::Append { bytes, .. } => *bytes,
            Self::Release(_) => 0,
        }
    }
}

/// What the thread and its machine share.
struct Shared<R> {
    mailbox: Mailbox<DiskWork<R>>,
    durable: AtomicU64,
    failure: Mutex<Option<JournalError>>,
    wake: Arc<Notify>,
    metrics: Arc<MachineMetrics>,
}

/// The machine's end of its disk thread. Dropping it ends the thread after what it is doing.
pub(crate) struct Disk<R> {
    shared: Arc<Shared<R>>,
    /// Collected since the last hand-over.
    batch: Vec<DiskWork<R>>,
    thread: Thread,
}

impl<R: Send + 'static> Disk<R> {
    pub(crate) fn start(
        name: &str,
        journal: Box<dyn Journal<R>>,
        wake: Arc<Notify>,
        metrics: Arc<MachineMetrics>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            mailbox: Mailbox::new(),
            durable: AtomicU64::new(0),
            failure: Mutex::new(None),
            wake: Arc::clone(&wake),
            metrics,
        });
        let of_thread = Arc::clone(&shared);
        let thread = Thread::start(name, Some(wake), move || run(&of_thread, journal))?;
        Ok(Self { shared, batch: Vec::new(), thread })
    }
}

impl<R> Disk<R> {
    /// Adds work to the next hand-over.
    pub(crate) fn add(&mut self, work: DiskWork<R>) {
        self.batch.push(work);
    }

    /// Hands over what was added.
    pub(crate) fn hand_over(&mut self) {
        if !self.batch.is_empty() {
            self.shared.mailbox.push_all(self.batch.drain(..));
        }
    }

    /// The last record that is durable.
    pub(crate) fn durable(&self) -> Ticket {
        Ticket::new(self.shared.durable.load(Ordering::Acquire))
    }

    /// Why the thread has ended, once.
    pub(crate) fn take_failure(&self) -> Option<JournalError> {
        self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn died(&self) -> bool {
        self.thread.died()
    }
}

impl<R> Drop for Disk<R> {
    fn drop(&mut self) {
        self.shared.mailbox.abandon();
    }
}

fn run<R>(shared: &Shared<R>, mut journal: Box<dyn Journal<R>>) {
    while let Some(group) = shared.mailbox.take(group_length) {
        let outcome = perform(shared, &mut *journal, group);
        if let Err(error) = outcome {
            // RUN-4: the thread ends, so that nothing can be reported any more.
            *shared.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            shared.wake.notify_one();
            return;
        }
        shared.wake.notify_one();
        journal.prepare();
    }
}

/// How much of the work at hand shares a commit.
fn group_length<R>(work: &VecDeque<DiskWork<R>>) -> usize {
    let mut bytes = 0;
    let fits = |one: &&DiskWork<R>| {
        bytes += one.bytes();
        bytes <= GROUP_BYTES_MAX
    };
    work.iter().take(GROUP_RECORDS_MAX).take_while(fits).count()
}

/// Appends, commits, reports, and only then releases.
fn perform<R>(
    shared: &Shared<R>,
    journal: &mut dyn Journal<R>,
    group: Vec<DiskWork<R>>,
) -> Result<(), JournalError> {
    let (mut last, mut released, mut records) = (None, None, 0);
    for work in group {
        match work {
            DiskWork::Append { record, ticket, .. } => {
                assert!(last.is_none_or(|last| last < ticket), "RUN-3: records in their order");
                journal.append(record)?;
                last = Some(ticket);
                records += 1;
            }
            DiskWork::Release(before) => released = released.max(Some(before)),
        }
    }
    if let Some(last) = last {
        let began = Instant::now();
        journal.commit()?;
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let before = shared.durable.swap(last.get(), Ordering::AcqRel);
        assert_eq!(before + records, last.get(), "RUN-3: each record is reported once");
        let metrics = &shared.metrics;
        metrics.commit_micros.add(micros);
        metrics.group_records.add(records);
        metrics.records_durable.fetch_add(records, Ordering::Relaxed);
        count(&metrics.commits);
    }
    released.map_or(Ok(()), |before| journal.release(before))
}

#[cfg(test)]
mod tests;
