//! Byzantine server that gives nothing of itself: no part of a signature, no acknowledgement, no
//! completion, and its dealing to some recipients only (M06).

use quorate_history::Prng;
use quorate_membership::handover::message::Message;

use super::{Context, Deeds, Holdings, Sending, Villain};

/// Drops what others wait for.
#[derive(Debug)]
pub(super) struct ShareWithholder {
    /// Chance in 1,000 that a recipient gets its dealing.
    deals_per_mille: u64,
}

impl ShareWithholder {
    pub(super) fn new(prng: &mut Prng) -> Self {
        Self { deals_per_mille: [0, 500][prng.index(2)] }
    }
}

impl Villain<Holdings> for ShareWithholder {
    fn name(&self) -> &'static str {
        "share-withholder"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let is_withheld = match &sending.message.message {
            Message::Part(_) | Message::Acknowledgement(_) | Message::Completion(_) => true,
            Message::Dealing(_) => !context.prng.chance(self.deals_per_mille),
            Message::News(_)
            | Message::Deposit(_)
            | Message::EndVote(_)
            | Message::AbortVote(_)
            | Message::FetchDealing(_)
            | Message::Grievance(_)
            | Message::Help(_)
            | Message::Certified(_) => false,
        };
        if is_withheld { deeds.mark("liar.share_withheld") } else { deeds.pass(sending) }
    }
}
