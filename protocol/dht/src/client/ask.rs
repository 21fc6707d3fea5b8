//! The questions of each goal.

use quorate_machine::Class;
use quorate_types::{Epoch, Now, Peer};

use crate::message::{
    GetContent, Message, PutContent, ReadVersion, StatContent, WriteAuthority, WriteStatement,
    WriteVersion,
};
use crate::object::{KEEP_FOR_EVER, ObjectKey, Stamp};

use super::goal::Goal;
use super::phase::Phase;
use super::{Client, ClientEffects};

impl Client {
    /// Sends the goal's question to every member that has not answered.
    pub(super) fn ask(
        &mut self,
        now: Now,
        (goal, phase): (&Goal, &mut Phase),
        effects: &mut ClientEffects,
    ) {
        let head = phase.head;
        let (class, message) = match goal {
            Goal::Put { key, body, expires } => {
                let statement = self.statement(*key, None, *expires);
                let authority = self.sign(&statement);
                let put = PutContent { head, authority, key: *key, body: body.clone() };
                (Class::Bulk, Message::PutContent(put))
            }
            Goal::Get { .. } if self.ask_next_for_content(now, (goal, phase), effects) => return,
            Goal::Get { key, .. } => {
                (Class::Ordered, Message::GetContent(GetContent { head, key: *key }))
            }
            Goal::Stat { key } => {
                (Class::Ordered, Message::StatContent(StatContent { head, key: *key }))
            }
            Goal::ReadStamps { key, .. } => {
                let read = ReadVersion { head, key: *key, wants_value: false };
                (Class::Ordered, Message::ReadVersion(read))
            }
            Goal::Write { version, .. } => {
                let stamp = Some(version.stamp());
                let statement = self.statement(version.key(), stamp, KEEP_FOR_EVER);
                let authority = self.sign(&statement);
                let write = WriteVersion { head, authority, version: version.clone() };
                (Class::Ordered, Message::WriteVersion(write))
            }
            Goal::Read { key, needs_values, .. } => {
                return self.ask_for_versions(now, (*key, *needs_values), phase, effects);
            }
        };
        let peers = phase.group.peers(|place| !phase.answered.contains(place));
        effects.send_each(&peers, class, message);
    }

    pub(super) fn statement(
        &self,
        key: ObjectKey,
        stamp: Option<Stamp>,
        expires: Epoch,
    ) -> WriteStatement {
        WriteStatement {
            system: self.ring.system,
            epoch: self.ring.epoch,
            client: self.identity.certificate.grant.client,
            key,
            stamp,
            expires,
        }
    }

    pub(super) fn sign(&self, statement: &WriteStatement) -> WriteAuthority {
        statement.sign(&self.identity.certificate, &*self.identity.signer)
    }

    /// Asks one member for the value with the stamp, the others for the stamp alone.
    fn ask_for_versions(
        &mut self,
        now: Now,
        (key, needs_values): (ObjectKey, bool),
        phase: &Phase,
        effects: &mut ClientEffects,
    ) {
        let first = self.preference.order(now, &phase.group).first().copied();
        for wants_value in [true, false] {
            let peers = phase.group.peers(|place| {
                let gives_value = needs_values || Some(place) == first;
                gives_value == wants_value && !phase.answered.contains(place)
            });
            if !peers.is_empty() {
                let read = ReadVersion { head: phase.head, key, wants_value };
                effects.send_each(&peers, Class::Ordered, Message::ReadVersion(read));
            }
        }
    }

    /// Asks one more member for content; false if all were asked.
    pub(super) fn ask_next_for_content(
        &mut self,
        now: Now,
        (goal, phase): (&Goal, &mut Phase),
        effects: &mut ClientEffects,
    ) -> bool {
        let order = self.preference.order(now, &phase.group);
        let Some(place) = order.into_iter().find(|place| !phase.asked.contains(place)) else {
            return false;
        };
        if !phase.asked.is_empty() {
            effects.mark("dht.client.fallback");
        }
        phase.asked.push(place);
        let get = Message::GetContent(GetContent { head: phase.head, key: goal.key() });
        effects.send(Peer::Node(phase.group.member(place)), Class::Ordered, get);
        true
    }
}
