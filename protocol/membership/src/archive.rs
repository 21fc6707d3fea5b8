//! The chain of all configurations on every server, for whoever wants to check all of it.
//!
//! Each server keeps the configuration with which its chain begins and what each epoch changed
//! since. Nothing of it is secret, and nothing of it is believed for the sake of who gives it: each
//! step is signed under the one key of the system.
//!
//! - `message`: questions and answers.
//! - `keeper`: who answers, on every server.
//! - `reader`: who asks, a client or a server that lacks something.
//!
//! # Invariants
//! - MEM-67: a keeper has at most one question of each peer under way, and a bounded number of all.
//! - MEM-68: a reader gives out what it has checked under the one key, without a gap.

mod keeper;
mod message;
mod reader;

pub use keeper::{ArchiveKeeper, KeeperOutput, KeeperRequest, NoTimer};
pub use message::{ArchiveMessage, Deltas, FirstPart, GetDeltas, GetFirst};
pub use reader::{ArchiveReader, ReaderOutput, ReaderParameters, ReaderTimer};
