//! Mending a damaged copy from the other members of its group.
//!
//! Content is asked of one peer after the other, since any copy proves itself. A version is asked
//! of all, and the highest that `2f + 1` of them know replaces the damaged one: every completed
//! write is at one of these that is correct, even if this server was needed to complete it,
//! because a server with a damaged copy is one of the `f` that may fail. By the same argument a
//! copy of which `2f + 1` others know nothing was never completely written, and is dropped.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use quorate_machine::Class;
use quorate_types::{NodeId, Now, Peer};

use crate::choice::{Choice, choose};
use crate::limits::{REPAIR_RETRY, REPAIR_ROUNDS_MAX, SERVER_REPAIRS_MAX};
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
    versions: BTreeMap<NodeId, Version>,
}

impl Repair {
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
        match choose(server.ring.resilience(), &stamps) {
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
            self.give_up(now, waiting, effects);
            return;
        }
        let operation = OperationId::new(self.take_number());
        let group = self.ring.group(key.id());
        let others = group.members().iter().copied().filter(|node| *node != self.node).collect();
        let repair = Repair {
            head: Head { epoch: self.ring.epoch, operation },
            others,
            asked: 0,
            rounds: 0,
            absent: BTreeSet::new(),
            versions: BTreeMap::new(),
        };
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
        let is_over = repair.rounds >= REPAIR_ROUNDS_MAX * rounds_of(key, repair.others.len());
        if is_over {
            effects.mark("dht.server.unrepaired");
            effects.emit(ServerOutput::Unrepaired(key));
            let waiting = self.close_repair(key, effects);
            self.give_up(now, waiting, effects);
        } else {
            self.ask(now, key, effects);
        }
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
        let is_news = repair.absent.insert(node);
        if repair.absent.len() >= quorum {
            self.drop_copy(now, key, effects);
        } else if is_news {
            self.ask(now, key, effects);
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
                    repair.absent.insert(node);
                }
                (Some(_), _) | (None, Some(_)) => effects.mark("dht.server.wrong_version"),
            }
        }
        let outcome = slot.repair.as_ref().and_then(|repair| repair.outcome(self));
        self.slots.insert(key, slot);
        match outcome {
            None => {}
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

    fn give_up(&mut self, now: Now, waiting: Vec<Job>, effects: &mut ServerEffects) {
        for job in waiting {
            match job {
                Job::Answer(asker, work) => {
                    self.budget.give_back(asker.peer, work.waiting_bytes());
                    self.refuse(asker, Refusal::Damaged, effects);
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
