//! Serving the configuration, and vouching that it is fresh.

use quorate_crypto::Verified;
use quorate_membership::message::Message;
use quorate_membership::{FreshnessResponder, ResponderOutput, ResponderRecord, ResponderRequest};
use quorate_runtime::{Hosted, Plain};

/// The glue of the responder.
#[derive(Debug)]
pub struct ResponderHost;

impl Hosted for ResponderHost {
    type Machine = FreshnessResponder;
    type Message = Plain<Message>;

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
