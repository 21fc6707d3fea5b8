//! The bounds on all that waits, which no single peer reaches.

use quorate_types::{NodeId, Peer};

use super::Budget;
use crate::limits::{
    SERVER_JOBS_MAX, SERVER_JOBS_PER_PEER_MAX, SERVER_WAITING_BYTES_MAX,
    SERVER_WAITING_BYTES_PER_PEER_MAX,
};

fn peer(number: usize) -> Peer {
    Peer::Node(NodeId::new([u8::try_from(number).expect("few peers"); 32]))
}

#[test]
fn the_bytes_of_all_peers_together_stay_below_their_limit_dht_11() {
    let mut budget = Budget::default();
    let whole = SERVER_WAITING_BYTES_MAX / SERVER_WAITING_BYTES_PER_PEER_MAX;
    for number in 0..whole {
        assert!(budget.take(peer(number), false, SERVER_WAITING_BYTES_PER_PEER_MAX));
    }
    let rest = SERVER_WAITING_BYTES_MAX - whole * SERVER_WAITING_BYTES_PER_PEER_MAX;
    assert!(budget.take(peer(whole), false, rest), "what just fits is taken");
    assert_eq!(budget.bytes(), SERVER_WAITING_BYTES_MAX, "DHT-11");
    assert!(!budget.take(peer(whole), false, 1), "DHT-11: one byte more is not");
    assert_eq!(budget.bytes(), SERVER_WAITING_BYTES_MAX, "and is not counted");
    budget.give_back(peer(0), SERVER_WAITING_BYTES_PER_PEER_MAX);
    assert_eq!(budget.bytes(), SERVER_WAITING_BYTES_MAX - SERVER_WAITING_BYTES_PER_PEER_MAX);
    assert!(budget.take(peer(whole), false, 1), "what was given back makes room");
}

#[test]
fn the_requests_of_all_peers_together_stay_below_their_limit_dht_11() {
    let mut budget = Budget::default();
    for number in 0..SERVER_JOBS_MAX {
        assert!(budget.take(peer(number / SERVER_JOBS_PER_PEER_MAX), false, 0));
    }
    let other = peer(SERVER_JOBS_MAX / SERVER_JOBS_PER_PEER_MAX);
    assert!(!budget.take(other, false, 0), "DHT-11");
    assert_eq!(budget.jobs(), SERVER_JOBS_MAX);
    budget.give_back(peer(0), 0);
    assert!(budget.take(other, false, 0));
}
