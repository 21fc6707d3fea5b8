//! The participant on every server that answers from the chain on its disk.
//!
//! The node reads files, so a question goes to it, and what it read comes back as a request.
//!
//! # Protocol
//! Upon a question: if none of this peer is under way and there is room, hand it to the node.
//! Upon the node's answer: send it.
//!
//! Invariants: MEM-67.

use alloc::collections::BTreeSet;
use core::convert::Infallible;

use quorate_machine::{Class, Effects, Input, Machine};
use quorate_types::{Now, Peer};

use crate::archive::message::ArchiveMessage;
use crate::limits::ARCHIVE_QUESTIONS_MAX;

/// What the node asks of its keeper.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeeperRequest {
    /// This is the answer to the question of this peer; none if there is none.
    Answer(Peer, Option<ArchiveMessage>),
}

/// What a keeper tells its node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeeperOutput {
    /// Read what this peer asks for; every question has to be answered.
    Asked(Peer, ArchiveMessage),
}

/// The machine on every server.
#[derive(Debug, Default)]
pub struct ArchiveKeeper {
    under_way: BTreeSet<Peer>,
}

impl Machine for ArchiveKeeper {
    type Inbound = ArchiveMessage;
    type Outbound = ArchiveMessage;
    type Record = Infallible;
    type Timer = NoTimer;
    type Request = KeeperRequest;
    type Output = KeeperOutput;

    fn step(&mut self, _now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Start => {}
            Input::Deliver { from, message } => match message {
                ArchiveMessage::GetFirst(_) | ArchiveMessage::GetDeltas(_) => {
                    self.on_question(from, message, effects);
                }
                ArchiveMessage::First(_) | ArchiveMessage::Deltas(_) => {
                    effects.mark("archive: answer to a server that did not ask");
                }
            },
            Input::Expired(timer) => match timer {},
            Input::Request(KeeperRequest::Answer(to, answer)) => {
                self.under_way.remove(&to);
                if let Some(answer) = answer {
                    effects.send(to, Class::Bulk, answer);
                }
            }
        }
    }
}

impl ArchiveKeeper {
    fn on_question(&mut self, from: Peer, question: ArchiveMessage, effects: &mut Effects<Self>) {
        // MEM-67: whoever asks again before it was answered waits for that answer.
        if self.under_way.len() >= ARCHIVE_QUESTIONS_MAX || !self.under_way.insert(from) {
            return effects.mark("archive: no room for a question");
        }

        effects.emit(KeeperOutput::Asked(from, question));
    }
}

/// A keeper sets no alarm.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NoTimer {}
