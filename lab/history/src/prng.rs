//! The lab's small deterministic random numbers: one seed gives one run, on every machine.
//!
//! The generator is xoshiro256** (Blackman and Vigna 2021, "Scrambled linear pseudorandom number
//! generators"), its state filled by SplitMix64 (Steele, Lea and Flood 2014). It is not for keys.
//!
//! A run needs many streams, one per node and purpose, such that one more draw in one place shifts
//! no other place: only then does a seed stay useful when the code around it changes. So
//! [`Prng::fork`] depends on the seed and on the path of purposes, never on how many numbers were
//! drawn before.

#[cfg(test)]
mod tests;

/// The increment of SplitMix64: 2^64 divided by the golden ratio, odd.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// Separates the seed of a fork from the numbers its parent draws.
const FORK_DOMAIN: u64 = 0x666f_726b_2d70_726e;

/// The chance of certainty in [`Prng::chance`].
const PER_MILLE_MAX: u64 = 1_000;

/// A deterministic stream of random numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prng {
    /// What the stream was made from; forks derive from it, draws leave it alone.
    seed: u64,
    state: [u64; 4],
}

impl Prng {
    /// The stream of this seed. Every seed is good, zero too.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let mut source = seed;
        let state = std::array::from_fn(|_| split_mix(&mut source));
        Self { seed, state }
    }

    /// An independent stream named `purpose`.
    ///
    /// The same seed, path of forks and purpose give the same stream, whatever was drawn: fork
    /// twice for the same purpose and both copies draw the same numbers. Number what there is
    /// several of: `fork("node/3")`.
    #[must_use]
    pub fn fork(&self, purpose: &str) -> Self {
        let absorb = |seed: u64, byte: u8| split_mix(&mut (seed ^ u64::from(byte)));
        let named = purpose.bytes().fold(mix(self.seed ^ FORK_DOMAIN), absorb);
        Self::from_seed(mix(named ^ FORK_DOMAIN))
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let result = self.state[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = self.state[1] << 17;
        self.state[2] ^= self.state[0];
        self.state[3] ^= self.state[1];
        self.state[1] ^= self.state[2];
        self.state[0] ^= self.state[3];
        self.state[2] ^= shifted;
        self.state[3] = self.state[3].rotate_left(45);
        result
    }

    /// A number in `0..bound`, every one equally likely (Lemire 2019: multiply, reject the bias).
    ///
    /// # Panics
    /// If `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "no number is below zero");
        let biased_below = bound.wrapping_neg() % bound;
        loop {
            let (low, high) = self.next_u64().carrying_mul(bound, 0);
            if low >= biased_below {
                return high;
            }
        }
    }

    /// An index into something of `length` items.
    ///
    /// # Panics
    /// If `length` is zero.
    pub fn index(&mut self, length: usize) -> usize {
        let bound = u64::try_from(length).expect("a length fits 64 bits");
        usize::try_from(self.below(bound)).expect("a number below a length is a length")
    }

    /// True in `per_mille` of 1,000 cases: never at 0, always from 1,000 on.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(PER_MILLE_MAX) < per_mille
    }

    /// Puts `items` into random order, every order equally likely (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            let chosen = self.index(end + 1);
            items.swap(end, chosen);
        }
    }
}

/// One step of SplitMix64.
fn split_mix(source: &mut u64) -> u64 {
    *source = source.wrapping_add(GOLDEN_GAMMA);
    mix(*source)
}

/// The finalizer of SplitMix64: a bijection in which each input bit reaches every output bit.
fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
