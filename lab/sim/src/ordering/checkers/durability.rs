//! C8: what is executed is on the disks of a quorum but for the bad, and what a log promised it
//! holds until a state replaces it.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_bft::Output as ReplicaOutput;
use quorate_bft::message::Message;
use quorate_machine::Recipients;
use quorate_types::{ReplicaId, Resilience, Slot};

use crate::checker::{At, Broken, Checker, Verdict};
use crate::node::{Node, Nodes};
use crate::ordering::knowledge::{Facts, Shared};
use crate::ordering::{OrderingMachine, Output, Replicated};

/// Counts disks.
#[derive(Debug)]
pub(in crate::ordering) struct Durability {
    knowledge: Shared,
    resilience: Resilience,
    executed: u64,
    /// By slot: who voted for it while it was bad. What it said holds for others when it is good
    /// again, and it may not hold it itself.
    said: BTreeMap<u64, Nodes>,
}

impl Durability {
    pub(in crate::ordering) const fn new(knowledge: Shared, resilience: Resilience) -> Self {
        Self { knowledge, resilience, executed: 0, said: BTreeMap::new() }
    }

    /// Who may have voted for this slot without holding it.
    fn untrue(&self, at: &At, slot: u64) -> Nodes {
        self.said.get(&slot).map_or(at.bad, |said| said.or(at.bad))
    }
}

/// The slot for which a message is a vote, and whose; a proposal is the leader's.
fn vote_in(message: &Message, resilience: Resilience) -> Option<(Slot, ReplicaId)> {
    match message {
        Message::PrePrepare(said) => Some((said.cut.slot, resilience.leader(said.proposal.view))),
        Message::Prepare(vote) | Message::Commit(vote) => Some((vote.slot, vote.from)),
        _ => None,
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

    fn on_send(&mut self, at: &At, _: &Recipients, message: &Arc<Message>) -> Verdict {
        // Liars may send each other's votes, and those of good replicas.
        if let Some((slot, voter)) = vote_in(message, self.resilience)
            && at.bad.contains(Node::new(voter.get()))
        {
            self.said.entry(slot.get()).or_default().insert(Node::new(voter.get()));
        }
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
        let knowledge = self.knowledge.borrow();
        let replicas = Nodes::range(0, u16::try_from(knowledge.ever.len()).expect("few replicas"));
        let holds = |node: &Node| knowledge.ever[node.index()].holds(slot.get(), *cut);
        let untrue = replicas.and(self.untrue(at, slot.get()));
        let holders = replicas.without(untrue).iter().filter(holds).count();
        let needed = self.resilience.quorum().saturating_sub(untrue.len());
        if holders >= needed {
            return Ok(());
        }
        let what = format!("{holders} good disks hold slot {slot}, {needed} are needed");
        Err(Broken::new("C8", format!("{:?} executes {cut:?}: {what}", at.node)))
    }
}
