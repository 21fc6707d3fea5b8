//! Batches travel in lanes, and vectors say who holds them.
//!
//! Settled points 2, 13, 18, 26. Upon a batch of another replica's lane that follows what is
//! acknowledged there: make it durable, acknowledge it. Upon bundles of one's own clients: make
//! the next batch of one's own lane when the last one is proven, so that batches grow with the
//! load and no timer stands in the path.

use alloc::sync::Arc;

use quorate_machine::{Class, Plant, Service, planted};
use quorate_types::{Digest, Instant, ReplicaId};

use super::{Replica, Timer, Turn};
use crate::lanes::{Lane, Placement};
use crate::limits::{BATCH_BYTES_MAX, INLINE_BYTES_MAX, LANE_WINDOW_BATCHES};
use crate::message::{AckVector, Batch, Contents, Message, Tip};
use crate::record::Record;

/// When this replica last said what it holds.
#[derive(Debug, Default)]
pub(super) struct Acknowledging {
    sent: Option<(Instant, Arc<AckVector>)>,
    is_armed: bool,
}

impl Acknowledging {
    pub(super) fn last(&self) -> Option<&Arc<AckVector>> {
        self.sent.as_ref().map(|(_, vector)| vector)
    }

    pub(super) fn is_stale(&self, tips: &[Tip]) -> bool {
        self.last().is_none_or(|vector| vector.tips != tips)
    }
}

impl<S: Service> Replica<S> {
    /// Takes a batch from its owner, or from whoever served it.
    pub(super) fn on_batch(&mut self, turn: &mut Turn<'_, S>, batch: Arc<Batch>) {
        let digest = batch.digest();
        if self.fetching.take_batch(digest) {
            turn.mark("bft.batch_fetched");
            self.bodies.insert(digest, Arc::clone(&batch));
            self.hold(turn, batch, digest);
            self.execute_ready(turn);
            self.accept_ready(turn);
            return;
        }
        self.hold(turn, batch, digest);
    }

    /// Acknowledges a batch where it belongs.
    fn hold(&mut self, turn: &mut Turn<'_, S>, batch: Arc<Batch>, digest: Digest) {
        let owner = batch.header.header.lane;
        let lane = self.lanes.lane_mut(owner);
        if lane.is_forked {
            return turn.mark("bft.lane_forked_batch");
        }
        match lane.place(&batch, digest) {
            Placement::Known => turn.mark("bft.batch_known"),
            Placement::OutOfWindow => turn.mark("bft.batch_out_of_window"),
            Placement::Ahead => {
                lane.keep_ahead(batch);
                turn.mark("bft.batch_ahead");
                self.fetch_soon(turn);
            }
            Placement::Forked => {
                lane.is_forked = true;
                turn.mark("bft.lane_forked");
            }
            Placement::Next => self.acknowledge_from(turn, batch, digest),
        }
    }

    fn acknowledge_from(&mut self, turn: &mut Turn<'_, S>, batch: Arc<Batch>, digest: Digest) {
        let owner = batch.header.header.lane;
        let mut next = Some((batch, digest));
        while let Some((batch, digest)) = next {
            self.persist(turn, Record::Batch(Arc::clone(&batch)));
            self.lanes.lane_mut(owner).acknowledge(&batch, digest);
            self.bodies.insert(digest, batch);
            let lane = self.lanes.lane_mut(owner);
            next = lane.take_next().and_then(|batch| {
                let digest = batch.digest();
                (lane.place(&batch, digest) == Placement::Next).then_some((batch, digest))
            });
        }
        self.schedule_vector(turn);
    }

    /// Acknowledges batches that waited behind a gap which execution has closed.
    pub(super) fn fill_lanes(&mut self, turn: &mut Turn<'_, S>) {
        for owner in self.group.resilience.members() {
            let lane = self.lanes.lane_mut(owner);
            let Some(batch) = lane.take_next().filter(|_| !lane.is_forked) else { continue };
            let digest = batch.digest();
            if lane.place(&batch, digest) == Placement::Next {
                self.acknowledge_from(turn, batch, digest);
            }
        }
    }

