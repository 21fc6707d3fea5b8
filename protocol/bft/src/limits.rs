//! Named bounds of the engine. The format's bounds are constants; what a group may tune is in
//! [`crate::Parameters`].

/// Most operations under one client signature.
pub const BUNDLE_OPERATIONS_MAX: usize = 64;
/// Longest operation, in bytes.
pub const OPERATION_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of one bundle: two fit a batch, so no bundle can wedge a lane.
pub const BUNDLE_BYTES_MAX: usize = 256 * 1024;
/// Longest message, in bytes: whoever carries messages must take as much.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024 - 1024;
/// Largest `f` of a group: its longest NEW-VIEW fits a message, with one slot in flight.
pub const GROUP_F_MAX: u16 = 8;
/// Longest reply, in bytes: those to all operations of a bundle fit a message.
pub const REPLY_BYTES_MAX: usize = 60 * 1024;
/// Bytes of a message around the replies in it, and of an answer around its reply.
const REPLY_FRAMING_BYTES: usize = 64;
/// Most bundles in a batch.
pub const BATCH_BUNDLES_MAX: usize = 1024;
/// Most bytes of bundles and announcements in a batch.
pub const BATCH_BYTES_MAX: usize = 512 * 1024;
/// Longest operation that a member announces, in bytes.
pub const ANNOUNCEMENT_BYTES_MAX: usize = OPERATION_BYTES_MAX;
/// Most announcements in a batch: clients' bundles find room beside them.
pub const BATCH_ANNOUNCEMENTS_MAX: usize = 16;
/// Most bytes of announcements in a batch.
pub const BATCH_ANNOUNCEMENT_BYTES_MAX: usize = 256 * 1024;
/// Most announcements that wait at a replica for a batch of its lane.
pub const ANNOUNCEMENTS_WAITING_MAX: usize = 64;
/// Most bytes of such announcements.
pub const ANNOUNCEMENTS_WAITING_BYTES_MAX: usize = 1024 * 1024;
/// Most bytes of bundles and announcements in a batch that travels inside a proposal.
pub const INLINE_BYTES_MAX: usize = 16 * 1024;
/// Most batches of a lane that are acknowledged but not executed.
pub const LANE_WINDOW_BATCHES: u64 = 32;
/// Most batches of a lane that one cut may add: the lane's quota.
pub const LANE_QUOTA_BATCHES: u64 = 16;
/// Most rows in a cut, per replica of the group.
pub const CUT_ROWS_PER_REPLICA_MAX: usize = 2;
/// Most slots that a group may have in flight.
pub const SLOTS_IN_FLIGHT_MAX: u64 = 8;
/// Slots above the highest committed one for which messages are kept.
pub const SLOTS_AHEAD_MAX: u64 = 16;
/// Most cuts in one answer to a fetch of slots.
pub const FETCH_SLOTS_MAX: usize = 32;
/// Most batches in one fetch of bodies.
pub const FETCH_BATCHES_MAX: usize = 32;
/// Most bytes of queued bundles at one replica.
pub const REQUEST_QUEUE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most bundles that wait at one replica for their session to be opened.
pub const EARLY_BUNDLES_MAX: usize = 64;
/// Most bytes of such bundles.
pub const EARLY_BYTES_MAX: usize = 1024 * 1024;
/// Most queued bundles of one client at one replica.
pub const CLIENT_BUNDLES_MAX: usize = 16;
/// Most sessions of one client; opening another closes the oldest.
pub const CLIENT_SESSIONS_MAX: usize = 4;
/// Requests of a session whose replies are kept.
pub const SESSION_WINDOW_REQUESTS: u64 = 1024;
/// Most servers of the next epoch that may ask for the final state.
pub const HEIRS_MAX: usize = 64;
/// Longest news of a service to its node, in bytes.
pub const NEWS_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of entries in one chunk of a state transfer.
pub const STATE_CHUNK_BYTES: usize = 256 * 1024;
/// Most entries in one record: those that a checkpoint changed, or all of a state that was got
/// from others. A state of more could not be kept.
pub const RECORD_ENTRIES_MAX: usize = 1 << 26;

const _: () = assert!(
    BUNDLE_OPERATIONS_MAX * (REPLY_BYTES_MAX + REPLY_FRAMING_BYTES) + REPLY_FRAMING_BYTES
        <= MESSAGE_BYTES_MAX,
    "the replies to a bundle fit a message"
);
const _: () = assert!(INLINE_BYTES_MAX <= BATCH_BYTES_MAX, "an inline batch is a batch");
const _: () = assert!(OPERATION_BYTES_MAX < BUNDLE_BYTES_MAX, "an operation fits a bundle");
const _: () = assert!(2 * BUNDLE_BYTES_MAX <= BATCH_BYTES_MAX, "a bundle fits a batch");
const _: () = assert!(
    BATCH_ANNOUNCEMENT_BYTES_MAX + BUNDLE_BYTES_MAX <= BATCH_BYTES_MAX,
    "a bundle fits a batch beside announcements"
);
const _: () = assert!(
    ANNOUNCEMENT_BYTES_MAX + 4 <= BATCH_ANNOUNCEMENT_BYTES_MAX,
    "an announcement fits a batch"
);
const _: () = assert!(BUNDLE_BYTES_MAX <= EARLY_BYTES_MAX, "an early bundle can be kept");
const _: () = assert!(LANE_QUOTA_BATCHES <= LANE_WINDOW_BATCHES, "a quota fits the window");
const _: () = assert!(HEIRS_MAX == quorate_types::limits::REPLICAS_MAX, "a group may inherit");
const _: () = assert!(SLOTS_IN_FLIGHT_MAX < SLOTS_AHEAD_MAX, "slots in flight are kept");
