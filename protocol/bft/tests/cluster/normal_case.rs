//! The normal case, crashes and view changes, as stories.

use quorate_bft::Parameters;
use quorate_types::{Duration, View};

use crate::support::Cluster;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_request_is_ordered_executed_and_answered() {
    let mut cluster = Cluster::new(1);
    assert_eq!(cluster.invoke("a").as_deref(), Some("a;"));
    assert_eq!(cluster.invoke("b").as_deref(), Some("a;b;"));
    for index in 0..4 {
        assert_eq!(cluster.replica(index).executed_slot().get(), 3, "one slot opened the session");
    }
}

#[test]
fn an_idle_group_orders_nothing() {
    let mut cluster = Cluster::new(1);
    cluster.invoke("a");
    let before = cluster.replica(0).executed_slot();
    cluster.pass(Duration::from_secs(60));
    assert_eq!(cluster.replica(0).executed_slot(), before);
    assert_eq!(cluster.mark("bft.leader_suspected"), 0);
}

#[test]
fn many_calls_spread_over_all_lanes_and_come_back_in_one_order() {
    let mut cluster = Cluster::new(2);
    let tickets: Vec<u64> = (0..200).map(|number| cluster.call(&number.to_string())).collect();
    cluster.settle();
    cluster.pass(SECOND);
    for ticket in &tickets {
        assert!(cluster.reply(*ticket).is_some(), "call {ticket} is answered");
    }
    for index in 0..7 {
        assert_eq!(cluster.executed_requests(index), 200, "replica {index} executes each once");
    }
    assert!(cluster.mark("bft.batch_made") > 0, "batches travelled in lanes");
}

#[test]
fn a_crashed_leader_is_replaced_and_nothing_is_lost() {
    let mut cluster = Cluster::new(1);
    assert_eq!(cluster.invoke("a").as_deref(), Some("a;"));
    cluster.crash(0);
    let ticket = cluster.call("b");
    cluster.settle();
    cluster.pass(Duration::from_secs(5));
    assert_eq!(cluster.reply(ticket).as_deref(), Some("a;b;"));
    assert_eq!(cluster.replica(1).view(), (View::new(1), true));
    cluster.restart(0);
    cluster.pass(Duration::from_secs(3));
    assert_eq!(cluster.replica(0).view(), (View::new(1), true));
    assert_eq!(cluster.replica(0).executed_slot(), cluster.replica(1).executed_slot());
}

#[test]
fn a_backup_that_crashed_comes_back_from_its_log() {
    let mut cluster = Cluster::new(1);
    cluster.invoke("a");
    cluster.crash(3);
    cluster.invoke("b");
    cluster.restart(3);
    cluster.pass(SECOND.times(3));
    assert_eq!(cluster.replica(3).executed_slot(), cluster.replica(0).executed_slot());
    assert_eq!(cluster.invoke("c").as_deref(), Some("a;b;c;"));
}

#[test]
fn the_whole_group_loses_power_and_keeps_everything() {
    let mut cluster = Cluster::new(1);
    for operation in ["a", "b", "c"] {
        cluster.invoke(operation);
    }
    (0..4).for_each(|index| cluster.crash(index));
    (0..4).for_each(|index| cluster.restart(index));
    let ticket = cluster.call("d");
    cluster.settle();
    cluster.pass(SECOND.times(10));
    assert_eq!(cluster.reply(ticket).as_deref(), Some("a;b;c;d;"));
}

fn small_checkpoints() -> Parameters {
    Parameters { checkpoint_interval: 4, ..Parameters::default() }
}

#[test]
fn a_replica_that_missed_a_few_slots_fetches_them() {
    let mut cluster = Cluster::with(1, small_checkpoints());
    cluster.isolate(3);
    for operation in ["a", "b", "c"] {
        cluster.invoke(operation);
    }
    cluster.heal();
    cluster.pass(SECOND.times(3));
    assert_eq!(cluster.replica(3).executed_slot(), cluster.replica(0).executed_slot());
    assert!(cluster.mark("bft.slots_learned") > 0);
    assert_eq!(cluster.mark("bft.state_installed"), 0);
}

#[test]
fn a_replica_that_missed_many_slots_gets_the_state() {
    let mut cluster = Cluster::with(1, small_checkpoints());
    cluster.isolate(3);
    for number in 0..40 {
        cluster.invoke(&number.to_string());
    }
    cluster.heal();
    cluster.pass(SECOND.times(5));
    assert_eq!(cluster.replica(3).executed_slot(), cluster.replica(0).executed_slot());
    assert!(cluster.mark("bft.state_installed") > 0);
    let root = |index| cluster.replica(index).state().iter().count();
    assert_eq!(root(3), root(0));
}

#[test]
fn a_replica_restarts_behind_a_checkpoint() {
    let mut cluster = Cluster::with(1, small_checkpoints());
    for number in 0..30 {
        cluster.invoke(&number.to_string());
    }
    assert!(cluster.mark("bft.checkpoint_stable") > 0);
    for index in 0..4 {
        cluster.crash(index);
        cluster.restart(index);
        cluster.pass(SECOND);
        assert_eq!(
            cluster.replica(index).executed_slot(),
            cluster.replica((index + 1) % 4).executed_slot()
        );
    }
    let ticket = cluster.call("x");
    cluster.settle();
    cluster.pass(SECOND.times(10));
    assert!(cluster.reply(ticket).is_some_and(|reply| reply.ends_with("29;x;")));
}

#[test]
fn leaders_in_a_row_that_are_cut_off_are_passed_over() {
    let mut cluster = Cluster::new(2);
    cluster.invoke("a");
    cluster.isolate(0);
    cluster.isolate(1);
    let ticket = cluster.call("b");
    cluster.settle();
    cluster.pass(SECOND.times(20));
    assert_eq!(cluster.reply(ticket).as_deref(), Some("a;b;"));
    assert_eq!(cluster.replica(2).view(), (View::new(2), true));
    cluster.heal();
    cluster.pass(SECOND.times(5));
    for index in 0..7 {
        assert_eq!(cluster.replica(index).view(), (View::new(2), true), "replica {index}");
        assert_eq!(cluster.replica(index).executed_slot(), cluster.replica(2).executed_slot());
    }
}

#[test]
fn calls_that_are_large_together_do_not_wedge_a_lane() {
    let mut cluster = Cluster::new(1);
    let large = "#".repeat(40_000);
    let tickets: Vec<u64> = (0..100).map(|_| cluster.call(&large)).collect();
    cluster.settle();
    cluster.pass(SECOND.times(5));
    let answered = tickets.iter().filter(|ticket| cluster.reply(**ticket).is_some()).count();
    assert_eq!(answered, 100, "every bundle fits a batch (settled points 18)");
}
