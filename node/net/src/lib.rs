//! Framing, sessions, peers, back-pressure: moves opaque frames between authenticated peers.
//!
//! A peer is 32 bytes that stay ([`PeerKey`]). Nodes and clients speak TLS 1.3 with raw public
//! keys (RFC 7250) over TCP, two connections per pair: *main* for the classes
//! [`Class::Control`] and [`Class::Ordered`], *bulk* for [`Class::Bulk`]. A client is the key that
//! TLS proves; a node shows in its hello whose that key is, and the caller's [`Recognise`] judges
//! it. Nodes and clients have a [`Transport`] each, which gives its [`Events`] to one receiver.
//!
//! ```text
//! send(peer, class, bytes)                              Events::recv()
//!   -> three bounded queues per peer                      ^  batches, in order of class,
//!        -> one write per peer and tick   ==TLS/TCP==>    |  peers in turns
//!           (Control before Ordered)                    bounded per connection; then the
//!                                                       socket is not read
//! ```
//!
//! What a caller can rely on, and what not:
//! - Frames of one class of one peer arrive in order and whole, each at most once. Frames can be
//!   lost: with the connection, and when a queue is full. Protocols send again.
//! - A control frame waits for at most one write of its peer's main connection and for earlier
//!   control frames.
//! - Memory is bounded by [`limits`], whatever peers do. A peer that misbehaves costs itself its
//!   connection; the reasons are counted by name ([`Cause`]).
//! - The lower peer dials, so that a pair of nodes has one connection of each link. Clients
//!   always dial.
//!
//! The transport starts no task by itself: it is given a [`Spawner`]. It needs a tokio runtime
//! with I/O and time. It knows no message and no protocol.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use quorate_net::{Class, Config, Event, Transport};
//! # async fn node(config: Config) -> Result<(), quorate_net::BindError> {
//! let spawner = Arc::new(|task| drop(tokio::task::spawn_local(task)));
//! let (transport, mut events) = Transport::bind(&config, spawner)?;
//! while let Some(event) = events.recv().await {
//!     match event {
//!         Event::Up { peer, .. } => {
//!             transport.send(peer, Class::Control, &Arc::new(b"status".to_vec()));
//!         }
//!         Event::Frames(batch) => { /* one step of the machine per frame, then `send` */ }
//!         Event::Down { .. } | Event::HandshakeFailed { .. } => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Beside the links there are [`datagram`]s, which prove nothing, with an [`allowance`] for what
//! they may cost.
//!
//! # Not here
//! Which clients may do what: the caller decides and calls [`Transport::disconnect`]. Signatures
//! of messages: the channel proves who sent a frame, not who wrote what is in it.

#![forbid(unsafe_code)]

mod ahead;
pub mod allowance;
mod backoff;
mod budget;
mod config;
mod connection;
mod counters;
mod credential;
pub mod datagram;
mod error;
mod event;
mod frame;
mod handshake;
mod hello;
mod identity;
pub mod limits;
mod outbound;
mod peer;
mod shared;
mod state;
mod stop;
mod tasks;
mod tls;
mod transport;

#[cfg(test)]
mod tests;

pub use config::{
    Budget, Config, ConnectorConfig, Deadlines, Known, Limits, QueueLimits, Spawner, Task,
};
pub use counters::{NetCounters, NetSnapshot};
pub use credential::{Credential, Recognise, Unrecognised};
pub use error::{BindError, Cause, DownReason, HandshakeError, HandshakeStep};
pub use event::{Event, Inbound, Sent};
pub use frame::Class;
pub use hello::{Link, PeerKind, RefuseCode, VersionRange};
pub use identity::{LinkKey, PeerKey, Seed, SystemId};
pub use tls::link_key_of_seed;
pub use transport::{Events, Transport};
