//! What happened in a town: messages, statements that were signed, records; and for how long too
//! few vouched.

use std::collections::{BTreeMap, BTreeSet};

use quorate_membership::handover::message::Message;
use quorate_types::NodeId;
use quorate_wire::encode;

/// What was counted since it was last taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Messages of the participants, by kind.
    pub(crate) messages: BTreeMap<&'static str, usize>,
    /// Bytes of these.
    pub(crate) bytes: usize,
    /// Distinct statements and parts that somebody signed, with who sent them first.
    signed: BTreeSet<Vec<u8>>,
    /// Messages of the ordering engine.
    pub(crate) ordered: usize,
    /// Records that machines made durable, by machine.
    pub(crate) records: BTreeMap<&'static str, usize>,
}

impl Tally {
    pub(crate) fn sent(&mut self, from: NodeId, message: &Message) {
        let (kind, is_signed) = match message {
            Message::News(_) => ("news", false),
            Message::Deposit(_) => ("deposit", true),
            Message::EndVote(_) => ("end vote", true),
            Message::AbortVote(_) => ("abort vote", true),
            Message::Part(_) => ("part", true),
            Message::Dealing(_) => ("dealing", false),
            Message::Acknowledgement(_) => ("acknowledgement", true),
            Message::FetchDealing(_) => ("fetch", false),
            Message::Grievance(_) => ("grievance", false),
            Message::Help(_) => ("help", false),
            Message::Completion(_) => ("completion", true),
            Message::Certified(_) => ("certified", false),
        };
        let bytes = encode(message);
        *self.messages.entry(kind).or_default() += 1;
        self.bytes += bytes.len();
        if is_signed {
            self.signed.insert([from.as_bytes().as_slice(), &bytes].concat());
        }
    }

    pub(crate) fn kept(&mut self, machine: &'static str) {
        *self.records.entry(machine).or_default() += 1;
    }

    pub(crate) fn of(&self, kind: &str) -> usize {
        self.messages.get(kind).copied().unwrap_or(0)
    }

    pub(crate) fn signed(&self) -> usize {
        self.signed.len()
    }
}

/// For how long no quorum of any group vouched.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gap {
    last: u64,
    longest: u64,
}

impl Gap {
    /// At this moment a quorum vouches, or not.
    pub(crate) const fn note(&mut self, now: u64, is_vouched_for: bool) {
        if is_vouched_for {
            self.last = now;
        } else if now - self.last > self.longest {
            self.longest = now - self.last;
        }
    }

    /// The longest so far, microseconds.
    pub(crate) const fn longest(self) -> u64 {
        self.longest
    }
}