    /// Makes the next batch of this replica's own lane, if it is time for one.
    pub(super) fn flush_lane(&mut self, turn: &mut Turn<'_, S>) {
        while !self.requests.is_empty() && self.may_flush() {
            let contents = self.requests.take(BATCH_BYTES_MAX);
            let batch = self.next_own_batch(contents);
            let digest = batch.digest();
            turn.mark("bft.batch_made");
            if planted(Plant::BatchBeforePersist) {
                self.broadcast(turn, Class::Ordered, Message::Batch(Arc::clone(&batch)));
            }
            self.acknowledge_from(turn, Arc::clone(&batch), digest);
            self.broadcast(turn, Class::Ordered, Message::Batch(batch));
        }
    }

    fn may_flush(&self) -> bool {
        let own = self.lanes.lane(self.me);
        let held = own.acknowledged.seq.since(own.executed.seq);
        if own.is_forked || own.has_gap() || held >= LANE_WINDOW_BATCHES {
            return false;
        }
        let waiting_bytes = self.requests.queued_bytes();
        if self.will_propose_inline() {
            return waiting_bytes > INLINE_BYTES_MAX;
        }
        let unproven = own.acknowledged.seq > own.proven(self.quorum(), own.acknowledged.seq);
        let is_waiting = unproven && own.acknowledged.seq > own.executed.seq;
        !is_waiting || waiting_bytes >= BATCH_BYTES_MAX / 2
    }

    /// The batch with these contents behind what this replica's lane holds.
    pub(super) fn next_own_batch(&self, contents: Contents) -> Arc<Batch> {
        let tip = self.lanes.lane(self.me).acknowledged;
        let place = (self.me, tip.seq.next(), tip.digest);
        Arc::new(Batch::sign(&self.group, place, contents, self.signer()))
    }

    /// Says soon what is held: at once, unless that was said a moment ago.
    pub(super) fn schedule_vector(&mut self, turn: &mut Turn<'_, S>) {
        if self.acknowledging.is_armed {
            return;
        }
        let interval = self.parameters.ack_interval;
        let due = self.acknowledging.sent.as_ref().map(|(sent, _)| sent.after(interval));
        match due.filter(|due| *due > turn.now.instant) {
            None => self.send_vector(turn),
            Some(due) => {
                self.acknowledging.is_armed = true;
                turn.arm(Timer::Acknowledge, due);
            }
        }
    }

    /// Says what is held. What it covers is durable: every batch was persisted when it was
    /// acknowledged, before this effect.
    pub(super) fn send_vector(&mut self, turn: &mut Turn<'_, S>) {
        let tips = self.lanes.acknowledged();
        let vector = AckVector::sign(&self.group, (self.me, turn.now.wall), tips, self.signer());
        let vector = Arc::new(vector);
        self.acknowledging.is_armed = false;
        self.acknowledging.sent = Some((turn.now.instant, Arc::clone(&vector)));
        self.lanes.take_vector(&vector);
        self.broadcast(turn, Class::Ordered, Message::AckVector(vector));
    }

    /// Takes what another replica says of itself; an old vector that a third one brings again says
    /// nothing.
    pub(super) fn on_ack_vector(
        &mut self,
        turn: &mut Turn<'_, S>,
        sender: ReplicaId,
        vector: &Arc<AckVector>,
    ) {
        if vector.from != sender {
            return turn.mark("bft.vector_relayed");
        }
        if self.lanes.take_vector(vector) {
            turn.mark("bft.vector_news");
        }
        let is_ahead = |(lane, tip): (&Lane, &Tip)| tip.seq > lane.acknowledged.seq;
        if self.lanes.all().iter().zip(&vector.tips).any(is_ahead) {
            self.fetch_soon(turn);
        }
    }
}
