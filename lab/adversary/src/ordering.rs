//! Misbehaviour in the ordering engine: one file each, over an interface that knows no executor.
//!
//! A [`Villain`] sees messages: those that its node's honest machine wants to send, which it may
//! pass on, change or drop, and those that come in, which it may keep from the machine. [`Liar`]
//! carries a villain to any machine of the engine: the simulator's, whose messages are shared, and
//! the process's, whose messages are plain. Every villain marks what it did, so that a run in
//! which it never found an occasion shows.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a villain twists the messages that it knows, and leaves all others alone"
)]

use std::sync::Arc;

use quorate_bft::Message;
use quorate_crypto::{Signer, Verified};
use quorate_history::Prng;
use quorate_machine::{Effect, Input, Machine};
use quorate_types::{Duration, GroupConfiguration, Instant, Now, Peer, ReplicaId, View};

pub use crate::deeds::{Carries, peers};
use crate::{Adversary, Reception};

mod checkpoint_liar;
mod client_flooder;
mod client_juggler;
mod cut_liar;
mod divergent;
mod double_voter;
mod equivocator;
mod forger;
mod giant;
mod lane;
mod lane_forker;
mod lane_juggler;
mod legion;
mod misplacer;
mod replayer;
mod selective;
mod silent;
mod splits;
#[cfg(test)]
mod tests;
mod transfer_liar;
mod view_changer;
mod view_spammer;

/// Who the villain is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seat {
    /// A member of the group.
    Replica(ReplicaId),
    /// A client of the group.
    Client,
}

/// What a villain knows and holds: its own key, and no other.
pub struct Context<'a> {
    /// Who it is.
    pub seat: Seat,
    /// Its group.
    pub group: &'a GroupConfiguration,
    /// Signs in its own name.
    pub signer: &'a dyn Signer,
    /// The other replicas.
    pub others: &'a Arc<[Peer]>,
    /// The node's clocks.
    pub now: Now,
    /// Decides what the villain leaves open.
    pub prng: &'a mut Prng,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Context of {:?}", self.seat)
    }
}

impl Context<'_> {
    /// The replica that the villain is; a client has the number of none.
    #[must_use]
    pub const fn me(&self) -> ReplicaId {
        match self.seat {
            Seat::Replica(me) => me,
            Seat::Client => ReplicaId::new(u16::MAX),
        }
    }

    /// Does the villain lead this view?
    #[must_use]
    pub fn leads(&self, view: View) -> bool {
        self.group.resilience.leader(view) == self.me()
    }
}

/// A message of the engine on its way out.
pub type Sending = crate::deeds::Sending<Message>;
/// What a villain of the engine does.
pub type Deeds = crate::deeds::Deeds<Message>;

/// One way of misbehaving in the ordering engine.
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
        from: Peer,
        message: &Message,
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

/// Villains that are replicas.
const REPLICAS: &[Entry] = &[
    ("equivocator", |prng| Box::new(equivocator::Equivocator::new(prng))),
    ("cut-liar", |prng| Box::new(cut_liar::CutLiar::new(prng))),
    ("double-voter", |_| Box::new(double_voter::DoubleVoter::default())),
    ("silent", |prng| Box::new(silent::Silent::new(prng))),
    ("selective", |prng| Box::new(selective::Selective::new(prng))),
    ("replayer", |_| Box::new(replayer::Replayer::default())),
    ("forger", |_| Box::new(forger::Forger::default())),
    ("misplacer", |_| Box::new(misplacer::Misplacer::new())),
    ("checkpoint-liar", |prng| Box::new(checkpoint_liar::CheckpointLiar::new(prng))),
    ("transfer-liar", |prng| Box::new(transfer_liar::TransferLiar::new(prng))),
    ("lane-juggler", |_| Box::new(lane_juggler::LaneJuggler::default())),
    ("lane-forker", |prng| Box::new(lane_forker::LaneForker::new(prng))),
    ("view-changer", |prng| Box::new(view_changer::ViewChanger::new(prng))),
    ("view-spammer", |_| Box::new(view_spammer::ViewSpammer::new())),
    ("giant", |_| Box::new(giant::Giant)),
    ("divergent", |prng| Box::new(divergent::Divergent::new(prng))),
    ("legion", |prng| Box::new(legion::Legion::new(prng))),
];

/// Villains that are clients.
const CLIENTS: &[Entry] = &[
    ("client-flooder", |_| Box::new(client_flooder::ClientFlooder::default())),
    ("client-juggler", |_| Box::new(client_juggler::ClientJuggler::default())),
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

/// Names of the villains that are replicas.
pub const REPLICA_VILLAINS: &[&str] = &names::<{ REPLICAS.len() }>(REPLICAS);
/// Names of the villains that are clients.
pub const CLIENT_VILLAINS: &[&str] = &names::<{ CLIENTS.len() }>(CLIENTS);

/// The villain with this name, if there is one; `prng` decides its details.
#[must_use]
pub fn villain(name: &str, prng: &mut Prng) -> Option<Box<dyn Villain>> {
    let known = REPLICAS.iter().chain(CLIENTS).find(|(known, _)| *known == name)?;
    Some((known.1)(prng))
}

/// What a villain is started with.
#[derive(Clone, Debug)]
pub struct LiarSetup {
    /// Who it is.
    pub seat: Seat,
    /// Its group.
    pub group: Arc<GroupConfiguration>,
    /// Signs in its own name.
    pub signer: Arc<dyn Signer>,
    /// Decides what the villain leaves open.
    pub prng: Prng,
}

/// A villain between an honest machine of the engine and the world.
pub struct Liar {
    setup: LiarSetup,
    others: Arc<[Peer]>,
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
    pub fn new(setup: LiarSetup, villain: Box<dyn Villain>) -> Self {
        let members = setup.group.resilience.members();
        let others = members.filter(|&replica| setup.seat != Seat::Replica(replica));
        let others = others.map(|replica| setup.group.peer(replica)).collect();
        let due = villain.period().map(|_| Instant::ZERO);
        Self { setup, others, villain, done: Deeds::default(), due }
    }

    fn act<T>(
        &mut self,
        now: Now,
        deeds: &mut Deeds,
        act: impl FnOnce(&mut dyn Villain, &mut Context<'_>, &mut Deeds) -> T,
    ) -> T {
        let mut context = Context {
            seat: self.setup.seat,
            group: &self.setup.group,
            signer: &*self.setup.signer,
            others: &self.others,
            now,
            prng: &mut self.setup.prng,
        };
        act(&mut *self.villain, &mut context, deeds)
    }
}

impl Liar {
    /// Reads a message before the machine gets it.
    pub fn receive(&mut self, now: Now, from: Peer, message: &Message) -> Reception {
        let mut done = std::mem::take(&mut self.done);
        let reception = self.act(now, &mut done, |villain, context, deeds| {
            villain.on_receive(context, from, message, deeds)
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
