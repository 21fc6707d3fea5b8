//! A ledger: numbers every request that it executes.

use quorate_machine::{Call, Caller, Service, ServiceState};
use quorate_types::ClientId;

use super::Output;

/// The replicated service of the simulation.
///
/// An operation is the client's own number for it, eight bytes; the reply is its place among all
/// executed requests. The state holds the number of executed requests and, per client, a hash
/// chain of what was executed, so that states agree only if histories do.
#[derive(Debug, Default)]
pub struct Ledger {
    served: Vec<Output>,
}

impl Ledger {
    /// What was executed since the last call.
    pub(super) fn take_served(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.served)
    }
}

fn number(bytes: Option<Vec<u8>>) -> u64 {
    bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes)
}

fn chain_key(client: ClientId) -> Vec<u8> {
    client.as_bytes()[..8].to_vec()
}

impl Service for Ledger {
    fn execute(&mut self, call: &Call<'_>, state: &mut dyn ServiceState) -> Vec<u8> {
        let Caller::Client(client) = call.caller;
        let position = number(state.get(b"executed"));
        state.put(b"executed", (position + 1).to_be_bytes().to_vec());
        let key = chain_key(client);
        let before = number(state.get(&key));
        let asked = number(Some(call.operation.to_vec()));
        let after = before.rotate_left(5) ^ asked.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        state.put(&key, after.to_be_bytes().to_vec());
        self.served.push(Output::Served { client, number: asked, position });
        position.to_be_bytes().to_vec()
    }

    fn restore(&mut self, _: &dyn ServiceState) {}
}
