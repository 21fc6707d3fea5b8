//! What goes wrong, when it does, and how it ends.

use quorate_machine::{Effect, Input, Recipients};

use super::replica::{Ambush, FailingWrite, Waiting};
use super::{Happening, Simulation, tag};
use crate::host::{Host, Subject};
use crate::node::{Node, Nodes};
use crate::scenario::{CrashPoint, Fault, FaultKind, Way, WriteError};

/// How long a Byzantine node is down before the right program runs there.
const REPAIR_US: u64 = 10_000;

impl<M: Subject, H: Host<M>> Simulation<M, H> {
    /// Enters a fault; adversaries of the first moment and ambushes are there before it.
    pub(super) fn plan_fault(&mut self, index: usize) {
        let fault = self.scenario.faults[index];
        match fault.kind {
            FaultKind::Byzantine { node, adversary } => {
                match fault.at_us {
                    0 => {
                        self.counts.faults[fault.kind.index()] += 1;
                        self.corrupt(node, adversary);
                    }
                    at_us => self.agenda.enter(at_us, Happening::FaultBegins(index)),
                }
                if fault.ends_us() != u64::MAX {
                    self.agenda.enter(fault.ends_us(), Happening::FaultEnds(index));
                }
            }
            FaultKind::CrashAt { node, effect, point, others } => {
                let ambushes = &mut self.nodes[node.index()].ambushes;
                ambushes.push(Ambush { effect, point, down_us: fault.lasts_us, others });
                ambushes.sort_by_key(|ambush| std::cmp::Reverse(ambush.effect));
            }
            FaultKind::WriteFails { node, write, error } => {
                let failing = &mut self.nodes[node.index()].failing_writes;
                failing.push(FailingWrite { write, error, down_us: fault.lasts_us });
                failing.sort_by_key(|failing| std::cmp::Reverse(failing.write));
            }
            FaultKind::Crash { .. }
            | FaultKind::Amnesia { .. }
            | FaultKind::Pause { .. }
            | FaultKind::Isolate { .. }
            | FaultKind::Split { .. }
            | FaultKind::Cut { .. }
            | FaultKind::Muffle { .. }
            | FaultKind::Clog { .. }
            | FaultKind::Loss { .. }
            | FaultKind::Duplicate { .. }
            | FaultKind::Corrupt { .. }
            | FaultKind::WallJump { .. }
            | FaultKind::SlowDisk { .. } => {
                self.agenda.enter(fault.at_us, Happening::FaultBegins(index));
            }
        }
    }

    pub(super) fn begin_fault(&mut self, index: usize) {
        let fault = self.scenario.faults[index];
        self.counts.faults[fault.kind.index()] += 1;
        self.print_fault(&fault);
        match fault.kind {
            FaultKind::Byzantine { node, adversary } => self.corrupt(node, adversary),
            FaultKind::CrashAt { .. } | FaultKind::WriteFails { .. } => {}
            FaultKind::Crash { node } => self.crash_at_random(node, fault.lasts_us),
            FaultKind::Amnesia { node, keep_per_mille } => {
                self.ledger.charge_amnesiac(node);
                self.crash_at_random(node, fault.lasts_us);
                let log = &mut self.nodes[node.index()].log;
                log.cut(log.durable() * keep_per_mille / 1_000);
            }
            FaultKind::Pause { node } => {
                let until_us = &mut self.nodes[node.index()].paused_until_us;
                *until_us = (*until_us).max(fault.ends_us());
            }
            FaultKind::Clog { from, to } => self.network.clog(from, to, fault.ends_us()),
            FaultKind::WallJump { node, by_us } => self.nodes[node.index()].clock.jump(by_us),
            FaultKind::Isolate { .. }
            | FaultKind::Split { .. }
            | FaultKind::Cut { .. }
            | FaultKind::Muffle { .. }
            | FaultKind::Loss { .. }
            | FaultKind::Duplicate { .. }
            | FaultKind::Corrupt { .. }
            | FaultKind::SlowDisk { .. } => {
                self.switch(&fault.kind, true);
                self.agenda.enter(fault.ends_us(), Happening::FaultEnds(index));
            }
        }
    }

    pub(super) fn end_fault(&mut self, index: usize) {
        let kind = self.scenario.faults[index].kind;
        if let FaultKind::Byzantine { node, .. } = kind {
            self.end_adversary(index, node);
        } else {
            self.switch(&kind, false);
        }
    }

