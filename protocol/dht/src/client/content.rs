//! What replies about content mean.

use quorate_machine::{Class, Plant, planted};
use quorate_types::{Now, ReplicaId};

use crate::message::{ContentReply, Message, Presence, PutContent};
use crate::object::{Body, KEEP_FOR_EVER, ObjectKey};

use super::call::Next;
use super::goal::{GetPurpose, Goal};
use super::phase::Phase;
use super::{Answer, Client, ClientEffects, Failure};

impl Client {
    /// A member sent content, or does not have it. Wrong bytes prove that it is bad; it counts
    /// among those without the content, of which `2f + 1` cannot exist beside a completed write.
    pub(super) fn content(
        &mut self,
        now: Now,
        (goal, phase): (&Goal, &mut Phase),
        (place, reply): (ReplicaId, ContentReply),
        effects: &mut ClientEffects,
    ) -> Next {
        let Goal::Get { key, purpose } = goal else { return Next::Wait };
        let node = phase.group.member(place);
        let is_wrong = reply.body.is_some();
        // DHT-3: only content that hashes to its name goes on from here.
        if let Some(body) = reply.body.filter(|body| key.is_name_of(body)) {
            phase.count(reply.head, place);
            self.preference.forgive(node);
            self.heal((*key, body.clone()), phase, effects);
            let bytes = u32::try_from(body.len()).expect("content is at most 1 MiB");
            return Next::Return(Ok(match purpose {
                GetPurpose::Return => Answer::Content(body),
                GetPurpose::Stat => Answer::Present(bytes),
            }));
        }
        if phase.answered.contains(place) {
            return Next::Wait;
        }
        phase.count(reply.head, place);
        if is_wrong {
            effects.mark("dht.client.wrong_content");
            self.preference.penalise(now, node);
        } else {
            effects.mark("dht.client.absent");
        }
        phase.absent.insert(place);
        let resilience = phase.group.resilience();
        let is_too_soon = planted(Plant::AbsentTooSoon);
        let needed = if is_too_soon { resilience.weak_quorum() } else { resilience.quorum() };
        if phase.absent.len() >= needed {
            return Next::Return(Err(Failure::Absent));
        }
        let _is_asked = self.ask_next_for_content(now, (goal, phase), effects);
        Next::Wait
    }

    /// Sends content to the members that did not have it; nobody waits for their answers.
    fn heal(&self, (key, body): (ObjectKey, Body), phase: &Phase, effects: &mut ClientEffects) {
        if phase.absent.is_empty() {
            return;
        }
        effects.mark("dht.client.heal");
        let authority = self.sign(&self.statement(key, None, KEEP_FOR_EVER));
        let put = PutContent { head: phase.head, authority, key, body };
        let peers = phase.group.peers(|place| phase.absent.contains(place));
        effects.send_each(&peers, Class::Bulk, Message::PutContent(put));
    }
}

/// A member said whether content is there. A liar alone convinces nobody, either way.
pub(super) fn presence(
    goal: &Goal,
    phase: &mut Phase,
    (place, reply): (ReplicaId, Presence),
) -> Next {
    let is_repeated = phase.answered.contains(place);
    let (Goal::Stat { .. }, false) = (goal, is_repeated) else { return Next::Wait };
    phase.count(reply.head, place);
    match reply.bytes {
        Some(bytes) => {
            phase.lengths.insert(place, bytes);
            let equal = phase.lengths.values().filter(|length| **length == bytes).count();
            if equal >= phase.group.resilience().weak_quorum() {
                return Next::Return(Ok(Answer::Present(bytes)));
            }
        }
        None => {
            phase.absent.insert(place);
        }
    }
    if phase.absent.len() >= phase.group.resilience().quorum() {
        return Next::Return(Err(Failure::Absent));
    }
    Next::Wait
}
