//! Byzantine participant in the end of an epoch: a dealer one of whose recipients cannot open what
//! it was dealt, and a signer whose parts of signatures are none. It signs what it deals, so who is
//! cheated can prove it.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a villain twists the messages that it knows, and leaves all others alone"
)]

use std::fmt;
use std::sync::Arc;

use quorate_crypto::Signer;
use quorate_machine::Effect;
use quorate_membership::handover::message::Message;
use quorate_membership::handover::{Handover, Setup, SignedDealing};
use quorate_runtime::Interceptor;
use quorate_types::{Epoch, Now, SystemId};

/// Twists what a participant sends.
pub(crate) struct HandoverLiar {
    place: (SystemId, Epoch),
    /// None: it is no member of the epoch, and deals nothing.
    signer: Option<Arc<dyn Signer>>,
}

impl fmt::Debug for HandoverLiar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandoverLiar").finish_non_exhaustive()
    }
}

impl HandoverLiar {
    /// Before the participant of this setup, with its key.
    pub(crate) fn new(setup: &Setup) -> Self {
        let place = (setup.configuration.system, setup.configuration.epoch);
        let signer = setup.member.as_ref().map(|member| Arc::clone(&member.signer));
        Self { place, signer }
    }

    /// Makes a lie of a message; tells whether it was one that can be made a lie.
    fn twist(&self, message: &mut Message) -> bool {
        match message {
            Message::Dealing(signed) => {
                let mut dealing = signed.dealing.clone();
                let (Some(signer), Some(byte)) = (&self.signer, dealing.sealed.last_mut()) else {
                    return false;
                };
                *byte ^= 1;
                **signed = SignedDealing::sign(dealing, self.place, &**signer);
                true
            }
            Message::Part(part) => {
                part.partial[0] ^= 1;
                true
            }
            _ => false,
        }
    }
}

impl Interceptor<Handover> for HandoverLiar {
    fn effects(&mut self, _: Now, effects: &mut Vec<Effect<Handover>>) {
        let mut lies = 0;
        for effect in effects.iter_mut() {
            if let Effect::Send { message, .. } = effect {
                lies += usize::from(self.twist(message));
            }
        }
        // Counted like any mark, so that a run in which it never lied shows.
        effects.extend((0..lies).map(|_| Effect::Mark("liar.handover")));
    }
}

#[cfg(test)]
mod tests {
    //! What was sealed is twisted, signed by the liar, and nothing else is.
    use std::sync::Arc;

    use quorate_crypto::Signer;
    use quorate_crypto::real::{RealSigner, RealVerifier};
    use quorate_membership::handover::SignedDealing;
    use quorate_membership::handover::dealing::{CommitmentBytes, PublishedDealing};
    use quorate_membership::handover::message::{DealingName, Message};
    use quorate_types::{Digest, Epoch, SystemId};

    use super::HandoverLiar;

    #[test]
    fn a_dealing_goes_out_with_a_subshare_that_cannot_be_opened() {
        let signer = RealSigner::from_seed(&[5; 32]);
        let (place, key) = ((SystemId::new([6; 32]), Epoch::new(7)), signer.public_key());
        let (session, dealer) = (Digest::new([1; 32]), 1);
        let commitment = CommitmentBytes(vec![2]);
        let dealing = PublishedDealing { session, dealer, commitment, sealed: vec![3, 4] };
        let honest = SignedDealing::sign(dealing, place, &signer);
        let liar = HandoverLiar { place, signer: Some(Arc::new(signer)) };
        let mut message = Message::Dealing(Box::new(honest.clone()));
        assert!(liar.twist(&mut message));
        let Message::Dealing(twisted) = message else { panic!("it stays a dealing") };
        assert_eq!(twisted.dealing.sealed, [3, 5]);
        assert_eq!(twisted.dealing.commitment, honest.dealing.commitment);
        assert!(twisted.is_by(key, place, &RealVerifier));
        assert!(!liar.twist(&mut Message::FetchDealing(DealingName { session, dealer })));
    }
}
