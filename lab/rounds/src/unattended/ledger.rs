//! Who is bad at any time: a system keeps its promises while few enough are, so whoever breaks
//! things must know, and must be able to show, that it never broke too many.
//!
//! A server is *bad* while it lies, while it does not run, and from then on until it has caught up.
//! What counts where:
//!
//! - The group of an object are `3f + 1` servers that follow each other on the ring, of which `f`
//!   may be bad. The ring is that of the founding until objects move, so its servers count there
//!   for as long as they are bad, members or not: one that lost its disk and was removed is *lost*,
//!   and bad in its groups for ever. Servers that joined later hold no objects, and count in none.
//! - Any member may be drawn for the membership group of any epoch, so in all of the system no more
//!   members are bad than may be in that group. Who is lost is no member, and has no seat.
//! - A server that joins is in no group before a configuration names it, and in none of that epoch
//!   either: it has deposited no key for it. It may be drawn for the one behind. So it is bad from
//!   the first configuration that names it, until it serves in the newest epoch. Nobody here knows
//!   when it is named; so its place among the bad is kept free from the order to add it on. It
//!   needs no place of its own while it is to follow on a server that is bad itself: the one goes
//!   with the configuration with which the other comes.

use std::collections::{BTreeMap, BTreeSet};
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
    /// It is no member any more, and what it held is gone.
    Lost,
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
    /// Servers that are to join, and on whom they follow.
    awaited: BTreeMap<usize, Option<usize>>,
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
            Self::Lost => "is lost",
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
        Self {
            groups,
            bad_max,
            bad: BTreeMap::new(),
            awaited: BTreeMap::new(),
            entries: Vec::new(),
        }
    }

    /// May this server become bad, beside those that are and those whose place is kept?
    #[must_use]
    pub fn may_fall(&self, server: usize) -> bool {
        let mut bad = self.bad();
        bad.retain(|other| *other != server);
        bad.push(server);
        let is_borne = |group: &Group| bad_in(&group.members, &bad) <= group.bad_max;
        self.members_with(server) <= self.bad_max && self.groups.iter().all(is_borne)
    }

    /// May a server join that follows on this one, or on none?
    #[must_use]
    pub fn may_join(&self, instead_of: Option<usize>) -> bool {
        let has_place = instead_of.is_some_and(|old| self.is_bad_member(old));
        has_place || self.members_with(usize::MAX) <= self.bad_max
    }

    /// Bad members and places that are kept, if this server is bad too.
    fn members_with(&self, server: usize) -> usize {
        let members = self.bad.keys().filter(|it| **it != server && self.is_bad_member(**it));
        let needs_place = |(new, old): &(&usize, &Option<usize>)| {
            **new != server && !old.is_some_and(|old| self.is_bad_member(old))
        };
        members.count() + self.awaited.iter().filter(needs_place).count() + 1
    }

    fn is_bad_member(&self, server: usize) -> bool {
        self.why(server).is_some_and(|why| why != Why::Lost)
    }

    /// A server is to join, in the place of another one if there is one.
    ///
    /// # Panics
    /// If there is no place for it among the bad.
    pub fn await_newcomer(
        &mut self,
        (at, what): (Duration, &str),
        server: usize,
        old: Option<usize>,
    ) {
        assert!(self.may_join(old), "there is no place for server {server}: {what}");
        self.awaited.insert(server, old);
        self.note(at, what);
    }

    /// From now on a server is bad for this reason.
    ///
    /// # Panics
    /// If that is one too many: nothing that the system does afterwards would say anything.
    pub fn fall(&mut self, (at, what): (Duration, &str), server: usize, why: Why) {
        assert!(self.may_fall(server), "server {server} is one too many: {what}");
        self.awaited.remove(&server);
        self.bad.insert(server, why);
        self.note(at, what);
    }

    /// From now on a server is as it should be, or is none any more and held nothing.
    pub fn rise(&mut self, (at, what): (Duration, &str), server: usize) {
        self.awaited.remove(&server);
        self.bad.remove(&server);
        self.note(at, what);
    }

    /// A server that is bad is no member any more, and nobody has what it held: its groups of the
    /// ring, if it has any, are without it for ever.
    ///
    /// # Panics
    /// If it was not bad.
    pub fn lose(&mut self, (at, what): (Duration, &str), server: usize) {
        assert!(self.why(server).is_some(), "server {server} was well: {what}");
        match self.neighbours(server).is_empty() {
            true => self.bad.remove(&server),
            false => self.bad.insert(server, Why::Lost),
        };
        self.note(at, what);
    }

    /// Those with which a server is in a group that stays.
    #[must_use]
    pub fn neighbours(&self, server: usize) -> BTreeSet<usize> {
        let its = self.groups.iter().filter(|group| group.members.contains(&server));
        its.flat_map(|group| &group.members).copied().filter(|other| *other != server).collect()
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

    /// The most that were bad at one time: members, and servers in one group that stays.
    #[must_use]
    pub fn worst(&self) -> (usize, usize) {
        let is_member = |(_, why): &&(usize, Why)| *why != Why::Lost;
        let members = |entry: &Entry| entry.bad.iter().filter(is_member).count();
        let in_all = self.entries.iter().map(members).max();
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
    fn a_place_is_kept_for_who_joins_unless_it_follows_on_one_that_is_bad() {
        let mut ledger = ledger();
        ledger.fall(NOW, 7, Why::Lies);
        assert!(ledger.may_join(None) && ledger.may_fall(8));
        ledger.await_newcomer(NOW, 10, None);
        assert_eq!(ledger.bad(), [7], "it is not bad before it is named");
        assert!(!ledger.may_join(None) && !ledger.may_fall(8), "but then nobody else may be");
        ledger.fall(NOW, 10, Why::Behind);
        assert_eq!(ledger.worst(), (2, 1));
        ledger.rise(NOW, 10);
        assert!(ledger.may_join(None) && ledger.may_fall(8), "it serves");

        ledger.fall(NOW, 10, Why::Down);
        assert!(!ledger.may_join(None) && ledger.may_join(Some(10)));
        assert!(!ledger.may_join(Some(8)), "one that is well leaves no place");
        ledger.await_newcomer(NOW, 11, Some(10));
        assert!(!ledger.may_fall(11), "both at a time are one too many");
        ledger.lose(NOW, 10);
        assert_eq!(ledger.bad(), [7], "it held no objects");
        assert!(!ledger.may_fall(8), "its place has passed on");
        assert!(ledger.may_fall(11));
        ledger.rise(NOW, 11);
        assert!(ledger.may_fall(8), "it served at once");
    }

    #[test]
    fn who_is_lost_has_no_seat_and_is_missed_in_its_groups_for_ever() {
        let mut ledger = ledger();
        ledger.fall(NOW, 7, Why::Down);
        ledger.await_newcomer(NOW, 10, Some(7));
        ledger.lose(NOW, 7);
        assert_eq!(ledger.why(7), Some(Why::Lost));
        ledger.fall(NOW, 10, Why::Behind);
        let may: Vec<usize> = (0..10).filter(|server| ledger.may_fall(*server)).collect();
        assert_eq!(may, [2, 6, 7, 8], "a member more may be bad, but not beside it");
        ledger.fall(NOW, 8, Why::Down);
        assert!(!ledger.may_fall(20));
        assert_eq!(ledger.worst(), (2, 1));
    }

    #[test]
    #[should_panic(expected = "there is no place for server 10")]
    fn who_has_no_place_may_not_join() {
        let mut ledger = ledger();
        ledger.fall(NOW, 7, Why::Lies);
        ledger.fall(NOW, 8, Why::Down);
        ledger.await_newcomer(NOW, 10, None);
    }

    #[test]
    #[should_panic(expected = "one too many")]
    fn breaking_too_much_is_a_mistake() {
        let mut ledger = ledger();
        ledger.fall(NOW, 7, Why::Down);
        ledger.fall(NOW, 1, Why::Down);
    }
}
