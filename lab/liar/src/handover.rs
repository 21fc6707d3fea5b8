//! Byzantine participant in the end of an epoch: a dealer one of whose recipients cannot open what
//! it was dealt, and a signer whose parts of signatures are none.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a villain twists the messages that it knows, and leaves all others alone"
)]

use quorate_machine::Effect;
use quorate_membership::handover::Handover;
use quorate_membership::handover::message::Message;
use quorate_runtime::Interceptor;
use quorate_types::Now;

/// Twists what a participant sends.
#[derive(Debug)]
pub(crate) struct HandoverLiar;

impl Interceptor<Handover> for HandoverLiar {
    fn effects(&mut self, _: Now, effects: &mut Vec<Effect<Handover>>) {
        let mut lies = 0;
        for effect in effects.iter_mut() {
            if let Effect::Send { message, .. } = effect {
                lies += usize::from(twist(message));
            }
        }
        // Counted like any mark, so that a run in which it never lied shows.
        effects.extend((0..lies).map(|_| Effect::Mark("liar.handover")));
    }
}

/// Makes a lie of a message; tells whether it was one that can be made a lie.
fn twist(message: &mut Message) -> bool {
    match message {
        Message::Dealing(published) => {
            published.sealed.iter_mut().next_back().is_some_and(|byte| {
                *byte ^= 1;
                true
            })
        }
        Message::Part(part) => {
            part.partial[0] ^= 1;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    //! What was sealed is twisted, with its name, and nothing else is.
    use quorate_membership::handover::dealing::{CommitmentBytes, PublishedDealing};
    use quorate_membership::handover::message::{DealingName, Message};
    use quorate_types::Digest;

    use super::twist;

    #[test]
    fn a_dealing_goes_out_with_a_subshare_that_cannot_be_opened() {
        let (session, dealer) = (Digest::new([1; 32]), 1);
        let commitment = CommitmentBytes(vec![2]);
        let honest = PublishedDealing { session, dealer, commitment, sealed: vec![3, 4] };
        let mut message = Message::Dealing(Box::new(honest.clone()));
        assert!(twist(&mut message));
        let Message::Dealing(twisted) = message else { panic!("it stays a dealing") };
        assert_eq!(twisted.sealed, [3, 5]);
        assert_eq!(twisted.commitment, honest.commitment);
        assert!(!twist(&mut Message::FetchDealing(DealingName { session, dealer })));
    }
}
