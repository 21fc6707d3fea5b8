//! Byzantine server that vouches in the name of others: for each challenge one vouch for every
//! member of the group, all under its own key.

use quorate_membership::{Message, Vouch};

use super::{Context, Deeds, Holdings, Sending, Villain};
use crate::deeds::peers;

/// Would be a quorum by itself.
#[derive(Debug)]
pub(super) struct VouchForger;

impl Villain<Holdings> for VouchForger {
    fn name(&self) -> &'static str {
        "vouch-forger"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let Message::Vouch(vouch) = *sending.message else { return deeds.pass(sending) };
        let to = peers(&sending.to);
        for member in &context.holdings.configuration.configuration().membership_group {
            let honest = Vouch::sign(vouch.subject, context.holdings.me, &*context.holdings.signer);
            let forged = Vouch { member: *member, ..honest };
            deeds.send(&to, sending.class, Message::Vouch(forged));
        }
        deeds.mark("liar.vouch_forged");
    }
}
