//! A server's keys on a disk that fails at any call and loses what it may: the disk of the store's
//! tests, which keeps what is written apart from what is durable, and what was removed from what
//! was overwritten.

mod epochs;
mod roots;
mod server;

#[path = "../../../store/tests/support/mod.rs"]
#[expect(dead_code, reason = "shared with the tests of the store")]
mod disk;
