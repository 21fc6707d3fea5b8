//! First half of a sweep: which cells do others hold differently?
//!
//! Every peer gets one digest over all cells that both hold, and answers with nothing if it has
//! the same, or else with the digest of each cell.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use quorate_machine::Class;
use quorate_types::{NodeId, Now, Peer};

use crate::limits::{SWEEP_CELLS_MAX, SWEEP_PERIOD, SWEEP_SOON, SWEEP_WAIT};
use crate::message::{Compare, Compared, Head, Message, OperationId};

use super::super::job::Asker;
use super::super::{Server, ServerEffects, ServerTimer};
use super::{Round, Visit};

/// The answers to one comparison.
#[derive(Debug)]
pub(super) struct Comparison {
    operation: OperationId,
    /// Who has not answered.
    waiting: BTreeSet<NodeId>,
    /// Who has: these are worth asking for names.
    answered: BTreeSet<NodeId>,
    /// Peers that differ, by the place of the cell.
    differing: BTreeMap<usize, usize>,
}

impl Comparison {
    /// Was it asked under this number?
    pub(super) fn is(&self, operation: OperationId) -> bool {
        self.operation == operation
    }
}

impl Server {
    pub(super) fn begin_compare(&mut self, now: Now, effects: &mut ServerEffects) {
        let operation = OperationId::new(self.take_number());
        let head = Head { epoch: self.ring.epoch, operation };
        let shared = self.sweep.summary.shared();
        for (node, places) in shared {
            let (_, root) = self.sweep.summary.digests(places);
            let message = Message::Compare(Compare { head, root });
            effects.send(Peer::Node(*node), Class::Bulk, message);
        }
        let waiting = shared.keys().copied().collect();
        let (answered, differing) = (BTreeSet::new(), BTreeMap::new());
        self.sweep.round = Round::Comparing(Comparison { operation, waiting, answered, differing });
        effects.arm(ServerTimer::Sweep, now.instant.after(SWEEP_WAIT));
    }

    /// A peer has compared; nothing if it refused.
    pub(in super::super) fn compared(
        &mut self,
        now: Now,
        (asker, reply): (Asker, Option<Compared>),
        effects: &mut ServerEffects,
    ) {
        let (Round::Comparing(comparison), Peer::Node(node)) = (&mut self.sweep.round, asker.peer)
        else {
            return;
        };
        let is_answer = comparison.operation == asker.head.operation
            && asker.head.epoch == self.ring.epoch
            && comparison.waiting.remove(&node);
        if !is_answer {
            return;
        }
        if let Some(reply) = reply {
            let places = self.sweep.summary.shared_with(node);
            let (own, _) = self.sweep.summary.digests(&places);
            let differs = |(_, (mine, theirs)): &(_, (&_, &_))| mine != theirs;
            if reply.cells.is_empty() || reply.cells.len() == own.len() {
                comparison.answered.insert(node);
                let pairs = places.iter().zip(own.iter().zip(&reply.cells));
                for (place, _) in pairs.filter(differs) {
                    *comparison.differing.entry(*place).or_default() += 1;
                }
            } else {
                effects.mark("dht.sweep.wrong_answer");
            }
        }
        if comparison.waiting.is_empty() {
            self.compare_over(now, effects);
        }
    }

    /// All have answered, or too much time has passed.
    pub(super) fn compare_over(&mut self, now: Now, effects: &mut ServerEffects) {
        let Round::Comparing(comparison) = &self.sweep.round else { return };
        // DHT-13: what f + 1 others hold, these f + 1 also report as a difference.
        let enough = self.ring.resilience().weak_quorum();
        let is_suspect = |(_, count): &(&usize, &usize)| **count >= enough;
        let suspects: Vec<usize> =
            comparison.differing.iter().filter(is_suspect).map(|(place, _)| *place).collect();
        if suspects.is_empty() {
            effects.mark("dht.sweep.nothing_to_do");
            self.end_sweep(now, SWEEP_PERIOD, effects);
            return;
        }
        effects.mark("dht.sweep.differs");
        let begin = suspects.partition_point(|place| *place < self.sweep.next_place);
        let in_turn = suspects[begin..].iter().chain(&suspects[..begin]);
        let cells: VecDeque<usize> = in_turn.copied().take(SWEEP_CELLS_MAX).collect();
        let last = cells.back().copied().unwrap_or_default();
        self.sweep.next_place = (last + 1) % self.sweep.summary.cell_count();
        let is_all = cells.len() == suspects.len();
        let rest = if is_all { SWEEP_PERIOD } else { SWEEP_SOON };
        let visit = Visit::new(cells, comparison.answered.clone(), rest);
        self.sweep.round = Round::Visiting(visit);
        self.visit_next_cell(now, effects);
    }
}
