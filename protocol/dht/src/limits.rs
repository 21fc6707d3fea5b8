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
/// Numbers of one level: a server goes on to a level above the first only when `2f + 1` of the
/// group are on the one below.
pub const SEQUENCE_SKIP_MAX: u64 = 1 << 32;
/// Longest certified configuration that a server sends to somebody of an older epoch: with what
/// stands around it, it fits a frame of 4 MiB.
pub const CONFIGURATION_BYTES_MAX: usize = (4 << 20) - (4 << 10);

/// Requests that a server holds while their objects are loaded or repaired.
pub const SERVER_JOBS_MAX: usize = 1024;
/// Of these, requests of one peer.
pub const SERVER_JOBS_PER_PEER_MAX: usize = 128;
/// Of these, requests of all strangers together: clients that showed no certificate.
pub const SERVER_STRANGERS_JOBS_MAX: usize = 64;
/// Bytes of all contents and values that wait at a server to be written.
pub const SERVER_WAITING_BYTES_MAX: usize = 24 << 20;
/// Of these, bytes of one peer.
pub const SERVER_WAITING_BYTES_PER_PEER_MAX: usize = 12 << 20;
/// Of these, bytes of all strangers together: writes that others signed.
pub const SERVER_STRANGERS_WAITING_BYTES_MAX: usize = 4 << 20;
/// Clients that a server knows to have a certificate; the one that showed it longest ago goes.
pub const SERVER_KNOWN_CLIENTS_MAX: usize = 4096;
/// Objects that a server repairs at the same time.
pub const SERVER_REPAIRS_MAX: usize = 16;
/// Registers of which a server remembers what the others hold, to tell whether they may go on to a
/// higher level; the oldest gives way.
pub const SERVER_INQUIRIES_MAX: usize = 16;
/// Rounds of questions after which a repair is given up.
pub const REPAIR_ROUNDS_MAX: u32 = 8;
/// How long a repair waits for the peers that it asked.
pub const REPAIR_RETRY: Duration = Duration::from_millis(500);

/// How long a server whose group has nothing to mend its copy with waits before it asks once more,
/// times its place in the group counted from 1: one after the other finds out that it is lost.
pub const LOSS_CONFIRM: Duration = Duration::from_secs(1);

/// Names that one page of a listing holds.
pub const LISTED_NAMES_MAX: usize = 256;
/// Pages that a server lists of its own store one after the other without a pause.
pub const WALK_PAGES_MAX: u32 = 8;
/// The pause after so many pages.
pub const WALK_PAUSE: Duration = Duration::from_millis(100);
/// Digests in a comparison: three kinds, 256 first bytes, and the servers among the arcs of a
/// group.
pub const COMPARED_CELLS_MAX: usize = 3 * (256 + 64);
/// Usual time from the end of one sweep to the next; half of it to one and a half are drawn.
pub const SWEEP_PERIOD: Duration = Duration::from_secs(10);
/// The first sweep of a process begins within this time, and so does the next one when the last
/// had to leave something.
pub const SWEEP_SOON: Duration = Duration::from_secs(1);
/// Every so many sweeps, all of the store is listed anew, and not only what has changed.
pub const SWEEPS_PER_WALK: u32 = 6;
/// How long a sweep waits for the others to compare or to list; half of it is what a server that
/// is asked takes to bring its digests up to date.
pub const SWEEP_WAIT: Duration = Duration::from_secs(2);
/// Cells that one sweep looks into.
pub const SWEEP_CELLS_MAX: usize = 64;
/// Pages by which one peer may hold up the listing of a cell before it goes on without it.
pub const SWEEP_PAGES_BEHIND_MAX: u32 = 64;
/// Objects that a sweep has in flight, and so the chunks that it has in memory.
pub const SWEEP_FETCHES_MAX: usize = 8;
/// Time between two starts of so many fetches: at most 80 MiB/s.
pub const SWEEP_TICK: Duration = Duration::from_millis(100);
/// How long a sweep waits for one peer to send an object.
pub const SWEEP_FETCH_WAIT: Duration = Duration::from_secs(2);
/// Within this time after the last fault and the last write, every correct server of a group
/// holds whatever was completely written to it, if that fits the budgets of one sweep.
pub const SWEEP_BOUND: Duration = Duration::from_secs(40);

/// Pause between two objects that a server checks by itself.
pub const SCRUB_IDLE_PAUSE: Duration = Duration::from_secs(2);
/// Rest of a server that has checked all of its objects by itself.
pub const SCRUB_IDLE_REST: Duration = Duration::from_secs(60);
/// Objects that are checked without a pause, where somebody asked for it.
pub const SCRUB_PORTION_OBJECTS: u64 = 32;
/// Bytes of such objects; the last of them may go beyond.
pub const SCRUB_PORTION_BYTES: u64 = 1 << 20;
/// Pause after these: at most about 100 MiB/s are read.
pub const SCRUB_PAUSE: Duration = Duration::from_millis(10);
/// Runs whose names a server remembers, so that their askers learn what came of them.
pub const SCRUB_RUNS_MAX: usize = 16;

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
