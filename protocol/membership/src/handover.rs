//! How an epoch ends: the changes are fixed, the next group is drawn by lot, and the system's key
//! is dealt to it again.
//!
//! TDSC'12 section VI.D; settled points 1, 5, 10, 14, 27, 33. Everything is decided by the order of
//! the old group's log; what goes into the log proves itself, whoever put it there.
//!
//! # Protocol
//! ```text
//! server --Deposit--> log                  its keys of the next epoch
//! f+1 members --EndVote--> log: FROZEN     the changes and the candidates are fixed
//! f+1 members --partial--> log: BEACON     randomness: ids of new servers, the group
//! per attempt:
//!   each member --Dealing--> each recipient --DealingAck--> member
//!   2f'+1 acks --> log: DEALT              the first f+1 dealers in the log are the choice
//!   2f'+1 recipients --Completion--> log: DONE      or   2f+1 AbortVotes --> log: ABORTED
//! after DONE: f+1 members --partial--> the one signed configuration of the next epoch
//! ```
//! An attempt that was aborted has signed nothing. The first retry is with the same group; then a
//! group is drawn anew, with randomness that nobody knew before the abort ([`attempt`]).
//!
//! # Invariants
//! - MEM-14: a recipient acknowledges at most one dealing of a dealer in an attempt, also after a
//!   crash.
//! - MEM-15: a part of the signature on a configuration leaves only after DONE.
//! - MEM-16: a part of the signature that is an epoch's randomness leaves only after the changes
//!   are fixed.
//! - MEM-17: a member drops its share only when the signed header of the next epoch is durable.
//! - MEM-70: no seed, subshare or share is in an operation, in the replicated state, or in a record
//!   but that of the share itself: so neither in checkpoints nor in what the next group begins with
//!   nor in a copy of a server's data.
//! - MEM-71: whoever has no seat in the group of the signed header forgets what it was dealt in
//!   attempts that failed, and what opens it: those attempts dealt out the same key.
//! - MEM-75: whoever has its share of the attempt that succeeded forgets what opens dealings, for
//!   the same reason: who has a seat may have had one in attempts that failed.
//! - MEM-76: a member signs and deals with no share but of the sharing that its log names: one of
//!   an attempt that failed, which a crash has left, is erased.
//!
//! # Deviations from the specification
//! - Recipients sign with their deposited key of the next epoch, not of the current one (settled
//!   point 33): it is fixed in the log before any of them speaks, the same for all, and a candidate
//!   need not have a key of the current epoch.

pub mod attempt;
pub mod dealing;
pub mod deposit;
pub mod machine;
pub mod message;
pub mod operation;
pub mod randomness;
pub mod signed_dealing;
pub mod stage;
pub mod vote;
pub mod word;

pub use attempt::{Attempt, Seat, SeatKeys};
pub use dealing::{
    Acknowledgement, CertifiedDealing, ChosenDealing, CommitmentBytes, PublishedDealing,
};
pub use deposit::{Deposit, DepositRefused};
pub use machine::{Handover, MemberSecrets, NextKeys, Policy, Setup};
pub use operation::HandoverOperation;
pub use signed_dealing::SignedDealing;
pub use stage::{Decided, Frozen, News, Stage, Underway};
pub use vote::{AbortVote, Completion, EndReason, EndVote};
pub use word::{Said, Word, WordRefused, Words};
