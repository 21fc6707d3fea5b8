//! The log on a disk that works, fails, fills up or rots: one outcome per test.

use quorate_store::log::{Log, LogError, LogOptions, PENDING_BYTES_MAX, Record, RecordNumber};
use quorate_store::medium::{Medium, RealMedium};

use support::{Fault, FaultyMedium, Survivors, mix};

#[expect(dead_code, reason = "shared with the other test of the log")]
mod support;

const SEGMENT_BYTES: u64 = 8 * 4096;
const BLOCK: u64 = 4096;
const FIRST: &str = "segment-00000001";

fn options() -> LogOptions {
    LogOptions { segment_bytes: SEGMENT_BYTES, ..LogOptions::new([7; 32]) }
}

fn open<M: Medium>(medium: M) -> Result<(Log<M>, Vec<Record>), LogError> {
    let (log, recovered) = Log::open(medium, options())?;
    Ok((log, recovered.collect::<Result<_, _>>()?))
}

/// A log of `count` commits of one block each.
fn with_commits(count: u64) -> (FaultyMedium, Log<FaultyMedium>) {
    let medium = FaultyMedium::default();
    let (mut log, _) = open(medium.clone()).expect("fresh");
    commit_more(&mut log, count);
    (medium, log)
}

fn commit_more(log: &mut Log<FaultyMedium>, count: u64) {
    for _ in 0..count {
        let number = log.append(1, &[1; 100]).expect("appended");
        assert_eq!(log.commit().expect("committed"), number, "STO-1");
        log.prepare();
    }
}

fn corrupt_reason(medium: &FaultyMedium) -> &'static str {
    let error = open(medium.clone()).expect_err("damaged");
    let reason = if let LogError::Corrupt { reason, .. } = &error { *reason } else { "" };
    assert!(!reason.is_empty(), "expected corruption, got {error}");
    reason
}

#[test]
fn a_fresh_log_is_empty_and_numbers_from_one() {
    let (mut log, records) = open(FaultyMedium::default()).expect("fresh");
    assert!(records.is_empty());
    assert_eq!(log.durable_number(), RecordNumber::BEFORE_FIRST);
    assert_eq!(log.commit().expect("nothing to do"), RecordNumber::BEFORE_FIRST);
    assert_eq!(log.append(0, b"").expect("appended"), RecordNumber::new(1));
}

#[test]
fn records_come_back_in_order_with_their_kinds_and_numbers_go_on() {
    let directory = std::env::temp_dir().join(format!("quorate-log-{}", std::process::id()));
    let medium = || RealMedium::open(&directory).expect("a directory");
    let (mut log, _) = open(medium()).expect("fresh");
    for index in 0..100_u8 {
        log.append(index, &vec![index; usize::from(index) * 50]).expect("appended");
        if index % 3 == 0 {
            log.commit().expect("committed");
        }
    }
    drop(log);

    let (log, records) = open(medium()).expect("reopened");
    std::fs::remove_dir_all(&directory).expect("removed");
    assert_eq!(records.len(), 100);
    for (index, record) in (0..100_u8).zip(&records) {
        assert_eq!(record.number, RecordNumber::new(u64::from(index) + 1));
        assert_eq!((record.kind, record.bytes.len()), (index, usize::from(index) * 50));
    }
    assert_eq!(log.next_number(), RecordNumber::new(101));
}

#[test]
fn one_commit_of_many_records_costs_one_sync() {
    let (medium, mut log) = with_commits(1);
    for _ in 0..50 {
        log.append(1, b"small").expect("appended");
    }
    let before = medium.sync_count();
    log.commit().expect("committed");
    assert!(medium.sync_count() - before <= 1, "the next segment is already prepared");
}

