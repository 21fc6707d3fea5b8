//! One run: the heap of happenings, the machines, and the loop that brings them together.
//!
//! An event is one `step` of one machine, or one alarm of an adversary. Arrivals that nobody hears,
//! disk confirmations and faults are happenings too, but no events.

use std::io::Write;

use quorate_history::Prng;
use quorate_machine::{Effect, Input};

use crate::agenda::Agenda;
use crate::checker::{At, Broken, Checker, End, Verdict};
use crate::host::{Directory, Host, Subject};
use crate::ledger::Ledger;
use crate::marks::Marks;
use crate::network::Network;
use crate::node::Node;
use crate::passages::Passages;
use crate::report::{Counts, Report, Violation};
use crate::scenario::Scenario;
use crate::system::{Limits, Run};
use crate::trace::{Printer, Stamp, TraceHash};

mod delivery;
mod executor;
mod faults;
mod replica;
mod settling;
#[cfg(test)]
mod tests;

use replica::Replica;
use settling::Settling;

/// What is going to happen.
enum Happening<M: Subject> {
    Start(Node),
    Deliver { from: Node, to: Node, message: M::Outbound },
    Expire { node: Node, timer: M::Timer, token: u64 },
    Synced { node: Node, life: u32, through: u64 },
    Op(usize),
    Alarm { node: Node, token: u64 },
    FaultBegins(usize),
    FaultEnds(usize),
    Restart { node: Node, life: u32 },
    Heal,
}

/// Tags of the trace hash.
mod tag {
    pub(super) const STEP: u64 = 1;
    pub(super) const SEND: u64 = 2;
    pub(super) const CRASH: u64 = 3;
    pub(super) const DURABLE: u64 = 4;
    pub(super) const REFUSED: u64 = 5;
    pub(super) const OUTPUT: u64 = 6;
}

/// A run of one scenario.
pub struct Simulation<M: Subject, H> {
    scenario: Scenario,
    host: H,
    directory: Directory,
    nodes: Vec<Replica<M>>,
    agenda: Agenda<Happening<M>>,
    network: Network,
    ledger: Ledger,
    checkers: Vec<Box<dyn Checker<M>>>,
    now_us: u64,
    event: u64,
    event_max: u64,
    /// The last event before the present microsecond.
    event_at_tick: u64,
    /// The next event would be beyond the limit; what follows from the last has happened.
    is_cut_short: bool,
    is_healed: bool,
    /// For a run that is over when nothing is owed any more.
    settling: Option<Settling>,
    /// For a run of which an enumeration of crashes wants to know the effects.
    passages: Option<Passages>,
    broken: Option<Broken>,
    hash: TraceHash,
    marks: Marks,
    counts: Counts,
    printer: Option<Printer>,
    labels: Vec<String>,
    /// Operations up to here have been entered or taken.
    ops_planned: usize,
    /// Effects of the step that is being made; kept for its memory.
    scratch: Vec<Effect<M>>,
}

impl<M: Subject, H> std::fmt::Debug for Simulation<M, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Simulation of seed {} at event {}", self.scenario.seed, self.event)
    }
}

impl<M: Subject, H: Host<M>> Simulation<M, H> {
    /// Prepares a run.
    ///
    /// # Panics
    /// If the scenario contradicts itself: two nodes with one address, a fault budget that is
    /// exceeded from the beginning.
    #[must_use]
    pub fn new(scenario: Scenario, host: H, checkers: Vec<Box<dyn Checker<M>>>) -> Self {
        let prng = Prng::from_seed(scenario.seed).fork("run");
        let all = || scenario.nodes().iter();
        let mut simulation = Self {
            directory: Directory::new(all().map(|node| host.peer(node)).collect()),
            nodes: all().map(|node| Replica::new(&scenario, node, &prng)).collect(),
            labels: all().map(|node| host.label(node)).collect(),
            network: Network::new(&scenario, &prng),
            ledger: Ledger::new(scenario.groups.clone()),
            scenario,
            host,
            agenda: Agenda::new(),
            checkers,
            now_us: 0,
            event: 0,
            event_max: 0,
            event_at_tick: 0,
            is_cut_short: false,
            is_healed: false,
            settling: None,
            passages: None,
            broken: None,
            hash: TraceHash::default(),
            marks: Marks::new(),
            counts: Counts::default(),
            printer: None,
            ops_planned: 0,
            scratch: Vec::new(),
        };
        simulation.plan();
        simulation
    }

