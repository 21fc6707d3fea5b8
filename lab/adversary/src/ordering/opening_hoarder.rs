//! Byzantine replica that keeps the signed openings of clients' sessions, and has them ordered
//! again when the sessions are long closed (B07, settled points 25).

use std::collections::VecDeque;
use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::message::{Bundle, BundleBody, Request};
use quorate_machine::Class;
use quorate_types::{Duration, Peer};

use super::{Context, Deeds, Holdings, Villain};
use crate::Reception;

/// Openings that it keeps, the oldest first.
const HOARDED_MAX: usize = 64;
const PERIOD: Duration = Duration::from_millis(100);

/// Keeps openings, and asks the others for them again in their clients' names.
#[derive(Default, Debug)]
pub(super) struct OpeningHoarder {
    openings: VecDeque<Arc<Bundle>>,
}

impl OpeningHoarder {
    fn keep(&mut self, bundle: &Arc<Bundle>) {
        let is_opening = matches!(bundle.body, BundleBody::Open { .. });
        if is_opening && self.openings.len() < HOARDED_MAX && !self.openings.contains(bundle) {
            self.openings.push_back(Arc::clone(bundle));
        }
    }
}

impl Villain<Holdings> for OpeningHoarder {
    fn name(&self) -> &'static str {
        "opening-hoarder"
    }

    fn on_receive(
        &mut self,
        _: &mut Context<'_>,
        _: Peer,
        message: &Message,
        _: &mut Deeds,
    ) -> Reception {
        match message {
            Message::Request(request) => self.keep(&request.bundle),
            Message::Batch(batch) => batch.bundles.iter().for_each(|bundle| self.keep(bundle)),
            Message::PrePrepare(proposal) => {
                let bundles = proposal.inline.iter().flat_map(|batch| &batch.bundles);
                bundles.for_each(|bundle| self.keep(bundle));
            }
            _ => {}
        }
        Reception::Pass
    }

    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn on_alarm(&mut self, context: &mut Context<'_>, deeds: &mut Deeds) {
        if self.openings.is_empty() {
            return;
        }
        let bundle = Arc::clone(&self.openings[context.prng.index(self.openings.len())]);
        deeds.mark("liar.opening_replayed");
        let request = Request { bundle, is_retry: true };
        deeds.send(context.others(), Class::Ordered, Message::Request(request));
    }
}
