//! Nodes with a toy machine on real loopback sockets and real directories.

mod alarms;
mod durability;
mod journal_log;
mod lab_hook;
mod lifetime;
mod messages;
mod recovery;
mod support;
