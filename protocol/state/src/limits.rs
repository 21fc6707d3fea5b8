//! Named bounds of the map, its proofs and its chunks.

use quorate_wire::Limit;

/// Longest key in bytes, with the prefix of its section.
pub const KEY_BYTES_MAX: usize = 2048;
/// Longest key of a section in bytes, without its prefix.
pub const SECTION_KEY_BYTES_MAX: usize = KEY_BYTES_MAX - 1;
/// Longest value in bytes.
pub const VALUE_BYTES_MAX: usize = 1 << 20;
/// Most nodes on the path from the root to a key, in a proof or on one side of a chunk.
pub const PATH_NODES_MAX: usize = 1 << 16;
/// Most entries in a chunk.
pub const CHUNK_ENTRIES_MAX: usize = 1 << 15;
/// Most items in a chunk: each node, entry or boundary, and the empty or pruned places below.
pub const CHUNK_ITEMS_MAX: usize = 2 * (CHUNK_ENTRIES_MAX + 2 * PATH_NODES_MAX) + 1;

pub(crate) const KEY: Limit = Limit::new("state key bytes", KEY_BYTES_MAX);
pub(crate) const VALUE: Limit = Limit::new("state value bytes", VALUE_BYTES_MAX);
pub(crate) const PATH_NODES: Limit = Limit::new("state path nodes", PATH_NODES_MAX);
pub(crate) const CHUNK_ITEMS: Limit = Limit::new("state chunk items", CHUNK_ITEMS_MAX);
