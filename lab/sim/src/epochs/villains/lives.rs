//! Claims that a server lives that is gone (scenario 12 of the specification, section 11).

use std::sync::Arc;

use quorate_adversary::Reception;
use quorate_crypto::{Domain, hash_of};
use quorate_machine::Input;
use quorate_membership::monitor::{Answer, Proof, Question, Shown, Wanted};

use super::super::keys::derived;
use super::super::{EpochsMachine, Message, ServerSeat};
use super::villain::{Context, Villain};

/// Answers probes in the place of a server, whose machines hear nothing any more.
#[derive(Debug)]
pub(super) struct Impostor;

impl Villain for Impostor {
    fn on_input(&mut self, context: &mut Context<'_>, input: &Input<EpochsMachine>) -> Reception {
        if let Input::Deliver { from, message: Message::Probe(question) } = input {
            let answer = Answer {
                ticket: question.ticket,
                epoch: question.epoch,
                shown: shown(context.seat, question),
            };
            context.mark("liar.impersonated");
            context.tell(*from, Message::Probed(Arc::new(answer)));
        }
        Reception::Swallow
    }
}

/// What proves its life, as far as it can.
fn shown(seat: &ServerSeat, question: &Question) -> Shown {
    match question.wanted {
        Wanted::Plain | Wanted::Accused { .. } => Shown::Life,
        Wanted::Signed { nonce, .. } => {
            let signer = seat.kit().keys.signer(&derived("impostor", 0));
            let signature = signer.sign(&hash_of(Domain::ProbeAnswer, &nonce));
            Shown::Signature(Proof { signature, certificate: None })
        }
    }
}
