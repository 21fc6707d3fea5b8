//! The adversaries of the DHT, by name: those of the lab's crate, for this simulation.

use quorate_adversary::Adversary;
pub use quorate_adversary::storage::{CLIENT_VILLAINS, SERVER_VILLAINS};
use quorate_adversary::storage::{Holdings, Liar, villain};
use quorate_history::Prng;

use super::StorageMachine;

/// The adversary with this name, with what it holds.
pub(super) fn adversary(
    name: &str,
    holdings: Holdings,
    prng: &Prng,
) -> Box<dyn Adversary<StorageMachine>> {
    let villain = villain(name, &mut prng.fork("shape")).expect("a scenario names a villain");
    Box::new(Liar::new(holdings, prng.fork("deeds"), villain))
}
