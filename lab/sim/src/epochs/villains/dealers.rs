//! Members that deal otherwise than they should (M06, M07, R-22): to all but one recipient, a
//! polynomial that is too long, another secret than their share, two right dealings at once, or one
//! that is sealed with the point of another dealer.

use std::sync::Arc;

use quorate_adversary::Reception;
use quorate_adversary::deeds::peers;
use quorate_machine::{Input, Recipients};
use quorate_membership::handover::message::Message as Handover;
use quorate_membership::handover::{Attempt, PublishedDealing, SignedDealing};
use quorate_threshold::{Dealer, Dealt, Parameters, Seed, Session};
use quorate_types::{Epoch, Peer};

use super::super::cabinet::share_in;
use super::super::{EpochsMachine, Message, Name, ServerSeat};
use super::villain::{Context, Mark, Sending, Villain};

/// Says nothing at all about ends of epochs to the first of the others.
#[derive(Debug)]
pub(super) struct GrudgeDealer;

impl Villain for GrudgeDealer {
    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending<'_>) -> Option<Mark> {
        let Message::Handover(..) = sending.message else { return None };
        let victim = context.others[0];
        let (to, rest): (Vec<Peer>, _) =
            peers(sending.to).into_iter().partition(|peer| *peer == victim);
        if to.is_empty() {
            return None;
        }
        *sending.to = Recipients::Each(rest.into());
        Some("liar.grudged")
    }
}

/// How a dealing cheats.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cheat {
    /// Its polynomial is of one degree too many, and right otherwise.
    Tall,
    /// It is of a secret of the dealer's choice.
    Bent,
    /// It is another right one, for recipients at odd places.
    Halves,
}

/// Cheats in its dealings of the system's key.
#[derive(Debug)]
pub(super) struct BadDealer {
    cheat: Cheat,
    /// To whom the key is being dealt.
    attempt: Option<Attempt>,
}

impl Villain for BadDealer {
    fn on_attempt(&mut self, _: Epoch, attempt: &Attempt) {
        self.attempt = Some(attempt.clone());
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending<'_>) -> Option<Mark> {
        let Message::Handover(epoch, said) = sending.message else { return None };
        let Handover::Dealing(honest) = &**said else { return None };
        let cheat = self.cheat(context.seat, *epoch, (&honest.dealing, &peers(sending.to)))?;
        *said = Arc::new(Handover::Dealing(Box::new(cheat)));
        Some("liar.dealt_badly")
    }
}

impl BadDealer {
    pub(super) const fn new(cheat: Cheat) -> Self {
        Self { cheat, attempt: None }
    }

    /// What these recipients get.
    fn cheat(
        &self,
        seat: &ServerSeat,
        epoch: Epoch,
        (honest, to): (&PublishedDealing, &[Peer]),
    ) -> Option<SignedDealing> {
        let attempt = self.attempt.as_ref()?;
        if self.cheat == Cheat::Halves && has_odd(attempt, to) {
            return None;
        }
        let (_, share) = share_in(seat.files().get(&Name::Share(epoch))?);
        let usual = attempt.parameters();
        let threshold = u16::try_from(usual.threshold() + 1).ok()?;
        let more = Parameters::new(threshold, usual.share_count()).ok()?;
        let parameters = if self.cheat == Cheat::Tall { more } else { usual };
        let seed = Seed::new([0x5C; 32]);
        let session = Session::new(*honest.session.as_bytes());
        let dealer = Dealer { seed: &seed, session, parameters };
        let dealt: Dealt = match self.cheat {
            Cheat::Bent => dealer.deal_fresh(share.index()),
            Cheat::Tall | Cheat::Halves => dealer.deal_again(&share),
        };
        let sealed = dealer.seal(&dealt, &attempt.encryption_keys().ok()?).ok()?;
        let dealing = PublishedDealing::new(&dealt.dealing, &sealed);
        let system = seat.turnover().configuration().configuration().system;
        Some(SignedDealing::sign(dealing, (system, epoch), &*seat.signer(epoch)?))
    }
}

/// Seals with the point of somebody else's dealing, and nothing that anybody is owed: whoever
/// complained about it would show what hides the subshare that the other one dealt (MPSS and its
/// like have an accusation show that point, too).
#[derive(Default, Debug)]
pub(super) struct Copyist {
    /// To whom the key is being dealt.
    attempt: Option<Attempt>,
}

impl Villain for Copyist {
    fn on_attempt(&mut self, _: Epoch, attempt: &Attempt) {
        self.attempt = Some(attempt.clone());
    }

    fn on_input(&mut self, context: &mut Context<'_>, input: &Input<EpochsMachine>) -> Reception {
        if let Input::Deliver { message: Message::Handover(epoch, said), .. } = input
            && let Handover::Dealing(theirs) = &**said
            && let Some(copy) = self.copy(context.seat, *epoch, &theirs.dealing)
        {
            let copy = Arc::new(Handover::Dealing(Box::new(copy)));
            context.tell_all(&Message::Handover(*epoch, copy));
            context.mark("liar.copied_a_point");
            // Whoever deals twice is convicted for that.
            self.attempt = None;
        }
        Reception::Pass
    }

    /// What its honest machine deals stays here: the first of two is what others look at.
    fn on_send(&mut self, _: &mut Context<'_>, sending: Sending<'_>) -> Option<Mark> {
        let Message::Handover(_, said) = sending.message else { return None };
        let Handover::Dealing(_) = &**said else { return None };
        *sending.to = Recipients::Each([].into());
        Some("liar.kept_its_dealing")
    }
}

impl Copyist {
    /// A dealing of its own share, with all that another dealer has sealed.
    fn copy(
        &self,
        seat: &ServerSeat,
        epoch: Epoch,
        theirs: &PublishedDealing,
    ) -> Option<SignedDealing> {
        let attempt = self.attempt.as_ref()?;
        let (_, share) = share_in(seat.files().get(&Name::Share(epoch))?);
        let seed = Seed::new([0x5C; 32]);
        let session = Session::new(*theirs.session.as_bytes());
        let dealer = Dealer { seed: &seed, session, parameters: attempt.parameters() };
        let dealt = dealer.deal_again(&share);
        let own = dealer.seal(&dealt, &attempt.encryption_keys().ok()?).ok()?;
        let own = PublishedDealing::new(&dealt.dealing, &own);
        if own.dealer == theirs.dealer {
            return None;
        }
        let dealing = PublishedDealing { sealed: theirs.sealed.clone(), ..own };
        let system = seat.turnover().configuration().configuration().system;
        Some(SignedDealing::sign(dealing, (system, epoch), &*seat.signer(epoch)?))
    }
}

fn has_odd(attempt: &Attempt, recipients: &[Peer]) -> bool {
    let place = |peer: &Peer| match peer {
        Peer::Node(id) => attempt.index_of(*id).map(|index| index.get()),
        Peer::Client(_) => None,
    };
    recipients.iter().filter_map(place).any(|index| index % 2 == 1)
}
