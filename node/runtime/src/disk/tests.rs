//! What the disk thread reports, and when.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use quorate_machine::RecordNumber;
use quorate_store::log::LogError;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::{Disk, DiskWork, group_length};
use crate::block_on;
use crate::journal::{Journal, JournalError};
use crate::limits::GROUP_BYTES_MAX;
use crate::metrics::MachineMetrics;
use crate::queue::Ticket;

/// Turns a hang into a failure.
const WATCHDOG: Duration = Duration::from_secs(60);

/// Tells what is done to it, and lets a commit go on only when told to.
struct Scripted {
    told: Arc<Mutex<Vec<String>>>,
    entered: SyncSender<()>,
    outcomes: Receiver<Result<(), JournalError>>,
}

impl Scripted {
    fn tell(&self, what: String) {
        self.told.lock().unwrap().push(what);
    }
}

impl Journal<u32> for Scripted {
    fn append(&mut self, record: u32) -> Result<(), JournalError> {
        self.tell(format!("append {record}"));
        Ok(())
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        self.entered.send(()).unwrap();
        let outcome = self.outcomes.recv_timeout(WATCHDOG).unwrap();
        self.tell(format!("commit {}", outcome.is_ok()));
        outcome
    }

    fn release(&mut self, before: RecordNumber) -> Result<(), JournalError> {
        self.tell(format!("release {}", before.get()));
        Ok(())
    }
}

struct Bench {
    disk: Disk<u32>,
    told: Arc<Mutex<Vec<String>>>,
    entered: Receiver<()>,
    outcomes: SyncSender<Result<(), JournalError>>,
    wake: Arc<Notify>,
    metrics: Arc<MachineMetrics>,
    tickets: u64,
}

impl Bench {
    fn start() -> Self {
        let (entering, entered) = sync_channel(64);
        let (outcomes, receiver) = sync_channel(64);
        let (told, wake) = (Arc::default(), Arc::new(Notify::new()));
        let metrics = Arc::new(MachineMetrics::default());
        let journal = Scripted { told: Arc::clone(&told), entered: entering, outcomes: receiver };
        let (waking, counting) = (Arc::clone(&wake), Arc::clone(&metrics));
        let disk = Disk::start("test", Box::new(journal), waking, counting).unwrap();
        Self { disk, told, entered, outcomes, wake, metrics, tickets: 0 }
    }

    fn append(&mut self, record: u32) {
        self.tickets += 1;
        let ticket = Ticket::new(self.tickets);
        self.disk.add(DiskWork::Append { record, ticket, bytes: 4 });
    }

    fn woken(&self) {
        block_on(async { timeout(WATCHDOG, self.wake.notified()).await }).unwrap().unwrap();
    }

    /// A commit has begun.
    fn entered(&self) {
        self.entered.recv_timeout(WATCHDOG).unwrap();
    }
}

fn failure() -> JournalError {
    let (file, needed_bytes) = (String::from("segment"), 4_096);
    JournalError::Log(LogError::DiskFull { file, needed_bytes })
}

#[test]
fn all_records_that_wait_share_one_commit_and_are_reported_after_it() {
    // RUN-3.
    let mut bench = Bench::start();
    bench.append(0);
    bench.disk.hand_over();
    bench.entered();
    for record in 1..=100 {
        bench.append(record);
        bench.disk.hand_over();
    }
    assert_eq!(bench.disk.durable(), Ticket::ZERO, "the first commit has not come back");
    bench.outcomes.send(Ok(())).unwrap();
    bench.woken();
    bench.entered();
    assert_eq!(bench.disk.durable(), Ticket::new(1));
    bench.outcomes.send(Ok(())).unwrap();
    bench.woken();
    assert_eq!(bench.disk.durable(), Ticket::new(101));
    assert_eq!(bench.metrics.commits.load(std::sync::atomic::Ordering::Relaxed), 2);
}

#[test]
fn records_are_released_only_after_those_before_are_durable() {
    let mut bench = Bench::start();
    bench.append(1);
    bench.disk.add(DiskWork::Release(RecordNumber::new(1)));
    bench.append(2);
    bench.disk.hand_over();
    bench.outcomes.send(Ok(())).unwrap();
    bench.woken();
    let told = bench.told.lock().unwrap().clone();
    assert_eq!(told, ["append 1", "append 2", "commit true", "release 1"]);
}

#[test]
fn after_a_failure_nothing_is_reported_and_nothing_more_is_tried() {
    // RUN-4.
    let mut bench = Bench::start();
    bench.append(1);
    // Before there is work: the thread ends with the first, and takes no more.
    bench.outcomes.send(Err(failure())).unwrap();
    bench.outcomes.send(Ok(())).unwrap();
    bench.disk.hand_over();
    bench.woken();
    let error = bench.disk.take_failure().expect("the commit failed");
    assert!(error.to_string().contains("the disk is full"), "{error}");
    bench.append(2);
    bench.disk.hand_over();
    let told = Arc::clone(&bench.told);
    assert_eq!(bench.disk.durable(), Ticket::ZERO);
    drop(bench);
    assert_eq!(*told.lock().unwrap(), ["append 1", "commit false"]);
}

#[test]
fn a_group_ends_before_it_is_too_large() {
    let large = |bytes| DiskWork::Append { record: (), ticket: Ticket::ZERO, bytes };
    let work = [large(GROUP_BYTES_MAX - 1), large(1), large(1)].into();
    assert_eq!(group_length(&work), 2);
}
