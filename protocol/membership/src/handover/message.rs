//! What servers say to each other outside the log while an epoch ends.
//!
//! Nothing here is believed for its sender's sake: words are signed, dealings and partial
//! signatures are checked against what the log says, and news count when `f + 1` members tell the
//! same.

use alloc::boxed::Box;

use quorate_threshold::{COMPLAINT_BYTES, PARTIAL_SIGNATURE_BYTES, SUBSHARE_BYTES};
use quorate_types::Digest;
use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};

use super::dealing::Acknowledgement;
use super::deposit::Deposit;
use super::signed_dealing::SignedDealing;
use super::stage::News;
use super::vote::{AbortVote, Completion, EndVote};
use super::word::Word;
use crate::header::CertifiedHeader;

/// A member's part of a signature of the system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// What is signed; the log says what that is.
    pub message: Digest,
    /// The partial signature, unchecked.
    pub partial: [u8; PARTIAL_SIGNATURE_BYTES],
}

/// Names a dealing of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DealingName {
    /// The attempt.
    pub session: Digest,
    /// The dealer's index.
    pub dealer: u16,
}

/// A recipient's proof that it was cheated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grievance {
    /// The dealing.
    pub about: DealingName,
    /// The proof, unchecked.
    pub complaint: [u8; COMPLAINT_BYTES],
}

/// A recipient's subshare of a dealing whose dealer was proved to lie, for the one it cheated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Help {
    /// The dealing.
    pub about: DealingName,
    /// The helper's subshare, unchecked.
    pub subshare: [u8; SUBSHARE_BYTES],
}

// tidy: messages
/// A message about the end of an epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// What the log says; for recipients that do not run it.
    News(Box<News>),
    /// Keys of the next epoch, for a member to put into the log.
    Deposit(Box<Deposit>),
    /// The epoch should end.
    EndVote(Word<EndVote>),
    /// The attempt should end.
    AbortVote(Word<AbortVote>),
    /// A part of what the system signs now.
    Part(Part),
    /// A dealing, for its recipients.
    Dealing(Box<SignedDealing>),
    /// A recipient holds what a dealing owes it.
    Acknowledgement(Word<Acknowledgement>),
    /// A recipient lacks a dealing.
    FetchDealing(DealingName),
    /// A recipient was cheated.
    Grievance(Grievance),
    /// A recipient helps one that was cheated.
    Help(Help),
    /// A recipient holds its share.
    Completion(Word<Completion>),
    /// The system has signed the next configuration.
    Certified(Box<CertifiedHeader>),
}

quorate_wire::variants!(Message {
    1 => News,
    2 => Deposit,
    3 => EndVote,
    4 => AbortVote,
    5 => Part,
    6 => Dealing,
    7 => Acknowledgement,
    8 => FetchDealing,
    9 => Grievance,
    10 => Help,
    11 => Completion,
    12 => Certified,
});

quorate_wire::fields!(DealingName { session, dealer });

impl core::fmt::Debug for Help {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Help({:?}, redacted)", self.about)
    }
}

impl Encode for Part {
    fn encode(&self, writer: &mut Writer) {
        self.message.encode(writer);
        writer.raw(&self.partial);
    }
}

impl Decode for Part {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { message: Decode::decode(reader)?, partial: reader.array()? })
    }
}

impl Encode for Grievance {
    fn encode(&self, writer: &mut Writer) {
        self.about.encode(writer);
        writer.raw(&self.complaint);
    }
}

impl Decode for Grievance {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { about: Decode::decode(reader)?, complaint: reader.array()? })
    }
}

impl Encode for Help {
    fn encode(&self, writer: &mut Writer) {
        self.about.encode(writer);
        writer.raw(&self.subshare);
    }
}

impl Decode for Help {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { about: Decode::decode(reader)?, subshare: reader.array()? })
    }
}

#[cfg(test)]
mod tests;
