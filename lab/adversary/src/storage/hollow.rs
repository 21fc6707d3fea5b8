//! Byzantine server that acknowledges what it does not keep (S07).

use quorate_dht::{Message, Stored};
use quorate_history::Prng;
use quorate_machine::Class;
use quorate_types::Peer;

use super::{Context, Deeds, Holdings, Villain};
use crate::Reception;

/// Says that it has stored, and has not.
pub(super) struct Hollow {
    /// Writes in 1,000 that it does not keep.
    per_mille: u64,
}

impl Hollow {
    pub(super) fn new(prng: &mut Prng) -> Self {
        Self { per_mille: [1_000, 1_000, 500][prng.index(3)] }
    }
}

impl Villain<Holdings> for Hollow {
    fn name(&self) -> &'static str {
        "hollow"
    }

    fn on_receive(
        &mut self,
        context: &mut Context<'_>,
        from: Peer,
        message: &Message,
        deeds: &mut Deeds,
    ) -> Reception {
        let is_write = matches!(message, Message::WriteVersion(_) | Message::PutContent(_));
        if !is_write || !context.prng.chance(self.per_mille) {
            return Reception::Pass;
        }
        deeds.mark("liar.hollow");
        let stored = Message::Stored(Stored { head: message.head() });
        deeds.send(&[from], Class::Ordered, stored);
        Reception::Swallow
    }
}
