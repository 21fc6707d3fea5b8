//! C8: what a client was told is stored is on the disks of a quorum but for the bad, at that moment
//! and for ever; and content that was acknowledged is never answered with "absent" (G9).
//! C14: when nothing has been asked for long enough, it is on the disk of every good holder that
//! is connected.

use std::collections::BTreeMap;
use std::rc::Rc;

use quorate_dht::object::Stamp;
use quorate_dht::{Answer, CallId, ClientOutput, ClientRequest, Failure, ObjectKey, Operation};
use quorate_machine::Input;

use crate::checker::{At, Broken, Checker, End, Gauges, Verdict};
use crate::fast::FastMap;
use crate::host::Subject;
use crate::node::{Node, Nodes};
use crate::storage::scene::Scene;
use crate::storage::sight::Sight;

/// One acknowledged object is looked at again in one event of so many.
const SAMPLE_EVENTS: u64 = 64;

/// Counts disks.
#[derive(Debug)]
pub struct Durability<S> {
    sight: S,
    scene: Rc<Scene>,
    /// What was acknowledged: for a public-key object its highest version.
    acknowledged: BTreeMap<ObjectKey, Option<Stamp>>,
    /// When content was acknowledged first.
    since: FastMap<ObjectKey, u64>,
    /// What good clients look for, and since when.
    looking: FastMap<(Node, CallId), (ObjectKey, u64)>,
    /// The object that was looked at last.
    sampled: Option<ObjectKey>,
    converged_us: u64,
    /// When a client of the DHT was last asked for something.
    asked_us: u64,
}

impl<S> Durability<S> {
    /// A checker that has seen nothing; after `converged_us` without a request, all good holders
    /// have what was acknowledged.
    #[must_use]
    pub fn new(sight: S, scene: Rc<Scene>, converged_us: u64) -> Self {
        Self {
            sight,
            scene,
            acknowledged: BTreeMap::new(),
            since: FastMap::default(),
            looking: FastMap::default(),
            sampled: None,
            converged_us,
            asked_us: 0,
        }
    }

    fn holds(&self, bad: Nodes, key: ObjectKey, stamp: Option<Stamp>) -> Verdict {
        let group = self.scene.group(key);
        let needed = self.scene.ring.resilience().quorum() - group.and(bad).len();
        let good = group.without(bad);
        let holders = good.iter().filter(|node| self.scene.holds(*node, key, stamp)).count();
        if holders >= needed {
            return Ok(());
        }
        let what = format!("{holders} good disks hold {key:?} {stamp:?}, {needed} are needed");
        Err(Broken::new("C8", what))
    }

    fn acknowledge(&mut self, at: &At, key: ObjectKey, stamp: Option<Stamp>) -> Verdict {
        let known = self.acknowledged.entry(key).or_insert(stamp);
        *known = (*known).max(stamp);
        self.since.entry(key).or_insert(at.event);
        self.holds(at.bad, key, stamp)
    }

    fn absent(&self, at: &At, (key, invoked): (ObjectKey, u64)) -> Verdict {
        match self.since.get(&key) {
            Some(since) if *since < invoked => {
                let what = format!("{:?} is told that {key:?} is absent", at.node);
                Err(Broken::new("C8", format!("{what}, which was stored at event {since}")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Does every good holder of the core have this object?
    fn converged(&self, good: Nodes, key: ObjectKey, stamp: Option<Stamp>) -> Verdict {
        let mut holders = self.scene.group(key).and(good).iter();
        match holders.find(|node| !self.scene.holds(*node, key, stamp)) {
            None => Ok(()),
            Some(node) => Err(Broken::new("C14", format!("{node:?} lacks {key:?} {stamp:?}"))),
        }
    }

    /// Looks at the next object.
    fn sample(&mut self, at: &At) -> Verdict {
        let from = self.sampled.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let next = self.acknowledged.range((from, std::ops::Bound::Unbounded)).next();
        let next = next.map(|(key, stamp)| (*key, *stamp));
        self.sampled = next.map(|(key, _)| key);
        next.map_or(Ok(()), |(key, stamp)| self.holds(at.bad, key, stamp))
    }
}

impl<M: Subject, S: Sight<M>> Checker<M> for Durability<S> {
    fn id(&self) -> &'static str {
        "C8"
    }

    fn on_input(&mut self, at: &At, input: &Input<M>) -> Verdict {
        if self.sight.asked(input).is_some() {
            self.asked_us = at.time_us;
        }
        if let Some(ClientRequest::Invoke { call, operation, .. }) = self.sight.asked(input)
            && let Operation::GetContent(key) | Operation::StatContent(key) = operation
            && at.is_good()
        {
            self.looking.entry((at.node, *call)).or_insert((*key, at.event));
        }
        Ok(())
    }

    fn on_step(&mut self, at: &At, _: &M, _: &Gauges) -> Verdict {
        if at.event.is_multiple_of(SAMPLE_EVENTS) { self.sample(at) } else { Ok(()) }
    }

    fn on_output(&mut self, at: &At, output: &M::Output) -> Verdict {
        let Some(ClientOutput::Returned { call, outcome }) = self.sight.told(output) else {
            return Ok(());
        };
        let looked = self.looking.remove(&(at.node, *call));
        if !at.is_good() {
            return Ok(());
        }
        match (outcome, looked) {
            (Ok(Answer::Stored(key)), _) => self.acknowledge(at, *key, None),
            (Ok(Answer::Written(version)), _) => {
                self.acknowledge(at, version.key(), Some(version.stamp()))
            }
            (Err(Failure::Absent), Some(looked)) => self.absent(at, looked),
            (Ok(_) | Err(_), _) => Ok(()),
        }
    }

    fn on_crash(&mut self, at: &At) -> Verdict {
        self.looking.retain(|(node, _), _| *node != at.node);
        Ok(())
    }

    fn on_end(&mut self, end: &End<'_, M>) -> Verdict {
        let mut all = self.acknowledged.iter();
        all.try_for_each(|(key, stamp)| self.holds(end.bad, *key, *stamp))?;
        let is_quiet = self.asked_us + self.converged_us <= end.time_us;
        if !end.scenario.judges_liveness || !is_quiet {
            return Ok(());
        }
        let good = end.scenario.core.without(end.bad);
        let mut all = self.acknowledged.iter();
        all.try_for_each(|(key, stamp)| self.converged(good, *key, *stamp))
    }
}
