//! With whom a server compares, and whom it asks: drawn from its id and the epoch's randomness.
//!
//! The same few in an epoch, in turn, so that a server needs few links.

use alloc::vec::Vec;

use quorate_crypto::{Domain, Hasher};
use quorate_types::{Duration, MemberStatus, NodeId};

use super::Disseminator;
use crate::dissemination::catching_up::Giver;
use crate::limits::PAGE_GIVERS;

/// After so many rounds the same peers have their turn again.
const TURNS: u64 = 4;
/// The turns of those who are asked when something is lacking begin here.
const FIRST_HELPER: u64 = 1_000;
/// The turns of those who give pages begin here.
const FIRST_GIVER: u64 = 2_000;
/// The turns of those who give all pages begin here.
const FIRST_ONE: u64 = 3_000;
/// Members that are looked at for one that is active.
const LOOKS: u64 = 16;

impl Disseminator {
    fn drawn(&self, turn: u64) -> u64 {
        let mut hasher = Hasher::new(Domain::DisseminationOrder);
        hasher.update(b"peer").update(self.parameters.me.as_bytes());
        hasher.update(self.newest.header().header().lineage.randomness.as_bytes());
        hasher.update(&turn.to_be_bytes());
        let mut number = [0; 8];
        number.copy_from_slice(&hasher.finish().as_bytes()[..8]);
        u64::from_be_bytes(number)
    }

    /// An active member, another for another turn; itself if it finds no other.
    fn peer(&self, turn: u64) -> NodeId {
        let members = &self.newest.configuration().members;
        let candidate = |look: u64| {
            let place = self.drawn(turn.wrapping_add(look << 32)) % members.len().max(1) as u64;
            let member = members.get(usize::try_from(place).ok()?)?;
            let is_peer = member.status == MemberStatus::Active
                && member.id != self.parameters.me
                && !self.refused.contains(&member.id);
            is_peer.then_some(member.id)
        };
        (0..LOOKS).find_map(candidate).unwrap_or(self.parameters.me)
    }

    /// Up to `count` peers of a round.
    pub(super) fn round_peers(&self, round: u64, count: usize) -> Vec<NodeId> {
        let begin = (round % TURNS) * count as u64;
        let mut peers: Vec<_> = (begin..begin + count as u64).map(|turn| self.peer(turn)).collect();
        peers.sort_unstable();
        peers.dedup();
        peers.retain(|peer| *peer != self.parameters.me);
        peers
    }

    /// Whom to ask now: somebody who sent a part, then others in turn.
    pub(super) fn helper(&self) -> NodeId {
        let turn = u64::from(self.repair_count);
        let is_good = |peer: &&NodeId| !self.refused.contains(*peer);
        let senders = self.assemblies.missing().map(|(_, senders)| senders);
        let senders: Vec<_> = senders.into_iter().flatten().filter(is_good).collect();
        match senders.get((turn / 2) as usize % senders.len().max(1)) {
            Some(sender) if turn % 2 == 1 => **sender,
            _ => self.peer(FIRST_HELPER + turn),
        }
    }

    /// Who gives the next page of leaves or records.
    pub(super) fn page_giver(&self, giver: Giver) -> NodeId {
        match giver {
            Giver::Many(turn) => self.peer(FIRST_GIVER + turn % PAGE_GIVERS),
            Giver::One(peer) => peer,
        }
    }

    /// Who gives all pages now: first whoever told of the configuration, then others, as they are
    /// drawn. One may be drawn twice, and whoever told of it as well.
    pub(super) fn next_one(&mut self) -> NodeId {
        let herald = self.herald.take().filter(|herald| !self.refused.contains(herald));
        self.one_count += 1;
        herald.unwrap_or_else(|| self.peer(FIRST_ONE + self.one_count))
    }

    /// Servers do not all compare at the same moment.
    pub(super) fn first_round(&self) -> Duration {
        let round = self.parameters.round.as_micros();
        Duration::from_micros(self.drawn(u64::MAX) % round.max(1))
    }
}
