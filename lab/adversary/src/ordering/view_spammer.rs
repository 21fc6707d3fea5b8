//! Byzantine participant that wants another leader all the time, and every view when it is its
//! turn (B16).

use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::message::{Base, NewLeader, ViewChange};
use quorate_machine::Class;
use quorate_types::{Duration, Signature, View};

use super::{Context, Deeds, Holdings, Villain};

const PERIOD: Duration = Duration::from_millis(50);
/// Views above the highest known one for which it asks.
const AHEAD_MAX: u64 = 8;

/// Wishes for leaders and enters views.
#[derive(Debug)]
pub(super) struct ViewSpammer {
    highest: View,
}

impl ViewSpammer {
    pub(super) const fn new() -> Self {
        Self { highest: View::ZERO }
    }
}

impl Villain<Holdings> for ViewSpammer {
    fn name(&self) -> &'static str {
        "view-spammer"
    }

    fn overhear(&mut self, message: &Message) {
        if let Message::Status(status) = message {
            self.highest = self.highest.max(status.view);
        }
    }

    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn on_alarm(&mut self, context: &mut Context<'_>, deeds: &mut Deeds) {
        let ahead = if context.prng.chance(600) { 1 } else { context.prng.below(AHEAD_MAX) };
        let view = self.highest.plus(ahead);
        let seat = (context.me(), context.signer());
        deeds.mark("liar.wished");
        let wish = NewLeader::sign(context.group(), view, seat);
        deeds.send(context.others(), Class::Control, Message::NewLeader(wish));
        let unsigned = ViewChange {
            view,
            base: Base::Start,
            prepared: Vec::new(),
            from: context.me(),
            signature: Signature::new([0; 64]),
        };
        let change = Arc::new(ViewChange::sign(context.group(), unsigned, context.signer()));
        deeds.send(context.others(), Class::Control, Message::ViewChange(change));
    }
}
