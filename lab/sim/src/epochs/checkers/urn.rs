//! C7: a group that is another one than before was drawn from two thirds at least of the servers
//! that have duties before and after; with fewer the group stays (MEM-79).
//!
//! Who has brought keys is read from the records of the next configuration. Here nobody has a pool,
//! and all servers are on the shortlist. A member that brought its keys after the draw counts too,
//! so this is no stricter than the rule.

use std::collections::{BTreeMap, BTreeSet};

use quorate_machine::RecordNumber;
use quorate_membership::VerifiedConfiguration;
use quorate_types::{Configuration, Epoch, MemberStatus, NodeId};

use crate::checker::{At, Broken, Checker, Verdict};
use crate::epochs::{EpochsMachine, Record};

const ID: &str = "C7";

/// Looks at the configurations that good servers adopt, each with the one before.
#[derive(Debug)]
pub(in crate::epochs) struct Urn(BTreeMap<Epoch, VerifiedConfiguration>);

impl Urn {
    pub(in crate::epochs) fn new(first: &VerifiedConfiguration) -> Self {
        Self(BTreeMap::from([(first.epoch(), first.clone())]))
    }

    fn judge(&self, at: &At, epoch: Epoch) -> Verdict {
        let former = epoch.get().checked_sub(1).and_then(|former| self.0.get(&Epoch::new(former)));
        let (Some(former), Some(next)) = (former, self.0.get(&epoch)) else { return Ok(()) };
        let (former, next) = (former.configuration(), next.configuration());
        let group = |of: &Configuration| -> BTreeSet<NodeId> {
            of.membership_group.iter().copied().collect()
        };
        if group(former) == group(next) {
            return Ok(());
        }
        let has_duties = |of: &Configuration, id| {
            of.member(id).is_some_and(|member| member.status == MemberStatus::Active)
        };
        let asked: Vec<_> = former.members.iter().map(|member| member.id).collect();
        let asked = asked.into_iter().filter(|id| has_duties(former, *id) && has_duties(next, *id));
        let has_brought =
            |id: &NodeId| next.member(*id).is_some_and(|member| member.epoch_key.is_some());
        let (brought, others): (Vec<_>, Vec<_>) = asked.partition(has_brought);
        if brought.len() < 2 * others.len() {
            let of = format!("{} brought keys and {} did not", brought.len(), others.len());
            let what = format!("{:?} has a group in epoch {epoch} for which {of}", at.node);
            return Err(Broken::new(ID, what));
        }
        Ok(())
    }
}

impl Checker<EpochsMachine> for Urn {
    fn id(&self) -> &'static str {
        ID
    }

    fn on_durable(&mut self, at: &At, _: RecordNumber, record: &Record) -> Verdict {
        let Record::Adopted(configuration) = record else { return Ok(()) };
        let epoch = configuration.epoch();
        if !at.is_good() || self.0.contains_key(&epoch) {
            return Ok(());
        }
        self.0.insert(epoch, configuration.clone());
        self.judge(at, epoch)?;
        self.judge(at, epoch.next())
    }
}
