//! Probes and their answers: single datagrams, outside of links and of the order.
//!
//! TDSC'12 section VI.C (PROBE: none, or a nonce that is echoed and signed). A plain question costs
//! who answers it nothing dear and proves only that somebody at the address listens; a question
//! with a nonce is answered with a signature.
//!
//! ```text
//! question  format u8 | kind u8 | to [32] | epoch u64 | place u32 | token u64 | ...
//!   1 plain                                                               54 bytes
//!   2 signed    nonce [32] | certificate wanted u8                        87, or 1217 with zeros
//!   3 accused   slot u64   | certificate wanted u8 | zeros                87, or 1217 with zeros
//! answer    format u8 | kind u8 | place u32 | token u64 | epoch u64 | ...
//!   1 plain                                                               22 bytes
//!   2 signed, 3 rebuttal    signature [64] | certificate, if there is one  87, at most 1217
//! ```
//!
//! # Invariants
//! - MEM-41: an answer is never longer than its question, so nobody's bandwidth is multiplied by
//!   asking in the name of another.

use alloc::boxed::Box;

use quorate_types::{Epoch, NodeId, Signature, Slot};
use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};

use crate::epoch_key::EpochKeyCertificate;
use crate::freshness::Nonce;
use crate::limits::PROBE_BYTES_MAX;

/// First byte of every datagram of probing.
const FORMAT: u8 = 1;
const PLAIN: u8 = 1;
const SIGNED: u8 = 2;
const ACCUSED: u8 = 3;

/// Bytes before what distinguishes one kind of question from another.
const QUESTION_HEAD_BYTES: usize = 1 + 1 + NodeId::BYTES + 8 + Ticket::BYTES;
/// Bytes before what distinguishes one kind of answer from another.
const ANSWER_HEAD_BYTES: usize = 1 + 1 + Ticket::BYTES + 8;

/// Length of a plain question, in bytes.
pub const PLAIN_QUESTION_BYTES: usize = QUESTION_HEAD_BYTES;
/// Length of a plain answer, in bytes.
pub const PLAIN_ANSWER_BYTES: usize = ANSWER_HEAD_BYTES;
/// Length of a question for a signature, and of the answer, in bytes.
pub const SIGNED_BYTES: usize = ANSWER_HEAD_BYTES + Signature::BYTES + 1;
/// Length of a question for a signature and the certificate of its key, and longest answer.
pub const CERTIFIED_BYTES: usize = SIGNED_BYTES + EpochKeyCertificate::BYTES_MAX;

const _: () = {
    assert!(PLAIN_ANSWER_BYTES <= PLAIN_QUESTION_BYTES, "MEM-41");
    assert!(QUESTION_HEAD_BYTES + 32 < SIGNED_BYTES + 1, "a nonce and a flag fit their length");
    assert!(CERTIFIED_BYTES <= PROBE_BYTES_MAX, "a certificate fits a datagram");
};

/// By which a prober finds what it asked: its own words, which come back unchanged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ticket {
    /// Where in the prober's table the server stands.
    pub place: u32,
    /// What nobody who did not see the question can guess.
    pub token: u64,
}

impl Ticket {
    const BYTES: usize = 4 + 8;
}

quorate_wire::fields!(Ticket { place, token });

/// What is wanted of the server.
// tidy: messages
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// Any answer.
    Plain,
    /// A signature on a nonce.
    Signed {
        /// What nobody could know before.
        nonce: Nonce,
        /// Whether the certificate of the key is wanted too.
        certificate: bool,
    },
    /// A signature on the challenge of an eviction.
    Accused {
        /// The slot in which the eviction was executed.
        slot: Slot,
        /// Whether the certificate of the key is wanted too.
        certificate: bool,
    },
}

impl Wanted {
    /// Does the answer take a signature?
    #[must_use]
    pub const fn is_dear(&self) -> bool {
        !matches!(self, Self::Plain)
    }

    const fn bytes(&self) -> usize {
        match self {
            Self::Plain => PLAIN_QUESTION_BYTES,
            Self::Signed { certificate: false, .. } | Self::Accused { certificate: false, .. } => {
                SIGNED_BYTES
            }
            Self::Signed { certificate: true, .. } | Self::Accused { certificate: true, .. } => {
                CERTIFIED_BYTES
            }
        }
    }
}

/// One probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question {
    /// The server that is asked; whoever else gets it does not answer.
    pub to: NodeId,
    /// The prober's epoch.
    pub epoch: Epoch,
    /// What the answer repeats.
    pub ticket: Ticket,
    /// What is wanted.
    pub wanted: Wanted,
}

impl Question {
    /// Length of the datagram, in bytes, which no answer exceeds.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.wanted.bytes()
    }
}

