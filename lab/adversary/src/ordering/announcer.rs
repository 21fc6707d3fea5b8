//! Byzantine participant that floods its lane with announcements, more of them and longer ones than
//! a batch may hold among them (B12).

use quorate_bft::Message;
use quorate_bft::limits::{ANNOUNCEMENT_BYTES_MAX, BATCH_ANNOUNCEMENTS_MAX};
use quorate_bft::message::{Announcement, Batch, Contents};
use quorate_machine::Class;
use quorate_types::{Duration, Peer};

use super::lane::{Inbox, Lane};
use super::{Context, Deeds, Holdings, Villain};
use crate::Reception;

const PERIOD: Duration = Duration::from_millis(50);
/// Bundles of clients that go with a flood, if any wait.
const BUNDLES_MAX: usize = 4;

/// Makes the batches of its lane itself.
#[derive(Default, Debug)]
pub(super) struct Announcer {
    inbox: Inbox,
    lane: Lane,
    count: u64,
}

impl Announcer {
    fn flood(&mut self, count: usize, bytes: usize) -> Contents {
        self.count += 1;
        let mut operation = self.count.to_be_bytes().to_vec();
        operation.resize(bytes.max(operation.len()), 0);
        let announcements = vec![Announcement { operation }; count];
        Contents { announcements, bundles: self.inbox.next(BUNDLES_MAX) }
    }

    /// What no correct replica may acknowledge: one announcement too many, or one that is too long.
    fn invalid(&mut self, context: &mut Context<'_>, deeds: &mut Deeds) {
        let contents = if context.prng.chance(500) {
            self.flood(BATCH_ANNOUNCEMENTS_MAX + 1, 8)
        } else {
            self.flood(1, ANNOUNCEMENT_BYTES_MAX + 1)
        };
        let tip = self.lane.tip(context);
        let place = (context.me(), tip.seq.next(), tip.digest);
        deeds.mark("liar.announced_too_much");
        let batch = Batch::sign(context.group(), place, contents, context.signer());
        deeds.send(context.others(), Class::Ordered, Message::Batch(batch.into()));
    }
}

impl Villain<Holdings> for Announcer {
    fn name(&self) -> &'static str {
        "announcer"
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
            return self.invalid(context, deeds);
        }
        deeds.mark("liar.announced");
        let contents = self.flood(BATCH_ANNOUNCEMENTS_MAX, 64);
        let batch = self.lane.extend_by(context, contents);
        deeds.send(context.others(), Class::Ordered, Message::Batch(batch));
    }
}
