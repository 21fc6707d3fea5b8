//! What the DHT stores: content under its hash, and versions under the hash of a public key.
//!
//! A version of a public-key object is stamped with the triple of a sequence number, the writer's
//! random id and the hash of the value, compared in this order. Two writes can carry one sequence
//! number, and even one writer id, but never one stamp and two values.
//!
//! # Invariants
//! - DHT-5: the same stamp means the same whole triple, hence the same value.

mod name;
mod whole;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use quorate_crypto::{Domain, SignatureCheck, Signer, hash, hash_of};
use quorate_types::{Digest, Epoch, ObjectId, PublicKey, Signature, SystemId};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::limits::{CHUNK_BYTES, VALUE_BYTES_MAX};

pub use name::NotAName;

const CONTENT: Limit = Limit::new("content bytes", CHUNK_BYTES);
const VALUE: Limit = Limit::new("value bytes", VALUE_BYTES_MAX);

/// The `expires` of content that nobody wants to lose.
pub const KEEP_FOR_EVER: Epoch = Epoch::new(u64::MAX);

/// Bytes that are shared, not copied, between messages and retransmissions.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Body(Arc<Vec<u8>>);

impl Body {
    /// Wraps the bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(bytes))
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

/// Content: at most [`CHUNK_BYTES`]. Other bodies have limits of their own.
impl Encode for Body {
    fn encode(&self, writer: &mut Writer) {
        writer.bytes(self);
    }
}

impl Decode for Body {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.bytes(CONTENT).map(Self::new)
    }
}

/// The name of an object: says how its bytes are checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ObjectKey {
    /// A chunk of a file, or any other content: the id is its hash.
    Chunk(ObjectId),
    /// A node of the manifest of a file: the id is its hash.
    Manifest(ObjectId),
    /// A public-key object: the id is the hash of its owner's key.
    Register(ObjectId),
}

quorate_wire::variants!(ObjectKey { 1 => Chunk, 2 => Manifest, 3 => Register });

/// The two kinds of objects whose id is the hash of their bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ContentKind {
    /// A chunk of a file, or any other content.
    Chunk,
    /// A node of the manifest of a file.
    Manifest,
}

impl ContentKind {
    /// The name of these bytes.
    #[must_use]
    pub fn key_of(self, bytes: &[u8]) -> ObjectKey {
        match self {
            Self::Chunk => ObjectKey::Chunk(object_id(hash(Domain::Content, bytes))),
            Self::Manifest => ObjectKey::Manifest(object_id(hash(Domain::Manifest, bytes))),
        }
    }
}

const fn object_id(digest: Digest) -> ObjectId {
    ObjectId::new(*digest.as_bytes())
}

/// The id of the public-key object of this owner.
#[must_use]
pub fn register_id(owner: &PublicKey) -> ObjectId {
    object_id(hash(Domain::PublicKeyObject, owner.as_bytes()))
}

impl ObjectKey {
    /// Length of the form under which an object store keeps the object.
    pub const BYTES: usize = 1 + ObjectId::BYTES;

    /// The point on the ring.
    #[must_use]
    pub const fn id(&self) -> ObjectId {
        match self {
            Self::Chunk(id) | Self::Manifest(id) | Self::Register(id) => *id,
        }
    }

    /// The kind of content that has this name; nothing for a public-key object.
    #[must_use]
    pub const fn content_kind(&self) -> Option<ContentKind> {
        match self {
            Self::Chunk(_) => Some(ContentKind::Chunk),
            Self::Manifest(_) => Some(ContentKind::Manifest),
            Self::Register(_) => None,
        }
    }

    /// Is this the name of these bytes?
    #[must_use]
    pub fn is_name_of(&self, bytes: &[u8]) -> bool {
        self.content_kind().is_some_and(|kind| kind.key_of(bytes) == *self)
    }

    /// The form under which an object store keeps the object; keeps the order of names.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        quorate_wire::encode(&self)
    }

    /// Reads that form.
    ///
    /// # Errors
    /// [`DecodeError`] says what the bytes are instead.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        quorate_wire::decode(bytes)
    }
}

/// Drawn at random at each start of a writer's process, so that no two processes share stamps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriterId([u8; 16]);

impl WriterId {
    /// Wraps random bytes.
    #[must_use]
    pub const fn new(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "w{:02x}{:02x}", self.0[0], self.0[1])
    }
}

impl Encode for WriterId {
    fn encode(&self, writer: &mut Writer) {
        writer.raw(&self.0);
    }
}

impl Decode for WriterId {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.array().map(Self)
    }
}

/// The timestamp of a version; ordered by its fields in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Stamp {
    /// One more than the highest that the writer read.
    pub sequence: u64,
    /// Who wrote: one run of one process.
    pub writer: WriterId,
    /// Hash of the value.
    pub value: Digest,
}

