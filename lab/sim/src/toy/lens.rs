//! How the generic checkers read the toy.

use quorate_types::ClientId;

use super::{Body, Message, Output, ToyMachine, Wish};
use crate::checker::{Decision, Executed, Lens, RequestKey, Statement};
use crate::node::Node;

/// Reads the toy's values.
#[derive(Clone, Debug)]
pub struct ToyLens {
    /// Replicas, which are the first nodes.
    pub replicas: u16,
    /// Clients, which are the nodes behind them.
    pub clients: Vec<ClientId>,
}

impl ToyLens {
    fn request_key(&self, request: &Message) -> Option<RequestKey> {
        let Body::Request { client, number } = request.body else { return None };
        let index = self.clients.iter().position(|known| *known == client)?;
        Some(RequestKey { client: Node::at(usize::from(self.replicas) + index), number })
    }
}

/// Kinds of statements.
const PROPOSES: u64 = 1;
const VOTES: u64 = 2;

impl Lens<ToyMachine> for ToyLens {
    fn requested(&self, node: Node, wish: &Wish) -> Option<RequestKey> {
        Some(RequestKey { client: node, number: wish.number })
    }

    fn completed(&self, node: Node, output: &Output, into: &mut Vec<RequestKey>) {
        if let Output::Completed { number } = *output {
            into.push(RequestKey { client: node, number });
        }
    }

    fn decided(&self, _node: Node, output: &Output, into: &mut Vec<Decision>) {
        if let Output::Executed { slot, request, .. } = output {
            into.push(Decision { log: 0, position: *slot, value: request.body.digest() });
        }
    }

    fn executed(&self, _node: Node, output: &Output, into: &mut Vec<Executed>) {
        if let Output::Executed { position, request, .. } = output
            && let Some(request) = self.request_key(request)
        {
            into.push(Executed { request, log: 0, position: *position });
        }
    }

    fn stated(&self, node: Node, message: &std::sync::Arc<Message>, into: &mut Vec<Statement>) {
        match message.body {
            Body::Propose { slot, .. } if node == Node::new(0) => {
                let value = message.body.digest();
                into.push(Statement { topic: [PROPOSES, slot, 0, 0], value });
            }
            Body::Vote { slot, replica, proposal } if replica == node.replica() => {
                into.push(Statement { topic: [VOTES, slot, 0, 0], value: proposal });
            }
            Body::Propose { .. }
            | Body::Vote { .. }
            | Body::Request { .. }
            | Body::Decided { .. }
            | Body::Status { .. }
            | Body::Reply { .. } => {}
        }
    }

    fn live_items(&self, machine: &ToyMachine) -> usize {
        match machine {
            ToyMachine::Replica(replica) => replica.live_items(),
            ToyMachine::Client(_) => 0,
        }
    }
}
