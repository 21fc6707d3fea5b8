//! Steps and messages: what reaches a machine, and what leaves it.

use quorate_adversary::Reception;
use quorate_machine::{Effect, Input, Recipients};

use super::{Happening, Shown, Simulation, tag};
use crate::host::{Host, Subject};
use crate::network::Fate;
use crate::node::Node;
use crate::timers::Arrival;

impl<M: Subject, H: Host<M>> Simulation<M, H> {
    /// One step of one machine: an event.
    pub(super) fn step(&mut self, node: Node, input: Input<M>) {
        if !self.begin_event() {
            return;
        }
        let index = node.index();
        self.hash.absorb(tag::STEP, self.now_us, node.number());
        if self.is_printing() {
            self.print_input(node, &input);
        }
        self.judge(node, |checker, at| checker.on_input(at, &input));

        let replica = &mut self.nodes[index];
        let now = replica.clock.now(self.now_us);
        let machine = replica.machine.as_mut().expect("only a node that is up makes steps");
        if let Some(adversary) = &mut replica.adversary
            && adversary.on_input(now, machine, &input) == Reception::Swallow
        {
            return self.set_alarm(node);
        }
        machine.step(now, input, &mut replica.effects);
        if replica.adversary.is_none() {
            replica.enqueue_pushed();
        } else {
            self.tamper(node);
        }
        self.finish_step(node);
    }

    /// Numbers an event, unless the run is to end before it.
    const fn begin_event(&mut self) -> bool {
        self.is_cut_short = self.event >= self.event_max;
        self.event += !self.is_cut_short as u64;
        !self.is_cut_short
    }

    fn print_input(&mut self, node: Node, input: &Input<M>) {
        let shown = Shown(input);
        if let Input::Deliver { from, .. } = input
            && let Some(from) = self.directory.node(from)
        {
            let from = self.labels[from.index()].clone();
            return self.print(node, shown.name(), format_args!("from {from} {shown}"));
        }
        self.print(node, shown.name(), format_args!("{shown}"));
    }

    /// Lets the adversary of a node change the effects of its step.
    fn tamper(&mut self, node: Node) {
        let replica = &mut self.nodes[node.index()];
        let now = replica.clock.now(self.now_us);
        let mut effects = std::mem::take(&mut self.scratch);
        effects.extend(replica.effects.drain());
        if let (Some(adversary), Some(machine)) = (&mut replica.adversary, &replica.machine) {
            adversary.on_effects(now, machine, &mut effects);
        }
        effects.drain(..).for_each(|effect| replica.enqueue(effect));
        self.scratch = effects;
        self.set_alarm(node);
    }

    fn finish_step(&mut self, node: Node) {
        let replica = &self.nodes[node.index()];
        let gauges = replica.gauges();
        let at = self.at(node);
        let machine = self.nodes[node.index()].machine.as_ref().expect("it made a step just now");
        for checker in &mut self.checkers {
            if let Err(broken) = checker.on_step(&at, machine, &gauges) {
                self.broken.get_or_insert(broken);
            }
        }
        self.pump(node);
    }

    /// Enters the time at which the adversary wants to be woken.
    fn set_alarm(&mut self, node: Node) {
        let replica = &mut self.nodes[node.index()];
        let wanted = replica.adversary.as_ref().and_then(|adversary| adversary.alarm());
        let at_us = wanted.map(|at| replica.clock.when(at).max(self.now_us + 1));
        if at_us == replica.alarm.map(|(at_us, _)| at_us) {
            return;
        }
        replica.alarm_tokens += 1;
        let token = replica.alarm_tokens;
        replica.alarm = at_us.map(|at_us| (at_us, token));
        if let Some(at_us) = at_us {
            self.agenda.enter(at_us, Happening::Alarm { node, token });
        }
    }

    /// The adversary acts on its own.
    pub(super) fn alarm(&mut self, node: Node, token: u64) {
        let Some(Happening::Alarm { .. }) = self.hold(node, Happening::Alarm { node, token })
        else {
            return;
        };
        let replica = &mut self.nodes[node.index()];
        if replica.alarm.is_none_or(|(_, current)| current != token) {
            return;
        }
        replica.alarm = None;
        if replica.machine.is_none() || !self.begin_event() {
            return;
        }
        self.hash.absorb(tag::STEP, self.now_us, node.number());
        let replica = &mut self.nodes[node.index()];
        let now = replica.clock.now(self.now_us);
        let (Some(adversary), Some(machine)) = (&mut replica.adversary, &replica.machine) else {
            return;
        };
        let mut effects: Vec<Effect<M>> = Vec::new();
        adversary.on_alarm(now, machine, &mut effects);
        effects.drain(..).for_each(|effect| replica.enqueue(effect));
        if self.is_printing() {
            self.print(node, "alarm", format_args!(""));
        }
        self.set_alarm(node);
        self.pump(node);
    }

