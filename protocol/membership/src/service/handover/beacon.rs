//! Beacon: the randomness of the next epoch, from which ids and the first group follow.
//!
//! Specification of the membership service 4.3; settled point 27.

use alloc::boxed::Box;
use alloc::vec::Vec;

use quorate_threshold::Signature;

use super::{HandoverRefusal, Outcome, Step};
use crate::handover::randomness::{Draw, randomness};
use crate::handover::{Stage, Underway};

impl Step<'_> {
    pub(super) fn beacon(&self, signature: &Signature) -> Result<Outcome, HandoverRefusal> {
        let Stage::Frozen(frozen) = self.reader.stage() else {
            return Err(HandoverRefusal::NotNow);
        };
        self.reject_draw(&Draw::Epoch(frozen.fixed), signature)?;

        let randomness = randomness(signature);
        let (attempt, dealings) = (self.drawn((randomness, 0)), Vec::new());
        let underway = Underway { frozen, randomness, attempt, dealings };
        Ok(Outcome::Reached(Stage::Dealing(Box::new(underway))))
    }

    /// Is this the one signature of the system from which the draw follows?
    pub(super) fn reject_draw(
        &self,
        draw: &Draw,
        signature: &Signature,
    ) -> Result<(), HandoverRefusal> {
        let key = self.system_key().ok_or(HandoverRefusal::NotNow)?;
        let message = draw.message();
        let scheme = &self.schemes.threshold;
        let verified = scheme.verify(&key, draw.domain(), message.as_bytes(), signature);
        verified.or(Err(HandoverRefusal::BadRandomness))
    }
}
