//! Groups of replicas and a client in memory: stories of what goes right, and of what villains do.
#![expect(clippy::wildcard_enum_match_arm, reason = "a story looks at few kinds of messages")]
#![expect(clippy::panic, reason = "a harness fails as a test does")]

mod announcements;
mod bound;
mod carried;
mod certificates;
mod contradictions;
mod costs;
mod follower;
mod forge;
mod forgotten;
mod liars;
mod longest;
mod normal_case;
mod parents;
mod schedules;
mod sessions;
mod stories;
mod support;
mod transfers;
mod wire;
