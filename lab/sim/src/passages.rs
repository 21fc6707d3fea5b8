//! Between which effects of a node a crash makes a difference.
//!
//! Half of the effects of a machine are marks, and timers that are armed and disarmed. A crash
//! takes the timers, and marks are for statistics alone: where only such effects stand between two
//! places of a crash, both leave the same world behind, the same disks, the same messages on their
//! way, the same draws still to come, at the same time. What a run counts as a *moment* goes on
//! with every other effect, and whenever effects are looked at anew; nothing else happens while it
//! stands still.
//!
//! Two things are left that differ. An entry of the agenda for a timer that is forgotten does
//! nothing when it arrives, unless it is asked then whether the run is over; so a timer that runs
//! that late counts as an effect that lasts. And effects have numbers, by which the second crash is
//! placed: who compares two points compares the moments of both crashes.
//!
//! # Invariants
//! - SIM-7: two crashes of the same nodes at one moment of two runs that were alike before it are
//!   followed by the same. [`crate::crashes`] runs some of those twice and compares their courses.

use crate::node::{Node, Nodes};

/// The moments at which a crash at an effect strikes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Passage {
    /// Before the effect.
    pub before: u64,
    /// After it; none if it did not happen.
    pub after: Option<u64>,
    /// Whether a crash in the middle of it is another than one before it.
    pub is_torn: bool,
}

/// The effects of one node: of each of its lives that ended at an effect, and of the last.
pub type Lives = Vec<Vec<Passage>>;

/// Takes notes of all effects of all nodes.
#[derive(Debug)]
pub(crate) struct Passages {
    nodes: Vec<Lives>,
    /// The number of the first effect of the present life of each node.
    firsts: Vec<u64>,
    /// Nodes at which no crash waits any more.
    safe: Nodes,
    moment: u64,
    /// A timer that expires before this is forgotten by a crash without a trace: nobody looks
    /// whether the run is over when its entry of the agenda arrives.
    unwatched_until_us: u64,
}

impl Passages {
    pub(crate) fn new(nodes: usize, unwatched_until_us: u64) -> Self {
        let (firsts, safe) = (vec![0; nodes], Nodes::EMPTY);
        Self { nodes: vec![vec![Vec::new()]; nodes], firsts, safe, moment: 0, unwatched_until_us }
    }

    /// Would a timer that is armed now for this time leave a trace behind a crash?
    pub(crate) const fn is_watched(&self, at_us: u64) -> bool {
        at_us >= self.unwatched_until_us
    }

    /// Something happens that lasts beyond a crash, or time may have passed.
    pub(crate) const fn go_on(&mut self) {
        self.moment += 1;
    }

    /// This effect of a node is next, for the first time or again.
    pub(crate) fn come_to(&mut self, node: Node, effect: u64, is_torn: bool) {
        if self.safe.contains(node) {
            return;
        }
        let place = effect - self.firsts[node.index()];
        let life = self.nodes[node.index()].last_mut().expect("every node has a life");
        if place == life.len() as u64 {
            life.push(Passage { before: self.moment, after: None, is_torn });
        }
    }

    /// The last effect that was next has happened.
    pub(crate) fn pass(&mut self, node: Node) {
        if self.safe.contains(node) {
            return;
        }
        let life = self.nodes[node.index()].last_mut().expect("every node has a life");
        let passage = life.last_mut().expect("an effect was next before it happened");
        passage.after = Some(self.moment);
    }

    /// The node crashes at an effect, and this will be the number of its next one.
    pub(crate) fn end_life(&mut self, node: Node, next: u64) {
        self.nodes[node.index()].push(Vec::new());
        self.firsts[node.index()] = next;
    }

    /// No crash waits at these nodes any more.
    pub(crate) const fn spare(&mut self, nodes: Nodes) {
        self.safe = self.safe.or(nodes);
    }

    pub(crate) fn into_lives(self) -> Vec<Lives> {
        self.nodes
    }
}
