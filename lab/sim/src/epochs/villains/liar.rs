//! Carries a villain: between the honest machines of its server and the world.
//!
//! What it says besides goes out with the next effects of its machines, or, if there are none, a
//! microsecond later.

use quorate_adversary::{Adversary, Reception};
use quorate_machine::{Effect, Input};
use quorate_membership::handover::{News, Stage};
use quorate_types::{Epoch, Instant, Now, Peer};

use super::super::{EpochsMachine, Output, ServerSeat};
use super::villain::{Context, Deeds, Mark, Sending, Villain};

/// A villain at its server.
#[derive(Debug)]
pub(super) struct Liar {
    name: &'static str,
    villain: Box<dyn Villain>,
    others: Vec<Peer>,
    /// The latest attempt that it has heard of.
    attempt: Option<(Epoch, u32)>,
    deeds: Deeds,
    /// When it acts on its own.
    due: Option<Instant>,
}

impl Liar {
    pub(super) fn new(name: &'static str, villain: Box<dyn Villain>, others: Vec<Peer>) -> Self {
        Self { name, villain, others, attempt: None, deeds: Deeds::default(), due: None }
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
            self.due = self.due.map(|_| Instant::ZERO);
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
            self.due.get_or_insert_with(|| now.instant.after(period));
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
        if self.deeds.is_silent() { self.due } else { Some(Instant::ZERO) }
    }

    fn on_alarm(
        &mut self,
        now: Now,
        machine: &EpochsMachine,
        effects: &mut Vec<Effect<EpochsMachine>>,
    ) {
        let is_due = self.due.is_some_and(|due| due <= now.instant);
        if let Some(seat) = machine.server().filter(|_| is_due) {
            self.due = self.villain.period().map(|period| now.instant.after(period));
            self.act(seat, |villain, context| villain.on_alarm(context));
        }
        self.deeds.go_out(effects);
    }

    fn on_restart(&mut self) {
        self.deeds = Deeds::default();
        self.due = None;
        self.villain.on_restart();
    }
}
