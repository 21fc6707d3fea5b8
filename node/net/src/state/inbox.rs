//! What arrived and waits for the caller: bounded per connection, taken in turns.
//!
//! # Invariants
//! - NET-13: a connection whose frames are not taken is not read beyond its limit, one read and
//!   one frame; other connections are.
//! - NET-14: a peer that fills its share delays another peer's frame of the same class by at most
//!   one turn.

use tokio::time::Instant;

use super::{Admission, State, Ticket};
use crate::counters::{count, raise};
use crate::event::{Event, Inbound};
use crate::frame::Class;
use crate::limits::{
    BATCH_BYTES_MAX, BATCH_FRAMES_MAX, EVENTS_MAX, FRAME_BYTES_MAX, FRAME_COST_BYTES,
    READ_BUFFER_BYTES, TURN_BYTES_MAX, TURN_FRAMES_MAX,
};
use crate::outbound::{cost, link_of};
use crate::peer::{PeerId, Phase};

/// The most that one read and one frame add to what is pending: every byte may be a fifth of an
/// empty frame.
const OVERSHOOT_BYTES_MAX: usize =
    FRAME_BYTES_MAX + FRAME_COST_BYTES * (READ_BUFFER_BYTES / 5 + 2) + READ_BUFFER_BYTES;

impl State {
    /// Whether a connection may be read now.
    pub(crate) fn admission(&mut self, ticket: &Ticket, now: Instant) -> Admission {
        let limit = self.limits.pending_bytes;
        let peer = self.peers.get_mut(&ticket.id);
        let Some(peer) = peer.filter(|peer| peer.link(ticket.link).is(ticket.number)) else {
            return Admission::Gone;
        };
        if peer.link(ticket.link).pending >= limit {
            return Admission::Pending;
        }
        let own = peer.cpu.pause(now).max(peer.link_mut(ticket.link).bytes.pause(now));
        let pause = if peer.is_stranger() { own.max(self.strangers.pause(now)) } else { own };
        if pause.is_zero() { Admission::Open } else { Admission::Pause(pause) }
    }

    /// Takes the frames of one read of a connection; its byte budget is `charged`.
    pub(crate) fn deliver(
        &mut self,
        ticket: &Ticket,
        frames: Vec<(Class, Vec<u8>)>,
        charged: usize,
    ) {
        let limit = self.limits.pending_bytes;
        let peer = self.peers.get_mut(&ticket.id);
        let current = peer.filter(|it| it.is_up() && it.link(ticket.link).is(ticket.number));
        let Some(peer) = current else {
            frames.iter().for_each(|_| count(&self.counters.dropped_inbound));
            return;
        };
        let now = Instant::now();
        peer.link_mut(ticket.link).bytes.take(charged as u64, now);
        if peer.is_stranger() {
            self.strangers.take_bytes(charged, now);
        }
        for (class, body) in frames {
            self.counters.frames_in.add(class, 1);
            let link = peer.link_mut(ticket.link);
            link.pending += cost(body.len());
            let queue = &mut peer.inbound[class.index()];
            if queue.is_empty() {
                self.turns[class.index()].push_back(ticket.id);
            }
            queue.push_back(body);
        }
        let pending = peer.link(ticket.link).pending;
        assert!(
            pending <= limit.saturating_add(OVERSHOOT_BYTES_MAX),
            "NET-13: {pending} bytes of {:?} wait for the caller",
            ticket.id.0
        );
        raise(&self.counters.pending_bytes_peak, pending);
    }

    /// Reports a connection that did not come up, unless the caller is too slow to hear it.
    pub(crate) fn report(&mut self, event: Event) {
        if self.events.len() >= EVENTS_MAX / 2 {
            count(&self.counters.events_dropped);
        } else {
            self.events.push_back(event);
        }
    }

    /// Whether no event will ever come again.
    pub(crate) fn is_finished(&self) -> bool {
        self.closed && self.peers.values().all(|peer| *peer.phase() == Phase::Down)
    }

    /// Whether there is something to take.
    pub(crate) fn has_event(&self) -> bool {
        !self.events.is_empty() || self.turns.iter().any(|turns| !turns.is_empty())
    }

    /// The next event, if there is one.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        let Some(event) = self.events.pop_front() else {
            let batch = self.take_batch();
            return (!batch.is_empty()).then_some(Event::Frames(batch));
        };
        if let Event::Up { peer: key, .. } | Event::Down { peer: key, .. } = &event {
            self.event_taken(*key);
        }
        Some(event)
    }

    fn event_taken(&mut self, key: crate::identity::PeerKey) {
        for (_, peer) in self.sessions_mut(key) {
            peer.events_waiting = peer.events_waiting.saturating_sub(1);
            peer.tell_change();
        }
    }

    /// Takes a bounded share of every class, in order of priority.
    pub(super) fn take_batch(&mut self) -> Vec<Inbound> {
        let mut batch = Vec::new();
        for class in Class::ALL {
            let (first, mut bytes) = (batch.len(), 0);
            while batch.len() - first < BATCH_FRAMES_MAX && bytes < BATCH_BYTES_MAX {
                let Some(id) = self.turns[class.index()].pop_front() else { break };
                bytes += self.take_turn(id, class, &mut batch);
                self.settle(id);
            }
        }
        batch
    }

    /// One turn of one peer; returns the bytes taken.
    fn take_turn(&mut self, id: PeerId, class: Class, batch: &mut Vec<Inbound>) -> usize {
        let limit = self.limits.pending_bytes;
        let Some(peer) = self.peers.get_mut(&id) else { return 0 };
        let (mut frames, mut bytes) = (0, 0);
        while frames < TURN_FRAMES_MAX && bytes < TURN_BYTES_MAX {
            let Some(body) = peer.inbound[class.index()].pop_front() else { break };
            frames += 1;
            bytes += cost(body.len());
            batch.push(Inbound { peer: id.0, kind: peer.kind, class, bytes: body });
        }
        assert!(frames <= TURN_FRAMES_MAX, "NET-14: a turn of {frames} frames");
        let more = !peer.inbound[class.index()].is_empty();
        let link = peer.link_mut(link_of(class));
        let was_full = link.pending >= limit;
        link.pending -= bytes;
        if was_full && link.pending < limit {
            link.reader.notify_one();
        }
        if more {
            self.turns[class.index()].push_back(id);
        }
        bytes
    }
}
