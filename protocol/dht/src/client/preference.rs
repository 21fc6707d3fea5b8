//! Whom to ask first: each member as often as the others, but last whoever did not deliver lately.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use quorate_types::{Instant, NodeId, Now, ReplicaId};

use crate::limits::CLIENT_PENALTY;
use crate::ring::Group;

/// The golden ratio of 2^64: its multiples spread evenly.
const TURN_STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Which members of groups a client asks first.
#[derive(Debug)]
pub(super) struct Preference {
    turn: u64,
    penalties: BTreeMap<NodeId, Instant>,
}

impl Preference {
    pub(super) const fn new(turn: u64) -> Self {
        Self { turn, penalties: BTreeMap::new() }
    }

    /// The members of a group in the order in which to ask them.
    pub(super) fn order(&mut self, now: Now, group: &Group) -> Vec<ReplicaId> {
        self.penalties.retain(|_, until| now.instant < *until);
        self.turn = self.turn.wrapping_add(TURN_STEP);
        let mut places: Vec<ReplicaId> = group.resilience().members().collect();
        let count = places.len() as u64;
        // The high bits, so that no rhythm of operations favours a member.
        let shift = (self.turn >> 32) % count;
        let shift = usize::try_from(shift).expect("a group has at most 64 members");
        places.rotate_left(shift);
        places.sort_by_key(|place| self.penalties.contains_key(&group.member(*place)));
        places
    }

    /// This server did not deliver. The table holds servers of the ring alone.
    pub(super) fn penalise(&mut self, now: Now, node: NodeId) {
        self.penalties.insert(node, now.instant.after(CLIENT_PENALTY));
    }

    /// This server delivered.
    pub(super) fn forgive(&mut self, node: NodeId) {
        self.penalties.remove(&node);
    }
}
