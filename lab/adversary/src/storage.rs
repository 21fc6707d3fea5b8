//! Misbehaviour in the storage DHT: one file each, over an interface that knows no executor.
//!
//! As in [`crate::ordering`]: a [`Villain`] sees the messages that its node's honest machine wants
//! to send and those that come in, and [`Liar`] carries it to any machine of the DHT. A villain
//! that is a server has also its disk, as a [`Medium`]; one that is a client has its certificate,
//! and the keys of the objects that it may write.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a villain twists the messages that it knows, and leaves all others alone"
)]

use std::sync::Arc;

use quorate_crypto::{Signer, Verified};
use quorate_dht::{ClientIdentity, Message, ObjectKey, Ring};
use quorate_history::Prng;
use quorate_machine::{Effect, Input, Machine};
use quorate_types::{Duration, Instant, Now, Peer};

use crate::deeds::Carries;
use crate::{Adversary, Reception};

mod content_liar;
mod fabricator;
mod hollow;
mod legion;
mod lone_reader;
mod partial_writer;
mod rot;
mod skipper;
mod stale;
#[cfg(test)]
mod tests;

/// A message of the DHT on its way out.
pub type Sending = crate::deeds::Sending<Message>;
/// What a villain of the DHT does.
pub type Deeds = crate::deeds::Deeds<Message>;

/// The objects on the disk of a server, below every check.
pub trait Medium: Send + std::fmt::Debug {
    /// Names of all objects.
    fn names(&self) -> Vec<ObjectKey>;
    /// The bytes under a name.
    fn bytes(&self, key: &ObjectKey) -> Option<Vec<u8>>;
    /// Puts other bytes there, or nothing.
    fn overwrite(&mut self, key: ObjectKey, bytes: Option<Vec<u8>>);
}

/// What a villain holds: its own, and nobody else's.
#[derive(Debug)]
pub struct Holdings {
    /// The servers.
    pub ring: Ring,
    /// As whom it writes, if it is a client.
    pub identity: Option<ClientIdentity>,
    /// Keys of objects that it may write.
    pub owners: Vec<Arc<dyn Signer>>,
    /// Its disk, if it is a server.
    pub disk: Option<Box<dyn Medium>>,
}

/// What a villain knows at a moment.
#[derive(Debug)]
pub struct Context<'a> {
    /// What it holds.
    pub holdings: &'a mut Holdings,
    /// The node's clocks.
    pub now: Now,
    /// Decides what the villain leaves open.
    pub prng: &'a mut Prng,
}

/// One way of misbehaving in the DHT.
pub trait Villain: Send {
    /// What it is called: lower case with hyphens.
    fn name(&self) -> &'static str;

    /// The honest machine wants to send this.
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

    /// How often it wants to act on its own.
    fn period(&self) -> Option<Duration> {
        None
    }

