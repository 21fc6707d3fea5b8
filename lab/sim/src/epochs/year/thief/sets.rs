//! What the thief tries with shares: every set of as many as sign that it ever had, where those are
//! two or three, and sets of the latest by what they make under the system's public key.

use super::{MIXED_MAX, Thief, broken, is_key_of};
use crate::checker::Verdict;
use crate::epochs::year::field::{Number, interpolate};
use crate::epochs::year::loot::Share;

impl Thief {
    /// Puts the shares that are new together with all of their own sharing and with those of
    /// others, whatever epochs they are of.
    pub(super) fn mix(&mut self) -> Verdict {
        let new = self.loot.take_fresh();
        let latest = self.loot.latest(MIXED_MAX + new.len());
        let threshold = usize::from(self.plan.f) + 1;
        for own in new {
            let is_own = |other: &&Share| other.0 == own.0;
            let others = || latest.iter().filter(|other| (other.0, other.1) != (own.0, own.1));
            let mut pool: Vec<Share> = others().filter(is_own).copied().collect();
            pool.extend(others().filter(|other| !is_own(other)));
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

#[cfg(test)]
mod tests {
    //! A share counts whenever it is found.
    use std::rc::Rc;

    use quorate_threshold::KeyShare;
    use quorate_types::Epoch;

    use super::Thief;
    use crate::epochs::Name;
    use crate::epochs::cabinet::share_in;
    use crate::epochs::host::EpochsHost;
    use crate::epochs::keys::Keys;
    use crate::epochs::year::field::Number;
    use crate::epochs::year::{Plan, scenario};

    #[test]
    fn a_share_that_is_found_late_is_put_together_with_those_of_its_epoch() {
        let plan = Plan::of(3);
        let host = EpochsHost::with_keys(&scenario(&plan), Keys::ideal());
        let disks = host.disks();
        let share_on = |files: &std::collections::BTreeMap<Name, Vec<u8>>| {
            files.get(&Name::Share(Epoch::ZERO)).map(|bytes| share_in(bytes).1)
        };
        let shares: Vec<KeyShare> =
            disks.borrow().iter().filter_map(|disk| share_on(&disk.files)).collect();
        let mut thief = Thief::new(&plan, &host, (Rc::default(), Box::new(|_| {})));
        thief.loot.put_share(Epoch::ZERO, &shares[0]);
        assert_eq!(thief.mix(), Ok(()));
        // Of the epochs behind it, others are known meanwhile.
        for epoch in 1..3 {
            thief.loot.put_value((Epoch::new(epoch), 1, Number::small(7 + epoch)));
            assert_eq!(thief.mix(), Ok(()));
        }
        thief.loot.put_share(Epoch::ZERO, &shares[1]);
        let found = thief.mix().expect_err("two shares of one sharing are known");
        assert!(found.detail.contains("make the system's key"), "{found:?}");
    }
}
