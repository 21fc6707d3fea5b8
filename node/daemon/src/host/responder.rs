//! Serving the configuration, and vouching that it is fresh.

use quorate_crypto::Verified;
use quorate_membership::message::Message;
use quorate_membership::{FreshnessResponder, ResponderOutput, ResponderRecord, ResponderRequest};
use quorate_runtime::{Hosted, Plain};

/// What a vouch costs: one signature, microseconds.
const VOUCH_MICROS: u64 = 50;
/// What a page of the configuration costs: up to 128 records copied and encoded, microseconds.
const PAGE_MICROS: u64 = 100;

/// The glue of the responder.
#[derive(Debug)]
pub struct ResponderHost;

impl Hosted for ResponderHost {
    type Machine = FreshnessResponder;
    type Message = Plain<Message>;

    /// Anybody may ask, and no question is signed: without this, questions would be free.
    fn work_micros(&self, message: &Self::Message) -> u64 {
        match message.0 {
            Message::Challenge(_) => VOUCH_MICROS,
            Message::GetConfiguration(_) => PAGE_MICROS,
            Message::Configuration(_) | Message::Vouch(_) => 0,
        }
    }

    fn context<'host>(&'host self, _: &'host FreshnessResponder) -> &'host () {
        &()
    }

    fn believe(&self, message: Verified<Self::Message>) -> Message {
        message.into_inner().0
    }

    fn record_bytes(&self, _: &ResponderRecord) -> usize {
        64
    }

    fn on_output(&mut self, output: ResponderOutput, _: &mut Vec<ResponderRequest>) {
        let ResponderOutput::EpochEnded(epoch) = output;
        tracing::info!(%epoch, "the epoch has ended");
    }
}

#[cfg(test)]
mod tests {
    //! Questions that nobody signs are paid for.
    use quorate_membership::message::{GetConfiguration, Message};
    use quorate_membership::{Challenge, Nonce};
    use quorate_runtime::{Hosted, Plain};
    use quorate_types::{Digest, NodeId};

    use super::ResponderHost;

    #[test]
    fn every_question_about_the_configuration_is_charged() {
        let nonce = Nonce::new(Digest::ZERO);
        let from = NodeId::new([0; 32]);
        for question in [
            Message::Challenge(Challenge { nonce }),
            Message::GetConfiguration(GetConfiguration { from }),
        ] {
            assert!(ResponderHost.work_micros(&Plain(question.clone())) > 0, "{question:?}");
        }
    }
}
