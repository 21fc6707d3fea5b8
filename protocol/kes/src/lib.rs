//! Forward-secure signatures: one public key for thousands of periods, and no way back.
//!
//! A key of depth `d` signs in `2^d` periods, one after the other. Moving on erases what signed in
//! the period before: who captures the key afterwards can sign for no period that has passed,
//! while everybody goes on checking with the one root. So the identity of a server outlives the
//! capture of the server (G6).
//!
//! Malkin, Micciancio and Miner, EUROCRYPT'02, section 3 (the sum composition): a tree whose leaves
//! are Ed25519 keys, one per period, and whose inner nodes are hashes of their children. A
//! signature holds the leaf's signature and key, and the siblings on the path to the root.
//!
//! # Flow
//! ```text
//! Seed --SecretKey::generate--> root, period 0
//! SecretKey --sign--> Signature --check(root, period)--> SignatureCheck, for any verifier
//! SecretKey --evolve--> period + 1; the leaf of the period before is gone
//! ```
//!
//! # Invariants
//! - KES-1: a signature leads to the root in one period only, the one in which it was made.
//! - KES-2: a secret key holds no seed from which a leaf of an earlier period follows.
//! - KES-3: moving on takes at most one leaf per level of the tree, in every period, and reading a
//!   key from its bytes makes one.
//! - KES-4: a secret key whose parts do not lead to its root is refused when it is read.
//!
//! # Short keys
//! A key can be made with its first few periods only: above them stand nodes of which nobody knows
//! the children. Whoever checks cannot tell, and needs not: only its owner runs out of periods
//! sooner. Tests use them, also for what becomes of a server whose key ends.
//!
//! # Deviations
//! - From the paper: the signature holds one key per level instead of two, since the other one is
//!   computed while checking (the compact form, as in the crate `kes-summed-ed25519`); and the
//!   public half of the next subtree is built ahead, a leaf per period, so that the period in the
//!   middle costs no more than any other. What is built ahead is public.
//!
//! # Secrets
//! Seeds and leaves are erased when dropped and are not shown by `Debug`. Moves may leave copies
//! on the stack. Erasing the former key on a disk is the caller's.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod ahead;
mod period;
mod secret_key;
mod signature;
mod tree;

pub use crate::period::{Period, periods};
pub use crate::secret_key::{Exhausted, SecretKey};
pub use crate::signature::Signature;
pub use crate::tree::{Blake3Tree, IdealTree, Seed, Tree};

/// Depth of a server's identity: 4,096 epochs.
pub const IDENTITY_DEPTH: usize = 12;
