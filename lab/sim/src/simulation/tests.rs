//! The law of effects, crash points, pauses and repeatability, on a machine that follows a script.

use std::cell::RefCell;
use std::rc::Rc;

use quorate_adversary::Adversary;
use quorate_machine::{Class, Effect, Effects, Input, Machine, Recipients, RecordNumber};
use quorate_types::{Duration, NodeId, Now, Peer};

use super::Simulation;
use crate::checker::{At, Checker, Verdict};
use crate::host::Host;
use crate::node::{Node, Nodes};
use crate::report::Report;
use crate::scenario::{CrashPoint, Fault, FaultKind, Profile, Scenario};
use crate::swarm::{Blueprint, draw};
use crate::system::{Limits, Run, System};
use crate::toy::Toy;

/// What happened, in the words of the tests.
type Diary = Rc<RefCell<Vec<String>>>;

/// Node 0 follows the script at its first start; node 1 only listens.
struct Scripted {
    follows: bool,
}

fn peer(node: Node) -> Peer {
    Peer::Node(NodeId::new([node.number().to_be_bytes()[7]; 32]))
}

impl Machine for Scripted {
    type Inbound = u64;
    type Outbound = u64;
    type Record = u64;
    type Timer = u8;
    type Request = ();
    type Output = &'static str;

    /// The script has the effects 0 to 7.
    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        let other = peer(Node::new(1));
        match input {
            Input::Start if self.follows => {
                effects.send(other, Class::Control, 10);
                effects.persist(1);
                effects.send_each(&[other, peer(Node::new(2))].into(), Class::Control, 11);
                effects.persist(2);
                effects.persist(3);
                effects.emit("told");
                effects.arm(0, now.instant.after(Duration::from_millis(100)));
                effects.persist(4);
            }
            Input::Expired(_) => effects.emit("expired"),
            Input::Start | Input::Deliver { .. } | Input::Request(()) => {}
        }
    }
}

/// Tells its observers nothing.
struct Silent;

impl Adversary<Scripted> for Silent {
    fn name(&self) -> &'static str {
        "silent"
    }

    fn on_effects(&mut self, _: Now, _: &Scripted, effects: &mut Vec<Effect<Scripted>>) {
        effects.retain(|effect| !matches!(effect, Effect::Emit(_)));
    }
}

struct Stage {
    diary: Diary,
}

impl Host<Scripted> for Stage {
    fn peer(&self, node: Node) -> Peer {
        peer(node)
    }

    fn start(&mut self, node: Node, records: Vec<(RecordNumber, u64)>) -> Scripted {
        let numbers: Vec<_> = records.iter().map(|(number, _)| number.get()).collect();
        if !numbers.is_empty() {
            self.diary.borrow_mut().push(format!("recovered {numbers:?}"));
        }
        let is_first = self.diary.borrow().is_empty();
        Scripted { follows: node == Node::new(0) && is_first }
    }

    fn adversary(&mut self, _: Node, _: &str) -> Box<dyn Adversary<Scripted>> {
        Box::new(Silent)
    }

    fn admit(&mut self, _: Node, _: Node, message: &u64) -> Option<u64> {
        Some(*message)
    }

    fn wire_bytes(&self, _: &u64) -> u64 {
        8
    }

    fn request(&mut self, _: Node, _: u64) -> Option<()> {
        None
    }
}

struct Scribe {
    diary: Diary,
}

impl Checker<Scripted> for Scribe {
    fn id(&self) -> &'static str {
        "T0"
    }

    fn on_durable(&mut self, _: &At, _: RecordNumber, record: &u64) -> Verdict {
        self.diary.borrow_mut().push(format!("durable {record}"));
        Ok(())
    }

    fn on_send(&mut self, _: &At, to: &Recipients, message: &u64) -> Verdict {
        let count = match to {
            Recipients::One(_) => 1,
            Recipients::Each(peers) => peers.len(),
        };
        self.diary.borrow_mut().push(format!("send {message} to {count}"));
        Ok(())
    }

    fn on_output(&mut self, at: &At, output: &&'static str) -> Verdict {
        self.diary.borrow_mut().push(format!("{output} at {}", at.time_us / 1_000));
        Ok(())
    }

    fn on_crash(&mut self, _: &At) -> Verdict {
        self.diary.borrow_mut().push("crash".to_owned());
        Ok(())
    }
}

fn scenario(is_grouped: bool, faults: Vec<Fault>) -> Scenario {
    let blueprint = Blueprint { node_count: 3, requests_per_second: 0, ..Blueprint::EXAMPLE };
    let mut scenario = draw(1, Profile::Calm, &blueprint);
    scenario.disk.is_grouped = is_grouped;
    scenario.disk.sync_us_min = 1_000;
    scenario.disk.sync_us_jitter = 1;
    scenario.disk.segment_records = 1;
    scenario.faults = faults;
    scenario
}

fn diary_of(scenario: Scenario) -> Vec<String> {
    let diary = Diary::default();
    let stage = Stage { diary: Rc::clone(&diary) };
    let scribe = Scribe { diary: Rc::clone(&diary) };
    let report = Simulation::new(scenario, stage, vec![Box::new(scribe)]).run(&Limits::NONE);
    assert_eq!(report.violation, None);
    diary.take()
}

const WHOLE: [&str; 8] = [
    "send 10 to 1",
    "durable 1",
    "send 11 to 2",
    "durable 2",
    "durable 3",
    "told at 2",
    "durable 4",
    "expired at 100",
];

