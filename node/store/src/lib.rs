//! Crash-safe persistence: the write-ahead log, the objects and the secrets of one node.
//!
//! Everything here blocks and knows no message: records, keys and values are bytes. The runtime
//! calls it from a thread of its own. Whatever a function reports as stored survives the loss of
//! power; whatever is damaged on the disk is reported as damaged and never repaired by a guess.
//!
//! | part | holds |
//! |---|---|
//! | [`log`] | what a replica must not forget before it speaks |
//! | [`critical`] | tiny named values that must never be lost |
//! | [`image`] | the state of a replica at its last checkpoint |
//! | [`object_store`] | objects of every size: [`objects`] in a tree, [`blobs`] in files |
//! | [`keys`] | secrets that stay, each in a file of its own |
//! | [`secrets`] | secrets that come and go, in a directory of their own |
//! | [`directory`] | the directory of all that, locked, and known when it was wiped |
#![forbid(unsafe_code)]

pub mod blobs;
pub mod critical;
mod database;
pub mod directory;
pub mod error;
mod files;
pub mod image;
pub mod keys;
pub mod log;
pub mod medium;
pub mod object_store;
pub mod objects;
pub mod secrets;
