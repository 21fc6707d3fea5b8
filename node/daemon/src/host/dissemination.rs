//! Passing configurations on to all servers, and getting those that this one has missed.

use std::convert::Infallible;

use quorate_crypto::Verified;
use quorate_duties::turnover::Event;
use quorate_membership::dissemination::{
    Disseminator, DisseminatorOutput, DisseminatorRequest, Message,
};
use quorate_runtime::{Hosted, Plain};

use crate::epochs::{Told, say};

/// What a message costs: a leaf or a chunk is hashed, microseconds.
const MESSAGE_MICROS: u64 = 100;

/// The glue of a disseminator.
#[derive(Debug)]
pub struct DisseminationHost {
    /// Who hears of later configurations.
    pub events: Told,
}

impl Hosted for DisseminationHost {
    type Machine = Disseminator;
    type Message = Plain<Message>;

    fn work_micros(&self, _: &Self::Message) -> u64 {
        MESSAGE_MICROS
    }

    fn context<'host>(&'host self, _: &'host Disseminator) -> &'host () {
        &()
    }

    fn believe(&self, message: Verified<Self::Message>) -> Message {
        message.into_inner().0
    }

    fn record_bytes(&self, record: &Infallible) -> usize {
        match *record {}
    }

    fn on_output(&mut self, output: DisseminatorOutput, _: &mut Vec<DisseminatorRequest>) {
        let DisseminatorOutput::Adopted(configuration) = output;
        say(&self.events, Event::Learned(configuration).into());
    }
}
