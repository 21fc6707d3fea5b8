//! Serving what waits for an object against what the store holds of it.

use alloc::vec::Vec;

use quorate_machine::{Class, Plant, planted};
use quorate_types::{Epoch, Now};
use quorate_wire::decode;

use crate::message::{ContentReply, Message, Presence, Refusal, Stored, Versioned};
use crate::object::{Body, ObjectKey, Record, Stamp, StoredContent, StoredObject, Version};

use super::job::{Asker, Job, Work};
use super::{Found, Server, ServerEffects};

/// What the store holds of an object, as far as this step knows.
#[derive(Debug)]
pub(super) enum Copy {
    Absent,
    Content(StoredContent),
    Version(Version),
    Damaged,
}

/// Proof that an object is in the store for good: it was loaded whole, or its `Persist` has been
/// pushed. DHT-1: an acknowledgement takes one.
#[derive(Debug)]
pub(super) struct Durable(ObjectKey);

impl Server {
    /// What was loaded, after every check.
    pub(super) fn inspect(&self, key: ObjectKey, found: Found) -> Copy {
        let bytes = match found {
            Found::Absent => return Copy::Absent,
            Found::Object(found_key, bytes) if found_key == key => bytes,
            Found::Object(..) | Found::Damaged(_) | Found::Unreadable(_) => return Copy::Damaged,
        };
        let object = decode::<StoredObject>(&bytes).ok();
        let is_whole =
            |object: &StoredObject| object.is_whole(&key, self.ring.system, &*self.verifier);
        match object.filter(is_whole) {
            Some(StoredObject::Content(content)) => Copy::Content(content),
            Some(StoredObject::Version(version)) => Copy::Version(version),
            None => Copy::Damaged,
        }
    }

    pub(super) fn serve_loaded(
        &mut self,
        now: Now,
        key: ObjectKey,
        found: Found,
        effects: &mut ServerEffects,
    ) {
        if matches!(found, Found::Unreadable(_)) {
            effects.mark("dht.server.unreadable");
            let waiting = self.slots.remove(&key).map(|slot| slot.waiting).unwrap_or_default();
            // Nothing is known about the copy, so it is not called damaged either.
            return self.give_up(now, waiting, Refusal::Busy, effects);
        }
        let copy = self.inspect(key, found);
        self.serve(now, key, copy, effects);
    }

    /// Serves all that wait for an object; repairs it if somebody has to wait on.
    pub(super) fn serve(
        &mut self,
        now: Now,
        key: ObjectKey,
        mut copy: Copy,
        effects: &mut ServerEffects,
    ) {
        let Some(slot) = self.slots.remove(&key) else { return };
        let was_damaged = matches!(copy, Copy::Damaged);
        let mut waiting = Vec::new();
        for job in slot.waiting {
            if job.must_wait_for_repair() && matches!(copy, Copy::Damaged) {
                waiting.push(job);
            } else {
                self.perform(now, job, (key, &mut copy), effects);
            }
        }
        if matches!(copy, Copy::Damaged) {
            effects.mark("dht.server.damaged");
            self.begin_repair(now, key, waiting, effects);
        } else if was_damaged && !waiting.is_empty() {
            self.slots.entry(key).or_default().waiting = waiting;
            self.serve(now, key, copy, effects);
        }
    }

    /// Serves what came while the object is being repaired; leaves what has to wait.
    pub(super) fn serve_during_repair(
        &mut self,
        now: Now,
        key: ObjectKey,
        effects: &mut ServerEffects,
    ) {
        let Some(mut slot) = self.slots.remove(&key) else { return };
        let Some(job) = slot.waiting.pop_if(|job| !job.must_wait_for_repair()) else {
            self.slots.insert(key, slot);
            return;
        };
        let mut copy = Copy::Damaged;
        self.perform(now, job, (key, &mut copy), effects);
        self.slots.insert(key, slot);
        if !matches!(copy, Copy::Damaged) {
            self.end_repair(now, key, copy, effects);
        }
    }

    fn perform(
        &mut self,
        now: Now,
        job: Job,
        (key, copy): (ObjectKey, &mut Copy),
        effects: &mut ServerEffects,
    ) {
        match job {
            Job::Answer(asker, work) => self.answer((now, asker), work, (key, copy), effects),
            Job::Adopt(object) => {
                self.keep_adopted((key, copy), *object, effects);
                self.adopted(key);
            }
            Job::Scrub => self.scrub_next(now, true, effects),
        }
    }

    /// DHT-14: what a sweep fetched replaces only less, like every write.
    fn keep_adopted(
        &mut self,
        (key, copy): (ObjectKey, &mut Copy),
        object: StoredObject,
        effects: &mut ServerEffects,
    ) {
        match object {
            StoredObject::Content(_) if matches!(copy, Copy::Content(_)) => {
                effects.mark("dht.sweep.known");
            }
            StoredObject::Content(content) => {
                self.keep_content((key, copy), content.body, content.expires, effects);
                effects.mark("dht.sweep.fetched");
            }
            StoredObject::Version(version) if planted(Plant::RepairRollsBack) => {
                self.persist(key, StoredObject::Version(version), effects);
            }
            StoredObject::Version(version) => {
                let kept = self.keep_version((key, copy), version, effects);
                effects.mark(if kept.is_ok() { "dht.sweep.fetched" } else { "dht.sweep.skipped" });
            }
        }
    }

