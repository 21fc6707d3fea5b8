//! The sweep: a server finds and fetches what it lacks, without anybody reading.
//!
//! A server that was down, or whose objects got lost, compares what it holds with the others of
//! its groups, periodically and at a random moment. Whatever `f + 1` others hold and this server
//! lacks, or holds in an earlier version, it fetches, checks and stores. Nobody is told to store
//! anything: each server looks after itself alone.
//!
//! ```text
//! rest --> walk --> compare --> list, cell by cell --> fetch --> rest
//!          own      one digest  where f + 1 others     what f + 1
//!          store    per peer    differ                 others hold
//! ```
//! # Why `f + 1`
//! A write is complete when `2f + 1` members have it. Of those, at most `f` are bad; a server that
//! lacks it is not among the rest, or has lost it and is itself one of the `f`. So `f + 1` correct
//! others hold what a server lacks and should have, and all that `f` liars say together is not
//! enough to make it look into a cell or to fetch an object.
//!
//! # What it promises
//! Within [`SWEEP_BOUND`](crate::limits::SWEEP_BOUND) after the last fault and the last write,
//! every correct server of a group holds every content whose put completed, and of every
//! public-key object the version of the last write that completed or a higher one, as long as the
//! others of the group with at most `f` exceptions are up and connected, and what is missing fits
//! one sweep: [`SWEEP_CELLS_MAX`](crate::limits::SWEEP_CELLS_MAX) cells. More takes further
//! sweeps, which follow at once. An object that vanished from the store of a running server is
//! missed only by a walk over all, so it takes up to [`SWEEPS_PER_WALK`] sweeps more. Damaged
//! bytes are not seen here at all: that is the scrub's work.
//!
//! # Invariants
//! - DHT-13: a sweep fetches only what `f + 1` others of the group say that they hold.
//! - DHT-14: what a sweep stores proves itself: content by its hash, a version by its signature;
//!   and a version replaces only a lower one.
//! - DHT-15: a sweep has at most [`SWEEP_FETCHES_MAX`](crate::limits::SWEEP_FETCHES_MAX) objects
//!   and one page of names of each peer in memory, whatever the others say.

mod answer;
mod claims;
mod compare;
mod fetch;
mod listing;

use alloc::collections::BTreeMap;

use quorate_machine::{Plant, planted};
use quorate_types::{Duration, Instant, NodeId, Now};

use crate::limits::{
    SWEEP_PERIOD, SWEEP_SOON, SWEEP_WAIT, SWEEPS_PER_WALK, WALK_PAGES_MAX, WALK_PAUSE,
};
use crate::message::{Compare, Held};
use crate::ring::Ring;

use super::summary::{Piece, Summary};
use super::{Purpose, Server, ServerEffects, ServerOutput, ServerTimer, Ticket};

use compare::Comparison;
use listing::Visit;

/// How far a sweep is.
#[derive(Debug)]
enum Round {
    Resting,
    /// Brings its own digests up to date.
    Walking,
    Comparing(Comparison),
    Visiting(Visit),
}

/// What a server keeps for its sweeps.
#[derive(Debug)]
pub(super) struct Sweep {
    /// State of a small generator, which spreads the sweeps of different servers.
    random: u64,
    summary: Summary,
    /// What to list next, after a pause.
    paused: Option<Piece>,
    pages: u32,
    /// Who asked for a comparison and waits for the walk.
    waiters: BTreeMap<NodeId, Compare>,
    round: Round,
    count: u32,
    /// The cell from which the next sweep looks for differences, so that each has its turn.
    next_place: usize,
}

impl Sweep {
    pub(super) fn new(ring: &Ring, node: NodeId, random: u64) -> Self {
        Self {
            random,
            summary: Summary::new(ring, node),
            paused: None,
            pages: 0,
            waiters: BTreeMap::new(),
            round: Round::Resting,
            count: 0,
            next_place: 0,
        }
    }

    /// What is held under this name has changed.
    pub(super) fn touch(&mut self, key: &crate::object::ObjectKey) {
        self.summary.touch(key);
    }

    /// A moment within this time (splitmix64: nothing depends on how good it is).
    fn moment_within(&mut self, duration: Duration) -> Duration {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Duration::from_micros((mixed ^ (mixed >> 31)) % duration.as_micros().max(1))
    }
}

impl Server {
    /// The first sweep comes soon: this server may have been down.
    pub(super) fn start_sweeping(&mut self, now: Now, effects: &mut ServerEffects) {
        let wait = self.sweep.moment_within(SWEEP_SOON);
        effects.arm(ServerTimer::Sweep, now.instant.after(wait));
    }

