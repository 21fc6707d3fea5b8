//! Judges of recorded histories: they see what clients saw, and nothing else.
//!
//! The crate shares no code with the protocols, so that a mistake there cannot hide itself here.
//! A history is a list of operations with the moments at which each was invoked and returned.
//!
//! | module | judges | cost |
//! |---|---|---|
//! | [`register`] | an atomic register whose written values are unique | O(n log n), complete |
//! | [`wgl`] | any sequential object given as a [`wgl::Model`] | exponential, capped |
//! | [`prng`] | nothing: it is the one source of randomness of the lab | |
//!
//! # Time
//! Moments are `u64` in whatever unit the recorder counts: nanoseconds, or the number of the event.
//! Operation `a` *precedes* `b` when `a.returned < b.invoked`. Equal moments count as concurrent,
//! which can hide a violation and never invents one; a recorder whose clock is coarse, and who
//! wants one process's consecutive operations ordered, records event numbers.

#![forbid(unsafe_code)]

pub mod operation;
pub mod prng;
pub mod register;
pub mod wgl;

pub use operation::{Kind, Moment, Operation};
pub use prng::Prng;
