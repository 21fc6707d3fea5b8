//! What waits to be written: bounded per peer, for all clients and for all strangers.
//!
//! # Invariants
//! - NET-12: the queues of all clients together never pass their limit.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::{State, Ticket};
use crate::counters::{count, raise};
use crate::event::Sent;
use crate::frame::Class;
use crate::hello::PeerKind;
use crate::identity::PeerKey;
use crate::limits::FRAME_BYTES_MAX;
use crate::outbound::{Flush, Outbound, cost, link_of};
use crate::peer::PeerId;

impl State {
    /// Queues a frame for every session of a peer.
    pub(crate) fn send(&mut self, key: PeerKey, class: Class, body: &Arc<Vec<u8>>) -> Sent {
        let ids: Vec<PeerId> = match self.peers.contains_key(&(key, 0)) {
            true => vec![(key, 0)],
            false => self.sessions(key).map(|(id, _)| *id).collect(),
        };
        let mut sent = Sent::Down;
        for id in ids {
            let outcome = self.send_to(id, class, body);
            match outcome {
                Sent::Full => self.counters.dropped_full.add(class, 1),
                Sent::TooLarge => count(&self.counters.dropped_too_large),
                Sent::Queued | Sent::Down => {}
            }
            if sent != Sent::Queued && outcome != Sent::Down {
                sent = outcome;
            }
        }
        if sent == Sent::Down {
            self.counters.dropped_down.add(class, 1);
        }
        sent
    }

    fn send_to(&mut self, id: PeerId, class: Class, body: &Arc<Vec<u8>>) -> Sent {
        let Some(peer) = self.peers.get(&id).filter(|peer| peer.is_up()) else {
            return Sent::Down;
        };
        let cost = cost(body.len());
        if body.len() > FRAME_BYTES_MAX || cost > peer.outbound.limit(class) {
            return Sent::TooLarge;
        }
        let is_full = peer.kind == PeerKind::Client
            && self.clients_queue_bytes + cost > self.limits.clients_queue_bytes;
        if is_full || (peer.is_stranger() && !self.strangers.have_room_for(cost)) {
            return Sent::Full;
        }
        let writer = peer.link(link_of(class)).writer.clone();
        let bytes = self.with_outbound(id, |outbound| {
            outbound.push(class, body.clone()).map(|()| outbound.bytes(class))
        });
        let Some(Ok(bytes)) = bytes else { return Sent::Full };
        self.counters.queue_bytes_peak.raise(class, bytes);
        writer.notify_one();
        Sent::Queued
    }

    /// Changes the queues of a peer and keeps the sums over peers right.
    pub(super) fn with_outbound<T>(
        &mut self,
        id: PeerId,
        change: impl FnOnce(&mut Outbound) -> T,
    ) -> Option<T> {
        let peer = self.peers.get_mut(&id)?;
        let before = peer.outbound.bytes_total();
        let result = change(&mut peer.outbound);
        let after = peer.outbound.bytes_total();
        if after >= before {
            self.counters.queue_bytes.fetch_add((after - before) as u64, Relaxed);
        } else {
            self.counters.queue_bytes.fetch_sub((before - after) as u64, Relaxed);
        }
        if peer.kind == PeerKind::Client {
            self.clients_queue_bytes = self.clients_queue_bytes + after - before;
            assert!(
                self.clients_queue_bytes <= self.limits.clients_queue_bytes,
                "NET-12: {} bytes queued for clients",
                self.clients_queue_bytes
            );
            raise(&self.counters.clients_queue_bytes_peak, self.clients_queue_bytes);
        }
        if peer.is_stranger() {
            self.strangers.change_queue(before, after);
            raise(&self.counters.strangers_queue_bytes_peak, self.strangers.queue_bytes());
        }
        Some(result)
    }

    /// The next write of a connection.
    pub(crate) fn take_flush(
        &mut self,
        ticket: &Ticket,
        buffer: Vec<u8>,
    ) -> Result<Flush, Vec<u8>> {
        let peer = self.peers.get_mut(&ticket.id);
        let Some(peer) = peer.filter(|peer| peer.link(ticket.link).is(ticket.number)) else {
            return Err(buffer);
        };
        peer.outbound.take(ticket.link, buffer)
    }

    /// The write taken last is done.
    pub(crate) fn flush_written(&mut self, ticket: &Ticket, flush: &Flush) {
        self.with_outbound(ticket.id, |outbound| outbound.written(ticket.link));
        for class in Class::ALL {
            self.counters.frames_out.add(class, flush.frames[class.index()]);
        }
        count(&self.counters.flushes_out);
        if let Ok(waited) = usize::try_from(flush.control_waited) {
            raise(&self.counters.control_flushes_waited_max, waited);
        }
    }
}
