//! Abort: a quorum of the group gives an attempt up.
//!
//! Settled points 1 and 14: `2f + 1` votes, so that no attempt is given up before it had its time
//! at a correct member; the first of DONE and ABORTED in the log decides.
//!
//! Invariants: MEM-20.

use super::{HandoverRefusal, Outcome, Step};
use crate::handover::{AbortVote, Stage, Word};

impl Step<'_> {
    pub(super) fn abort(&self, votes: &[Word<AbortVote>]) -> Result<Outcome, HandoverRefusal> {
        // MEM-20: behind DONE the stage is another, and behind an abort so is the attempt.
        let Stage::Dealing(underway) = self.reader.stage() else {
            return Err(HandoverRefusal::NotNow);
        };
        let header = self.reader.header();
        let asked = AbortVote {
            system: header.system,
            epoch: header.epoch,
            attempt: underway.attempt.number,
        };
        let key_of = |node| self.group_key(&header, node);
        let quorum = header.membership.quorum();
        self.reject_words(votes, quorum, |vote| *vote == asked, key_of)?;

        Ok(Outcome::Reached(self.after_abort(*underway)))
    }
}
