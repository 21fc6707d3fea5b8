//! Every bound of the runtime, named in one place.

/// Signatures that one tick checks on the thread of the machines; more go to the pool. A hop to
/// another thread and back costs about 15 us, one signature 20 to 40; a proposal with one request
/// inside has three, and a vote of its leader behind it one.
pub const INLINE_SIGNATURES_MAX: usize = 8;
/// Signatures checked in one job of the pool; the last message may add more.
pub const JOB_SIGNATURES_MAX: usize = 64;
/// Messages of one machine that wait in the pool; above it no frame is taken from the links.
pub const POOL_MESSAGES_MAX: usize = 4_096;
/// Bytes of the frames of one machine that wait in the pool; above it no frame is taken.
pub const POOL_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Threads that check signatures.
pub const POOL_THREADS_MAX: usize = 64;
/// Signatures that are remembered as good.
pub const KNOWN_CHECKS_MAX: usize = 65_536;

/// Effects of one machine that wait for its disk; above it no frame is taken from the links.
pub const WAITING_EFFECTS_MAX: usize = 16_384;
/// Bytes of the effects of one machine that wait for its disk; above it no frame is taken.
pub const WAITING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Records made durable together; more wait for the next commit.
pub const GROUP_RECORDS_MAX: usize = 4_096;
/// Bytes made durable together; one record may come on top.
pub const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Requests of the node that wait for one machine.
pub const REQUESTS_MAX: usize = 16_384;
/// Requests that one tick gives to one machine.
pub const TICK_REQUESTS_MAX: usize = 1_024;
/// Machines in one node.
pub const MACHINES_MAX: usize = 1_024;
/// Jobs that wait for the workers.
pub const JOBS_MAX: usize = 4_096;
/// Pairs of peer and reason that are counted by themselves; further peers are counted together.
pub const COMPLAINTS_MAX: usize = 4_096;

/// What checking one signature in a batch is charged, microseconds.
pub const BATCH_SIGNATURE_MICROS: u64 = 25;
/// What checking one signature by itself is charged, microseconds.
pub const SINGLE_SIGNATURE_MICROS: u64 = 55;
/// Difference between the two clocks that counts as a jump of the wall clock, microseconds.
pub const WALL_JUMP_MICROS: u64 = 500_000;
/// How long a stopping node waits for its links to take the last frames, milliseconds.
pub const FAREWELL_MS_MAX: u64 = 1_000;
/// Datagrams that a machine of datagrams takes at once.
pub const DATAGRAMS_PER_ROUND_MAX: usize = 1_024;
/// Requests that wait for a machine of datagrams.
pub const DATAGRAM_REQUESTS_MAX: usize = 1_024;
/// How often a machine of datagrams looks whether it has to end, milliseconds.
pub const DATAGRAM_LOOK_MS: u64 = 250;

const _: () = {
    assert!(GROUP_BYTES_MAX < WAITING_BYTES_MAX, "a full queue opens again in steps");
    assert!(INLINE_SIGNATURES_MAX < JOB_SIGNATURES_MAX);
    assert!(JOBS_MAX < REQUESTS_MAX, "every job can answer with a request");
};
