//! Every two shares that were ever taken, whatever sharings they are of.
//!
//! A share at one place and another at a second place make one number. So of each share it follows
//! what stands at the second place if both make the system's key, and that is looked up among all
//! that is known there: every pair is tried, in a time that does not grow with their number.

use std::collections::BTreeMap;

use quorate_types::Epoch;

use super::field::Number;
use super::loot::Share;

/// With how much the share at a place counts beside one at another, and one through how much that
/// other counts.
type Balance = (Number, Number);

/// All shares, by place and value.
#[derive(Debug)]
pub(super) struct Pairs {
    /// What nobody may find.
    secret: Number,
    known: BTreeMap<u16, BTreeMap<[u8; 32], Epoch>>,
    balances: BTreeMap<(u16, u16), Balance>,
}

impl Pairs {
    /// No shares; with the number that is the system's key.
    pub(super) const fn of(secret: Number) -> Self {
        Self { secret, known: BTreeMap::new(), balances: BTreeMap::new() }
    }

    /// Puts a share together with each that is known; how many those are, and the one with which it
    /// makes the key.
    pub(super) fn put(&mut self, (epoch, place, value): Share) -> (u64, Option<(Epoch, u16)>) {
        let (secret, balances) = (self.secret, &mut self.balances);
        let (mut tried, mut found) = (0, None);
        for (other, values) in self.known.iter().filter(|(other, _)| **other != place) {
            let of = (place, *other);
            let (own, theirs) = *balances.entry(of).or_insert_with(|| balance(of));
            let wanted = secret.sub(value.mul(own)).mul(theirs);
            tried += values.len() as u64;
            found = found.or_else(|| values.get(&wanted.write()).map(|epoch| (*epoch, *other)));
        }
        self.known.entry(place).or_default().insert(value.write(), epoch);
        (tried, found)
    }
}

fn balance((place, other): (u16, u16)) -> Balance {
    let (mine, theirs) = (Number::small(u64::from(place)), Number::small(u64::from(other)));
    let own = theirs.mul(theirs.sub(mine).inverse());
    (own, mine.sub(theirs).mul(mine.inverse()))
}
