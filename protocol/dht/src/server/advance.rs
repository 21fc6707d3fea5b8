//! Whether a register may go on to a higher level of numbers: what the others say of it.
//!
//! An owner can skip numbers, and write where it likes. If one server followed it alone, level by
//! level, it would end so far from the others that nobody could tell what it holds from what a bad
//! server makes up with a bad owner, and reads and writes of the object would wait for ever. So a
//! server asks the others before it takes a version of a level above 1 and above its own.
//! Honest owners count by one and stay on level 0.
//!
//! # Protocol
//! Upon a version of level `l > 1` above the own one: refuse it and ask the group which version
//! each member holds, unless `2f + 1`, this server among them, are known to be on level `l - 1` or
//! above. Upon the answers: take the version that `f + 1` of the others reach, as a sweep would.
//! The client asks again, and then the answers are there.
//!
//! # Invariants
//! - DHT-17: when a correct server goes on to level `l > 1`, `f + 1` correct ones are on level
//!   `l - 1` or above. Every server that asks hears of these and comes there too, and when all
//!   correct ones are there all take what one of them took.
//!
//! # Deviations from the paper
//! - Settled points 8 bounds a skip by what the server itself holds, which lets a bad owner draw
//!   one server away from the others.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use quorate_machine::Class;
use quorate_types::{Instant, NodeId, Now, Peer};

use super::job::{Asker, Job};
use super::{Server, ServerEffects};
use crate::choice::level;
use crate::limits::{REPAIR_RETRY, SERVER_INQUIRIES_MAX};
use crate::message::{Head, Message, OperationId, ReadVersion, Versioned};
use crate::object::{ObjectKey, StoredObject, Version};

/// Levels that need no asking: everybody is on level 0 or above.
const FREE_LEVEL_MAX: u64 = 1;

/// What the others said of one register.
#[derive(Debug)]
pub(super) struct Inquiry {
    head: Head,
    asked_at: Instant,
    /// The versions of those who answered.
    heard: BTreeMap<NodeId, Option<Version>>,
}

impl Inquiry {
    /// The levels of all who answered and of this server, the highest first.
    fn levels(&self, own: u64) -> Vec<u64> {
        let of = |version: &Option<Version>| version.as_ref().map_or(0, Version::level);
        let mut levels: Vec<u64> = self.heard.values().map(of).chain([own]).collect();
        levels.sort_unstable_by(|one, other| other.cmp(one));
        levels
    }

    /// The version that so many of the others hold, or a higher one: a correct server does.
    fn reached_by(&self, enough: usize) -> Option<&Version> {
        let mut versions: Vec<&Version> = self.heard.values().flatten().collect();
        versions.sort_unstable_by_key(|version| core::cmp::Reverse(version.stamp()));
        versions.get(enough - 1).copied()
    }
}

impl Version {
    fn level(&self) -> u64 {
        level(self.stamp().sequence)
    }
}

impl Server {
    /// May a register go on from one number to the other? Asks the group where that is not known.
    pub(super) fn may_advance(
        &mut self,
        now: Now,
        key: ObjectKey,
        (from, to): (u64, u64),
        effects: &mut ServerEffects,
    ) -> bool {
        let (own, wanted) = (level(from), level(to));
        if wanted <= FREE_LEVEL_MAX.max(own) {
            return true;
        }
        let quorum = self.ring.resilience().quorum();
        let levels = self.inquiries.get(&key).map(|inquiry| inquiry.levels(own));
        // DHT-17: 2f + 1 are there, and so f + 1 correct ones.
        let is_supported = levels.is_some_and(|all| all.get(quorum - 1) >= Some(&(wanted - 1)));
        if !is_supported {
            self.inquire(now, key, effects);
        }
        is_supported
    }

    /// Asks the group which versions it holds, now and then anew.
    fn inquire(&mut self, now: Now, key: ObjectKey, effects: &mut ServerEffects) {
        let known = self.inquiries.get(&key);
        if known.is_some_and(|known| now.instant.since(known.asked_at) < REPAIR_RETRY) {
            return;
        }
        let operation = OperationId::new(self.take_number());
        let head = Head { epoch: self.ring.epoch, operation };
        self.inquiries.remove(&key);
        if self.inquiries.len() >= SERVER_INQUIRIES_MAX {
            let oldest = self.inquiries.iter().min_by_key(|(_, inquiry)| inquiry.asked_at);
            let oldest = oldest.map(|(key, _)| *key);
            oldest.and_then(|oldest| self.inquiries.remove(&oldest));
        }
        let inquiry = Inquiry { head, asked_at: now.instant, heard: BTreeMap::new() };
        self.inquiries.insert(key, inquiry);
        effects.mark("dht.server.inquiry");
        let group = self.ring.group(key.id());
        for node in group.members().iter().filter(|node| **node != self.node) {
            let read = ReadVersion { head, key, wants_value: true };
            effects.send(Peer::Node(*node), Class::Bulk, Message::ReadVersion(read));
        }
    }

    /// Another server said what it holds; false if it was not asked here.
    pub(super) fn heard_version(
        &mut self,
        now: Now,
        (asker, reply): (Asker, &Versioned),
        effects: &mut ServerEffects,
    ) -> bool {
        let is_asked = |inquiry: &Inquiry| inquiry.head == asker.head;
        let found = self.inquiries.iter_mut().find(|(_, inquiry)| is_asked(inquiry));
        let (Some((key, inquiry)), Peer::Node(node)) = (found, asker.peer) else { return false };
        let key = *key;
        if !self.ring.group(key.id()).members().contains(&node) {
            return true;
        }
        let version = match (reply.signed, &reply.value) {
            (Some(signed), Some(value)) if signed.object() == key.id() => {
                Some(Version { signed, value: value.clone() })
            }
            (None, None) => None,
            (Some(_), _) | (None, Some(_)) => {
                effects.mark("dht.server.wrong_version");
                return true;
            }
        };
        inquiry.heard.insert(node, version);
        let reached = inquiry.reached_by(self.ring.resilience().weak_quorum()).cloned();
        if let Some(reached) = reached.filter(|version| version.level() >= FREE_LEVEL_MAX) {
            effects.mark("dht.server.caught_up");
            let object = Box::new(StoredObject::Version(reached));
            self.enqueue(now, key, Job::Adopt(object), effects);
        }
        true
    }
}
