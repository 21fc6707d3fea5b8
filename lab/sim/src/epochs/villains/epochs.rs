//! Claims about which epoch is the current one: one that is over, and one that has not begun (M12;
//! scenario 1 of the specification, section 11).

use std::sync::Arc;

use quorate_adversary::Reception;
use quorate_machine::Input;
use quorate_membership::dissemination::{Digest as Newest, Message as Spreading};
use quorate_membership::freshness::Subject;
use quorate_membership::{ConfigurationPage, Message as Vouching, Nonce, Vouch};
use quorate_types::{Digest, Epoch, Peer};

use super::super::{EpochsMachine, Message, ServerSeat};
use super::configurations::FIRST;
use super::villain::{Context, Mark, Sending, Villain};

/// So many epochs ahead is who boasts.
const AHEAD: u64 = 3;

/// Vouches for the epoch before the newest that its server knows, with the key of it.
#[derive(Debug)]
pub(super) struct LateVoucher;

impl Villain for LateVoucher {
    fn on_input(&mut self, context: &mut Context<'_>, input: &Input<EpochsMachine>) -> Reception {
        let seat = context.seat;
        if let Some((from, nonce)) = challenged(input)
            && let Some(former) = seat.before(seat.turnover().configuration().epoch())
            && let Some(vouch) = signed(seat, Subject::of(&former, nonce), former.epoch())
        {
            context.mark("liar.vouched_late");
            context.tell(from, vouch);
        }
        Reception::Pass
    }
}

/// Vouches for an epoch to come, tells of that and of the first in turns, and shows the members of
/// the first.
#[derive(Default, Debug)]
pub(super) struct EpochBoaster {
    /// How often it has spoken.
    count: u64,
}

impl Villain for EpochBoaster {
    fn on_input(&mut self, context: &mut Context<'_>, input: &Input<EpochsMachine>) -> Reception {
        let newest = context.seat.turnover().configuration();
        if let Some((from, nonce)) = challenged(input) {
            let mut subject = Subject::of(newest, nonce);
            subject.epoch = Epoch::new(subject.epoch.get() + AHEAD);
            if let Some(vouch) = signed(context.seat, subject, newest.epoch()) {
                context.tell(from, vouch);
            }
        }
        Reception::Pass
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending<'_>) -> Option<Mark> {
        self.count += 1;
        match sending.message {
            Message::Spread(said) => {
                let Spreading::Digest(honest) = **said else { return None };
                let newest = context.seat.turnover().configuration().epoch();
                let is_ahead = self.count.is_multiple_of(2);
                let epoch = Epoch::new(if is_ahead { newest.get() + AHEAD } else { 0 });
                let lie = Newest { epoch, hash: reversed(honest.hash) };
                *said = Arc::new(Spreading::Digest(lie));
                Some("liar.epoch_wrong")
            }
            Message::Freshness(said) => {
                let Vouching::Configuration(_) = **said else { return None };
                *said = Arc::new(Vouching::Configuration(Box::new(first_page(context.seat))));
                Some("liar.page_old")
            }
            Message::Ordered(..)
            | Message::Handover(..)
            | Message::Probe(_)
            | Message::Probed(_) => None,
        }
    }
}

/// A vouch with the server's key of an epoch, if it has that.
fn signed(seat: &ServerSeat, subject: Subject, epoch: Epoch) -> Option<Message> {
    let vouch = Vouch::sign(subject, seat.id(), &*seat.signer(epoch)?);
    Some(Message::Freshness(Arc::new(Vouching::Vouch(vouch))))
}

/// The first configuration.
fn first_page(seat: &ServerSeat) -> ConfigurationPage {
    let first = seat.kit().first.to_certified();
    ConfigurationPage { certified: first.certified, from: FIRST, members: first.members }
}

fn reversed(digest: Digest) -> Digest {
    let mut bytes = *digest.as_bytes();
    bytes.reverse();
    Digest::new(bytes)
}

/// Who asks here which epoch is the current one, and the nonce of the question.
pub(super) fn challenged(input: &Input<EpochsMachine>) -> Option<(Peer, Nonce)> {
    let Input::Deliver { from, message: Message::Freshness(said) } = input else { return None };
    let Vouching::Challenge(challenge) = &**said else { return None };
    Some((*from, challenge.nonce))
}
