//! Getting the final state of the membership group of the epoch before, for a new member.

use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::succession::{Inheritance, Succession};
use quorate_crypto::Verified;
use quorate_runtime::Hosted;
use quorate_types::{Epoch, GroupConfiguration, Peer};

use crate::epochs::{Happening, Told, say};

/// The glue of a succession.
#[derive(Debug)]
pub struct SuccessionHost {
    /// The epoch that begins.
    pub epoch: Epoch,
    /// The group whose state it gets.
    pub old: Arc<GroupConfiguration>,
    /// Who hears when it is there.
    pub events: Told,
}

impl Hosted for SuccessionHost {
    type Machine = Succession;
    type Message = Message;

    fn is_useful(&self, _: &Succession, _: Peer, message: &Message) -> bool {
        matches!(message, Message::StateChunk(_))
    }

    fn context<'host>(&'host self, _: &'host Succession) -> &'host GroupConfiguration {
        &self.old
    }

    fn believe(&self, message: Verified<Message>) -> Verified<Message> {
        message
    }

    fn record_bytes(&self, record: &std::convert::Infallible) -> usize {
        match *record {}
    }

    fn on_output(&mut self, inheritance: Inheritance, _: &mut Vec<std::convert::Infallible>) {
        tracing::info!(epoch = %self.epoch, "got the state of the epoch before");
        say(&self.events, Happening::Inherited(self.epoch, Box::new(inheritance)));
    }
}
