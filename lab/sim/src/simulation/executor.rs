//! The law of effects: what a machine wants done happens in its order, behind its barriers.
//!
//! With `DiskShape::is_grouped` one write takes every record that is queued, also those behind a
//! send: a crash can then keep such a record and lose the send. Without it only records that stand
//! together share a write, and a crash loses a suffix of the effects in the strictest sense.
//!
//! # Invariants
//! - SIM-6: no effect happens before the records in front of it are durable.

use quorate_machine::{Effect, Recipients, RecordNumber};

use super::{Happening, Simulation, replica::Waiting, tag};
use crate::host::{Host, Subject};
use crate::node::Node;
use crate::scenario::CrashPoint;

/// Can a crash leave a part of this behind? Only some of its recipients get a message.
const fn is_torn<M: Subject>(waiting: &Waiting<M>) -> bool {
    matches!(waiting, Waiting::Effect(Effect::Send { to: Recipients::Each(_), .. }))
}

impl<M: Subject, H: Host<M>> Simulation<M, H> {
    /// Performs the effects of a node as far as its disk allows.
    pub(super) fn pump(&mut self, node: Node) {
        if let Some(passages) = &mut self.passages {
            passages.go_on();
        }
        while let Some(waiting) = self.nodes[node.index()].queue.front() {
            if let Some(passages) = &mut self.passages {
                let front = self.nodes[node.index()].front;
                passages.come_to(node, front, is_torn(waiting));
            }
            let ambush = self.nodes[node.index()].ambushes.last().copied();
            let front = self.nodes[node.index()].front;
            let ambush = ambush.filter(|ambush| ambush.effect == front);
            let is_last = match ambush {
                None => false,
                Some(ambush) if ambush.point == CrashPoint::After => true,
                Some(ambush) => return self.strike(node, ambush),
            };
            if let Waiting::Barrier(number) = *waiting
                && number > self.nodes[node.index()].log.durable()
            {
                return self.begin_sync(node);
            }
            let taken = self.nodes[node.index()].pop().expect("the queue has a front");
            let lasts = self.lasts(node, &taken);
            match taken {
                Waiting::Barrier(number) => self.pass_barrier(node, number),
                Waiting::Effect(effect) => self.perform(node, front, effect),
            }
            if let Some(passages) = &mut self.passages {
                if lasts {
                    passages.go_on();
                }
                passages.pass(node);
            }
            if is_last && let Some(ambush) = ambush {
                return self.strike(node, ambush);
            }
        }
    }

    /// Would something be left of this, if the node crashed behind it? SIM-7
    fn lasts(&self, node: Node, taken: &Waiting<M>) -> bool {
        let Waiting::Effect(effect) = taken else { return true };
        match effect {
            Effect::Mark(_) | Effect::Disarm(_) => false,
            Effect::Arm { at, .. } => {
                let at_us = self.nodes[node.index()].clock.when(*at).max(self.now_us);
                self.passages.as_ref().is_some_and(|passages| passages.is_watched(at_us))
            }
            Effect::Persist(_) | Effect::Release(_) | Effect::Send { .. } | Effect::Emit(_) => true,
        }
    }

    fn begin_sync(&mut self, node: Node) {
        let disk = self.scenario.disk;
        let replica = &mut self.nodes[node.index()];
        if replica.syncing.is_some() {
            return;
        }
        let through = replica.write_through(disk.is_grouped).expect("a barrier is at the front");
        replica.log.write(through);
        replica.writes += 1;
        let write = replica.writes - 1;
        if let Some(failing) = replica.failing_writes.pop_if(|failing| failing.write == write) {
            return self.fail_write(node, failing);
        }
        replica.syncing = Some(through);
        let jitter_us = replica.prng.below(disk.sync_us_jitter.max(1));
        let at_us = self.now_us + (disk.sync_us_min + jitter_us) * replica.disk_slowness;
        let life = replica.life;
        self.agenda.enter(at_us, Happening::Synced { node, life, through });
    }

