//! Byzantine participant that presents good certificates in the wrong place: for another slot,
//! another cut, another view, another phase, another state (B09).

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::message::{
    Base, CheckpointCertificate, CheckpointStatement, CommitCertificate, HashedCut, NewLeaderProof,
    PrepareCertificate, Prepared, Slots, StateChunk, ViewChange, Vote,
};
use quorate_crypto::Certificate;
use quorate_machine::Class;
use quorate_types::{Digest, Duration, GroupConfiguration, Peer, ReplicaId, Signature, Slot, View};

use super::{Context, Deeds, Holdings, Sending, Villain};
use crate::Reception;

const PERIOD: Duration = Duration::from_millis(100);
/// Slots of which it remembers cuts and votes.
const REMEMBERED_MAX: usize = 16;

/// Uses certificates for what they do not say.
#[derive(Debug)]
pub(super) struct Misplacer {
    cuts: BTreeMap<Slot, HashedCut>,
    prepares: BTreeMap<(Slot, View, Digest), BTreeMap<ReplicaId, Signature>>,
    wishes: Option<NewLeaderProof>,
    chunk: Option<Arc<StateChunk>>,
    view: View,
}

impl Misplacer {
    pub(super) fn new() -> Self {
        let (cuts, prepares) = (BTreeMap::new(), BTreeMap::new());
        Self { cuts, prepares, wishes: None, chunk: None, view: View::ZERO }
    }

    fn note_prepare(&mut self, vote: &Vote) {
        let place = (vote.slot, vote.view, vote.digest);
        self.prepares.entry(place).or_default().insert(vote.from, vote.signature);
    }

    fn note(&mut self, group: &GroupConfiguration, message: &Message) {
        match message {
            Message::PrePrepare(proposal) => {
                self.view = self.view.max(proposal.proposal.view);
                self.cuts.insert(proposal.cut.slot, proposal.cut.clone());
                if let Some(vote) = proposal.proposal.vote(group) {
                    self.note_prepare(&vote);
                }
            }
            Message::Prepare(vote) => self.note_prepare(vote),
            Message::NewLeaderProof(proof) => self.wishes = Some(proof.clone()),
            Message::StateChunk(chunk) => self.chunk = Some(Arc::clone(chunk)),
            _ => {}
        }
        while self.cuts.len() > REMEMBERED_MAX {
            self.cuts.pop_first();
        }
        while self.prepares.len() > REMEMBERED_MAX {
            self.prepares.pop_first();
        }
    }

    /// The prepares of a quorum, with what they are for.
    fn prepared(&self, context: &Context<'_>) -> Option<(Slot, View, Digest, Certificate)> {
        let quorum = context.group().resilience.quorum();
        let known = self.prepares.iter().rev();
        let mut whole = known.filter(|(_, votes)| votes.len() >= quorum);
        let ((slot, view, digest), votes) = whole.next()?;
        let votes = votes.iter().map(|(voter, signature)| (*voter, *signature));
        Some((*slot, *view, *digest, Certificate::new(votes)))
    }

    /// Prepares presented as commits: what is only prepared would count as decided.
    fn as_commits(&self, context: &Context<'_>) -> Option<Message> {
        let (slot, view, digest, certificate) = self.prepared(context)?;
        let cut = self.cuts.get(&slot).filter(|cut| cut.digest() == digest)?.clone();
        let certificate = CommitCertificate { view, slot, digest, certificate };
        Some(Message::Slots(Arc::new(Slots { cuts: vec![cut], certificate })))
    }

    /// The prepares of one slot presented for another, in a view change.
    fn as_other_slot(&self, context: &Context<'_>) -> Option<Message> {
        let (slot, view, _, certificate) = self.prepared(context)?;
        let (_, cut) = self.cuts.iter().rev().find(|(other, _)| **other != slot)?;
        let (slot, digest) = (cut.slot, cut.digest());
        let certificate = PrepareCertificate { view, slot, digest, certificate };
        let unsigned = ViewChange {
            view: self.view.next(),
            base: Base::Start,
            prepared: vec![Prepared { cut: cut.clone(), certificate }],
            from: context.me(),
            signature: Signature::new([0; 64]),
        };
        let change = ViewChange::sign(context.group(), unsigned, context.signer());
        Some(Message::ViewChange(Arc::new(change)))
    }

    fn as_other_view(&self) -> Option<Message> {
        let NewLeaderProof { view, certificate } = self.wishes.clone()?;
        Some(Message::NewLeaderProof(NewLeaderProof { view: view.plus(4), certificate }))
    }

    fn as_other_state(&self) -> Option<Message> {
        let chunk = self.chunk.as_ref()?;
        let CheckpointCertificate { statement, certificate } = chunk.certificate.clone();
        let slot = statement.slot.plus(16);
        let statement = CheckpointStatement { slot, ..statement };
        let certificate = CheckpointCertificate { statement, certificate };
        Some(Message::StateChunk(Arc::new(StateChunk { certificate, ..(**chunk).clone() })))
    }
}

impl Villain<Holdings> for Misplacer {
    fn name(&self) -> &'static str {
        "misplacer"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        self.note(context.group(), &sending.message);
        deeds.pass(sending);
    }

    fn on_receive(
        &mut self,
        context: &mut Context<'_>,
        _: Peer,
        message: &Message,
        _: &mut Deeds,
    ) -> Reception {
        self.note(context.group(), message);
        Reception::Pass
    }

    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn on_alarm(&mut self, context: &mut Context<'_>, deeds: &mut Deeds) {
        let made = match context.prng.below(4) {
            0 => self.as_commits(context),
            1 => self.as_other_slot(context),
            2 => self.as_other_view(),
            _ => self.as_other_state(),
        };
        if let Some(message) = made {
            deeds.mark("liar.misplaced");
            deeds.send(context.others(), Class::Control, message);
        }
    }
}