    /// One of a node's adversaries goes: another one stays, or its owner repairs it.
    fn end_adversary(&mut self, index: usize, node: Node) {
        let Some(present) = &self.nodes[node.index()].adversary else {
            // The last two went in the same moment.
            return;
        };
        let present = present.name();
        match self.other_adversary(index, (node, present)) {
            Some(other) if other == present => {}
            Some(other) => self.corrupt(node, other),
            None => self.repair(node),
        }
    }

    /// Who else stands before a node, when one of its adversaries goes: the present one, if it is
    /// not that which goes.
    fn other_adversary(
        &self,
        gone: usize,
        (of, present): (Node, &'static str),
    ) -> Option<&'static str> {
        let others = self.scenario.faults.iter().enumerate().filter(|(index, _)| *index != gone);
        let in_force =
            others.filter(|(_, fault)| (fault.at_us..fault.ends_us()).contains(&self.now_us));
        let found = in_force.filter_map(|(_, fault)| {
            let FaultKind::Byzantine { node, adversary } = fault.kind else { return None };
            (node == of).then_some(adversary)
        });
        found.max_by_key(|adversary| *adversary == present)
    }

    /// A node gets an adversary.
    fn corrupt(&mut self, node: Node, adversary: &str) {
        self.ledger.charge_liar(node);
        self.nodes[node.index()].adversary = Some(self.host.adversary(node, adversary));
    }

    /// Its owner starts the right program on what the disk holds.
    fn repair(&mut self, node: Node) {
        self.ledger.repair(node);
        self.nodes[node.index()].adversary = None;
        self.crash_at_random(node, REPAIR_US);
    }

    /// Switches a fault on or off that may overlap with others of its kind.
    fn switch(&mut self, kind: &FaultKind, begins: bool) {
        let moved = |rate: u64, by: u64| if begins { rate + by } else { rate - by };
        let rates = &mut self.network.rates;
        match *kind {
            FaultKind::Isolate { node, way } => {
                self.cut_off(Nodes::from_iter([node]), way, begins);
            }
            FaultKind::Split { side, way } => self.cut_off(side, way, begins),
            FaultKind::Cut { from, to } => self.network.cut(from, to, begins),
            FaultKind::Muffle { from, to, kind } => self.network.muffle((from, to), kind, begins),
            FaultKind::Loss { per_mille } => rates.loss = moved(rates.loss, per_mille),
            FaultKind::Duplicate { per_mille } => {
                rates.duplicate = moved(rates.duplicate, per_mille);
            }
            FaultKind::Corrupt { per_mille } => rates.corrupt = moved(rates.corrupt, per_mille),
            FaultKind::SlowDisk { node, times } => {
                let slowness = &mut self.nodes[node.index()].disk_slowness;
                *slowness = moved(*slowness, times);
            }
            FaultKind::Byzantine { .. }
            | FaultKind::Crash { .. }
            | FaultKind::CrashAt { .. }
            | FaultKind::WriteFails { .. }
            | FaultKind::Amnesia { .. }
            | FaultKind::Pause { .. }
            | FaultKind::Clog { .. }
            | FaultKind::WallJump { .. } => unreachable!("this kind of fault has no switch"),
        }
    }

    fn cut_off(&mut self, side: Nodes, way: Way, begins: bool) {
        for inside in side.iter() {
            for outside in self.scenario.nodes().without(side).iter() {
                if way != Way::In {
                    self.network.cut(inside, outside, begins);
                }
                if way != Way::Out {
                    self.network.cut(outside, inside, begins);
                }
            }
        }
    }

    fn print_fault(&mut self, fault: &Fault) {
        if self.is_printing() {
            self.print_world("fault", format_args!("{fault}"));
        }
    }

    /// A node comes to the effect at which it is to crash.
    pub(super) fn strike(&mut self, node: Node, ambush: Ambush) {
        let Ambush { effect, point, down_us, others } = ambush;
        self.counts.faults[FaultKind::CrashAt { node, effect, point, others }.index()] += 1;
        let replica = &mut self.nodes[node.index()];
        replica.ambushes.pop();
        if point == CrashPoint::Torn
            && let Some(Waiting::Effect(Effect::Send { to, message, .. })) = replica.queue.front()
        {
            let (to, message) = (to.clone(), message.clone());
            self.send_torn(node, &to, &message);
        }
        // What a write takes before its time is lost: the disk holds what passed the barriers.
        let replica = &mut self.nodes[node.index()];
        let waiting = replica.queue.iter().find_map(|waiting| match waiting {
            Waiting::Barrier(number) => Some(*number),
            Waiting::Effect(_) => None,
        });
        let through = waiting.map_or_else(|| replica.log.appended(), |number| number - 1);
        replica.log.cut(through);
        if let Some(passages) = &mut self.passages {
            passages.end_life(node, self.nodes[node.index()].front);
        }
        self.crash(node, down_us);
        others.iter().for_each(|other| self.crash_at_random(other, down_us));
    }

