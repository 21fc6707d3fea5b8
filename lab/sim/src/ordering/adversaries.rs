//! The adversaries of the ordering engine, by name: those of the lab's crate, for this simulation.

use std::sync::Arc;

use quorate_adversary::Adversary;
pub use quorate_adversary::ordering::{CLIENT_VILLAINS, REPLICA_VILLAINS};
use quorate_adversary::ordering::{Holdings, Liar, Seat, villain};
use quorate_crypto::Signer;
use quorate_history::Prng;
use quorate_types::GroupConfiguration;

use super::{OrderingMachine, Replicated};

/// The adversary with this name, in this seat.
pub(super) fn adversary<S: Replicated>(
    name: &str,
    (seat, group): (Seat, Arc<GroupConfiguration>),
    signer: Arc<dyn Signer>,
    prng: &Prng,
) -> Box<dyn Adversary<OrderingMachine<S>>> {
    let villain = villain(name, &mut prng.fork("shape")).expect("a scenario names a villain");
    Box::new(Liar::new(Holdings::new(seat, group, signer), prng.fork("deeds"), villain))
}
