//! Every bound of the transport, named in one place.
//!
//! A correct node never holds more memory for its peers than these numbers allow; a process may
//! lower them in [`crate::Limits`]. What one peer can cost, at the most:
//! its three outgoing queues, two times the undelivered inbound bytes, two partial frames and
//! two times a read and a flush buffer.

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Largest body of a frame in bytes; a larger claim closes the connection by name.
pub const FRAME_BYTES_MAX: usize = 4 * MIB;
/// Bytes before the body of a frame: `u32` length, `u8` class.
pub const FRAME_HEADER_BYTES: usize = 5;
/// What a queued frame is charged beside its body, so that empty frames are not free.
pub const FRAME_COST_BYTES: usize = 64;
/// Frames are coalesced into one write up to this size; a larger frame is written alone.
pub const FLUSH_BYTES_MAX: usize = 64 * KIB;
/// Bytes read from a socket at once, before they are decrypted.
pub const READ_AHEAD_BYTES: usize = 32 * KIB;
/// Bytes taken from a connection at once, decrypted.
pub const READ_BUFFER_BYTES: usize = 16 * KIB;
/// Bytes read from a socket before other peers get their turn.
pub const READ_BYTES_MAX: usize = 64 * KIB;
/// Largest body of a frame before the hello has been accepted.
pub const HELLO_BYTES_MAX: usize = 2 * KIB;
/// Longest proof of a node in its hello, in bytes.
pub const PROOF_BYTES_MAX: usize = 1536;
/// Longest text of a refusal in bytes.
pub const REFUSE_TEXT_BYTES_MAX: usize = 200;

/// Bytes queued for one node in the class `Control`.
pub const QUEUE_CONTROL_BYTES_MAX: usize = 5 * MIB;
/// Bytes queued for one node in the class `Ordered`.
pub const QUEUE_ORDERED_BYTES_MAX: usize = 16 * MIB;
/// Bytes queued for one node in the class `Bulk`.
pub const QUEUE_BULK_BYTES_MAX: usize = 16 * MIB;
/// Bytes queued for one client session in the class `Control`.
pub const CLIENT_QUEUE_CONTROL_BYTES_MAX: usize = 256 * KIB;
/// Bytes queued for one client session in the class `Ordered`.
pub const CLIENT_QUEUE_ORDERED_BYTES_MAX: usize = 5 * MIB;
/// Bytes queued for one client session in the class `Bulk`.
pub const CLIENT_QUEUE_BULK_BYTES_MAX: usize = 8 * MIB;
/// Bytes queued for all client sessions together.
pub const CLIENTS_QUEUE_BYTES_MAX: usize = 64 * MIB;
/// Of these, bytes queued for all strangers together.
pub const STRANGERS_QUEUE_BYTES_MAX: usize = 16 * MIB;

/// Received bytes of one connection that the caller has not taken yet; from here on its socket
/// is not read. One read and one frame may come on top.
pub const PENDING_BYTES_MAX: usize = 8 * MIB;
/// Frames of one class handed over in one batch.
pub const BATCH_FRAMES_MAX: usize = 1024;
/// Bytes of one class handed over in one batch; one frame may come on top.
pub const BATCH_BYTES_MAX: usize = MIB;
/// Frames that one peer puts into a batch per class before the next peer has its turn.
pub const TURN_FRAMES_MAX: usize = 64;
/// Bytes that one peer puts into a batch per class before the next peer has its turn.
pub const TURN_BYTES_MAX: usize = 64 * KIB;
/// Events other than frames that wait for the caller.
pub const EVENTS_MAX: usize = 4096;

/// Connections of clients to one listener (a session has two).
pub const CLIENT_CONNECTIONS_MAX: usize = 256;
/// Of these, connections of strangers: clients that nobody has vouched for.
pub const STRANGER_CONNECTIONS_MAX: usize = 64;
/// Sessions under one client key.
pub const SESSIONS_PER_CLIENT_MAX: usize = 8;
/// Connections that have not finished their hello; one more evicts the oldest.
pub const HANDSHAKES_MAX: usize = 128;
/// Connections accepted per second; a handshake costs about 0.35 ms of processor time, and more
/// of them wait in the backlog of the operating system.
pub const HANDSHAKES_PER_SECOND_MAX: u64 = 500;
/// Connections that the operating system keeps until they are accepted, two seconds of them; past
/// these it drops some whose other side believes them to be open. It may allow fewer
/// (`net.core.somaxconn`, 4096 by default).
pub const BACKLOG_MAX: u32 = 1024;
/// Known peers.
pub const PEERS_MAX: usize = 1024;

