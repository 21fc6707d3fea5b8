//! Building a map from chunks of peers that are not trusted.

use core::fmt;

use quorate_types::Digest;

use crate::{Bytes, Chunk, Map, Rejected};

/// A map on its way from peers: takes chunks in key order, each of which may come from another
/// peer, and refuses what is not the state that was asked for.
pub struct Restore {
    root: Digest,
    /// The highest key so far.
    from: Option<Bytes>,
    entry_count: Option<u64>,
    is_complete: bool,
    map: Map,
}

impl fmt::Debug for Restore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "restore of {:?}, {} entries so far", self.root, self.map.len())
    }
}

impl Restore {
    /// Nothing yet of the state with this root.
    #[must_use]
    pub fn new(root: Digest) -> Self {
        Self { root, from: None, entry_count: None, is_complete: false, map: Map::new() }
    }

    /// The root of the state that is being restored.
    #[must_use]
    pub const fn root(&self) -> Digest {
        self.root
    }

    /// The key behind which the next chunk begins; nothing at the start.
    #[must_use]
    pub fn from(&self) -> Option<&[u8]> {
        self.from.as_deref()
    }

    /// Entries taken so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Has no entry been taken yet?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Entries of the whole state, once a chunk has been taken.
    #[must_use]
    pub const fn entry_count(&self) -> Option<u64> {
        self.entry_count
    }

    /// Are all entries here?
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Takes the next chunk. Returns whether the state is complete now.
    ///
    /// # Errors
    /// [`Rejected`] if the chunk is not the next one of this state: nothing has changed, and
    /// another peer can be asked for the same.
    pub fn take(&mut self, chunk: Chunk) -> Result<bool, Rejected> {
        if self.is_complete {
            return Err(Rejected::WrongPosition);
        }
        let chunk = chunk.verify(self.root, self.from())?;
        let total = self.map.len() as u64 + chunk.entries().len() as u64;
        let entry_count = chunk.entry_count();
        if total > entry_count || chunk.is_last() != (total == entry_count) {
            return Err(Rejected::WrongCount);
        }
        self.entry_count = Some(entry_count);
        self.is_complete = chunk.is_last();
        for (key, value) in chunk.into_entries() {
            assert!(self.from.as_ref().is_none_or(|from| *from < key), "STA-7: upwards");
            self.map.insert_shared(&key, value);
            self.from = Some(key);
        }
        Ok(self.is_complete)
    }

    /// The map, or the restoration as it is if entries are missing.
    ///
    /// # Errors
    /// The restoration itself.
    pub fn finish(mut self) -> Result<Map, Self> {
        if !self.is_complete {
            return Err(self);
        }
        assert_eq!(self.map.root(), self.root, "STA-7: verified chunks give the root");
        Ok(self.map)
    }
}

#[cfg(test)]
mod tests;
