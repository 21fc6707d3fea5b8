//! What liars have in common: one stands between the honest machines of its server and the world,
//! puts a lie in the place of what they say, and says more where it likes.
//!
//! A [`Villain`] says what it does, and [`Liar`] carries it. What it says besides goes out with the
//! next effects of its machines, or, if there are none, a microsecond later.

use std::collections::BTreeSet;
use std::fmt::Debug;

use quorate_adversary::{Adversary, Reception};
use quorate_machine::{Class, Effect, Input, Recipients};
use quorate_membership::handover::{Attempt, News, Stage};
use quorate_membership::{Message as Vouching, Nonce};
use quorate_types::{Duration, Epoch, Instant, Now, Peer};

use super::super::{EpochsMachine, Message, Output, ServerSeat};

/// How often those act who act on their own.
pub(super) const PERIOD: Duration = Duration::from_millis(250);

/// Says that something was done.
pub(super) type Mark = &'static str;

/// A message on its way out, as an honest machine would have it.
#[derive(Debug)]
pub(super) struct Sending<'a> {
    pub(super) to: &'a mut Recipients,
    pub(super) message: &'a mut Message,
}

/// What a villain knows at a moment, and what it can do.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) seat: &'a ServerSeat,
    /// The other servers.
    pub(super) others: &'a [Peer],
    deeds: &'a mut Deeds,
}

impl Context<'_> {
    /// Says something to somebody.
    pub(super) fn tell(&mut self, to: Peer, message: Message) {
        self.deeds.said.push((to, message));
    }

    /// Says something to every other server.
    pub(super) fn tell_all(&mut self, message: &Message) {
        self.deeds.said.extend(self.others.iter().map(|other| (*other, message.clone())));
    }

    /// Says that it has done something, once for all that goes out at once.
    pub(super) fn mark(&mut self, mark: Mark) {
        self.deeds.marks.insert(mark);
    }
}

/// One way of lying.
pub(super) trait Villain: Debug + Send {
    /// This reaches its server.
    fn on_input(&mut self, context: &mut Context<'_>, input: &Input<EpochsMachine>) -> Reception {
        let _: (&Context<'_>, &Input<EpochsMachine>) = (context, input);
        Reception::Pass
    }

    /// An honest machine wants to send this; it may be changed, and then a mark says how.
    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending<'_>) -> Option<Mark> {
        let _: (&Context<'_>, Sending<'_>) = (context, sending);
        None
    }

    /// An attempt at the end of an epoch has begun, later than all that it has heard of.
    fn on_attempt(&mut self, epoch: Epoch, attempt: &Attempt) {
        let _: (Epoch, &Attempt) = (epoch, attempt);
    }

    /// How often it acts on its own; also when an attempt begins, since that is short.
    fn period(&self) -> Option<Duration> {
        None
    }

    /// It acts on its own.
    fn on_alarm(&mut self, context: &mut Context<'_>) {
        let _: &Context<'_> = context;
    }

    /// Its server comes back after a crash.
    fn on_restart(&mut self) {}
}

/// What was done and has not gone out, and when more is to be done.
#[derive(Default, Debug)]
struct Deeds {
    marks: BTreeSet<Mark>,
    said: Vec<(Peer, Message)>,
    due: Option<Instant>,
}

impl Deeds {
    fn go_out(&mut self, effects: &mut Vec<Effect<EpochsMachine>>) {
        effects.extend(std::mem::take(&mut self.marks).into_iter().map(Effect::Mark));
        effects.extend(self.said.drain(..).map(|(to, message)| {
            let to = Recipients::One(to);
            Effect::Send { to, class: Class::Control, message }
        }));
    }
}

/// A villain at its server.
#[derive(Debug)]
pub(super) struct Liar {
    name: &'static str,
    villain: Box<dyn Villain>,
    others: Vec<Peer>,
    /// The latest attempt that it has heard of.
    attempt: Option<(Epoch, u32)>,
    deeds: Deeds,
}

impl Liar {
    pub(super) fn new(name: &'static str, villain: Box<dyn Villain>, others: Vec<Peer>) -> Self {
        Self { name, villain, others, attempt: None, deeds: Deeds::default() }
    }

    fn act<T>(
        &mut self,
        seat: &ServerSeat,
        act: impl FnOnce(&mut dyn Villain, &mut Context<'_>) -> T,
    ) -> T {
        let Self { villain, others, deeds, .. } = self;
        act(&mut **villain, &mut Context { seat, others, deeds })
    }

    fn learn(&mut self, news: &News) {
        let Stage::Dealing(underway) = &news.stage else { return };
        let attempt = (news.epoch, underway.attempt.number);
        if self.attempt.is_none_or(|known| known < attempt) {
            self.attempt = Some(attempt);
            self.villain.on_attempt(news.epoch, &underway.attempt);
            self.deeds.due = self.deeds.due.map(|_| Instant::ZERO);
        }
    }

    /// Changes what an honest machine wants done.
    fn twist(&mut self, seat: &ServerSeat, effect: &mut Effect<EpochsMachine>) -> Option<Mark> {
        match effect {
            Effect::Send { to, message, .. } => {
                let sending = Sending { to, message };
                self.act(seat, |villain, context| villain.on_send(context, sending))
            }
            Effect::Emit(Output::News(news)) => {
                self.learn(news);
                None
            }
            Effect::Persist(_)
            | Effect::Release(_)
            | Effect::Arm { .. }
            | Effect::Disarm(_)
            | Effect::Emit(_)
            | Effect::Mark(_) => None,
        }
    }
}

impl Adversary<EpochsMachine> for Liar {
    fn name(&self) -> &'static str {
        self.name
    }

    fn on_input(
        &mut self,
        now: Now,
        machine: &EpochsMachine,
        input: &Input<EpochsMachine>,
    ) -> Reception {
        let Some(seat) = machine.server() else { return Reception::Pass };
        if let Some(period) = self.villain.period() {
            self.deeds.due.get_or_insert(now.instant.after(period));
        }
        self.act(seat, |villain, context| villain.on_input(context, input))
    }

    fn on_effects(
        &mut self,
        _: Now,
        machine: &EpochsMachine,
        effects: &mut Vec<Effect<EpochsMachine>>,
    ) {
        let Some(seat) = machine.server() else { return };
        for mut effect in std::mem::take(effects) {
            let mark = self.twist(seat, &mut effect);
            effects.extend(mark.map(Effect::Mark));
            effects.push(effect);
        }
        self.deeds.go_out(effects);
    }

    fn alarm(&self) -> Option<Instant> {
        if self.deeds.said.is_empty() { self.deeds.due } else { Some(Instant::ZERO) }
    }

    fn on_alarm(
        &mut self,
        now: Now,
        machine: &EpochsMachine,
        effects: &mut Vec<Effect<EpochsMachine>>,
    ) {
        let is_due = self.deeds.due.is_some_and(|due| due <= now.instant);
        if let Some(seat) = machine.server().filter(|_| is_due) {
            self.deeds.due = self.villain.period().map(|period| now.instant.after(period));
            self.act(seat, |villain, context| villain.on_alarm(context));
        }
        self.deeds.go_out(effects);
    }

    fn on_restart(&mut self) {
        self.deeds = Deeds::default();
        self.villain.on_restart();
    }
}

/// Who asks here which epoch is the current one, and the nonce of the question.
pub(super) fn challenged(input: &Input<EpochsMachine>) -> Option<(Peer, Nonce)> {
    let Input::Deliver { from, message: Message::Freshness(said) } = input else { return None };
    let Vouching::Challenge(challenge) = &**said else { return None };
    Some((*from, challenge.nonce))
}
