//! Identities, arithmetic of quorums, and the shape of a configuration; no behaviour.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;
