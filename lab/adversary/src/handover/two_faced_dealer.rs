//! Byzantine dealer that hands out two dealings of one attempt: one to every other recipient, and
//! both to those between (M07).

use quorate_membership::handover::message::Message;

use super::{Context, Deeds, Holdings, Sending, Villain, instead};

/// Changes what is sealed for the last recipient, in every second copy. Its host signs that for it.
#[derive(Default, Debug)]
pub(super) struct TwoFacedDealer {
    is_second: bool,
}

impl Villain<Holdings> for TwoFacedDealer {
    fn name(&self) -> &'static str {
        "two-faced-dealer"
    }

    fn on_send(&mut self, _: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let Message::Dealing(dealing) = &sending.message.message else {
            return deeds.pass(sending);
        };
        self.is_second = !self.is_second;
        if !self.is_second {
            return deeds.pass(sending);
        }
        let mut other = dealing.clone();
        if let Some(byte) = other.dealing.sealed.last_mut() {
            *byte ^= 1;
        }
        deeds.mark("liar.dealt_twice");
        deeds.pass(instead(&sending, Message::Dealing(other)));
        deeds.pass(sending);
    }
}
