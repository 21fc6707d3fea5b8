//! Who is bad at any time: a system keeps its promises while few enough are, so whoever breaks
//! things must know, and must be able to show, that it never broke too many.
//!
//! A server is *bad* while it lies, while it does not run, and from then on until it has caught up.
//! The group of an object are `3f + 1` servers that follow each other on the ring, of which `f` may
//! be bad. Any server may be drawn for the membership group of any epoch, so in all of the system
//! no more are bad than may be in that group.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use quorate_types::Resilience;

/// Why a server is bad.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// It says what is not so.
    Lies,
    /// Its process does not run.
    Down,
    /// It runs, and has not caught up.
    Behind,
}

/// Something that happened, and who was bad from then on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// When, since the beginning.
    pub at: Duration,
    /// What.
    pub what: String,
    /// Who was bad then, with the reason.
    pub bad: Vec<(usize, Why)>,
    /// The most bad servers of one group that stays.
    pub worst_group: usize,
}

/// Servers with one job, of which few may be bad.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Its members.
    pub members: Vec<usize>,
    /// How many of them may be bad.
    pub bad_max: usize,
}

/// The books.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ledger {
    groups: Vec<Group>,
    bad_max: usize,
    bad: BTreeMap<usize, Why>,
    entries: Vec<Entry>,
}

/// The groups of a ring whose servers are given in its order.
#[must_use]
pub fn ring_groups(ring: &[usize], resilience: Resilience) -> Vec<Group> {
    let size = resilience.replicas().min(ring.len());
    let members = |first: usize| (first..first + size).map(|place| ring[place % ring.len()]);
    let group = |first| Group { members: members(first).collect(), bad_max: resilience.f() };
    (0..ring.len()).map(group).collect()
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lies => "lies",
            Self::Down => "is down",
            Self::Behind => "catches up",
        })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>5} s  {:<34}", self.at.as_secs(), self.what)?;
        let bad = self.bad.iter().map(|(server, why)| format!("{server} {why}"));
        let bad: Vec<String> = bad.collect();
        let named = if bad.is_empty() { String::from("nobody") } else { bad.join(", ") };
        write!(f, " bad: {named}; {} of one group", self.worst_group)
    }
}

impl Ledger {
    /// Nobody is bad yet. `groups` are those that stay; `bad_max` is what the membership group
    /// bears, whoever is drawn for it.
    #[must_use]
    pub const fn new(groups: Vec<Group>, bad_max: usize) -> Self {
        Self { groups, bad_max, bad: BTreeMap::new(), entries: Vec::new() }
    }

    /// May this server become bad, beside those that are?
    #[must_use]
    pub fn may_fall(&self, server: usize) -> bool {
        let mut bad: Vec<usize> = self.bad.keys().copied().collect();
        bad.retain(|other| *other != server);
        bad.push(server);
        let is_borne = |group: &Group| bad_in(&group.members, &bad) <= group.bad_max;
        bad.len() <= self.bad_max && self.groups.iter().all(is_borne)
    }

    /// From now on a server is bad for this reason.
    ///
    /// # Panics
    /// If that is one too many: nothing that the system does afterwards would say anything.
    pub fn fall(&mut self, (at, what): (Duration, &str), server: usize, why: Why) {
        assert!(self.may_fall(server), "server {server} is one too many: {what}");
        self.bad.insert(server, why);
        self.note(at, what);
    }

    /// From now on a server is as it should be, or is none any more.
    pub fn rise(&mut self, (at, what): (Duration, &str), server: usize) {
        self.bad.remove(&server);
        self.note(at, what);
    }

    /// Something happened that makes nobody bad.
    pub fn note(&mut self, at: Duration, what: &str) {
        let bad: Vec<(usize, Why)> = self.bad.iter().map(|(server, why)| (*server, *why)).collect();
        let servers: Vec<usize> = self.bad.keys().copied().collect();
        let worst_group = self.worst_group_of(&servers);
        self.entries.push(Entry { at, what: what.to_owned(), bad, worst_group });
    }

    /// Who is bad.
    #[must_use]
    pub fn bad(&self) -> Vec<usize> {
        self.bad.keys().copied().collect()
    }

    /// Why a server is bad, if it is.
    #[must_use]
    pub fn why(&self, server: usize) -> Option<Why> {
        self.bad.get(&server).copied()
    }

    /// What happened, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The most servers that were bad at one time, in all and in one group that stays.
    #[must_use]
    pub fn worst(&self) -> (usize, usize) {
        let in_all = self.entries.iter().map(|entry| entry.bad.len()).max();
        let in_group = self.entries.iter().map(|entry| entry.worst_group).max();
        (in_all.unwrap_or_default(), in_group.unwrap_or_default())
    }

    fn worst_group_of(&self, servers: &[usize]) -> usize {
        let groups = self.groups.iter().map(|group| bad_in(&group.members, servers));
        groups.max().unwrap_or_default()
    }
}

/// How many members of a group are bad.
#[must_use]
pub fn bad_in(members: &[usize], bad: &[usize]) -> usize {
    members.iter().filter(|member| bad.contains(member)).count()
}

#[cfg(test)]
mod tests {
    //! The books allow what a system bears, and nothing more.
    use std::time::Duration;

    use quorate_types::Resilience;

    use super::{Ledger, Why, ring_groups};

    fn ledger() -> Ledger {
        // The order on the ring is another one than that of the numbers.
        let ring = [3, 0, 7, 1, 9, 4, 2, 8, 6, 5];
        Ledger::new(ring_groups(&ring, Resilience::new(1).expect("it is small")), 2)
    }

    const NOW: (Duration, &str) = (Duration::ZERO, "a test");

    #[test]
    fn servers_of_one_group_may_not_be_bad_at_a_time() {
        let mut ledger = ledger();
        ledger.fall(NOW, 7, Why::Down);
        let may: Vec<usize> = (0..10).filter(|server| ledger.may_fall(*server)).collect();
        assert_eq!(may, [2, 6, 7, 8], "the others are within three places of it");
    }

    #[test]
    fn no_more_are_bad_than_a_membership_group_bears_wherever_they_are() {
        let mut ledger = ledger();
        ledger.fall(NOW, 7, Why::Lies);
        ledger.fall(NOW, 8, Why::Down);
        assert!(!ledger.may_fall(20), "one that holds no objects, but may be drawn");
        ledger.fall(NOW, 8, Why::Behind);
        assert_eq!(ledger.why(8), Some(Why::Behind), "one that is bad may be so otherwise");
        ledger.rise(NOW, 8);
        assert!(ledger.may_fall(20));
        assert_eq!(ledger.worst(), (2, 1));
    }

    #[test]
    #[should_panic(expected = "one too many")]
    fn breaking_too_much_is_a_mistake() {
        let mut ledger = ledger();
        ledger.fall(NOW, 7, Why::Down);
        ledger.fall(NOW, 1, Why::Down);
    }
}
