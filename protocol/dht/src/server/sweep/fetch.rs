//! Fetching what a sweep found missing, a few objects at a time.
//!
//! What comes is checked here, and then goes the way of every write: it is compared with what the
//! store holds at that moment, and replaces only less.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use quorate_machine::{Class, Plant, planted};
use quorate_types::{Now, Peer};

use crate::choice::level;
use crate::limits::{SWEEP_FETCH_WAIT, SWEEP_FETCHES_MAX, SWEEP_TICK};
use crate::message::{GetContent, Head, Message, OperationId, ReadVersion, Versioned};
use crate::object::{Body, KEEP_FOR_EVER, ObjectKey, Stamp, StoredContent, StoredObject, Version};

use super::super::job::{Asker, Job};
use super::super::{Server, ServerEffects, ServerTimer};
use super::claims::Want;
use super::{Round, Visit};

/// The objects of one page that are missing.
#[derive(Debug)]
pub(super) struct Fetches {
    pub(super) wanted: VecDeque<Want>,
    under_way: BTreeMap<ObjectKey, Fetch>,
    /// Came, and wait for the store.
    adopting: BTreeSet<ObjectKey>,
}

/// An object that was asked for.
#[derive(Debug)]
struct Fetch {
    operation: OperationId,
    want: Want,
    /// Questions so far; the holder to ask is this modulo their number.
    asked: usize,
}

impl Fetches {
    pub(super) const fn new() -> Self {
        Self { wanted: VecDeque::new(), under_way: BTreeMap::new(), adopting: BTreeSet::new() }
    }

    fn in_flight(&self) -> usize {
        self.under_way.len() + self.adopting.len()
    }

    /// The object that was asked for under this number.
    fn asked_as(&self, operation: OperationId) -> Option<&Fetch> {
        self.under_way.values().find(|fetch| fetch.operation == operation)
    }
}

impl Server {
    /// Begins as many fetches as may be in flight; ends the page if there is nothing left.
    pub(super) fn fetch_more(&mut self, now: Now, effects: &mut ServerEffects) {
        let mut begun = Vec::new();
        loop {
            let operation = OperationId::new(self.take_number());
            let Some(visit) = self.visit() else { return };
            let fetches = &mut visit.fetches;
            if fetches.in_flight() >= SWEEP_FETCHES_MAX {
                break;
            }
            let Some(want) = fetches.wanted.pop_front() else { break };
            let key = want.key;
            fetches.under_way.insert(key, Fetch { operation, want, asked: 0 });
            begun.push(key);
        }
        begun.into_iter().for_each(|key| self.ask_holder(now, key, effects));

        let Some(visit) = self.visit() else { return };
        let in_flight = visit.fetches.in_flight();
        assert!(in_flight <= SWEEP_FETCHES_MAX, "DHT-15: {in_flight} objects in flight");
        if in_flight == 0 && visit.fetches.wanted.is_empty() {
            self.page_over(now, effects);
        } else {
            effects.arm(ServerTimer::Sweep, now.instant.after(SWEEP_TICK));
        }
    }

    /// Asks the next holder of an object, each of them twice at most.
    pub(in super::super) fn ask_holder(
        &mut self,
        now: Now,
        key: ObjectKey,
        effects: &mut ServerEffects,
    ) {
        let epoch = self.ring.epoch;
        let Some(visit) = self.visit() else { return };
        let Some(fetch) = visit.fetches.under_way.get_mut(&key) else { return };
        let holders = &fetch.want.holders;
        if fetch.asked >= 2 * holders.len() {
            visit.fetches.under_way.remove(&key);
            effects.disarm(ServerTimer::Fetch(key));
            effects.mark("dht.sweep.unfetched");
            return;
        }
        let node = holders[fetch.asked % holders.len()];
        fetch.asked += 1;
        let head = Head { epoch, operation: fetch.operation };
        let message = match key.content_kind() {
            Some(_) => Message::GetContent(GetContent { head, key }),
            None => Message::ReadVersion(ReadVersion { head, key, wants_value: true }),
        };
        effects.send(Peer::Node(node), Class::Bulk, message);
        effects.arm(ServerTimer::Fetch(key), now.instant.after(SWEEP_FETCH_WAIT));
    }

