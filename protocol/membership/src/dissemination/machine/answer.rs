//! What a server sends to others that ask: within a bound for each of them, and for all.
//!
//! Invariants: MEM-65.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_machine::{Class, Effects};
use quorate_types::{NodeId, Peer};
use quorate_wire::encode;

use super::Disseminator;
use crate::dissemination::catching_up::short;
use crate::dissemination::message::{GetDelta, GetLeaves, GetRecords, Leaves, Message, Records};
use crate::limits::{
    ANSWERED_ALL_BYTES_MAX, ANSWERED_BYTES_MAX, ANSWERED_PEERS_MAX, CHUNK_BYTES, LEAVES_MAX,
    RECORDS_MAX,
};

/// What others have got in this round.
#[derive(Clone, Debug, Default)]
pub(super) struct Answered {
    bytes: BTreeMap<NodeId, usize>,
    all_bytes: usize,
    checked: BTreeSet<NodeId>,
}

impl Answered {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// MEM-65: counts an answer, if it still fits.
    fn admit(&mut self, peer: NodeId, bytes: usize) -> bool {
        // MEM-65: so many peers, so much for each, so much for all.
        let has_room = self.bytes.len() < ANSWERED_PEERS_MAX || self.bytes.contains_key(&peer);
        if !has_room || self.all_bytes + bytes > ANSWERED_ALL_BYTES_MAX {
            return false;
        }
        let before = self.bytes.entry(peer).or_default();
        if *before + bytes > ANSWERED_BYTES_MAX {
            return false;
        }
        *before += bytes;
        self.all_bytes += bytes;
        true
    }

    /// MEM-65: one signature of each peer is checked in a round.
    pub(super) fn may_be_checked(&mut self, peer: NodeId) -> bool {
        self.checked.len() < ANSWERED_PEERS_MAX && self.checked.insert(peer)
    }
}

impl Disseminator {
    fn answer(&mut self, to: NodeId, message: Message, effects: &mut Effects<Self>) {
        let bytes = encode(&message).len();
        if !self.answered.admit(to, bytes) {
            return effects.mark("dissemination: a peer asks for too much");
        }
        let is_short = matches!(message, Message::Digest(_) | Message::Header(_));
        let class = if is_short { Class::Control } else { Class::Bulk };
        effects.send(Peer::Node(to), class, message);
    }

    pub(super) fn send_header(&mut self, to: NodeId, effects: &mut Effects<Self>) {
        let header = Box::new(self.newest.header().certified().clone());
        self.answer(to, Message::Header(header), effects);
    }

    pub(super) fn say_epoch(&mut self, to: NodeId, effects: &mut Effects<Self>) {
        self.answer(to, self.digest(), effects);
    }

    pub(super) fn send_delta(
        &mut self,
        to: NodeId,
        request: &GetDelta,
        effects: &mut Effects<Self>,
    ) {
        let mut kept = self.kept.iter();
        let Some(delta) = kept.find(|delta| delta.epoch() == Some(request.epoch)).cloned() else {
            return effects.mark("dissemination: delta that is not kept");
        };
        let is_wanted = |index: &u16| request.wanted.is_empty() || request.wanted.contains(index);
        for (index, chunk) in (0_u16..).zip(delta.chunks()) {
            if is_wanted(&index) {
                self.answer(to, Message::Chunk(Arc::clone(chunk)), effects);
            }
        }
    }

    pub(super) fn send_leaves(
        &mut self,
        to: NodeId,
        request: GetLeaves,
        effects: &mut Effects<Self>,
    ) {
        if request.hash != self.newest.hash() {
            return self.send_header(to, effects);
        }
        let rest = self.newest.leaves().iter().skip(request.from as usize);
        let leaves: Vec<_> = rest.take(LEAVES_MAX).map(short).collect();
        let GetLeaves { hash, from } = request;
        self.answer(to, Message::Leaves(Leaves { hash, from, leaves }), effects);
    }

    pub(super) fn send_records(
        &mut self,
        to: NodeId,
        request: &GetRecords,
        effects: &mut Effects<Self>,
    ) {
        if request.hash != self.newest.hash() {
            return self.send_header(to, effects);
        }
        let members = &self.newest.configuration().members;
        let record = |position: &u32| Some((*position, members.get(*position as usize)?.clone()));
        let records = request.positions.iter().take(RECORDS_MAX).filter_map(record).collect();
        self.answer(to, Message::Records(Records { hash: request.hash, records }), effects);
    }
}

const _: () = assert!(CHUNK_BYTES < ANSWERED_BYTES_MAX, "a chunk is answered");