    /// The disk has confirmed a write.
    pub(super) fn synced(&mut self, node: Node, life: u32, through: u64) {
        let replica = &mut self.nodes[node.index()];
        if replica.life != life || replica.machine.is_none() {
            return;
        }
        // A paused node hears of it later; what was written is durable all the same.
        replica.log.sync(through);
        if self.hold(node, Happening::Synced { node, life, through }).is_none() {
            return;
        }
        self.nodes[node.index()].syncing = None;
        self.pump(node);
    }

    fn pass_barrier(&mut self, node: Node, number: u64) {
        let replica = &self.nodes[node.index()];
        assert!(number <= replica.log.durable(), "SIM-6: record {number} is not durable");
        self.hash.absorb(tag::DURABLE, node.number(), number);
        self.counts.durable += 1;
        let Some(record) = replica.log.get(number) else {
            return;
        };
        if self.printer.is_some() {
            let record = record.clone();
            self.print(node, "durable", format_args!("record {number} {record:?}"));
        }
        // As `judge`, which cannot be used while the record is borrowed from its node.
        let at = self.at(node);
        let record = self.nodes[node.index()].log.get(number);
        let Some(record) = record else { return };
        for checker in &mut self.checkers {
            if let Err(broken) = checker.on_durable(&at, RecordNumber::new(number), record) {
                self.broken.get_or_insert(broken);
            }
        }
    }

    fn perform(&mut self, node: Node, number: u64, effect: Effect<M>) {
        if self.is_printing() {
            self.print_effect(node, number, &effect);
        }
        match effect {
            Effect::Persist(_) => unreachable!("SIM-6: a record becomes a barrier when queued"),
            Effect::Release(below) => self.nodes[node.index()].log.release(below),
            Effect::Send { to, message, class: _ } => self.send(node, &to, &message),
            Effect::Arm { timer, at } => {
                let replica = &mut self.nodes[node.index()];
                let at_us = replica.clock.when(at).max(self.now_us);
                if let Some(token) = replica.timers.arm(timer, at_us) {
                    self.agenda.enter(at_us, Happening::Expire { node, timer, token });
                }
            }
            Effect::Disarm(timer) => self.nodes[node.index()].timers.disarm(timer),
            Effect::Emit(output) => {
                self.hash.absorb_effect(tag::OUTPUT, node.number(), number);
                self.counts.outputs += 1;
                self.judge(node, |checker, at| checker.on_output(at, &output));
            }
            Effect::Mark(mark) => self.marks.hit(mark),
        }
    }

    fn print_effect(&mut self, node: Node, number: u64, effect: &Effect<M>) {
        match effect {
            Effect::Persist(record) => {
                self.print(node, "persist", format_args!("#{number} {record:?}"));
            }
            Effect::Release(below) => {
                self.print(node, "release", format_args!("#{number} below {}", below.get()));
            }
            Effect::Send { to, class, message } => {
                let to = self.names(to);
                self.print(node, "send", format_args!("#{number} {class:?} to {to} {message:?}"));
            }
            Effect::Arm { timer, at } => {
                let at_us = at.as_micros();
                self.print(node, "arm", format_args!("#{number} {timer:?} at {at_us} us"));
            }
            Effect::Disarm(timer) => {
                self.print(node, "disarm", format_args!("#{number} {timer:?}"));
            }
            Effect::Emit(output) => self.print(node, "emit", format_args!("#{number} {output:?}")),
            Effect::Mark(mark) => self.print(node, "mark", format_args!("#{number} {mark}")),
        }
    }

    /// The recipients by the names of their nodes.
    fn names(&self, to: &Recipients) -> String {
        let peers = match to {
            Recipients::One(peer) => std::slice::from_ref(peer),
            Recipients::Each(peers) => peers,
        };
        let nodes = peers.iter().map(|peer| self.directory.node(peer));
        let names = nodes.map(|node| node.map_or("nobody", |node| &self.labels[node.index()]));
        names.collect::<Vec<_>>().join(" ")
    }
}