#[test]
fn released_segments_are_used_again_and_nothing_is_removed_or_created() {
    let (medium, mut log) = with_commits(20);
    let created = medium.created_count();
    for _ in 0..100 {
        commit_more(&mut log, 1);
        log.release(log.durable_number());
    }
    assert_eq!(medium.removed_count(), 0);
    assert!(medium.created_count() <= created + 1, "STO-5: only released segments are reused");
    assert_eq!(log.durable_number(), RecordNumber::new(120));
    drop(log);
    let (_, records) = open(medium).expect("reopened");
    assert_eq!(records.last().map(|record| record.number), Some(RecordNumber::new(120)), "STO-3");
}

#[test]
fn nothing_unreleased_is_lost_from_a_log_of_many_segments() {
    let (medium, mut log) = with_commits(40);
    log.release(RecordNumber::new(17));
    commit_more(&mut log, 20);
    assert!(log.first_number() <= RecordNumber::new(17), "STO-5");
    let first = log.first_number();
    drop(log);
    let (log, records) = open(medium).expect("reopened");
    assert_eq!(records.first().map(|record| record.number), Some(log.first_number()), "STO-2");
    assert!(log.first_number() <= first);
    assert_eq!(records.len() as u64, 60 - log.first_number().get() + 1, "STO-2");
}

#[test]
fn a_record_or_a_buffer_beyond_the_limit_is_refused_and_the_log_goes_on() {
    let (_, mut log) = with_commits(0);
    let bytes_max = log.record_bytes_max();
    let error = log.append(1, &vec![0; bytes_max + 1]).expect_err("too large");
    assert!(matches!(error, LogError::RecordTooLarge { .. }));
    log.append(1, &vec![0; bytes_max]).expect("fits exactly");
    assert_eq!(log.commit().expect("committed"), RecordNumber::new(1));

    let record = vec![0; bytes_max];
    let refused = (0..=PENDING_BYTES_MAX / bytes_max).find_map(|_| log.append(1, &record).err());
    assert!(matches!(refused, Some(LogError::BufferFull { .. })));
    log.commit().expect("committed");
}

#[test]
fn a_failed_write_or_sync_stops_the_log_for_good() {
    // The calls of a commit within a segment: write, then sync.
    for call in [1, 2] {
        let (medium, mut log) = with_commits(2);
        log.append(1, b"lost").expect("appended");
        medium.arm(call, Fault::Broken);
        assert!(matches!(log.commit(), Err(LogError::Io { .. })));
        assert!(matches!(log.commit(), Err(LogError::Poisoned { .. })), "STO-4");
        assert!(matches!(log.append(1, b"more"), Err(LogError::Poisoned { .. })), "STO-4");
        assert_eq!(log.durable_number(), RecordNumber::new(2), "STO-4");
        drop(log);

        medium.power_cut(Survivors::None);
        let (_, records) = open(medium).expect("reopened");
        assert_eq!(records.len(), 2, "STO-1");
    }
}

#[test]
fn a_full_disk_under_the_log_is_named_and_stops_it() {
    let (medium, mut log) = with_commits(2);
    log.append(1, b"lost").expect("appended");
    medium.arm(1, Fault::Full);
    let error = log.commit().expect_err("full");
    assert!(matches!(error, LogError::DiskFull { needed_bytes: BLOCK, .. }), "{error}");
    assert!(matches!(log.commit(), Err(LogError::Poisoned { .. })), "STO-4");
}

#[test]
fn a_full_disk_when_a_segment_is_needed_lets_the_caller_release_and_go_on() {
    let medium = FaultyMedium::default();
    let (mut log, _) = open(medium.clone()).expect("fresh");
    // Preparing the second segment ahead of time fails after the first commit.
    log.append(1, &[1; 100]).expect("appended");
    medium.arm(3, Fault::Full);
    assert_eq!(log.commit().expect("the record is durable"), RecordNumber::new(1));
    log.prepare();
    commit_more(&mut log, 5);
    log.append(1, &[2; 100]).expect("appended");
    medium.arm(1, Fault::Full);
    assert!(matches!(log.commit(), Err(LogError::DiskFull { needed_bytes: SEGMENT_BYTES, .. })));
    assert_eq!(log.commit().expect("there is space again"), RecordNumber::new(7));
}

