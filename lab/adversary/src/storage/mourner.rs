//! Byzantine server that says of whole copies that they are damaged: a server with a damaged one
//! must not take what it still could get for lost.

use std::sync::Arc;

use quorate_dht::{Message, Refusal, Refused};
use quorate_history::Prng;

use super::{Context, Deeds, Holdings, Sending, Villain};

/// Mourns what it has.
pub(super) struct Mourner {
    /// Answers in 1,000 that it gives so.
    per_mille: u64,
}

impl Mourner {
    pub(super) fn new(prng: &mut Prng) -> Self {
        Self { per_mille: [1_000, 1_000, 500][prng.index(3)] }
    }
}

impl Villain<Holdings> for Mourner {
    fn name(&self) -> &'static str {
        "mourner"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let is_answer = matches!(&*sending.message, Message::Content(_) | Message::Versioned(_));
        if !is_answer || !context.prng.chance(self.per_mille) {
            return deeds.pass(sending);
        }
        deeds.mark("liar.mourned");
        let refused = Refused { head: sending.message.head(), refusal: Refusal::Damaged };
        deeds.pass(Sending { message: Arc::new(Message::Refused(refused)), ..sending });
    }
}
