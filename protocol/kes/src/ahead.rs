//! The public half of a subtree, built leaf by leaf before its first period comes.
//!
//! Merkle's tree hash: the roots of complete subtrees wait until their right neighbour is complete.
//! What has to be known when the subtree is entered are the siblings of its leftmost path.

use alloc::vec::Vec;

use quorate_types::Digest;
use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};

use crate::tree::{Seed, Tree, leaf_node, leaf_seed};

/// What is known so far of a subtree.
#[derive(Debug)]
pub(crate) struct Ahead {
    height: usize,
    leaves: u32,
    /// Roots of complete subtrees without a right neighbour, the highest first.
    waiting: Vec<Digest>,
    /// Siblings of the leftmost path, the lowest first.
    siblings: Vec<Digest>,
}

impl Ahead {
    /// Nothing is known of a subtree of this height.
    pub(crate) const fn new(height: usize) -> Self {
        Self { height, leaves: 0, waiting: Vec::new(), siblings: Vec::new() }
    }

    /// Are all leaves in?
    pub(crate) const fn is_complete(&self) -> bool {
        self.leaves == 1 << self.height
    }

    /// Takes in the next leaf of the subtree that follows from the seed, if there is one.
    pub(crate) fn advance<T: Tree>(&mut self, tree: &T, seed: &Seed) {
        if self.is_complete() {
            return;
        }
        let leaf = tree.leaf(&leaf_seed::<T>(seed, self.height, self.leaves));
        self.take::<T>(leaf_node(&leaf));
    }

    /// Most bytes that [`Ahead::write`] writes.
    pub(crate) const fn bytes_max(height: usize) -> usize {
        (2 * height + 1) * Digest::BYTES
    }

    /// Writes the nodes: their number follows from that of the leaves.
    pub(crate) fn write(&self, writer: &mut Writer) {
        self.waiting.iter().chain(&self.siblings).for_each(|node| node.encode(writer));
    }

    /// What is known of a subtree of this height when this many leaves are in, at least one.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes end before.
    pub(crate) fn read(
        (height, leaves): (usize, u32),
        reader: &mut Reader<'_>,
    ) -> Result<Self, DecodeError> {
        let mut nodes = |count: u32| (0..count).map(|_| Decode::decode(reader)).collect();
        let waiting: Result<_, _> = nodes(leaves.count_ones());
        let siblings: Result<_, _> = nodes(leaves.ilog2());
        Ok(Self { height, leaves, waiting: waiting?, siblings: siblings? })
    }

    fn take<T: Tree>(&mut self, leaf: Digest) {
        let (mut node, mut position) = (leaf, self.leaves);
        while position % 2 == 1 {
            if position == 1 {
                self.siblings.push(node);
            }
            let left = self.waiting.pop().expect("the left neighbour of a right node waits");
            node = T::join(&left, &node);
            position /= 2;
        }
        self.waiting.push(node);
        self.leaves += 1;
    }

    /// The root, and the siblings of the leftmost path, the lowest first.
    ///
    /// # Panics
    /// If leaves are missing (KES-3: a subtree is complete when its first period comes).
    pub(crate) fn finish(mut self) -> (Digest, Vec<Digest>) {
        assert!(self.is_complete(), "KES-3: a subtree is complete when it is entered");
        let root = self.waiting.pop().expect("a complete subtree has a root");
        (root, self.siblings)
    }
}
