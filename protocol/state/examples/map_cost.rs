//! Prints what the authenticated map costs: nanoseconds per operation at 100,000 entries.
//!
//! Run with `cargo run --release -p quorate-state --example map_cost`.
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]
#![expect(clippy::disallowed_types, reason = "a measurement needs a clock; no protocol code here")]

use std::time::Instant;

use quorate_state::{Map, Restore};

const ENTRIES: u64 = 100_000;
const PUTS_PER_ROUND: [u64; 4] = [1, 10, 100, 1000];
const PUTS: u64 = 200_000;
const CHUNK_BYTES_MAX: usize = 256 * 1024;

fn key(number: u64) -> [u8; 16] {
    // An odd multiplier scatters the numbers over all keys.
    let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut key = *b"account:........";
    key[8..].copy_from_slice(&scattered.to_be_bytes());
    key
}

fn report(what: &str, start: Instant, count: u64) {
    println!("{what:<44} {:>8} ns", start.elapsed().as_nanos() / u128::from(count));
}

fn filled() -> Map {
    let mut map = Map::new();
    let start = Instant::now();
    for number in 0..ENTRIES {
        map.insert(&key(number), &[1; 64]);
    }
    report("insert of a new key", start, ENTRIES);
    let start = Instant::now();
    map.root();
    report("first root, per entry", start, ENTRIES);
    map.discard_changes();
    map
}

fn measure_puts(map: &mut Map, puts_per_round: u64, with_snapshot: bool) {
    let (mut number, mut kept) = (0, None);
    let start = Instant::now();
    for _ in 0..PUTS / puts_per_round {
        for _ in 0..puts_per_round {
            number += 7919;
            map.insert(&key(number % ENTRIES), &[2; 64]);
        }
        if with_snapshot {
            kept = Some(map.snapshot());
        } else {
            map.root();
        }
        map.discard_changes();
    }
    drop(kept);
    let what = if with_snapshot { "snapshot" } else { "root" };
    report(&format!("put, with a {what} every {puts_per_round}"), start, PUTS);
}

fn main() {
    let mut map = filled();
    let start = Instant::now();
    let found = (0..ENTRIES).filter(|&number| map.get(&key(number * 31 % ENTRIES)).is_some());
    assert_eq!(found.count() as u64, ENTRIES);
    report("get", start, ENTRIES);
    let start = Instant::now();
    for number in 0..ENTRIES {
        map.insert(&key(number * 31 % ENTRIES), &[3; 64]);
    }
    report("put without a root", start, ENTRIES);
    map.root();
    for puts_per_round in PUTS_PER_ROUND {
        measure_puts(&mut map, puts_per_round, false);
        measure_puts(&mut map, puts_per_round, true);
    }
    let start = Instant::now();
    let snapshot = map.snapshot();
    let mut restore = Restore::new(snapshot.root());
    while !restore.is_complete() {
        let chunk = snapshot.chunk(restore.from(), CHUNK_BYTES_MAX);
        restore.take(chunk).expect("an honest chunk is accepted");
    }
    assert!(restore.finish().is_ok());
    report("transfer in chunks, per entry", start, ENTRIES);
}
