//! Mending a damaged copy from the other members of its group.
//!
//! Content is asked of one peer after the other, since any copy proves itself. A version is asked
//! of all, and the highest that `2f + 1` of them know replaces the damaged one: every completed
//! write is at one of these that is correct, even if this server was needed to complete it,
//! because a server with a damaged copy is one of the `f` that may fail. By the same argument a
//! copy of which `2f + 1` others know nothing was never completely written, and is dropped.
//!
//! Peers that are silent may come back: the repair is given up for now, and begun again by the
//! next request or scrub. What all others answer for, and `f + 1` of them hold damaged too, is
//! lost: time does not bring it back, so the node is told to stop. All are asked once more before,
//! each server after a wait of its own, so that of those who hold it damaged one stops and the
//! others, to whom it does not answer any more, go on.
//!
//! # Invariants
//! - DHT-16: a server calls an object lost only if every other member of its group has answered
//!   that it cannot help, and `f + 1` of them that their copy is damaged; so neither silence nor
//!   `f` liars make it stop.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use quorate_machine::{Class, Plant, planted};
use quorate_types::{NodeId, Now, Peer, ReplicaId};

use crate::choice::{Choice, Known, choose};
use crate::limits::{LOSS_CONFIRM, REPAIR_RETRY, REPAIR_ROUNDS_MAX, SERVER_REPAIRS_MAX};
use crate::message::{GetContent, Head, Message, OperationId, ReadVersion, Refusal, Versioned};
use crate::object::{Body, KEEP_FOR_EVER, ObjectKey, Record, StoredContent, StoredObject, Version};

use super::job::{Asker, Job};
use super::serve::Copy;
use super::{Server, ServerEffects, ServerOutput, ServerTimer};

/// The questions about one damaged object.
#[derive(Debug)]
pub(super) struct Repair {
    head: Head,
    /// The other members of the group.
    others: Vec<NodeId>,
    /// Questions asked so far; for content, the peer to ask is this modulo their number.
    asked: usize,
    rounds: u32,
    absent: BTreeSet<NodeId>,
    damaged: BTreeSet<NodeId>,
    versions: BTreeMap<NodeId, Version>,
    /// All have answered that they cannot help, and are asked once more.
    is_confirming: bool,
}

impl Repair {
    fn new(head: Head, others: Vec<NodeId>) -> Self {
        Self {
            head,
            others,
            asked: 0,
            rounds: 0,
            absent: BTreeSet::new(),
            damaged: BTreeSet::new(),
            versions: BTreeMap::new(),
            is_confirming: false,
        }
    }

    /// Members whose copy is damaged too, if all have answered and `enough` of them say so.
    fn losses(&self, enough: usize) -> Option<usize> {
        let is_whole = |node: &NodeId| self.versions.contains_key(node);
        let damaged = self.damaged.iter().filter(|node| !is_whole(node)).count();
        let knows = |node: &NodeId| {
            is_whole(node) || self.damaged.contains(node) || self.absent.contains(node)
        };
        (damaged >= enough && self.others.iter().all(knows)).then_some(damaged)
    }

    fn is_one_of_others(&self, peer: Peer) -> Option<NodeId> {
        match peer {
            Peer::Node(node) if self.others.contains(&node) => Some(node),
            Peer::Node(_) | Peer::Client(_) => None,
        }
    }

    /// The highest version that the others know; nothing while too few have answered.
    fn outcome(&self, server: &Server) -> Option<Option<Version>> {
        let absent = self.absent.iter().filter(|node| !self.versions.contains_key(node));
        let mut stamps: Vec<_> = absent.map(|_| None).collect();
        stamps.extend(self.versions.values().map(|version| Some(version.stamp())));
        match choose(server.ring.resilience(), &stamps, Known::default()) {
            Choice::Wait => None,
            Choice::Highest(None) => Some(None),
            Choice::Highest(Some(stamp)) => {
                Some(self.versions.values().find(|version| version.stamp() == stamp).cloned())
            }
        }
    }
}

impl Server {
    /// Asks the group for a whole copy; `waiting` goes on waiting for it.
    pub(super) fn begin_repair(
        &mut self,
        now: Now,
        key: ObjectKey,
        waiting: Vec<Job>,
        effects: &mut ServerEffects,
    ) {
        if self.repairs.len() >= SERVER_REPAIRS_MAX {
            effects.mark("dht.server.repairs_full");
            self.give_up(now, waiting, Refusal::Damaged, effects);
            return;
        }
        let operation = OperationId::new(self.take_number());
        let group = self.ring.group(key.id());
        let others = group.members().iter().copied().filter(|node| *node != self.node).collect();
        let repair = Repair::new(Head { epoch: self.ring.epoch, operation }, others);
        self.repairs.insert(operation, key);
        let slot = self.slots.entry(key).or_default();
        slot.waiting = waiting;
        slot.repair = Some(repair);
        effects.mark("dht.server.repair");
        self.ask(now, key, effects);
    }

