//! Epoch after epoch: groups that end, and groups that begin where they ended.
#![expect(clippy::wildcard_enum_match_arm, reason = "a story looks at few kinds of messages")]
#![expect(clippy::panic, reason = "a harness fails as a test does")]

mod crashes;
mod disk;
mod schedules;
mod stories;
mod toy;
mod void;
mod world;
