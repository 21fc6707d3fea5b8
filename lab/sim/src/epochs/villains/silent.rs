//! Servers that say too little: they leave, or keep to themselves what others wait for.

use quorate_adversary::{Adversary, Reception};
use quorate_machine::{Effect, Input};
use quorate_membership::handover::message::Message as Handover;
use quorate_types::{Instant, Now};

use super::super::{EpochsMachine, Message};
use super::STAY;

/// It is there for a while, and hears and says nothing from then on.
#[derive(Debug)]
pub(super) struct Leaver {
    name: &'static str,
    mark: &'static str,
    /// When it leaves, or is missed again.
    leaves_at: Option<Instant>,
    is_gone: bool,
}

impl Leaver {
    pub(super) const fn new(name: &'static str, mark: &'static str) -> Self {
        Self { name, mark, leaves_at: None, is_gone: false }
    }
}

impl Adversary<EpochsMachine> for Leaver {
    fn name(&self) -> &'static str {
        self.name
    }

    fn on_input(&mut self, now: Now, _: &EpochsMachine, _: &Input<EpochsMachine>) -> Reception {
        if self.is_gone {
            return Reception::Swallow;
        }
        self.leaves_at.get_or_insert_with(|| now.instant.after(STAY));
        Reception::Pass
    }

    fn on_effects(&mut self, _: Now, _: &EpochsMachine, _: &mut Vec<Effect<EpochsMachine>>) {}

    fn alarm(&self) -> Option<Instant> {
        self.leaves_at
    }

    fn on_alarm(&mut self, now: Now, _: &EpochsMachine, effects: &mut Vec<Effect<EpochsMachine>>) {
        effects.push(Effect::Mark(self.mark));
        self.is_gone = true;
        self.leaves_at = Some(now.instant.after(STAY));
    }
}

/// It keeps some of its messages to itself.
#[derive(Debug)]
pub(super) struct Keeper {
    name: &'static str,
    mark: &'static str,
    is_kept: fn(&Message) -> bool,
}

impl Keeper {
    pub(super) const fn of_all_about_groups(name: &'static str) -> Self {
        let is_kept =
            |message: &Message| matches!(message, Message::Ordered(..) | Message::Handover(..));
        Self { name, mark: "liar.mute", is_kept }
    }

    pub(super) const fn of_all_about_dealings(name: &'static str) -> Self {
        let is_kept = |message: &Message| {
            let Message::Handover(_, said) = message else { return false };
            matches!(**said, Handover::Acknowledgement(_) | Handover::Completion(_))
        };
        Self { name, mark: "liar.idle", is_kept }
    }

    pub(super) const fn of_its_keys(name: &'static str) -> Self {
        let is_kept = |message: &Message| {
            let Message::Handover(_, said) = message else { return false };
            matches!(**said, Handover::Deposit(_))
        };
        Self { name, mark: "liar.held_back", is_kept }
    }

    fn keeps(&self, effect: &Effect<EpochsMachine>) -> bool {
        matches!(effect, Effect::Send { message, .. } if (self.is_kept)(message))
    }
}

impl Adversary<EpochsMachine> for Keeper {
    fn name(&self) -> &'static str {
        self.name
    }

    fn on_effects(&mut self, _: Now, _: &EpochsMachine, effects: &mut Vec<Effect<EpochsMachine>>) {
        let count = effects.len();
        effects.retain(|effect| !self.keeps(effect));
        if effects.len() < count {
            effects.push(Effect::Mark(self.mark));
        }
    }
}
