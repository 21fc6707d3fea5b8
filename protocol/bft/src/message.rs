//! What the participants of the ordering engine say to each other.
//!
//! Every signed statement binds system, group and epoch through [`statement`], so a message or a
//! certificate of one instance means nothing in another (B09). Slots are named with their epoch:
//! a cut carries it, and votes are bound to it by their signature.

mod batch;
mod checkpoint;
mod cut;
mod fetch;
mod proposal;
mod request;
mod view_change;
mod vote;

use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::{Domain, Rejected, SignatureCheck, Verifiable, hash_of};
use quorate_types::{Digest, Epoch, GroupConfiguration, GroupId, SystemId};
use quorate_wire::Encode;

pub use batch::{
    Announcement, Batch, BatchHeader, Contents, SignedHeader, lane_origin, link_digest,
};
pub use checkpoint::{Checkpoint, CheckpointCertificate, CheckpointStatement};
pub use cut::{AckVector, Cut, HashedCut, Tip};
pub use fetch::{FetchBatches, FetchProposal, FetchSlots, FetchState, Slots, StateChunk, Status};
pub use proposal::{Accusation, PrePrepare, SignedProposal};
pub use request::{
    Answer, Bundle, BundleBody, Opening, Operation, Outcome, Reply, Request, SessionId,
    operation_digest,
};
pub use view_change::{Base, NewLeader, NewLeaderProof, NewView, Prepared, ViewChange};
pub use vote::{CommitCertificate, Phase, PrepareCertificate, Vote};

/// A message of the ordering engine.
// tidy: messages
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// A client asks.
    Request(Request),
    /// A replica answers a client.
    Reply(Reply),
    /// A lane owner spreads its clients' requests.
    Batch(Arc<Batch>),
    /// A replica says which batches it holds.
    AckVector(Arc<AckVector>),
    /// The leader proposes a cut.
    PrePrepare(Arc<PrePrepare>),
    /// A vote of the second phase.
    Prepare(Vote),
    /// A vote of the third phase.
    Commit(Vote),
    /// A replica's statement about its state.
    Checkpoint(Checkpoint),
    /// A wish for another leader.
    NewLeader(NewLeader),
    /// Enough wishes for another leader.
    NewLeaderProof(NewLeaderProof),
    /// Proof that a leader proposed two cuts for one slot.
    Accusation(Arc<Accusation>),
    /// What a replica carries into a view.
    ViewChange(Arc<ViewChange>),
    /// The leader starts a view.
    NewView(Arc<NewView>),
    /// How far a replica is.
    Status(Status),
    /// Asks for batches.
    FetchBatches(FetchBatches),
    /// Asks for a proposal.
    FetchProposal(FetchProposal),
    /// Asks for decided slots.
    FetchSlots(FetchSlots),
    /// Decided slots with their proof.
    Slots(Arc<Slots>),
    /// Asks for a part of the state.
    FetchState(FetchState),
    /// A part of the state with its proof.
    StateChunk(Arc<StateChunk>),
    /// The epoch is over: what a replica of an ended epoch answers.
    Ended(Arc<CheckpointCertificate>),
}

quorate_wire::variants!(Message {
    1 => Request,
    2 => Reply,
    3 => Batch,
    4 => AckVector,
    5 => PrePrepare,
    6 => Prepare,
    7 => Commit,
    8 => Checkpoint,
    9 => NewLeader,
    10 => NewLeaderProof,
    11 => Accusation,
    12 => ViewChange,
    13 => NewView,
    14 => Status,
    15 => FetchBatches,
    16 => FetchProposal,
    17 => FetchSlots,
    18 => Slots,
    19 => FetchState,
    20 => StateChunk,
    21 => Ended,
});

/// What a member signs, in the frame of its group.
pub(crate) struct Statement<'a, T: ?Sized> {
    system: SystemId,
    group: GroupId,
    epoch: Epoch,
    content: &'a T,
}

impl<'a, T: ?Sized> Statement<'a, T> {
    pub(crate) const fn of(group: &GroupConfiguration, content: &'a T) -> Self {
        Self { system: group.system, group: group.group, epoch: group.epoch, content }
    }
}

impl<T: Encode + ?Sized> Encode for Statement<'_, T> {
    fn encode(&self, writer: &mut quorate_wire::Writer) {
        self.system.encode(writer);
        self.group.encode(writer);
        self.epoch.encode(writer);
        self.content.encode(writer);
    }
}

/// The digest that a member of `group` signs to say `content` in its epoch.
#[must_use]
pub fn statement<T: Encode>(domain: Domain, group: &GroupConfiguration, content: &T) -> Digest {
    hash_of(domain, &Statement::of(group, content))
}

impl Verifiable for Message {
    type Context = GroupConfiguration;

    fn checks(
        &self,
        group: &GroupConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        match self {
            Self::Request(request) => request.bundle.checks(group, checks),
            Self::Batch(batch) => batch.checks(group, checks),
            Self::AckVector(vector) => vector.checks(group, checks),
            Self::PrePrepare(proposal) => proposal.checks(group, checks),
            Self::Prepare(vote) => vote.checks(Phase::Prepare, group, checks),
            Self::Commit(vote) => vote.checks(Phase::Commit, group, checks),
            Self::Checkpoint(checkpoint) => checkpoint.checks(group, checks),
            Self::NewLeader(wish) => wish.checks(group, checks),
            Self::NewLeaderProof(proof) => proof.checks(group, checks),
            Self::Accusation(accusation) => accusation.checks(group, checks),
            Self::ViewChange(change) => change.checks(group, checks),
            Self::NewView(new_view) => new_view.checks(group, checks),
            Self::Slots(slots) => slots.checks(group, checks),
            Self::StateChunk(chunk) => chunk.certificate.checks(group, checks),
            Self::Ended(certificate) => certificate.checks_end(group, checks),
            // These are believed only as far as the link goes: they ask, or help to ask.
            Self::Reply(_)
            | Self::Status(_)
            | Self::FetchBatches(_)
            | Self::FetchProposal(_)
            | Self::FetchSlots(_)
            | Self::FetchState(_) => Ok(()),
        }
    }
}

/// The check that `from`, a member of the group, signed `digest`.
fn member_check(
    group: &GroupConfiguration,
    from: quorate_types::ReplicaId,
    (digest, signature): (Digest, quorate_types::Signature),
) -> Result<SignatureCheck, Rejected> {
    let member = group.member(from).ok_or(Rejected::UnknownSigner)?;
    Ok(SignatureCheck { key: member.key, digest, signature })
}
