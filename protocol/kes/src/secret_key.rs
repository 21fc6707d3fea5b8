//! The secret half: the leaf of the period, and for each level what lies beside the path.
//!
//! Right of the path lie subtrees whose periods will come: their seeds are kept. Left of it lie
//! those whose periods are over: only their keys are kept (KES-2).

mod file;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use quorate_crypto::Signer;
use quorate_types::{Digest, PublicKey};

use crate::ahead::Ahead;
use crate::period::{Period, periods};
use crate::signature::{Signature, climb};
use crate::tree::{Seed, Tree, leaf_node};

/// The subtree beside the path at one height.
#[derive(Debug)]
enum Beside {
    /// Left: its periods are over.
    Over { key: Digest },
    /// Right: its periods will come.
    ToCome { key: Digest, seed: Seed, ahead: Ahead },
    /// Right, where a key was made short: nobody can sign there.
    Never,
}

/// Stands for a subtree that was never made: no two nodes are known that hash to it.
const NEVER: &Digest = &Digest::ZERO;

impl Beside {
    const fn key(&self) -> &Digest {
        match self {
            Self::Over { key } | Self::ToCome { key, .. } => key,
            Self::Never => NEVER,
        }
    }
}

/// A key that signs in one period after the other; erased when dropped.
#[derive(Debug)]
pub struct SecretKey<T, const DEPTH: usize> {
    tree: T,
    root: Digest,
    period: Period,
    leaf: Seed,
    /// The lowest first.
    beside: Vec<Beside>,
}

/// The last period of a key: there is no next one, and a new key has to be certified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exhausted;

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key has no further period: a new one has to be certified before the end")
    }
}

impl core::error::Error for Exhausted {}

impl<T: Tree, const DEPTH: usize> SecretKey<T, DEPTH> {
    /// The key of a seed, in its first period. Makes every leaf once.
    #[must_use]
    pub fn generate(tree: T, seed: Seed) -> Self {
        Self::generate_short(tree, seed, DEPTH)
    }

    /// A key that ends after `2^height` periods: the rest of its tree is never made. It is made in
    /// moments, and nobody who checks can tell it from another.
    ///
    /// # Panics
    /// If the height is 0 or above the depth: a leaf that was never made would be a weak key.
    #[must_use]
    pub fn generate_short(tree: T, seed: Seed, height: usize) -> Self {
        assert!((1..=DEPTH).contains(&height), "a key is short at an inner node of its tree");
        let mut made = Ahead::new(height);
        while !made.is_complete() {
            made.advance(&tree, &seed);
        }
        let (top, siblings) = made.finish();
        let (leaf, mut beside) = enter::<T>(seed, &siblings);
        beside.resize_with(DEPTH, || Beside::Never);
        let root = (height..DEPTH).fold(top, |node, _| T::join(&node, NEVER));
        let mut key = Self { tree, root, period: Period::FIRST, leaf, beside };
        key.build_ahead();
        key
    }

    /// What everybody checks with, in all periods.
    #[must_use]
    pub const fn root(&self) -> PublicKey {
        PublicKey::new(*self.root.as_bytes())
    }

    /// The period in which this key signs now.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }

    /// Periods that are left behind this one.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        let is_made = |beside: &&Beside| !matches!(beside, Beside::Never);
        periods(self.beside.iter().take_while(is_made).count()) - 1 - self.period.get()
    }

    /// Signs a digest that was made under a domain, in this period.
    #[must_use]
    pub fn sign(&self, digest: &Digest) -> Signature<DEPTH> {
        let leaf = self.tree.leaf(&self.leaf);
        let mut siblings = Box::new([Digest::ZERO; DEPTH]);
        for (sibling, beside) in siblings.iter_mut().zip(&self.beside) {
            *sibling = *beside.key();
        }
        Signature { by_leaf: leaf.sign(digest), leaf: leaf.public_key(), siblings }
    }

    /// Moves on to the next period and erases what signed in this one.
    ///
    /// The caller makes the new key durable and erases the old one on its disk before it signs
    /// (specification of the cryptography, pitfall 3).
    ///
    /// # Errors
    /// [`Exhausted`] in the last period; the key is unchanged.
    pub fn evolve(&mut self) -> Result<(), Exhausted> {
        let turn = self.period.turn();
        let left = climb::<T>(
            leaf_node(&self.tree.leaf(&self.leaf)),
            self.period,
            self.beside.iter().take(turn).map(Beside::key),
        );
        let Some(beside) = self.beside.get_mut(turn) else { return Err(Exhausted) };
        if matches!(beside, Beside::Never) {
            return Err(Exhausted);
        }
        let entered = core::mem::replace(beside, Beside::Over { key: left });
        let Beside::ToCome { key, seed, ahead } = entered else {
            unreachable!("the path turns where it went left")
        };
        let (root, siblings) = ahead.finish();
        assert_eq!(root, key, "KES-1: what was built ahead is what was promised");
        // KES-2: the seed of the subtree is split and dropped, and the leaf of this period with it.
        let (leaf, lower) = enter::<T>(seed, &siblings);
        self.leaf = leaf;
        self.beside.splice(..turn, lower).for_each(drop);
        self.period = self.period.next();
        self.build_ahead();
        Ok(())
    }

    /// One leaf for each subtree that will come: as many as it has are in when it is entered, since
    /// its left neighbour has as many periods (KES-3).
    fn build_ahead(&mut self) {
        for beside in &mut self.beside {
            if let Beside::ToCome { seed, ahead, .. } = beside {
                ahead.advance(&self.tree, seed);
            }
        }
    }
}

/// Goes down the leftmost path of a subtree: its first leaf, and what lies beside, lowest first.
fn enter<T: Tree>(seed: Seed, siblings: &[Digest]) -> (Seed, Vec<Beside>) {
    let mut beside = Vec::with_capacity(siblings.len());
    let mut path = seed;
    for (height, key) in siblings.iter().enumerate().rev() {
        let (left, right) = T::split(&path);
        beside.push(Beside::ToCome { key: *key, seed: right, ahead: Ahead::new(height) });
        path = left;
    }
    beside.reverse();
    (path, beside)
}

#[cfg(test)]
mod tests;
