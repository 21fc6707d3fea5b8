//! End, FREEZE: the changes of the epoch are fixed, and the candidates for the next group.
//!
//! Specification of the membership service 4.4; settled points 10 and 27. The epoch does not end
//! before a quorum of its group has deposited keys: if no other group completes, it must be able to
//! keep the system's key itself.

use alloc::boxed::Box;
use alloc::vec::Vec;

use quorate_crypto::{Domain, hash_of};
use quorate_machine::{Plant, planted};
use quorate_wire::{Encode, Writer};

use super::{HandoverRefusal, Outcome, Step};
use crate::handover::randomness::{ChangesDigest, Fixed};
use crate::handover::{EndVote, Frozen, Stage, Underway, Word};
use crate::header::ConfigurationHeader;

impl Step<'_> {
    pub(super) fn end(&self, votes: &[Word<EndVote>]) -> Result<Outcome, HandoverRefusal> {
        if self.reader.stage() != Stage::Open {
            return Err(HandoverRefusal::NotNow);
        }
        let header = self.reader.header();
        let is_asked = |vote: &EndVote| (vote.system, vote.epoch) == (header.system, header.epoch);
        let key_of = |node| self.group_key(&header, node);
        self.reject_words(votes, header.membership.weak_quorum(), is_asked, key_of)?;
        self.reject_deposits(&header)?;

        let fixed = Fixed {
            system: header.system,
            epoch: header.epoch.next(),
            previous: header.hash(),
            changes: self.changes(&header).finish(),
        };
        let frozen = Frozen { fixed, slot: self.call.slot };
        Ok(if self.reader.sharing_bytes().is_some() {
            Outcome::Frozen(frozen)
        } else {
            self.found(frozen, &header)
        })
    }

    /// Without a key there is no randomness to wait for: the group of the genesis, drawn with its
    /// randomness, deals to itself.
    fn found(&self, frozen: Frozen, header: &ConfigurationHeader) -> Outcome {
        let randomness = header.lineage.randomness;
        let (attempt, dealings) = (self.staying(0), Vec::new());
        let underway = Underway { frozen, randomness, attempt, dealings };
        Outcome::Reached(Stage::Dealing(Box::new(underway)))
    }

    fn reject_deposits(&self, header: &ConfigurationHeader) -> Result<(), HandoverRefusal> {
        let seats = super::draw::seats(&self.reader, &header.membership_group);
        let count = seats.iter().filter(|seat| seat.keys.is_some()).count();
        let is_enough = count >= header.membership.quorum() && self.has_founders(header);
        if is_enough { Ok(()) } else { Err(HandoverRefusal::TooFewDeposits) }
    }

    /// A founder without a key of the first signed epoch is as good as silent in it, in all of its
    /// groups: of those there are no more than a group can bear.
    fn has_founders(&self, header: &ConfigurationHeader) -> bool {
        let is_founding = self.reader.sharing_bytes().is_none();
        let needed = (header.member_count as usize).saturating_sub(header.bearable());
        !is_founding || self.reader.deposit_count() >= needed
    }

    /// MEM-23: every change and every deposit, as it lies in the map.
    fn changes(&self, header: &ConfigurationHeader) -> ChangesDigest {
        let mut digest = ChangesDigest::default();
        if planted(Plant::FreezeBindsNothing) {
            return digest;
        }
        // MEM-23: whatever of it were another, the randomness would be.
        for entry in self.reader.entries_to_fix(header.epoch) {
            digest.take(hash_of(Domain::FrozenChanges, &Entry(entry)));
        }
        digest
    }
}

/// A key of the map and what lies there.
struct Entry((Vec<u8>, Vec<u8>));

impl Encode for Entry {
    fn encode(&self, writer: &mut Writer) {
        writer.bytes(&self.0.0);
        writer.bytes(&self.0.1);
    }
}
