//! What clients ask and what they are told.
//!
//! Settled points 25: every operation is covered by a signature of the client on whose behalf it
//! executes; the signed bytes hold system, group, session, request ids and `ack_upto`. A session
//! is opened by an ordered operation, and its id is the place of that operation in the order, so
//! it never recurs. The numbers with which a client opens its sessions increase, so that whoever
//! kept a signed opening can open nothing with it again.

use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::{ClientCertificate, Domain, Rejected, SignatureCheck, Signer, hash, hash_of};
use quorate_types::{
    ClientId, Digest, Epoch, GroupConfiguration, GroupId, RequestId, Signature, Slot, SystemId,
    View,
};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::limits::{
    BUNDLE_BYTES_MAX, BUNDLE_OPERATIONS_MAX, OPERATION_BYTES_MAX, REPLY_BYTES_MAX,
};

const OPERATIONS: Limit = Limit::new("bundle operations", BUNDLE_OPERATIONS_MAX);
const OPERATION: Limit = Limit::new("operation bytes", OPERATION_BYTES_MAX);
const REPLY: Limit = Limit::new("reply bytes", REPLY_BYTES_MAX);

/// A client's stream of requests: the place in the order of the operation that opened it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SessionId {
    /// Epoch of the opening operation.
    pub epoch: Epoch,
    /// Slot of the opening operation.
    pub slot: Slot,
    /// Position of the opening bundle among the bundles of its slot.
    pub index: u32,
}

quorate_wire::fields!(SessionId { epoch, slot, index });

/// How a client calls a session before the group does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opening {
    /// Above the number of every session that the client opened before.
    pub number: u64,
    /// Drawn: tells apart two processes of one client that took the same number.
    pub nonce: u64,
}

quorate_wire::fields!(Opening { number, nonce });

/// One thing that a client asks the service to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    /// The client's number for it; one number, one operation.
    pub id: RequestId,
    /// The operation in the service's encoding.
    pub payload: Vec<u8>,
}

/// The digest by which a reply names its operation (P12).
#[must_use]
pub fn operation_digest(payload: &[u8]) -> Digest {
    hash(Domain::Operation, payload)
}

/// What a bundle is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BundleBody {
    /// Opens a session.
    Open {
        /// The authority's word that the client may do so.
        certificate: ClientCertificate,
        /// Fresh for each session; the same again means the same session, while it is open.
        opening: Opening,
    },
    /// Asks for operations of a session.
    Invoke {
        /// The session.
        session: SessionId,
        /// The client has the replies of all requests up to this one.
        ack_upto: RequestId,
        /// One to 64 operations, in ascending order of id.
        operations: Vec<Operation>,
    },
}

/// Requests of one client under one signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bundle {
    /// The system in which it is meant.
    pub system: SystemId,
    /// The group to which it is addressed.
    pub group: GroupId,
    /// Who asks.
    pub client: ClientId,
    /// What is asked.
    pub body: BundleBody,
    /// The client's signature on all of the above.
    pub signature: Signature,
}

/// A bundle on its way to a replica.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// What is asked.
    pub bundle: Arc<Bundle>,
    /// Sent to more than one replica, because the first did not lead to replies.
    pub is_retry: bool,
}

quorate_wire::fields!(Request { bundle, is_retry });

/// What became of an operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The session was opened.
    Opened(SessionId),
    /// The service's reply.
    Executed(Vec<u8>),
    /// The session is not known any more; the operation was not executed by this bundle.
    UnknownSession,
    /// The request is older than the session's window; it was not executed by this bundle.
    Expired,
    /// The client's certificate does not hold.
    NotAuthorised,
    /// The client has opened a session with this number or a higher one before.
    NumberTaken {
        /// The highest number with which it ever did.
        highest: u64,
    },
}

/// What became of one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The request, or the nonce of an opening bundle.
    pub id: RequestId,
    /// Digest of the operation that was executed under this number (P12).
    pub operation: Digest,
    /// What became of it.
    pub outcome: Outcome,
}

quorate_wire::fields!(Answer { id, operation, outcome });

/// A replica's answer to a bundle.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The view in which the replica is: tells the client who leads.
    pub view: View,
    /// The session; none for a bundle that opens one.
    pub session: Option<SessionId>,
    /// One answer per request of the bundle.
    pub answers: Vec<Answer>,
}

impl Reply {
    /// Tells a client what became of its opening.
    #[must_use]
    pub fn to_opening(view: View, opening: Opening, outcome: Outcome) -> Self {
        let operation = hash_of(Domain::Operation, &opening.nonce);
        let answer = Answer { id: RequestId::new(opening.nonce), operation, outcome };
        Self { view, session: None, answers: alloc::vec![answer] }
    }
}

struct Unsigned<'a>(&'a Bundle);

impl Encode for Unsigned<'_> {
    fn encode(&self, writer: &mut Writer) {
        self.0.system.encode(writer);
        self.0.group.encode(writer);
        self.0.client.encode(writer);
        self.0.body.encode(writer);
    }
}