    fn answer(
        &mut self,
        (now, asker): (Now, Asker),
        work: Work,
        (key, copy): (ObjectKey, &mut Copy),
        effects: &mut ServerEffects,
    ) {
        self.budget.give_back(asker.peer, work.waiting_bytes());
        if !self.is_of_this_epoch(asker, effects) {
            return;
        }
        match work {
            Work::Get => self.answer_get(asker, copy, effects),
            Work::Stat => self.answer_stat(asker, copy, effects),
            Work::Put { body, expires } => {
                let durable = self.keep_content((key, copy), body, expires, effects);
                self.acknowledge(asker, (key, &durable), effects);
            }
            Work::Read { wants_value } => self.answer_read(asker, copy, wants_value, effects),
            Work::Write(version) => {
                if planted(Plant::AckBeforePersist) {
                    self.acknowledge(asker, (key, &Durable(key)), effects);
                }
                match self.take_version(now, (key, copy), *version, effects) {
                    Ok(durable) => self.acknowledge(asker, (key, &durable), effects),
                    Err(refusal) => self.refuse(asker, refusal, effects),
                }
            }
        }
    }

    fn acknowledge(
        &self,
        asker: Asker,
        (key, durable): (ObjectKey, &Durable),
        effects: &mut ServerEffects,
    ) {
        assert!(durable.0 == key, "DHT-1: an acknowledgement of an object that is not durable");
        let head = self.reply_head(asker);
        effects.send(asker.peer, Class::Ordered, Message::Stored(Stored { head }));
    }

    fn answer_get(&self, asker: Asker, copy: &Copy, effects: &mut ServerEffects) {
        let body = match copy {
            Copy::Content(content) => Some(content.body.clone()),
            Copy::Absent => None,
            Copy::Damaged | Copy::Version(_) => return self.refuse_damaged(asker, effects),
        };
        let head = self.reply_head(asker);
        effects.send(asker.peer, Class::Bulk, Message::Content(ContentReply { head, body }));
    }

    fn answer_stat(&self, asker: Asker, copy: &Copy, effects: &mut ServerEffects) {
        let bytes = match copy {
            Copy::Content(content) => u32::try_from(content.body.len()).ok(),
            Copy::Absent => None,
            Copy::Damaged | Copy::Version(_) => return self.refuse_damaged(asker, effects),
        };
        let head = self.reply_head(asker);
        effects.send(asker.peer, Class::Ordered, Message::Presence(Presence { head, bytes }));
    }

    fn answer_read(
        &self,
        asker: Asker,
        copy: &Copy,
        wants_value: bool,
        effects: &mut ServerEffects,
    ) {
        let version = match copy {
            Copy::Version(version) => Some(version),
            Copy::Absent => None,
            Copy::Damaged | Copy::Content(_) => return self.refuse_damaged(asker, effects),
        };
        let value = version.filter(|_| wants_value).map(|version| version.value.clone());
        let signed = version.map(|version| version.signed);
        let head = self.reply_head(asker);
        let reply = Message::Versioned(Versioned { head, signed, value });
        effects.send(asker.peer, Class::Ordered, reply);
    }

    fn refuse_damaged(&self, asker: Asker, effects: &mut ServerEffects) {
        // DHT-10: the copy is damaged, so nothing is known, not even that it is absent.
        self.refuse(asker, Refusal::Damaged, effects);
    }

    /// Persists content, unless the copy is whole and will be kept as long.
    fn keep_content(
        &mut self,
        (key, copy): (ObjectKey, &mut Copy),
        body: Body,
        expires: Epoch,
        effects: &mut ServerEffects,
    ) -> Durable {
        let stored_until = match copy {
            Copy::Content(content) => Some(content.expires),
            Copy::Absent | Copy::Damaged | Copy::Version(_) => None,
        };
        if stored_until.is_some_and(|stored| stored >= expires) {
            effects.mark("dht.server.content_known");
            return Durable(key);
        }
        let content = StoredContent { expires, body };
        *copy = Copy::Content(content.clone());
        self.persist(key, StoredObject::Content(content), effects)
    }

    /// Persists what a client wrote, unless it is too far ahead of the group.
    fn take_version(
        &mut self,
        now: Now,
        (key, copy): (ObjectKey, &mut Copy),
        version: Version,
        effects: &mut ServerEffects,
    ) -> Result<Durable, Refusal> {
        let stored = match copy {
            Copy::Version(stored) => stored.stamp().sequence,
            Copy::Absent | Copy::Damaged | Copy::Content(_) => 0,
        };
        if !self.may_advance(now, key, (stored, version.stamp().sequence), effects) {
            effects.mark("dht.server.sequence_skip");
            return Err(Refusal::SequenceSkip);
        }
        self.keep_version((key, copy), version, effects)
    }

    /// Persists a version if it is higher than the stored one; a lower one needs nothing more.
    fn keep_version(
        &mut self,
        (key, copy): (ObjectKey, &mut Copy),
        version: Version,
        effects: &mut ServerEffects,
    ) -> Result<Durable, Refusal> {
        let stored = match copy {
            Copy::Version(stored) => Some(stored.stamp()),
            Copy::Absent => None,
            Copy::Damaged | Copy::Content(_) => return Err(Refusal::Damaged),
        };
        let is_known = |stored: Stamp| stored.sequence == version.stamp().sequence;
        if stored.is_some_and(|stored| stored >= version.stamp())
            || (planted(Plant::NumbersCompared) && stored.is_some_and(is_known))
        {
            effects.mark("dht.server.older_version");
            return Ok(Durable(key));
        }
        assert!(
            stored < Some(version.stamp()),
            "DHT-2: a version replaced by one that is not higher"
        );

        *copy = Copy::Version(version.clone());
        Ok(self.persist(key, StoredObject::Version(version), effects))
    }

    /// Makes an object durable before all that follows.
    pub(super) fn persist(
        &mut self,
        key: ObjectKey,
        object: StoredObject,
        effects: &mut ServerEffects,
    ) -> Durable {
        self.sweep.touch(&key);
        effects.persist(Record::Store(key, object));
        Durable(key)
    }
}
