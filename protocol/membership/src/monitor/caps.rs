//! How many servers may go at once, and where on the ring.
//!
//! Seen from one side of a partition half of the world looks dead; whoever evicts all of it makes
//! the loss permanent. So of any `3f + 1` neighbours on the ring at most `f` go between two moments
//! at which all that they held was known to be held by others, at most so many servers go with one
//! epoch, and never so many that no group is left (MD 3.2; settled points 27 and 28). What may not
//! go now is postponed, or, if the authority wanted it, refused.
//!
//! # Invariants
//! - MEM-45: of any `3f + 1` consecutive servers of the ring of `e0` at most `f` have gone since,
//!   unless the authority said that a removal may exceed it.
//! - MEM-46: with one epoch at most the configured number of suspects goes, and at least as many
//!   active servers stay as the largest group has members, whoever wants otherwise.
//!
//! # Not here
//! When `e0` moves on: once stored objects move with the ring. Until then it is the epoch in which
//! the system was founded.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_machine::{Plant, planted};
use quorate_types::{MemberRecord, MemberStatus, NodeId, Resilience};

use crate::limits::{EVICTIONS_ONE_IN, EVICTIONS_PER_EPOCH_MIN};

/// The ring that duties were last handed over on.
#[derive(Clone, Debug)]
pub struct OldRing<'a> {
    /// Its active servers in ascending order of id.
    pub servers: &'a [NodeId],
    /// Those of them that have gone since.
    pub gone: &'a BTreeSet<NodeId>,
}

/// The servers of the ring on which objects lie, in ascending order of id, and those of them that
/// have no duties.
#[must_use]
pub fn ring_of(members: &[Arc<MemberRecord>]) -> (Vec<NodeId>, BTreeSet<NodeId>) {
    let ring = || members.iter().filter(|member| member.is_on_ring);
    let is_gone = |member: &&Arc<MemberRecord>| member.status != MemberStatus::Active;
    let gone = ring().filter(is_gone).map(|member| member.id).collect();
    (ring().map(|member| member.id).collect(), gone)
}

/// How many servers have duties.
#[must_use]
pub fn active_count(members: &[Arc<MemberRecord>]) -> usize {
    members.iter().filter(|member| member.status == MemberStatus::Active).count()
}

/// Why a server is to go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cause {
    /// The authority wants it.
    Removal {
        /// Also where more than may are to go.
        may_exceed_cap: bool,
    },
    /// The membership group found it silent, or proved it bad.
    Eviction,
}

/// A server that is to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Departure {
    /// The server.
    pub server: NodeId,
    /// Why.
    pub cause: Cause,
    /// Whether it is active now: one that is not leaves no group smaller.
    pub is_active: bool,
}

/// How many may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caps {
    /// That of the storage groups.
    pub resilience: Resilience,
    /// Fewest active servers that must stay: those of the largest group.
    pub active_min: usize,
    /// Most evictions with one epoch.
    pub evictions_max: usize,
    /// Active servers before anybody goes, with those that come in this epoch.
    pub active_count: usize,
}

impl Caps {
    /// The caps of an epoch with so many active servers, those that come included, of which so
    /// many must stay.
    #[must_use]
    pub fn usual(resilience: Resilience, active_count: usize, active_min: usize) -> Self {
        let evictions_max = (active_count / EVICTIONS_ONE_IN).max(EVICTIONS_PER_EPOCH_MIN);
        Self { resilience, active_min, evictions_max, active_count }
    }
}

/// Why a server does not go now.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Held {
    /// Too many of its neighbours have gone, or go before it.
    Window,
    /// Enough go with this epoch.
    Rate,
    /// Too few would be left for one group.
    TooFewLeft,
    /// It has a seat in the membership group, which goes on for want of another.
    Seat,
}

quorate_wire::tags!(Held { 1 => Window, 2 => Rate, 3 => TooFewLeft, 4 => Seat });

/// Who goes with this epoch.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Decided {
    /// Those that go, in the order in which they were given.
    pub going: Vec<NodeId>,
    /// Evictions that are tried again with the next epoch.
    pub postponed: Vec<(NodeId, Held)>,
    /// Removals that the authority has to ask for again, or with its override.
    pub refused: Vec<(NodeId, Held)>,
}

