//! Byzantine replica that keeps the signed openings of clients' sessions, asks for them again when
//! the sessions are long closed, and has some ordered in its lane (B07, settled points 25).

use std::collections::VecDeque;
use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::message::{Bundle, BundleBody, Request};
use quorate_machine::Class;
use quorate_types::{Duration, Peer};

use super::lane::{Inbox, Lane};
use super::{Context, Deeds, Holdings, Villain};
use crate::Reception;

/// Openings that it keeps.
const HOARDED_MAX: usize = 64;
const PERIOD: Duration = Duration::from_millis(20);
/// Bundles of clients in one batch.
const BUNDLES_MAX: usize = 4;
/// How often it puts an opening in its own lane: the others must order what is there, and are
/// to be judged at rest when the run is over.
const REPLAYS_MAX: u32 = 256;

/// Keeps openings, asks the others for them again in their clients' names, and puts them in the
/// batches of its lane, which it makes itself.
#[derive(Default, Debug)]
pub(super) struct OpeningHoarder {
    inbox: Inbox,
    lane: Lane,
    openings: VecDeque<Arc<Bundle>>,
    replays: u32,
}

impl OpeningHoarder {
    fn keep(&mut self, bundle: &Arc<Bundle>) {
        let is_opening = matches!(bundle.body, BundleBody::Open { .. });
        if is_opening && self.openings.len() < HOARDED_MAX && !self.openings.contains(bundle) {
            self.openings.push_back(Arc::clone(bundle));
        }
    }

    fn any_opening(&self, context: &mut Context<'_>) -> Option<Arc<Bundle>> {
        let count = self.openings.len();
        (count > 0).then(|| Arc::clone(&self.openings[context.prng.index(count)]))
    }
}

impl Villain<Holdings> for OpeningHoarder {
    fn name(&self) -> &'static str {
        "opening-hoarder"
    }

    fn on_receive(
        &mut self,
        _: &mut Context<'_>,
        from: Peer,
        message: &Message,
        deeds: &mut Deeds,
    ) -> Reception {
        match message {
            Message::Request(request) => self.keep(&request.bundle),
            Message::Batch(batch) => {
                batch.contents.bundles.iter().for_each(|bundle| self.keep(bundle));
            }
            Message::PrePrepare(proposal) => {
                let bundles = proposal.inline.iter().flat_map(|batch| &batch.contents.bundles);
                bundles.for_each(|bundle| self.keep(bundle));
            }
            _ => {}
        }
        self.lane.serve(from, message, deeds);
        self.inbox.take(message)
    }

    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn on_alarm(&mut self, context: &mut Context<'_>, deeds: &mut Deeds) {
        let mut bundles = self.inbox.next(BUNDLES_MAX);
        if let Some(bundle) = self.any_opening(context).filter(|_| context.prng.chance(200)) {
            deeds.mark("liar.opening_asked_again");
            let request = Request { bundle: Arc::clone(&bundle), is_retry: true };
            deeds.send(context.others(), Class::Ordered, Message::Request(request));
            if self.replays < REPLAYS_MAX {
                deeds.mark("liar.opening_replayed");
                self.replays += 1;
                bundles.push(bundle);
            }
        }
        if !bundles.is_empty() {
            let batch = self.lane.extend(context, bundles);
            deeds.send(context.others(), Class::Ordered, Message::Batch(batch));
        }
    }
}
