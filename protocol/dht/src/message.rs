//! What clients and servers of the DHT say to each other.
//!
//! Every request names the epoch of its sender and an operation of the sender's; the reply names
//! the operation and the epoch of the server. Replies are authenticated by the link alone. A write
//! carries the client's certificate and signature, so that every server checks the authority to
//! write by itself.

mod check;
mod compare;
mod introduce;
mod scrub;

use quorate_crypto::{ClientCertificate, Domain, Signer, hash_of};
use quorate_types::{ClientId, Epoch, Signature, SystemId};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::limits::CONFIGURATION_BYTES_MAX;
use crate::object::{Body, ObjectKey, SignedStamp, Stamp, Value, Version};

pub use check::MessageContext;
pub use compare::{Compare, Compared, Held, ListNames, Names};
pub use introduce::Introduce;
pub use scrub::{Scrub, ScrubReport, ScrubState, Scrubbed};

const CONFIGURATION: Limit = Limit::new("certified configuration bytes", CONFIGURATION_BYTES_MAX);

/// A number that its sender gave to one phase of one operation; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OperationId(u64);

impl OperationId {
    /// Wraps a number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl Encode for OperationId {
    fn encode(&self, writer: &mut Writer) {
        self.0.encode(writer);
    }
}

impl Decode for OperationId {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        u64::decode(reader).map(Self)
    }
}

/// The beginning of every message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// The sender's epoch.
    pub epoch: Epoch,
    /// The operation of whoever asked.
    pub operation: OperationId,
}

quorate_wire::fields!(Head { epoch, operation });

// tidy: messages
/// Everything that goes over a link of the DHT.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// Request: keep this content.
    PutContent(PutContent),
    /// Request: send this content.
    GetContent(GetContent),
    /// Request: say whether this content is there.
    StatContent(StatContent),
    /// Request: keep this version unless a higher one is there.
    WriteVersion(WriteVersion),
    /// Request: send the highest version.
    ReadVersion(ReadVersion),
    /// Request of a server: say whether we hold the same, and if not, where.
    Compare(Compare),
    /// Request of a server: say what is held in this piece of a cell.
    ListNames(ListNames),
    /// Request: check all that is held, or say how far that is.
    Scrub(Scrub),
    /// The sender has a certificate; not answered.
    Introduce(Introduce),
    /// Reply: what was to be kept, or something higher, is on the disk.
    Stored(Stored),
    /// Reply to [`Message::GetContent`].
    Content(ContentReply),
    /// Reply to [`Message::StatContent`].
    Presence(Presence),
    /// Reply to [`Message::ReadVersion`].
    Versioned(Versioned),
    /// Reply: no.
    Refused(Refused),
    /// Reply: the server is in a later epoch; this is its configuration.
    WrongEpoch(WrongEpoch),
    /// Reply to [`Message::Compare`].
    Compared(Compared),
    /// Reply to [`Message::ListNames`].
    Names(Names),
    /// Reply to [`Message::Scrub`].
    Scrubbed(Scrubbed),
}

quorate_wire::variants!(Message {
    1 => PutContent,
    2 => GetContent,
    3 => StatContent,
    4 => WriteVersion,
    5 => ReadVersion,
    6 => Compare,
    7 => ListNames,
    8 => Scrub,
    9 => Introduce,
    65 => Stored,
    66 => Content,
    67 => Presence,
    68 => Versioned,
    69 => Refused,
    70 => WrongEpoch,
    71 => Compared,
    72 => Names,
    73 => Scrubbed,
});

/// Why a client may write: the authority's word about it, and its own signature on the write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WriteAuthority {
    /// The authority's word about the client.
    pub certificate: ClientCertificate,
    /// Last epoch in which content must be kept; without meaning for versions.
    pub expires: Epoch,
    /// The client's signature on the statement of the write.
    pub signature: Signature,
}

quorate_wire::fields!(WriteAuthority { certificate, expires, signature });

