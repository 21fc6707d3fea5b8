//! Who passes the configuration of an epoch on to whom: the same answer at every server.
//!
//! Census (ATC'09): trees that follow from the configuration need no protocol to keep them up. The
//! members of the old group hold the configuration first; they feed the tops of two trees, each top
//! fed by two of them. Inside, a server passes on in one tree and is a leaf of the other, so one
//! that is silent keeps the delta from nobody. The order is a hash of the new epoch's randomness,
//! which nobody could foresee; the members of the new group come first in it. Who is new, inactive
//! or no member any more is a leaf in both.
//!
//! ```text
//!  old group     o0     o1     o2     o3        each top is fed by two
//!                  \   /  \   /  \   /
//!  tree 0           t0     t1     t2  ..       fan-out F
//!                 / | \  / | \
//!  interior       ........            F children each, from one half of the servers
//!  leaves         the rest of it, the other half, who is new, who is out
//! ```
//!
//! Invariants: MEM-64, MEM-66.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::{Domain, Hasher};
use quorate_types::{Digest, MemberRecord, MemberStatus, NodeId};

use crate::configuration::VerifiedConfiguration;

/// Trees over which every delta goes.
pub const TREES: usize = 2;
/// Sources that feed each top of a tree.
const FEEDS: usize = 2;

/// The trees of the step from one epoch to the next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trees {
    sources: Vec<NodeId>,
    /// Everybody who is told, in ascending order of id.
    servers: Vec<NodeId>,
    /// Servers by their index, in the order of each tree.
    orders: [Vec<u32>; TREES],
    /// Positions in the orders, for each server.
    places: Vec<[u32; TREES]>,
    top_count: usize,
    fan_out: usize,
}

impl Trees {
    /// The trees of the step from `old` to `new`; `fan_out` is at least 1.
    #[must_use]
    pub fn of(old: &VerifiedConfiguration, new: &VerifiedConfiguration, fan_out: usize) -> Self {
        let sources = old.configuration().membership_group.clone();
        let Ranks { servers, first, inner, leaves } = Ranks::of(old, new);
        // Dealt like cards: each half has its share of the new group at its top.
        let mut halves = [Vec::new(), Vec::new()];
        for (card, server) in first.into_iter().chain(inner).enumerate() {
            halves[card % TREES].push(server);
        }
        let [left, right] = halves;
        let half = left.len().min(right.len()).max(1);
        // MEM-64: a half is large enough to carry everybody else.
        let fan_out = fan_out.max(1).max(servers.len().div_ceil(half));
        let orders = [[&left[..], &right, &leaves].concat(), [&right[..], &left, &leaves].concat()];
        let mut places = alloc::vec![[0; TREES]; servers.len()];
        for (tree, order) in orders.iter().enumerate() {
            for (place, server) in (0_u32..).zip(order) {
                places[*server as usize][tree] = place;
            }
        }
        let top_count = (fan_out * sources.len() / (TREES * FEEDS)).max(1);
        Self { sources, servers, orders, places, top_count, fan_out }
    }

    /// Everybody who is told.
    pub fn servers(&self) -> impl Iterator<Item = NodeId> {
        self.servers.iter().copied()
    }

    /// To whom a server passes on, in ascending order of id, each once.
    #[must_use]
    pub fn children(&self, id: NodeId) -> Vec<NodeId> {
        let children: BTreeSet<_> =
            (0..TREES).flat_map(|tree| self.children_in(tree, id)).collect();
        children.into_iter().filter(|child| *child != id).collect()
    }

    /// To whom a server passes on in one tree.
    #[must_use]
    pub fn children_in(&self, tree: usize, id: NodeId) -> Vec<NodeId> {
        let Some(order) = self.orders.get(tree) else { return Vec::new() };
        if let Some(source) = self.sources.iter().position(|source| *source == id) {
            return self.tops_of(source, order);
        }
        let Some(place) = self.place(tree, id) else { return Vec::new() };
        let begin = self.top_count + place * self.fan_out;
        self.named(order.iter().skip(begin).take(self.fan_out))
    }

