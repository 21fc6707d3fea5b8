//! What a thief must have done at the least for it to mean something that it found nothing.

use super::{Plan, Tally};

/// Of what could be robbed one in so many is robbed at the least. Where there are no more servers
/// than a group has members, whoever is robbed is spared in the next epoch, in which it counts as
/// bad already; in all other systems somebody is robbed in every epoch.
const PLANNED_ONE_IN: u64 = 3;
/// Epochs in which some dealer that is robbed deals to itself, and is chosen.
const UNMASKED_FROM: u64 = 48;
/// Of the planned robberies at most one in so many comes too late.
const MISSED_ONE_IN: u64 = 10;

impl Tally {
    /// What is lacking: each thing that was taken or tried too seldom, in words.
    #[must_use]
    pub fn lacking(&self, plan: &Plan) -> Vec<String> {
        let possible = plan.epochs * plan.robbed as u64;
        let planned_min = (possible / PLANNED_ONE_IN).max(1);
        let missed_max = self.planned / MISSED_ONE_IN;
        let Self { planned, robberies, missed, .. } = *self;
        let sets = self.sets + self.pairs + self.triples;
        let faults = [
            (planned < planned_min, format!("{planned} robberies planned of {possible} possible")),
            (
                robberies + missed != planned,
                format!("{robberies} robberies and {missed} too late, but {planned} were planned"),
            ),
            (missed > missed_max, format!("{missed} of {planned} robberies came too late")),
            (self.files < robberies, format!("{} files in {robberies} robberies", self.files)),
            (self.held == 0, String::from("no share was taken from a machine")),
            (sets == 0, String::from("no shares were put together")),
            (
                self.unmasked == 0 && self.epochs >= UNMASKED_FROM,
                String::from("no seed of a dealer was tried"),
            ),
            (self.signatures == 0, String::from("no signature was tried")),
        ];
        faults.into_iter().filter(|(is_lacking, _)| *is_lacking).map(|(_, what)| what).collect()
    }
}

#[cfg(test)]
mod tests {
    //! A thief that does its work lacks nothing, and whatever it leaves out is told.
    use crate::epochs::year::{Plan, Tally};

    /// Ten epochs in which one server each is robbed.
    fn busy() -> Tally {
        Tally {
            epochs: 10,
            planned: 10,
            robberies: 9,
            missed: 1,
            files: 50,
            held: 9,
            pairs: 4,
            signatures: 30,
            ..Tally::default()
        }
    }

    fn lacking(change: impl FnOnce(&mut Tally)) -> String {
        let mut tally = busy();
        change(&mut tally);
        tally.lacking(&Plan::of(10)).join("; ")
    }

    #[test]
    fn a_year_in_which_the_thief_leaves_out_a_part_of_its_work_says_so() {
        assert_eq!(lacking(|_| {}), "");
        let spared = |it: &mut Tally| (it.planned, it.robberies, it.missed) = (3, 3, 0);
        assert_eq!(lacking(spared), "", "in each other epoch, and rounded");
        let idle = |it: &mut Tally| (it.planned, it.robberies, it.missed) = (2, 2, 0);
        assert_eq!(lacking(idle), "2 robberies planned of 10 possible");
        let lost = |it: &mut Tally| it.robberies = 8;
        assert_eq!(lacking(lost), "8 robberies and 1 too late, but 10 were planned");
        let late = |it: &mut Tally| (it.robberies, it.missed) = (8, 2);
        assert_eq!(lacking(late), "2 of 10 robberies came too late");
        assert_eq!(lacking(|it| it.files = 8), "8 files in 9 robberies");
        assert_eq!(lacking(|it| it.held = 0), "no share was taken from a machine");
        assert_eq!(lacking(|it| it.pairs = 0), "no shares were put together");
        assert_eq!(
            lacking(|it| (it.pairs, it.triples) = (0, 4)),
            "",
            "of three, where three make the key"
        );
        assert_eq!(lacking(|it| it.signatures = 0), "no signature was tried");
        let long = |it: &mut Tally| it.epochs = 48;
        assert_eq!(lacking(long), "no seed of a dealer was tried", "in ten it may be none");
    }

    #[test]
    fn a_thief_that_did_nothing_lacks_everything() {
        let nothing = Tally { epochs: 48, ..Tally::default() };
        let lacking = nothing.lacking(&Plan::of(48));
        assert_eq!(lacking.first().map(String::as_str), Some("0 robberies planned of 48 possible"));
        assert_eq!(lacking.len(), 5, "{lacking:?}");
    }
}
