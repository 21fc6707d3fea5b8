//! Which group is dealt to: drawn by lot, or the old one to itself.
//!
//! Settled points 14 and 27. Attempts are numbered over the whole end of the epoch; each group gets
//! [`ATTEMPTS_OF_GROUP`] of them. Behind [`GROUPS_DRAWN_MAX`] groups the old group keeps the key,
//! with fresh shares, as often as it takes.
//!
//! # Invariants
//! - MEM-79: no group is drawn unless [`BROUGHT_OF_THREE`] of each three servers that the lot can
//!   fall on have deposited keys.
//!
//! [`BROUGHT_OF_THREE`]: crate::limits::BROUGHT_OF_THREE

use alloc::boxed::Box;
use alloc::vec::Vec;

use quorate_machine::{Plant, planted};
use quorate_types::{Digest, NodeId};

use super::Step;
use crate::election::elect_beside;
use crate::handover::{Attempt, Stage, Underway};
use crate::limits::{ATTEMPTS_OF_GROUP, GROUPS_DRAWN_MAX};
use crate::monitor::Finding;
use crate::rotation::Rotation;
use crate::service::plan::Plan;
pub(super) use crate::service::plan::seats;
use crate::service::table::Reader;
use crate::shortlist::{Shortlist, Turnout};

impl Step<'_> {
    /// MEM-10: the group of an attempt, of the size that is wanted; with too few candidates the old
    /// one, and also if too few of those who were asked for keys have brought them (MEM-79).
    pub(super) fn drawn(&self, (randomness, number): (Digest, u32)) -> Attempt {
        let header = self.reader.header();
        let resized = self.reader.pending_resize(header.epoch);
        let resilience = resized.unwrap_or(header.membership);
        let (plan, rotation) = (Plan::of(&self.reader), self.rotation());
        let is_seated = |it: &Finding| header.membership_group.contains(&it.server);
        if planted(Plant::EvictedKeepsSeat) && plan.evictions().iter().any(is_seated) {
            return self.staying(number);
        }
        let is_drawable = drawable((&self.reader, self.reader.shortlist()), &rotation);
        let is_old = |node: &NodeId| header.membership_group.contains(node);
        // Nobody else is elected, and of many servers these are few.
        let may_sit = |node: &NodeId| rotation.admits(*node) && (is_drawable(node) || is_old(node));
        let mut candidates = plan.staying(&self.reader);
        candidates.retain(may_sit);
        let asked = candidates.iter().filter(|node| is_drawable(node)).count();
        candidates.retain(|node| self.has_deposited(*node) && !plan.is_convicted(*node));
        let free: Vec<NodeId> =
            candidates.iter().copied().filter(|node| !plan.is_held(*node)).collect();
        // MEM-79: who was silenced counts, also who only seems silent to the group.
        let brought = free.iter().filter(|node| is_drawable(node)).count();
        let is_enough = Turnout { asked, brought }.is_enough();
        if !planted(Plant::DrawsFromFew) && !is_enough {
            return self.staying(number);
        }
        let draw = |candidates: Vec<NodeId>| {
            let old = candidates.iter().copied().filter(is_old).collect();
            let listed = candidates.into_iter().filter(|node| is_drawable(node)).collect();
            let kept = rotation.kept(resilience);
            elect_beside((randomness, number), (listed, (old, kept)), resilience)
        };
        match draw(free).or_else(|| draw(candidates)) {
            Some(group) => Attempt { number, resilience, seats: seats(&self.reader, &group) },
            None => self.staying(number),
        }
    }

    fn has_deposited(&self, node: NodeId) -> bool {
        self.reader.member(node).is_some_and(|it| self.reader.deposit(it.identity_key).is_some())
    }

    /// The rule by which groups are drawn that begin with the next epoch.
    fn rotation(&self) -> Rotation {
        self.reader.rotation_behind(self.reader.header().epoch).rotation
    }

    /// The old group, to which it deals itself.
    pub(super) fn staying(&self, number: u32) -> Attempt {
        let header = self.reader.header();
        let seats = seats(&self.reader, &header.membership_group);
        Attempt { number, resilience: header.membership, seats }
    }

    /// What follows on an attempt that was given up.
    pub(super) fn after_abort(&self, underway: Underway) -> Stage {
        let next = underway.attempt.number.saturating_add(1);
        if is_redrawn(next) && self.reader.sharing_bytes().is_some() {
            return Stage::Redrawing(Box::new(underway));
        }
        let group = &self.reader.header().membership_group;
        let is_old = underway.attempt.seats.iter().map(|seat| &seat.node).eq(group);
        // The old group has its seats anew each time: with the keys that have come meanwhile.
        let attempt = if is_old || next >= ATTEMPTS_OF_GROUP * GROUPS_DRAWN_MAX {
            self.staying(next)
        } else {
            Attempt { number: next, ..underway.attempt }
        };
        Stage::Dealing(Box::new(Underway { attempt, dealings: Default::default(), ..underway }))
    }
}

/// Is another group drawn for this attempt?
const fn is_redrawn(number: u32) -> bool {
    number.is_multiple_of(ATTEMPTS_OF_GROUP) && number / ATTEMPTS_OF_GROUP < GROUPS_DRAWN_MAX
}

/// MEM-69: whom of the depositors the lot can fall on. Others than the pool or the shortlist have
/// deposited too, the group and whoever gets another root: that makes no server's lot better, but
/// for the seats that the old group keeps. So a pool counts as it is marked in the epoch that ends:
/// servers of a pool that is new have brought no keys, but for those that are bad.
fn drawable(
    (reader, list): (&Reader<'_>, Shortlist),
    rotation: &Rotation,
) -> impl Fn(&NodeId) -> bool {
    move |node| {
        let is_marked = || reader.member(*node).is_some_and(|member| member.is_in_pool);
        list.draws(*node) || rotation.pool.is_some() && is_marked()
    }
}
