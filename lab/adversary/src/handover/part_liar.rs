//! Byzantine member that gives parts of signatures that are none, to some and not to others: of the
//! randomness of an epoch (M05), and of the next configuration.

use quorate_membership::handover::message::{Message, Part};

use super::{Context, Deeds, Holdings, Sending, Villain, instead};

/// Says the part of an earlier message, or none, where one is due.
#[derive(Default, Debug)]
pub(super) struct PartLiar {
    last: Option<Part>,
}

impl Villain<Holdings> for PartLiar {
    fn name(&self) -> &'static str {
        "part-liar"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let Message::Part(part) = &sending.message.message else { return deeds.pass(sending) };
        let (mut other, honest) = (*part, *part);
        let before = self.last.replace(honest).filter(|last| last.message != honest.message);
        match before {
            Some(before) => other.partial = before.partial,
            None => other.partial[10] ^= 4,
        }
        if context.prng.chance(300) {
            return deeds.pass(sending);
        }
        deeds.mark("liar.part_wrong");
        deeds.pass(instead(&sending, Message::Part(other)));
    }
}
