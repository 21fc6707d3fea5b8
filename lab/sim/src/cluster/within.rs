//! One replica group inside a cluster, as its observers see it.
//!
//! The checkers of the ordering engine know a group: its replicas are the first nodes, its clients
//! follow. [`Within`] shows them the nodes of a cluster under the numbers that they have there.

use quorate_bft::Message as OrderedMessage;
use quorate_crypto::Verified;
use quorate_kv::KeyValueService;
use quorate_machine::{Input, Recipients, RecordNumber};
use quorate_membership::MembershipService;
use std::sync::Arc;

use super::{Ask, ClusterMachine, Kept, Message, OrderedRecord, Output, Received, Record, Request};
use crate::checker::{At, Checker, End, Gauges, Verdict};
use crate::node::{Node, Nodes};
use crate::ordering::{self, OrderingMachine, Replicated};

/// A service that a cluster replicates: where its values are among those of the cluster.
pub(super) trait Hosted: Replicated {
    fn machine(machine: &ClusterMachine) -> Option<&OrderingMachine<Self>>;
    fn sent(message: &Message) -> Option<&Arc<OrderedMessage>>;
    fn received(message: &Received) -> Option<&Verified<OrderedMessage>>;
    fn kept(kept: &Kept) -> Option<&OrderedRecord>;
    fn told(output: &Output) -> Option<&ordering::Output>;
    fn asked(ask: &Ask) -> Option<&Vec<u8>>;
}

impl Hosted for MembershipService {
    fn machine(machine: &ClusterMachine) -> Option<&OrderingMachine<Self>> {
        match machine {
            ClusterMachine::Server(seat) => seat.membership(),
            ClusterMachine::Client(_) => None,
        }
    }

    fn sent(message: &Message) -> Option<&Arc<OrderedMessage>> {
        if let Message::Membership(message) = message { Some(message) } else { None }
    }

    fn received(message: &Received) -> Option<&Verified<OrderedMessage>> {
        if let Received::Membership(message) = message { Some(message) } else { None }
    }

    fn kept(kept: &Kept) -> Option<&OrderedRecord> {
        if let Kept::Membership(record) = kept { Some(record) } else { None }
    }

    fn told(output: &Output) -> Option<&ordering::Output> {
        if let Output::Membership(output) = output { Some(output) } else { None }
    }

    fn asked(ask: &Ask) -> Option<&Vec<u8>> {
        if let Ask::Membership(operation) = ask { Some(operation) } else { None }
    }
}

impl Hosted for KeyValueService {
    fn machine(machine: &ClusterMachine) -> Option<&OrderingMachine<Self>> {
        match machine {
            ClusterMachine::Server(seat) => seat.key_value(),
            ClusterMachine::Client(_) => None,
        }
    }

    fn sent(message: &Message) -> Option<&Arc<OrderedMessage>> {
        if let Message::KeyValue(message) = message { Some(message) } else { None }
    }

    fn received(message: &Received) -> Option<&Verified<OrderedMessage>> {
        if let Received::KeyValue(message) = message { Some(message) } else { None }
    }

    fn kept(kept: &Kept) -> Option<&OrderedRecord> {
        if let Kept::KeyValue(record) = kept { Some(record) } else { None }
    }

    fn told(output: &Output) -> Option<&ordering::Output> {
        if let Output::KeyValue(output) = output { Some(output) } else { None }
    }

    fn asked(ask: &Ask) -> Option<&Vec<u8>> {
        if let Ask::KeyValue(operation) = ask { Some(operation) } else { None }
    }
}

/// The numbers of a cluster's nodes in one of its groups.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// By node of the cluster: its number in the group, if it takes part.
    numbers: Vec<Option<Node>>,
}

impl Frame {
    /// The group of these replicas, in their order, with these clients.
    pub(super) fn new(replicas: &[Node], clients: Nodes, node_count: u16) -> Self {
        let mut numbers = vec![None; usize::from(node_count)];
        for (number, node) in replicas.iter().copied().chain(clients.iter()).enumerate() {
            numbers[node.index()] = Some(Node::at(number));
        }
        Self { numbers }
    }

    fn node(&self, node: Node) -> Option<Node> {
        self.numbers[node.index()]
    }

    fn nodes(&self, nodes: Nodes) -> Nodes {
        nodes.iter().filter_map(|node| self.numbers.get(node.index()).copied().flatten()).collect()
    }

