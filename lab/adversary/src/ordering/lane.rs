//! A lane in a villain's hands: it takes the clients' bundles itself, and makes the batches.

use std::collections::VecDeque;
use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::message::{Batch, Bundle, Contents, Tip, lane_origin};
use quorate_machine::Class;
use quorate_types::{LaneSeq, Peer};

use super::{Context, Deeds};
use crate::Reception;

/// Bundles that wait for a batch.
const WAITING_MAX: usize = 256;
/// Batches that are kept to be sent again.
const KEPT_MAX: usize = 64;

/// A chain of batches in the villain's own lane.
#[derive(Default, Debug)]
pub(super) struct Lane {
    tip: Option<Tip>,
    /// The last batches, oldest first.
    pub(super) batches: VecDeque<Arc<Batch>>,
}

/// Bundles that clients sent to the villain.
#[derive(Default, Debug)]
pub(super) struct Inbox {
    waiting: VecDeque<Arc<Bundle>>,
    /// Bundles that went into a batch, to be used again.
    pub(super) used: VecDeque<Arc<Bundle>>,
}

impl Inbox {
    /// Takes a client's request, which the machine then does not get.
    pub(super) fn take(&mut self, message: &Message) -> Reception {
        let Message::Request(request) = message else { return Reception::Pass };
        if self.waiting.len() < WAITING_MAX && !self.waiting.contains(&request.bundle) {
            self.waiting.push_back(Arc::clone(&request.bundle));
        }
        Reception::Swallow
    }

    /// The next few bundles, in the order in which they came.
    pub(super) fn next(&mut self, count_max: usize) -> Vec<Arc<Bundle>> {
        let count = count_max.min(self.waiting.len());
        let bundles: Vec<_> = self.waiting.drain(..count).collect();
        self.used.extend(bundles.iter().cloned());
        while self.used.len() > KEPT_MAX {
            self.used.pop_front();
        }
        bundles
    }
}

impl Lane {
    /// The last batch, or the origin of the lane.
    pub(super) fn tip(&self, context: &Context<'_>) -> Tip {
        let digest = || lane_origin(context.group().epoch, context.me());
        self.tip.unwrap_or_else(|| Tip { seq: LaneSeq::ZERO, digest: digest() })
    }

    /// Makes the next batch.
    pub(super) fn extend(
        &mut self,
        context: &Context<'_>,
        bundles: Vec<Arc<Bundle>>,
    ) -> Arc<Batch> {
        self.extend_by(context, Contents::of_clients(bundles))
    }

    /// Makes the next batch of these contents.
    pub(super) fn extend_by(&mut self, context: &Context<'_>, contents: Contents) -> Arc<Batch> {
        let tip = self.tip(context);
        let place = (context.me(), tip.seq.next(), tip.digest);
        let batch = Arc::new(Batch::sign(context.group(), place, contents, context.signer()));
        self.tip = Some(Tip { seq: tip.seq.next(), digest: batch.digest() });
        self.batches.push_back(Arc::clone(&batch));
        if self.batches.len() > KEPT_MAX {
            self.batches.pop_front();
        }
        batch
    }

    /// Sends the batches that somebody asks for.
    pub(super) fn serve(&self, from: Peer, message: &Message, deeds: &mut Deeds) {
        let Message::FetchBatches(fetch) = message else { return };
        let is_asked = |batch: &&Arc<Batch>| fetch.digests.contains(&batch.digest());
        for batch in self.batches.iter().filter(is_asked) {
            deeds.send(&[from], Class::Ordered, Message::Batch(Arc::clone(batch)));
        }
    }
}

impl Lane {
    /// A chain that begins where this one ends.
    pub(super) fn at(other: &Self) -> Self {
        Self { tip: other.tip, batches: other.batches.clone() }
    }
}
