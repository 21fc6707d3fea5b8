//! The toy's adversaries: each sits between an honest machine and the world.

use std::sync::Arc;

use quorate_adversary::Adversary;
use quorate_crypto::Signer;
use quorate_machine::{Class, Effect, Input, Recipients};
use quorate_types::{Digest, Now, Peer};

use super::message::LEADER;
use super::{Body, Message, ToyMachine};

/// Names of all adversaries.
pub const ADVERSARIES: &[&str] = &["mute", "naysayer", "equivocator"];

/// Sends nothing.
#[derive(Debug)]
pub struct Mute;

impl Adversary<ToyMachine> for Mute {
    fn name(&self) -> &'static str {
        "mute"
    }

    fn on_effects(&mut self, _: Now, _: &ToyMachine, effects: &mut Vec<Effect<ToyMachine>>) {
        effects.retain(|effect| !matches!(effect, Effect::Send { .. }));
    }
}

/// Votes for what nobody proposed.
#[derive(Debug)]
pub struct Naysayer {
    /// The node's own key.
    pub signer: Arc<dyn Signer>,
}

impl Adversary<ToyMachine> for Naysayer {
    fn name(&self) -> &'static str {
        "naysayer"
    }

    fn on_effects(&mut self, _: Now, _: &ToyMachine, effects: &mut Vec<Effect<ToyMachine>>) {
        for effect in effects {
            if let Effect::Send { message, .. } = effect
                && let Body::Vote { slot, replica, .. } = message.body
            {
                let proposal = Digest::new([slot.to_be_bytes()[7]; 32]);
                *message = Body::Vote { slot, replica, proposal }.signed(&*self.signer);
            }
        }
    }
}

/// As leader, proposes one request to one replica and another to the rest, and votes for both.
#[derive(Debug)]
pub struct Equivocator {
    /// The node's own key.
    pub signer: Arc<dyn Signer>,
    /// The request that came before.
    other: Option<Arc<Message>>,
}

impl Equivocator {
    /// An equivocator with the node's own key.
    #[must_use]
    pub const fn new(signer: Arc<dyn Signer>) -> Self {
        Self { signer, other: None }
    }

    fn split(
        &self,
        (peers, message): (&[Peer], &Arc<Message>),
        other: &Arc<Message>,
        effects: &mut Vec<Effect<ToyMachine>>,
    ) {
        let Body::Propose { slot, request } = &message.body else { return };
        let Some((victim, rest)) = peers.split_first() else { return };
        let lie = Body::Propose { slot: *slot, request: Arc::clone(other) }.signed(&*self.signer);
        if request == other {
            return;
        }
        let vote = |proposal: &Arc<Message>| {
            let proposal = proposal.body.digest();
            Body::Vote { slot: *slot, replica: LEADER, proposal }.signed(&*self.signer)
        };
        let mut send = |to: &[Peer], message| {
            let to = Recipients::Each(to.into());
            effects.push(Effect::Send { to, class: Class::Control, message });
        };
        send(&[*victim], vote(&lie));
        send(&[*victim], lie);
        send(rest, vote(message));
        send(rest, Arc::clone(message));
    }
}

impl Adversary<ToyMachine> for Equivocator {
    fn name(&self) -> &'static str {
        "equivocator"
    }

    fn on_input(
        &mut self,
        _: Now,
        _: &ToyMachine,
        input: &Input<ToyMachine>,
    ) -> quorate_adversary::Reception {
        if let Input::Deliver { message, .. } = input
            && matches!(message.body, Body::Request { .. })
            && self.other.is_none()
        {
            self.other = Some(Arc::clone(message));
        }
        quorate_adversary::Reception::Pass
    }

    fn on_effects(&mut self, _: Now, _: &ToyMachine, effects: &mut Vec<Effect<ToyMachine>>) {
        let Some(other) = self.other.clone() else { return };
        for effect in std::mem::take(effects) {
            if let Effect::Send { to: Recipients::Each(peers), message, .. } = &effect
                && matches!(message.body, Body::Propose { .. })
            {
                self.split((peers, message), &other, effects);
            }
            effects.push(effect);
        }
    }
}