    /// What a reply was asked for, if a sweep did.
    fn fetched(&mut self, asker: Asker) -> Option<Want> {
        if asker.head.epoch != self.ring.epoch {
            return None;
        }
        let fetch = self.visit()?.fetches.asked_as(asker.head.operation)?;
        let is_holder = |node| fetch.want.holders.contains(&node);
        let is_answer = matches!(asker.peer, Peer::Node(node) if is_holder(node));
        is_answer.then(|| fetch.want.clone())
    }

    /// Content came; false if no sweep asked for it.
    pub(in super::super) fn fetched_content(
        &mut self,
        now: Now,
        (asker, body): (Asker, Option<&Body>),
        effects: &mut ServerEffects,
    ) -> bool {
        let Some(want) = self.fetched(asker) else { return false };
        match body {
            // DHT-14: content proves itself by its hash.
            Some(body) if want.key.is_name_of(body) || planted(Plant::RepairUnverified) => {
                let content = StoredContent { expires: KEEP_FOR_EVER, body: body.clone() };
                self.adopt(now, want.key, StoredObject::Content(content), effects);
            }
            Some(_) => {
                effects.mark("dht.sweep.wrong_content");
                self.ask_holder(now, want.key, effects);
            }
            None => self.ask_holder(now, want.key, effects),
        }
        true
    }

    /// A version came, its signature checked; false if no sweep asked for it.
    pub(in super::super) fn fetched_version(
        &mut self,
        now: Now,
        (asker, reply): (Asker, &Versioned),
        effects: &mut ServerEffects,
    ) -> bool {
        let Some(want) = self.fetched(asker) else { return false };
        match (reply.signed, &reply.value) {
            // DHT-14: a version proves itself by its signature, and must be what was promised.
            (Some(signed), Some(value))
                if signed.object() == want.key.id()
                    && Some(signed.stamp) >= want.stamp
                    && is_on_level(signed.stamp, want.stamp) =>
            {
                let version = Version { signed, value: value.clone() };
                self.adopt(now, want.key, StoredObject::Version(version), effects);
            }
            _ => {
                effects.mark("dht.sweep.wrong_version");
                self.ask_holder(now, want.key, effects);
            }
        }
        true
    }

    fn adopt(
        &mut self,
        now: Now,
        key: ObjectKey,
        object: StoredObject,
        effects: &mut ServerEffects,
    ) {
        if let Some(Visit { fetches, .. }) = self.visit() {
            fetches.under_way.remove(&key);
            fetches.adopting.insert(key);
        }
        effects.disarm(ServerTimer::Fetch(key));
        self.enqueue(now, key, Job::Adopt(Box::new(object)), effects);
    }

    /// The store has what came, or something better, or cannot take it.
    pub(in super::super) fn adopted(&mut self, key: ObjectKey) {
        if let Some(visit) = self.visit() {
            visit.fetches.adopting.remove(&key);
        }
    }

    /// A peer refused something that a sweep asked of it.
    pub(in super::super) fn sweep_refused(
        &mut self,
        now: Now,
        asker: Asker,
        effects: &mut ServerEffects,
    ) {
        if let Some(want) = self.fetched(asker) {
            self.ask_holder(now, want.key, effects);
        } else if matches!(self.sweep.round, Round::Comparing(_)) {
            self.compared(now, (asker, None), effects);
        } else {
            self.names(now, (asker, None), effects);
        }
    }

    /// Did a sweep ask something under this number?
    pub(in super::super) fn has_swept(&self, operation: OperationId) -> bool {
        match &self.sweep.round {
            Round::Resting | Round::Walking => false,
            Round::Comparing(comparison) => comparison.is(operation),
            Round::Visiting(visit) => {
                visit.has_asked(operation) || visit.fetches.asked_as(operation).is_some()
            }
        }
    }

    pub(super) fn forget_fetches(&mut self, effects: &mut ServerEffects) {
        if let Some(visit) = self.visit() {
            for key in visit.fetches.under_way.keys() {
                effects.disarm(ServerTimer::Fetch(*key));
            }
        }
    }
}

/// A holder may have gone on since it was listed, but what `f + 1` listed bounds how far (DHT-17).
fn is_on_level(stamp: Stamp, listed: Option<Stamp>) -> bool {
    let known = listed.map_or(0, |listed| level(listed.sequence));
    level(stamp.sequence) <= known.max(1)
}
