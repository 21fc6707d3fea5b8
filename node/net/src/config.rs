//! What a transport is told when it starts.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::credential::{Credential, Recognise};
use crate::error::BindError;
use crate::hello::VersionRange;
use crate::identity::{PeerKey, Seed, SystemId};
use crate::limits as max;

/// A task of the transport.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How the transport starts its tasks, for example `Arc::new(|task| { tokio::spawn(task); })` or
/// the same with `spawn_local`. All tasks end after `close` or when the transport is dropped.
pub type Spawner = Arc<dyn Fn(Task) + Send + Sync>;

/// A known node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its key.
    pub key: PeerKey,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Configuration of a node's transport.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who this node is.
    pub own: PeerKey,
    /// What it proves that with.
    pub credential: Credential,
    /// Says who other nodes are.
    pub recognise: Arc<dyn Recognise>,
    /// The system; peers of another are refused.
    pub system: SystemId,
    /// Protocol versions spoken.
    pub versions: VersionRange,
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The other nodes; an entry with the own key is ignored.
    pub peers: Vec<Known>,
    /// Spreads reconnects; any number, best a random one.
    pub jitter_seed: u64,
    /// Bounds and deadlines.
    pub limits: Limits,
}

/// Configuration of a client's connector.
#[derive(Debug, Clone)]
pub struct ConnectorConfig {
    /// The client's Ed25519 seed.
    pub seed: Seed,
    /// Says who nodes are.
    pub recognise: Arc<dyn Recognise>,
    /// The system; nodes of another are refused.
    pub system: SystemId,
    /// Protocol versions spoken.
    pub versions: VersionRange,
    /// The nodes to connect to.
    pub peers: Vec<Known>,
    /// Tells processes that share one client key apart: a random number other than 0. What a
    /// node sends to the key goes to all its sessions.
    pub session: u64,
    /// Spreads reconnects; any number, best a random one.
    pub jitter_seed: u64,
    /// Bounds and deadlines.
    pub limits: Limits,
}

/// Bytes that may be queued for one peer, by class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Bytes of class `Control`.
    pub control_bytes: usize,
    /// Bytes of class `Ordered`.
    pub ordered_bytes: usize,
    /// Bytes of class `Bulk`.
    pub bulk_bytes: usize,
}

/// What one peer may cost per second before it is not read for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Bytes per second, for each of its two connections; every frame costs
    /// `FRAME_COST_BYTES` more.
    pub bytes_per_second: u64,
    /// Microseconds per second of what is charged with `charge`.
    pub micros_per_second: u64,
}

/// Deadlines of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// For opening TCP.
    pub connect: Duration,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For both hellos.
    pub hello: Duration,
    /// From the first to the last byte of a frame.
    pub frame: Duration,
    /// For some progress of a write.
    pub stall: Duration,
    /// Without a write, a keep-alive is sent.
    pub ping_idle: Duration,
    /// Without a byte, the peer is dead.
    pub dead: Duration,
    /// The first wait before dialling again.
    pub backoff_min: Duration,
    /// The longest wait before dialling again.
    pub backoff_max: Duration,
}

