//! The budget is per group.

use super::Ledger;
use crate::node::{Node, Nodes};
use crate::scenario::Group;

fn two_groups() -> Ledger {
    let group = |from, to| Group { members: Nodes::range(from, to), f: 1 };
    Ledger::new(vec![group(0, 4), group(4, 8)])
}

#[test]
fn sim_4_each_group_may_have_f_bad_nodes() {
    let mut ledger = two_groups();
    ledger.charge_liar(Node::new(1));
    ledger.charge_liar(Node::new(1));
    ledger.charge_amnesiac(Node::new(5));
    ledger.charge_liar(Node::new(9));
    assert!(!ledger.is_good(Node::new(5)) && ledger.is_good(Node::new(4)));
    assert_eq!(ledger.bad().len(), 3);
}

#[test]
#[should_panic(expected = "SIM-4")]
fn sim_4_one_more_bad_node_is_refused() {
    let mut ledger = two_groups();
    ledger.charge_liar(Node::new(1));
    ledger.charge_liar(Node::new(2));
}

#[test]
fn sim_4_another_may_be_bad_when_one_is_repaired() {
    let mut ledger = two_groups();
    ledger.charge_liar(Node::new(1));
    ledger.repair(Node::new(1));
    ledger.charge_liar(Node::new(2));
    assert!(ledger.is_good(Node::new(1)) && !ledger.is_good(Node::new(2)));
}

#[test]
#[should_panic(expected = "SIM-4")]
fn sim_4_who_is_bad_again_counts_again() {
    let mut ledger = two_groups();
    ledger.charge_liar(Node::new(1));
    ledger.repair(Node::new(1));
    ledger.charge_liar(Node::new(2));
    ledger.charge_liar(Node::new(1));
}

#[test]
fn sim_4_who_forgot_something_stays_bad() {
    let mut ledger = two_groups();
    ledger.charge_amnesiac(Node::new(1));
    ledger.charge_liar(Node::new(1));
    ledger.repair(Node::new(1));
    assert!(!ledger.is_good(Node::new(1)));
}
