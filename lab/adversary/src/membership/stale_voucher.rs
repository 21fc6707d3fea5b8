//! Byzantine server that answers a challenge with the vouch of an earlier one (a stale freshness
//! answer): what it said once, to the same client, under a nonce that is over.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_membership::Message;
use quorate_types::Peer;

use super::{Context, Deeds, Holdings, Sending, Villain};
use crate::deeds::peers;

/// Keeps the first vouch for each client, and gives it for ever.
#[derive(Default, Debug)]
pub(super) struct StaleVoucher {
    first: BTreeMap<Peer, Arc<Message>>,
}

impl Villain<Holdings> for StaleVoucher {
    fn name(&self) -> &'static str {
        "stale-voucher"
    }

    fn on_send(&mut self, _: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        if !matches!(*sending.message, Message::Vouch(_)) {
            return deeds.pass(sending);
        }
        for peer in peers(&sending.to) {
            let first = self.first.entry(peer).or_insert_with(|| Arc::clone(&sending.message));
            if *first != sending.message {
                deeds.mark("liar.freshness_stale");
            }
            deeds.share(&[peer], sending.class, Arc::clone(first));
        }
    }
}