/// What a client signs for a write. The name of content, and the stamp of a version, commit to
/// the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WriteStatement {
    /// The system in which it is written.
    pub system: SystemId,
    /// The epoch of the writer.
    pub epoch: Epoch,
    /// The writer.
    pub client: ClientId,
    /// What is written.
    pub key: ObjectKey,
    /// Which version; nothing for content.
    pub stamp: Option<Stamp>,
    /// Last epoch in which content must be kept; without meaning for versions.
    pub expires: Epoch,
}

quorate_wire::fields!(WriteStatement { system, epoch, client, key, stamp, expires });

impl WriteStatement {
    /// Signs it with the client's key.
    #[must_use]
    pub fn sign(&self, certificate: &ClientCertificate, signer: &dyn Signer) -> WriteAuthority {
        let signature = signer.sign(&hash_of(Domain::ObjectWrite, self));
        WriteAuthority { certificate: certificate.clone(), expires: self.expires, signature }
    }
}

/// Keep this content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PutContent {
    /// Epoch and operation.
    pub head: Head,
    /// Why the client may write.
    pub authority: WriteAuthority,
    /// The name, which must be that of the bytes.
    pub key: ObjectKey,
    /// The bytes.
    pub body: Body,
}

quorate_wire::fields!(PutContent { head, authority, key, body });

/// Send this content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GetContent {
    /// Epoch and operation.
    pub head: Head,
    /// The name.
    pub key: ObjectKey,
}

quorate_wire::fields!(GetContent { head, key });

/// Say whether this content is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StatContent {
    /// Epoch and operation.
    pub head: Head,
    /// The name.
    pub key: ObjectKey,
}

quorate_wire::fields!(StatContent { head, key });

/// Keep this version unless a higher one is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WriteVersion {
    /// Epoch and operation.
    pub head: Head,
    /// Why the client may write.
    pub authority: WriteAuthority,
    /// The version.
    pub version: Version,
}

quorate_wire::fields!(WriteVersion { head, authority, version });

/// Send the highest version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadVersion {
    /// Epoch and operation.
    pub head: Head,
    /// The name.
    pub key: ObjectKey,
    /// The value too, not only its stamp.
    pub wants_value: bool,
}

quorate_wire::fields!(ReadVersion { head, key, wants_value });

/// What was to be kept, or something higher, is on the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stored {
    /// Epoch and operation.
    pub head: Head,
}

quorate_wire::fields!(Stored { head });

/// Content, or that it is not there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContentReply {
    /// Epoch and operation.
    pub head: Head,
    /// The bytes; nothing if the server does not have them.
    pub body: Option<Body>,
}

quorate_wire::fields!(ContentReply { head, body });

/// Whether content is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Presence {
    /// Epoch and operation.
    pub head: Head,
    /// Its length in bytes; nothing if the server does not have it.
    pub bytes: Option<u32>,
}

quorate_wire::fields!(Presence { head, bytes });

/// The highest version of a public-key object at a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Versioned {
    /// Epoch and operation.
    pub head: Head,
    /// The stamp with the owner's signature; nothing if the object was never written there.
    pub signed: Option<SignedStamp>,
    /// The value, if it was asked for.
    pub value: Option<Value>,
}

quorate_wire::fields!(Versioned { head, signed, value });

/// Why a server does not do what was asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Refusal {
    /// Too much is under way, or the store cannot be read now: ask again later.
    Busy,
    /// Its copy is damaged and not mended yet.
    Damaged,
    /// It is not in the group of the object.
    NotResponsible,
    /// The client's certificate has run out.
    NotAuthorised,
    /// The sequence number is of a level that too few of the group have come near.
    SequenceSkip,
    /// The server is still in an earlier epoch.
    Behind,
}

impl Encode for Refusal {
    fn encode(&self, writer: &mut Writer) {
        writer.tag(match self {
            Self::Busy => 1,
            Self::Damaged => 2,
            Self::NotResponsible => 3,
            Self::NotAuthorised => 4,
            Self::SequenceSkip => 5,
            Self::Behind => 6,
        });
    }
}

impl Decode for Refusal {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.tag()? {
            1 => Ok(Self::Busy),
            2 => Ok(Self::Damaged),
            3 => Ok(Self::NotResponsible),
            4 => Ok(Self::NotAuthorised),
            5 => Ok(Self::SequenceSkip),
            6 => Ok(Self::Behind),
            tag => Err(DecodeError::UnknownTag { of: "Refusal", tag }),
        }
    }
}

