//! When this server took which step of the end of an epoch, for people and programs that look from
//! outside. Nothing follows from it: clocks of servers differ, and a restart forgets it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use quorate_duties::turnover::Event;
use quorate_membership::handover::Stage;
use quorate_types::{Epoch, Resilience};

use crate::limits::EPOCH_ENDS_MAX;

/// A step of the end of an epoch, in the order in which a server that is in both groups takes them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Step {
    /// It voted that the epoch ends.
    EndVoted,
    /// It executed FREEZE: changes and candidates are fixed.
    Frozen,
    /// It executed BEACON: the next group is drawn.
    Drawn,
    /// It made its dealing for the next group.
    Dealt,
    /// As many certified dealings are executed as make a sharing.
    Chosen,
    /// It told that it holds its share of the next epoch, which is durable.
    Completed,
    /// It executed DONE.
    Done,
    /// It executed the last slot, and that is durable.
    Concluded,
    /// It has the signed header of the next epoch, durably.
    Certified,
    /// It has the end certificate.
    Ended,
    /// It has the configuration of the next epoch, durably.
    Adopted,
    /// It carried out what the new configuration means for its keys and links.
    Switched,
    /// Its replica of the next group has begun, with a durable state.
    Begun,
    /// It vouches for the next epoch.
    Vouched,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::EndVoted,
        Self::Frozen,
        Self::Drawn,
        Self::Dealt,
        Self::Chosen,
        Self::Completed,
        Self::Done,
        Self::Concluded,
        Self::Certified,
        Self::Ended,
        Self::Adopted,
        Self::Switched,
        Self::Begun,
        Self::Vouched,
    ];

    /// A label for metrics, in snake case.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::EndVoted => "end_voted",
            Self::Frozen => "frozen",
            Self::Drawn => "drawn",
            Self::Dealt => "dealt",
            Self::Chosen => "chosen",
            Self::Completed => "completed",
            Self::Done => "done",
            Self::Concluded => "concluded",
            Self::Certified => "certified",
            Self::Ended => "ended",
            Self::Adopted => "adopted",
            Self::Switched => "switched",
            Self::Begun => "begun",
            Self::Vouched => "vouched",
        }
    }

    /// The step of which a participant leaves this mark.
    pub(crate) fn of_mark(mark: &'static str) -> Option<Self> {
        match mark {
            "handover.end_voted" => Some(Self::EndVoted),
            "handover.dealt" => Some(Self::Dealt),
            "handover.completed" => Some(Self::Completed),
            _ => None,
        }
    }

    /// The step that shows in an event, and the epoch that ends; `old` is its group.
    pub(crate) fn of_event(event: &Event, old: Resilience) -> Option<(Epoch, Self)> {
        match event {
            Event::News(epoch, news) => Some((*epoch, Self::of_stage(&news.stage, old)?)),
            Event::Concluded(epoch) => Some((*epoch, Self::Concluded)),
            Event::Certified(epoch, _) => Some((*epoch, Self::Certified)),
            Event::Ended(epoch) => Some((*epoch, Self::Ended)),
            Event::Announce(..)
            | Event::Report(..)
            | Event::VouchesNoMore(_)
            | Event::Members(..)
            | Event::Learned(_)
            | Event::StateGot(_)
            | Event::Begun(_) => None,
        }
    }

    fn of_stage(stage: &Stage, old: Resilience) -> Option<Self> {
        match stage {
            Stage::Open | Stage::Redrawing(_) => None,
            Stage::Frozen(_) => Some(Self::Frozen),
            Stage::Dealing(underway) if underway.dealings.len() >= old.weak_quorum() => {
                Some(Self::Chosen)
            }
            Stage::Dealing(_) => Some(Self::Drawn),
            Stage::Done(_) => Some(Self::Done),
        }
    }
}

/// The steps of this server at the end of one epoch: when each was first taken, in microseconds of
/// Unix time.
pub type EpochEnd = BTreeMap<Step, u64>;

/// The last ends of epochs that this server took part in, by the epoch that ended.
#[derive(Debug, Default)]
pub struct EpochEnds(BTreeMap<Epoch, EpochEnd>);

impl EpochEnds {
    /// Notes a step; only the first time counts.
    pub(crate) fn note(&mut self, (epoch, step): (Epoch, Step), at: SystemTime) {
        let micros = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        self.0.entry(epoch).or_default().entry(step).or_insert(micros);
        while self.0.len() > EPOCH_ENDS_MAX {
            self.0.pop_first();
        }
    }

    /// The last one that led to a configuration here.
    #[must_use]
    pub fn last(&self) -> Option<&EpochEnd> {
        self.0.values().rev().find(|end| end.contains_key(&Step::Adopted))
    }

    /// One line of JSON for each.
    #[must_use]
    pub fn to_json_lines(&self) -> String {
        let mut lines = String::new();
        for (epoch, end) in &self.0 {
            let step = |(step, micros): (&Step, &u64)| format!("\"{}\":{micros}", step.label());
            let steps: Vec<String> = end.iter().map(step).collect();
            let line = format_args!(
                "{{\"epoch\":{},\"steps_unix_micros\":{{{}}}}}\n",
                epoch.get(),
                steps.join(",")
            );
            lines.write_fmt(line).expect("writing to memory does not fail");
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    //! What is kept of the ends of epochs is bounded, and the first time counts.
    use std::time::{Duration, UNIX_EPOCH};

    use quorate_types::Epoch;

    use super::{EpochEnds, Step};
    use crate::limits::EPOCH_ENDS_MAX;

    #[test]
    fn the_first_time_of_a_step_counts_and_old_epochs_are_forgotten() {
        let mut ends = EpochEnds::default();
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        for epoch in 0..=EPOCH_ENDS_MAX as u64 {
            ends.note((Epoch::new(epoch), Step::Frozen), at(epoch));
            ends.note((Epoch::new(epoch), Step::Adopted), at(epoch + 1));
            ends.note((Epoch::new(epoch), Step::Adopted), at(epoch + 2));
        }
        ends.note((Epoch::new(1_000), Step::EndVoted), at(1_000));
        let lines = ends.to_json_lines();
        assert_eq!(lines.lines().count(), EPOCH_ENDS_MAX);
        let first = "{\"epoch\":2,\"steps_unix_micros\":{\"frozen\":2000000,\"adopted\":3000000}}";
        assert_eq!(lines.lines().next(), Some(first));
        let last = ends.last().expect("one led to a configuration");
        assert_eq!(last[&Step::Frozen], EPOCH_ENDS_MAX as u64 * 1_000_000);
    }
}
