//! What the configurations said of each server, epoch by epoch, against what was done to it: a good
//! server is without duties no longer than it was unreachable, and one epoch.
//!
//! An outage is judged by the absences that belong to it, and by no others:
//!
//! - those that overlap it, and
//! - those that ended before it began, but not before the epoch that is two before the one with
//!   which it began. Who was found silent in epoch `e` loses its duties with `e + 1`, or with
//!   `e + 2` if the changes of `e + 1` were fixed by then (MEM-22). After that nothing is left of
//!   an absence: what members said counts in their epoch alone (MEM-50), and a finding that waits
//!   longer, as the caps hold it back (MEM-49), is cancelled once the server answers. And
//! - none that was over when the server had its duties back from another outage.
//!
//! A server is *away* from the moment at which it is killed until it serves again. Catching up does
//! not count: it answers probes meanwhile, and has its duties back for that. It *lies* until it
//! serves as an honest one. A liar that does not answer is as one that is away; but as it may have
//! lied long without being put out, only what was less than two epochs before the outage counts.
//! Who is proved to lie has none any more and never will; its outages are judged up to the first
//! configuration behind the epoch in which the proof came, where the others would end, too.
//! Whoever lied and was not convicted is judged as anybody is.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use quorate_types::MemberStatus;

/// Configurations from an absence to the last one that it can have its server lose duties with.
const EPOCHS_TO_TAKE_EFFECT: u32 = 2;

/// What one configuration says of the servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sighting {
    /// When it was first seen, since the beginning.
    pub at: Duration,
    /// Its epoch.
    pub epoch: u64,
    /// The state of each server that it names.
    pub states: BTreeMap<usize, MemberStatus>,
}

/// Why a server may be without duties.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// It could not be reached.
    Away,
    /// It lied.
    Lies,
}

/// A time in which a server could not be reached, or lied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Absence {
    /// The server.
    pub server: usize,
    /// Which of the two.
    pub cause: Cause,
    /// Since when.
    pub from: Duration,
    /// Until when; none: it did not come back.
    pub until: Option<Duration>,
}

/// A time in which configurations gave a server no duties.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outage {
    /// The server.
    pub server: usize,
    /// The epoch of the first of these configurations.
    pub epoch: u64,
    /// When that was seen.
    pub from: Duration,
    /// When one was seen that gives it duties again or names it no more, or at the end.
    pub until: Duration,
}

/// An outage, and what excuses it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Judged {
    /// The outage.
    pub outage: Outage,
    /// How long the server was absent in the absences that belong to it, up to its end.
    pub absent: Duration,
}

/// What is known of the servers when all is over.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    /// The configurations, in order.
    pub sightings: &'a [Sighting],
    /// What was done to servers.
    pub absences: &'a [Absence],
    /// The epoch in whose log a server was proved to lie.
    pub convictions: &'a BTreeMap<usize, u64>,
    /// How long an epoch is meant to last.
    pub epoch: Duration,
    /// When it was over.
    pub end: Duration,
}

impl Outage {
    /// How long it was.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.until - self.from
    }
}

impl Judged {
    /// How much longer the server was out than it was absent.
    #[must_use]
    pub fn excess(&self) -> Duration {
        self.outage.length().saturating_sub(self.absent)
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outage { server, epoch, from, until } = self.outage;
        let [from, until, absent] = [from, until, self.absent].map(|time| time.as_secs());
        write!(f, "server {server} was out from {from} s (epoch {epoch}) to {until} s, ")?;
        write!(f, "and away for {absent} s")
    }
}

