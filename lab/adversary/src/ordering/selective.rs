//! Byzantine participant that sends to exactly as many as it takes, or only to a few (B06).

use quorate_history::Prng;
use quorate_machine::Recipients;

use super::{Context, Deeds, Holdings, Sending, Villain};

/// Sends what goes to all only to a few.
#[derive(Debug)]
pub(super) struct Selective {
    /// Sends to `f + 1`; otherwise to one.
    weak_quorum: bool,
    /// Whether the few are drawn for each message, or stay the same.
    wanders: bool,
    first: usize,
}

impl Selective {
    pub(super) fn new(prng: &mut Prng) -> Self {
        Self { weak_quorum: prng.chance(600), wanders: prng.chance(300), first: prng.index(64) }
    }
}

impl Villain<Holdings> for Selective {
    fn name(&self) -> &'static str {
        "selective"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let Recipients::Each(all) = &sending.to else { return deeds.pass(sending) };
        let weak_quorum = context.group().resilience.weak_quorum();
        let count = if self.weak_quorum { weak_quorum } else { 1 };
        let first = if self.wanders { context.prng.index(64) } else { self.first };
        let few: Vec<_> =
            (0..count.min(all.len())).map(|offset| all[(first + offset) % all.len()]).collect();
        deeds.mark("liar.selective");
        deeds.share(&few, sending.class, sending.message);
    }
}
