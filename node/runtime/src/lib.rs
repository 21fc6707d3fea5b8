//! Drives any machine over real sockets and disks; decides nothing about protocols.
//!
//! A [`Node`] holds some machines, each with a glue that says how its messages look ([`Hosted`]),
//! and the [`Links`] that they share. It is the law of effects made real: per machine the effects
//! are performed in order, and nothing overtakes a record on its way to the disk.
//!
//! ```text
//! frame --> decode --> is_useful --> admit --> signatures --> step --> effects --> frame
//!                                             (here or in               |  ^
//!                                              the pool, cached)        v  | durable
//!                                                                     disk thread: group commit
//! ```
//! | part | does |
//! |---|---|
//! | [`node`] | the loop on one thread |
//! | [`hosted`] | what the daemon says about a machine |
//! | [`journal`] | where records become durable |
//! | [`cache`] | signatures known to be good |
//! | [`links`] | names for the ends of connections |
//! | [`metrics`] | counters |
//! | [`descriptors`] | how many files and sockets a process may have |
//!
//! This crate alone reads clocks, and starts threads and tasks.
//!
//! # Invariants
//! - RUN-1, RUN-2: the law of effects, in `queue.rs`.
//! - RUN-3, RUN-4: what the disk reports, in `disk.rs`.
//! - RUN-5: records that change a state on disk, in `journal/log.rs`.
//! - RUN-6: alarms, in `alarms.rs`.
//! - RUN-7, RUN-8: known signatures, in `cache.rs`.
//! - RUN-9: the order of a peer's messages, in `intake.rs`.
//! - RUN-10: back-pressure, in `node.rs`.
#![forbid(unsafe_code)]

mod alarms;
mod background;
pub mod cache;
mod channel;
mod clock;
pub mod datagrams;
pub mod descriptors;
mod disk;
mod error;
mod handle;
pub mod hosted;
mod intake;
pub mod journal;
pub mod limits;
pub mod links;
mod mailbox;
mod member;
pub mod metrics;
pub mod node;
mod pool;
mod queue;
mod spawn;
mod workers;

pub use background::{Background, OnDeath};
pub use cache::CachingVerifier;
pub use channel::Channel;
pub use error::{HostError, NodeError};
pub use handle::{Handle, RequestError};
pub use hosted::{Hosted, Hosting, Interceptor, Plain};
pub use journal::{Journal, JournalError, LogJournal, RecordCodec};
pub use links::{LinkNews, Links, Server};
pub use metrics::{MachineSnapshot, Metrics, Snapshot};
pub use node::{Control, LinkWatcher, Node, NodeOptions};
pub use spawn::{block_on, spawn, spawner};
pub use workers::{Job, Workers};
