//! Digests, signatures, certificates; the only door to Verified.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;