    /// The tops that this source feeds.
    fn tops_of(&self, source: usize, order: &[u32]) -> Vec<NodeId> {
        let count = self.sources.len();
        let is_fed = |top: usize| (0..FEEDS.min(count)).any(|feed| (top + feed) % count == source);
        let tops = order.iter().take(self.top_count).enumerate();
        self.named(tops.filter(|(top, _)| is_fed(*top)).map(|(_, server)| server))
    }

    fn named<'a>(&self, servers: impl Iterator<Item = &'a u32>) -> Vec<NodeId> {
        servers.filter_map(|server| self.servers.get(*server as usize).copied()).collect()
    }

    fn place(&self, tree: usize, id: NodeId) -> Option<usize> {
        let server = self.servers.binary_search(&id).ok()?;
        self.places.get(server)?.get(tree).map(|place| *place as usize)
    }
}

/// Everybody who is told, by the index in ascending order of id; each rank in the order of the
/// epoch.
struct Ranks {
    servers: Vec<NodeId>,
    /// Members of the new group that can pass on.
    first: Vec<u32>,
    /// Others that can: active before and now.
    inner: Vec<u32>,
    /// Sources, who may have missed the end of the epoch; and who is new, inactive or removed.
    leaves: Vec<u32>,
}

/// What a server can do in the trees.
#[derive(Clone, Copy)]
enum Part {
    First,
    Inner,
    Leaf,
}

impl Ranks {
    fn of(old: &VerifiedConfiguration, new: &VerifiedConfiguration) -> Self {
        let randomness = new.header().header().lineage.randomness;
        let (before, after) = (old.configuration(), new.configuration());
        let told = merged(&before.members, &after.members);
        let part = |(id, can_pass_on): &(NodeId, bool)| match can_pass_on {
            true if before.membership_group.contains(id) => Part::Leaf,
            true if after.membership_group.contains(id) => Part::First,
            true => Part::Inner,
            false => Part::Leaf,
        };
        let lot =
            |(index, one): (u32, &(NodeId, bool))| (number(randomness, one.0), index, part(one));
        let mut drawn: Vec<_> = (0_u32..).zip(&told).map(lot).collect();
        drawn.sort_unstable_by_key(|(number, index, _)| (*number, *index));

        // MEM-66: whoever is in one of the lists has a place, whatever it can do.
        let servers = told.into_iter().map(|(id, _)| id).collect();
        let (first, inner, leaves) = (Vec::new(), Vec::new(), Vec::new());
        let mut ranks = Self { servers, first, inner, leaves };
        for (_, server, part) in drawn {
            match part {
                Part::First => ranks.first.push(server),
                Part::Inner => ranks.inner.push(server),
                Part::Leaf => ranks.leaves.push(server),
            }
        }
        ranks
    }
}

/// Everybody of both lists in ascending order of id; whether active in both.
fn merged(before: &[Arc<MemberRecord>], after: &[Arc<MemberRecord>]) -> Vec<(NodeId, bool)> {
    let mut merged = Vec::with_capacity(after.len());
    let mut rest = after.iter().peekable();
    for member in before {
        while let Some(added) = rest.next_if(|next| next.id < member.id) {
            merged.push((added.id, false));
        }
        let now = rest.next_if(|next| next.id == member.id);
        let is_active = |member: &Arc<MemberRecord>| member.status == MemberStatus::Active;
        merged.push((member.id, is_active(member) && now.is_some_and(is_active)));
    }
    merged.extend(rest.map(|added| (added.id, false)));
    merged
}

/// Where a server stands in the order; equal numbers, which nobody will see, by the id.
fn number(randomness: Digest, id: NodeId) -> u128 {
    let mut hasher = Hasher::new(Domain::DisseminationOrder);
    hasher.update(randomness.as_bytes()).update(id.as_bytes());
    let mut number = [0; size_of::<u128>()];
    number.copy_from_slice(&hasher.finish().as_bytes()[..size_of::<u128>()]);
    u128::from_be_bytes(number)
}

#[cfg(test)]
mod tests;
