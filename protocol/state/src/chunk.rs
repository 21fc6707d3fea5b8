//! Consecutive entries that a receiver checks against the root by themselves.
//!
//! A chunk is the tree with everything cut off that has nothing to do with its range: in preorder,
//! the nodes of the range as whole entries, the nodes on its boundary with the digests of their
//! values, and a digest for each subtree that lies entirely outside. The range begins behind the
//! key `from` and ends with the last entry of the chunk; both ends follow from the content, so a
//! chunk cannot claim another place than its own.

mod verify;

pub use verify::{Rejected, VerifiedChunk};

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Bound;

use quorate_types::Digest;
use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};

use crate::limits::{CHUNK_ENTRIES_MAX, CHUNK_ITEMS, KEY, VALUE};
use crate::node::{Link, digest_of};
use crate::tree::Tree;
use crate::{Bytes, Entries};

/// Bytes that an entry takes in a chunk beside its key and value: its tag, two lengths, and on
/// average one empty place.
const ENTRY_OVERHEAD_BYTES: usize = 10;

/// One place of the pruned tree.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Item {
    /// No node.
    Absent,
    /// A subtree outside of the range.
    Pruned(Digest),
    /// A node outside of the range, on the way to it.
    Outside {
        /// Its key.
        key: Bytes,
        /// Digest of its value.
        value: Digest,
    },
    /// A node in the range.
    Entry {
        /// Its key.
        key: Bytes,
        /// Its value.
        value: Bytes,
    },
}

/// The keys of a chunk: above `from`, up to and with `through`.
#[derive(Clone, Copy)]
struct Range<'a> {
    from: Option<&'a [u8]>,
    through: Option<&'a [u8]>,
}

impl Range<'_> {
    fn is_above_from(&self, key: &[u8]) -> bool {
        self.from.is_none_or(|from| key > from)
    }

    fn is_above_through(&self, key: &[u8]) -> bool {
        self.through.is_some_and(|through| key > through)
    }

    fn contains(&self, key: &[u8]) -> bool {
        self.is_above_from(key) && !self.is_above_through(key)
    }

    /// Are all keys strictly between the bounds above the range?
    fn is_below_gap(&self, gap: Gap<'_>) -> bool {
        matches!((gap.low, self.through), (Some(low), Some(through)) if low >= through)
    }

    /// Are all keys strictly between the bounds outside of the range?
    fn excludes(&self, gap: Gap<'_>) -> bool {
        let is_above_gap =
            matches!((gap.high, self.from), (Some(high), Some(from)) if high <= from);
        is_above_gap || self.is_below_gap(gap)
    }
}

/// The keys strictly between two bounds: where a subtree stands.
#[derive(Clone, Copy)]
struct Gap<'a> {
    low: Option<&'a [u8]>,
    high: Option<&'a [u8]>,
}

impl<'a> Gap<'a> {
    const ALL: Self = Self { low: None, high: None };

    fn contains(&self, key: &[u8]) -> bool {
        self.low.is_none_or(|low| low < key) && self.high.is_none_or(|high| key < high)
    }

    const fn below(self, key: &'a [u8]) -> Self {
        Self { low: self.low, high: Some(key) }
    }

    const fn above(self, key: &'a [u8]) -> Self {
        Self { low: Some(key), high: self.high }
    }
}

/// Consecutive entries of a state with their proof.
#[derive(Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The key behind which the chunk begins.
    from: Option<Bytes>,
    /// Entries of the whole state.
    entry_count: u64,
    /// The pruned tree in preorder.
    items: Vec<Item>,
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chunk of {} items behind {:?}", self.items.len(), self.from)
    }
}

impl Chunk {
    /// The entries of a tree, whose digests are known, that follow `from`.
    pub(crate) fn new(tree: &Tree, from: Option<&[u8]>, bytes_max: usize) -> Self {
        let through = last_key(tree, from, bytes_max);
        let range = Range { from, through };
        let mut items = vec![];
        let mut pending = vec![(&tree.top, Gap::ALL)];
        while let Some((link, gap)) = pending.pop() {
            items.push(item(link, gap, range));
            if let (Some(node), false) = (link.as_deref(), range.excludes(gap)) {
                pending.push((&node.right, gap.above(&node.key)));
                pending.push((&node.left, gap.below(&node.key)));
            }
        }
        Self { from: from.map(Into::into), entry_count: tree.entry_count as u64, items }
    }

    /// The key behind which the chunk says to begin.
    #[must_use]
    pub fn from(&self) -> Option<&[u8]> {
        self.from.as_deref()
    }
}

/// The last key of a chunk; `from` if nothing follows.
fn last_key<'a>(tree: &'a Tree, from: Option<&'a [u8]>, bytes_max: usize) -> Option<&'a [u8]> {
    let mut last = from;
    let mut bytes: usize = 0;
    let entries = Entries::new(&tree.top, from.map_or(Bound::Unbounded, Bound::Excluded));
    for (index, (key, value)) in entries.take(CHUNK_ENTRIES_MAX).enumerate() {
        bytes += key.len() + value.len() + ENTRY_OVERHEAD_BYTES;
        if index > 0 && bytes > bytes_max {
            break;
        }
        last = Some(key);
    }
    last
}

fn item(link: &Link, gap: Gap<'_>, range: Range<'_>) -> Item {
    let Some(node) = link else { return Item::Absent };
    if range.excludes(gap) {
        return Item::Pruned(digest_of(link));
    }
    let key = Bytes::from(&*node.key);
    if range.contains(&key) {
        return Item::Entry { key, value: Bytes::clone(&node.value) };
    }
    let value = node.value_digest.expect("STA-2: chunks are made after the root was computed");
    Item::Outside { key, value }
}

const ABSENT: u8 = 0;
const PRUNED: u8 = 1;
const OUTSIDE: u8 = 2;
const ENTRY: u8 = 3;

impl Encode for Item {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Absent => writer.tag(ABSENT),
            Self::Pruned(digest) => {
                writer.tag(PRUNED);
                digest.encode(writer);
            }
            Self::Outside { key, value } => {
                writer.tag(OUTSIDE);
                writer.bytes(key);
                value.encode(writer);
            }
            Self::Entry { key, value } => {
                writer.tag(ENTRY);
                writer.bytes(key);
                writer.bytes(value);
            }
        }
    }
}

impl Decode for Item {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.tag()? {
            ABSENT => Self::Absent,
            PRUNED => match Decode::decode(reader)? {
                Digest::ZERO => return Err(DecodeError::NotCanonical { of: "state chunk item" }),
                digest => Self::Pruned(digest),
            },
            OUTSIDE => {
                Self::Outside { key: reader.bytes(KEY)?.into(), value: Decode::decode(reader)? }
            }
            ENTRY => {
                Self::Entry { key: reader.bytes(KEY)?.into(), value: reader.bytes(VALUE)?.into() }
            }
            tag => return Err(DecodeError::UnknownTag { of: "state chunk item", tag }),
        })
    }
}

impl Encode for Chunk {
    fn encode(&self, writer: &mut Writer) {
        self.from.is_some().encode(writer);
        if let Some(from) = &self.from {
            writer.bytes(from);
        }
        self.entry_count.encode(writer);
        writer.sequence(&self.items);
    }
}

impl Decode for Chunk {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let has_from = bool::decode(reader)?;
        let from = has_from.then(|| reader.bytes(KEY)).transpose()?;
        Ok(Self {
            from: from.map(Into::into),
            entry_count: Decode::decode(reader)?,
            items: reader.sequence(CHUNK_ITEMS)?,
        })
    }
}

#[cfg(test)]
mod tests;