#[test]
fn a_torn_last_batch_is_cut_off_and_reported() {
    let (medium, log) = with_commits(3);
    drop(log);
    medium.damage(FIRST, 3 * BLOCK + 120, &[0xFF]);
    let (_, recovered) = Log::open(medium.clone(), options()).expect("a torn tail is no damage");
    assert!(recovered.torn_tail());
    assert_eq!(recovered.count(), 2);
    let (_, records) = open(medium).expect("it stays cut off");
    assert_eq!(records.len(), 2);
}

#[test]
fn a_torn_batch_is_never_completed_by_a_later_torn_one() {
    let (medium, mut log) = with_commits(1);
    let crash = |log: &mut Log<FaultyMedium>, payload: &[u8], survivors| {
        log.append(1, payload).expect("appended");
        medium.arm(2, Fault::Crash);
        log.commit().expect_err("the power fails in the sync");
        medium.power_cut(survivors);
    };
    // The second sector of the batch is lost.
    crash(&mut log, &[5; 1_400], Survivors::Even);
    let (mut log, records) = open(medium.clone()).expect("reopened");
    assert_eq!(records.len(), 1);

    // Of another batch, just the sector that the first one lacks arrives.
    let mut payload = [5; 1_400];
    payload[1_399] = 6;
    crash(&mut log, &payload, Survivors::Odd);
    let (_, records) = open(medium.clone()).expect("reopened");
    assert_eq!(records.len(), 1, "STO-2: the batch of an abandoned history came back");
}

