//! The journal on a write-ahead log, with records that also change a state on disk.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use quorate_machine::RecordNumber;
use quorate_runtime::{Journal, JournalError, LogJournal, RecordCodec};
use quorate_store::error::StoreError;
use quorate_store::image::StateImage;
use quorate_store::log::LogOptions;
use quorate_store::medium::RealMedium;
use quorate_wire::DecodeError;

use crate::support::journals::{Scratch, ToyCodec, open_log};
use crate::support::toy::ToyRecord;

/// Values from here on are checkpoints: they change the state on disk.
const CHECKPOINTS: u64 = 1_000;

/// Writes checkpoints to an image, and notes what a crash at that moment would leave in the log.
struct ImageCodec {
    image: Option<StateImage>,
    log: PathBuf,
    left_by_crash: Arc<Mutex<Vec<Vec<u64>>>>,
}

impl RecordCodec for ImageCodec {
    type Record = ToyRecord;

    fn encode(&mut self, record: &ToyRecord, bytes: &mut Vec<u8>) -> u8 {
        ToyCodec.encode(record, bytes)
    }

    fn decode(&mut self, kind: u8, bytes: &[u8]) -> Result<ToyRecord, DecodeError> {
        ToyCodec.decode(kind, bytes)
    }

    fn changes_state(&self, record: &ToyRecord) -> bool {
        record.0 >= CHECKPOINTS
    }

    fn apply(&mut self, record: &ToyRecord) -> Result<(), StoreError> {
        let copy = Scratch::new();
        copy_files(&self.log, copy.path());
        let left = open_log(copy.path()).1;
        self.left_by_crash.lock().expect("nobody panics here").push(left);
        let change = (b"slot".to_vec(), Some(record.0.to_be_bytes().to_vec()));
        match &self.image {
            Some(image) => image.apply(&[change], &record.0.to_be_bytes()),
            None => Err(StoreError::DiskFull { path: self.log.clone(), needed_bytes: 1 }),
        }
    }
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("it is there") {
        let entry = entry.expect("it is listed");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("there is room");
    }
}

type Opened = (LogJournal<RealMedium, ImageCodec>, Arc<Mutex<Vec<Vec<u64>>>>);

fn open(log: &Scratch, image: Option<StateImage>) -> Opened {
    let left_by_crash = Arc::default();
    let codec = ImageCodec {
        image,
        log: log.path().to_path_buf(),
        left_by_crash: Arc::clone(&left_by_crash),
    };
    let medium = RealMedium::open(log.path()).expect("the directory is there");
    let options = LogOptions { segment_bytes: 64 * 1024, ..LogOptions::new([1; 32]) };
    let journal = LogJournal::open(medium, options, codec, |_, _| ()).expect("the log is whole");
    (journal, left_by_crash)
}

#[test]
fn the_state_on_disk_is_never_ahead_of_the_records_before_it() {
    // RUN-5.
    let (log, images) = (Scratch::new(), Scratch::new());
    let image = StateImage::open(&images.path().join("image")).unwrap();
    let (mut journal, left_by_crash) = open(&log, Some(image));
    for value in [1, 2, CHECKPOINTS, 3, CHECKPOINTS + 1] {
        journal.append(ToyRecord(value)).unwrap();
    }
    journal.commit().unwrap();
    assert_eq!(*left_by_crash.lock().unwrap(), [vec![1, 2], vec![1, 2, CHECKPOINTS, 3]]);
    let image = journal.codec().image.as_ref().unwrap();
    assert_eq!(image.mark().unwrap(), Some((CHECKPOINTS + 1).to_be_bytes().to_vec()));
    assert_eq!(journal.last_number(), RecordNumber::new(5));
    drop(journal);
    assert_eq!(open_log(log.path()).1, [1, 2, CHECKPOINTS, 3, CHECKPOINTS + 1]);
}

#[test]
fn a_record_whose_change_of_state_failed_is_not_in_the_log() {
    // RUN-5.
    let log = Scratch::new();
    let (mut journal, _) = open(&log, None);
    journal.append(ToyRecord(1)).unwrap();
    let error = journal.append(ToyRecord(CHECKPOINTS)).unwrap_err();
    assert!(matches!(error, JournalError::Store(StoreError::DiskFull { .. })), "{error:?}");
    drop(journal);
    assert_eq!(open_log(log.path()).1, [1]);
}

#[test]
fn released_segments_are_used_again_and_numbers_go_on() {
    let log = Scratch::new();
    let (mut journal, _) = open_log(log.path());
    for value in 0..20_000 {
        journal.append(ToyRecord(value)).unwrap();
        if value % 100 == 0 {
            journal.commit().unwrap();
            journal.release(RecordNumber::new(value)).unwrap();
        }
    }
    journal.commit().unwrap();
    assert_eq!(journal.last_number(), RecordNumber::new(20_000));
    let files = std::fs::read_dir(log.path()).unwrap().count();
    assert!(files < 8, "{files} files for half a megabyte");
}

#[test]
fn a_record_of_another_version_is_named_and_not_guessed() {
    let log = Scratch::new();
    let medium = || RealMedium::open(log.path()).unwrap();
    let options = LogOptions { segment_bytes: 64 * 1024, ..LogOptions::new([1; 32]) };
    let (mut raw, _) = quorate_store::log::Log::open(medium(), options.clone()).unwrap();
    raw.append(9, &[0; 8]).unwrap();
    raw.commit().unwrap();
    drop(raw);
    let error = LogJournal::open(medium(), options, ToyCodec, |_, _| ()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("record 1 of the log cannot be read"), "{text}");
    assert!(text.contains("another version"), "{text}");
}
