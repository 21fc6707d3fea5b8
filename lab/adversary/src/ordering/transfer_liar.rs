//! Byzantine participant that spoils the transfer of the state, and lies about how far it is (B11).

use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::message::{StateChunk, Status};
use quorate_history::Prng;
use quorate_types::Slot;
use quorate_wire::{decode, encode};

use super::{Context, Deeds, Holdings, Sending, Villain, peers};

/// How a transfer is spoiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Spoil {
    /// Entries that the root does not prove.
    Wrong,
    /// Parts of an older checkpoint.
    Old,
    /// Always the first part: another position, and no end.
    First,
    /// Nothing any more.
    Stall,
    /// Every part several times.
    Repeat,
}

/// Parts that are remembered, to be served at the wrong time.
const REMEMBERED_MAX: usize = 16;
/// Tries to change a byte such that the part can still be decoded.
const TRIES: usize = 16;

/// Serves a state badly.
#[derive(Debug)]
pub(super) struct TransferLiar {
    spoil: Spoil,
    /// Claims to be far ahead, and takes it back.
    boasts: bool,
    served: Vec<Arc<Message>>,
}

impl TransferLiar {
    pub(super) fn new(prng: &mut Prng) -> Self {
        let spoils = [Spoil::Wrong, Spoil::Old, Spoil::First, Spoil::Stall, Spoil::Repeat];
        Self { spoil: spoils[prng.index(5)], boasts: prng.chance(700), served: Vec::new() }
    }

    fn chunk(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let Message::StateChunk(chunk) = &*sending.message else { return deeds.pass(sending) };
        deeds.mark("liar.transfer_spoiled");
        if self.served.len() < REMEMBERED_MAX {
            self.served.push(Arc::clone(&sending.message));
        }
        let to = peers(&sending.to);
        match self.spoil {
            Spoil::Wrong => {
                let wrong = spoiled(context.prng, chunk).map(Arc::new);
                let message = Message::StateChunk(wrong.unwrap_or_else(|| Arc::clone(chunk)));
                deeds.send(&to, sending.class, message);
            }
            Spoil::Old | Spoil::First => {
                let first = self.served.first().expect("one was remembered just now");
                deeds.share(&to, sending.class, Arc::clone(first));
            }
            Spoil::Stall => {}
            Spoil::Repeat => (0..3).for_each(|_| deeds.pass(sending.clone())),
        }
    }
}

/// The part with one byte changed; nothing if it cannot be decoded then.
fn spoiled(prng: &mut Prng, honest: &StateChunk) -> Option<StateChunk> {
    let bytes = encode(&honest.chunk);
    (0..TRIES).find_map(|_| {
        let mut bytes = bytes.clone();
        let index = prng.index(bytes.len());
        bytes[index] ^= 1;
        let chunk = decode(&bytes).ok()?;
        Some(StateChunk { chunk, ..honest.clone() })
    })
}

/// A status that claims more than there is, by a little or by all that a number holds.
fn boast(prng: &mut Prng, honest: &Status) -> Status {
    let mut status = honest.clone();
    let more = [1, 40, 1_000, u64::MAX][prng.index(4)];
    let raised = |slot: Slot| slot.plus(more);
    match prng.below(4) {
        0 => status.committed = raised(status.committed),
        1 => {
            status.committed = raised(status.committed);
            status.stable = status.committed;
            status.floor = status.committed;
        }
        2 => status.floor = raised(status.floor),
        _ => status.stable = raised(status.stable),
    }
    status
}

impl Villain<Holdings> for TransferLiar {
    fn name(&self) -> &'static str {
        "transfer-liar"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        match &*sending.message {
            Message::StateChunk(_) => self.chunk(context, sending, deeds),
            Message::Status(honest) if self.boasts && context.prng.chance(500) => {
                deeds.mark("liar.boasted");
                let status = boast(context.prng, honest);
                deeds.send(&peers(&sending.to), sending.class, Message::Status(status));
            }
            _ => deeds.pass(sending),
        }
    }
}
