//! Building a manifest from the ids of chunks as they come, without holding the file.

use alloc::vec;
use alloc::vec::Vec;
use core::mem::take;

use quorate_types::ObjectId;

use super::{Head, ManifestError, ManifestNode, Node, Shape};
use crate::limits::FILE_BYTES_MAX;

/// Collects the chunks of one file in order. Holds at most one node of each level.
#[derive(Debug)]
pub struct ManifestBuilder {
    shape: Shape,
    /// `pending[i]`: children that a node of level `i + 1` will get, with the bytes below each.
    pending: Vec<Vec<(ObjectId, u64)>>,
    length: u64,
}

impl Default for ManifestBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl ManifestBuilder {
    /// The manifest of an empty file.
    #[must_use]
    pub fn new() -> Self {
        Self::of_shape(Shape::FORMAT)
    }

    pub(super) fn of_shape(shape: Shape) -> Self {
        Self { shape, pending: vec![Vec::new()], length: 0 }
    }

    /// Bytes of the file so far.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Appends a chunk of so many bytes; returns the inner nodes that became complete.
    ///
    /// # Errors
    /// [`ManifestError::ChunkLength`] and [`ManifestError::TooLong`].
    pub fn push(
        &mut self,
        chunk: ObjectId,
        bytes: usize,
    ) -> Result<Vec<ManifestNode>, ManifestError> {
        let follows_full_chunks = self.length.is_multiple_of(self.shape.chunk_bytes);
        if bytes == 0 || bytes as u64 > self.shape.chunk_bytes || !follows_full_chunks {
            return Err(ManifestError::ChunkLength(bytes));
        }
        if self.length + bytes as u64 > FILE_BYTES_MAX {
            return Err(ManifestError::TooLong);
        }
        let mut nodes = Vec::new();
        self.place(0, (chunk, bytes as u64), &mut nodes);
        self.length += bytes as u64;
        Ok(nodes)
    }

    /// The remaining nodes, the root last. `file_hash` is the plain BLAKE3 of the whole file.
    #[must_use]
    pub fn finish(mut self, file_hash: [u8; 32]) -> Vec<ManifestNode> {
        let mut nodes = Vec::new();
        let mut index = 0;
        while index + 1 < self.pending.len() {
            self.close(index, &mut nodes);
            index += 1;
        }
        let children: Vec<_> = self.pending[index].iter().map(|(id, _)| *id).collect();
        let level = self.shape.root_level(self.length);
        assert!(
            children.len() as u64 == self.shape.child_count(level, self.length),
            "DHT-8: a root with another number of children than its length gives it"
        );
        let head = Head::Root { length: self.length, file_hash };
        nodes.push(ManifestNode::new(&Node { head, children }));
        nodes
    }

    /// Gives a child to the open node of a level; closes a full one first, never earlier, since
    /// a node that holds all is the root.
    fn place(&mut self, index: usize, child: (ObjectId, u64), nodes: &mut Vec<ManifestNode>) {
        if self.pending[index].len() as u64 == self.shape.fanout {
            self.close(index, nodes);
        }
        self.pending[index].push(child);
    }

    fn close(&mut self, index: usize, nodes: &mut Vec<ManifestNode>) {
        let level = u8::try_from(index + 1).expect("the length bounds the levels");
        let below = take(&mut self.pending[index]);
        let length = below.iter().map(|(_, bytes)| bytes).sum();
        let children = below.into_iter().map(|(id, _)| id).collect();
        let node = ManifestNode::new(&Node { head: Head::Inner { level, length }, children });
        if index + 1 == self.pending.len() {
            self.pending.push(Vec::new());
        }
        self.place(index + 1, (node.id, length), nodes);
        nodes.push(node);
    }
}