#[test]
fn sim_6_effects_happen_in_order_behind_durable_records() {
    assert_eq!(diary_of(scenario(false, Vec::new())), WHOLE);
}

#[test]
fn group_commit_takes_all_records_with_one_write() {
    let mut whole = WHOLE;
    whole[5] = "told at 1";
    assert_eq!(diary_of(scenario(true, Vec::new())), whole);
}

fn crash_at(effect: u64, point: CrashPoint) -> Vec<String> {
    let (node, others) = (Node::new(0), Nodes::EMPTY);
    let kind = FaultKind::CrashAt { node, effect, point, others };
    let fault = Fault { at_us: 0, lasts_us: 10_000, kind };
    let strict = diary_of(scenario(false, vec![fault]));
    assert_eq!(diary_of(scenario(true, vec![fault])).len(), strict.len(), "{effect} {point:?}");
    strict
}

#[test]
fn a_crash_strikes_exactly_at_its_effect() {
    use CrashPoint::{After, Before, Torn};
    let none: [&str; 0] = [];
    let expect = |effect, point, happened: &[&str], recovered: &str| {
        let mut expected: Vec<String> = happened.iter().map(|&entry| entry.to_owned()).collect();
        expected.push("crash".to_owned());
        if !recovered.is_empty() {
            expected.push(format!("recovered {recovered}"));
        }
        let mut seen = crash_at(effect, point);
        // A machine that finds an empty diary follows the script once more.
        seen.truncate(expected.len());
        assert_eq!(seen, expected, "{effect} {point:?}");
    };
    expect(0, Before, &none, "");
    expect(0, After, &WHOLE[..1], "");
    expect(1, Before, &WHOLE[..1], "");
    expect(1, Torn, &WHOLE[..1], "");
    expect(1, After, &WHOLE[..2], "[1]");
    expect(2, Before, &WHOLE[..2], "[1]");
    expect(2, After, &WHOLE[..3], "[1]");
    expect(3, Torn, &WHOLE[..3], "[1]");
    expect(4, Before, &WHOLE[..4], "[1, 2]");
    expect(4, After, &WHOLE[..5], "[1, 2, 3]");
    expect(5, Before, &WHOLE[..5], "[1, 2, 3]");
    expect(5, After, &WHOLE[..6], "[1, 2, 3]");
}

#[test]
fn a_torn_send_reaches_a_part_of_its_recipients() {
    let seen = crash_at(2, CrashPoint::Torn);
    let is_partial = seen[2] == "send 11 to 0" || seen[2] == "send 11 to 1";
    assert!(is_partial, "{seen:?}");
    assert_eq!(seen[3..], ["crash", "recovered [1]"]);
}

#[test]
fn a_crash_forgets_what_waited_for_the_disk() {
    let kind = FaultKind::Crash { node: Node::new(0) };
    let fault = Fault { at_us: 500, lasts_us: 10_000, kind };
    let seen = diary_of(scenario(false, vec![fault]));
    assert_eq!(seen[..2], ["send 10 to 1", "crash"]);
    assert!(!seen.iter().any(|entry| entry.starts_with("told")), "{seen:?}");
}

#[test]
fn a_paused_node_does_nothing_and_its_clock_runs_on() {
    let kind = FaultKind::Pause { node: Node::new(0) };
    let long = Fault { at_us: 500, lasts_us: 300_000, kind };
    let seen = diary_of(scenario(true, vec![long]));
    assert_eq!(seen[1..3], ["durable 1", "send 11 to 2"]);
    assert_eq!(seen[5..], ["told at 300", "durable 4", "expired at 300"]);
    let late = Fault { at_us: 50_000, ..long };
    let seen = diary_of(scenario(true, vec![late]));
    assert_eq!(seen[5..], ["told at 1", "durable 4", "expired at 350"]);
}

#[test]
fn a_node_with_two_adversaries_is_good_when_the_last_of_them_is_gone() {
    let kind = FaultKind::Byzantine { node: Node::new(0), adversary: "silent" };
    let fault = |at_us, ends_us| Fault { at_us, lasts_us: ends_us - at_us, kind };
    // The timer expires at 100 ms.
    for faults in [
        vec![fault(0, 50_000), fault(20_000, 200_000)],
        vec![fault(0, 200_000), fault(20_000, 50_000)],
        vec![fault(0, 200_000), fault(20_000, 200_000)],
    ] {
        let seen = diary_of(scenario(true, faults));
        let crashes = seen.iter().filter(|line| *line == "crash").count();
        assert_eq!(crashes, 1, "it is repaired once: {seen:?}");
        assert!(!seen.iter().any(|line| line.starts_with("expired")), "{seen:?}");
    }
}

fn toy_report(seed: u64, is_printed: bool) -> Report {
    let mut scenario = Toy.draw(seed, Profile::Short);
    scenario.end_us = scenario.heal_us;
    let mut run = Toy.build(&scenario, None);
    if is_printed {
        run.print_to(Box::new(std::io::sink()), 0);
    }
    run.run(&Limits::NONE)
}

#[test]
fn sim_5_a_seed_repeats_itself_printed_or_not() {
    for seed in 0..6 {
        assert_eq!(toy_report(seed, false), toy_report(seed, true), "seed {seed}");
    }
    assert_ne!(toy_report(1, false).trace, toy_report(2, false).trace);
}
