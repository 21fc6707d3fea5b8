//! C9: after the heal epochs end one after the other, and every server and client of the core comes
//! along.

use quorate_machine::RecordNumber;
use quorate_types::{Epoch, NodeId};

use crate::checker::{At, Broken, Checker, End, Verdict};
use crate::epochs::{EpochsMachine, Record};

const ID: &str = "C9";

/// Looks at the epochs of the core when a run is over.
#[derive(Debug)]
pub(in crate::epochs) struct Progress {
    heal_us: u64,
    /// How long after the heal, and after an epoch has begun somewhere, others may take.
    bound_us: u64,
    /// The newest epoch that any good server had at the heal.
    at_heal: Epoch,
    /// When each epoch was first adopted by a good server.
    first_us: Vec<(Epoch, u64)>,
}

impl Progress {
    pub(in crate::epochs) const fn new(heal_us: u64, bound_us: u64) -> Self {
        Self { heal_us, bound_us, at_heal: Epoch::ZERO, first_us: Vec::new() }
    }

    /// The epoch in which everybody must be: the last one that began the bound before the end, and
    /// at least the one behind that of the heal.
    fn owed(&self, end_us: u64) -> Epoch {
        let before = end_us.saturating_sub(self.bound_us);
        let old = self.first_us.iter().filter(|(_, at_us)| *at_us <= before);
        let last = old.map(|(epoch, _)| *epoch).max().unwrap_or(Epoch::ZERO);
        last.max(self.at_heal.next())
    }
}

/// The epoch in which a machine is.
fn epoch_of(machine: &EpochsMachine) -> Epoch {
    match machine {
        EpochsMachine::Server(seat) => seat.turnover().configuration().epoch(),
        EpochsMachine::Client(seat) => {
            seat.client().known().map_or(Epoch::ZERO, |known| known.epoch())
        }
    }
}

/// Can the newest epoch of the core end? Who was down when the one before was frozen has no key in
/// it, and is as good as silent (decision 17). If that and who is bad to the end are more than its
/// group bears, more servers were away at once than may be, and no further epoch is owed.
fn can_end(end: &End<'_, EpochsMachine>) -> bool {
    let machines = end.scenario.core.iter().filter_map(|node| end.machines[node.index()]);
    let seats: Vec<_> = machines.filter_map(EpochsMachine::server).collect();
    let configurations = seats.iter().map(|seat| seat.turnover().configuration().configuration());
    let Some(newest) = configurations.max_by_key(|it| it.epoch) else { return true };
    let is_able = |id: &&NodeId| {
        let has_key = newest.member(**id).is_some_and(|member| member.epoch_key.is_some());
        has_key && seats.iter().any(|seat| seat.id() == **id)
    };
    let able = newest.membership_group.iter().filter(is_able).count();
    able >= newest.membership.quorum()
}

impl Checker<EpochsMachine> for Progress {
    fn id(&self) -> &'static str {
        ID
    }

    fn on_durable(&mut self, at: &At, _: RecordNumber, record: &Record) -> Verdict {
        let Record::Adopted(configuration) = record else { return Ok(()) };
        let epoch = configuration.epoch();
        if at.is_good() && self.first_us.last().is_none_or(|(last, _)| *last < epoch) {
            self.first_us.push((epoch, at.time_us));
            if at.time_us <= self.heal_us {
                self.at_heal = epoch;
            }
        }
        Ok(())
    }

    /// All of the core are behind the ends of two more epochs, in which each had its part with the
    /// keys and the state that it had after the heal.
    fn is_settled(&self, now: &End<'_, EpochsMachine>) -> Option<bool> {
        let owed = self.at_heal.next().next();
        let machines = now.scenario.core.iter().map(|node| now.machines[node.index()]);
        let mut epochs = machines.map(|machine| machine.map(epoch_of));
        Some(epochs.all(|epoch| epoch.is_some_and(|epoch| epoch >= owed)))
    }

    fn on_end(&mut self, end: &End<'_, EpochsMachine>) -> Verdict {
        if end.time_us < self.heal_us + self.bound_us || !can_end(end) {
            return Ok(());
        }
        let owed = self.owed(end.time_us);
        for node in end.scenario.core.iter() {
            let Some(machine) = end.machines[node.index()] else { continue };
            let epoch = epoch_of(machine);
            if epoch < owed {
                let what = format!("{node:?} is in epoch {epoch}, {owed} is owed");
                return Err(Broken::new(ID, what));
            }
        }
        Ok(())
    }
}