    pub(super) fn send(&mut self, from: Node, to: &Recipients, message: &M::Outbound) {
        let bytes = self.host.wire_bytes(message);
        self.hash.absorb(tag::SEND, from.number(), bytes);
        self.judge(from, |checker, at| checker.on_send(at, to, message));
        match to {
            Recipients::One(peer) => self.send_one(from, peer, message),
            Recipients::Each(peers) => {
                for peer in peers.iter() {
                    self.send_one(from, peer, message);
                }
            }
        }
    }

    pub(super) fn send_one(
        &mut self,
        from: Node,
        peer: &quorate_types::Peer,
        message: &M::Outbound,
    ) {
        self.counts.sent += 1;
        let Some(to) = self.directory.node(peer) else {
            self.counts.lost += 1;
            return;
        };
        if self.network.muffles((from, to), self.host.kind(message)) {
            return self.lose(from, to);
        }
        if self.network.corrupts(from, to) {
            return self.send_corrupted(from, to, message);
        }
        match self.network.send(from, to, self.now_us) {
            Fate::Lost => self.lose(from, to),
            Fate::Once(at_us) => self.carry(from, to, at_us, message.clone()),
            Fate::Twice(first_us, second_us) => {
                self.counts.duplicated += 1;
                self.carry(from, to, first_us, message.clone());
                self.carry(from, to, second_us, message.clone());
            }
        }
    }

    fn send_corrupted(&mut self, from: Node, to: Node, message: &M::Outbound) {
        self.counts.corrupted += 1;
        let rewritten = self.host.rewrite(self.network.prng(from), message);
        match (rewritten, self.network.send(from, to, self.now_us)) {
            (Some(message), Fate::Once(at_us) | Fate::Twice(at_us, _)) => {
                self.carry(from, to, at_us, message);
            }
            (None, _) | (_, Fate::Lost) => self.lose(from, to),
        }
    }

    fn carry(&mut self, from: Node, to: Node, at_us: u64, message: M::Outbound) {
        self.hash.absorb(tag::SEND, to.number(), at_us);
        self.agenda.enter(at_us, Happening::Deliver { from, to, message });
    }

    fn lose(&mut self, from: Node, to: Node) {
        self.counts.lost += 1;
        if self.is_printing() {
            self.print(from, "lost", format_args!("to {to:?}"));
        }
    }

    pub(super) fn deliver(&mut self, from: Node, to: Node, message: M::Outbound) {
        if self.nodes[to.index()].machine.is_none() {
            return self.lose(from, to);
        }
        if self.now_us < self.nodes[to.index()].paused_until_us {
            self.hold(to, Happening::Deliver { from, to, message });
            return;
        }
        if let Some(message) = self.host.admit(to, from, &message) {
            let from = self.directory.peer(from);
            return self.step(to, Input::Deliver { from, message });
        }
        self.counts.refused += 1;
        self.hash.absorb(tag::REFUSED, to.number(), from.number());
        if self.is_printing() {
            self.print(to, "refused", format_args!("from {from:?} {message:?}"));
        }
    }

    pub(super) fn expire(&mut self, node: Node, timer: M::Timer, token: u64) {
        if self.hold(node, Happening::Expire { node, timer, token }).is_none() {
            return;
        }
        match self.nodes[node.index()].timers.arrive(timer, token, self.now_us) {
            Arrival::Stale => {}
            Arrival::Moved { at_us } => {
                self.agenda.enter(at_us, Happening::Expire { node, timer, token });
            }
            Arrival::Expired => self.step(node, Input::Expired(timer)),
        }
    }

    /// A node is asked for a request of the scenario; one that is down does not hear it.
    pub(super) fn ask(&mut self, index: usize) {
        let op = self.scenario.ops[index];
        let replica = &self.nodes[op.node.index()];
        if self.now_us < replica.paused_until_us {
            self.hold(op.node, Happening::Op(index));
            return self.plan_next_op(index);
        }
        self.plan_next_op(index);
        if self.nodes[op.node.index()].machine.is_none() {
            return;
        }
        if let Some(request) = self.host.request(op.node, op.number) {
            self.counts.requests += 1;
            self.step(op.node, Input::Request(request));
        }
    }

    /// A held operation comes here twice; its successor is entered once.
    fn plan_next_op(&mut self, index: usize) {
        if index >= self.ops_planned {
            self.ops_planned = index + 1;
            self.plan_op(index + 1);
        }
    }
}
