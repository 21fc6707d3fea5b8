//! What the thief tries with shares: every set of as many as sign that it ever had, where those are
//! two or three, and sets of the latest by what they make under the system's public key.

use super::{MIXED_MAX, Thief, broken, is_key_of};
use crate::checker::Verdict;
use crate::epochs::year::field::{Number, interpolate};
use crate::epochs::year::loot::Share;

impl Thief {
    /// Puts the newest shares together with all of their own sharing and with those of others.
    pub(super) fn mix(&mut self, new: usize) -> Verdict {
        let latest = self.loot.latest(MIXED_MAX + new);
        let threshold = usize::from(self.plan.f) + 1;
        for place in 0..new.min(latest.len()) {
            let (own, others) = (latest[place], &latest[place + 1..]);
            let is_own = |other: &&Share| other.0 == own.0;
            let mut pool: Vec<Share> = others.iter().filter(is_own).copied().collect();
            pool.extend(others.iter().filter(|other| !is_own(other)));
            for set in sets(own, &pool, threshold) {
                self.try_set(&set)?;
            }
            match threshold {
                2 => self.try_pairs(own)?,
                3 => self.try_triples(own)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Does a share make the system's key with any other that was ever taken?
    fn try_pairs(&mut self, own: Share) -> Verdict {
        let (tried, found) = self.pairs.put(own);
        self.tally.borrow_mut().pairs += tried;
        let Some((epoch, place)) = found else { return Ok(()) };
        broken(&format!("shares {}/{} and {epoch}/{place} make the system's key", own.0, own.1))
    }

    /// Does a share make the system's key with any two others that were ever taken?
    fn try_triples(&mut self, own: Share) -> Verdict {
        let (tried, found) = self.triples.put(own);
        self.tally.borrow_mut().triples += tried;
        let Some([(second, at), (third, there)]) = found else { return Ok(()) };
        let others = format!("{second}/{at} and {third}/{there}");
        broken(&format!("shares {}/{}, {others} make the system's key", own.0, own.1))
    }

    /// Is what these shares make the system's key?
    fn try_set(&mut self, set: &[Share]) -> Verdict {
        let points: Vec<(u16, Number)> = set.iter().map(|(_, place, it)| (*place, *it)).collect();
        let secret = interpolate(&points, &mut self.weights);
        self.tally.borrow_mut().sets += 1;
        if !is_key_of(&self.system_key, secret) {
            return Ok(());
        }
        let of: Vec<String> =
            set.iter().map(|(epoch, place, _)| format!("{epoch}/{place}")).collect();
        broken(&format!("shares {} make the system's key", of.join(" and ")))
    }
}

/// Sets of so many shares, of which this is one and whose places differ: with two, one for each in
/// the pool; with more, neighbours in it.
fn sets(own: Share, pool: &[Share], count: usize) -> Vec<Vec<Share>> {
    let others: Vec<Share> = pool.iter().filter(|other| other.1 != own.1).copied().collect();
    let mut found = Vec::new();
    for start in 0..others.len() {
        let mut set = vec![own];
        for other in &others[start..] {
            if set.len() < count && set.iter().all(|known| known.1 != other.1) {
                set.push(*other);
            }
        }
        if set.len() == count {
            found.push(set);
        }
    }
    found
}
