//! The transport over real loopback sockets: what it promises to friends and to enemies.

mod flood;
mod hostile;
mod memory;
mod proofs;
mod roles;
mod strangers;
mod support;
mod versions;
