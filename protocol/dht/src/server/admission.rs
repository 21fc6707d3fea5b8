//! Which requests a server takes on, and what it answers to the others.

use alloc::boxed::Box;

use quorate_crypto::Verified;
use quorate_machine::{Class, Plant, planted};
use quorate_types::{Now, Peer};

use crate::message::{Head, Message, Refusal, Refused, WriteAuthority, WrongEpoch};
use crate::object::ObjectKey;

use super::job::{Asker, Job, Work};
use super::{Server, ServerEffects, ServerOutput};

impl Server {
    pub(super) fn deliver(
        &mut self,
        now: Now,
        from: Peer,
        message: Verified<Message>,
        effects: &mut ServerEffects,
    ) {
        let asker = Asker { peer: from, head: message.head() };
        if let Some(certificate) = message.certificate() {
            self.clients.note(now, from, certificate);
        }
        match message.into_inner() {
            Message::PutContent(put) => {
                let work = Work::Put { body: put.body, expires: put.authority.expires };
                self.admit_write(now, (asker, &put.authority), (put.key, work), effects);
            }
            Message::WriteVersion(write) => {
                let key = write.version.key();
                let work = Work::Write(Box::new(write.version));
                self.admit_write(now, (asker, &write.authority), (key, work), effects);
            }
            Message::GetContent(get) => self.admit(now, asker, (get.key, Work::Get), effects),
            Message::StatContent(stat) => self.admit(now, asker, (stat.key, Work::Stat), effects),
            Message::ReadVersion(read) => {
                let work = Work::Read { wants_value: read.wants_value };
                self.admit(now, asker, (read.key, work), effects);
            }
            Message::Introduce(_) => effects.mark("dht.server.introduced"),
            Message::Scrub(scrub) => self.on_scrub(now, (asker, &scrub), effects),
            Message::Compare(compare) => self.on_compare(now, (asker, &compare), effects),
            Message::ListNames(list) => self.on_list_names(now, (asker, &list), effects),
            Message::Compared(reply) => self.compared(now, (asker, Some(reply)), effects),
            Message::Names(reply) => self.names(now, (asker, Some(reply)), effects),
            Message::Content(reply) => {
                if !self.fetched_content(now, (asker, reply.body.as_ref()), effects) {
                    self.repair_with_content(now, asker, reply.body, effects);
                }
            }
            Message::Versioned(reply) => {
                if !self.fetched_version(now, (asker, &reply), effects)
                    && !self.heard_version(now, (asker, &reply), effects)
                {
                    self.repair_with_version(now, asker, reply, effects);
                }
            }
            Message::Refused(reply) => {
                effects.mark("dht.server.refused");
                if !self.repair_refused(now, (asker, reply.refusal), effects) {
                    self.sweep_refused(now, asker, effects);
                }
            }
            // Nobody asked a peer for this.
            Message::Stored(_) | Message::Presence(_) | Message::Scrubbed(_) => {
                effects.mark("dht.server.useless_reply");
                self.sweep_refused(now, asker, effects);
            }
            Message::WrongEpoch(_) => self.repair_in_wrong_epoch(asker, effects),
        }
    }

    fn admit_write(
        &mut self,
        now: Now,
        (asker, authority): (Asker, &WriteAuthority),
        (key, work): (ObjectKey, Work),
        effects: &mut ServerEffects,
    ) {
        if !authority.certificate.holds_at(now.wall) && !planted(Plant::ExpiredWriterAdmitted) {
            effects.mark("dht.server.not_authorised");
            self.refuse(asker, Refusal::NotAuthorised, effects);
            return;
        }
        self.admit(now, asker, (key, work), effects);
    }

    fn admit(
        &mut self,
        now: Now,
        asker: Asker,
        (key, work): (ObjectKey, Work),
        effects: &mut ServerEffects,
    ) {
        if !self.is_of_this_epoch(asker, effects) {
            return;
        }
        if self.ring.group(key.id()).place_of(self.node).is_none() {
            effects.mark("dht.server.not_responsible");
            self.refuse(asker, Refusal::NotResponsible, effects);
            return;
        }
        if !self.take_on(now, asker, work.waiting_bytes(), effects) {
            return;
        }

        self.enqueue(now, key, Job::Answer(asker, work), effects);
    }

    /// Counts a request that will wait; refuses it if too much waits already.
    pub(super) fn take_on(
        &mut self,
        now: Now,
        asker: Asker,
        bytes: usize,
        effects: &mut ServerEffects,
    ) -> bool {
        let is_stranger = self.clients.is_stranger(now, asker.peer);
        let is_taken = self.budget.take(asker.peer, is_stranger, bytes);
        if !is_taken {
            effects.mark(if is_stranger { "dht.server.stranger_busy" } else { "dht.server.busy" });
            self.refuse(asker, Refusal::Busy, effects);
        }
        is_taken
    }

    /// Lets a job wait for its object; begins to load the object if nobody waits for it yet.
    pub(super) fn enqueue(
        &mut self,
        now: Now,
        key: ObjectKey,
        job: Job,
        effects: &mut ServerEffects,
    ) {
        let is_loading = self.slots.contains_key(&key);
        let slot = self.slots.entry(key).or_default();
        slot.waiting.push(job);
        if slot.repair.is_some() {
            self.serve_during_repair(now, key, effects);
        } else if !is_loading {
            self.load(key, effects);
        }
    }

    /// Is the request of this server's epoch? If not, says so. Asked twice: when the request comes
    /// and when it is served, since the epoch may end in between.
    pub(super) fn is_of_this_epoch(&self, asker: Asker, effects: &mut ServerEffects) -> bool {
        let own = self.ring.epoch;
        if asker.head.epoch < own {
            effects.mark("dht.server.wrong_epoch");
            let head = Head { epoch: own, ..asker.head };
            let configuration = self.certified.clone();
            let reply = Message::WrongEpoch(WrongEpoch { head, configuration });
            effects.send(asker.peer, Class::Ordered, reply);
        } else if asker.head.epoch > own {
            effects.mark("dht.server.behind");
            effects.emit(ServerOutput::Behind(asker.head.epoch));
            self.refuse(asker, Refusal::Behind, effects);
        }
        asker.head.epoch == own
    }

    pub(super) fn refuse(&self, asker: Asker, refusal: Refusal, effects: &mut ServerEffects) {
        let head = self.reply_head(asker);
        effects.send(asker.peer, Class::Ordered, Message::Refused(Refused { head, refusal }));
    }

    pub(super) const fn reply_head(&self, asker: Asker) -> Head {
        Head { epoch: self.ring.epoch, operation: asker.head.operation }
    }
}
