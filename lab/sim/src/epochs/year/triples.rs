//! Every three shares that were ever taken, whatever sharings they are of.
//!
//! As with [pairs](super::pairs) the last one follows from the others: of a new share and a known
//! one it is what stands at a third place if the three make the system's key, and that is looked
//! up among all that is known there. So the time for a share grows with the number of those before
//! it, and not with the number of their pairs.

use std::collections::{BTreeMap, HashMap};

use quorate_types::Epoch;

use super::field::{Number, weight};
use super::loot::Share;

/// What the share at a third place has to be, by those at two others: a constant, and with how
/// much each of the two counts against it.
type Balance = (Number, Number, Number);

/// All shares, by place, in the order in which they came and by value.
#[derive(Debug)]
pub(super) struct Triples {
    /// What nobody may find.
    secret: Number,
    known: BTreeMap<u16, Place>,
    balances: BTreeMap<[u16; 3], Balance>,
}

#[derive(Default, Debug)]
struct Place {
    shares: Vec<(Epoch, Number)>,
    by_value: HashMap<[u8; 32], Epoch>,
}

/// Two other shares: of which epochs, and at which places.
pub(super) type Others = [(Epoch, u16); 2];

impl Triples {
    /// No shares; with the number that is the system's key.
    pub(super) const fn of(secret: Number) -> Self {
        Self { secret, known: BTreeMap::new(), balances: BTreeMap::new() }
    }

    /// Puts a share together with each two that are known at other places; how many those are, and
    /// the two with which it makes the key.
    pub(super) fn put(&mut self, (epoch, place, value): Share) -> (u64, Option<Others>) {
        let (mut tried, mut found) = (0, None);
        for (second, third) in self.other_places(place) {
            let (constant, own, theirs) = self.balance([place, second, third]);
            let rest = constant.sub(own.mul(value));
            let (seconds, thirds) = (&self.known[&second], &self.known[&third]);
            tried += (seconds.shares.len() * thirds.by_value.len()) as u64;
            for (of, share) in &seconds.shares {
                let wanted = rest.sub(theirs.mul(*share));
                let hit = thirds.by_value.get(&wanted.write());
                found = found.or_else(|| hit.map(|last| [(*of, second), (*last, third)]));
            }
        }
        let here = self.known.entry(place).or_default();
        if here.by_value.insert(value.write(), epoch).is_none() {
            here.shares.push((epoch, value));
        }
        (tried, found)
    }

    /// Every two places beside this one where shares are known, that with fewer of them first.
    fn other_places(&self, place: u16) -> Vec<(u16, u16)> {
        let count = |place: &u16| self.known[place].shares.len();
        let mut others: Vec<u16> = self.known.keys().copied().filter(|it| *it != place).collect();
        others.sort_by_key(count);
        let behind = |(at, second): (usize, &u16)| {
            let second = *second;
            others[at + 1..].iter().map(move |third| (second, *third)).collect::<Vec<_>>()
        };
        others.iter().enumerate().flat_map(behind).collect()
    }

    fn balance(&mut self, places: [u16; 3]) -> Balance {
        let secret = self.secret;
        *self.balances.entry(places).or_insert_with(|| {
            let [own, second, third] = places.map(|place| weight(place, &places));
            let through = third.inverse();
            (secret.mul(through), own.mul(through), second.mul(through))
        })
    }
}
