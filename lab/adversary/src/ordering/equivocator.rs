//! Byzantine participant that, as leader, proposes one cut to some and another to the rest (B01).
//!
//! The second cut is as good as the first: the inline batch holds its bundles twice or in another
//! order, or a row of the leader's own is signed again. It also votes for each cut towards those
//! who saw it, so that each side lacks as little as possible for a decision.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::message::{
    AckVector, Batch, Cut, HashedCut, Phase, PrePrepare, SignedProposal, Vote,
};
use quorate_history::Prng;
use quorate_machine::Class;
use quorate_types::{Digest, Duration, Slot, View};

use super::splits::Split;
use super::{Context, Deeds, Holdings, Sending, Villain};

/// Slots whose second cut is remembered.
const REMEMBERED_MAX: usize = 64;

/// Proposes two cuts for one slot.
#[derive(Debug)]
pub(super) struct Equivocator {
    split: Split,
    per_mille: u64,
    /// The second cut of a view and slot.
    second: BTreeMap<(View, Slot), Digest>,
}

impl Equivocator {
    pub(super) fn new(prng: &mut Prng) -> Self {
        let split = Split::ALL[prng.index(Split::ALL.len())];
        let per_mille = [20, 200, 1_000][prng.index(3)];
        Self { split, per_mille, second: BTreeMap::new() }
    }

    fn propose(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let Message::PrePrepare(first) = &*sending.message else { return deeds.pass(sending) };
        let (view, slot) = (first.proposal.view, first.proposal.slot);
        let wants = context.leads(view) && context.prng.chance(self.per_mille);
        let second = wants.then(|| other_proposal(context, first)).flatten();
        let Some(second) = second else { return deeds.pass(sending) };
        if self.second.len() >= REMEMBERED_MAX {
            self.second.pop_first();
        }
        let digest = second.cut.digest();
        self.second.insert((view, slot), digest);
        deeds.mark("liar.equivocated");
        let (left, right) = self.split.parts(context);
        let is_vote = first.proposal.is_vote;
        deeds.share(&left, sending.class, sending.message);
        deeds.send(&right, Class::Control, Message::PrePrepare(Arc::new(second)));
        if is_vote {
            self.vote_for_second(context, (view, slot, digest), deeds);
        }
    }

    /// Votes in both phases towards those who saw the second cut.
    fn vote_for_second(
        &self,
        context: &Context<'_>,
        choice: (View, Slot, Digest),
        deeds: &mut Deeds,
    ) {
        let (_, right) = self.split.parts(context);
        let seat = (context.me(), context.signer());
        let prepare = Vote::sign((Phase::Prepare, context.group()), choice, seat);
        let commit = Vote::sign((Phase::Commit, context.group()), choice, seat);
        deeds.send(&right, Class::Control, Message::Prepare(prepare));
        deeds.send(&right, Class::Control, Message::Commit(commit));
    }

    /// Votes to each side for what that side saw; commits at once, whatever is prepared.
    fn vote(&self, context: &Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let (Message::Prepare(vote) | Message::Commit(vote)) = &*sending.message else {
            return deeds.pass(sending);
        };
        let Some(&second) = self.second.get(&(vote.view, vote.slot)) else {
            return deeds.pass(sending);
        };
        let choice = (vote.view, vote.slot, second);
        let (left, _) = self.split.parts(context);
        deeds.share(&left, sending.class, sending.message);
        self.vote_for_second(context, choice, deeds);
    }
}

/// Another proposal for the same slot that a backup would accept just as well.
pub(super) fn other_proposal(context: &Context<'_>, first: &PrePrepare) -> Option<PrePrepare> {
    let mut cut: Cut = (*first.cut).clone();
    let mut inline = None;
    if let Some(batch) = &first.inline {
        let other = Arc::new(other_batch(context, batch));
        cut.inline = Some(other.header);
        inline = Some(other);
    } else {
        let own = cut.rows.iter_mut().find(|row| row.from == context.me())?;
        let clock = own.clock.after(Duration::from_micros(1));
        let (from, tips) = ((own.from, clock), own.tips.clone());
        *own = Arc::new(AckVector::sign(context.group(), from, tips, context.signer()));
    }
    let cut = HashedCut::new(cut);
    let choice = (first.proposal.view, &cut);
    let proposal = SignedProposal::sign(context.group(), choice, context.signer());
    Some(PrePrepare { proposal, cut, inline })
}

/// A batch for the same place with the same bundles, differently.
pub(super) fn other_batch(context: &Context<'_>, batch: &Batch) -> Batch {
    let mut contents = batch.contents.clone();
    let bundles = &mut contents.bundles;
    if bundles.len() > 1 {
        bundles.reverse();
    } else {
        bundles.extend(batch.contents.bundles.iter().cloned());
    }
    let header = &batch.header.header;
    let place = (header.lane, header.seq, header.previous);
    Batch::sign(context.group(), place, contents, context.signer())
}

impl Villain<Holdings> for Equivocator {
    fn name(&self) -> &'static str {
        "equivocator"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        match &*sending.message {
            Message::PrePrepare(_) => self.propose(context, sending, deeds),
            Message::Prepare(_) | Message::Commit(_) => self.vote(context, sending, deeds),
            _ => deeds.pass(sending),
        }
    }
}
