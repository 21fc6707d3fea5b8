//! Journals that a test controls, one on a real disk, and a directory for it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use quorate_machine::RecordNumber;
use quorate_runtime::{Journal, JournalError, LogJournal, RecordCodec};
use quorate_store::log::{LogError, LogOptions};
use quorate_store::medium::RealMedium;
use quorate_wire::DecodeError;

use super::WATCHDOG;
use super::toy::ToyRecord;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Shut,
    Open,
    Broken,
}

/// Lets commits through, holds them, or fails them.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<(Mutex<Door>, Condvar)>);

impl Gate {
    pub(crate) fn shut() -> Self {
        Self(Arc::new((Mutex::new(Door::Shut), Condvar::new())))
    }

    fn set(&self, door: Door) {
        *self.0.0.lock().expect("nobody panics here") = door;
        self.0.1.notify_all();
    }

    pub(crate) fn open(&self) {
        self.set(Door::Open);
    }

    pub(crate) fn fail(&self) {
        self.set(Door::Broken);
    }

    /// A journal that never waits.
    pub(crate) fn open_journal() -> Option<Box<dyn Journal<ToyRecord>>> {
        let gate = Self::shut();
        gate.open();
        gate.journal()
    }

    pub(crate) fn journal(&self) -> Option<Box<dyn Journal<ToyRecord>>> {
        Some(Box::new(Gated(self.clone())))
    }
}

struct Gated(Gate);

impl Journal<ToyRecord> for Gated {
    fn append(&mut self, _: ToyRecord) -> Result<(), JournalError> {
        Ok(())
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        let (door, changed) = &*self.0.0;
        let door = door.lock().expect("nobody panics here");
        // The bound lets a test that failed end.
        let shut = |door: &mut Door| *door == Door::Shut;
        let (door, _) = changed.wait_timeout_while(door, WATCHDOG, shut).expect("nobody panics");
        match *door {
            Door::Open => Ok(()),
            Door::Shut | Door::Broken => {
                let file = String::from("000001.segment");
                Err(JournalError::Log(LogError::DiskFull { file, needed_bytes: 4_096 }))
            }
        }
    }

    fn release(&mut self, _: RecordNumber) -> Result<(), JournalError> {
        Ok(())
    }
}

/// A directory of its own, removed at the end.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("quorate-runtime-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("the temporary directory can be written");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Eight bytes for each record.
#[derive(Debug)]
pub(crate) struct ToyCodec;

impl RecordCodec for ToyCodec {
    type Record = ToyRecord;

    fn encode(&mut self, record: &ToyRecord, bytes: &mut Vec<u8>) -> u8 {
        bytes.extend_from_slice(&record.0.to_be_bytes());
        1
    }

    fn decode(&mut self, kind: u8, bytes: &[u8]) -> Result<ToyRecord, DecodeError> {
        let bytes = bytes.try_into().or(Err(DecodeError::Truncated))?;
        match kind {
            1 => Ok(ToyRecord(u64::from_be_bytes(bytes))),
            tag => Err(DecodeError::UnknownTag { of: "ToyRecord", tag }),
        }
    }
}

/// Opens the log of a toy; returns it with the values that it holds.
pub(crate) fn open_log(path: &Path) -> (LogJournal<RealMedium, ToyCodec>, Vec<u64>) {
    let medium = RealMedium::open(path).expect("the directory is there");
    let options = LogOptions { segment_bytes: 64 * 1024, ..LogOptions::new([1; 32]) };
    let mut values = Vec::new();
    let journal = LogJournal::open(medium, options, ToyCodec, |number, record| {
        values.push(record.0);
        assert_eq!(number.get(), values.len() as u64, "nothing was released");
    });
    (journal.expect("the log is whole"), values)
}
