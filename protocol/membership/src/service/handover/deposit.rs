//! Deposit: a server's keys of the next epoch.
//!
//! Settled points 14 and 31: the first deposit of an identity counts, so it cannot be two servers,
//! nor name two roots. Only a member's identity gets another root (MEM-18).

use super::{HandoverRefusal, Outcome, Step};
use crate::handover::{Deposit, SeatKeys, Stage};
use crate::service::Statement;

impl Step<'_> {
    pub(super) fn deposit(&self, deposit: &Deposit) -> Result<Outcome, HandoverRefusal> {
        if self.reader.stage() != Stage::Open {
            return Err(HandoverRefusal::NotNow);
        }
        let key = deposit.identity_key();
        if self.reader.deposit(key).is_some() {
            return Err(HandoverRefusal::Repeated);
        }
        if !self.will_be_member(deposit) {
            return Err(HandoverRefusal::Stranger);
        }
        let record = self.reader.key_record(key).unwrap_or_default();
        if record.member.is_none() && deposit.successor().is_some() {
            return Err(HandoverRefusal::BadSuccessor);
        }
        let root = record.later_root.unwrap_or_else(|| key.first_root());
        let header = self.reader.header();
        let checked = deposit.check((header.system, header.epoch), root, self.schemes);
        checked.map_err(HandoverRefusal::of_deposit)?;

        let (epoch_key, encryption_key) = (deposit.epoch_key(), deposit.encryption_key);
        let keys = SeatKeys { epoch_key, encryption_key };
        Ok(Outcome::Deposited { key, keys, successor: deposit.successor() })
    }

    /// A member, or a server that becomes one with the next epoch; the second gets a key in its
    /// record, and no place in a group.
    fn will_be_member(&self, deposit: &Deposit) -> bool {
        let (key, epoch) = (deposit.identity_key(), self.reader.header().epoch);
        let change = self.reader.pending_change(epoch, key).map(|change| change.statement);
        let is_added = matches!(change, Some(Statement::Add(_)));
        is_added || self.reader.key_record(key).is_some_and(|record| record.member.is_some())
    }
}