impl Bundle {
    /// Signs a bundle.
    #[must_use]
    pub fn sign(
        (system, group): (SystemId, GroupId),
        body: BundleBody,
        signer: &dyn Signer,
    ) -> Self {
        let client = signer.public_key().client();
        let unsigned = Self { system, group, client, body, signature: Signature::new([0; 64]) };
        let signature = signer.sign(&unsigned.digest());
        Self { signature, ..unsigned }
    }

    /// The digest that the client signed.
    #[must_use]
    pub fn digest(&self) -> Digest {
        hash_of(Domain::Bundle, &Unsigned(self))
    }

    /// Bytes that the bundle takes in a batch, at least.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let fixed = 32 * 3 + 64 + 1;
        match &self.body {
            BundleBody::Open { certificate, .. } => fixed + 208 + certificate.grant.name.len(),
            BundleBody::Invoke { operations, .. } => {
                fixed + operations.iter().map(|one| 12 + one.payload.len()).sum::<usize>()
            }
        }
    }

    /// Lists the signatures: the client's, and the authority's where a session is opened.
    ///
    /// # Errors
    /// [`Rejected`]: a pure function of the bytes and the configuration (settled points 18), so
    /// that all correct replicas agree on what may enter a lane.
    pub fn checks(
        &self,
        group: &GroupConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        if self.system != group.system || self.group != group.group {
            return Err(Rejected::WrongGroup);
        }
        let key = self.client.public_key();
        checks.push(SignatureCheck { key, digest: self.digest(), signature: self.signature });
        match &self.body {
            BundleBody::Open { certificate, .. } => {
                let grant = &certificate.grant;
                if grant.client != self.client || grant.system != self.system {
                    return Err(Rejected::NotAuthorised);
                }
                checks.push(certificate.check(group.authority_key));
            }
            BundleBody::Invoke { operations, .. } => {
                let is_large = self.size_bytes() > BUNDLE_BYTES_MAX;
                if operations.is_empty() || operations.len() > BUNDLE_OPERATIONS_MAX || is_large {
                    return Err(Rejected::WrongLength);
                }
                if !operations.is_sorted_by(|left, right| left.id < right.id) {
                    return Err(Rejected::Inconsistent);
                }
            }
        }
        Ok(())
    }
}

impl Encode for Operation {
    fn encode(&self, writer: &mut Writer) {
        self.id.encode(writer);
        writer.bytes(&self.payload);
    }
}

impl Decode for Operation {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { id: Decode::decode(reader)?, payload: reader.bytes(OPERATION)? })
    }
}

impl Encode for BundleBody {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Open { certificate, opening } => {
                writer.tag(1);
                certificate.encode(writer);
                opening.encode(writer);
            }
            Self::Invoke { session, ack_upto, operations } => {
                writer.tag(2);
                session.encode(writer);
                ack_upto.encode(writer);
                writer.sequence(operations);
            }
        }
    }
}

impl Decode for BundleBody {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.tag()? {
            1 => Ok(Self::Open {
                certificate: Decode::decode(reader)?,
                opening: Decode::decode(reader)?,
            }),
            2 => Ok(Self::Invoke {
                session: Decode::decode(reader)?,
                ack_upto: Decode::decode(reader)?,
                operations: reader.sequence(OPERATIONS)?,
            }),
            tag => Err(DecodeError::UnknownTag { of: "BundleBody", tag }),
        }
    }
}

quorate_wire::fields!(Bundle { system, group, client, body, signature });

impl Encode for Reply {
    fn encode(&self, writer: &mut Writer) {
        self.view.encode(writer);
        self.session.encode(writer);
        writer.sequence(&self.answers);
    }
}

impl Decode for Reply {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            view: Decode::decode(reader)?,
            session: Decode::decode(reader)?,
            answers: reader.sequence(OPERATIONS)?,
        })
    }
}

impl Encode for Outcome {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Opened(session) => {
                writer.tag(1);
                session.encode(writer);
            }
            Self::Executed(reply) => {
                writer.tag(2);
                writer.bytes(reply);
            }
            Self::UnknownSession => writer.tag(3),
            Self::Expired => writer.tag(4),
            Self::NotAuthorised => writer.tag(5),
            Self::NumberTaken { highest } => {
                writer.tag(6);
                highest.encode(writer);
            }
        }
    }
}

impl Decode for Outcome {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.tag()? {
            1 => Decode::decode(reader).map(Self::Opened),
            2 => reader.bytes(REPLY).map(Self::Executed),
            3 => Ok(Self::UnknownSession),
            4 => Ok(Self::Expired),
            5 => Ok(Self::NotAuthorised),
            6 => Ok(Self::NumberTaken { highest: Decode::decode(reader)? }),
            tag => Err(DecodeError::UnknownTag { of: "Outcome", tag }),
        }
    }
}
