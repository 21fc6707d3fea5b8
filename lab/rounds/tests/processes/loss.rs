//! A round in which the network loses packets, at random and in one direction.

use quorate_rounds::loss::{missing, run};
use quorate_rounds::round::seed;
use quorate_rounds::telling::skip;

#[test]
fn a_cluster_with_a_liar_keeps_its_promises_while_packets_are_lost() {
    if let Some(why) = missing() {
        return skip("packet loss in network namespaces", &why);
    }
    run(seed().expect("a seed")).unwrap_or_else(|error| panic!("{error}"));
}
