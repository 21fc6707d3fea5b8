//! Villains of the handover, which know letters and no server: carried to the seat of one, whose
//! key signs what they deal.

use std::sync::Arc;

use quorate_adversary::deeds::Carries;
use quorate_adversary::handover::{self, Holdings, Letter, Liar};
use quorate_adversary::{Adversary, Reception};
use quorate_history::Prng;
use quorate_machine::{Effect, Effects, Input, Machine};
use quorate_membership::handover::SignedDealing;
use quorate_membership::handover::message::Message as Handover;
use quorate_types::{Instant, Now, Peer};

use super::super::{EpochsMachine, Message};

/// The one with this name; it talks to `others`.
///
/// # Panics
/// If there is none.
pub(super) fn villain(
    name: &str,
    others: Vec<Peer>,
    mut prng: Prng,
) -> Box<dyn Adversary<EpochsMachine>> {
    let villain = handover::villain(name, &mut prng).expect("a scenario names a villain");
    let name = handover::NAMES.iter().copied().find(|known| *known == name).unwrap_or_default();
    Box::new(Sender { name, liar: Liar::new(Holdings { others }, prng, villain) })
}

/// A villain of the handover.
#[derive(Debug)]
struct Sender {
    name: &'static str,
    liar: Liar,
}

/// Participants as a villain sees them: machines that send letters.
enum Participants {}

/// A letter, as they send it.
#[derive(Clone, Debug)]
struct Sent(Arc<Letter>);

impl Carries<Letter> for Sent {
    fn carry(letter: Arc<Letter>) -> Self {
        Self(letter)
    }

    fn carried(self) -> Arc<Letter> {
        self.0
    }
}

impl Machine for Participants {
    type Inbound = Letter;
    type Outbound = Sent;
    type Record = ();
    type Timer = ();
    type Request = ();
    type Output = ();

    fn step(&mut self, _: Now, _: Input<Self>, _: &mut Effects<Self>) {
        match *self {}
    }
}

type Letters = Vec<Effect<Participants>>;

/// Puts letters and marks among the effects of a server.
fn give_back(letters: Letters, effects: &mut Vec<Effect<EpochsMachine>>) {
    effects.extend(letters.into_iter().filter_map(|effect| match effect {
        Effect::Mark(mark) => Some(Effect::Mark(mark)),
        Effect::Send { to, class, message } => {
            let letter = Arc::unwrap_or_clone(message.0);
            let message = Message::Handover(letter.epoch, Arc::new(letter.message));
            Some(Effect::Send { to, class, message })
        }
        Effect::Persist(())
        | Effect::Release(_)
        | Effect::Arm { .. }
        | Effect::Disarm(())
        | Effect::Emit(()) => None,
    }));
}

/// A villain has its server's key: what it has made of a dealing it signs.
fn sign_anew(effect: &mut Effect<Participants>, honest: &Letter, machine: &EpochsMachine) {
    let Effect::Send { message: Sent(letter), .. } = effect else { return };
    if **letter == *honest {
        return;
    }
    let epoch = letter.epoch;
    let (Handover::Dealing(signed), Some(seat)) =
        (&mut Arc::make_mut(letter).message, machine.server())
    else {
        return;
    };
    let system = seat.turnover().configuration().configuration().system;
    if let Some(signer) = seat.signer(epoch) {
        **signed = SignedDealing::sign(signed.dealing.clone(), (system, epoch), &*signer);
    }
}

impl Adversary<EpochsMachine> for Sender {
    fn name(&self) -> &'static str {
        self.name
    }

    fn on_input(&mut self, now: Now, _: &EpochsMachine, input: &Input<EpochsMachine>) -> Reception {
        let Input::Deliver { from, message: Message::Handover(epoch, message) } = input else {
            return Reception::Pass;
        };
        let letter = Letter { epoch: *epoch, message: (**message).clone() };
        self.liar.receive(now, *from, &letter)
    }

    fn on_effects(
        &mut self,
        now: Now,
        machine: &EpochsMachine,
        effects: &mut Vec<Effect<EpochsMachine>>,
    ) {
        let mut changed = Vec::with_capacity(effects.len());
        for effect in effects.drain(..) {
            let Effect::Send { to, class, message: Message::Handover(epoch, message) } = effect
            else {
                changed.push(effect);
                continue;
            };
            let honest = Letter { epoch, message: Arc::unwrap_or_clone(message) };
            let message = Sent(Arc::new(honest.clone()));
            let mut one = vec![Effect::Send { to, class, message }];
            self.liar.twist(now, &mut one);
            one.iter_mut().for_each(|effect| sign_anew(effect, &honest, machine));
            give_back(one, &mut changed);
        }
        let mut done = Letters::new();
        self.liar.twist(now, &mut done);
        give_back(done, &mut changed);
        *effects = changed;
    }

    fn alarm(&self) -> Option<Instant> {
        self.liar.alarm()
    }

    fn on_alarm(&mut self, now: Now, _: &EpochsMachine, effects: &mut Vec<Effect<EpochsMachine>>) {
        let mut done = Letters::new();
        self.liar.wake(now, &mut done);
        give_back(done, effects);
    }

    fn on_restart(&mut self) {
        self.liar.restart();
    }
}