/// Time to open a TCP connection, milliseconds.
pub const CONNECT_DEADLINE_MS: u64 = 5_000;
/// Time for the TLS handshake, milliseconds.
pub const HANDSHAKE_DEADLINE_MS: u64 = 5_000;
/// Time for both hellos after the TLS handshake, milliseconds.
pub const HELLO_DEADLINE_MS: u64 = 5_000;
/// Time from the first to the last byte of a frame, milliseconds.
pub const FRAME_DEADLINE_MS: u64 = 30_000;
/// Time in which a write must make some progress, milliseconds.
pub const STALL_DEADLINE_MS: u64 = 15_000;
/// A keep-alive frame is written after this time without another write, milliseconds.
pub const PING_IDLE_MS: u64 = 5_000;
/// A connection is dead after this time without a byte, milliseconds.
pub const DEAD_MS: u64 = 15_000;
/// Time that a refused or closing peer has to take the refusal, milliseconds.
pub const FAREWELL_DEADLINE_MS: u64 = 1_000;
/// Bytes of a refused peer that are read and thrown away so that it can read the refusal.
pub const FAREWELL_BYTES_MAX: usize = 8 * MIB;
/// First wait before a connection is dialled again, milliseconds.
pub const BACKOFF_MS_MIN: u64 = 50;
/// Longest wait before a connection is dialled again, milliseconds.
pub const BACKOFF_MS_MAX: u64 = 2_000;
/// Wait after the listener failed to accept (no file descriptors), milliseconds.
pub const ACCEPT_PAUSE_MS: u64 = 50;
/// Longest pause that an exhausted budget can cause, milliseconds.
pub const PAUSE_MS_MAX: u64 = 2_000;

/// Bytes per second read from one connection of a node.
pub const NODE_BYTES_PER_SECOND_MAX: u64 = 1_000_000_000;
/// Bytes per second read from one connection of a client.
pub const CLIENT_BYTES_PER_SECOND_MAX: u64 = 400_000_000;
/// Microseconds of processing per second for one node.
pub const NODE_MICROS_PER_SECOND_MAX: u64 = 500_000;
/// Microseconds of processing per second for one client.
pub const CLIENT_MICROS_PER_SECOND_MAX: u64 = 250_000;
/// Bytes per second read from all strangers together.
pub const STRANGERS_BYTES_PER_SECOND_MAX: u64 = 400_000_000;
/// Microseconds of processing per second for all strangers together.
pub const STRANGERS_MICROS_PER_SECOND_MAX: u64 = 250_000;
/// Longest datagram that is sent or taken, in bytes: what every path carries in one piece.
pub const DATAGRAM_BYTES_MAX: usize = 1_232;
/// Sources of datagrams that have an allowance of their own.
pub const SOURCES_MAX: usize = 1_024;

const _: () = {
    assert!(QUEUE_CONTROL_BYTES_MAX >= FRAME_BYTES_MAX + FRAME_COST_BYTES);
    assert!(QUEUE_ORDERED_BYTES_MAX >= FRAME_BYTES_MAX + FRAME_COST_BYTES);
    assert!(QUEUE_BULK_BYTES_MAX >= FRAME_BYTES_MAX + FRAME_COST_BYTES);
    assert!(CLIENT_QUEUE_ORDERED_BYTES_MAX >= FRAME_BYTES_MAX + FRAME_COST_BYTES);
    assert!(CLIENT_QUEUE_BULK_BYTES_MAX >= FRAME_BYTES_MAX + FRAME_COST_BYTES);
    assert!(STRANGERS_QUEUE_BYTES_MAX >= CLIENT_QUEUE_BULK_BYTES_MAX);
    assert!(
        CLIENTS_QUEUE_BYTES_MAX - STRANGERS_QUEUE_BYTES_MAX >= CLIENT_QUEUE_BULK_BYTES_MAX,
        "strangers leave room for a frame of the longest kind"
    );
    assert!(STRANGER_CONNECTIONS_MAX >= 2, "a session of a stranger has its two connections");
    assert!(
        CLIENT_CONNECTIONS_MAX - STRANGER_CONNECTIONS_MAX >= 2 * SESSIONS_PER_CLIENT_MAX,
        "strangers leave room for all sessions of a client"
    );
    assert!(FRAME_BYTES_MAX <= u32::MAX as usize);
    assert!(HELLO_BYTES_MAX > REFUSE_TEXT_BYTES_MAX);
    assert!(DEAD_MS > 2 * PING_IDLE_MS, "one lost ping kills nobody");
    assert!(PAUSE_MS_MAX < DEAD_MS && PAUSE_MS_MAX < STALL_DEADLINE_MS);
};
