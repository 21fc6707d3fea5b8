//! What liars have in common: what they see, and what they can do.
//!
//! A [`Villain`] puts a lie in the place of what the honest machines of its server say, and says
//! more where it likes; [`Liar`](super::liar::Liar) carries it.

use std::collections::BTreeSet;
use std::fmt::Debug;

use quorate_adversary::Reception;
use quorate_machine::{Class, Effect, Input, Recipients};
use quorate_membership::handover::Attempt;
use quorate_types::{Duration, Epoch, Peer};

use super::super::{EpochsMachine, Message, ServerSeat};

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
    pub(super) deeds: &'a mut Deeds,
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

/// What was done and has not gone out.
#[derive(Default, Debug)]
pub(super) struct Deeds {
    marks: BTreeSet<Mark>,
    said: Vec<(Peer, Message)>,
}

impl Deeds {
    pub(super) fn is_silent(&self) -> bool {
        self.said.is_empty()
    }

    pub(super) fn go_out(&mut self, effects: &mut Vec<Effect<EpochsMachine>>) {
        effects.extend(std::mem::take(&mut self.marks).into_iter().map(Effect::Mark));
        effects.extend(self.said.drain(..).map(|(to, message)| {
            let to = Recipients::One(to);
            Effect::Send { to, class: Class::Control, message }
        }));
    }
}
