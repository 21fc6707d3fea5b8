//! What goes into the log of the membership group so that an epoch ends. All of it proves itself.

use alloc::boxed::Box;

use quorate_threshold::Signature;
use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};

use super::dealing::CertifiedDealing;
use super::deposit::Deposit;
use super::vote::{AbortVote, Completion, EndVote};
use super::word::Words;
use crate::codec::{read_signature, write_signature};

/// One step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HandoverOperation {
    /// A server's keys of the next epoch.
    Deposit(Box<Deposit>),
    /// `f + 1` members want the epoch to end: the changes are fixed.
    End(Words<EndVote>),
    /// The system's signature on what is fixed: ids, and the first group.
    Beacon(Signature),
    /// A dealing that a quorum of the next group acknowledged.
    Dealt(Box<CertifiedDealing>),
    /// A quorum of the next group holds its shares: DONE.
    Complete(Words<Completion>),
    /// A quorum of members gives the attempt up.
    Abort(Words<AbortVote>),
    /// The system's signature on the attempt that was given up: another group.
    Redraw(Signature),
}

impl Encode for HandoverOperation {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Deposit(deposit) => {
                writer.tag(1);
                deposit.encode(writer);
            }
            Self::End(votes) => {
                writer.tag(2);
                votes.encode(writer);
            }
            Self::Beacon(signature) => {
                writer.tag(3);
                write_signature(writer, signature);
            }
            Self::Dealt(certified) => {
                writer.tag(4);
                certified.encode(writer);
            }
            Self::Complete(completions) => {
                writer.tag(5);
                completions.encode(writer);
            }
            Self::Abort(votes) => {
                writer.tag(6);
                votes.encode(writer);
            }
            Self::Redraw(signature) => {
                writer.tag(7);
                write_signature(writer, signature);
            }
        }
    }
}

impl Decode for HandoverOperation {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.tag()? {
            1 => Decode::decode(reader).map(Self::Deposit),
            2 => Decode::decode(reader).map(Self::End),
            3 => read_signature(reader).map(Self::Beacon),
            4 => Decode::decode(reader).map(Self::Dealt),
            5 => Decode::decode(reader).map(Self::Complete),
            6 => Decode::decode(reader).map(Self::Abort),
            7 => read_signature(reader).map(Self::Redraw),
            tag => Err(DecodeError::UnknownTag { of: "HandoverOperation", tag }),
        }
    }
}
