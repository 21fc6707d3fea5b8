//! A service that ends epochs: the first `END` of an epoch does, whoever asks, and what is behind
//! it in its slot is executed like everything else.

use quorate_machine::{Call, Caller, Conclusion, Service, ServiceState};
use quorate_types::Epoch;

/// Appends what is asked to a register, and answers with all of it.
#[derive(Debug)]
pub(crate) struct Toy;

fn end_key(epoch: Epoch) -> Vec<u8> {
    [b"end ".as_slice(), &epoch.get().to_be_bytes()].concat()
}

impl Service for Toy {
    fn execute(&mut self, call: &Call<'_>, state: &mut dyn ServiceState) -> Vec<u8> {
        let mut journal = state.get(b"journal").unwrap_or_default();
        if let Caller::Member(node) = call.caller {
            journal.extend_from_slice(format!("{}:", node.as_bytes()[0] - 1).as_bytes());
        }
        if call.operation.starts_with(b"END") {
            let key = end_key(call.epoch);
            if state.get(&key).is_some() {
                return b"it has ended".to_vec();
            }
            state.put(&key, Vec::new());
        }
        journal.extend_from_slice(call.operation);
        journal.push(b';');
        state.put(b"journal", journal.clone());
        journal
    }

    fn restore(&mut self, _: &dyn ServiceState) {}

    fn conclude(&mut self, epoch: Epoch, state: &dyn ServiceState) -> Conclusion {
        let is_last = state.get(&end_key(epoch)).is_some();
        let news = is_last.then(|| format!("{} is over", epoch.get()).into_bytes());
        Conclusion { news, is_last }
    }
}
