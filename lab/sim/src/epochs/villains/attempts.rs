//! Claims about an attempt that are those of the one before (scenario 5 of the specification,
//! section 11).

use std::sync::Arc;

use quorate_adversary::Reception;
use quorate_machine::Input;
use quorate_membership::handover::Attempt;
use quorate_membership::handover::message::Message as Handover;
use quorate_types::{Duration, Epoch};

use super::super::{EpochsMachine, Message};
use super::villain::{Context, Mark, PERIOD, Sending, Villain};

/// Letters that are remembered.
const REMEMBERED_MAX: usize = 256;

type Letter = (Epoch, Arc<Handover>);

/// Remembers what was said of attempts, and says it all again when the next one begins.
#[derive(Default, Debug)]
pub(super) struct AttemptReplayer {
    /// Of this attempt.
    letters: Vec<Letter>,
    /// Of those before it.
    old: Vec<Letter>,
    /// They are to be said again.
    is_due: bool,
}

impl Villain for AttemptReplayer {
    fn on_input(&mut self, _: &mut Context<'_>, input: &Input<EpochsMachine>) -> Reception {
        if let Input::Deliver { message: Message::Handover(epoch, said), .. } = input {
            self.remember(*epoch, said);
        }
        Reception::Pass
    }

    fn on_send(&mut self, _: &mut Context<'_>, sending: Sending<'_>) -> Option<Mark> {
        if let Message::Handover(epoch, said) = sending.message {
            self.remember(*epoch, said);
        }
        None
    }

    fn on_attempt(&mut self, epoch: Epoch, _: &Attempt) {
        self.old.retain(|(ended, _)| *ended == epoch);
        self.old.append(&mut self.letters);
        self.is_due = true;
    }

    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn on_alarm(&mut self, context: &mut Context<'_>) {
        if std::mem::take(&mut self.is_due) {
            context.mark("liar.attempt_replayed");
            for (epoch, said) in &self.old {
                context.tell_all(&Message::Handover(*epoch, Arc::clone(said)));
            }
        }
    }
}

impl AttemptReplayer {
    fn remember(&mut self, epoch: Epoch, said: &Arc<Handover>) {
        let is_of_attempt = matches!(
            **said,
            Handover::Dealing(_)
                | Handover::Acknowledgement(_)
                | Handover::Completion(_)
                | Handover::AbortVote(_)
        );
        if is_of_attempt && self.letters.len() + self.old.len() < REMEMBERED_MAX {
            self.letters.push((epoch, Arc::clone(said)));
        }
    }
}