    /// Enters all that the scenario decides.
    fn plan(&mut self) {
        for node in self.scenario.nodes().iter() {
            self.agenda.enter(1, Happening::Start(node));
        }
        for index in 0..self.scenario.faults.len() {
            self.plan_fault(index);
        }
        self.agenda.enter(self.scenario.heal_us, Happening::Heal);
        self.plan_op(0);
    }

    /// Operations are entered one after the other, to keep the heap small.
    fn plan_op(&mut self, index: usize) {
        if let Some(op) = self.scenario.ops.get(index) {
            self.agenda.enter(op.at_us, Happening::Op(index));
        }
    }

    /// Runs until the end of the scenario, a broken promise or the limit.
    fn go(&mut self, limits: &Limits) {
        self.event_max = limits.event_max;
        self.settling = limits.is_over_when_settled.then(|| Settling::from(self.scenario.heal_us));
        let first_round_us = Settling::first_round_us(self.scenario.heal_us);
        let passages = || Passages::new(self.nodes.len(), first_round_us);
        self.passages = limits.notes_passages.then(passages);
        while self.broken.is_none() && !self.is_cut_short {
            let Some((at_us, happening)) = self.agenda.take() else {
                break;
            };
            if at_us > self.scenario.end_us || self.is_settled(at_us) {
                break;
            }
            self.pass_time(at_us);
            self.happen(happening);
        }
        if self.broken.is_none() && !self.is_cut_short {
            self.counts.is_complete = true;
            self.judge_end();
            // The end has a number, so that a replay up to there comes to it.
            self.event += u64::from(self.broken.is_some());
        }
    }

    fn pass_time(&mut self, at_us: u64) {
        if at_us > self.now_us {
            self.now_us = at_us;
            self.event_at_tick = self.event;
        } else if self.event - self.event_at_tick > EVENTS_PER_MICROSECOND_MAX {
            let what = "time stands still: some timers expire again and again at once";
            self.broken = Some(Broken::new(crate::checker::Resources::<()>::ID, what));
        }
    }

    fn happen(&mut self, happening: Happening<M>) {
        match happening {
            Happening::Start(node) => self.start(node),
            Happening::Deliver { from, to, message } => self.deliver(from, to, message),
            Happening::Expire { node, timer, token } => self.expire(node, timer, token),
            Happening::Synced { node, life, through } => self.synced(node, life, through),
            Happening::Op(index) => self.ask(index),
            Happening::Alarm { node, token } => self.alarm(node, token),
            Happening::FaultBegins(index) => self.begin_fault(index),
            Happening::FaultEnds(index) => self.end_fault(index),
            Happening::Restart { node, life } => self.restart(node, life),
            Happening::Heal => self.heal(),
        }
    }

    /// What would happen to a paused node happens when it goes on.
    fn hold(&mut self, node: Node, happening: Happening<M>) -> Option<Happening<M>> {
        let until_us = self.nodes[node.index()].paused_until_us;
        if self.now_us >= until_us {
            return Some(happening);
        }
        self.agenda.enter(until_us, happening);
        None
    }

    fn at(&self, node: Node) -> At {
        At {
            event: self.event,
            time_us: self.now_us,
            node,
            life: self.nodes[node.index()].life,
            bad: self.ledger.bad(),
            is_healed: self.is_healed,
        }
    }

