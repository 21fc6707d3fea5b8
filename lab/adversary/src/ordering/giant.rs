//! Byzantine participant that puts the largest numbers wherever a number stands, or numbers that
//! are still to come, well signed (B17).

use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::limits::LANE_WINDOW_BATCHES;
use quorate_bft::message::{
    AckVector, Batch, Checkpoint, CheckpointStatement, Cut, FetchProposal, FetchSlots, FetchState,
    HashedCut, NewLeader, Phase, PrePrepare, SignedProposal, Status, Tip, ViewChange, Vote,
};
use quorate_history::Prng;
use quorate_types::{LaneSeq, Slot, UnixTime, View};

use super::{Context, Deeds, Holdings, Sending, Villain, peers};

/// Messages in 1,000 of which it sends a huge version too: now and then, or most of them.
const PER_MILLE: [u64; 2] = [60, 600];

/// States behind the last one about which it lies.
const NEAR_SLOTS: u64 = 16;

/// Exaggerates.
#[derive(Debug)]
pub(super) struct Giant {
    per_mille: u64,
}

impl Giant {
    pub(super) fn new(prng: &mut Prng) -> Self {
        Self { per_mille: PER_MILLE[prng.index(PER_MILLE.len())] }
    }
}

fn huge(prng: &mut Prng) -> u64 {
    [u64::MAX, u64::MAX - 1, u64::MAX / 2, 1 << 63, 1 << 32][prng.index(5)]
}

/// Either number, or both, becomes huge.
fn place(prng: &mut Prng, view: View, slot: Slot) -> (View, Slot) {
    match prng.below(3) {
        0 => (View::new(huge(prng)), slot),
        1 => (view, Slot::new(huge(prng))),
        _ => (View::new(huge(prng)), Slot::new(huge(prng))),
    }
}

fn vote(context: &mut Context<'_>, phase: Phase, honest: &Vote) -> Vote {
    let (view, slot) = place(context.prng, honest.view, honest.slot);
    let choice = (view, slot, honest.digest);
    Vote::sign((phase, context.group()), choice, (context.me(), context.signer()))
}

fn vector(context: &mut Context<'_>, honest: &AckVector) -> AckVector {
    let mut tips = honest.tips.clone();
    let mut clock = honest.clock;
    if context.prng.chance(500) {
        clock = UnixTime::from_micros(huge(context.prng));
    } else {
        let lane = context.prng.index(tips.len());
        let tip = tips[lane];
        // Beyond every window, or within it.
        let near = tip.seq.plus(1 + context.prng.below(LANE_WINDOW_BATCHES));
        let seq = [LaneSeq::new(huge(context.prng)), near][context.prng.index(2)];
        tips[lane] = Tip { seq, ..tip };
    }
    AckVector::sign(context.group(), (context.me(), clock), tips, context.signer())
}

fn proposal(context: &mut Context<'_>, honest: &PrePrepare) -> PrePrepare {
    let mut cut: Cut = (*honest.cut).clone();
    let mut view = honest.proposal.view;
    match context.prng.below(3) {
        0 => cut.slot = Slot::new(huge(context.prng)),
        1 => view = View::new(view.get().saturating_add(huge(context.prng))),
        _ => {
            let lane = context.prng.index(cut.tips.len());
            cut.tips[lane].seq = LaneSeq::new(huge(context.prng));
        }
    }
    let cut = HashedCut::new(cut);
    let proposal = SignedProposal::sign(context.group(), (view, &cut), context.signer());
    PrePrepare { proposal, cut, inline: honest.inline.clone() }
}

fn batch(context: &mut Context<'_>, honest: &Batch) -> Batch {
    let header = &honest.header.header;
    let place = (context.me(), LaneSeq::new(huge(context.prng)), header.previous);
    Batch::sign(context.group(), place, honest.contents.clone(), context.signer())
}

fn status(prng: &mut Prng, honest: &Status) -> Status {
    let mut status = honest.clone();
    for slot in [&mut status.committed, &mut status.executed, &mut status.stable] {
        if prng.chance(500) {
            *slot = Slot::new(huge(prng));
        }
    }
    if prng.chance(300) {
        status.floor = Slot::new(huge(prng));
    }
    if prng.chance(200) {
        status.view = View::new(huge(prng));
    }
    if prng.chance(300) {
        status.acknowledged.fill(LaneSeq::new(huge(prng)));
    }
    status
}

fn checkpoint(context: &mut Context<'_>, honest: &Checkpoint) -> Checkpoint {
    // One that never comes, or one of the next, of which it will say otherwise when it is repaired.
    let near = honest.statement.slot.plus(1 + context.prng.below(NEAR_SLOTS));
    let slot = [Slot::new(huge(context.prng)), near][context.prng.index(2)];
    let time = UnixTime::from_micros(huge(context.prng));
    let is_last = context.prng.chance(500);
    let statement = CheckpointStatement { slot, time, is_last, ..honest.statement };
    Checkpoint::sign(context.group(), statement, (context.me(), context.signer()))
}

fn exaggerated(context: &mut Context<'_>, honest: &Message) -> Option<Message> {
    Some(match honest {
        Message::Prepare(honest) => Message::Prepare(vote(context, Phase::Prepare, honest)),
        Message::Commit(honest) => Message::Commit(vote(context, Phase::Commit, honest)),
        Message::AckVector(honest) => Message::AckVector(Arc::new(vector(context, honest))),
        Message::PrePrepare(honest) => Message::PrePrepare(Arc::new(proposal(context, honest))),
        Message::Batch(honest) => Message::Batch(Arc::new(batch(context, honest))),
        Message::Checkpoint(honest) => Message::Checkpoint(checkpoint(context, honest)),
        Message::Status(honest) => Message::Status(status(context.prng, honest)),
        Message::NewLeader(_) => {
            let view = View::new(huge(context.prng));
            let seat = (context.me(), context.signer());
            Message::NewLeader(NewLeader::sign(context.group(), view, seat))
        }
        Message::ViewChange(honest) => {
            let view = View::new(huge(context.prng));
            let unsigned = ViewChange { view, from: context.me(), ..(**honest).clone() };
            let change = ViewChange::sign(context.group(), unsigned, context.signer());
            Message::ViewChange(Arc::new(change))
        }
        Message::FetchProposal(honest) => {
            Message::FetchProposal(FetchProposal { slot: Slot::new(u64::MAX), ..*honest })
        }
        Message::FetchSlots(_) => Message::FetchSlots(FetchSlots { above: Slot::new(u64::MAX) }),
        Message::FetchState(honest) => {
            let slot_min = Slot::new(huge(context.prng));
            Message::FetchState(FetchState { slot_min, after: honest.after.clone() })
        }
        Message::Request(_)
        | Message::Reply(_)
        | Message::NewLeaderProof(_)
        | Message::Accusation(_)
        | Message::NewView(_)
        | Message::FetchBatches(_)
        | Message::Slots(_)
        | Message::Ended(_)
        | Message::StateChunk(_) => return None,
    })
}

impl Villain<Holdings> for Giant {
    fn name(&self) -> &'static str {
        "giant"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        if context.prng.chance(self.per_mille)
            && let Some(huge) = exaggerated(context, &sending.message)
        {
            deeds.mark("liar.exaggerated");
            deeds.send(&peers(&sending.to), sending.class, huge);
        }
        deeds.pass(sending);
    }
}
