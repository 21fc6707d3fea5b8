//! The sans-IO contract: inputs in, ordered effects out.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;
