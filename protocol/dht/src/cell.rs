//! Cells: the pieces of the space of names in which servers compare what they hold.
//!
//! A cell is one kind of object, one first byte of the id, and one arc of the ring between two
//! servers that follow each other. So all objects of a cell have one group, and two members of it
//! should hold the same there. The cells of a ring follow from the ring alone: whoever compares
//! has the same ones in the same order.

use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_types::{NodeId, ObjectId};

use crate::object::ObjectKey;
use crate::ring::Ring;

/// The kinds in the order of names.
const KINDS: [fn(ObjectId) -> ObjectKey; 3] =
    [ObjectKey::Chunk, ObjectKey::Manifest, ObjectKey::Register];

/// A piece of the space of names that one group holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cell {
    /// The lowest name.
    pub(crate) first: ObjectKey,
    /// The highest name.
    pub(crate) last: ObjectKey,
    /// The members of the group but the one that made the list.
    pub(crate) others: Arc<[NodeId]>,
}

impl Cell {
    /// Does another member hold the cell too?
    pub(crate) fn is_shared_with(&self, node: NodeId) -> bool {
        self.others.contains(&node)
    }

    /// Is the name in the cell?
    pub(crate) fn holds(&self, key: &ObjectKey) -> bool {
        self.first <= *key && *key <= self.last
    }
}

/// The cells that a server holds, in the order of their names.
pub(crate) fn cells(ring: &Ring, node: NodeId) -> Vec<Cell> {
    let arcs = arcs(ring, node);
    let of_kind = |kind: fn(ObjectId) -> ObjectKey| {
        let cell = move |(first, last, others): &(ObjectId, ObjectId, Arc<[NodeId]>)| Cell {
            first: kind(*first),
            last: kind(*last),
            others: Arc::clone(others),
        };
        arcs.iter().map(cell).collect::<Vec<_>>()
    };
    KINDS.into_iter().flat_map(of_kind).collect()
}

/// The pieces of the ring that a server holds: first and last id, and the other members.
fn arcs(ring: &Ring, node: NodeId) -> Vec<(ObjectId, ObjectId, Arc<[NodeId]>)> {
    let of_byte = (0..=u8::MAX).map(|byte| {
        let mut end = [u8::MAX; 32];
        end[0] = byte;
        end
    });
    let mut ends: Vec<[u8; 32]> = of_byte.collect();
    ends.extend(ring.servers().iter().map(|server| *server.as_bytes()));
    ends.sort_unstable();
    ends.dedup();

    let mut arcs = Vec::new();
    let mut first = Some([0; 32]);
    for end in ends {
        let begin = first.expect("only the last end has no successor");
        first = successor(end);
        let group = ring.group(ObjectId::new(end));
        if group.place_of(node).is_some() {
            let others = group.members().iter().copied().filter(|member| *member != node);
            arcs.push((ObjectId::new(begin), ObjectId::new(end), others.collect()));
        }
    }
    arcs
}

fn successor(mut bytes: [u8; 32]) -> Option<[u8; 32]> {
    for byte in bytes.iter_mut().rev() {
        let (next, is_carried) = byte.overflowing_add(1);
        *byte = next;
        if !is_carried {
            return Some(bytes);
        }
    }
    None
}

/// The lowest name above this one; nothing above the highest.
pub(crate) fn name_after(key: ObjectKey) -> Option<ObjectKey> {
    let next = successor(*key.id().as_bytes()).map(ObjectId::new);
    let zero = ObjectId::new([0; 32]);
    match (key, next) {
        (ObjectKey::Chunk(_), Some(id)) => Some(ObjectKey::Chunk(id)),
        (ObjectKey::Chunk(_), None) => Some(ObjectKey::Manifest(zero)),
        (ObjectKey::Manifest(_), Some(id)) => Some(ObjectKey::Manifest(id)),
        (ObjectKey::Manifest(_), None) => Some(ObjectKey::Register(zero)),
        (ObjectKey::Register(_), Some(id)) => Some(ObjectKey::Register(id)),
        (ObjectKey::Register(_), None) => None,
    }
}

#[cfg(test)]
mod tests;