    /// A write fails: the node knows nothing about what its disk holds, and stops (STO-4).
    pub(super) fn fail_write(&mut self, node: Node, failing: FailingWrite) {
        let FailingWrite { write, error, down_us } = failing;
        self.counts.faults[FaultKind::WriteFails { node, write, error }.index()] += 1;
        let replica = &mut self.nodes[node.index()];
        let written = replica.log.uncertain_count();
        let kept = match error {
            WriteError::Refused => 0,
            WriteError::Full => replica.prng.below(written.max(1)),
            WriteError::SyncFailed if replica.prng.chance(500) => written,
            WriteError::SyncFailed => replica.prng.below(written + 1),
        };
        let through = replica.log.durable() + kept;
        replica.log.crash(through);
        self.crash(node, down_us);
    }

    /// Only some of the recipients get the message.
    fn send_torn(&mut self, node: Node, to: &Recipients, message: &M::Outbound) {
        if let Recipients::Each(peers) = to {
            let count = self.nodes[node.index()].prng.index(peers.len().max(1));
            let reached = Recipients::Each(peers[..count].into());
            self.send(node, &reached, message);
        }
    }

    fn crash_at_random(&mut self, node: Node, down_us: u64) {
        let replica = &mut self.nodes[node.index()];
        if replica.machine.is_none() {
            return;
        }
        let kept = replica.prng.below(replica.log.uncertain_count() + 1);
        let through = replica.log.durable() + kept;
        replica.log.crash(through);
        self.crash(node, down_us);
    }

    fn crash(&mut self, node: Node, down_us: u64) {
        let replica = &mut self.nodes[node.index()];
        replica.forget();
        let life = replica.life;
        self.counts.crashes += 1;
        self.hash.absorb(tag::CRASH, self.now_us, node.number());
        if self.is_printing() {
            let through = self.nodes[node.index()].log.appended();
            self.print(node, "crash", format_args!("its log ends with record {through}"));
        }
        self.judge(node, |checker, at| checker.on_crash(at));
        let at_us = self.now_us.saturating_add(down_us);
        self.agenda.enter(at_us, Happening::Restart { node, life });
    }

    pub(super) fn restart(&mut self, node: Node, life: u32) {
        let replica = &self.nodes[node.index()];
        if replica.life == life && replica.machine.is_none() {
            if self.is_printing() {
                self.print(node, "restart", format_args!("life {}", life + 1));
            }
            self.start(node);
        }
    }

    /// The node's process begins, for the first time or after a crash.
    pub(super) fn start(&mut self, node: Node) {
        let replica = &mut self.nodes[node.index()];
        if replica.machine.is_some() {
            return;
        }
        let is_first = replica.life == 0;
        replica.life += 1;
        replica.clock.start(self.now_us);
        replica.paused_until_us = replica.paused_until_us.min(self.now_us);
        let machine = self.host.start(node, replica.log.recovered());
        replica.machine = Some(machine);
        if let Some(adversary) = replica.adversary.as_mut().filter(|_| !is_first) {
            adversary.on_restart();
        }
        let at = self.at(node);
        let machine = self.nodes[node.index()].machine.as_ref().expect("it was set just now");
        for checker in &mut self.checkers {
            if let Err(broken) = checker.on_start(&at, machine) {
                self.broken.get_or_insert(broken);
            }
        }
        self.step(node, Input::Start);
    }

    /// The safety phase ends: the core comes back, for good.
    pub(super) fn heal(&mut self) {
        self.is_healed = true;
        self.network.heal();
        let core = self.scenario.core;
        if let Some(passages) = &mut self.passages {
            passages.spare(core);
        }
        if self.is_printing() {
            self.print_world("heal", format_args!("core {core:?}"));
        }
        for node in core.iter() {
            let replica = &mut self.nodes[node.index()];
            replica.paused_until_us = replica.paused_until_us.min(self.now_us);
            replica.ambushes.clear();
            replica.failing_writes.clear();
            let life = replica.life;
            self.restart(node, life);
        }
    }
}
