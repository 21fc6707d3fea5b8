//! Each generic checker fires for its own reason; the planted bugs of the toy show the same in
//! whole runs.

use quorate_machine::{Class, Effects, Input, Machine, Recipients};
use quorate_types::{Digest, NodeId, Now, Peer};

use super::{
    Agreement, At, Checker, Decision, Executed, Gauges, Integrity, Lens, Liveness, RequestKey,
    Resources, Statement, Statements, Thresholds, Verdict,
};
use crate::node::{Node, Nodes};

/// A machine that is never stepped: the tests make up its inputs and outputs.
struct Dummy;

impl Machine for Dummy {
    type Inbound = ();
    type Outbound = (u64, u8);
    type Record = ();
    type Timer = ();
    type Request = u64;
    type Output = (u64, u64, u8);

    fn step(&mut self, _: Now, _: Input<Self>, effects: &mut Effects<Self>) {
        effects.send(Peer::Node(NodeId::new([0; 32])), Class::Control, (0, 0));
    }
}

struct DummyLens;

const CLIENT: Node = Node::new(9);

const fn key(number: u64) -> RequestKey {
    RequestKey { client: CLIENT, number }
}

/// An output is (request, position, value).
impl Lens<Dummy> for DummyLens {
    fn requested(&self, _: Node, request: &u64) -> Option<RequestKey> {
        Some(key(*request))
    }

    fn completed(&self, _: Node, output: &(u64, u64, u8), into: &mut Vec<RequestKey>) {
        into.push(key(output.0));
    }

    fn decided(&self, _: Node, output: &(u64, u64, u8), into: &mut Vec<Decision>) {
        into.push(Decision { log: 0, position: output.1, value: Digest::new([output.2; 32]) });
    }

    fn executed(&self, _: Node, output: &(u64, u64, u8), into: &mut Vec<Executed>) {
        into.push(Executed { request: key(output.0), log: 0, position: output.1 });
    }

    fn stated(&self, _: Node, message: &(u64, u8), into: &mut Vec<Statement>) {
        into.push(Statement { topic: [message.0; 4], value: Digest::new([message.1; 32]) });
    }

    fn live_items(&self, _: &Dummy) -> usize {
        50
    }
}

fn at(node: u16, life: u32, time_us: u64) -> At {
    let bad = Nodes::from_iter([Node::new(3)]);
    At { event: 16, time_us, node: Node::new(node), life, bad, is_healed: true }
}

fn id(verdict: Verdict) -> Option<&'static str> {
    verdict.err().map(|broken| broken.invariant)
}

#[test]
fn c1_fires_for_another_value_and_for_a_step_back() {
    let mut checker = Agreement::new(DummyLens);
    let mut tell = |node, life, position, value| {
        let output = (0, position, value);
        id(Checker::<Dummy>::on_output(&mut checker, &at(node, life, 0), &output))
    };
    assert_eq!(tell(0, 1, 5, 1), None);
    assert_eq!(tell(1, 1, 5, 1), None);
    assert_eq!(tell(3, 1, 5, 2), None, "a bad node may say anything");
    assert_eq!(tell(1, 2, 4, 7), None, "another life may begin earlier");
    assert_eq!(tell(0, 1, 4, 7), Some("C1"));
    assert_eq!(tell(2, 1, 5, 2), Some("C1"));
}

#[test]
fn c2_fires_for_what_nobody_asked_for_and_for_what_happens_twice() {
    let mut checker = Integrity::new(DummyLens);
    let ask = Input::<Dummy>::Request(7);
    assert_eq!(id(Checker::<Dummy>::on_input(&mut checker, &at(9, 1, 0), &ask)), None);
    let mut tell = |node, request, position| {
        let output = (request, position, 0);
        id(Checker::<Dummy>::on_output(&mut checker, &at(node, 1, 0), &output))
    };
    assert_eq!(tell(0, 7, 1), None);
    assert_eq!(tell(1, 7, 1), None);
    assert_eq!(tell(0, 8, 2), Some("C2"));
    assert_eq!(tell(1, 7, 2), Some("C2"));
}

#[test]
fn c4_fires_for_two_values_on_one_topic_by_one_node() {
    let mut checker = Statements::new(DummyLens);
    let to = Recipients::Each(Vec::new().into());
    let mut say = |node, life, message| {
        id(Checker::<Dummy>::on_send(&mut checker, &at(node, life, 0), &to, &message))
    };
    assert_eq!(say(0, 1, (1, 1)), None);
    assert_eq!(say(1, 1, (1, 2)), None, "another node may think otherwise");
    assert_eq!(say(3, 1, (1, 1)), None);
    assert_eq!(say(3, 1, (1, 2)), None, "a bad node may say anything");
    assert_eq!(say(0, 2, (1, 1)), None);
    assert_eq!(say(0, 2, (1, 2)), Some("C4"));
}

#[test]
fn c9_fires_when_a_request_takes_longer_than_its_bound_after_the_heal() {
    let mut checker = Liveness::new(DummyLens, 1_000, 100);
    let ask = |number| Input::<Dummy>::Request(number);
    for number in [1, 2] {
        assert_eq!(id(checker.on_input(&at(9, 1, 10), &ask(number))), None);
    }
    let mut done = |number, time_us| {
        id(Checker::<Dummy>::on_output(&mut checker, &at(9, 1, time_us), &(number, 0, 0)))
    };
    assert_eq!(done(1, 1_100), None);
    assert_eq!(done(2, 1_101), Some("C9"));
    assert_eq!(done(2, 1_102), None, "it is told once");
}

#[test]
fn c12_fires_for_each_of_its_bounds() {
    let bounds = Thresholds {
        live_items_max: 50,
        timers_max: 3,
        waiting_effects_max: 3,
        log_records_max: 3,
        sends_per_request_max: 1,
        sends_per_node_second_max: 1,
    };
    let step = |gauges, thresholds| {
        id(Resources::new(DummyLens, thresholds).on_step(&at(0, 1, 0), &Dummy, &gauges))
    };
    let storm = |peers: usize| {
        let mut resources = Resources::new(DummyLens, bounds);
        let to = vec![Peer::Node(NodeId::new([0; 32])); peers];
        let input = Input::<Dummy>::Request(0);
        assert_eq!(id(resources.on_input(&at(0, 1, 1), &input)), None);
        id(Checker::<Dummy>::on_send(
            &mut resources,
            &at(0, 1, 1),
            &Recipients::Each(to.into()),
            &(0, 0),
        ))
    };
    assert_eq!(storm(2), None);
    assert_eq!(storm(3), Some("C12"));
    let fits = Gauges { timers: 3, waiting_effects: 3, log_records: 3 };
    assert_eq!(step(fits, bounds), None);
    assert_eq!(step(Gauges { timers: 4, ..fits }, bounds), Some("C12"));
    assert_eq!(step(Gauges { waiting_effects: 4, ..fits }, bounds), Some("C12"));
    assert_eq!(step(Gauges { log_records: 4, ..fits }, bounds), Some("C12"));
    assert_eq!(step(fits, Thresholds { live_items_max: 49, ..bounds }), Some("C12"));
}
