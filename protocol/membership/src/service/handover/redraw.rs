//! Redraw: another group, from randomness that nobody knew before the abort stood in the log.
//!
//! Settled point 14. The ids of new servers stay those of the first randomness.

use alloc::boxed::Box;

use quorate_threshold::Signature;

use super::{HandoverRefusal, Outcome, Step};
use crate::handover::randomness::{Draw, randomness};
use crate::handover::{Stage, Underway};

impl Step<'_> {
    pub(super) fn redraw(&self, signature: &Signature) -> Result<Outcome, HandoverRefusal> {
        let Stage::Redrawing(underway) = self.reader.stage() else {
            return Err(HandoverRefusal::NotNow);
        };
        let number = underway.attempt.number.saturating_add(1);
        self.reject_draw(&Draw::Group(underway.frozen.fixed, number), signature)?;

        let attempt = self.drawn((randomness(signature), number));
        let underway = Underway { attempt, dealings: Default::default(), ..*underway };
        Ok(Outcome::Reached(Stage::Dealing(Box::new(underway))))
    }
}