impl Past<'_> {
    /// Every outage that is judged, in no special order, with what excuses it.
    #[must_use]
    pub fn judged(&self) -> Vec<Judged> {
        let all = self.outages();
        let judged = |outage: &Outage| {
            let back =
                |other: &&Outage| other.server == outage.server && other.until <= outage.from;
            let had_duties_at = all.iter().filter(back).map(|other| other.until).max();
            let outage = self.up_to_conviction(outage)?;
            Some(Judged { outage, absent: self.absent(&outage, had_duties_at) })
        };
        all.iter().filter_map(judged).collect()
    }

    /// When servers were without duties. Of one that was removed nothing is expected from then on.
    fn outages(&self) -> Vec<Outage> {
        let mut open: BTreeMap<usize, (u64, Duration)> = BTreeMap::new();
        let mut found = Vec::new();
        for sighting in self.sightings {
            let inactive =
                |server: &usize| sighting.states.get(server) == Some(&MemberStatus::Inactive);
            for (server, (epoch, from)) in open.extract_if(.., |server, _| !inactive(server)) {
                found.push(Outage { server, epoch, from, until: sighting.at });
            }
            for server in sighting.states.keys().filter(|server| inactive(server)) {
                open.entry(*server).or_insert((sighting.epoch, sighting.at));
            }
        }
        let last = |(server, (epoch, from))| Outage { server, epoch, from, until: self.end };
        found.extend(open.into_iter().map(last));
        found
    }

    /// What of an outage is judged, if anything: what came before the conviction of its server, if
    /// it has one.
    fn up_to_conviction(&self, outage: &Outage) -> Option<Outage> {
        let Some(convicted) = self.convictions.get(&outage.server) else { return Some(*outage) };
        if outage.epoch > *convicted {
            return None;
        }
        let behind = self.sightings.iter().find(|sighting| sighting.epoch > *convicted);
        let until = behind.map_or(outage.until, |sighting| outage.until.min(sighting.at));
        Some(Outage { until, ..*outage })
    }

    /// How long a server was absent in the absences that belong to its outage, up to its end.
    fn absent(&self, outage: &Outage, had_duties_at: Option<Duration>) -> Duration {
        let own = self.absences.iter().filter(|it| self.belongs(it, outage, had_duties_at));
        let until = |absence: &Absence| absence.until.unwrap_or(self.end).min(outage.until);
        let lies_from = outage.from.saturating_sub(self.epoch * EPOCHS_TO_TAKE_EFFECT);
        let from = |absence: &Absence| match absence.cause {
            Cause::Away => absence.from,
            Cause::Lies => absence.from.max(lies_from),
        };
        let mut spans: Vec<_> = own.map(|absence| (from(absence), until(absence))).collect();
        spans.sort_unstable();
        let (mut sum, mut counted) = (Duration::ZERO, Duration::ZERO);
        for (from, until) in spans {
            sum += until.saturating_sub(from.max(counted));
            counted = counted.max(until);
        }
        sum
    }

    /// The rule at the top of this file.
    fn belongs(&self, absence: &Absence, outage: &Outage, had_duties_at: Option<Duration>) -> bool {
        let can_take_effect = |until| {
            self.epoch_at(until) + u64::from(EPOCHS_TO_TAKE_EFFECT) >= outage.epoch
                && had_duties_at.is_none_or(|back| until > back)
        };
        absence.server == outage.server && absence.until.is_none_or(can_take_effect)
    }

    /// The newest epoch that had been seen at some time.
    fn epoch_at(&self, at: Duration) -> u64 {
        let seen = self.sightings.iter().rfind(|sighting| sighting.at <= at);
        seen.map_or(0, |sighting| sighting.epoch)
    }
}

/// Outages that were longer than the server was absent, and an epoch of this length.
#[must_use]
pub fn too_long(judged: &[Judged], epoch: Duration) -> Vec<Judged> {
    judged.iter().filter(|judged| judged.excess() > epoch).copied().collect()
}

#[cfg(test)]
mod tests {
    //! Being away is excused, being forgotten is not.
    use std::collections::BTreeMap;
    use std::time::Duration;

    use quorate_types::MemberStatus::{self, Active, Inactive, Removed};

    use super::{Absence, Cause, Judged, Past, Sighting, too_long};

    const EPOCH: Duration = Duration::from_secs(60);
    const NOBODY: BTreeMap<usize, u64> = BTreeMap::new();

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn away(from: u64, until: u64) -> Absence {
        Absence { server: 5, cause: Cause::Away, from: at(from), until: Some(at(until)) }
    }

    /// One configuration per minute, the first one of epoch 0 at the beginning.
    fn seen(states: &[MemberStatus]) -> Vec<Sighting> {
        let sighting = |(epoch, state): (u64, &MemberStatus)| {
            let states = BTreeMap::from([(5, *state), (6, Active)]);
            Sighting { at: at(60 * epoch), epoch, states }
        };
        (0..).zip(states).map(sighting).collect()
    }

    fn judged(
        states: &[MemberStatus],
        absences: &[Absence],
        convictions: &BTreeMap<usize, u64>,
    ) -> Vec<Judged> {
        let (sightings, end) = (&seen(states)[..], EPOCH * states.len().try_into().unwrap());
        Past { sightings, absences, convictions, epoch: EPOCH, end }.judged()
    }

    /// From when until when a server was out, how long it was absent, and whether that was enough.
    fn verdicts(states: &[MemberStatus], absences: &[Absence]) -> Vec<(u64, u64, u64, bool)> {
        let judged = judged(states, absences, &NOBODY);
        let broken = too_long(&judged, EPOCH);
        let verdict = |it: &Judged| {
            let (from, until) = (it.outage.from.as_secs(), it.outage.until.as_secs());
            (from, until, it.absent.as_secs(), !broken.contains(it))
        };
        judged.iter().map(verdict).collect()
    }

    #[test]
    fn a_server_that_was_away_may_be_out_as_long_and_one_epoch() {
        let states = [Active, Inactive, Inactive, Active];
        assert_eq!(verdicts(&states, &[away(30, 90)]), [(60, 180, 60, true)]);
        assert_eq!(
            verdicts(&states, &[away(30, 89)]),
            [(60, 180, 59, false)],
            "a second too short an excuse"
        );
        let other = Absence { server: 6, ..away(0, 200) };
        assert_eq!(verdicts(&states, &[other]), [(60, 180, 0, false)]);
        let judged = judged(&states, &[away(30, 89)], &NOBODY);
        assert_eq!(judged.iter().map(Judged::excess).collect::<Vec<_>>(), [at(61)]);
    }

