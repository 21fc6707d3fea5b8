//! Canonical binary encoding: one value, one byte string; one byte string, at most one value.
//!
//! Integers are fixed-width and big-endian, sequences carry a `u32` count, variants a `u8` tag,
//! booleans and options one byte that is 0 or 1. A decoder accepts nothing behind the value. Every
//! sequence is read under a [`Limit`] that has a name, and no claim of length allocates: memory
//! grows only with bytes that have arrived.
//!
//! # Invariants
//! - WIR-1: `decode(encode(x)) == x`, and `encode(decode(b)) == b` for every accepted `b`.
//! - WIR-2: no byte sequence makes a decoder panic, or allocate more than a fixed multiple of the
//!   bytes that it got.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod codec;
mod shared;
mod vector;

pub use codec::{Decode, DecodeError, Encode, Limit, Reader, Writer, decode, encode};
pub use vector::vector;
