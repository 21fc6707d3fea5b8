//! Byzantine recipient that complains about every dealer that it acknowledges (M07).

use quorate_membership::handover::message::{DealingName, Grievance, Message};
use quorate_threshold::COMPLAINT_BYTES;

use super::{Context, Deeds, Holdings, Letter, Sending, Villain};

/// Sends a complaint that proves nothing behind each acknowledgement.
#[derive(Debug)]
pub(super) struct FalseComplainer;

impl Villain<Holdings> for FalseComplainer {
    fn name(&self) -> &'static str {
        "false-complainer"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        if let Message::Acknowledgement(word) = &sending.message.message {
            let about = DealingName { session: word.said.session, dealer: word.said.dealer };
            let mut complaint = [0; COMPLAINT_BYTES];
            complaint.fill_with(|| u8::try_from(context.prng.below(256)).expect("a byte"));
            let message = Message::Grievance(Grievance { about, complaint });
            let letter = Letter { epoch: sending.message.epoch, message };
            deeds.mark("liar.complained");
            deeds.send(&context.holdings.others, sending.class, letter);
        }
        deeds.pass(sending);
    }
}
