//! The bounds on all that waits, which no single peer reaches: clients that take all they get leave
//! room for others.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use quorate_types::{ClientId, Peer};

use super::Budget;
use crate::limits::{
    CHUNK_BYTES, SERVER_JOBS_MAX, SERVER_JOBS_PER_PEER_MAX, SERVER_WAITING_BYTES_MAX,
};
use crate::server::tests::Random;

/// A client that showed a certificate.
const fn client(number: u8) -> Peer {
    Peer::Client(ClientId::new([number; 32]))
}

const NEWCOMER: Peer = client(255);

impl Budget {
    /// Takes as many requests of this size as it gets.
    fn fill(&mut self, peer: Peer, bytes: usize) -> usize {
        (0..=SERVER_JOBS_MAX).take_while(|_| self.take(peer, false, bytes)).count()
    }
}

#[test]
fn the_bytes_of_all_peers_together_stay_below_their_limit_dht_11() {
    let mut budget = Budget::default();
    let held: usize = (0..100).map(|number| budget.fill(client(number), CHUNK_BYTES)).sum();
    assert_eq!(budget.bytes(), held * CHUNK_BYTES);
    assert_eq!(budget.bytes(), SERVER_WAITING_BYTES_MAX - CHUNK_BYTES, "DHT-11");
    assert!(!budget.take(NEWCOMER, false, CHUNK_BYTES), "DHT-11: one more is not taken");
    assert_eq!(budget.bytes(), held * CHUNK_BYTES, "and is not counted");
    budget.give_back(client(0), CHUNK_BYTES);
    assert!(budget.take(NEWCOMER, false, CHUNK_BYTES), "what was given back makes room");
}

#[test]
fn the_requests_of_all_peers_together_stay_below_their_limit_dht_11() {
    let mut budget = Budget::default();
    let held: usize = (0..100).map(|number| budget.fill(client(number), 0)).sum();
    assert_eq!((held, budget.jobs()), (SERVER_JOBS_MAX - 1, SERVER_JOBS_MAX - 1), "DHT-11");
    assert!(!budget.take(NEWCOMER, false, 0), "DHT-11: one more is not taken");
    budget.give_back(client(0), 0);
    assert!(budget.take(NEWCOMER, false, 0));
}

#[test]
fn clients_that_hold_all_places_that_they_get_leave_one_for_another_dht_11() {
    let mut budget = Budget::default();
    let enough = SERVER_JOBS_MAX.div_ceil(SERVER_JOBS_PER_PEER_MAX);
    let held: usize = (0..8).map(|number| budget.fill(client(number), 0)).sum();
    assert_eq!(enough, 8, "by the limit of a peer alone, these would hold all places");
    let left = SERVER_JOBS_MAX - held;
    assert!(left > 0, "DHT-11: nothing is left");
    assert_eq!(budget.fill(NEWCOMER, 0), 2 * left / 3, "DHT-11: two parts of three");
    assert_eq!(budget.fill(client(7), 0), 0, "whoever has more gets nothing");
}

#[test]
fn clients_that_hold_all_bytes_that_they_get_leave_some_for_another_dht_11() {
    let mut budget = Budget::default();
    let held: Vec<usize> = (0..3).map(|number| budget.fill(client(number), CHUNK_BYTES)).collect();
    assert_eq!(held, [12, 8, 2], "its limit, then two parts of three of what is left");
    assert_eq!(budget.fill(NEWCOMER, CHUNK_BYTES), 1, "DHT-11");
    assert!(
        budget.take(client(0), false, 0),
        "what needs no bytes is not refused for want of them"
    );
}

#[test]
fn greedy_clients_come_to_even_shares_and_a_newcomer_is_let_in_at_any_moment_dht_11() {
    let mut budget = Budget::default();
    let mut random = Random(7);
    let mut under_way: VecDeque<u8> = VecDeque::new();
    let greedy = 40;
    for round in 0..20 * SERVER_JOBS_MAX {
        // The first come first for long: shares are as uneven as they get.
        let first = if round < SERVER_JOBS_MAX { 0 } else { random.below(greedy) };
        for number in (0..greedy).map(|number| u8::try_from((first + number) % greedy).unwrap()) {
            if budget.take(client(number), false, 0) {
                under_way.push_back(number);
            }
        }
        assert!(budget.take(NEWCOMER, false, 0), "DHT-11: round {round}");
        budget.give_back(NEWCOMER, 0);
        let done = under_way.pop_front().expect("the greedy have requests under way");
        budget.give_back(client(done), 0);
    }
    let shares = (0..greedy)
        .map(|number| under_way.iter().filter(|owner| u64::from(**owner) == number).count());
    let even = 2 * SERVER_JOBS_MAX / (2 * usize::try_from(greedy).unwrap() + 1);
    assert!(
        shares.clone().all(|share| share.abs_diff(even) <= 2),
        "{:?}",
        shares.collect::<Vec<_>>()
    );
}