/// Bounds of one transport; the defaults are the constants of [`crate::limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Queues for a node.
    pub node_queue: QueueLimits,
    /// Queues for a client session.
    pub client_queue: QueueLimits,
    /// Queued bytes of all client sessions together.
    pub clients_queue_bytes: usize,
    /// Of these, queued bytes of all strangers together.
    pub strangers_queue_bytes: usize,
    /// Received bytes of one connection that wait for the caller.
    pub pending_bytes: usize,
    /// Budget of a node.
    pub node_budget: Budget,
    /// Budget of a client session.
    pub client_budget: Budget,
    /// Budget of all strangers together, beside that of each session.
    pub strangers_budget: Budget,
    /// Connections of clients; a session has two.
    pub client_connections: usize,
    /// Of these, connections of strangers.
    pub stranger_connections: usize,
    /// Accepted connections that have not finished their hello.
    pub handshakes: usize,
    /// Deadlines.
    pub deadlines: Deadlines,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_millis(max::CONNECT_DEADLINE_MS),
            handshake: Duration::from_millis(max::HANDSHAKE_DEADLINE_MS),
            hello: Duration::from_millis(max::HELLO_DEADLINE_MS),
            frame: Duration::from_millis(max::FRAME_DEADLINE_MS),
            stall: Duration::from_millis(max::STALL_DEADLINE_MS),
            ping_idle: Duration::from_millis(max::PING_IDLE_MS),
            dead: Duration::from_millis(max::DEAD_MS),
            backoff_min: Duration::from_millis(max::BACKOFF_MS_MIN),
            backoff_max: Duration::from_millis(max::BACKOFF_MS_MAX),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            node_queue: QueueLimits {
                control_bytes: max::QUEUE_CONTROL_BYTES_MAX,
                ordered_bytes: max::QUEUE_ORDERED_BYTES_MAX,
                bulk_bytes: max::QUEUE_BULK_BYTES_MAX,
            },
            client_queue: QueueLimits {
                control_bytes: max::CLIENT_QUEUE_CONTROL_BYTES_MAX,
                ordered_bytes: max::CLIENT_QUEUE_ORDERED_BYTES_MAX,
                bulk_bytes: max::CLIENT_QUEUE_BULK_BYTES_MAX,
            },
            clients_queue_bytes: max::CLIENTS_QUEUE_BYTES_MAX,
            strangers_queue_bytes: max::STRANGERS_QUEUE_BYTES_MAX,
            pending_bytes: max::PENDING_BYTES_MAX,
            node_budget: Budget {
                bytes_per_second: max::NODE_BYTES_PER_SECOND_MAX,
                micros_per_second: max::NODE_MICROS_PER_SECOND_MAX,
            },
            client_budget: Budget {
                bytes_per_second: max::CLIENT_BYTES_PER_SECOND_MAX,
                micros_per_second: max::CLIENT_MICROS_PER_SECOND_MAX,
            },
            strangers_budget: Budget {
                bytes_per_second: max::STRANGERS_BYTES_PER_SECOND_MAX,
                micros_per_second: max::STRANGERS_MICROS_PER_SECOND_MAX,
            },
            client_connections: max::CLIENT_CONNECTIONS_MAX,
            stranger_connections: max::STRANGER_CONNECTIONS_MAX,
            handshakes: max::HANDSHAKES_MAX,
            deadlines: Deadlines::default(),
        }
    }
}

impl Limits {
    /// Refuses values under which no connection could live.
    pub(crate) fn check(&self) -> Result<(), BindError> {
        let deadlines = &self.deadlines;
        if deadlines.dead <= deadlines.ping_idle {
            return Err(wrong("dead", &deadlines.dead, "more than ping_idle"));
        }
        if self.pending_bytes == 0 {
            return Err(wrong("pending_bytes", &0, "at least 1"));
        }
        if self.handshakes == 0 {
            return Err(wrong("handshakes", &0, "at least 1"));
        }
        let strangers = self.stranger_connections;
        if strangers < 2 || strangers > self.client_connections {
            return Err(wrong("stranger_connections", &strangers, "2 to client_connections"));
        }
        Ok(())
    }
}

/// Refuses a proof that no peer would read.
pub(crate) fn check_credential(credential: &Credential) -> Result<(), BindError> {
    let bytes = credential.proof.len();
    if bytes > max::PROOF_BYTES_MAX {
        return Err(wrong("proof", &bytes, "at most PROOF_BYTES_MAX bytes"));
    }
    Ok(())
}

/// Refuses what is the same for nodes and clients.
pub(crate) fn check(
    versions: VersionRange,
    peers: &[Known],
    limits: &Limits,
) -> Result<(), BindError> {
    if versions.min > versions.max {
        return Err(wrong("versions", &versions, "min no greater than max"));
    }
    if peers.len() > max::PEERS_MAX {
        return Err(wrong("peers", &peers.len(), "at most PEERS_MAX"));
    }
    limits.check()
}

pub(crate) fn wrong(
    field: &'static str,
    value: &dyn std::fmt::Debug,
    remedy: &'static str,
) -> BindError {
    BindError::Config { field, value: format!("{value:?}"), remedy }
}
