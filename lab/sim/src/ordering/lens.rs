//! How the generic checkers read the ordering engine.

use std::sync::Arc;

use quorate_bft::message::{Message, Outcome};
use quorate_bft::{ClientFailure, ClientOutput, ClientRequest, Output as ReplicaOutput};
use quorate_crypto::{Domain, hash_of};
use quorate_types::{ClientId, Digest, ReplicaId};

use super::knowledge::Shared;
use super::{OrderingMachine, Output, Replicated};
use crate::checker::{Decision, Executed, Lens, RequestKey, Statement};
use crate::node::Node;

/// Reads the engine's values.
#[derive(Clone, Debug)]
pub struct OrderingLens {
    /// What the replicas' disks hold.
    pub(super) knowledge: Shared,
    /// Replicas, which are the first nodes.
    pub replicas: u16,
    /// Clients, which are the nodes behind them.
    pub clients: Vec<ClientId>,
}

/// The log of decided cuts.
const CUTS: u64 = 0;
/// The log of states at checkpoints.
const STATES: u64 = 1;

/// The log of the slots' times.
const TIMES: u64 = 2;

/// Kinds of statements, each with the numbers that name what it is about.
mod topic {
    pub(super) const PROPOSES: u64 = 1;
    pub(super) const PREPARES: u64 = 2;
    pub(super) const COMMITS: u64 = 3;
    pub(super) const STATE: u64 = 4;
    pub(super) const BATCH: u64 = 5;
    pub(super) const HOLDS: u64 = 6;
    pub(super) const CARRIES: u64 = 7;
    pub(super) const STARTS: u64 = 8;
    pub(super) const OPENED: u64 = 9;
}

impl OrderingLens {
    fn node_of(&self, client: ClientId) -> Option<Node> {
        let index = self.clients.iter().position(|known| *known == client)?;
        Some(Node::at(usize::from(self.replicas) + index))
    }

    fn is(&self, node: Node, replica: ReplicaId) -> bool {
        node.index() < usize::from(self.replicas) && replica == node.replica()
    }
}

impl<S: Replicated> Lens<OrderingMachine<S>> for OrderingLens {
    fn requested(&self, node: Node, request: &ClientRequest) -> Option<RequestKey> {
        match request {
            ClientRequest::Call(call) => Some(RequestKey { client: node, number: call.ticket }),
            ClientRequest::Follow(_) => None,
        }
    }

    fn completed(&self, node: Node, output: &Output, into: &mut Vec<RequestKey>) {
        // A session may be lost to late openings of the client's earlier processes; then the client
        // tells so, and that is an end too.
        if let Output::Client(
            ClientOutput::Replied { ticket, .. }
            | ClientOutput::Failed { ticket, failure: ClientFailure::SessionLost },
        ) = output
        {
            into.push(RequestKey { client: node, number: *ticket });
        }
    }

    fn decided(&self, _: Node, output: &Output, into: &mut Vec<Decision>) {
        match output {
            Output::Replica(ReplicaOutput::Executed { slot, cut, time, .. }) => {
                into.push(Decision { log: CUTS, position: slot.get(), value: *cut });
                let value = hash_of(Domain::Derivation, time);
                into.push(Decision { log: TIMES, position: slot.get(), value });
            }
            Output::State { slot, root } => {
                into.push(Decision { log: STATES, position: *slot, value: *root });
            }
            Output::Replica(_) | Output::Served { .. } | Output::Renounced | Output::Client(_) => {}
        }
    }

    fn executed(&self, _: Node, output: &Output, into: &mut Vec<Executed>) {
        if let Output::Served { client, number, position, .. } = *output
            && let Some(client) = self.node_of(client)
        {
            let request = RequestKey { client, number };
            into.push(Executed { request, log: CUTS, position });
        }
    }

    fn stated(&self, node: Node, message: &Arc<Message>, into: &mut Vec<Statement>) {
        let mut state = |topic, value| into.push(Statement { topic, value });
        match &**message {
            Message::PrePrepare(it) if self.leads(node, it.proposal.view.get()) => {
                let place = [it.proposal.view.get(), it.proposal.slot.get(), 0];
                state([topic::PROPOSES, place[0], place[1], 0], it.proposal.digest);
                if it.proposal.is_vote {
                    state([topic::PREPARES, place[0], place[1], 0], it.proposal.digest);
                }
            }
            Message::Prepare(vote) if self.is(node, vote.from) => {
                state([topic::PREPARES, vote.view.get(), vote.slot.get(), 0], vote.digest);
            }
            Message::Commit(vote) if self.is(node, vote.from) => {
                state([topic::COMMITS, vote.view.get(), vote.slot.get(), 0], vote.digest);
            }
            Message::Checkpoint(it) if self.is(node, it.from) => {
                let value = hash_of(Domain::Checkpoint, &it.statement);
                state([topic::STATE, it.statement.slot.get(), 0, 0], value);
            }
            Message::Batch(batch) if self.is(node, batch.header.header.lane) => {
                state([topic::BATCH, batch.header.header.seq.get(), 0, 0], batch.digest());
            }
            Message::AckVector(vector) if self.is(node, vector.from) => {
                let mut knowledge = self.knowledge.borrow_mut();
                for (lane, tip) in vector.tips.iter().enumerate() {
                    for held in knowledge.held(node.index(), (lane, *tip)) {
                        state([topic::HOLDS, lane as u64, held.seq.get(), 0], held.digest);
                    }
                }
            }
            Message::ViewChange(change) if self.is(node, change.from) => {
                state([topic::CARRIES, change.view.get(), 0, 0], signature_of(change.signature));
            }
            // One opening is one session, also when it is ordered again after that was closed.
            Message::Reply(reply) => {
                for answer in &reply.answers {
                    if let Outcome::Opened(session) = &answer.outcome {
                        let value = hash_of(Domain::Derivation, session);
                        state([topic::OPENED, answer.id.get(), 0, 0], value);
                    }
                }
            }
            Message::NewView(it) if self.leads(node, it.view.get()) => {
                state([topic::STARTS, it.view.get(), 0, 0], it.digest());
            }
            _ => {}
        }
    }

    fn live_items(&self, machine: &OrderingMachine<S>) -> usize {
        match machine {
            OrderingMachine::Replica(seat) => seat.replica.live_items(),
            OrderingMachine::Client(_) => 0,
        }
    }
}

fn signature_of(signature: quorate_types::Signature) -> Digest {
    hash_of(Domain::Derivation, &signature)
}

impl OrderingLens {
    fn leads(&self, node: Node, view: u64) -> bool {
        view % u64::from(self.replicas) == node.number()
    }
}
