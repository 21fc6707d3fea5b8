//! What replies about versions mean.

use alloc::sync::Arc;

use quorate_machine::{Class, Plant, planted};
use quorate_types::ReplicaId;

use crate::choice::Choice;
use crate::message::{Message, ReadVersion, Versioned};
use crate::object::{ObjectKey, Stamp, Version};

use super::call::Next;
use super::goal::{Goal, WritePurpose};
use super::phase::Phase;
use super::{Answer, Client, ClientEffects};

impl Client {
    /// A member said which version it holds; its signature is checked.
    pub(super) fn versioned(
        &mut self,
        (goal, phase): (&Goal, &mut Phase),
        (place, reply): (ReplicaId, Versioned),
        effects: &mut ClientEffects,
    ) -> Next {
        let is_of_object = reply.signed.is_none_or(|one| one.object() == goal.key().id());
        let lacks_value = reply.signed.is_some() && reply.value.is_none();
        let needs_value = matches!(goal, Goal::Read { needs_values: true, .. });
        if !is_of_object || (needs_value && lacks_value) {
            effects.mark("dht.client.wrong_version");
            return Next::Wait;
        }
        phase.count(reply.head, place);
        phase.note_version(place, reply.signed, reply.value);
        self.chosen((goal, phase), effects)
    }

    /// Where the replies so far lead.
    pub(super) fn chosen(
        &self,
        (goal, phase): (&Goal, &mut Phase),
        effects: &mut ClientEffects,
    ) -> Next {
        match goal {
            Goal::ReadStamps { owner, value, level_max, .. } => match phase.choice(*level_max) {
                Choice::Wait => Next::Wait,
                Choice::Highest(stamp) => {
                    let sequence = stamp.map_or(0, |stamp| stamp.sequence);
                    let step = u64::from(!planted(Plant::NumberTakenTwice));
                    // Nobody comes to the last number by levels: the others will contradict it.
                    let Some(next) = sequence.checked_add(step) else { return Next::Wait };
                    let place = (next, self.identity.writer);
                    let version = Version::sign(self.ring.system, place, value.clone(), &**owner);
                    let purpose = WritePurpose::Own(Arc::clone(owner));
                    Next::Goal(Goal::Write { version, purpose, held: None })
                }
            },
            Goal::Read { key, level_max, .. } => match phase.choice(*level_max) {
                Choice::Wait => Next::Wait,
                Choice::Highest(None) => Next::Return(Ok(Answer::Object(None))),
                Choice::Highest(Some(stamp)) => read_chosen(*key, stamp, phase, effects),
            },
            Goal::Put { .. } | Goal::Get { .. } | Goal::Stat { .. } | Goal::Write { .. } => {
                Next::Wait
            }
        }
    }
}

/// The highest stamp is known: return it if a quorum holds it, otherwise write it back first.
fn read_chosen(
    key: ObjectKey,
    stamp: Stamp,
    phase: &mut Phase,
    effects: &mut ClientEffects,
) -> Next {
    let holders = phase.holders(stamp);
    let Some(version) = phase.version(stamp) else {
        let unasked = |place| holders.contains(place) && !phase.asked_for_value.contains(place);
        let peers = phase.group.peers(unasked);
        if !peers.is_empty() {
            effects.mark("dht.client.fetch_value");
            let read = ReadVersion { head: phase.head, key, wants_value: true };
            effects.send_each(&peers, Class::Ordered, Message::ReadVersion(read));
            for place in holders.iter() {
                phase.asked_for_value.insert(place);
            }
        }
        return Next::Wait;
    };
    let is_held = holders.len() >= phase.group.resilience().quorum();
    if is_held || planted(Plant::NoWriteBack) {
        return Next::Return(Ok(Answer::Object(Some(version))));
    }
    effects.mark("dht.client.write_back");
    let held = Some((phase.head.epoch, holders));
    Next::Goal(Goal::Write { version, purpose: WritePurpose::Back, held })
}
