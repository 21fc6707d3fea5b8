//! Services as the simulation replicates them: each tells what it executed.

use std::fmt::Debug;

use quorate_crypto::{Domain, hash};
use quorate_machine::{Call, Caller, Conclusion, Service, ServiceState};
use quorate_types::{ClientId, Epoch, Slot};

use super::Output;

/// A service under test: what it executes can be traced back to an operation of the scenario.
pub trait Replicated: Service + Clone + Debug + 'static {
    /// The number that the host put into this operation; any number for bytes of somebody else.
    fn number(operation: &[u8]) -> u64;
}

/// Positions in one slot, at most.
const SLOT_POSITIONS: u64 = 1 << 24;

/// A service between the engine and an observer, who is told what was executed where.
#[derive(Clone, Debug)]
pub struct Watched<S> {
    service: S,
    /// The slot of the last execution, and how many there were in it.
    place: (Slot, u64),
    served: Vec<Output>,
}

impl<S> Watched<S> {
    /// Watches a service.
    pub(super) const fn new(service: S) -> Self {
        Self { service, place: (Slot::ZERO, 0), served: Vec::new() }
    }

    /// What was executed since the last call.
    pub(super) fn take_served(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.served)
    }

    /// The place of the next execution among all: a slot is executed as a whole.
    const fn next_position(&mut self, slot: Slot) -> u64 {
        let (last, count) = self.place;
        let count = if last.get() == slot.get() { count + 1 } else { 0 };
        self.place = (slot, count);
        slot.get() * SLOT_POSITIONS + count
    }
}

impl<S: Replicated> Service for Watched<S> {
    fn execute(&mut self, call: &Call<'_>, state: &mut dyn ServiceState) -> Vec<u8> {
        let reply = self.service.execute(call, state);
        let Caller::Client(client) = call.caller else { return reply };
        let number = S::number(call.operation);
        let position = self.next_position(call.slot);
        let (time, reply_digest) = (call.time, hash(Domain::Derivation, &reply));
        self.served.push(Output::Served { client, number, position, time, reply: reply_digest });
        reply
    }

    fn restore(&mut self, state: &dyn ServiceState) {
        self.service.restore(state);
    }

    fn conclude(&mut self, epoch: Epoch, state: &dyn ServiceState) -> Conclusion {
        self.service.conclude(epoch, state)
    }
}

/// A ledger: numbers every request that it executes.
///
/// An operation is the client's own number for it, eight bytes; the reply is its place among all
/// executed requests. The state holds the number of executed requests and, per client and per
/// member that announced something, a hash chain of what was executed, so that states agree only
/// if histories do.
#[derive(Clone, Copy, Default, Debug)]
pub struct Ledger {
    /// The epoch ends with the slot in which so many requests are executed, if ever.
    pub ends_at: Option<u64>,
}

fn number(bytes: Option<Vec<u8>>) -> u64 {
    bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes)
}

fn chain_key(client: ClientId) -> Vec<u8> {
    client.as_bytes()[..8].to_vec()
}

fn chain(state: &mut dyn ServiceState, key: &[u8], operation: &[u8]) {
    let before = number(state.get(key));
    let asked = number(Some(operation.to_vec()));
    let after = before.rotate_left(5) ^ asked.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state.put(key, after.to_be_bytes().to_vec());
}

impl Service for Ledger {
    fn execute(&mut self, call: &Call<'_>, state: &mut dyn ServiceState) -> Vec<u8> {
        let client = match call.caller {
            Caller::Client(client) => client,
            Caller::Member(node) => {
                // What members announce leaves a trace too, so that states agree on it.
                chain(state, &[b"member", &node.as_bytes()[..8]].concat(), call.operation);
                return Vec::new();
            }
        };
        let position = number(state.get(b"executed"));
        state.put(b"executed", (position + 1).to_be_bytes().to_vec());
        chain(state, &chain_key(client), call.operation);
        position.to_be_bytes().to_vec()
    }

    fn restore(&mut self, _: &dyn ServiceState) {}

    fn conclude(&mut self, _: Epoch, state: &dyn ServiceState) -> Conclusion {
        let executed = number(state.get(b"executed"));
        Conclusion { news: None, is_last: self.ends_at.is_some_and(|last| executed >= last) }
    }
}

impl Replicated for Ledger {
    fn number(operation: &[u8]) -> u64 {
        number(Some(operation.to_vec()))
    }
}