/// No.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Epoch and operation.
    pub head: Head,
    /// Why.
    pub refusal: Refusal,
}

quorate_wire::fields!(Refused { head, refusal });

/// A configuration with its certificate, in the encoding of the membership service, which is
/// opaque here; empty if it is longer than a message may be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CertifiedConfiguration(Body);

impl CertifiedConfiguration {
    /// Wraps the bytes; what is too long for a message is left out, and the membership service
    /// has to be asked for it.
    #[must_use]
    pub fn new(bytes: Body) -> Self {
        if bytes.len() > CONFIGURATION_BYTES_MAX { Self::default() } else { Self(bytes) }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Encode for CertifiedConfiguration {
    fn encode(&self, writer: &mut Writer) {
        writer.bytes(&self.0);
    }
}

impl Decode for CertifiedConfiguration {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.bytes(CONFIGURATION).map(|bytes| Self(Body::new(bytes)))
    }
}

/// The server is in a later epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WrongEpoch {
    /// The server's epoch, and the operation.
    pub head: Head,
    /// The configuration of the server's epoch.
    pub configuration: CertifiedConfiguration,
}

quorate_wire::fields!(WrongEpoch { head, configuration });

impl Message {
    /// Bytes of content or of a value in it, which are most of it if there are any.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        match self {
            Self::PutContent(message) => message.body.len(),
            Self::Content(message) => message.body.as_ref().map_or(0, |body| body.len()),
            Self::WriteVersion(message) => message.version.value.len(),
            Self::Versioned(message) => message.value.as_ref().map_or(0, Value::len),
            Self::WrongEpoch(message) => message.configuration.as_bytes().len(),
            Self::Names(_)
            | Self::Scrub(_)
            | Self::Introduce(_)
            | Self::Scrubbed(_)
            | Self::Compared(_)
            | Self::GetContent(_)
            | Self::StatContent(_)
            | Self::ReadVersion(_)
            | Self::Compare(_)
            | Self::ListNames(_)
            | Self::Stored(_)
            | Self::Presence(_)
            | Self::Refused(_) => 0,
        }
    }

    /// The certificate in it, for requests that carry one.
    #[must_use]
    pub const fn certificate(&self) -> Option<&ClientCertificate> {
        match self {
            Self::PutContent(message) => Some(&message.authority.certificate),
            Self::WriteVersion(message) => Some(&message.authority.certificate),
            Self::Scrub(message) => Some(&message.certificate),
            Self::Introduce(message) => Some(&message.certificate),
            Self::GetContent(_)
            | Self::StatContent(_)
            | Self::ReadVersion(_)
            | Self::Compare(_)
            | Self::ListNames(_)
            | Self::Stored(_)
            | Self::Content(_)
            | Self::Presence(_)
            | Self::Versioned(_)
            | Self::Refused(_)
            | Self::WrongEpoch(_)
            | Self::Compared(_)
            | Self::Names(_)
            | Self::Scrubbed(_) => None,
        }
    }

    /// Epoch and operation.
    #[must_use]
    pub const fn head(&self) -> Head {
        match self {
            Self::PutContent(message) => message.head,
            Self::GetContent(message) => message.head,
            Self::StatContent(message) => message.head,
            Self::WriteVersion(message) => message.head,
            Self::ReadVersion(message) => message.head,
            Self::Compare(message) => message.head,
            Self::ListNames(message) => message.head,
            Self::Stored(message) => message.head,
            Self::Content(message) => message.head,
            Self::Presence(message) => message.head,
            Self::Versioned(message) => message.head,
            Self::Refused(message) => message.head,
            Self::WrongEpoch(message) => message.head,
            Self::Compared(message) => message.head,
            Self::Names(message) => message.head,
            Self::Scrub(message) => message.head,
            Self::Introduce(message) => message.head,
            Self::Scrubbed(message) => message.head,
        }
    }
}

#[cfg(test)]
mod tests;
