//! Byzantine server that does not vouch: to nobody, or to some.

use quorate_history::Prng;
use quorate_membership::Message;
use quorate_types::Peer;

use super::{Context, Deeds, Holdings, Sending, Villain};
use crate::deeds::peers;

/// Keeps its vouches back.
#[derive(Debug)]
pub(super) struct VouchWithholder {
    /// The clients that hear nothing are those whose ids end in a byte below this.
    below: u16,
}

impl VouchWithholder {
    pub(super) fn new(prng: &mut Prng) -> Self {
        Self { below: [128, 256][prng.index(2)] }
    }

    fn omits(&self, peer: &Peer) -> bool {
        let last = match peer {
            Peer::Node(id) => id.as_bytes()[31],
            Peer::Client(id) => id.as_bytes()[31],
        };
        u16::from(last) < self.below
    }
}

impl Villain<Holdings> for VouchWithholder {
    fn name(&self) -> &'static str {
        "vouch-withholder"
    }

    fn on_send(&mut self, _: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        if !matches!(*sending.message, Message::Vouch(_)) {
            return deeds.pass(sending);
        }
        let told: Vec<Peer> =
            peers(&sending.to).into_iter().filter(|peer| !self.omits(peer)).collect();
        if told.is_empty() {
            deeds.mark("liar.vouch_withheld");
        }
        deeds.share(&told, sending.class, sending.message);
    }
}