    /// It acts on its own.
    fn on_alarm(&mut self, context: &mut Context<'_>, deeds: &mut Deeds) {
        let _: (&Context<'_>, &Deeds) = (context, deeds);
    }
}

/// A villain's name, and how to make it.
type Entry = (&'static str, fn(&mut Prng) -> Box<dyn Villain>);

/// Name of the villain that is an honest server with a bad disk.
pub const ROT: &str = "rot";
/// Name of the villain that uses up sequence numbers.
pub const SKIPPER: &str = "skipper";

/// Villains that are servers.
const SERVERS: &[Entry] = &[
    ("stale", |prng| Box::new(stale::Stale::new(prng))),
    ("fabricator", |_| Box::new(fabricator::Fabricator::default())),
    ("hollow", |prng| Box::new(hollow::Hollow::new(prng))),
    ("content-liar", |_| Box::new(content_liar::ContentLiar::default())),
    (ROT, |prng| Box::new(rot::Rot::new(prng))),
    ("legion", |prng| Box::new(legion::Legion::new(prng))),
];

/// Villains that are clients.
const CLIENTS: &[Entry] = &[
    ("partial-writer", |_| Box::new(partial_writer::PartialWriter::default())),
    ("lone-reader", |_| Box::new(lone_reader::LoneReader::default())),
    (SKIPPER, |_| Box::new(skipper::Skipper)),
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
/// Names of the villains that are clients.
pub const CLIENT_VILLAINS: &[&str] = &names::<{ CLIENTS.len() }>(CLIENTS);

/// The villain with this name, if there is one; `prng` decides its details.
#[must_use]
pub fn villain(name: &str, prng: &mut Prng) -> Option<Box<dyn Villain>> {
    let known = SERVERS.iter().chain(CLIENTS).find(|(known, _)| *known == name)?;
    Some((known.1)(prng))
}

/// A villain between an honest machine of the DHT and the world.
pub struct Liar {
    holdings: Holdings,
    prng: Prng,
    villain: Box<dyn Villain>,
    /// What was done upon an input, until there is a list of effects to put it in.
    done: Deeds,
    due: Option<Instant>,
}

impl std::fmt::Debug for Liar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Liar: {}", self.villain.name())
    }
}

impl Liar {
    /// Seats a villain.
    #[must_use]
    pub fn new(holdings: Holdings, prng: Prng, villain: Box<dyn Villain>) -> Self {
        let due = villain.period().map(|_| Instant::ZERO);
        Self { holdings, prng, villain, done: Deeds::default(), due }
    }

    fn act<T>(
        &mut self,
        now: Now,
        deeds: &mut Deeds,
        act: impl FnOnce(&mut dyn Villain, &mut Context<'_>, &mut Deeds) -> T,
    ) -> T {
        let mut context = Context { holdings: &mut self.holdings, now, prng: &mut self.prng };
        act(&mut *self.villain, &mut context, deeds)
    }

    /// Reads a message before the machine gets it.
    pub fn receive(&mut self, now: Now, from: Peer, message: &Message) -> Reception {
        let mut done = std::mem::take(&mut self.done);
        let reception = self.act(now, &mut done, |villain, context, deeds| {
            villain.on_receive(context, (from, message), deeds)
        });
        self.done = done;
        reception
    }

    /// Twists what the machine wants done.
    pub fn twist<M: Machine<Outbound: Carries<Message>>>(
        &mut self,
        now: Now,
        effects: &mut Vec<Effect<M>>,
    ) {
        let mut deeds = Deeds::default();
        let mut changed = Vec::with_capacity(effects.len());
        for effect in effects.drain(..) {
            let Effect::Send { to, class, message } = effect else {
                changed.push(effect);
                continue;
            };
            let sending = Sending { to, class, message: message.carried() };
            self.act(now, &mut deeds, |villain, context, deeds| {
                villain.on_send(context, sending, deeds);
            });
            deeds.enact(&mut changed);
        }
        self.done.enact(&mut changed);
        *effects = changed;
    }
}

impl<M> Adversary<M> for Liar
where
    M: Machine<Inbound = Verified<Message>, Outbound: Carries<Message>>,
{
    fn name(&self) -> &'static str {
        self.villain.name()
    }

    fn on_input(&mut self, now: Now, _: &M, input: &Input<M>) -> Reception {
        let Input::Deliver { from, message } = input else { return Reception::Pass };
        self.receive(now, *from, message)
    }

    fn on_effects(&mut self, now: Now, _: &M, effects: &mut Vec<Effect<M>>) {
        self.twist(now, effects);
    }

    fn alarm(&self) -> Option<Instant> {
        if self.done.is_empty() { self.due } else { Some(Instant::ZERO) }
    }

    fn on_alarm(&mut self, now: Now, _: &M, effects: &mut Vec<Effect<M>>) {
        self.done.enact(effects);
        let Some(period) = self.villain.period() else { return };
        if self.due.is_some_and(|due| due > now.instant) {
            return;
        }
        self.due = Some(now.instant.after(period));
        let mut deeds = Deeds::default();
        self.act(now, &mut deeds, |villain, context, deeds| villain.on_alarm(context, deeds));
        deeds.enact(effects);
    }

    fn on_restart(&mut self) {
        self.due = self.due.map(|_| Instant::ZERO);
    }
}
