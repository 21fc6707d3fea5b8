//! What the configurations said of each server, epoch by epoch, against what was done to it: a good
//! server is without duties no longer than it was unreachable, and one epoch.

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_types::MemberStatus;

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

/// A time in which a server could not be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Absence {
    /// The server.
    pub server: usize,
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
    /// When the first of these configurations was seen.
    pub from: Duration,
    /// When one was seen that gives it duties again, or at the end.
    pub until: Duration,
}

/// When servers were without duties, in order. Of a server that was removed nothing is expected.
#[must_use]
pub fn outages(sightings: &[Sighting], end: Duration) -> Vec<Outage> {
    let mut open: BTreeMap<usize, Duration> = BTreeMap::new();
    let mut found = Vec::new();
    for sighting in sightings {
        for (server, state) in &sighting.states {
            match state {
                MemberStatus::Inactive => {
                    open.entry(*server).or_insert(sighting.at);
                }
                MemberStatus::Active => {
                    let from = open.remove(server);
                    let until = sighting.at;
                    found.extend(from.map(|from| Outage { server: *server, from, until }));
                }
                MemberStatus::Removed => {
                    open.remove(server);
                }
            }
        }
        open.retain(|server, _| sighting.states.contains_key(server));
    }
    found.extend(open.into_iter().map(|(server, from)| Outage { server, from, until: end }));
    found
}

/// Outages that were longer than the server was unreachable, and an epoch of this length.
#[must_use]
pub fn too_long(outages: &[Outage], absences: &[Absence], epoch: Duration) -> Vec<Outage> {
    let is_too_long = |outage: &&Outage| {
        let own = absences.iter().filter(|absence| absence.server == outage.server);
        let unreachable = own.map(|absence| overlap(absence, outage.until));
        outage.until - outage.from > unreachable.max().unwrap_or_default() + epoch
    };
    outages.iter().filter(is_too_long).copied().collect()
}

/// How long an absence lasted that began before an outage ended.
fn overlap(absence: &Absence, outage_end: Duration) -> Duration {
    let until = absence.until.unwrap_or(outage_end).min(outage_end);
    until.saturating_sub(absence.from)
}

#[cfg(test)]
mod tests {
    //! Being away is excused, being forgotten is not.
    use std::collections::BTreeMap;
    use std::time::Duration;

    use quorate_types::MemberStatus::{self, Active, Inactive, Removed};

    use super::{Absence, Sighting, outages, too_long};

    const EPOCH: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// One configuration per minute.
    fn seen(states: &[MemberStatus]) -> Vec<Sighting> {
        let sighting = |(epoch, state): (u64, &MemberStatus)| {
            let states = BTreeMap::from([(5, *state), (6, Active)]);
            Sighting { at: at(60 * epoch), epoch, states }
        };
        (0..).zip(states).map(sighting).collect()
    }

    #[test]
    fn a_server_that_was_away_may_be_out_as_long_and_one_epoch() {
        let seen = seen(&[Active, Inactive, Inactive, Active]);
        let out = outages(&seen, at(240));
        assert_eq!(
            out.iter().map(|out| (out.from, out.until)).collect::<Vec<_>>(),
            [(at(60), at(180))]
        );
        let away = |from, until| Absence { server: 5, from: at(from), until: Some(at(until)) };
        assert_eq!(too_long(&out, &[away(30, 100)], EPOCH), []);
        assert_eq!(too_long(&out, &[away(30, 89)], EPOCH), out, "a second too short an excuse");
        assert_eq!(too_long(&out, &[Absence { server: 6, ..away(0, 200) }], EPOCH), out);
    }

    #[test]
    fn who_is_never_taken_back_is_missed_and_who_is_removed_is_not() {
        let forgotten = outages(&seen(&[Active, Inactive, Inactive, Inactive]), at(240));
        assert_eq!(too_long(&forgotten, &[], EPOCH), forgotten);
        assert_eq!(outages(&seen(&[Active, Inactive, Removed]), at(180)), []);
        let gone = Absence { server: 5, from: at(10), until: None };
        assert_eq!(too_long(&forgotten, &[gone], EPOCH), []);
    }
}
