//! Monitoring: which servers are there, who says so, and how many of those that are not may go.
//!
//! TDSC'12 section VI.C; MD 3.1, 3.2; settled points 27, 28, 31, 32. Nothing here is ordered and
//! nothing here decides: probers ask and sign what they found, the ordered service counts it, and
//! at the freeze of an epoch the caps say who of those that were found silent goes.
//!
//! ```text
//! Prober --Question--> Answerer --Answer--> Prober --SignedObservation--> log
//! log: f+1 Suspect --> evicted --Rebuttal, f+1 Alive--> nothing happened
//!                         \--freeze: caps::decide--> inactive in the next epoch
//! log: f+1 Alive of an inactive server --> active in the next epoch
//! anybody: Evidence (two signatures that conflict, a dealing that cheats)
//!                                                  --> evicted, within the same caps, for good
//! ```
//!
//! # Invariants
//! - MEM-41: an answer is never longer than its question (`datagram`).
//! - MEM-42: what is signed for whoever asks counts for nothing else (`answerer`).
//! - MEM-43: `f + 1` distinct members, none of them long ago (`case`).
//! - MEM-44: evidence is two signatures by one key that conflict (`evidence`).
//! - MEM-54: or a signed dealing, and the complaint that it cheats (`wrong_subshare`).
//! - MEM-45: at most `f` of any `3f + 1` neighbours go (`caps`).
//! - MEM-46: at most so many with one epoch, and `3f + 1` stay (`caps`).
//! - MEM-47: a run of misses ends with a signature (`prober`).
//! - MEM-74: who waits to be spoken of is spoken of before others are again (`statements`).
//! - MEM-78: a question that was never sent is neither a miss nor an answer (`prober`).
//!
//! # Not here
//! What the log makes of it, [`crate::service`], and the sockets.

pub mod accusation;
pub mod answerer;
pub mod caps;
pub mod case;
pub mod datagram;
pub mod evidence;
pub mod finding;
pub mod observation;
pub mod prober;
pub mod rebuttal;

pub use accusation::{Accusation, Conviction, Known};
pub use answerer::{AnswerKey, Answerer, Answering, Unanswered};
pub use case::{Case, LastSaid};
pub use datagram::{Answer, Proof, Question, Shown, Ticket, Wanted};
pub use evidence::{Accused, Evidence, Unfounded};
pub use finding::{Finding, Found};
pub use observation::{
    Claim, Judgement, Moment, Observation, SignedObservation, Unproven, Verdict,
};
pub use prober::{
    ProbeRule, Prober, ProberOutput, ProberRequest, ProberStatus, ProberTimer, Watch,
};
pub use rebuttal::Rebuttal;

#[cfg(test)]
mod tests;
