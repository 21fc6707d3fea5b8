//! C4: what a good replica says is covered by what its disk holds (settled points 2 and 13).
//!
//! [`crate::checker::Statements`] finds a contradiction once it is there; this finds the moment in
//! which a crash could lead to one.

use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::Output as ReplicaOutput;
use quorate_bft::message::{AckVector, Tip, Vote};
use quorate_machine::Recipients;
use quorate_types::{Digest, GroupConfiguration};

use crate::checker::{At, Broken, Checker, Verdict};
use crate::fast::FastMap;
use crate::ordering::knowledge::Shared;
use crate::ordering::{OrderingMachine, Output, Replicated};

/// Compares what is sent with what is durable.
#[derive(Debug)]
pub(in crate::ordering) struct WriteAhead {
    group: Arc<GroupConfiguration>,
    knowledge: Shared,
    /// By replica: the cut of the highest slot that it executed.
    executed: FastMap<usize, (u64, Digest)>,
    /// By replica and lane: the tip that was found covered last.
    covered: FastMap<(usize, u16), Tip>,
}

impl WriteAhead {
    pub(in crate::ordering) fn new(group: Arc<GroupConfiguration>, knowledge: Shared) -> Self {
        Self { group, knowledge, executed: FastMap::default(), covered: FastMap::default() }
    }

    fn acknowledges(&mut self, replica: usize, vector: &AckVector) -> Result<(), String> {
        for (lane, tip) in (0..).zip(&vector.tips) {
            if self.covered.get(&(replica, lane)) != Some(tip) {
                self.covers(replica, (lane, *tip))?;
                self.covered.insert((replica, lane), *tip);
            }
        }
        Ok(())
    }

    /// The chain from the tip down to what was executed is durable, batch by batch.
    fn covers(&self, replica: usize, (lane, tip): (u16, Tip)) -> Result<(), String> {
        let knowledge = self.knowledge.borrow();
        let facts = &knowledge.ever[replica];
        let image = facts.image.as_ref().map_or(0, |(_, tips)| tips[usize::from(lane)].seq.get());
        let executed = self.executed.get(&replica);
        let frontier = executed.and_then(|(_, cut)| knowledge.frontiers.get(cut));
        let executed = frontier.map_or(0, |tips| tips[usize::from(lane)].seq.get());
        let known = self.covered.get(&(replica, lane)).copied();
        let (mut seq, mut digest) = (tip.seq.get(), tip.digest);
        while seq > image.max(executed) {
            if known.is_some_and(|known| known.seq.get() == seq && known.digest == digest) {
                return Ok(());
            }
            let Some(previous) = facts.batches.get(&(lane, seq, digest)) else {
                return Err(format!("acknowledges {digest:?} at {seq} of lane {lane}"));
            };
            (seq, digest) = (seq - 1, *previous);
        }
        Ok(())
    }

    fn says(&mut self, replica: usize, message: &Message) -> Result<(), String> {
        let is_own = |from: quorate_types::ReplicaId| from.index() == replica;
        let holds =
            |holds: bool, what: &dyn Fn() -> String| if holds { Ok(()) } else { Err(what()) };
        if let Message::AckVector(vector) = message {
            let (shared, vector) = (is_own(vector.from), Arc::clone(vector));
            return if shared { self.acknowledges(replica, &vector) } else { Ok(()) };
        }
        let knowledge = self.knowledge.borrow();
        let facts = &knowledge.ever[replica];
        let prepares = |vote: &Vote| {
            let place = (vote.view.get(), vote.slot.get());
            let known = facts.ever_accepted.get(&place) == Some(&vote.digest);
            holds(known, &|| format!("prepares {:?} in {place:?}", vote.digest))
        };
        match message {
            Message::PrePrepare(it) => {
                let vote = it.proposal.vote(&self.group).filter(|vote| is_own(vote.from));
                vote.map_or(Ok(()), |vote| prepares(&vote))
            }
            Message::Prepare(vote) if is_own(vote.from) => prepares(vote),
            Message::Commit(vote) if is_own(vote.from) => {
                let place = (vote.view.get(), vote.slot.get());
                let known = facts.ever_prepared.get(&place) == Some(&vote.digest);
                holds(known, &|| format!("commits {:?} in {place:?}", vote.digest))
            }
            Message::ViewChange(change) if is_own(change.from) => {
                let view = change.view.get();
                holds(facts.view >= view, &|| format!("enters view {view}"))
            }
            Message::Batch(batch) if is_own(batch.header.header.lane) => {
                let header = &batch.header.header;
                let place = (header.lane.get(), header.seq.get(), batch.digest());
                holds(facts.batches.contains_key(&place), &|| format!("makes batch {place:?}"))
            }
            Message::Checkpoint(it) if is_own(it.from) => {
                let state = (it.statement.slot.get(), it.statement.root);
                holds(facts.states.contains_key(&state), &|| format!("signs state {state:?}"))
            }
            _ => Ok(()),
        }
    }
}

impl<S: Replicated> Checker<OrderingMachine<S>> for WriteAhead {
    fn id(&self) -> &'static str {
        "C4"
    }

    fn on_send(&mut self, at: &At, _: &Recipients, message: &Arc<Message>) -> Verdict {
        let replica = at.node.index();
        if !at.is_good() || replica >= self.knowledge.borrow().ever.len() {
            return Ok(());
        }
        self.says(replica, message).map_err(|what| {
            Broken::new("C4", format!("{:?} {what}, and its disk does not hold that", at.node))
        })
    }

    fn on_output(&mut self, at: &At, output: &Output) -> Verdict {
        if let Output::Replica(ReplicaOutput::Executed { slot, cut, .. }) = output {
            let executed = self.executed.entry(at.node.index()).or_insert((0, Digest::ZERO));
            *executed = (*executed).max((slot.get(), *cut));
        }
        Ok(())
    }
}
