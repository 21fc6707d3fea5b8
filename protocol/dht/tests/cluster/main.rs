//! The DHT as a whole: clients and servers over a network with faults and liars.
#![expect(clippy::wildcard_enum_match_arm, reason = "a liar changes one kind of message")]
#![expect(clippy::panic, reason = "helpers of tests fail by panicking")]

mod contents;
mod epochs;
mod files;
mod hostile;
mod losses;
mod mixed;
mod network;
mod registers;
mod repairs;
mod sweeps;
