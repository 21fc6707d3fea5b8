//! Every bound of the storage DHT, in one place.

use quorate_types::Duration;

/// Bytes of every chunk of a file but the last. FORMAT: part of the id of every file.
pub const CHUNK_BYTES: usize = 1 << 20;
/// Ids in a full node of a manifest. FORMAT: part of the id of every file.
pub const MANIFEST_FANOUT: usize = 1024;
/// Deepest manifest, in levels of nodes.
pub const MANIFEST_LEVELS_MAX: u8 = 4;
/// Longest file: what a manifest of the greatest depth holds.
pub const FILE_BYTES_MAX: u64 = 1 << 60;
/// Longest encoding of a manifest node: its ids and at most 64 bytes beside them.
pub const MANIFEST_NODE_BYTES_MAX: usize = 64 + 32 * MANIFEST_FANOUT;
/// Longest value of a public-key object.
pub const VALUE_BYTES_MAX: usize = 64 << 10;
/// How far the sequence number of a version may lie above the stored one.
pub const SEQUENCE_SKIP_MAX: u64 = 1 << 32;
/// Longest certified configuration that a server sends to somebody of an older epoch.
pub const CONFIGURATION_BYTES_MAX: usize = 4 << 20;

/// Requests that a server holds while their objects are loaded or repaired.
pub const SERVER_JOBS_MAX: usize = 1024;
/// Of these, requests of one peer.
pub const SERVER_JOBS_PER_PEER_MAX: usize = 128;
/// Bytes of all contents and values that wait at a server to be written.
pub const SERVER_WAITING_BYTES_MAX: usize = 24 << 20;
/// Of these, bytes of one peer.
pub const SERVER_WAITING_BYTES_PER_PEER_MAX: usize = 12 << 20;
/// Objects that a server repairs at the same time.
pub const SERVER_REPAIRS_MAX: usize = 16;
/// Rounds of questions after which a repair is given up.
pub const REPAIR_ROUNDS_MAX: u32 = 8;
/// How long a repair waits for the peers that it asked.
pub const REPAIR_RETRY: Duration = Duration::from_millis(500);

/// Operations that a client has in flight.
pub const CLIENT_CALLS_MAX: usize = 64;
/// First wait of a client before it asks again; each further one is twice as long.
pub const CLIENT_RETRY_MIN: Duration = Duration::from_millis(200);
/// The same for content that a client sends: a megabyte to each of a group may take its time.
pub const CLIENT_RETRY_PUT_MIN: Duration = Duration::from_secs(1);
/// Longest wait of a client before it asks again.
pub const CLIENT_RETRY_MAX: Duration = Duration::from_secs(5);
/// How long a server that did not deliver is asked last.
pub const CLIENT_PENALTY: Duration = Duration::from_secs(30);

// A waiting request of the longest kind fits the budget of one peer, and that of all.
const _: () = assert!(SERVER_WAITING_BYTES_PER_PEER_MAX >= CHUNK_BYTES);
const _: () = assert!(SERVER_WAITING_BYTES_MAX >= SERVER_WAITING_BYTES_PER_PEER_MAX);
const _: () = assert!(SERVER_JOBS_MAX >= SERVER_JOBS_PER_PEER_MAX);
// One length bound serves all contents.
const _: () = assert!(MANIFEST_NODE_BYTES_MAX <= CHUNK_BYTES);
const _: () = assert!(VALUE_BYTES_MAX <= CHUNK_BYTES);
// The longest file fills the deepest manifest exactly.
const _: () = assert!(
    (MANIFEST_FANOUT as u64).pow(MANIFEST_LEVELS_MAX as u32) * CHUNK_BYTES as u64 == FILE_BYTES_MAX
);
