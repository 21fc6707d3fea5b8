//! Digests, signatures and certificates; the only door to [`Verified`].
//!
//! A signature covers a 32-byte [digest](quorate_types::Digest) that was made under one
//! [`Domain`] of a canonical encoding, so a signature made for one purpose never counts for
//! another. Ed25519 is accepted under one rule, ZIP 215 (the cofactored equation, canonicity of
//! points not required), under which single and batch verification agree on every input: what one
//! correct replica accepts, all accept, however they check it. The scheme is behind [`Signer`] and
//! [`Verifier`], with a [`real`] and an [`ideal`] version; the ideal one serves the simulator.
//!
//! # Invariants
//! - CRY-1: a [`Verified`] message has had every signature in it checked.
//! - CRY-2: verifying signatures one by one and in a batch gives the same answer.
//! - CRY-3: a certificate counts distinct members of its group, never signatures.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod authority;
pub mod certificate;
pub mod hash;
pub mod ideal;
pub mod mac;
pub mod merkle;
pub mod real;
pub mod signature;
pub mod verified;

pub use authority::{ClientCertificate, ClientGrant};
pub use certificate::Certificate;
pub use hash::{Domain, Hasher, hash, hash_of};
pub use signature::{SignatureCheck, Signer, Verifier};
pub use verified::{Pending, Rejected, Verifiable, Verified, settle, verify};
