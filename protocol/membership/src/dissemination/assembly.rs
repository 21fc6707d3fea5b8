//! Deltas on their way: pieces from several servers, and room for a few liars.
//!
//! Invariants: MEM-65.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_types::{Digest, NodeId};

use crate::dissemination::chunk::{Chunk, EncodedDelta};
use crate::limits::ASSEMBLIES_MAX;

/// The pieces of one delta that have come.
#[derive(Clone, Debug)]
struct Assembly {
    root: Digest,
    begun_by: NodeId,
    senders: BTreeSet<NodeId>,
    chunks: Vec<Option<Arc<Chunk>>>,
}

/// What became of a piece.
#[derive(Debug)]
pub(super) enum Collected {
    /// It was not there yet, and others are missing.
    Kept,
    /// It was there already.
    Known,
    /// There is no room for what its sender began.
    NoRoom,
    /// It was the last.
    Complete {
        /// All pieces.
        delta: EncodedDelta,
        /// Who sent some of them.
        senders: BTreeSet<NodeId>,
    },
}

/// All deltas to the next epoch that somebody has begun to send.
#[derive(Clone, Debug, Default)]
pub(super) struct Assemblies(Vec<Assembly>);

impl Assemblies {
    /// MEM-65: takes a piece at its place. Whoever begins a delta beside those of others does it
    /// once; when there is no room, only who was asked gets it, from the shortest of them.
    pub(super) fn collect(
        &mut self,
        (from, is_asked): (NodeId, bool),
        chunk: Arc<Chunk>,
        (index, count): (usize, usize),
    ) -> Collected {
        let Some(at) = self.find_or_begin((from, is_asked), chunk.root, count) else {
            return Collected::NoRoom;
        };
        let assembly = &mut self.0[at];
        let Some(slot) = assembly.chunks.get_mut(index) else { return Collected::NoRoom };
        if slot.is_some() {
            return Collected::Known;
        }

        *slot = Some(chunk);
        assembly.senders.insert(from);
        let Some(chunks) = assembly.chunks.iter().cloned().collect::<Option<Vec<_>>>() else {
            return Collected::Kept;
        };
        let Assembly { senders, .. } = self.0.swap_remove(at);
        Collected::Complete { delta: EncodedDelta::joined(chunks), senders }
    }

    fn find_or_begin(
        &mut self,
        (from, is_asked): (NodeId, bool),
        root: Digest,
        count: usize,
    ) -> Option<usize> {
        if let Some(at) = self.0.iter().position(|assembly| assembly.root == root) {
            return Some(at);
        }
        if let Some(at) = self.0.iter().position(|assembly| assembly.begun_by == from) {
            if !is_asked {
                return None;
            }
            self.0.swap_remove(at);
        }
        if self.0.len() >= ASSEMBLIES_MAX {
            if !is_asked {
                return None;
            }
            let shortest = (0..self.0.len()).min_by_key(|at| self.0[*at].held_count())?;
            self.0.swap_remove(shortest);
        }
        let chunks = alloc::vec![None; count];
        self.0.push(Assembly { root, begun_by: from, senders: BTreeSet::new(), chunks });
        Some(self.0.len() - 1)
    }

    /// What is missing of the delta of which most has come, and who sent some of it.
    pub(super) fn missing(&self) -> Option<(Vec<u16>, &BTreeSet<NodeId>)> {
        let longest = self.0.iter().max_by_key(|assembly| assembly.held_count())?;
        let missing = (0_u16..).zip(&longest.chunks).filter(|(_, chunk)| chunk.is_none());
        Some((missing.map(|(index, _)| index).collect(), &longest.senders))
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes that are held.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let chunks = self.0.iter().flat_map(|assembly| assembly.chunks.iter().flatten());
        chunks.map(|chunk| chunk.bytes.len()).sum()
    }
}

impl Assembly {
    fn held_count(&self) -> usize {
        self.chunks.iter().flatten().count()
    }
}
