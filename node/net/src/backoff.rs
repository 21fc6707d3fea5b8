//! How long to wait before dialling again: doubling, bounded, spread by a seed that is given.
//!
//! # Invariants
//! - NET-6: every wait lies between half the current step and the whole of it.

use std::time::Duration;

use crate::hello::Link;
use crate::identity::PeerKey;

/// The waits of one dialled connection.
#[derive(Debug)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    step: Duration,
    state: u64,
}

impl Backoff {
    pub(crate) fn new(min: Duration, max: Duration, seed: u64) -> Self {
        let min = min.max(Duration::from_millis(1));
        Self { min, max: max.max(min), step: min, state: seed }
    }

    /// The connection lived: begin again with short waits.
    pub(crate) const fn reset(&mut self) {
        self.step = self.min;
    }

    /// The next wait.
    pub(crate) fn next(&mut self) -> Duration {
        let half_micros = u64::try_from(self.step.as_micros() / 2).unwrap_or(u64::MAX);
        let jitter = Duration::from_micros(self.random() % (half_micros + 1));
        let wait = self.step / 2 + jitter;
        assert!(
            wait >= self.step / 2 && wait <= self.step,
            "NET-6: a wait of {wait:?} in a step of {:?}",
            self.step
        );
        self.step = (self.step * 2).min(self.max);
        wait
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): spreads, and is no secret.
    const fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// A seed for one connection, different for every peer and link.
pub(crate) fn seed_for(seed: u64, peer: &PeerKey, link: Link) -> u64 {
    let mut seed = seed ^ u64::from(link == Link::Bulk);
    for chunk in peer.as_bytes().chunks_exact(8) {
        let chunk = chunk.try_into().map_or(0, u64::from_le_bytes);
        seed = seed.rotate_left(17) ^ chunk;
    }
    seed
}

#[cfg(test)]
mod tests {
    //! Waits double, stay bounded, and differ between peers.

    use std::time::Duration;

    use super::{Backoff, seed_for};
    use crate::hello::Link;
    use crate::identity::PeerKey;

    #[test]
    fn waits_double_up_to_the_bound_and_begin_again_after_a_reset() {
        // NET-6.
        let (min, max) = (Duration::from_millis(50), Duration::from_secs(2));
        let mut backoff = Backoff::new(min, max, 1);
        let mut step = min;
        for _ in 0..12 {
            let wait = backoff.next();
            assert!(wait >= step / 2 && wait <= step);
            step = (step * 2).min(max);
        }
        backoff.reset();
        assert!(backoff.next() <= min);
    }

    #[test]
    fn the_same_seed_gives_the_same_waits_and_another_peer_gives_others() {
        let waits = |peer: u8, link| {
            let seed = seed_for(5, &PeerKey::new([peer; 32]), link);
            let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(9), seed);
            [backoff.next(), backoff.next(), backoff.next()]
        };
        assert_eq!(waits(1, Link::Main), waits(1, Link::Main));
        assert_ne!(waits(1, Link::Main), waits(1, Link::Bulk));
        assert_ne!(waits(1, Link::Main), waits(2, Link::Main));
    }
}
