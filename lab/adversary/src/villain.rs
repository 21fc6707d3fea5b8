//! What villains of every protocol have in common: what they see, how they are found, who carries
//! them.
//!
//! A [`Villain`] sees messages: those that its node's honest machine wants to send, which it may
//! pass on, change or drop, and those that come in, which it may keep from the machine. [`Liar`]
//! carries a villain to any machine of its protocol: the simulator's, whose messages are shared,
//! and the process's, whose messages are plain. Every villain marks what it did, so that a run in
//! which it never found an occasion shows.

use quorate_crypto::Verified;
use quorate_history::Prng;
use quorate_machine::{Effect, Input, Machine};
use quorate_types::{Duration, Instant, Now, Peer};

use crate::deeds::{Carries, Deeds, Sending};
use crate::{Adversary, Reception};

mod legion;

pub(crate) use legion::Legion;

/// What a villain of a protocol knows and holds: its own, and nobody else's.
pub trait Holdings {
    /// What is said in the protocol.
    type Message;
}

/// What a villain knows at a moment.
#[derive(Debug)]
pub struct Context<'a, H> {
    /// What it holds.
    pub holdings: &'a mut H,
    /// The node's clocks.
    pub now: Now,
    /// Decides what the villain leaves open.
    pub prng: &'a mut Prng,
}

/// One way of misbehaving in a protocol.
pub trait Villain<H: Holdings>: Send {
    /// What it is called: lower case with hyphens.
    fn name(&self) -> &'static str;

    /// The honest machine wants to send this.
    fn on_send(
        &mut self,
        context: &mut Context<'_, H>,
        sending: Sending<H::Message>,
        deeds: &mut Deeds<H::Message>,
    ) {
        let _: &Context<'_, H> = context;
        deeds.pass(sending);
    }

    /// This came in, and the villain only listens.
    fn overhear(&mut self, message: &H::Message) {
        let _: &H::Message = message;
    }

    /// This came in.
    fn on_receive(
        &mut self,
        context: &mut Context<'_, H>,
        from: Peer,
        message: &H::Message,
        deeds: &mut Deeds<H::Message>,
    ) -> Reception {
        let _: (&Context<'_, H>, Peer, &Deeds<H::Message>) = (context, from, deeds);
        self.overhear(message);
        Reception::Pass
    }

    /// How often it wants to act on its own.
    fn period(&self) -> Option<Duration> {
        None
    }

    /// It acts on its own.
    fn on_alarm(&mut self, context: &mut Context<'_, H>, deeds: &mut Deeds<H::Message>) {
        let _: (&Context<'_, H>, &Deeds<H::Message>) = (context, deeds);
    }
}

/// A villain's name, and how to make it.
pub(crate) type Entry<H> = (&'static str, fn(&mut Prng) -> Box<dyn Villain<H>>);

/// The names of a table of villains.
pub(crate) const fn names<H: Holdings, const COUNT: usize>(
    entries: &[Entry<H>],
) -> [&'static str; COUNT] {
    let mut names = [""; COUNT];
    let mut index = 0;
    while index < COUNT {
        names[index] = entries[index].0;
        index += 1;
    }
    names
}

/// The villain with this name in these tables, if there is one; `prng` decides its details.
pub(crate) fn find<H: Holdings>(
    tables: &[&[Entry<H>]],
    name: &str,
    prng: &mut Prng,
) -> Option<Box<dyn Villain<H>>> {
    let known = tables.iter().copied().flatten().find(|(known, _)| *known == name)?;
    Some((known.1)(prng))
}

/// A villain between an honest machine and the world.
pub struct Liar<H: Holdings> {
    holdings: H,
    prng: Prng,
    villain: Box<dyn Villain<H>>,
    /// What was done upon an input, until there is a list of effects to put it in.
    done: Deeds<H::Message>,
    due: Option<Instant>,
}

impl<H: Holdings> std::fmt::Debug for Liar<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Liar: {}", self.villain.name())
    }
}

impl<H: Holdings> Liar<H> {
    /// Seats a villain.
    #[must_use]
    pub fn new(holdings: H, prng: Prng, villain: Box<dyn Villain<H>>) -> Self {
        let due = villain.period().map(|_| Instant::ZERO);
        Self { holdings, prng, villain, done: Deeds::default(), due }
    }

    fn act<T>(
        &mut self,
        now: Now,
        deeds: &mut Deeds<H::Message>,
        act: impl FnOnce(&mut dyn Villain<H>, &mut Context<'_, H>, &mut Deeds<H::Message>) -> T,
    ) -> T {
        let mut context = Context { holdings: &mut self.holdings, now, prng: &mut self.prng };
        act(&mut *self.villain, &mut context, deeds)
    }

    /// Reads a message before the machine gets it.
    pub fn receive(&mut self, now: Now, from: Peer, message: &H::Message) -> Reception {
        let mut done = std::mem::take(&mut self.done);
        let reception = self.act(now, &mut done, |villain, context, deeds| {
            villain.on_receive(context, from, message, deeds)
        });
        self.done = done;
        reception
    }

    /// Twists what the machine wants done.
    pub fn twist<M: Machine<Outbound: Carries<H::Message>>>(
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

    /// When it wants to be woken next.
    #[must_use]
    pub fn alarm(&self) -> Option<Instant> {
        if self.done.is_empty() { self.due } else { Some(Instant::ZERO) }
    }

    /// It is woken.
    pub fn wake<M: Machine<Outbound: Carries<H::Message>>>(
        &mut self,
        now: Now,
        effects: &mut Vec<Effect<M>>,
    ) {
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

    /// Its node came back, with a clock that starts at zero.
    pub fn restart(&mut self) {
        self.due = self.due.map(|_| Instant::ZERO);
    }
}

impl<H, M> Adversary<M> for Liar<H>
where
    H: Holdings<Message: Send + Sync> + Send,
    M: Machine<Inbound = Verified<H::Message>, Outbound: Carries<H::Message>>,
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
        Self::alarm(self)
    }

    fn on_alarm(&mut self, now: Now, _: &M, effects: &mut Vec<Effect<M>>) {
        self.wake(now, effects);
    }

    fn on_restart(&mut self) {
        self.restart();
    }
}
