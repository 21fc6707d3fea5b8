//! Byzantine participant that signs two batches for each place of its lane, shows each to one side
//! and acknowledges both; it also acknowledges what it never saw (B13, settled points 13).

use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::message::{AckVector, Batch, Tip};
use quorate_history::Prng;
use quorate_machine::Class;
use quorate_types::{Duration, Peer};

use super::lane::{Inbox, Lane};
use super::splits::Split;
use super::{Context, Deeds, Holdings, Sending, Villain};
use crate::Reception;

const PERIOD: Duration = Duration::from_millis(20);
/// Bundles of clients in one batch.
const BUNDLES_MAX: usize = 4;

/// Keeps two chains in one lane.
#[derive(Debug)]
pub(super) struct LaneForker {
    split: Split,
    inbox: Inbox,
    left: Lane,
    right: Lane,
    /// The chains are one up to the first fork.
    has_forked: bool,
    fork_per_mille: u64,
}

impl LaneForker {
    pub(super) fn new(prng: &mut Prng) -> Self {
        Self {
            split: Split::ALL[prng.index(Split::ALL.len())],
            inbox: Inbox::default(),
            left: Lane::default(),
            right: Lane::default(),
            has_forked: false,
            fork_per_mille: [10, 100, 1_000][prng.index(3)],
        }
    }

    /// The honest vector with this lane's tip replaced.
    fn vector(context: &Context<'_>, honest: &AckVector, tip: Tip) -> Message {
        let mut tips = honest.tips.clone();
        tips[context.me().index()] = tip;
        let from = (honest.from, honest.clock);
        Message::AckVector(Arc::new(AckVector::sign(context.group(), from, tips, context.signer())))
    }
}

impl Villain<Holdings> for LaneForker {
    fn name(&self) -> &'static str {
        "lane-forker"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let Message::AckVector(honest) = &*sending.message else { return deeds.pass(sending) };
        if honest.from != context.me() {
            return deeds.pass(sending);
        }
        let (left, right) = self.split.parts(context);
        let left_tip = self.left.tip(context);
        let right_tip = if self.has_forked { self.right.tip(context) } else { left_tip };
        deeds.mark("liar.acknowledged_both");
        deeds.send(&left, sending.class, Self::vector(context, honest, left_tip));
        deeds.send(&right, sending.class, Self::vector(context, honest, right_tip));
    }

    fn on_receive(
        &mut self,
        _: &mut Context<'_>,
        from: Peer,
        message: &Message,
        deeds: &mut Deeds,
    ) -> Reception {
        self.left.serve(from, message, deeds);
        self.right.serve(from, message, deeds);
        self.inbox.take(message)
    }

    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn on_alarm(&mut self, context: &mut Context<'_>, deeds: &mut Deeds) {
        let bundles = self.inbox.next(BUNDLES_MAX);
        if bundles.is_empty() {
            return;
        }
        if !self.has_forked && !context.prng.chance(self.fork_per_mille) {
            // Honest for now: both chains are this one.
            let batch = self.left.extend(context, bundles);
            self.right = Lane::at(&self.left);
            return deeds.send(context.others(), Class::Ordered, Message::Batch(batch));
        }
        self.has_forked = true;
        deeds.mark("liar.lane_forked");
        let (left, right) = self.split.parts(context);
        let doubled: Vec<_> = bundles.iter().chain(&bundles).cloned().collect();
        let one: Arc<Batch> = self.left.extend(context, bundles);
        let other = self.right.extend(context, doubled);
        deeds.send(&left, Class::Ordered, Message::Batch(one));
        deeds.send(&right, Class::Ordered, Message::Batch(other));
    }
}