    /// The replies of the epoch that ended do not count in the new one: ask its groups anew.
    pub(super) fn restart_repairs(&mut self, now: Now, effects: &mut ServerEffects) {
        let keys: Vec<ObjectKey> = self.repairs.values().copied().collect();
        for key in keys {
            let waiting = self.close_repair(key, effects);
            self.begin_repair(now, key, waiting, effects);
        }
    }

    /// A peer that was asked is in a later epoch.
    pub(super) fn repair_in_wrong_epoch(&self, asker: Asker, effects: &mut ServerEffects) {
        let operation = asker.head.operation;
        let is_asked = self.repairs.contains_key(&operation) || self.has_swept(operation);
        if is_asked && asker.head.epoch > self.ring.epoch {
            effects.emit(ServerOutput::Behind(asker.head.epoch));
        }
    }

    fn repair_of(&mut self, key: ObjectKey) -> Option<&mut Repair> {
        self.slots.get_mut(&key)?.repair.as_mut()
    }

    fn ask(&mut self, now: Now, key: ObjectKey, effects: &mut ServerEffects) {
        let Some(repair) = self.repair_of(key) else { return };
        if key.content_kind().is_some() {
            let node = repair.others[repair.asked % repair.others.len()];
            repair.asked += 1;
            let message = Message::GetContent(GetContent { head: repair.head, key });
            effects.send(Peer::Node(node), Class::Bulk, message);
        } else {
            for node in repair.others.iter().filter(|node| !repair.versions.contains_key(node)) {
                let read = ReadVersion { head: repair.head, key, wants_value: true };
                effects.send(Peer::Node(*node), Class::Bulk, Message::ReadVersion(read));
            }
        }
        effects.arm(ServerTimer::Repair(key), now.instant.after(REPAIR_RETRY));
    }

    /// The alarm of a repair: ask on, or give up.
    pub(super) fn repair_again(&mut self, now: Now, key: ObjectKey, effects: &mut ServerEffects) {
        let Some(repair) = self.repair_of(key) else { return };
        repair.rounds += 1;
        let others = repair.others.len();
        let is_over = repair.rounds >= REPAIR_ROUNDS_MAX * rounds_of(key, others);
        if !is_over {
            return self.ask(now, key, effects);
        }
        effects.mark("dht.server.unrepaired");
        effects.emit(match planted(Plant::SilenceIsLoss) {
            true => ServerOutput::Lost { key, damaged: others, others },
            false => ServerOutput::Unrepaired(key),
        });
        let waiting = self.close_repair(key, effects);
        self.give_up(now, waiting, Refusal::Damaged, effects);
    }

    /// A member that was asked does not serve its copy; false if no repair asked it.
    pub(super) fn repair_refused(
        &mut self,
        now: Now,
        (asker, refusal): (Asker, Refusal),
        effects: &mut ServerEffects,
    ) -> bool {
        let Some((key, node)) = self.repair_reply(asker) else { return false };
        let Some(repair) = self.repair_of(key) else { return false };
        // Who refuses for another reason may help later: the alarm asks again.
        if refusal == Refusal::Damaged {
            repair.absent.remove(&node);
            let is_news = repair.damaged.insert(node);
            self.ask_on(now, (key, is_news), effects);
        }
        true
    }

    /// One more member cannot help: ask the next, unless all have said so.
    fn ask_on(&mut self, now: Now, (key, is_news): (ObjectKey, bool), effects: &mut ServerEffects) {
        let enough = self.ring.resilience().weak_quorum();
        let Some(repair) = self.repair_of(key) else { return };
        match (repair.losses(enough), repair.is_confirming) {
            (Some(damaged), true) => self.lost(now, (key, damaged), effects),
            (Some(_), false) => self.begin_confirming(now, key, effects),
            (None, _) if is_news && key.content_kind().is_some() => self.ask(now, key, effects),
            (None, _) => {}
        }
    }

    /// Asks all members once more, a while later: the first of the group waits the least.
    fn begin_confirming(&mut self, now: Now, key: ObjectKey, effects: &mut ServerEffects) {
        let operation = OperationId::new(self.take_number());
        let place = self.ring.group(key.id()).place_of(self.node).map_or(0, ReplicaId::get);
        let Some(repair) = self.repair_of(key) else { return };
        let head = Head { operation, ..repair.head };
        let old = core::mem::replace(repair, Repair::new(head, repair.others.clone()));
        repair.is_confirming = true;
        self.repairs.remove(&old.head.operation);
        self.repairs.insert(operation, key);
        let wait = LOSS_CONFIRM.times(u64::from(place) + 1);
        effects.mark("dht.server.loss_suspected");
        effects.arm(ServerTimer::Repair(key), now.instant.after(wait));
    }

    fn lost(&mut self, now: Now, (key, damaged): (ObjectKey, usize), effects: &mut ServerEffects) {
        let others = self.repair_of(key).map_or(0, |repair| repair.others.len());
        let enough = self.ring.resilience().weak_quorum();
        assert!(damaged >= enough && damaged <= others, "DHT-16: {damaged} of {others} for a loss");
        effects.mark("dht.server.lost");
        effects.emit(ServerOutput::Lost { key, damaged, others });
        let waiting = self.close_repair(key, effects);
        self.give_up(now, waiting, Refusal::Damaged, effects);
    }

