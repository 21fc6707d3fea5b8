//! Bad servers of this system: villains of the handover and of leases between their honest machines
//! and the world, and two whose clocks run away.

use std::sync::Arc;

use quorate_adversary::{Adversary, Reception, handover};
use quorate_history::Prng;
use quorate_machine::{Class, Effect, Input, Recipients};
use quorate_membership::freshness::Subject;
use quorate_membership::handover::message::Message as Handover;
use quorate_membership::{Message as Vouching, Vouch};
use quorate_types::{Duration, Instant, Now, Peer};

use super::{EpochsMachine, Message};

mod claimants;
mod dealers;
mod letters;

#[cfg(test)]
pub(super) use claimants::{
    ATTEMPT_REPLAYER, EPOCH_BOASTER, FORKED_HERALD, IMPOSTOR, ORACLE_SEEKER, REVENANT,
    ROGUE_DEPOSITOR,
};
#[cfg(test)]
pub(super) use dealers::{GRUDGE_DEALER, HALVES_DEALER, KEY_BENDER, TALL_DEALER};

/// Its epochs are over at once, and it votes so: the policy of its participants says it.
pub(super) const EARLY_ENDER: &str = "early-ender";
/// It gives up every attempt at once, likewise.
pub(super) const EARLY_ABORTER: &str = "early-aborter";
/// It cheats a recipient of its dealings: its seat has the vice.
pub(super) const BAD_DEALER: &str = "bad-dealer";
/// It vouches for the epoch before to whoever asks, also when that is over.
const LATE_VOUCHER: &str = "late-voucher";
/// It says nothing to anybody about the ends of epochs and in the groups.
const MUTE: &str = "mute";

/// It brings its keys for the next epoch, and is gone when it is drawn. There are two of it outside
/// the first group: an attempt may come to nothing, and none of the old group is bad.
pub(super) const DESERTER: &str = "deserter";

/// It brings its keys for the next epoch, and says nothing about dealings: not that it holds one,
/// and not that it has its share.
pub(super) const IDLER: &str = "idler";

/// It is there, and then gone for good.
pub(super) const GONE: &str = "gone";
/// It fills the log with bad certificates and noise: its seat has the vice.
pub(super) const FLOODER: &str = "flooder";
/// It calls every other server silent: its seat has the vice.
pub(super) const FRAMER: &str = "framer";

/// It calls every other server alive: its seat has the vice. Named by tests alone.
pub(super) const FLATTERER: &str = "flatterer";

/// Names of the villains that only this system has.
const OWN: [&str; 10] = [
    BAD_DEALER,
    DESERTER,
    EARLY_ENDER,
    EARLY_ABORTER,
    FLOODER,
    FRAMER,
    GONE,
    IDLER,
    LATE_VOUCHER,
    MUTE,
];
/// How long those stay who leave.
pub(super) const STAY: Duration = Duration::from_millis(1_000);

/// Names of everybody who may be drawn to be bad. Those of [`dealers`] and [`claimants`] are named
/// by tests alone, each of which brings about the occasion for one of them: were they drawn, every
/// seed would have other feuds.
pub(super) fn names() -> Vec<&'static str> {
    handover::NAMES.iter().copied().chain(OWN).collect()
}

/// The villain with this name; `others` are the servers that it talks to.
///
/// # Panics
/// If there is none.
pub(super) fn villain(
    name: &str,
    others: Vec<Peer>,
    prng: Prng,
) -> Box<dyn Adversary<EpochsMachine>> {
    if let Some(name) = OWN.into_iter().chain([FLATTERER]).find(|own| *own == name) {
        return Box::new(Own { name, leaves_at: None, is_gone: false, done: Vec::new() });
    }
    if let Some(name) = dealers::NAMES.into_iter().find(|known| *known == name) {
        return Box::new(dealers::BadDealer::new(name, &others));
    }
    if let Some(name) = claimants::NAMES.into_iter().find(|known| *known == name) {
        return Box::new(claimants::Claimant::new(name, others));
    }
    letters::villain(name, others, prng)
}

/// A villain that is not about letters.
#[derive(Debug)]
struct Own {
    name: &'static str,
    /// When it leaves, if it does, or is missed again.
    leaves_at: Option<Instant>,
    /// It has left.
    is_gone: bool,
    /// Vouches to be sent.
    done: Vec<(Peer, Vouch)>,
}

impl Own {
    /// Vouches for the epoch before the newest that this server knows, with the key of it.
    fn vouch_late(&mut self, machine: &EpochsMachine, input: &Input<EpochsMachine>) {
        let Input::Deliver { from, message: Message::Freshness(message) } = input else { return };
        let (Vouching::Challenge(challenge), Some(seat)) = (&**message, machine.server()) else {
            return;
        };
        let newest = seat.turnover().configuration().epoch();
        let Some(former) = seat.before(newest) else { return };
        if let Some(signer) = seat.signer(former.epoch()) {
            let subject = Subject::of(&former, challenge.nonce);
            self.done.push((*from, Vouch::sign(subject, seat.id(), &*signer)));
        }
    }
}

type Test = fn(&Effect<EpochsMachine>) -> bool;

/// What a villain keeps to itself that says too little, and the mark of it.
fn kept(name: &str) -> Option<(Test, &'static str)> {
    match name {
        MUTE => Some((is_about_groups, "liar.mute")),
        IDLER => Some((is_about_dealings, "liar.idle")),
        _ => None,
    }
}

const fn is_about_groups(effect: &Effect<EpochsMachine>) -> bool {
    matches!(effect, Effect::Send { message: Message::Ordered(..) | Message::Handover(..), .. })
}

fn is_about_dealings(effect: &Effect<EpochsMachine>) -> bool {
    let Effect::Send { message: Message::Handover(_, message), .. } = effect else { return false };
    matches!(**message, Handover::Acknowledgement(_) | Handover::Completion(_))
}

impl Adversary<EpochsMachine> for Own {
    fn name(&self) -> &'static str {
        self.name
    }

    fn on_input(
        &mut self,
        now: Now,
        machine: &EpochsMachine,
        input: &Input<EpochsMachine>,
    ) -> Reception {
        if self.is_gone {
            return Reception::Swallow;
        }
        if [DESERTER, GONE].contains(&self.name) {
            self.leaves_at = self.leaves_at.or_else(|| Some(now.instant.after(STAY)));
        }
        if self.name == LATE_VOUCHER {
            self.vouch_late(machine, input);
        }
        Reception::Pass
    }

    fn on_effects(&mut self, _: Now, _: &EpochsMachine, effects: &mut Vec<Effect<EpochsMachine>>) {
        if let Some((is_kept, mark)) = kept(self.name)
            && effects.iter().any(is_kept)
        {
            effects.retain(|effect| !is_kept(effect));
            effects.push(Effect::Mark(mark));
        }
        for (to, vouch) in self.done.drain(..) {
            let message = Message::Freshness(Arc::new(Vouching::Vouch(vouch)));
            effects.push(Effect::Mark("liar.vouched_late"));
            effects.push(Effect::Send { to: Recipients::One(to), class: Class::Control, message });
        }
    }
    fn alarm(&self) -> Option<Instant> {
        self.leaves_at
    }

    fn on_alarm(&mut self, now: Now, _: &EpochsMachine, effects: &mut Vec<Effect<EpochsMachine>>) {
        let mark = if self.name == GONE { "liar.gone" } else { "liar.deserted" };
        effects.push(Effect::Mark(mark));
        self.is_gone = true;
        self.leaves_at = Some(now.instant.after(STAY));
    }
}
