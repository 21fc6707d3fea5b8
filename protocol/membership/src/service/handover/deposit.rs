//! Deposit: a server's keys of the next epoch.
//!
//! Settled points 14 and 31: the first deposit of an identity counts, so it cannot be two servers,
//! nor name two roots. Only a member's identity gets another root (MEM-18).
//! MEM-69: a server of a large system brings keys if it is on the shortlist.
//! MEM-72: of the others so many do that get another root.
//! Decision 24: a member of the group whose deposit was not there at the freeze brings it while
//! dealings are awaited. Else a group that has to keep the key itself could lack a quorum for good:
//! the freeze waits for `2f + 1` deposits, of which `f` may be those of liars.

use quorate_machine::{Plant, planted};
use quorate_types::{IdentityKey, MemberStatus};

use super::{HandoverRefusal, Outcome, Step};
use crate::handover::{Deposit, SeatKeys, Stage};
use crate::later_root::{RootNeed, RootQuota};
use crate::service::{KeyRecord, Statement};

impl Step<'_> {
    pub(super) fn deposit(&self, deposit: &Deposit) -> Result<Outcome, HandoverRefusal> {
        let key = deposit.identity_key();
        // MEM-23: the randomness of a draw that is still to come is known to nobody at this stage.
        let has_deposited = self.reader.deposit(key).is_some();
        let is_awaited = match self.reader.stage() {
            Stage::Open => true,
            Stage::Dealing(_) if planted(Plant::LateDepositRefused) => false,
            Stage::Dealing(_) => !has_deposited && self.is_in_group(key),
            Stage::Frozen(_) | Stage::Redrawing(_) | Stage::Done(_) => false,
        };
        if !is_awaited {
            return Err(HandoverRefusal::NotNow);
        }
        if has_deposited {
            return Err(HandoverRefusal::Repeated);
        }
        if !self.will_be_member(deposit) {
            return Err(HandoverRefusal::Stranger);
        }
        let record = self.reader.key_record(key).unwrap_or_default();
        let is_asked = self.is_asked(&record);
        if !is_asked {
            self.reject_unasked(deposit, &record)?;
        }
        if record.member.is_none() && deposit.successor().is_some() {
            return Err(HandoverRefusal::BadSuccessor);
        }
        let root = record.later_root.map_or_else(|| key.first_root(), |later| later.root);
        let header = self.reader.header();
        let checked = deposit.check((header.system, header.epoch), root, self.schemes);
        checked.map_err(HandoverRefusal::of_deposit)?;

        let (epoch_key, encryption_key) = (deposit.epoch_key(), deposit.encryption_key);
        let keys = SeatKeys { epoch_key, encryption_key };
        Ok(Outcome::Deposited { key, keys, successor: deposit.successor(), is_asked })
    }

    /// MEM-69: the shortlist, the group, which may have to stay, and who is being added.
    fn is_asked(&self, record: &KeyRecord) -> bool {
        let member = record.member.and_then(|id| self.reader.member(id));
        let Some(member) = member else { return true };
        let is_back = member.status == MemberStatus::Removed;
        let is_in_group = self.reader.header().membership_group.contains(&member.id);
        is_back || is_in_group || self.reader.shortlist().has(&member)
    }

    /// Whoever gets another root brings its keys too, since that root certifies none of the next
    /// epoch; others do not.
    fn reject_unasked(&self, deposit: &Deposit, record: &KeyRecord) -> Result<(), HandoverRefusal> {
        // MEM-69: one key too many costs every server 36 bytes, and the log 1.4 KB.
        if deposit.successor().is_none() {
            return Err(HandoverRefusal::NotListed);
        }
        // MEM-72: and a root more than that.
        let quota = RootQuota::of(self.reader.header().member_count.into());
        let need = RootNeed::of(record.later_root, &deposit.certificate);
        if quota.takes(self.reader.tally().roots, need) {
            Ok(())
        } else {
            Err(HandoverRefusal::TooManyRoots)
        }
    }

    /// Is it a member of the group that ends the epoch?
    fn is_in_group(&self, key: IdentityKey) -> bool {
        let header = self.reader.header();
        let mut members = header.membership_group.iter().filter_map(|id| self.reader.member(*id));
        members.any(|member| member.identity_key == key)
    }

    /// A member that was not removed, or a server that becomes one with the next epoch; the second
    /// gets a key in its record, and no place in a group.
    fn will_be_member(&self, deposit: &Deposit) -> bool {
        let (key, epoch) = (deposit.identity_key(), self.reader.header().epoch);
        let change = self.reader.pending_change(epoch, key).map(|change| change.statement);
        let is_added = matches!(change, Some(Statement::Add(_)));
        let id = self.reader.key_record(key).and_then(|record| record.member);
        let member = id.and_then(|id| self.reader.member(id));
        // MEM-72: of the removed no root is recorded, so they could name one in each epoch.
        is_added || member.is_some_and(|member| member.status != MemberStatus::Removed)
    }
}