#[test]
fn a_flipped_bit_anywhere_in_an_earlier_batch_is_corruption() {
    let (medium, log) = with_commits(3);
    drop(log);
    let used = medium.bytes(FIRST);
    let end = BLOCK + 84 + 5 + 100;
    for at in BLOCK..end {
        let medium = medium.fork();
        let index = usize::try_from(at).expect("small");
        medium.damage(FIRST, at, &[used[index] ^ 4]);
        match open(medium) {
            Err(LogError::Corrupt { file, offset, .. }) => {
                assert_eq!((file.as_str(), offset), (FIRST, BLOCK), "byte {at}");
            }
            other => panic!("STO-2: byte {at}: {other:?}"),
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_in_a_header_is_noticed() {
    for commits in [3, 30] {
        let (medium, log) = with_commits(commits);
        drop(log);
        for name in medium.names() {
            let used = medium.bytes(&name);
            let blank = used[..4096].iter().all(|byte| *byte == 0);
            for at in (0..160_u64).filter(|_| !blank) {
                let medium = medium.fork();
                medium.damage(&name, at, &[used[usize::try_from(at).expect("small")] ^ 1]);
                assert!(open(medium).is_err(), "byte {at} of {name}");
            }
        }
    }
}

#[test]
fn no_rot_anywhere_brings_back_a_wrong_record_or_loses_more_than_the_last_commit() {
    let (medium, log) = with_commits(30);
    drop(log);
    let names = medium.names();
    let mut noticed = 0;
    for round in 0..1_500 {
        let medium = medium.fork();
        let name = &names[round % names.len()];
        let offset = mix(1, round as u64) % SEGMENT_BYTES;
        let used = medium.bytes(name)[usize::try_from(offset).expect("small")];
        medium.damage(name, offset, &[used ^ (1 << (round % 8))]);
        match open(medium) {
            Ok((_, records)) => {
                assert!(records.len() >= 29, "STO-2: {offset} of {name}: {} left", records.len());
                assert!(records.iter().all(|record| record.bytes == [1; 100]), "STO-3");
            }
            Err(LogError::Corrupt { .. }) => noticed += 1,
            Err(error) => assert!(matches!(error, LogError::Foreign { .. }), "{error}"),
        }
    }
    assert!(noticed > 10, "the rot met something: {noticed}");
}

#[test]
fn a_missing_segment_is_corruption_wherever_it_stood() {
    let (medium, log) = with_commits(30);
    drop(log);
    let mut lost = 0;
    for name in medium.names() {
        let blank = medium.bytes(&name)[..4096].iter().all(|byte| *byte == 0);
        if !blank {
            let medium = medium.fork();
            medium.lose(&name);
            let reason = corrupt_reason(&medium);
            assert!(reason.contains("missing"), "{name}: {reason}");
            lost += 1;
        }
    }
    assert_eq!(lost, 5);
}

#[test]
fn a_lost_segment_is_noticed_also_if_a_crash_came_before_the_seal_of_the_one_before() {
    let (medium, mut log) = with_commits(6);
    log.append(1, b"opens the next segment").expect("appended");
    // Header and sync of the next segment, then the seal.
    medium.arm(3, Fault::Crash);
    log.commit().expect_err("the power fails");
    medium.power_cut(Survivors::None);

    drop(open(medium.clone()).expect("a crash is repaired"));
    medium.lose("segment-00000002");
    assert!(corrupt_reason(&medium).contains("missing"));
}

#[test]
fn a_whole_batch_of_another_history_is_corruption() {
    let (medium, log) = with_commits(1);
    drop(log);
    let other = medium.fork();
    for (medium, payload) in [(&medium, b"mine "), (&other, b"other")] {
        let (mut log, _) = open(medium.clone()).expect("reopened");
        log.append(1, payload).expect("appended");
        log.commit().expect("committed");
        commit_more(&mut log, 1);
    }
    let block = other.bytes(FIRST)[3 * 4096..4 * 4096].to_vec();
    medium.damage(FIRST, 3 * BLOCK, &block);
    assert!(corrupt_reason(&medium).contains("does not continue"), "STO-3");
}

#[test]
fn a_damaged_end_of_a_sealed_segment_is_corruption() {
    let (medium, log) = with_commits(7);
    drop(log);
    medium.damage(FIRST, 6 * BLOCK + 90, &[0xFF]);
    corrupt_reason(&medium);
}

#[test]
fn a_shortened_segment_is_corruption_or_a_loss_that_is_noticed() {
    let (medium, log) = with_commits(1);
    drop(log);
    let bytes = medium.bytes(FIRST);
    medium.lose(FIRST);
    let short = FaultyMedium::default();
    let file = short.create(FIRST).expect("created");
    quorate_store::medium::LogFile::write_at(&file, 0, &bytes[..8192]).expect("written");
    assert!(corrupt_reason(&short).contains("shorter"));
}

#[test]
fn the_log_of_another_node_is_refused() {
    let (medium, log) = with_commits(1);
    drop(log);
    let error = Log::open(medium, LogOptions { identity: [8; 32], ..options() })
        .expect_err("another identity");
    assert!(matches!(error, LogError::Foreign { .. }));
}

#[test]
fn a_log_that_must_be_there_and_is_not_is_refused() {
    let error = Log::open(FaultyMedium::default(), LogOptions { must_exist: true, ..options() })
        .expect_err("nothing there");
    assert!(matches!(error, LogError::Missing { .. }));
}

#[test]
fn another_segment_length_takes_over_at_the_next_segment() {
    let (medium, log) = with_commits(10);
    drop(log);
    let larger = LogOptions { segment_bytes: 2 * SEGMENT_BYTES, ..options() };
    let (mut log, recovered) = Log::open(medium.clone(), larger.clone()).expect("reopened");
    assert_eq!(recovered.count(), 10);
    commit_more(&mut log, 30);
    log.release(RecordNumber::new(30));
    commit_more(&mut log, 30);
    drop(log);
    let (_, recovered) = Log::open(medium, larger).expect("reopened");
    let last = recovered.last().expect("records").expect("readable");
    assert_eq!(last.number, RecordNumber::new(70));
}

#[test]
fn unusable_segment_lengths_are_refused() {
    for segment_bytes in [0, 4096, 8192, 12_289, 1 << 32] {
        let outcome = Log::open(FaultyMedium::default(), LogOptions { segment_bytes, ..options() });
        assert!(matches!(outcome, Err(LogError::Options { .. })), "{segment_bytes}");
    }
}