/// MEM-45, MEM-46: decides over departures in the order in which they are given; the same for the
/// same arguments, in time linear in the ring and in `3f + 1` times the departures.
///
/// A server that is given twice is decided once, the first time.
#[must_use]
pub fn decide(ring: &OldRing<'_>, departures: &[Departure], caps: &Caps) -> Decided {
    let mut windows = Windows::of(ring, caps.resilience);
    let mut active_count = caps.active_count;
    let mut eviction_count = 0;
    let mut decided = Decided::default();
    let mut seen = BTreeSet::new();
    for departure in departures {
        if !seen.insert(departure.server) {
            continue;
        }
        let seat = windows.seat(departure.server);
        let is_free = seat.is_none_or(|seat| windows.have_room(seat));
        match held(departure, caps, (is_free, eviction_count, active_count)) {
            None => {
                windows.take(seat);
                active_count -= usize::from(departure.is_active);
                eviction_count += usize::from(departure.cause == Cause::Eviction);
                decided.going.push(departure.server);
            }
            Some(reason) if departure.cause == Cause::Eviction => {
                decided.postponed.push((departure.server, reason));
            }
            Some(reason) => decided.refused.push((departure.server, reason)),
        }
    }
    decided
}

/// Why this one may not go, if it may not.
fn held(
    departure: &Departure,
    caps: &Caps,
    (is_free, eviction_count, active_count): (bool, usize, usize),
) -> Option<Held> {
    // MEM-46: what follows holds for every cause.
    let left = active_count - usize::from(departure.is_active);
    if departure.is_active && left < caps.active_min {
        return Some(Held::TooFewLeft);
    }
    let (is_capped, is_rated) = match departure.cause {
        Cause::Removal { may_exceed_cap } => (!may_exceed_cap, false),
        Cause::Eviction => (!planted(Plant::EvictionsUncapped), true),
    };
    if is_capped && !is_free {
        return Some(Held::Window);
    }
    (is_rated && eviction_count >= caps.evictions_max).then_some(Held::Rate)
}

/// For each window of `3f + 1` neighbours, by the seat with which it begins, how many have gone.
struct Windows<'a> {
    ring: &'a [NodeId],
    gone: Vec<u8>,
    width: usize,
    f: u8,
}

impl<'a> Windows<'a> {
    fn of(ring: &OldRing<'a>, resilience: Resilience) -> Self {
        let width = resilience.replicas().min(ring.servers.len());
        let f = u8::try_from(resilience.f()).expect("f is at most 21");
        let gone = alloc::vec![0; ring.servers.len()];
        let mut windows = Self { ring: ring.servers, gone, width, f };
        for server in ring.gone {
            windows.take(windows.seat(*server));
        }
        windows
    }

    fn seat(&self, server: NodeId) -> Option<usize> {
        self.ring.binary_search(&server).ok()
    }

    /// Where the windows begin in which a seat lies.
    fn around(&self, seat: usize) -> impl Iterator<Item = usize> + use<> {
        let (length, width) = (self.ring.len(), self.width);
        (0..width).map(move |back| (seat + length - back) % length)
    }

    fn have_room(&self, seat: usize) -> bool {
        // MEM-45: one more fits each window that the seat is in.
        self.around(seat).all(|start| self.gone[start] < self.f)
    }

    fn take(&mut self, seat: Option<usize>) {
        let Some(seat) = seat else { return };
        for start in self.around(seat) {
            self.gone[start] = self.gone[start].saturating_add(1);
        }
    }

    fn fullest(&self) -> u8 {
        self.gone.iter().copied().max().unwrap_or(0)
    }
}

/// How near the ring is to losing a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Margin {
    /// Most suspects in any window of `3f + 1` neighbours.
    pub suspects_max: usize,
    /// How many more of the fullest window may fail, with those gone and those suspected.
    pub left_min: usize,
    /// Whether some window has `f` suspects, so that the epoch ends early.
    pub is_at_risk: bool,
}

/// How many suspects the windows of a ring have, in time linear in the ring.
#[must_use]
pub fn margin(ring: &OldRing<'_>, suspects: &BTreeSet<NodeId>, resilience: Resilience) -> Margin {
    let present: BTreeSet<_> = suspects.difference(ring.gone).copied().collect();
    let suspected = Windows::of(&OldRing { servers: ring.servers, gone: &present }, resilience);
    let both: BTreeSet<_> = present.union(ring.gone).copied().collect();
    let failed = Windows::of(&OldRing { servers: ring.servers, gone: &both }, resilience);
    Margin {
        suspects_max: usize::from(suspected.fullest()),
        left_min: resilience.f().saturating_sub(usize::from(failed.fullest())),
        is_at_risk: usize::from(suspected.fullest()) >= resilience.f(),
    }
}

#[cfg(test)]
mod tests;
