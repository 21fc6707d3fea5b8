//! Byzantine participant that votes for everything: two cuts at once, in other views, again and
//! again (B02).

use std::collections::BTreeMap;

use quorate_bft::Message;
use quorate_bft::message::{Phase, Vote};
use quorate_types::{Digest, Peer, Slot, View};

use super::{Context, Deeds, Holdings, Sending, Villain, peers};
use crate::Reception;

/// Votes of others that it remembers, to vote for the same.
const REMEMBERED_MAX: usize = 64;

/// Votes more often than it may.
#[derive(Default, Debug)]
pub(super) struct DoubleVoter {
    /// Cuts that somebody voted for, by slot and view.
    seen: BTreeMap<(Slot, View, Digest), ()>,
}

impl DoubleVoter {
    /// A cut that somebody proposed for the slot, other than the one voted for; or an invented one.
    fn other(&self, vote: &Vote) -> (View, Digest) {
        let from = (vote.slot, View::ZERO, Digest::ZERO);
        let of_slot = self.seen.range(from..).take_while(|((slot, ..), ())| *slot == vote.slot);
        let mut others = of_slot.filter(|((.., digest), ())| *digest != vote.digest);
        match others.next() {
            Some(((_, view, digest), ())) => (*view, *digest),
            None => (vote.view, Digest::new([0xee; 32])),
        }
    }
}

impl Villain<Holdings> for DoubleVoter {
    fn name(&self) -> &'static str {
        "double-voter"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let (phase, vote) = match &*sending.message {
            Message::Prepare(vote) => (Phase::Prepare, *vote),
            Message::Commit(vote) => (Phase::Commit, *vote),
            Message::PrePrepare(it) if context.leads(it.proposal.view) => {
                let Some(vote) = it.proposal.vote(context.group()) else {
                    return deeds.pass(sending);
                };
                (Phase::Prepare, vote)
            }
            _ => return deeds.pass(sending),
        };
        let to = peers(&sending.to);
        let (kind, honest_count) = (context.prng.below(5), context.prng.below(3));
        let mut cast = |phase, choice| {
            let vote =
                Vote::sign((phase, context.group()), choice, (context.me(), context.signer()));
            deeds.send(
                &to,
                sending.class,
                match phase {
                    Phase::Prepare => Message::Prepare(vote),
                    Phase::Commit => Message::Commit(vote),
                },
            );
        };
        let (view, other) = self.other(&vote);
        match kind {
            0 => cast(phase, (vote.view, vote.slot, other)),
            1 => cast(Phase::Commit, (vote.view, vote.slot, vote.digest)),
            2 => cast(phase, (view, vote.slot, other)),
            3 => cast(phase, (vote.view.next(), vote.slot, vote.digest)),
            _ => cast(phase, (vote.view, vote.slot.next(), vote.digest)),
        }
        deeds.mark("liar.voted_twice");
        // The honest vote comes last, comes twice, or does not come.
        for _ in 0..honest_count {
            deeds.pass(sending.clone());
        }
    }

    fn on_receive(
        &mut self,
        context: &mut Context<'_>,
        _: Peer,
        message: &Message,
        _: &mut Deeds,
    ) -> Reception {
        let vote = match message {
            Message::Prepare(vote) | Message::Commit(vote) => Some(*vote),
            Message::PrePrepare(it) => it.proposal.vote(context.group()),
            _ => None,
        };
        if let Some(vote) = vote {
            self.seen.insert((vote.slot, vote.view, vote.digest), ());
            if self.seen.len() > REMEMBERED_MAX {
                self.seen.pop_first();
            }
        }
        Reception::Pass
    }
}