    /// Asks every checker; the first broken promise ends the run.
    fn judge(&mut self, node: Node, mut ask: impl FnMut(&mut dyn Checker<M>, &At) -> Verdict) {
        let at = self.at(node);
        for checker in &mut self.checkers {
            if let Err(broken) = ask(checker.as_mut(), &at) {
                self.broken.get_or_insert(broken);
            }
        }
    }

    fn judge_end(&mut self) {
        let machines: Vec<_> = self.nodes.iter().map(|node| node.machine.as_ref()).collect();
        let end = End {
            scenario: &self.scenario,
            time_us: self.now_us,
            bad: self.ledger.bad(),
            machines: &machines,
        };
        for checker in &mut self.checkers {
            let owes = self.scenario.judges_liveness || checker.id() != LIVENESS_ID;
            if owes && let Err(broken) = checker.on_end(&end) {
                self.broken.get_or_insert(broken);
            }
        }
    }

    /// Prints what concerns no node alone.
    fn print_world(&mut self, what: &str, detail: std::fmt::Arguments<'_>) {
        let stamp = Stamp { event: self.event, time_us: self.now_us, node: "" };
        if let Some(printer) = &mut self.printer {
            printer.line(stamp, what, detail);
        }
    }

    fn print(&mut self, node: Node, what: &str, detail: std::fmt::Arguments<'_>) {
        let stamp =
            Stamp { event: self.event, time_us: self.now_us, node: &self.labels[node.index()] };
        if let Some(printer) = &mut self.printer {
            printer.line(stamp, what, detail);
        }
    }

    const fn is_printing(&self) -> bool {
        self.printer.is_some()
    }

    fn report(&mut self) -> Report {
        let violation = self.broken.clone().map(|broken| Violation {
            seed: self.scenario.seed,
            profile: self.scenario.profile,
            trace: self.hash.get(),
            event: self.event,
            time_us: self.now_us,
            broken,
        });
        Report {
            events: self.event,
            time_us: self.now_us,
            trace: self.hash.get(),
            course: self.hash.course(),
            marks: self.marks.clone(),
            counts: self.counts.clone(),
            effects: self.nodes.iter().map(|node| node.front).collect(),
            writes: self.nodes.iter().map(|node| node.writes).collect(),
            lives: self.passages.take().map_or_else(Vec::new, Passages::into_lives),
            violation,
        }
    }
}

/// Steps in one microsecond of virtual time; who makes more is going round in circles.
const EVENTS_PER_MICROSECOND_MAX: u64 = 1_000_000;

/// The checker that scenarios without owed progress leave out.
const LIVENESS_ID: &str = crate::checker::Liveness::<()>::ID;

impl<M: Subject, H: Host<M>> Run for Simulation<M, H> {
    fn run(&mut self, limits: &Limits) -> Report {
        let result = crate::panics::caught(|| self.go(limits));
        if let Err(message) = result {
            self.broken = Some(Broken::new("PANIC", message));
        }
        self.report()
    }

    fn print_to(&mut self, out: Box<dyn Write>, from_event: u64) {
        self.printer = Some(Printer::new(out, from_event));
    }

    fn scenario(&self) -> &Scenario {
        &self.scenario
    }
}

/// The input of a step, for the log of events.
struct Shown<'a, M: Subject>(&'a Input<M>);

impl<M: Subject> Shown<'_, M> {
    const fn name(&self) -> &'static str {
        match self.0 {
            Input::Start => "start",
            Input::Deliver { .. } => "deliver",
            Input::Expired(_) => "expired",
            Input::Request(_) => "request",
        }
    }
}

impl<M: Subject> std::fmt::Display for Shown<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Input::Start => Ok(()),
            Input::Deliver { message, .. } => write!(f, "{message:?}"),
            Input::Expired(timer) => write!(f, "{timer:?}"),
            Input::Request(request) => write!(f, "{request:?}"),
        }
    }
}