/// Signature and key of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    /// Signature under the server's key of the epoch in the answer.
    pub signature: Signature,
    /// The certificate of that key, if it was wanted.
    pub certificate: Option<Box<EpochKeyCertificate>>,
}

/// What a server shows.
// tidy: messages
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shown {
    /// That somebody is there.
    Life,
    /// A signature on the nonce.
    Signature(Proof),
    /// A signature on the challenge of an eviction.
    Rebuttal(Proof),
}

/// The answer to a probe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// That of the question.
    pub ticket: Ticket,
    /// The server's epoch, or that of the key that it signed with.
    pub epoch: Epoch,
    /// What it shows.
    pub shown: Shown,
}

impl Encode for Question {
    fn encode(&self, writer: &mut Writer) {
        let start = writer.as_bytes().len();
        writer.tag(FORMAT);
        writer.tag(match self.wanted {
            Wanted::Plain => PLAIN,
            Wanted::Signed { .. } => SIGNED,
            Wanted::Accused { .. } => ACCUSED,
        });
        self.to.encode(writer);
        self.epoch.encode(writer);
        self.ticket.encode(writer);
        match self.wanted {
            Wanted::Plain => {}
            Wanted::Signed { nonce, certificate } => (nonce, certificate).encode(writer),
            Wanted::Accused { slot, certificate } => (slot, certificate).encode(writer),
        }
        let written = writer.as_bytes().len() - start;
        writer.raw(&ZEROS[..self.bytes() - written]);
    }
}

/// What fills a question up to the length of its answer.
const ZEROS: [u8; PROBE_BYTES_MAX] = [0; PROBE_BYTES_MAX];

impl Decode for Question {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = reader.remaining();
        let kind = read_kind(reader)?;
        let (to, epoch) = (NodeId::decode(reader)?, Epoch::decode(reader)?);
        let ticket = Ticket::decode(reader)?;
        let wanted = match kind {
            PLAIN => Wanted::Plain,
            SIGNED => {
                let (nonce, certificate) = Decode::decode(reader)?;
                Wanted::Signed { nonce, certificate }
            }
            ACCUSED => {
                let (slot, certificate) = Decode::decode(reader)?;
                Wanted::Accused { slot, certificate }
            }
            tag => return Err(DecodeError::UnknownTag { of: "Question", tag }),
        };
        let padding = wanted.bytes().saturating_sub(length - reader.remaining());
        if reader.raw(padding)?.iter().any(|byte| *byte != 0) {
            return Err(DecodeError::NotCanonical { of: "Question" });
        }
        Ok(Self { to, epoch, ticket, wanted })
    }
}

fn read_kind(reader: &mut Reader<'_>) -> Result<u8, DecodeError> {
    match reader.tag()? {
        FORMAT => reader.tag(),
        tag => Err(DecodeError::UnknownTag { of: "a datagram of probing", tag }),
    }
}

impl Encode for Proof {
    fn encode(&self, writer: &mut Writer) {
        self.signature.encode(writer);
        match &self.certificate {
            None => writer.tag(0),
            Some(certificate) => {
                writer.tag(1);
                certificate.encode(writer);
            }
        }
    }
}

impl Decode for Proof {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let signature = Decode::decode(reader)?;
        let certificate = match reader.tag()? {
            0 => None,
            1 => Some(Box::new(EpochKeyCertificate::decode(reader)?)),
            tag => return Err(DecodeError::UnknownTag { of: "Proof", tag }),
        };
        Ok(Self { signature, certificate })
    }
}

impl Encode for Answer {
    fn encode(&self, writer: &mut Writer) {
        writer.tag(FORMAT);
        writer.tag(match self.shown {
            Shown::Life => PLAIN,
            Shown::Signature(_) => SIGNED,
            Shown::Rebuttal(_) => ACCUSED,
        });
        self.ticket.encode(writer);
        self.epoch.encode(writer);
        match &self.shown {
            Shown::Life => {}
            Shown::Signature(proof) | Shown::Rebuttal(proof) => proof.encode(writer),
        }
    }
}

impl Decode for Answer {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = read_kind(reader)?;
        let (ticket, epoch) = (Decode::decode(reader)?, Decode::decode(reader)?);
        let shown = match kind {
            PLAIN => Shown::Life,
            SIGNED => Shown::Signature(Decode::decode(reader)?),
            ACCUSED => Shown::Rebuttal(Decode::decode(reader)?),
            tag => return Err(DecodeError::UnknownTag { of: "Answer", tag }),
        };
        Ok(Self { ticket, epoch, shown })
    }
}

#[cfg(test)]
mod tests;
