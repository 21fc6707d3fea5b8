//! C8: what is executed is on the disks of a quorum but for the bad, and what a log promised it
//! holds until a state replaces it.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_bft::{Output as ReplicaOutput, Record};
use quorate_machine::RecordNumber;

use crate::checker::{At, Broken, Checker, Verdict};
use crate::node::{Node, Nodes};
use crate::ordering::knowledge::{Facts, Shared};
use crate::ordering::{OrderingMachine, Output, Replicated};

/// Counts disks.
#[derive(Debug)]
pub(in crate::ordering) struct Durability {
    knowledge: Shared,
    quorum: usize,
    /// Slots above what is executed in which a vote is taken.
    window: u64,
    executed: u64,
    /// Who was bad, and the last slot in which a vote of then may count: what it said holds for
    /// others when it is good again, and it may not hold it itself.
    excused: BTreeMap<Node, u64>,
}

impl Durability {
    pub(in crate::ordering) const fn new(knowledge: Shared, quorum: usize, window: u64) -> Self {
        Self { knowledge, quorum, window, executed: 0, excused: BTreeMap::new() }
    }

    fn excuse(&mut self, at: &At) {
        for bad in at.bad.iter() {
            self.excused.insert(bad, self.executed + self.window);
        }
    }

    /// Who may have voted for this slot without holding it.
    fn untrue(&self, at: &At, slot: u64) -> Nodes {
        let once = self.excused.iter().filter(|(_, upto)| slot <= **upto).map(|(node, _)| *node);
        Nodes::from_iter(once).or(at.bad)
    }
}

/// What a replica promised and does not find any more.
fn forgotten(ever: &Facts, found: &Facts, own_lane: u16) -> Option<String> {
    if found.view < ever.view {
        return Some(format!("view {} and finds {}", ever.view, found.view));
    }
    let decided = found.proven.max(found.image.as_ref().map_or(0, |(slot, _)| *slot));
    let lists = [
        ("accepted", &ever.accepted, &found.accepted),
        ("prepared", &ever.prepared, &found.prepared),
    ];
    for (what, ever, found) in lists {
        for (slot, known) in ever.range(decided + 1..) {
            // A later view may have put another cut in its place.
            if found.get(slot).is_none_or(|now| now.0 < known.0) {
                return Some(format!("that it {what} {:?} in slot {slot}", known.1));
            }
        }
    }
    let frontier =
        found.image.as_ref().map_or(0, |(_, tips)| tips[usize::from(own_lane)].seq.get());
    let upto =
        |facts: &Facts| facts.batches_upto.get(&own_lane).copied().unwrap_or(0).max(frontier);
    (upto(found) < upto(ever)).then(|| format!("its own batches up to {}", upto(ever)))
}

impl<S: Replicated> Checker<OrderingMachine<S>> for Durability {
    fn id(&self) -> &'static str {
        "C8"
    }

    fn on_start(&mut self, at: &At, _: &OrderingMachine<S>) -> Verdict {
        let knowledge = self.knowledge.borrow();
        let replica = at.node.index();
        if !at.is_good() || at.life == 1 || replica >= knowledge.ever.len() {
            return Ok(());
        }
        let (ever, found) = (&knowledge.ever[replica], &knowledge.found[replica]);
        let lost = forgotten(ever, found, at.node.replica().get());
        lost.map_or(Ok(()), |lost| {
            Err(Broken::new("C8", format!("{:?} came back and forgot {lost}", at.node)))
        })
    }

    fn on_durable(&mut self, at: &At, _: RecordNumber, _: &Arc<Record>) -> Verdict {
        self.excuse(at);
        Ok(())
    }

    fn on_output(&mut self, at: &At, output: &Output) -> Verdict {
        let Output::Replica(ReplicaOutput::Executed { slot, cut, .. }) = output else {
            return Ok(());
        };
        if !at.is_good() || slot.get() <= self.executed {
            return Ok(());
        }
        self.executed = slot.get();
        self.excuse(at);
        let knowledge = self.knowledge.borrow();
        let replicas = Nodes::range(0, u16::try_from(knowledge.ever.len()).expect("few replicas"));
        let holds = |node: &Node| knowledge.ever[node.index()].holds(slot.get(), *cut);
        let untrue = replicas.and(self.untrue(at, slot.get()));
        let holders = replicas.without(untrue).iter().filter(holds).count();
        let needed = self.quorum.saturating_sub(untrue.len());
        if holders >= needed {
            return Ok(());
        }
        let what = format!("{holders} good disks hold slot {slot}, {needed} are needed");
        Err(Broken::new("C8", format!("{:?} executes {cut:?}: {what}", at.node)))
    }
}
