//! Byzantine server that says in one epoch what was said in another, its own words and others'
//! (M09).

use std::collections::VecDeque;
use std::sync::Arc;

use quorate_machine::Class;
use quorate_types::{Duration, Epoch, Peer};

use super::{Context, Deeds, Holdings, Letter, Sending, Villain};
use crate::Reception;

/// Letters that it remembers.
const REMEMBERED_MAX: usize = 512;
/// Letters that it sends at once.
const BURST: usize = 4;
const PERIOD: Duration = Duration::from_millis(150);

/// Remembers letters, and sends them again under the newest epoch that it has heard of.
#[derive(Debug)]
pub(super) struct EpochReplayer {
    known: VecDeque<Letter>,
    newest: Epoch,
}

impl EpochReplayer {
    pub(super) const fn new() -> Self {
        Self { known: VecDeque::new(), newest: Epoch::ZERO }
    }
}

impl EpochReplayer {
    fn remember(&mut self, letter: &Letter) {
        self.newest = self.newest.max(letter.epoch);
        if self.known.len() == REMEMBERED_MAX {
            self.known.pop_front();
        }
        self.known.push_back(letter.clone());
    }
}

impl Villain<Holdings> for EpochReplayer {
    fn name(&self) -> &'static str {
        "epoch-replayer"
    }

    fn on_send(&mut self, _: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        self.remember(&sending.message);
        deeds.pass(sending);
    }

    fn on_receive(
        &mut self,
        _: &mut Context<'_>,
        _: Peer,
        letter: &Letter,
        _: &mut Deeds,
    ) -> Reception {
        self.remember(letter);
        Reception::Pass
    }

    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn on_alarm(&mut self, context: &mut Context<'_>, deeds: &mut Deeds) {
        for _ in 0..BURST {
            if self.known.is_empty() {
                return;
            }
            let old = &self.known[context.prng.index(self.known.len())];
            if old.epoch < self.newest {
                deeds.mark("liar.epoch_replayed");
            }
            let letter = Letter { epoch: self.newest, message: old.message.clone() };
            let to = context.holdings.others[context.prng.index(context.holdings.others.len())];
            deeds.share(&[to], Class::Control, Arc::new(letter));
        }
    }
}
