//! The sans-IO contract: inputs in, ordered effects out.
//!
//! Every participant - replica, client, storage node - is a [`Machine`]: the same state and the
//! same `(now, input)` give the same state and the same effects. The simulator and the daemon are
//! two callers of this one trait, so what the simulator breaks is what production runs.
//!
//! # The law of effects
//! An executor performs the effects of a machine in their order, over all steps, and lets nothing
//! overtake an [`Effect::Persist`]: what stands behind it happens only when the record is durable.
//! Records that stand together may share one write to the disk. Whoever crashes loses a suffix of
//! the effects, never one from the middle.
//!
//! # Invariants
//! - MAC-1: effects are numbered in the order in which they are pushed, without gaps, over the
//!   whole life of a machine; a number names a crash point.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(test, plant))]
extern crate std;

mod effect;
mod plant;
mod service;

pub use effect::{Class, Effect, Effects, Recipients, RecordNumber};
#[cfg(plant)]
pub use plant::select;
pub use plant::{Plant, planted};
pub use service::{Call, Caller, Conclusion, Service, ServiceState};

use quorate_types::{Now, Peer};

/// A protocol participant.
pub trait Machine {
    /// A message as it arrives: already verified.
    type Inbound;
    /// A message as it leaves.
    type Outbound;
    /// What the machine writes to its log.
    type Record;
    /// What it can set an alarm for.
    type Timer: Copy + Ord;
    /// What its own node may ask of it.
    type Request;
    /// What it tells its own node.
    type Output;

    /// Takes one input and pushes what has to be done about it.
    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>);
}

/// What happens to a machine.
#[derive(Debug)]
pub enum Input<M: Machine + ?Sized> {
    /// The machine begins, or begins again after a crash: it sets its first timers.
    Start,
    /// A verified message came over an authenticated link.
    Deliver {
        /// The other end of the link; a signer inside the message may be somebody else.
        from: Peer,
        /// The message.
        message: M::Inbound,
    },
    /// A timer that was armed has run out.
    Expired(M::Timer),
    /// The node itself asks for something.
    Request(M::Request),
}
