//! Serving the configuration, and vouching that it is fresh.

use quorate_crypto::{Pending, Rejected, SignatureCheck, Verifiable, Verified};
use quorate_membership::message::Message;
use quorate_membership::{FreshnessResponder, ResponderOutput, ResponderRecord, ResponderRequest};
use quorate_runtime::Hosted;
use quorate_types::Peer;
use quorate_wire::{DecodeError, Encode, Writer, decode};

/// A message whose receiver checks it itself: what it must be checked against is part of the
/// receiver's state.
#[derive(Debug)]
pub struct Plain(pub Message);

impl Verifiable for Plain {
    type Context = ();

    fn checks(&self, (): &(), _: &mut Vec<SignatureCheck>) -> Result<(), Rejected> {
        Ok(())
    }
}

/// The glue of the responder.
#[derive(Debug)]
pub struct ResponderHost;

impl Hosted for ResponderHost {
    type Machine = FreshnessResponder;
    type Message = Plain;

    fn decode(&self, bytes: &[u8]) -> Result<Plain, DecodeError> {
        decode(bytes).map(Plain)
    }

    fn admit(
        &self,
        _: &FreshnessResponder,
        _: Peer,
        message: Plain,
    ) -> Result<Pending<Plain>, Rejected> {
        Pending::new(message, &())
    }

    fn believe(&self, message: Verified<Plain>) -> Message {
        message.into_inner().0
    }

    fn encode(&self, message: &Message, writer: &mut Writer) {
        message.encode(writer);
    }

    fn record_bytes(&self, _: &ResponderRecord) -> usize {
        64
    }

    fn on_output(&mut self, output: ResponderOutput, _: &mut Vec<ResponderRequest>) {
        let ResponderOutput::EpochEnded(epoch) = output;
        tracing::info!(%epoch, "the epoch has ended");
    }
}
