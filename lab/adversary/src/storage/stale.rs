//! Byzantine server that answers reads with what it held before, to some readers (S01).

use std::collections::BTreeMap;

use quorate_dht::{ContentReply, Message, ObjectKey, Presence, Version, Versioned};
use quorate_history::Prng;
use quorate_types::Peer;

use super::{Context, Deeds, Holdings, Sending, Villain};

/// Versions of one object that it remembers.
const VERSIONS_MAX: usize = 8;

/// Shows old versions, and denies content.
pub(super) struct Stale {
    /// Chance in 1,000 that an answer is an old one.
    per_mille: u64,
    /// Some readers always get the truth.
    is_partial: bool,
    older: BTreeMap<ObjectKey, Vec<Version>>,
}

impl Stale {
    pub(super) fn new(prng: &mut Prng) -> Self {
        let per_mille = [1_000, 500][prng.index(2)];
        Self { per_mille, is_partial: prng.chance(500), older: BTreeMap::new() }
    }

    fn tells_truth(&self, context: &mut Context<'_>, sending: &Sending) -> bool {
        let quorate_machine::Recipients::One(peer) = &sending.to else { return true };
        let first = match peer {
            Peer::Node(node) => node.as_bytes()[0],
            Peer::Client(client) => client.public_key().as_bytes()[0],
        };
        (self.is_partial && first.is_multiple_of(2)) || !context.prng.chance(self.per_mille)
    }

    /// An older version of the object, or none at all.
    fn older(&self, context: &mut Context<'_>, current: &Versioned) -> Versioned {
        let key = current.signed.map(|signed| ObjectKey::Register(signed.object()));
        let known = key.and_then(|key| self.older.get(&key)).map_or(&[][..], Vec::as_slice);
        let chosen = known.get(context.prng.index(known.len() + 1));
        Versioned {
            head: current.head,
            signed: chosen.map(|version| version.signed),
            value: chosen.filter(|_| current.value.is_some()).map(|version| version.value.clone()),
        }
    }
}

impl Villain<Holdings> for Stale {
    fn name(&self) -> &'static str {
        "stale"
    }

    fn overhear(&mut self, message: &Message) {
        if let Message::WriteVersion(write) = message {
            let known = self.older.entry(write.version.key()).or_default();
            if known.len() < VERSIONS_MAX && !known.contains(&write.version) {
                known.push(write.version.clone());
            }
        }
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        if self.tells_truth(context, &sending) {
            return deeds.pass(sending);
        }
        let lie = match &*sending.message {
            Message::Versioned(reply) => Message::Versioned(self.older(context, reply)),
            Message::Content(ContentReply { head, body: Some(_) }) => {
                Message::Content(ContentReply { head: *head, body: None })
            }
            Message::Presence(Presence { head, bytes: Some(_) }) => {
                Message::Presence(Presence { head: *head, bytes: None })
            }
            _ => return deeds.pass(sending),
        };
        deeds.mark("liar.stale");
        deeds.pass(Sending { message: lie.into(), ..sending });
    }
}
