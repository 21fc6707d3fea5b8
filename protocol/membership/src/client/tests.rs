//! A client finds the current configuration among liars, and uses nothing without a lease.
use quorate_types::{Duration, Epoch, Instant};

use super::{ClientOutput, Loss};
use crate::freshness::LeaseRule;
use crate::testing::World;

mod configurations;
mod network;
mod vouches;

use network::Network;

/// The lease in the network of these tests: ten seconds on a perfect clock.
fn rule() -> LeaseRule {
    LeaseRule::new(Duration::from_secs(10), 0).unwrap()
}

const SECOND: u64 = 1_000_000;

#[test]
fn a_client_with_a_pinned_key_gets_a_configuration_and_a_lease() {
    let world = World::new(7, 1);
    let mut network = Network::new(&world);
    network.start();
    network.run(SECOND);
    let outputs = network.outputs();
    let [ClientOutput::Configuration(first), ClientOutput::Lease { until, configuration }] =
        outputs
    else {
        panic!("{outputs:?}")
    };
    assert_eq!((first, configuration), (&world.first, &world.first));
    assert!(*until <= Instant::from_micros(10 * SECOND + SECOND));
    assert_eq!(network.usable(), Some(&world.first));
}

#[test]
fn a_lease_is_renewed_before_it_runs_out() {
    let world = World::new(7, 1);
    let mut network = Network::new(&world);
    network.start();
    network.run(60 * SECOND);
    assert_eq!(network.usable(), Some(&world.first));
    assert!(network.leases() >= 10, "{} leases", network.leases());
    assert_eq!(network.losses(), []);
}

#[test]
fn nothing_is_used_once_the_group_is_silent_for_the_length_of_a_lease() {
    let world = World::new(7, 1);
    let mut network = Network::new(&world);
    network.start();
    network.run(SECOND);
    network.silence_group(2);
    network.run(20 * SECOND);
    assert_eq!(network.usable(), None);
    assert_eq!(network.losses(), [(Epoch::ZERO, Loss::Expired)]);
    network.heal();
    network.run(40 * SECOND);
    assert_eq!(network.usable(), Some(&world.first));
}

#[test]
fn a_lease_that_is_over_is_refused_even_before_its_alarm_goes_off() {
    let world = World::new(7, 1);
    let mut network = Network::new(&world);
    network.start();
    network.run(SECOND);
    let until = network.until();
    let just_before = Instant::from_micros(until.as_micros() - 1);
    assert!(network.client().usable(just_before).is_some());
    assert!(network.client().usable(until).is_none(), "MEM-7");
}

#[test]
fn silent_servers_that_are_no_more_than_f_block_nothing() {
    for f in [1, 2] {
        let world = World::new(7, f);
        let mut network = Network::new(&world);
        network.silence_group(usize::from(f));
        network.start();
        network.run(60 * SECOND);
        assert_eq!(network.usable(), Some(&world.first), "f = {f}");
        assert_eq!(network.losses(), []);
    }
}

#[test]
fn lost_messages_delay_a_client_and_do_not_stop_it() {
    let world = World::new(7, 1);
    let mut network = Network::new(&world);
    network.lose_every(3);
    network.start();
    network.run(60 * SECOND);
    assert_eq!(network.usable(), Some(&world.first));
}

#[test]
fn a_client_without_contacts_waits_and_does_not_fail() {
    let world = World::new(7, 1);
    let mut network = Network::new(&world);
    network.without_contacts();
    network.start();
    network.run(5 * SECOND);
    assert_eq!(network.usable(), None);
}

#[test]
fn waits_grow_while_nobody_answers() {
    let world = World::new(7, 1);
    let mut network = Network::new(&world);
    network.silence_all();
    network.start();
    network.run(300 * SECOND);
    // Seven contacts, waits of 200 ms doubling once per cycle up to 10 s.
    assert!(network.questions() < 7 * 10, "{} questions", network.questions());

    let mut network = Network::new(&world);
    network.start();
    network.run(SECOND);
    network.silence_all();
    network.run(300 * SECOND);
    assert!(network.questions() < 400, "{} questions", network.questions());
}