    #[test]
    fn what_was_long_over_is_no_excuse() {
        // Away for 100 s in the first minutes, out for 120 s half an hour later: once that was
        // excused.
        let mut states = [Active; 40];
        states[30..32].fill(Inactive);
        assert_eq!(verdicts(&states, &[away(30, 130)]), [(1_800, 1_920, 0, false)]);
    }

    #[test]
    fn an_absence_takes_effect_with_the_next_epoch_or_the_one_behind() {
        let states = [Active, Active, Active, Active, Inactive, Inactive, Active];
        for (until, absent, is_excused) in [(239, 60, true), (120, 60, true), (119, 0, false)] {
            assert_eq!(
                verdicts(&states, &[away(until - 60, until)]),
                [(240, 360, absent, is_excused)],
                "back in epoch {} at {until} s, out with epoch 4",
                until / 60
            );
        }
    }

    #[test]
    fn absences_of_one_outage_are_added_and_no_time_counts_twice() {
        let states = [Active, Active, Inactive, Inactive, Inactive, Inactive, Active];
        let three = [away(80, 140), away(200, 290), away(260, 330)];
        assert_eq!(verdicts(&states, &three[..1]), [(120, 360, 60, false)]);
        assert_eq!(verdicts(&states, &three), [(120, 360, 60 + 130, true)]);
        assert_eq!(verdicts(&states, &[away(400, 900)]), [(120, 360, 0, false)], "not by then");
    }

    #[test]
    fn who_had_its_duties_back_was_not_put_out_again_by_what_was_over() {
        let states = [Active, Active, Inactive, Active, Inactive, Inactive, Active];
        let out = verdicts(&states, &[away(60, 150)]);
        assert_eq!(out, [(120, 180, 90, true), (240, 360, 0, false)]);
        let out = verdicts(&states, &[away(60, 150), away(185, 245)]);
        assert_eq!(out, [(120, 180, 90, true), (240, 360, 60, true)]);
    }

    #[test]
    fn who_is_never_taken_back_is_missed() {
        let forgotten = [Active, Inactive, Inactive, Inactive];
        assert_eq!(verdicts(&forgotten, &[]), [(60, 240, 0, false)]);
        let gone = Absence { until: None, ..away(10, 0) };
        assert_eq!(verdicts(&forgotten, &[gone]), [(60, 240, 230, true)]);
    }

    #[test]
    fn who_is_removed_is_missed_until_then() {
        assert_eq!(verdicts(&[Active, Inactive, Removed, Removed], &[]), [(60, 120, 0, true)]);
        let late = [Active, Inactive, Inactive, Removed, Removed];
        assert_eq!(verdicts(&late, &[]), [(60, 180, 0, false)]);
        let mut forgotten = seen(&late);
        forgotten[3..].iter_mut().for_each(|sighting| sighting.states.retain(|it, _| *it != 5));
        let (sightings, convictions) = (&forgotten[..], &NOBODY);
        let past = Past { sightings, absences: &[], convictions, epoch: EPOCH, end: at(300) };
        let untils: Vec<_> = past.judged().iter().map(|it| it.outage.until).collect();
        assert_eq!(untils, [at(180)], "its record may go with it");
    }

    #[test]
    fn lying_excuses_what_it_causes_and_not_by_how_long_it_had_gone_on() {
        let mut states = [Active; 12];
        states[6..10].fill(Inactive);
        let lies = |from, until| Absence { cause: Cause::Lies, ..away(from, until) };
        assert_eq!(verdicts(&states, &[lies(0, 350)]), [(360, 600, 110, false)]);
        assert_eq!(verdicts(&states, &[away(0, 350)]), [(360, 600, 350, true)]);
        assert_eq!(verdicts(&states, &[lies(0, 450)]), [(360, 600, 210, true)], "it went on");
        assert_eq!(verdicts(&states, &[lies(100, 239)]), [(360, 600, 0, false)], "long honest");
    }

    #[test]
    fn nothing_is_promised_to_a_convict_but_what_was_before() {
        let states = [Active, Inactive, Inactive, Active, Inactive, Inactive, Inactive];
        let untils = |convicted: u64| -> Vec<(u64, u64)> {
            let judged = judged(&states, &[], &BTreeMap::from([(5, convicted)]));
            judged.iter().map(|it| (it.outage.epoch, it.outage.until.as_secs())).collect()
        };
        assert_eq!(untils(0), []);
        assert_eq!(untils(1), [(1, 120)], "what it was out for before counts");
        assert_eq!(untils(3), [(1, 180)], "and what was over");
        assert_eq!(untils(4), [(1, 180), (4, 300)]);
        assert_eq!(untils(9), [(1, 180), (4, 420)]);
    }
}
