//! Checking a chunk against the root, and what is learned from it.
//!
//! Two passes over the items, neither recursive. Forwards, each place knows the keys between which
//! it stands: keys in search order and heap order, nothing cut off inside the range, nothing kept
//! outside that could be cut off. Backwards, each node finds the digests of its children on a
//! stack, up to the root.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use quorate_types::Digest;

use super::{Chunk, Gap, Item, Range};
use crate::Bytes;
use crate::node::{node_digest, priority, rank_order, root_digest, value_digest};

/// Why a chunk is not taken. It is data about a peer, not an error of ours.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rejected {
    /// It begins behind another key than the one asked for.
    WrongPosition,
    /// It belongs to another state, or to none.
    WrongRoot,
    /// Its items are not one tree.
    NotATree,
    /// Its keys are not in search order, or not in the order of their priorities.
    WrongOrder,
    /// Something is missing inside of its range.
    Incomplete,
    /// It holds more than its range needs.
    Excess,
    /// It holds no entry although more entries follow.
    NoProgress,
    /// The entries are more or fewer than the state has.
    WrongCount,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongPosition => "the chunk begins behind another key",
            Self::WrongRoot => "the chunk belongs to another state",
            Self::NotATree => "the chunk's items are not one tree",
            Self::WrongOrder => "the chunk's keys are in a wrong order",
            Self::Incomplete => "the chunk lacks something in its range",
            Self::Excess => "the chunk holds more than its range needs",
            Self::NoProgress => "the chunk is empty but not the last",
            Self::WrongCount => "the entries are more or fewer than the state has",
        })
    }
}

impl core::error::Error for Rejected {}

/// Consecutive entries of the state with a certain root. STA-6: only [`Chunk::verify`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedChunk {
    entries: Vec<(Bytes, Bytes)>,
    is_last: bool,
    entry_count: u64,
}

impl VerifiedChunk {
    /// The entries in ascending order of key.
    #[must_use]
    pub fn entries(&self) -> &[(Bytes, Bytes)] {
        &self.entries
    }

    /// The entries in ascending order of key.
    #[must_use]
    pub fn into_entries(self) -> Vec<(Bytes, Bytes)> {
        self.entries
    }

    /// Does the state have no entry behind these?
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.is_last
    }

    /// The key behind which the next chunk begins; nothing if this one is the last.
    #[must_use]
    pub fn next_from(&self) -> Option<&Bytes> {
        if self.is_last { None } else { self.entries.last().map(|(key, _)| key) }
    }

    /// Number of entries of the whole state.
    #[must_use]
    pub const fn entry_count(&self) -> u64 {
        self.entry_count
    }
}

impl Chunk {
    /// The entries that follow `from` in the state with this root.
    ///
    /// # Errors
    /// [`Rejected`] says why the chunk is not that.
    pub fn verify(self, root: Digest, from: Option<&[u8]>) -> Result<VerifiedChunk, Rejected> {
        if self.from.as_deref() != from {
            return Err(Rejected::WrongPosition);
        }
        // STA-6: the range, and whether more follows, are read off the items that the root binds.
        let range = Range { from, through: self.through() };
        let mut shape = Shape { pending: vec![Place::TOP], range, has_more: false };
        self.items.iter().try_for_each(|item| shape.take(item))?;
        let has_more = shape.has_more;
        let top = top_digest(&self.items).ok_or(Rejected::NotATree)?;
        if root_digest(self.entry_count, top) != root {
            return Err(Rejected::WrongRoot);
        }
        let entries = entries(self.items);
        if has_more && entries.is_empty() {
            return Err(Rejected::NoProgress);
        }
        Ok(VerifiedChunk { entries, is_last: !has_more, entry_count: self.entry_count })
    }

    /// The highest key of the chunk's entries; `from` if it has none.
    fn through(&self) -> Option<&[u8]> {
        self.items.iter().filter_map(Item::entry_key).max().or(self.from.as_deref())
    }
}

impl Item {
    pub(super) fn entry_key(&self) -> Option<&[u8]> {
        match self {
            Self::Entry { key, .. } => Some(key),
            Self::Absent | Self::Pruned(_) | Self::Outside { .. } => None,
        }
    }
}

/// Where the next subtree stands: between which keys, below which node.
#[derive(Clone, Copy)]
struct Place<'a> {
    gap: Gap<'a>,
    parent: Option<(u64, &'a [u8])>,
}

impl Place<'_> {
    const TOP: Self = Self { gap: Gap::ALL, parent: None };
}

/// The pass from the front.
struct Shape<'a> {
    /// The places still to be filled, the next one on top.
    pending: Vec<Place<'a>>,
    range: Range<'a>,
    /// Whether something stands above the range.
    has_more: bool,
}

impl<'a> Shape<'a> {
    fn take(&mut self, item: &'a Item) -> Result<(), Rejected> {
        let place = self.pending.pop().ok_or(Rejected::NotATree)?;
        match item {
            Item::Absent => Ok(()),
            Item::Pruned(_) if self.range.excludes(place.gap) => {
                self.has_more |= self.range.is_below_gap(place.gap);
                Ok(())
            }
            Item::Pruned(_) => Err(Rejected::Incomplete),
            Item::Outside { key, .. } if self.range.contains(key) => Err(Rejected::Incomplete),
            Item::Outside { key, .. } => {
                self.has_more |= self.range.is_above_from(key);
                self.enter(place, key)
            }
            Item::Entry { key, .. } if self.range.contains(key) => self.enter(place, key),
            Item::Entry { .. } => Err(Rejected::Excess),
        }
    }

    fn enter(&mut self, place: Place<'a>, key: &'a [u8]) -> Result<(), Rejected> {
        if self.range.excludes(place.gap) {
            return Err(Rejected::Excess);
        }
        let rank = (priority(key), key);
        let is_child = place.parent.is_none_or(|parent| rank_order(parent, rank).is_gt());
        if !place.gap.contains(key) || !is_child {
            return Err(Rejected::WrongOrder);
        }
        let parent = Some(rank);
        self.pending.push(Place { gap: place.gap.above(key), parent });
        self.pending.push(Place { gap: place.gap.below(key), parent });
        Ok(())
    }
}

/// The pass from the back: the digest of the tree whose preorder the items are; nothing if they
/// are no preorder of one tree.
pub(super) fn top_digest(items: &[Item]) -> Option<Digest> {
    let mut scratch = Vec::new();
    let mut done: Vec<Digest> = Vec::new();
    for item in items.iter().rev() {
        let (key, value) = match item {
            Item::Absent => {
                done.push(Digest::ZERO);
                continue;
            }
            Item::Pruned(digest) => {
                done.push(*digest);
                continue;
            }
            Item::Outside { key, value } => (key, *value),
            Item::Entry { key, value } => (key, value_digest(value)),
        };
        let children = [done.pop()?, done.pop()?];
        done.push(node_digest(key, value, children, &mut scratch));
    }
    let top = done.pop()?;
    done.is_empty().then_some(top)
}

fn entries(items: Vec<Item>) -> Vec<(Bytes, Bytes)> {
    let entry = |item| match item {
        Item::Entry { key, value } => Some((key, value)),
        Item::Absent | Item::Pruned(_) | Item::Outside { .. } => None,
    };
    let mut entries: Vec<_> = items.into_iter().filter_map(entry).collect();
    entries.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    entries
}
