//! Identities, quorum arithmetic, time and the shape of a configuration; no behaviour.
//!
//! Every identity is a type of its own without `From<u64>`, and quorum arithmetic exists in
//! [`Resilience`] alone: mixing up a view, a slot and an epoch, or writing `2 * f + 1` at a call
//! site, are the classic errors of this field.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod bytes;
pub mod configuration;
pub mod counters;
pub mod limits;
pub mod peer;
pub mod resilience;
pub mod time;

pub use bytes::{
    ClientId, Digest, GroupId, HexError, IdentityKey, IdentityRoot, NodeId, ObjectId, PublicKey,
    Signature, SystemId,
};
pub use configuration::{
    Configuration, FailureDomain, GroupConfiguration, GroupMember, LaterRoot, MemberRecord,
    MemberStatus, ReadMode, SoftwareVersion,
};
pub use counters::{Epoch, LaneSeq, RequestId, Slot, View};
pub use peer::Peer;
pub use resilience::{ReplicaId, ReplicaSet, Resilience, ResilienceError};
pub use time::{Duration, Instant, Now, UnixTime};