quorate_wire::fields!(Stamp { sequence, writer, value });

/// What a public-key object holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// Bytes of the owner.
    Data(Body),
    /// The owner deleted it. Kept like a value, so that no older version comes back.
    Deleted,
}

impl Value {
    /// The hash that a stamp carries.
    #[must_use]
    pub fn digest(&self) -> Digest {
        hash_of(Domain::Content, self)
    }

    /// Bytes of data.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Data(body) => body.len(),
            Self::Deleted => 0,
        }
    }

    /// Is there no data?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Encode for Value {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Data(body) => {
                writer.tag(1);
                writer.bytes(body);
            }
            Self::Deleted => writer.tag(2),
        }
    }
}

impl Decode for Value {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.tag()? {
            1 => reader.bytes(VALUE).map(|bytes| Self::Data(Body::new(bytes))),
            2 => Ok(Self::Deleted),
            tag => Err(DecodeError::UnknownTag { of: "Value", tag }),
        }
    }
}

/// A stamp with the owner's signature: proves that the owner wrote a value with this hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignedStamp {
    /// Whose object.
    pub owner: PublicKey,
    /// Which version.
    pub stamp: Stamp,
    /// The owner's signature on the system, the object and the stamp.
    pub signature: Signature,
}

quorate_wire::fields!(SignedStamp { owner, stamp, signature });

/// What the owner signs.
struct VersionStatement {
    system: SystemId,
    object: ObjectId,
    stamp: Stamp,
}

quorate_wire::fields!(VersionStatement { system, object, stamp });

impl SignedStamp {
    /// The object that it is a version of.
    #[must_use]
    pub fn object(&self) -> ObjectId {
        register_id(&self.owner)
    }

    /// The check of the owner's signature.
    #[must_use]
    pub fn check(&self, system: SystemId) -> SignatureCheck {
        let statement = VersionStatement { system, object: self.object(), stamp: self.stamp };
        let digest = hash_of(Domain::ObjectVersion, &statement);
        SignatureCheck { key: self.owner, digest, signature: self.signature }
    }
}

/// A version of a public-key object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    /// Which version, signed by the owner.
    pub signed: SignedStamp,
    /// The value; hashes to the stamp's hash in every version that was checked.
    pub value: Value,
}

quorate_wire::fields!(Version { signed, value });

impl Version {
    /// Signs a new version with the owner's key.
    #[must_use]
    pub fn sign(
        system: SystemId,
        (sequence, writer): (u64, WriterId),
        value: Value,
        owner: &dyn Signer,
    ) -> Self {
        let stamp = Stamp { sequence, writer, value: value.digest() };
        let object = register_id(&owner.public_key());
        let statement = VersionStatement { system, object, stamp };
        let signature = owner.sign(&hash_of(Domain::ObjectVersion, &statement));
        Self { signed: SignedStamp { owner: owner.public_key(), stamp, signature }, value }
    }

    /// The timestamp.
    #[must_use]
    pub const fn stamp(&self) -> Stamp {
        self.signed.stamp
    }

    /// The name of the object.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        ObjectKey::Register(self.signed.object())
    }

    /// DHT-5: does the value hash to what the stamp says?
    #[must_use]
    pub fn fits_its_stamp(&self) -> bool {
        self.value.digest() == self.signed.stamp.value
    }
}

/// An object as an object store keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoredObject {
    /// Bytes whose hash is the id.
    Content(StoredContent),
    /// The highest version of a public-key object.
    Version(Version),
}

quorate_wire::variants!(StoredObject { 1 => Content, 2 => Version });

/// Content as an object store keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredContent {
    /// Last epoch in which it must be kept; signed by who stored it.
    pub expires: Epoch,
    /// The bytes.
    pub body: Body,
}

quorate_wire::fields!(StoredContent { expires, body });

/// Room for all of a stored object but its bytes.
const BESIDE_PAYLOAD_BYTES: usize = 256;

/// A change of the object store: what a server's `Persist` makes durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// Keep this object under this name, in place of what is there.
    Store(ObjectKey, StoredObject),
    /// Drop what is there: damaged, and never completely written.
    Remove(ObjectKey),
}

impl Record {
    /// The name under which the object store keeps it.
    #[must_use]
    pub const fn key(&self) -> ObjectKey {
        match self {
            Self::Store(key, _) | Self::Remove(key) => *key,
        }
    }

    /// The bytes to keep; nothing if what is there has to go.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Store(_, object) => {
                let payload = match object {
                    StoredObject::Content(content) => content.body.len(),
                    StoredObject::Version(version) => version.value.len(),
                };
                let mut writer = Writer::with_capacity(BESIDE_PAYLOAD_BYTES + payload);
                object.encode(&mut writer);
                Some(writer.into_bytes())
            }
            Self::Remove(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
