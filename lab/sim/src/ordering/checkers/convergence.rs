//! C14: when nothing has been asked for long enough, all replicas of the core have one state.

use quorate_bft::Parameters;
use quorate_crypto::{Domain, Hasher};
use quorate_state::Map;
use quorate_types::Digest;

use crate::checker::{Broken, Checker, End, Verdict};
use crate::ordering::{OrderingMachine, Replicated};
use crate::scenario::FaultKind;

/// Villains that never stop asking, so that a replica may be behind when the run is over: by no
/// more slots than the group may propose above a stable checkpoint.
const RESTLESS: &[&str] = &["announcer", "client-flooder", "lane-juggler", "legion"];

/// Compares the replicas of the core when a run is over.
#[derive(Debug)]
pub(in crate::ordering) struct Convergence {
    window: u64,
}

impl Convergence {
    /// A checker for replicas with these parameters.
    pub(in crate::ordering) const fn new(parameters: &Parameters) -> Self {
        Self { window: parameters.window() }
    }
}

/// A digest of all entries, made without the engine's help.
fn digest_of(state: &Map) -> Digest {
    let mut hasher = Hasher::new(Domain::Derivation);
    for (key, value) in state.iter() {
        hasher.update(&(key.len() as u64).to_be_bytes()).update(key);
        hasher.update(&(value.len() as u64).to_be_bytes()).update(value);
    }
    hasher.finish()
}

impl<S: Replicated> Checker<OrderingMachine<S>> for Convergence {
    fn id(&self) -> &'static str {
        "C14"
    }

    fn on_end(&mut self, end: &End<'_, OrderingMachine<S>>) -> Verdict {
        if !end.scenario.judges_liveness {
            return Ok(());
        }
        let is_restless = |kind| match kind {
            FaultKind::Byzantine { adversary, .. } => RESTLESS.contains(&adversary),
            _ => false,
        };
        let is_restless = end.scenario.faults.iter().any(|fault| is_restless(fault.kind));
        let lag_max = if is_restless { self.window } else { 0 };
        let mut ends = Vec::new();
        for node in end.scenario.core.without(end.bad).iter() {
            let machine = end.machines.get(node.index()).copied().flatten();
            if let Some(OrderingMachine::Replica(seat)) = machine {
                let replica = &seat.replica;
                let root = digest_of(replica.state());
                ends.push((replica.executed_slot().get(), root, node));
            }
        }
        let Some(&(slot, root, first)) = ends.iter().max() else { return Ok(()) };
        for &(other_slot, other_root, node) in &ends {
            if other_slot + lag_max < slot {
                let what = format!("{node:?} ends at slot {other_slot}, {first:?} at {slot}");
                return Err(Broken::new("C14", what));
            }
            if slot == other_slot && root != other_root {
                let what = format!("{node:?} and {first:?} have two states after slot {slot}");
                return Err(Broken::new("C14", what));
            }
        }
        Ok(())
    }
}
