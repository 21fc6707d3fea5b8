//! Executes operations on the replicated map.
//!
//! Invariants: KVS-1, KVS-2, KVS-3.

use alloc::vec::Vec;

use quorate_machine::{Call, Caller, Service, ServiceState};

use crate::operation::KvOperation;
use crate::reply::KvReply;

/// The key-value service; it keeps nothing outside the replicated map.
#[derive(Clone, Copy, Default, Debug)]
pub struct KeyValueService;

impl Service for KeyValueService {
    // KVS-1: of the call only the operation is looked at, and whether a client asks: members of
    // the group have no business here.
    // KVS-3: what does not decode is answered, not asserted.
    fn execute(&mut self, call: &Call<'_>, state: &mut dyn ServiceState) -> Vec<u8> {
        let reply = match (call.caller, KvOperation::from_bytes(call.operation)) {
            (Caller::Member(_), _) => KvReply::NotAClient,
            (Caller::Client(_), Ok(operation)) => perform(operation, state),
            (Caller::Client(_), Err(error)) => KvReply::refusal(error),
        };
        reply.to_bytes()
    }

    fn restore(&mut self, _state: &dyn ServiceState) {}
}

fn perform(operation: KvOperation, state: &mut dyn ServiceState) -> KvReply {
    match operation {
        KvOperation::Get { key } => KvReply::Value(state.get(&key)),
        KvOperation::Put { key, value } => {
            state.put(&key, value);
            KvReply::Done
        }
        KvOperation::CompareAndSwap { key, expected, new } => {
            // KVS-2: nothing is written before the comparison.
            let is_expected = state.get(&key) == expected;
            if is_expected {
                set(state, &key, new);
            }
            KvReply::Swapped(is_expected)
        }
    }
}

fn set(state: &mut dyn ServiceState, key: &[u8], value: Option<Vec<u8>>) {
    match value {
        Some(value) => state.put(key, value),
        None => state.remove(key),
    }
}

#[cfg(test)]
mod tests;
