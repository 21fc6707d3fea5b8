//! How often something may be done for whoever asks without having proved anything.
//!
//! Each source has a bucket, and all of them together have one. Known sources have their own
//! buckets and do not need the common one, so that strangers cannot use up what they need. A source
//! can be forged: then the bucket of who is named is used up, and no other.
//!
//! # Invariants
//! - NET-21: for one source at most `burst + rate * time` is allowed, for all that are not known
//!   together likewise, and no more than [`SOURCES_MAX`] of them are remembered.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::limits::SOURCES_MAX;

/// How much a bucket holds and how fast it fills.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// How often at once.
    pub burst: u32,
    /// How often per second after that.
    pub per_second: u32,
}

impl Rate {
    /// How long an empty bucket takes to be full.
    fn refill(self) -> Duration {
        Duration::from_secs(1) * self.burst / self.per_second.max(1)
    }

    /// What one use costs, in time.
    fn cost(self) -> Duration {
        Duration::from_secs(1) / self.per_second.max(1)
    }
}

/// When a bucket is full again; a moment that has passed is a full bucket.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    full_at: Instant,
}

impl Bucket {
    /// Whether one more use fits.
    fn has_room(self, rate: Rate, now: Instant) -> bool {
        let missing = self.full_at.saturating_duration_since(now);
        missing + rate.cost() <= rate.refill()
    }

    fn use_once(&mut self, rate: Rate, now: Instant) {
        self.full_at = self.full_at.max(now) + rate.cost();
    }
}

/// The buckets of all sources.
#[derive(Debug)]
pub struct Allowance {
    each: Rate,
    all: Rate,
    /// Of known sources.
    known: BTreeMap<IpAddr, Bucket>,
    /// Of others, while they are not full.
    others: HashMap<IpAddr, Bucket>,
    common: Bucket,
}

impl Allowance {
    /// Full buckets: `each` per source, `all` for those that are not `known` together.
    #[must_use]
    pub fn new(
        (each, all): (Rate, Rate),
        known: impl IntoIterator<Item = IpAddr>,
        now: Instant,
    ) -> Self {
        let full = Bucket { full_at: now };
        let known = known.into_iter().map(|source| (source, full)).collect();
        Self { each, all, known, others: HashMap::new(), common: full }
    }

    /// From now on these sources are known, and no others. What each has used up stays used up.
    pub fn know(&mut self, sources: impl IntoIterator<Item = IpAddr>, now: Instant) {
        let mut before = std::mem::take(&mut self.known);
        for source in sources {
            let used = before.remove(&source).or_else(|| self.others.remove(&source));
            self.known.insert(source, used.unwrap_or(Bucket { full_at: now }));
        }
        // NET-21: whoever is known no more goes on with its own bucket.
        for (source, bucket) in before {
            if !self.known.contains_key(&source) && self.remember(source, now) {
                self.others.insert(source, bucket);
            }
        }
    }

    /// Takes one use for a source, if there is one left.
    #[must_use]
    pub fn take(&mut self, source: IpAddr, now: Instant) -> bool {
        let each = self.each;
        if let Some(bucket) = self.known.get_mut(&source) {
            let is_allowed = bucket.has_room(each, now);
            if is_allowed {
                bucket.use_once(each, now);
            }
            return is_allowed;
        }
        if !self.common.has_room(self.all, now) || !self.remember(source, now) {
            return false;
        }
        let bucket = self.others.entry(source).or_insert(Bucket { full_at: now });
        let is_allowed = bucket.has_room(each, now);
        if is_allowed {
            bucket.use_once(each, now);
            self.common.use_once(self.all, now);
        }
        // NET-21: the table is never larger, whoever comes.
        assert!(self.others.len() <= SOURCES_MAX, "NET-21: more sources than are remembered");
        is_allowed
    }

    /// Is there a place for this source? Full buckets are like none.
    fn remember(&mut self, source: IpAddr, now: Instant) -> bool {
        if self.others.len() < SOURCES_MAX || self.others.contains_key(&source) {
            return true;
        }
        self.others.retain(|_, bucket| bucket.full_at > now);
        self.others.len() < SOURCES_MAX
    }
}

#[cfg(test)]
mod tests {
    //! Nobody gets more than its share, and strangers take nothing from those who are known.
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::{Duration, Instant};

    use super::{Allowance, Rate};
    use crate::limits::SOURCES_MAX;

    const EACH: Rate = Rate { burst: 4, per_second: 2 };
    const ALL: Rate = Rate { burst: 10, per_second: 5 };

    fn source(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(number))
    }

    fn takes(allowance: &mut Allowance, source: IpAddr, now: Instant) -> usize {
        (0..100).filter(|_| allowance.take(source, now)).count()
    }

    #[test]
    fn a_source_gets_its_burst_and_then_its_rate() {
        let now = Instant::now();
        let mut allowance = Allowance::new((EACH, ALL), [], now);
        assert_eq!(takes(&mut allowance, source(1), now), 4);
        assert_eq!(takes(&mut allowance, source(1), now + Duration::from_secs(1)), 2);
        assert_eq!(takes(&mut allowance, source(1), now + Duration::from_secs(60)), 4);
    }

    #[test]
    fn many_sources_share_what_there_is_for_all_and_leave_the_known_alone_net_21() {
        let now = Instant::now();
        let mut allowance = Allowance::new((EACH, ALL), [source(0)], now);
        let taken: usize =
            (1..1_000).map(|number| takes(&mut allowance, source(number), now)).sum();
        assert_eq!(taken, 10);
        assert_eq!(takes(&mut allowance, source(0), now), 4);
    }

    #[test]
    fn who_becomes_known_needs_the_common_one_no_more_and_gets_no_second_burst_net_21() {
        let now = Instant::now();
        let mut allowance = Allowance::new((EACH, ALL), [source(0)], now);
        assert_eq!(takes(&mut allowance, source(0), now), 4);
        assert_eq!(takes(&mut allowance, source(1), now), 4);
        let strangers: usize =
            (2..100).map(|number| takes(&mut allowance, source(number), now)).sum();
        assert_eq!(strangers, 6, "the common one is used up");
        allowance.know([source(1), source(200)], now);
        assert_eq!(takes(&mut allowance, source(200), now), 4, "it is known now");
        assert_eq!(takes(&mut allowance, source(1), now), 0, "it has used up its own");
        let later = now + Duration::from_secs(1);
        assert_eq!(takes(&mut allowance, source(1), later), 2);
        assert_eq!(takes(&mut allowance, source(0), later), 2, "known no more: with what it has");
    }

    #[test]
    fn the_table_of_sources_is_bounded_and_forgets_those_that_are_full_net_21() {
        let now = Instant::now();
        let plenty = Rate { burst: 1_000_000, per_second: 1_000_000 };
        let mut allowance = Allowance::new((EACH, plenty), [], now);
        let count = u32::try_from(2 * SOURCES_MAX).unwrap();
        let served = (0..count).filter(|number| allowance.take(source(*number), now)).count();
        assert_eq!(served, SOURCES_MAX);
        let later = now + Duration::from_secs(2);
        assert!(allowance.take(source(count), later));
        assert_eq!(allowance.others.len(), 1);
    }
}
