//! One authenticated ordered map: all the state that a replica group agrees on.
//!
//! A [`Map`] holds byte strings under byte strings, in key order. Its root digest commits to every
//! entry and to their number, so that replicas compare their states by 32 bytes, a [`Proof`] shows
//! to anybody who knows the root what a key holds or that it holds nothing, and a replica that
//! fell behind takes the state from a peer it does not trust, [`Chunk`] by chunk.
//!
//! The shape is a persistent Merkle treap (Seidel and Aragon, "Randomized Search Trees",
//! Algorithmica 16, 1996; with hashed priorities as in Crosby and Wallach, "Super-Efficient
//! Aggregating History-Independent Persistent Authenticated Dictionaries", ESORICS 2009): a search
//! tree by key and a heap by the hash of the key. A set of entries has one such tree, however it
//! came about. Nodes are shared between the map and its snapshots and copied when they are
//! written; digests are computed when the root is asked for, each changed node once.
//!
//! # Depth
//! Hashed keys give a depth of about `2 ln n`. Priorities are public, so who may choose keys can
//! search for ones that stand below each other: a chain of `m` keys costs about `m * m` hashes.
//! That makes operations slower and proofs longer, never wrong: no algorithm here recurses, and
//! none relies on the depth. A proof or chunk deeper than [`limits::PATH_NODES_MAX`] is refused by
//! the decoder. A priority keyed by agreed randomness, changed from epoch to epoch, is the remedy
//! if this is ever seen.
//!
//! # Invariants
//! - STA-1: the shape, hence the root, depends on the set of entries alone: keys are in search
//!   order, and every node has a higher priority than its children.
//! - STA-2: above a node without a digest there is no node with a digest, so no root is stale.
//! - STA-3: no key is longer than [`limits::KEY_BYTES_MAX`], no value than
//!   [`limits::VALUE_BYTES_MAX`]; the counts of entries and bytes are those of the entries.
//! - STA-4: a snapshot never changes.
//! - STA-5: a proof that verifies under a map's root tells what the map holds; it has one encoding.
//! - STA-6: a chunk that verifies under a map's root holds all entries of the map behind its lower
//!   bound up to its last key, and says rightly whether there are more; it has one encoding.
//! - STA-7: each chunk taken moves a restoration upwards in key order, past no more entries than
//!   the root binds, and a complete one has the root that was asked for.
//! - STA-8: applied to the entries at the last call, the changes taken give the entries now.
//! - STA-9: a loaded map holds the entries that were taken and no others, whatever map it was
//!   loaded beside, and shares with that one what both hold.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod audit;
mod chunk;
mod entries;
mod key;
pub mod limits;
mod load;
mod map;
mod node;
mod proof;
mod restore;
mod section;
mod snapshot;
mod tree;

pub use chunk::{Chunk, Rejected, VerifiedChunk};
pub use entries::Entries;
pub use load::Load;
pub use map::{Change, Map};
pub use proof::{Proof, ProofError};
pub use restore::Restore;
pub use section::{Section, scan_section};
pub use snapshot::Snapshot;
pub use tree::Tree;

/// A value, shared between the map, its snapshots and whoever got it from them; or a key.
pub type Bytes = alloc::sync::Arc<[u8]>;
