//! Byzantine participant that lies about its state: a wrong root, two roots, a slot without a
//! checkpoint, a slot that is far away, an end of the epoch (B10).

use quorate_bft::Message;
use quorate_bft::message::{Checkpoint, CheckpointStatement};
use quorate_history::Prng;
use quorate_types::Digest;

use super::splits::Split;
use super::{Context, Deeds, Holdings, Sending, Villain, peers};

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lie {
    Root,
    TwoRoots,
    Slot,
    Far,
    End,
}

/// Signs statements that are not true.
#[derive(Debug)]
pub(super) struct CheckpointLiar {
    lie: Lie,
    split: Split,
}

impl CheckpointLiar {
    pub(super) fn new(prng: &mut Prng) -> Self {
        let lie = [Lie::Root, Lie::TwoRoots, Lie::Slot, Lie::Far, Lie::End][prng.index(5)];
        Self { lie, split: Split::ALL[prng.index(Split::ALL.len())] }
    }
}

impl Villain<Holdings> for CheckpointLiar {
    fn name(&self) -> &'static str {
        "checkpoint-liar"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let Message::Checkpoint(honest) = &*sending.message else { return deeds.pass(sending) };
        let more = 16 * (1 + context.prng.below(1_000));
        let sign = |statement| {
            let seat = (context.me(), context.signer());
            Message::Checkpoint(Checkpoint::sign(context.group(), statement, seat))
        };
        let said = honest.statement;
        let wrong = CheckpointStatement { root: Digest::new([0xdd; 32]), ..said };
        let to = peers(&sending.to);
        deeds.mark("liar.checkpoint");
        match self.lie {
            Lie::Root => deeds.send(&to, sending.class, sign(wrong)),
            Lie::TwoRoots => {
                let (left, right) = self.split.parts(context);
                deeds.share(&left, sending.class, sending.message);
                deeds.send(&right, sending.class, sign(wrong));
            }
            Lie::Slot => {
                let slot = said.slot.next();
                deeds.send(&to, sending.class, sign(CheckpointStatement { slot, ..said }));
            }
            Lie::Far => {
                let slot = said.slot.plus(more);
                deeds.send(&to, sending.class, sign(CheckpointStatement { slot, ..said }));
                deeds.pass(sending);
            }
            Lie::End => {
                let is_last = !said.is_last;
                deeds.send(&to, sending.class, sign(CheckpointStatement { is_last, ..said }));
            }
        }
    }
}