    /// The key and the peer of a reply that counts for a repair.
    fn repair_reply(&mut self, asker: Asker) -> Option<(ObjectKey, NodeId)> {
        let key = *self.repairs.get(&asker.head.operation)?;
        let repair = self.repair_of(key)?;
        if repair.head.epoch != asker.head.epoch {
            return None;
        }
        Some((key, repair.is_one_of_others(asker.peer)?))
    }

    pub(super) fn repair_with_content(
        &mut self,
        now: Now,
        asker: Asker,
        body: Option<Body>,
        effects: &mut ServerEffects,
    ) {
        let Some((key, node)) = self.repair_reply(asker) else { return };
        match body {
            Some(body) if key.is_name_of(&body) => {
                let content = StoredContent { expires: KEEP_FOR_EVER, body };
                self.persist(key, StoredObject::Content(content.clone()), effects);
                effects.mark("dht.server.repaired");
                self.end_repair(now, key, Copy::Content(content), effects);
            }
            Some(_) => {
                effects.mark("dht.server.wrong_content");
                self.ask(now, key, effects);
            }
            None => self.repair_without_content(now, (key, node), effects),
        }
    }

    fn repair_without_content(
        &mut self,
        now: Now,
        (key, node): (ObjectKey, NodeId),
        effects: &mut ServerEffects,
    ) {
        let quorum = self.ring.resilience().quorum();
        let Some(repair) = self.repair_of(key) else { return };
        repair.damaged.remove(&node);
        let is_news = repair.absent.insert(node);
        if repair.absent.len() >= quorum {
            self.drop_copy(now, key, effects);
        } else {
            self.ask_on(now, (key, is_news), effects);
        }
    }

    pub(super) fn repair_with_version(
        &mut self,
        now: Now,
        asker: Asker,
        reply: Versioned,
        effects: &mut ServerEffects,
    ) {
        let Some((key, node)) = self.repair_reply(asker) else { return };
        let Some(slot) = self.slots.remove(&key) else { return };
        let mut slot = slot;
        if let Some(repair) = &mut slot.repair {
            match (reply.signed, reply.value) {
                (Some(signed), Some(value)) if signed.object() == key.id() => {
                    repair.versions.insert(node, Version { signed, value });
                }
                (None, None) => {
                    repair.damaged.remove(&node);
                    repair.absent.insert(node);
                }
                (Some(_), _) | (None, Some(_)) => effects.mark("dht.server.wrong_version"),
            }
        }
        let outcome = slot.repair.as_ref().and_then(|repair| repair.outcome(self));
        self.slots.insert(key, slot);
        match outcome {
            None => self.ask_on(now, (key, true), effects),
            Some(None) => self.drop_copy(now, key, effects),
            Some(Some(version)) => {
                self.persist(key, StoredObject::Version(version.clone()), effects);
                effects.mark("dht.server.repaired");
                self.end_repair(now, key, Copy::Version(version), effects);
            }
        }
    }

    fn drop_copy(&mut self, now: Now, key: ObjectKey, effects: &mut ServerEffects) {
        self.sweep.touch(&key);
        effects.persist(Record::Remove(key));
        effects.mark("dht.server.dropped");
        self.end_repair(now, key, Copy::Absent, effects);
    }

    /// The copy is whole again: serve who waited for it.
    pub(super) fn end_repair(
        &mut self,
        now: Now,
        key: ObjectKey,
        copy: Copy,
        effects: &mut ServerEffects,
    ) {
        let waiting = self.close_repair(key, effects);
        self.slots.entry(key).or_default().waiting = waiting;
        self.serve(now, key, copy, effects);
    }

    fn close_repair(&mut self, key: ObjectKey, effects: &mut ServerEffects) -> Vec<Job> {
        let Some(slot) = self.slots.remove(&key) else { return Vec::new() };
        if let Some(repair) = &slot.repair {
            self.repairs.remove(&repair.head.operation);
            effects.disarm(ServerTimer::Repair(key));
        }
        slot.waiting
    }

    /// Sends away who waits for an object that cannot be served.
    pub(super) fn give_up(
        &mut self,
        now: Now,
        waiting: Vec<Job>,
        refusal: Refusal,
        effects: &mut ServerEffects,
    ) {
        for job in waiting {
            match job {
                Job::Answer(asker, work) => {
                    self.budget.give_back(asker.peer, work.waiting_bytes());
                    self.refuse(asker, refusal, effects);
                }
                // The next sweep finds it again.
                Job::Adopt(object) => {
                    if let StoredObject::Version(version) = *object {
                        self.adopted(version.key());
                    }
                }
                Job::Scrub => self.scrub_next(now, false, effects),
            }
        }
    }
}

/// Alarms in one round of questions: content is asked of one peer at a time.
fn rounds_of(key: ObjectKey, others: usize) -> u32 {
    match key.content_kind() {
        Some(_) => u32::try_from(others).expect("a group has at most 64 members"),
        None => 1,
    }
}
