//! One round of questions to one group in one epoch, and who said what.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use quorate_types::{Digest, NodeId, ReplicaId, ReplicaSet};

use crate::choice::{Choice, Known, choose};
use crate::message::{Head, Refusal};
use crate::object::{SignedStamp, Stamp, Value, Version};
use crate::ring::Group;

/// The replies of one phase. DHT-4: all of them are of its epoch.
#[derive(Debug)]
pub(super) struct Phase {
    /// Epoch and operation of every question and of every reply that counts.
    pub(super) head: Head,
    pub(super) group: Group,
    /// Members that did what was asked, or said what they know.
    pub(super) answered: ReplicaSet,
    /// Members that were asked for content, in this order.
    pub(super) asked: Vec<ReplicaId>,
    /// Members that do not have the content.
    pub(super) absent: ReplicaSet,
    /// What the last refusal of a member said.
    pub(super) refusals: BTreeMap<ReplicaId, Refusal>,
    /// Members whose later configuration was passed on.
    pub(super) informed: ReplicaSet,
    /// Lengths that members gave to content.
    pub(super) lengths: BTreeMap<ReplicaId, u32>,
    /// Highest stamps of members.
    pub(super) stamps: BTreeMap<ReplicaId, Option<SignedStamp>>,
    /// Values that came with a stamp that they fit.
    values: BTreeMap<Digest, Value>,
    /// Members that were asked again for the value of the highest stamp.
    pub(super) asked_for_value: ReplicaSet,
    /// A quorum answered, and the alarm has rung since.
    pub(super) is_late: bool,
}

impl Phase {
    pub(super) const fn new(head: Head, group: Group) -> Self {
        Self {
            head,
            group,
            answered: ReplicaSet::EMPTY,
            asked: Vec::new(),
            absent: ReplicaSet::EMPTY,
            refusals: BTreeMap::new(),
            informed: ReplicaSet::EMPTY,
            lengths: BTreeMap::new(),
            stamps: BTreeMap::new(),
            values: BTreeMap::new(),
            asked_for_value: ReplicaSet::EMPTY,
            is_late: false,
        }
    }

    /// A member did what was asked, or said what it knows, in this epoch.
    pub(super) fn count(&mut self, head: Head, place: ReplicaId) {
        assert!(head == self.head, "DHT-4: a reply of another phase or epoch is counted");
        self.answered.insert(place);
        self.refusals.remove(&place);
    }

    pub(super) fn has_quorum(&self) -> bool {
        self.answered.len() >= self.group.resilience().quorum()
    }

    /// Notes what a member holds. The first stamp of a member counts, and a value is taken for
    /// that stamp alone, so that there are never more values than members.
    pub(super) fn note_version(
        &mut self,
        place: ReplicaId,
        signed: Option<SignedStamp>,
        value: Option<Value>,
    ) {
        let known = *self.stamps.entry(place).or_insert(signed);
        if let (Some(known), Some(signed), Some(value)) = (known, signed, value)
            && known.stamp == signed.stamp
        {
            self.values.insert(known.stamp.value, value);
        }
    }

    /// The stamp to go on from, of these levels.
    pub(super) fn choice(&self, level_max: Option<u64>) -> Choice {
        let stamps: Vec<_> =
            self.stamps.values().map(|signed| signed.map(|signed| signed.stamp)).collect();
        choose(self.group.resilience(), &stamps, Known { level_max, is_late: self.is_late })
    }

    /// Members that said that this is their highest stamp.
    pub(super) fn holders(&self, stamp: Stamp) -> ReplicaSet {
        let holds = |signed: &Option<SignedStamp>| signed.is_some_and(|one| one.stamp == stamp);
        self.stamps.iter().filter(|(_, signed)| holds(signed)).map(|(place, _)| *place).collect()
    }

    /// The version with this stamp, if its value has come. DHT-5: only a value that hashes to the
    /// stamp's hash is taken.
    pub(super) fn version(&self, stamp: Stamp) -> Option<Version> {
        let signed = self.stamps.values().flatten().find(|signed| signed.stamp == stamp)?;
        let value = self.values.get(&stamp.value)?.clone();
        let version = Version { signed: *signed, value };
        assert!(version.fits_its_stamp(), "DHT-5: a value under the stamp of another one");
        Some(version)
    }

    /// Members that refuse for this reason.
    pub(super) fn refused_by(&self, refusal: Refusal) -> usize {
        self.refusals.values().filter(|one| **one == refusal).count()
    }

    /// Members that answered, and the others.
    pub(super) fn who_answered(&self) -> (Vec<NodeId>, Vec<NodeId>) {
        let places = self.group.resilience().members();
        let (answered, missing): (Vec<_>, Vec<_>) =
            places.partition(|place| self.answered.contains(*place));
        let nodes = |places: Vec<ReplicaId>| {
            places.into_iter().map(|place| self.group.member(place)).collect()
        };
        (nodes(answered), nodes(missing))
    }
}