    /// Other cells, other peers: begin anew.
    pub(super) fn restart_sweeping(&mut self, now: Now, effects: &mut ServerEffects) {
        self.forget_fetches(effects);
        self.loads.retain(|_, purpose| !matches!(purpose, Purpose::Walk | Purpose::OwnPage));
        self.sweep = Sweep::new(&self.ring, self.node, self.sweep.random);
        self.start_sweeping(now, effects);
    }

    /// The alarm of the sweep: begin one, or go on without whom it waited for.
    pub(super) fn sweep_alarm(&mut self, now: Now, effects: &mut ServerEffects) {
        match self.sweep.round {
            Round::Resting => self.begin_sweep(now, effects),
            Round::Walking => {
                effects.mark("dht.sweep.walk_stalled");
                self.sweep.paused = None;
                self.sweep.summary.abandon_walk();
                self.loads.retain(|_, purpose| !matches!(purpose, Purpose::Walk));
                self.end_sweep(now, SWEEP_PERIOD, effects);
            }
            Round::Comparing(_) => self.compare_over(now, effects),
            Round::Visiting(_) => self.listing_over(now, effects),
        }
    }

    fn begin_sweep(&mut self, now: Now, effects: &mut ServerEffects) {
        effects.mark("dht.sweep.begun");
        if self.sweep.count.is_multiple_of(SWEEPS_PER_WALK) {
            self.sweep.summary.touch_all();
        }
        self.sweep.count = self.sweep.count.wrapping_add(1);
        self.sweep.round = Round::Walking;
        self.begin_walk(now, effects);
    }

    /// Rests until the next sweep, half of this time to one and a half.
    fn end_sweep(&mut self, now: Now, usual: Duration, effects: &mut ServerEffects) {
        self.sweep.round = Round::Resting;
        let wait = self.sweep.moment_within(usual);
        let earliest = now.instant.after(usual.halved());
        if !planted(Plant::SweepsOnce) {
            effects.arm(ServerTimer::Sweep, earliest.after(wait));
        }
    }

    /// Lists what has changed since it was last listed, unless that goes on already.
    fn begin_walk(&mut self, now: Now, effects: &mut ServerEffects) {
        if !self.sweep.summary.is_walking() {
            self.sweep.pages = 0;
            match self.sweep.summary.begin_walk() {
                Some(piece) => self.list_own(piece, Purpose::Walk, effects),
                None => return self.walk_over(now, effects),
            }
        }
        self.expect_walk(now, effects);
    }

    /// A listing that never comes must not end the sweeps for good.
    fn expect_walk(&self, now: Now, effects: &mut ServerEffects) {
        if matches!(self.sweep.round, Round::Walking) {
            let stalled: Instant = now.instant.after(SWEEP_WAIT.times(8));
            effects.arm(ServerTimer::Sweep, stalled);
        }
    }

    fn list_own(&mut self, (first, last): Piece, why: Purpose, effects: &mut ServerEffects) {
        let ticket = Ticket(self.take_number());
        self.loads.insert(ticket, why);
        effects.emit(ServerOutput::List { ticket, first, last });
    }

    /// A page of the own store, for the walk.
    pub(super) fn walked(&mut self, now: Now, held: Option<&[Held]>, effects: &mut ServerEffects) {
        let Some(held) = held else {
            effects.mark("dht.sweep.unlisted");
            self.sweep.summary.abandon_walk();
            if matches!(self.sweep.round, Round::Walking) {
                self.end_sweep(now, SWEEP_PERIOD, effects);
            }
            return;
        };
        self.sweep.pages += 1;
        match self.sweep.summary.take_page(held) {
            None => self.walk_over(now, effects),
            Some(piece) if self.sweep.pages.is_multiple_of(WALK_PAGES_MAX) => {
                self.sweep.paused = Some(piece);
                effects.arm(ServerTimer::Walk, now.instant.after(WALK_PAUSE));
                self.expect_walk(now, effects);
            }
            Some(piece) => {
                self.list_own(piece, Purpose::Walk, effects);
                self.expect_walk(now, effects);
            }
        }
    }

    /// The pause of a walk is over.
    pub(super) fn walk_on(&mut self, effects: &mut ServerEffects) {
        if let Some(piece) = self.sweep.paused.take() {
            self.list_own(piece, Purpose::Walk, effects);
        }
    }

    fn walk_over(&mut self, now: Now, effects: &mut ServerEffects) {
        self.answer_waiters(effects);
        if matches!(self.sweep.round, Round::Walking) {
            self.begin_compare(now, effects);
        }
    }
}

#[cfg(test)]
mod tests;
