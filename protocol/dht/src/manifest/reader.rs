//! Following a manifest from its root, node by node, with at most one node of each level in
//! memory.

use alloc::vec;
use alloc::vec::Vec;

use quorate_types::ObjectId;

use super::{Head, ManifestError, Node, Shape};
use crate::limits::FILE_BYTES_MAX;
use crate::object::ObjectKey;

/// A chunk in its place in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChunkPlace {
    /// The chunk.
    pub id: ObjectId,
    /// Bytes of the file before it.
    pub offset: u64,
    /// Bytes that it must have.
    pub bytes: usize,
}

/// What a reader needs next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// The manifest node with this id: fetch it and call [`ManifestReader::supply`].
    Node(ObjectKey),
    /// This chunk comes next in the file.
    Chunk(ChunkPlace),
    /// The file ends here.
    End,
}

/// A node that is being followed.
#[derive(Debug)]
struct Open {
    level: u8,
    /// Bytes below the node that were not handed out.
    remaining: u64,
    children: vec::IntoIter<ObjectId>,
}

/// Follows the manifest of one file.
#[derive(Debug)]
pub struct ManifestReader {
    shape: Shape,
    length: u64,
    file_hash: [u8; 32],
    offset: u64,
    path: Vec<Open>,
    /// The node that was asked for: id, level, bytes below it.
    wanted: Option<(ObjectId, u8, u64)>,
}

impl ManifestReader {
    /// Opens the file with this id, of which these are the bytes of the root.
    ///
    /// # Errors
    /// [`ManifestError`] if they are not its root.
    pub fn open(id: ObjectId, root: &[u8]) -> Result<Self, ManifestError> {
        Self::of_shape(Shape::FORMAT, id, root)
    }

    pub(super) fn of_shape(shape: Shape, id: ObjectId, root: &[u8]) -> Result<Self, ManifestError> {
        let node = Node::read(id, root)?;
        let Head::Root { length, file_hash } = node.head else {
            return Err(ManifestError::Shape);
        };
        if length > FILE_BYTES_MAX {
            return Err(ManifestError::TooLong);
        }
        let level = shape.root_level(length);
        if !node.has_children(shape.child_count(level, length)) {
            return Err(ManifestError::Shape);
        }
        let path = vec![Open { level, remaining: length, children: node.children.into_iter() }];
        Ok(Self { shape, length, file_hash, offset: 0, path, wanted: None })
    }

    /// Bytes of the file.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The plain BLAKE3 of the whole file, as its writer computed it: to be compared at the end.
    #[must_use]
    pub const fn file_hash(&self) -> &[u8; 32] {
        &self.file_hash
    }

    /// What is needed next. Asks for the same node until it is supplied.
    #[must_use = "a chunk is handed out once"]
    pub fn advance(&mut self) -> Wanted {
        if let Some((id, ..)) = self.wanted {
            return Wanted::Node(ObjectKey::Manifest(id));
        }
        while let Some(open) = self.path.last_mut() {
            let Some(id) = open.children.next() else {
                self.path.pop();
                continue;
            };
            let below = open.remaining.min(self.shape.child_bytes(open.level));
            open.remaining -= below;
            if open.level > 1 {
                self.wanted = Some((id, open.level - 1, below));
                return Wanted::Node(ObjectKey::Manifest(id));
            }
            let bytes = usize::try_from(below).expect("a chunk fits memory");
            let place = ChunkPlace { id, offset: self.offset, bytes };
            self.offset += below;
            return Wanted::Chunk(place);
        }
        assert!(self.offset == self.length, "DHT-8: the chunks do not add up to the length");
        Wanted::End
    }

    /// Takes the node that was asked for.
    ///
    /// # Errors
    /// [`ManifestError`] if these are not its bytes; it is wanted as before.
    pub fn supply(&mut self, bytes: &[u8]) -> Result<(), ManifestError> {
        let (id, level, length) = self.wanted.ok_or(ManifestError::NotWanted)?;
        let node = Node::read(id, bytes)?;
        let is_in_place = node.head == Head::Inner { level, length };
        if !is_in_place || !node.has_children(self.shape.child_count(level, length)) {
            return Err(ManifestError::Shape);
        }
        self.wanted = None;
        let children = node.children.into_iter();
        self.path.push(Open { level, remaining: length, children });
        Ok(())
    }
}
