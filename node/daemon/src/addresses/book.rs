//! What is known of names, and which of them is looked up when; without a thread or a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Whereabouts;
use crate::limits::{LOOKUP_AGAIN, LOOKUP_FAILED_MAX, LOOKUP_FAILED_MIN, LOOKUPS_FAILING_MAX};

/// When a name has its turn; of several at one moment in the order in which they were wanted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Turn {
    at: Instant,
    /// Of the name in this book; one that went and came back has another.
    number: u64,
    name: Arc<str>,
}

/// What is known of a name.
#[derive(Clone, Copy, Debug)]
struct Entry {
    number: u64,
    /// Where it was when it resolved last.
    found: Option<SocketAddr>,
    /// Whether a lookup of it has ended, with or without an address.
    has_ended: bool,
    /// Lookups in a row that found nothing.
    failures: u32,
}

/// A name that is to be looked up, or was.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    pub(super) name: Arc<str>,
    number: u64,
    /// Whether the one before found nothing.
    has_failed: bool,
}

/// What a lookup says that was not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum News {
    /// Nothing.
    None,
    /// The name is here, and was nowhere or elsewhere.
    At(SocketAddr),
    /// The first lookup of the name found nothing.
    Nowhere,
}

/// The names that are wanted.
#[derive(Default, Debug)]
pub(super) struct Book {
    names: BTreeMap<Arc<str>, Entry>,
    /// Names that there were.
    count: u64,
    /// Names of which no lookup has ended.
    unsettled: usize,
    /// The turns of those that are new or resolved last time, and are not being looked up now.
    sound: BTreeSet<Turn>,
    /// Those of the others.
    failed: BTreeSet<Turn>,
    /// Lookups under way of names that did not resolve last time.
    failing: usize,
}

impl Book {
    /// From now on these names are wanted, the first of them first, and no others.
    pub(super) fn follow<'a>(&mut self, now: Instant, wanted: impl Iterator<Item = &'a str>) {
        let wanted: Vec<&str> = wanted.collect();
        let kept: BTreeSet<&str> = wanted.iter().copied().collect();
        self.names.retain(|name, _| kept.contains(&**name));
        self.sound.retain(|turn| kept.contains(&*turn.name));
        self.failed.retain(|turn| kept.contains(&*turn.name));
        for name in wanted {
            if self.names.contains_key(name) {
                continue;
            }
            let (name, number): (Arc<str>, _) = (Arc::from(name), self.count);
            self.count += 1;
            let entry = Entry { number, found: None, has_ended: false, failures: 0 };
            self.names.insert(Arc::clone(&name), entry);
            self.sound.insert(Turn { at: now, number, name });
        }
        self.unsettled = self.names.values().filter(|entry| !entry.has_ended).count();
    }

    /// A name whose turn has come. Those that did not resolve last time may take long to fail
    /// again: they leave room for the others.
    pub(super) fn take(&mut self, now: Instant) -> Option<Lookup> {
        let has_failed = self.sound.first().is_none_or(|turn| turn.at > now);
        if has_failed && self.failing >= LOOKUPS_FAILING_MAX {
            return None;
        }
        let turns = if has_failed { &mut self.failed } else { &mut self.sound };
        if turns.first().is_none_or(|turn| turn.at > now) {
            return None;
        }
        let Turn { name, number, .. } = turns.pop_first()?;
        self.failing += usize::from(has_failed);
        Some(Lookup { name, number, has_failed })
    }

    /// A lookup has ended with these addresses.
    pub(super) fn note(&mut self, now: Instant, lookup: &Lookup, found: &[SocketAddr]) -> News {
        self.failing -= usize::from(lookup.has_failed);
        let entry = self.names.get_mut(&lookup.name);
        let Some(entry) = entry.filter(|entry| entry.number == lookup.number) else {
            return News::None;
        };
        let is_first = !std::mem::replace(&mut entry.has_ended, true);
        self.unsettled -= usize::from(is_first);
        let (news, turns, pause) = match found.first() {
            Some(first) => {
                entry.failures = 0;
                // A name may stand for several, in another order each time: what is known and
                // still among them stays, and so does the link there.
                let is_there = entry.found.is_some_and(|known| found.contains(&known));
                let news = if is_there { News::None } else { News::At(*first) };
                entry.found = entry.found.filter(|_| is_there).or(Some(*first));
                (news, &mut self.sound, LOOKUP_AGAIN)
            }
            // It stays where it was last.
            None => {
                entry.failures = entry.failures.saturating_add(1);
                let news = if is_first { News::Nowhere } else { News::None };
                (news, &mut self.failed, pause_after(entry.failures))
            }
        };
        let (number, name) = (lookup.number, Arc::clone(&lookup.name));
        turns.insert(Turn { at: now + pause, number, name });
        news
    }

    /// Where a name is.
    pub(super) fn whereabouts(&self, name: &str) -> Whereabouts {
        match self.names.get(name) {
            Some(Entry { found: Some(address), .. }) => Whereabouts::At(*address),
            Some(Entry { has_ended: true, .. }) => Whereabouts::Nowhere,
            Some(_) | None => Whereabouts::Unknown,
        }
    }

    /// Whether a lookup of each name has ended.
    pub(super) const fn is_settled(&self) -> bool {
        self.unsettled == 0
    }

    /// When the next name has its turn.
    pub(super) fn next(&self) -> Option<Instant> {
        let turns = [&self.sound, &self.failed];
        turns.into_iter().filter_map(BTreeSet::first).map(|turn| turn.at).min()
    }
}

/// How long a name rests behind so many failures: twice as long each time.
fn pause_after(failures: u32) -> Duration {
    let times = 2_u32.saturating_pow(failures.saturating_sub(1));
    LOOKUP_FAILED_MIN.saturating_mul(times).min(LOOKUP_FAILED_MAX)
}

#[cfg(test)]
mod tests;
