//! What the toy's participants say to each other, and write down.

use std::sync::Arc;

use quorate_crypto::{Domain, Rejected, SignatureCheck, Signer, Verifiable, hash_of};
use quorate_types::{ClientId, Digest, GroupConfiguration, ReplicaId, Signature};
use quorate_wire::{Encode, Writer};

/// What a message says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// A client asks. Signed by the client.
    Request {
        /// Who asks.
        client: ClientId,
        /// The client's number for it.
        number: u64,
    },
    /// The leader puts a request into a slot. Signed by the leader.
    Propose {
        /// Where.
        slot: u64,
        /// What.
        request: Arc<Message>,
    },
    /// A replica agrees. Signed by the replica.
    Vote {
        /// Where.
        slot: u64,
        /// Who.
        replica: ReplicaId,
        /// The proposal's digest.
        proposal: Digest,
    },
    /// Proof that a slot is decided. Its parts are signed.
    Decided {
        /// The proposal.
        proposal: Arc<Message>,
        /// A quorum of votes for it.
        votes: Vec<Arc<Message>>,
    },
    /// How far a replica is. Believed of the link's other end alone.
    Status {
        /// Slots that it has executed.
        executed: u64,
    },
    /// A request was executed. Believed of the link's other end alone.
    Reply {
        /// The client's number for it.
        number: u64,
        /// Its place among the executed ones.
        position: u64,
    },
}

/// A body with its signature, if it has one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// What is said.
    pub body: Body,
    /// The signature on the body; anything where none is needed.
    pub signature: Signature,
}

/// What the toy calls no signature.
const UNSIGNED: Signature = Signature::new([0; 64]);

impl Body {
    /// What is signed, and what names a request or a proposal.
    #[must_use]
    pub fn digest(&self) -> Digest {
        match self {
            Self::Request { .. } => hash_of(Domain::Bundle, self),
            Self::Propose { .. } => hash_of(Domain::PrePrepare, self),
            Self::Vote { .. } => hash_of(Domain::Commit, self),
            Self::Decided { .. } | Self::Status { .. } | Self::Reply { .. } => Digest::ZERO,
        }
    }

    /// The message with a signature.
    #[must_use]
    pub fn signed(self, signer: &dyn Signer) -> Arc<Message> {
        let signature = signer.sign(&self.digest());
        Arc::new(Message { body: self, signature })
    }

    /// The message without one.
    #[must_use]
    pub fn unsigned(self) -> Arc<Message> {
        Arc::new(Message { body: self, signature: UNSIGNED })
    }
}

/// Only what is signed has an encoding; a request stands for itself by its digest.
impl Encode for Body {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Request { client, number } => {
                client.encode(writer);
                number.encode(writer);
            }
            Self::Propose { slot, request } => {
                slot.encode(writer);
                request.body.digest().encode(writer);
            }
            Self::Vote { slot, replica, proposal } => {
                slot.encode(writer);
                replica.encode(writer);
                proposal.encode(writer);
            }
            Self::Decided { .. } | Self::Status { .. } | Self::Reply { .. } => writer.tag(0),
        }
    }
}

/// The leader of all slots.
pub(super) const LEADER: ReplicaId = ReplicaId::new(0);

impl Message {
    fn by_member(
        &self,
        group: &GroupConfiguration,
        replica: ReplicaId,
    ) -> Result<SignatureCheck, Rejected> {
        let member = group.member(replica).ok_or(Rejected::UnknownSigner)?;
        let digest = self.body.digest();
        Ok(SignatureCheck { key: member.key, digest, signature: self.signature })
    }

    /// The slot that a message is about.
    #[must_use]
    pub fn slot(&self) -> Option<u64> {
        match &self.body {
            Body::Propose { slot, .. } | Body::Vote { slot, .. } => Some(*slot),
            Body::Decided { proposal, .. } => proposal.slot(),
            Body::Request { .. } | Body::Status { .. } | Body::Reply { .. } => None,
        }
    }
}

impl Verifiable for Message {
    type Context = GroupConfiguration;

    fn checks(
        &self,
        group: &GroupConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        match &self.body {
            Body::Request { client, .. } => checks.push(SignatureCheck {
                key: client.public_key(),
                digest: self.body.digest(),
                signature: self.signature,
            }),
            Body::Propose { request, .. } => {
                if !matches!(request.body, Body::Request { .. }) {
                    return Err(Rejected::Inconsistent);
                }
                checks.push(self.by_member(group, LEADER)?);
                request.checks(group, checks)?;
            }
            Body::Vote { replica, .. } => checks.push(self.by_member(group, *replica)?),
            Body::Decided { proposal, votes } => {
                decided_checks(group, proposal, votes, checks)?;
            }
            Body::Status { .. } | Body::Reply { .. } => {}
        }
        Ok(())
    }
}

fn decided_checks(
    group: &GroupConfiguration,
    proposal: &Arc<Message>,
    votes: &[Arc<Message>],
    checks: &mut Vec<SignatureCheck>,
) -> Result<(), Rejected> {
    if !matches!(proposal.body, Body::Propose { .. }) {
        return Err(Rejected::Inconsistent);
    }
    proposal.checks(group, checks)?;
    for vote in votes {
        if !matches!(vote.body, Body::Vote { .. }) {
            return Err(Rejected::Inconsistent);
        }
        vote.checks(group, checks)?;
    }
    Ok(())
}

/// A slot that is decided, with its proof.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    /// The proposal.
    pub proposal: Arc<Message>,
    /// A quorum of votes for it.
    pub votes: Vec<Arc<Message>>,
}

/// Everything that a replica must not forget.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// The slots that were executed, in order.
    pub decided: Vec<Proof>,
    /// The proposals that it voted for in later slots.
    pub voted: Vec<Arc<Message>>,
}

/// What a replica writes to its log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// It votes for this proposal.
    Voted(Arc<Message>),
    /// The next slot is decided and executed.
    Decided(Proof),
    /// All that was before, in one.
    Snapshot(Arc<Snapshot>),
}
