//! What villains do, whatever the protocol: messages on their way out, and marks.

use std::sync::Arc;

use quorate_machine::{Class, Effect, Machine, Recipients};
use quorate_types::Peer;

/// A message on its way out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sending<T> {
    /// Who gets it.
    pub to: Recipients,
    /// How urgent it is.
    pub class: Class,
    /// What they get.
    pub message: Arc<T>,
}

/// What a villain does: messages, and marks that say so.
#[derive(Debug)]
pub struct Deeds<T> {
    /// Messages, in order.
    pub sendings: Vec<Sending<T>>,
    /// What was done.
    pub marks: Vec<&'static str>,
}

impl<T> Default for Deeds<T> {
    fn default() -> Self {
        Self { sendings: Vec::new(), marks: Vec::new() }
    }
}

impl<T> Deeds<T> {
    /// Nothing was done.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sendings.is_empty() && self.marks.is_empty()
    }

    /// Lets a message go as it is.
    pub fn pass(&mut self, sending: Sending<T>) {
        self.sendings.push(sending);
    }

    /// Sends a message to some peers; to nobody if there is none.
    pub fn send(&mut self, to: &[Peer], class: Class, message: T) {
        self.share(to, class, Arc::new(message));
    }

    /// As [`Deeds::send`], for a message that is shared.
    pub fn share(&mut self, to: &[Peer], class: Class, message: Arc<T>) {
        if !to.is_empty() {
            self.sendings.push(Sending { to: Recipients::Each(to.into()), class, message });
        }
    }

    /// Says that something was done.
    pub fn mark(&mut self, mark: &'static str) {
        self.marks.push(mark);
    }

    /// Puts it all into a list of effects.
    pub(crate) fn enact<M: Machine<Outbound: Carries<T>>>(&mut self, effects: &mut Vec<Effect<M>>) {
        effects.extend(self.marks.drain(..).map(Effect::Mark));
        effects.extend(self.sendings.drain(..).map(|sending| {
            let Sending { to, class, message } = sending;
            Effect::Send { to, class, message: M::Outbound::carry(message) }
        }));
    }
}

/// The peers of a message, one by one.
#[must_use]
pub fn peers(to: &Recipients) -> Vec<Peer> {
    match to {
        Recipients::One(peer) => vec![*peer],
        Recipients::Each(peers) => peers.to_vec(),
    }
}

/// A message as a machine sends it: plain, or shared.
pub trait Carries<T> {
    /// Wraps a message.
    fn carry(message: Arc<T>) -> Self;
    /// Unwraps it.
    fn carried(self) -> Arc<T>;
}

impl<T: Clone> Carries<T> for T {
    fn carry(message: Arc<T>) -> Self {
        Arc::unwrap_or_clone(message)
    }

    fn carried(self) -> Arc<T> {
        Arc::new(self)
    }
}

impl<T> Carries<T> for Arc<T> {
    fn carry(message: Self) -> Self {
        message
    }

    fn carried(self) -> Self {
        self
    }
}
