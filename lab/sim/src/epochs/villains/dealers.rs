//! Members that deal otherwise than they should (M06, M07, R-22): to all but one recipient, a
//! polynomial that is too long, another secret than their share, or two right dealings at once.

use std::sync::Arc;

use quorate_adversary::Adversary;
use quorate_adversary::deeds::peers;
use quorate_machine::{Effect, Recipients};
use quorate_membership::handover::message::Message as Handover;
use quorate_membership::handover::{Attempt, PublishedDealing, SignedDealing, Stage};
use quorate_threshold::{Dealer, Dealt, Parameters, Seed, Session};
use quorate_types::{Epoch, Now, Peer};

use super::super::cabinet::share_in;
use super::super::{EpochsMachine, Message, Name, Output, ServerSeat};

/// It says nothing at all about ends of epochs to one other server, and all to everybody else.
pub(in super::super) const GRUDGE_DEALER: &str = "grudge-dealer";
/// Its polynomial is of one degree too many, and right otherwise.
pub(in super::super) const TALL_DEALER: &str = "tall-dealer";
/// It deals a secret of its choice and not its share, so that another key would come out.
pub(in super::super) const KEY_BENDER: &str = "key-bender";
/// It deals its share in two ways, each right, to half of the recipients each.
pub(in super::super) const HALVES_DEALER: &str = "halves-dealer";

/// Their names.
pub(super) const NAMES: [&str; 4] = [GRUDGE_DEALER, TALL_DEALER, KEY_BENDER, HALVES_DEALER];

/// One of them.
#[derive(Debug)]
pub(super) struct BadDealer {
    name: &'static str,
    /// Whom it grudges.
    victim: Peer,
    /// To whom the system's key is being dealt.
    attempt: Option<Attempt>,
}

impl BadDealer {
    pub(super) fn new(name: &'static str, others: &[Peer]) -> Self {
        Self { name, victim: others[0], attempt: None }
    }

    fn learn(&mut self, effect: &Effect<EpochsMachine>) {
        if let Effect::Emit(Output::News(news)) = effect
            && let Stage::Dealing(underway) = &news.stage
        {
            self.attempt = Some(underway.attempt.clone());
        }
    }

    /// What goes out instead of an effect.
    fn instead(
        &self,
        machine: &EpochsMachine,
        effect: Effect<EpochsMachine>,
    ) -> Vec<Effect<EpochsMachine>> {
        let Effect::Send { to, class, message: Message::Handover(epoch, message) } = effect else {
            return vec![effect];
        };
        let all = peers(&to);
        if self.name == GRUDGE_DEALER && all.contains(&self.victim) {
            let rest: Vec<Peer> = all.into_iter().filter(|peer| *peer != self.victim).collect();
            let to = Recipients::Each(rest.into());
            let message = Message::Handover(epoch, message);
            return vec![Effect::Mark("liar.grudged"), Effect::Send { to, class, message }];
        }
        let cheat = |message: &Handover| -> Option<SignedDealing> {
            let Handover::Dealing(honest) = message else { return None };
            self.cheat(machine.server()?, epoch, (&honest.dealing, &all))
        };
        let Some(cheat) = cheat(&message) else {
            let message = Message::Handover(epoch, message);
            return vec![Effect::Send { to, class, message }];
        };
        let message = Message::Handover(epoch, Arc::new(Handover::Dealing(Box::new(cheat))));
        vec![Effect::Mark("liar.dealt_badly"), Effect::Send { to, class, message }]
    }

    /// What these recipients get.
    fn cheat(
        &self,
        seat: &ServerSeat,
        epoch: Epoch,
        (honest, to): (&PublishedDealing, &[Peer]),
    ) -> Option<SignedDealing> {
        let attempt = self.attempt.as_ref()?;
        let place = |peer: &Peer| match peer {
            Peer::Node(id) => attempt.index_of(*id).map(|index| index.get()),
            Peer::Client(_) => None,
        };
        let is_odd = to.iter().filter_map(place).any(|index| index % 2 == 1);
        if self.name == GRUDGE_DEALER || (self.name == HALVES_DEALER && is_odd) {
            return None;
        }
        let (_, share) = share_in(seat.files().get(&Name::Share(epoch))?);
        let usual = attempt.parameters();
        let threshold = u16::try_from(usual.threshold() + 1).ok()?;
        let more = Parameters::new(threshold, usual.share_count()).ok()?;
        let parameters = if self.name == TALL_DEALER { more } else { usual };
        let seed = Seed::new([0x5C; 32]);
        let session = Session::new(*honest.session.as_bytes());
        let dealer = Dealer { seed: &seed, session, parameters };
        let dealt: Dealt = match self.name {
            KEY_BENDER => dealer.deal_fresh(share.index()),
            _ => dealer.deal_again(&share),
        };
        let sealed = dealer.seal(&dealt, &attempt.encryption_keys().ok()?).ok()?;
        let dealing = PublishedDealing::new(&dealt.dealing, &sealed);
        let system = seat.turnover().configuration().configuration().system;
        Some(SignedDealing::sign(dealing, (system, epoch), &*seat.signer(epoch)?))
    }
}

impl Adversary<EpochsMachine> for BadDealer {
    fn name(&self) -> &'static str {
        self.name
    }

    fn on_effects(
        &mut self,
        _: Now,
        machine: &EpochsMachine,
        effects: &mut Vec<Effect<EpochsMachine>>,
    ) {
        let done = std::mem::take(effects);
        for effect in done {
            self.learn(&effect);
            effects.extend(self.instead(machine, effect));
        }
    }
}
