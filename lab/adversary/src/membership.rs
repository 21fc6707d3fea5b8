//! Misbehaviour in the membership service: one file each, over an interface that knows no executor.
//!
//! As in [`crate::ordering`]: a [`Villain`] sees what its server's honest responder wants to send
//! and what comes in. When the system is founded, a member of the membership group also gives its
//! partial signature of the first configuration; [`ceremony`] says what the bad ones give instead.
//! Bad clients run honest machines with what they should not have: a [`ClientVice`].

use std::sync::Arc;

use quorate_crypto::Signer;
use quorate_history::Prng;
use quorate_machine::{Effect, Machine};
use quorate_membership::{Message, VerifiedConfiguration};
use quorate_types::{NodeId, Now, Peer};

use crate::Reception;
use crate::deeds::Carries;

pub mod ceremony;
mod client_vice;
mod configuration_forger;
mod stale_voucher;
#[cfg(test)]
mod tests;
mod vouch_forger;
mod vouch_withholder;

pub use client_vice::{CLIENT_VICES, ClientVice, Skew};

/// A message about configurations on its way out.
pub type Sending = crate::deeds::Sending<Message>;
/// What a villain of the membership service does.
pub type Deeds = crate::deeds::Deeds<Message>;

/// What a villain knows and holds: its own key, and no other.
pub struct Context<'a> {
    /// The server that it is.
    pub me: NodeId,
    /// The configuration that its server serves.
    pub configuration: &'a VerifiedConfiguration,
    /// Its key of the epoch.
    pub signer: &'a dyn Signer,
    /// Decides what the villain leaves open.
    pub prng: &'a mut Prng,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Context of {:?}", self.me)
    }
}

/// One way of misbehaving as a server of configurations.
pub trait Villain: Send {
    /// What it is called: lower case with hyphens.
    fn name(&self) -> &'static str;

    /// The honest responder wants to send this.
    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let _: &Context<'_> = context;
        deeds.pass(sending);
    }

    /// This came in.
    fn on_receive(
        &mut self,
        context: &mut Context<'_>,
        (from, message): (Peer, &Message),
        deeds: &mut Deeds,
    ) -> Reception {
        let _: (&Context<'_>, Peer, &Message, &Deeds) = (context, from, message, deeds);
        Reception::Pass
    }
}

/// A villain's name, and how to make it.
type Entry = (&'static str, fn(&mut Prng) -> Box<dyn Villain>);

/// Villains that are servers.
const SERVERS: &[Entry] = &[
    ("stale-voucher", |_| Box::new(stale_voucher::StaleVoucher::default())),
    ("vouch-forger", |_| Box::new(vouch_forger::VouchForger)),
    ("vouch-withholder", |prng| Box::new(vouch_withholder::VouchWithholder::new(prng))),
    ("configuration-forger", |prng| Box::new(configuration_forger::ConfigurationForger::new(prng))),
];

const fn names<const COUNT: usize>(entries: &[Entry]) -> [&'static str; COUNT] {
    let mut names = [""; COUNT];
    let mut index = 0;
    while index < COUNT {
        names[index] = entries[index].0;
        index += 1;
    }
    names
}

/// Names of the villains that are servers.
pub const SERVER_VILLAINS: &[&str] = &names::<{ SERVERS.len() }>(SERVERS);

/// The villain with this name, if there is one; `prng` decides its details.
#[must_use]
pub fn villain(name: &str, prng: &mut Prng) -> Option<Box<dyn Villain>> {
    let known = SERVERS.iter().find(|(known, _)| *known == name)?;
    Some((known.1)(prng))
}

/// What a villain is started with.
#[derive(Clone, Debug)]
pub struct LiarSetup {
    /// The server that it is.
    pub me: NodeId,
    /// The configuration that its server serves.
    pub configuration: VerifiedConfiguration,
    /// Its key of the epoch.
    pub signer: Arc<dyn Signer>,
    /// Decides what the villain leaves open.
    pub prng: Prng,
}

/// A villain between an honest responder and the world.
pub struct Liar {
    setup: LiarSetup,
    villain: Box<dyn Villain>,
    /// What was done upon an input, until there is a list of effects to put it in.
    done: Deeds,
}

impl std::fmt::Debug for Liar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Liar: {}", self.villain.name())
    }
}

impl Liar {
    /// Seats a villain.
    #[must_use]
    pub fn new(setup: LiarSetup, villain: Box<dyn Villain>) -> Self {
        Self { setup, villain, done: Deeds::default() }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.villain.name()
    }

    /// Reads a message before the responder gets it.
    pub fn receive(&mut self, _: Now, from: Peer, message: &Message) -> Reception {
        let Self { setup, villain, done } = self;
        villain.on_receive(&mut context(setup), (from, message), done)
    }

    /// Twists what the responder wants done.
    pub fn twist<M: Machine<Outbound: Carries<Message>>>(&mut self, effects: &mut Vec<Effect<M>>) {
        let mut changed = Vec::with_capacity(effects.len());
        for effect in effects.drain(..) {
            let Effect::Send { to, class, message } = effect else {
                changed.push(effect);
                continue;
            };
            let sending = Sending { to, class, message: message.carried() };
            let Self { setup, villain, done } = self;
            villain.on_send(&mut context(setup), sending, done);
            self.done.enact(&mut changed);
        }
        self.done.enact(&mut changed);
        *effects = changed;
    }
}

fn context(setup: &mut LiarSetup) -> Context<'_> {
    Context {
        me: setup.me,
        configuration: &setup.configuration,
        signer: &*setup.signer,
        prng: &mut setup.prng,
    }
}