    fn at(&self, at: &At) -> Option<At> {
        Some(At { node: self.node(at.node)?, bad: self.nodes(at.bad), ..*at })
    }
}

/// The observers of one group of a cluster.
pub(super) struct Within<S: Hosted> {
    frame: Frame,
    inner: Vec<Box<dyn Checker<OrderingMachine<S>>>>,
}

impl<S: Hosted> Within<S> {
    pub(super) fn new(frame: Frame, inner: Vec<Box<dyn Checker<OrderingMachine<S>>>>) -> Self {
        Self { frame, inner }
    }

    fn ask(
        &mut self,
        at: &At,
        mut ask: impl FnMut(&mut dyn Checker<OrderingMachine<S>>, &At) -> Verdict,
    ) -> Verdict {
        let Some(at) = self.frame.at(at) else { return Ok(()) };
        self.inner.iter_mut().try_for_each(|checker| ask(checker.as_mut(), &at))
    }
}

/// The input as the machine of the group gets it.
fn input_of<S: Hosted>(input: &Input<ClusterMachine>) -> Option<Input<OrderingMachine<S>>> {
    match input {
        Input::Start => Some(Input::Start),
        Input::Deliver { from, message } => {
            let message = S::received(message)?.clone();
            Some(Input::Deliver { from: *from, message })
        }
        Input::Request(Request { ticket, ask }) => {
            let operation = S::asked(ask)?.clone();
            let (ticket, timeout) = (*ticket, ordering::CALL_TIMEOUT);
            let call = quorate_bft::ClientCall { ticket, operation, timeout };
            Some(Input::Request(quorate_bft::ClientRequest::Call(call)))
        }
        // No observer of a group looks at alarms.
        Input::Expired(_) => None,
    }
}

impl<S: Hosted> Checker<ClusterMachine> for Within<S> {
    fn id(&self) -> &'static str {
        "GROUP"
    }

    fn on_input(&mut self, at: &At, input: &Input<ClusterMachine>) -> Verdict {
        let Some(input) = input_of::<S>(input) else { return Ok(()) };
        self.ask(at, |checker, at| checker.on_input(at, &input))
    }

    fn on_step(&mut self, at: &At, machine: &ClusterMachine, gauges: &Gauges) -> Verdict {
        let Some(machine) = S::machine(machine) else { return Ok(()) };
        self.ask(at, |checker, at| checker.on_step(at, machine, gauges))
    }

    fn on_durable(&mut self, at: &At, _: RecordNumber, record: &Record) -> Verdict {
        let Some(kept) = S::kept(&record.kept) else { return Ok(()) };
        self.ask(at, |checker, at| checker.on_durable(at, record.number, kept))
    }

    fn on_send(&mut self, at: &At, to: &Recipients, message: &Message) -> Verdict {
        let Some(message) = S::sent(message) else { return Ok(()) };
        self.ask(at, |checker, at| checker.on_send(at, to, message))
    }

    fn on_output(&mut self, at: &At, output: &Output) -> Verdict {
        let Some(output) = S::told(output) else { return Ok(()) };
        self.ask(at, |checker, at| checker.on_output(at, output))
    }

    fn on_crash(&mut self, at: &At) -> Verdict {
        self.ask(at, |checker, at| checker.on_crash(at))
    }

    fn on_start(&mut self, at: &At, machine: &ClusterMachine) -> Verdict {
        let Some(machine) = S::machine(machine) else { return Ok(()) };
        self.ask(at, |checker, at| checker.on_start(at, machine))
    }

    fn on_end(&mut self, end: &End<'_, ClusterMachine>) -> Verdict {
        let mut scenario = end.scenario.clone();
        scenario.core = self.frame.nodes(end.scenario.core);
        let mut machines = vec![None; self.frame.numbers.len()];
        for (number, machine) in self.frame.numbers.iter().zip(end.machines) {
            if let (Some(number), Some(machine)) = (number, machine) {
                machines[number.index()] = S::machine(machine);
            }
        }
        let end = End {
            scenario: &scenario,
            time_us: end.time_us,
            bad: self.frame.nodes(end.bad),
            machines: &machines,
        };
        self.inner.iter_mut().try_for_each(|checker| checker.on_end(&end))
    }
}
