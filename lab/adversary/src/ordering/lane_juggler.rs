//! Byzantine participant that fills its lane with requests out of order, doubled, old, foreign and
//! useless, with an invalid one in between, and with nothing (B12).

use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::message::{Batch, Bundle, BundleBody, Contents};
use quorate_machine::Class;
use quorate_types::{Duration, Peer, RequestId};

use super::lane::{Inbox, Lane};
use super::{Context, Deeds, Holdings, Villain};
use crate::Reception;

const PERIOD: Duration = Duration::from_millis(20);
/// Bundles of clients in one batch.
const BUNDLES_MAX: usize = 4;

/// Makes the batches of its lane itself.
#[derive(Default, Debug)]
pub(super) struct LaneJuggler {
    inbox: Inbox,
    lane: Lane,
}

impl LaneJuggler {
    fn juggled(&mut self, context: &mut Context<'_>, deeds: &mut Deeds) -> Vec<Arc<Bundle>> {
        let mut bundles = self.inbox.next(BUNDLES_MAX);
        match context.prng.below(5) {
            0 => {
                bundles.reverse();
                deeds.mark("liar.reordered");
            }
            1 => {
                bundles.extend(bundles.clone());
                deeds.mark("liar.doubled");
            }
            2 => {
                bundles.extend(self.inbox.used.iter().take(2).cloned());
                deeds.mark("liar.used_again");
            }
            _ => {}
        }
        if bundles.is_empty()
            && context.prng.chance(200)
            && let Some(filler) = self.inbox.used.front()
        {
            deeds.mark("liar.filler");
            bundles.push(Arc::clone(filler));
        }
        bundles
    }

    /// What no correct replica may acknowledge: nothing, or a request that its client never made.
    fn invalid(&self, context: &Context<'_>, deeds: &mut Deeds) {
        let tip = self.lane.tip(context);
        let place = (context.me(), tip.seq.next(), tip.digest);
        let mut bundles = Vec::new();
        if let Some(bundle) = self.inbox.used.back() {
            let mut forged = (**bundle).clone();
            match &mut forged.body {
                BundleBody::Open { opening, .. } => {
                    opening.number = opening.number.wrapping_add(1);
                }
                BundleBody::Invoke { ack_upto, .. } => *ack_upto = RequestId::new(u64::MAX),
            }
            bundles = vec![Arc::clone(bundle), Arc::new(forged), Arc::clone(bundle)];
        }
        deeds.mark("liar.batch_invalid");
        let batch =
            Batch::sign(context.group(), place, Contents::of_clients(bundles), context.signer());
        deeds.send(context.others(), Class::Ordered, Message::Batch(Arc::new(batch)));
    }
}

impl Villain<Holdings> for LaneJuggler {
    fn name(&self) -> &'static str {
        "lane-juggler"
    }

    fn on_receive(
        &mut self,
        _: &mut Context<'_>,
        from: Peer,
        message: &Message,
        deeds: &mut Deeds,
    ) -> Reception {
        self.lane.serve(from, message, deeds);
        self.inbox.take(message)
    }

    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn on_alarm(&mut self, context: &mut Context<'_>, deeds: &mut Deeds) {
        if context.prng.chance(50) {
            self.invalid(context, deeds);
        }
        let bundles = self.juggled(context, deeds);
        if !bundles.is_empty() {
            let batch = self.lane.extend(context, bundles);
            deeds.send(context.others(), Class::Ordered, Message::Batch(batch));
        } else if context.prng.chance(100)
            && let Some(batch) = self.lane.batches.back()
        {
            deeds.send(context.others(), Class::Ordered, Message::Batch(Arc::clone(batch)));
        }
    }
}
