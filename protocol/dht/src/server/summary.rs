//! Digests of what the store holds, one per cell, brought up to date by listing what has changed.
//!
//! A digest is over the names of a cell in their order, with the stamps of public-key objects: two
//! servers with the same digest hold the same. Objects are not kept in memory, only whether a cell
//! has changed since it was listed. Every now and then all is listed anew, since an object may get
//! lost without a word.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use quorate_crypto::{Domain, Hasher};
use quorate_types::{Digest, NodeId};

use crate::cell::{Cell, cells, name_after};
use crate::limits::LISTED_NAMES_MAX;
use crate::message::Held;
use crate::object::ObjectKey;
use crate::ring::Ring;

/// A piece of the store to be listed: the lowest and the highest name.
pub(super) type Piece = (ObjectKey, ObjectKey);

#[derive(Debug)]
struct State {
    cell: Cell,
    digest: Digest,
    /// Something was stored or dropped in it since it was last listed.
    is_dirty: bool,
}

/// A walk over runs of cells that are dirty.
#[derive(Debug)]
struct Walk {
    /// The cells of this run that are not listed to their end.
    run: Range<usize>,
    /// What was listed of the first of them.
    hasher: Hasher,
}

/// What a server holds, in digests.
#[derive(Debug)]
pub(super) struct Summary {
    states: Vec<State>,
    /// The places of the cells that another server holds too.
    shared: BTreeMap<NodeId, Arc<[usize]>>,
    walk: Option<Walk>,
    is_complete: bool,
}

fn cell_hasher() -> Hasher {
    Hasher::new(Domain::HeldCell)
}

impl Summary {
    /// Knows nothing yet.
    pub(super) fn new(ring: &Ring, node: NodeId) -> Self {
        let digest = cell_hasher().finish();
        let cells = cells(ring, node);
        let mut shared: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
        for (place, cell) in cells.iter().enumerate() {
            for other in cell.others.iter() {
                shared.entry(*other).or_default().push(place);
            }
        }
        let shared = shared.into_iter().map(|(node, places)| (node, places.into())).collect();
        let states = cells.into_iter().map(|cell| State { cell, digest, is_dirty: true });
        Self { states: states.collect(), shared, walk: None, is_complete: false }
    }

    /// Has every cell been listed?
    pub(super) const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Has nothing changed since it was listed?
    pub(super) fn is_current(&self) -> bool {
        self.is_complete && self.walk.is_none() && !self.states.iter().any(|state| state.is_dirty)
    }

    pub(super) const fn is_walking(&self) -> bool {
        self.walk.is_some()
    }

    /// What is held under this name has changed.
    pub(super) fn touch(&mut self, key: &ObjectKey) {
        let index = self.states.partition_point(|state| state.cell.last < *key);
        if let Some(state) = self.states.get_mut(index).filter(|state| state.cell.holds(key)) {
            state.is_dirty = true;
        }
    }

    /// All may have changed.
    pub(super) fn touch_all(&mut self) {
        self.states.iter_mut().for_each(|state| state.is_dirty = true);
    }

    /// Begins to list what has changed; nothing if nothing has.
    pub(super) fn begin_walk(&mut self) -> Option<Piece> {
        self.begin_run(0)
    }

    /// Forgets the walk; what it has not listed is as dirty as before.
    pub(super) fn abandon_walk(&mut self) {
        if let Some(walk) = self.walk.take() {
            self.states[walk.run].iter_mut().for_each(|state| state.is_dirty = true);
        }
    }

    /// The next run of dirty cells from this one on. They count as listed from now: whatever
    /// changes while they are being listed makes them dirty again.
    fn begin_run(&mut self, from: usize) -> Option<Piece> {
        let is_dirty = |state: &State| state.is_dirty;
        let begin = from + self.states.get(from..)?.iter().position(is_dirty)?;
        let count = self.states[begin..].iter().take_while(|state| state.is_dirty).count();
        let run = begin..begin + count;
        self.states[run.clone()].iter_mut().for_each(|state| state.is_dirty = false);
        let piece = (self.states[begin].cell.first, self.states[run.end - 1].cell.last);
        self.walk = Some(Walk { run, hasher: cell_hasher() });
        Some(piece)
    }

    /// Takes a page of the listing, and says what to list next; nothing if the walk is over.
    pub(super) fn take_page(&mut self, held: &[Held]) -> Option<Piece> {
        let mut walk = self.walk.take()?;
        let last = self.states[walk.run.end - 1].cell.last;
        for one in held {
            while walk.run.len() > 1 && one.key > self.states[walk.run.start].cell.last {
                self.close(&mut walk);
            }
            // Between two arcs of this server there may be objects that are not its own.
            if self.states[walk.run.start].cell.holds(&one.key) {
                walk.hasher.update(&quorate_wire::encode(one));
            }
        }
        let next = held.get(LISTED_NAMES_MAX - 1).and_then(|one| name_after(one.key));
        if let Some(next) = next.filter(|next| *next <= last) {
            self.walk = Some(walk);
            return Some((next, last));
        }
        while !walk.run.is_empty() {
            self.close(&mut walk);
        }
        let more = self.begin_run(walk.run.end);
        self.is_complete |= more.is_none();
        more
    }

    fn close(&mut self, walk: &mut Walk) {
        self.states[walk.run.start].digest = walk.hasher.finish();
        walk.run.start += 1;
        walk.hasher = cell_hasher();
    }

    /// The servers that hold some cells too, and the places of these cells in their order.
    pub(super) const fn shared(&self) -> &BTreeMap<NodeId, Arc<[usize]>> {
        &self.shared
    }

    /// The places of the cells that another server holds too; none of a stranger.
    pub(super) fn shared_with(&self, node: NodeId) -> Arc<[usize]> {
        self.shared.get(&node).cloned().unwrap_or_default()
    }

    /// The digests of these cells, and the digest over them.
    pub(super) fn digests(&self, places: &[usize]) -> (Vec<Digest>, Digest) {
        let digests: Vec<Digest> = places.iter().map(|place| self.states[*place].digest).collect();
        let mut hasher = Hasher::new(Domain::HeldRoot);
        digests.iter().for_each(|digest| {
            hasher.update(digest.as_bytes());
        });
        let root = hasher.finish();
        (digests, root)
    }

    pub(super) fn cell(&self, place: usize) -> &Cell {
        &self.states[place].cell
    }

    pub(super) const fn cell_count(&self) -> usize {
        self.states.len()
    }

    /// The cell that ends with this name.
    pub(super) fn cell_that_ends(&self, last: &ObjectKey) -> Option<&Cell> {
        let place = self.states.binary_search_by(|state| state.cell.last.cmp(last)).ok()?;
        Some(&self.states[place].cell)
    }
}

#[cfg(test)]
mod tests;
