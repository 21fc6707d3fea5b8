//! Byzantine participants: an honest machine with an adversary between it and the world.
//!
//! The machine runs as it is; the adversary reads what comes in, and changes what goes out before
//! an executor performs it. It holds the signer of its own node, so whatever it alters it can sign
//! again, and it holds nobody else's: that is all the power that the model grants. The simulator's
//! executor and the process `quorate-liar` are two callers of the one trait, [`Adversary`].
//!
//! # Order of calls
//! For each input of the machine: [`Adversary::on_input`], then (unless it swallows the input) the
//! machine's own step, then [`Adversary::on_effects`] with what the machine wants done. When
//! [`Adversary::alarm`] names a time, [`Adversary::on_alarm`] follows at that time of the node's
//! monotonic clock. The law of effects holds for what is left in the list, in its order.
#![forbid(unsafe_code)]

pub mod deeds;
pub mod handover;
pub mod membership;
pub mod ordering;
pub mod storage;
pub mod villain;
pub mod wire;

use quorate_machine::{Effect, Input, Machine};
use quorate_types::{Instant, Now};

/// What becomes of an input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reception {
    /// The machine gets it.
    Pass,
    /// The machine never hears of it.
    Swallow,
}

/// One way of misbehaving.
pub trait Adversary<M: Machine>: Send {
    /// What it is called in scenarios and reports: lower case with hyphens.
    fn name(&self) -> &'static str;

    /// Reads an input before the machine gets it.
    fn on_input(&mut self, now: Now, machine: &M, input: &Input<M>) -> Reception {
        let _: (Now, &M, &Input<M>) = (now, machine, input);
        Reception::Pass
    }

    /// Drops, alters, adds or reorders the effects of the step that has just been made.
    fn on_effects(&mut self, now: Now, machine: &M, effects: &mut Vec<Effect<M>>);

    /// When it wants to be woken next; asked after every call. The past means at once.
    fn alarm(&self) -> Option<Instant> {
        None
    }

    /// Acts on its own at the time that it asked for; it must then name another time or none.
    fn on_alarm(&mut self, now: Now, machine: &M, effects: &mut Vec<Effect<M>>) {
        let _: (Now, &M, &mut Vec<Effect<M>>) = (now, machine, effects);
    }

    /// The node came back after a crash, with a new machine and a clock that starts at zero.
    fn on_restart(&mut self) {}
}
