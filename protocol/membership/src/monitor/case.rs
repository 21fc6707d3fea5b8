//! What members have said about one server since something was last decided about it.
//!
//! Of each member the latest statement counts, and no other: who has changed its mind has taken
//! back what it said before (settled point 32). It lies in the map of the log for an epoch.
//!
//! # Invariants
//! - MEM-43: a server is evicted, or brought back, only on statements of `f + 1` distinct members
//!   of the group of the epoch about this server, none older than the configured number of slots,
//!   and all made after what was last decided about it.

use alloc::vec::Vec;

use quorate_machine::{Plant, planted};
use quorate_types::limits::REPLICAS_MAX;
use quorate_types::{NodeId, Slot};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use super::observation::{Moment, SignedObservation, Verdict};

const SAID: Limit = Limit::new("statements about a server", REPLICAS_MAX);

/// What a member said last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LastSaid {
    /// The member.
    pub member: NodeId,
    /// What it found.
    pub verdict: Verdict,
    /// The slot that it had executed.
    pub slot: Slot,
}

quorate_wire::fields!(LastSaid { member, verdict, slot });

/// The statements about one server that may still count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// The slot in which something was last decided about it; zero if nothing was.
    pub decided: Slot,
    /// What members said, in the order in which they began to.
    pub said: Vec<LastSaid>,
}

impl Case {
    /// A case in which nothing was said since a decision.
    #[must_use]
    pub const fn after(decided: Slot) -> Self {
        Self { decided, said: Vec::new() }
    }

    /// What a member said last.
    #[must_use]
    pub fn last_of(&self, member: NodeId) -> Option<LastSaid> {
        self.said.iter().find(|said| said.member == member).copied()
    }

    /// Is this later than what the member said before? Of two statements of one slot the kinder is
    /// the later one, so that nobody takes back its retraction by repeating the first.
    #[must_use]
    pub fn is_news(&self, said: &SignedObservation) -> bool {
        let observation = &said.observation;
        let now = (observation.slot, observation.claim.verdict);
        self.last_of(said.member).is_none_or(|last| (last.slot, last.verdict) < now)
    }

    /// Takes what a member says in the place of what it said before.
    pub fn hear(&mut self, said: &SignedObservation) {
        let observation = &said.observation;
        let verdict = observation.claim.verdict;
        let said = LastSaid { member: said.member, verdict, slot: observation.slot };
        // MEM-43: a member counts once.
        let known = self.said.iter_mut().find(|last| last.member == said.member);
        match known.filter(|_| !planted(Plant::SuspicionsCountTwice)) {
            Some(last) => *last = said,
            None => self.said.push(said),
        }
    }

    /// How many members say this of the server, with a word that counts at this moment.
    #[must_use]
    pub fn count(&self, verdict: Verdict, moment: &Moment) -> usize {
        let counts = |said: &&LastSaid| {
            said.verdict == verdict && moment.check(said.slot, self.decided).is_ok()
        };
        self.said.iter().filter(counts).count()
    }
}

impl Encode for Case {
    fn encode(&self, writer: &mut Writer) {
        self.decided.encode(writer);
        writer.sequence(&self.said);
    }
}

impl Decode for Case {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { decided: Decode::decode(reader)?, said: reader.sequence(SAID)? })
    }
}

#[cfg(test)]
mod tests;
