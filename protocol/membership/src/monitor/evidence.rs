//! What no correct server signs: two statements that conflict, or a dealing that cheats. Proof that
//! it is bad.
//!
//! Found by whoever hears both, kept, and checkable by anybody who has the configuration of the
//! epoch. This crate does not know the ordering engine; it knows the frame that every signed
//! statement of a group has (system, group, epoch, content), and for the kinds below how much of
//! the content names *what* is decided. Two that agree up to there and differ behind it conflict.
//!
//! ```text
//! system [32] | group [32] | epoch u64 | view u64 | slot u64 | digest [32]    prepare, commit
//! |<--------------- the same in both --------------------->| |<-different->|
//! system [32] | group [32] | epoch u64 | slot u64 | cut, time, root           checkpoint
//! |<------------- the same in both -------------->| |<- different ->|
//! system [32] | group [32] | epoch u64 | session [32] | dealer u16 | digest [32]     dealing
//! |<-------------------- the same in both ----------------------->| |<-different->|
//! ```
//! One statement is enough where it shows the lie by itself: a dealing whose subshare for somebody
//! is not what it promises ([`wrong_subshare`]).
//!
//! # Invariants
//! - MEM-44: evidence of two statements holds only against a server whose key made both signatures,
//!   on statements of its kind for one decision that differ in what was decided.
//!
//! # Not here
//! Forks of a lane: what is signed there is a digest, so the two headers would have to be known.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

pub mod wrong_subshare;

use quorate_crypto::{Domain, SignatureCheck, Verifier, hash};
use quorate_machine::{Plant, planted};
use quorate_types::{
    Digest, Epoch, GroupId, IdentityKey, IdentityRoot, NodeId, PublicKey, Signature, SystemId,
};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer, encode};

use crate::epoch_key::EpochKeyCertificate;
use crate::limits::EVIDENCE_STATEMENT_BYTES_MAX;

pub use wrong_subshare::WrongSubshare;

/// Bytes of the frame around every signed statement of a group.
const FRAME_BYTES: usize = SystemId::BYTES + GroupId::BYTES + 8;

const STATEMENT: Limit = Limit::new("statement bytes", EVIDENCE_STATEMENT_BYTES_MAX);

/// A kind of statement of which a correct server signs one for each decision.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum StatementKind {
    /// A leader's proposal for a slot of a view.
    Proposal,
    /// A second vote for a slot of a view.
    Prepare,
    /// A third vote for a slot of a view.
    Commit,
    /// The state after a slot.
    Checkpoint,
    /// What a dealer deals in an attempt.
    Dealing,
}

impl StatementKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Proposal, Self::Prepare, Self::Commit, Self::Checkpoint, Self::Dealing];

    /// The kind of what is signed under a domain, if evidence is made of it.
    #[must_use]
    pub fn of(domain: Domain) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.domain() == domain)
    }

    /// What it is called.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Proposal => "proposal",
            Self::Prepare => "prepare",
            Self::Commit => "commit",
            Self::Checkpoint => "checkpoint",
            Self::Dealing => "dealing",
        }
    }

    const fn tag(self) -> u8 {
        match self {
            Self::Proposal => 1,
            Self::Prepare => 2,
            Self::Commit => 3,
            Self::Checkpoint => 4,
            Self::Dealing => 5,
        }
    }

    pub(crate) const fn domain(self) -> Domain {
        match self {
            Self::Proposal => Domain::PrePrepare,
            Self::Prepare => Domain::Prepare,
            Self::Commit => Domain::Commit,
            Self::Checkpoint => Domain::Checkpoint,
            Self::Dealing => Domain::SignedDealing,
        }
    }

    /// Are both words on one decision? A leader's proposal is its vote, too.
    fn is_comparable(self, other: Self) -> bool {
        let phase = |kind| if kind == Self::Proposal { Self::Prepare } else { kind };
        phase(self) == phase(other)
    }

    /// Leading bytes that say what is decided, and by which group.
    const fn decision_bytes(self) -> usize {
        match self {
            Self::Proposal | Self::Prepare | Self::Commit => FRAME_BYTES + 8 + 8,
            Self::Checkpoint => FRAME_BYTES + 8,
            Self::Dealing => FRAME_BYTES + Digest::BYTES + 2,
        }
    }
}

impl Encode for StatementKind {
    fn encode(&self, writer: &mut Writer) {
        writer.tag(self.tag());
    }
}

impl Decode for StatementKind {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let tag = reader.tag()?;
        let kind = Self::ALL.into_iter().find(|kind| kind.tag() == tag);
        kind.ok_or(DecodeError::UnknownTag { of: "StatementKind", tag })
    }
}

/// The bytes that were signed, and the signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedStatement {
    /// What kind of statement it is.
    pub kind: StatementKind,
    /// The statement in its frame.
    pub bytes: Vec<u8>,
    /// The signature on its hash under the domain of its kind.
    pub signature: Signature,
}

impl Encode for SignedStatement {
    fn encode(&self, writer: &mut Writer) {
        self.kind.encode(writer);
        writer.bytes(&self.bytes);
        self.signature.encode(writer);
    }
}

impl Decode for SignedStatement {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (kind, bytes) = (Decode::decode(reader)?, reader.bytes(STATEMENT)?);
        Ok(Self { kind, bytes, signature: Decode::decode(reader)? })
    }
}

impl SignedStatement {
    /// What the signature is on: the hash of the bytes under the domain of their kind.
    #[must_use]
    pub fn digest(&self) -> Digest {
        hash(self.kind.domain(), &self.bytes)
    }

    /// The statement without the frame of its group; none if it is shorter than that.
    #[must_use]
    pub fn content(&self) -> Option<&[u8]> {
        self.bytes.get(FRAME_BYTES..)
    }

    pub(crate) fn check(&self, key: PublicKey) -> SignatureCheck {
        SignatureCheck { key, digest: self.digest(), signature: self.signature }
    }

    /// What is decided, and how.
    fn split(&self) -> Result<(&[u8], &[u8]), Unfounded> {
        let parts = self.bytes.split_at_checked(self.kind.decision_bytes());
        parts.filter(|(_, decided)| !decided.is_empty()).ok_or(Unfounded::Malformed)
    }
}

/// Two statements for one decision, with different decisions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contradiction {
    /// One.
    pub first: SignedStatement,
    /// The other.
    pub second: SignedStatement,
}

quorate_wire::fields!(Contradiction { first, second });

/// Two certificates by one identity for different keys of one epoch (settled point 31).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TwoKeys {
    /// One.
    pub first: Box<EpochKeyCertificate>,
    /// The other.
    pub second: Box<EpochKeyCertificate>,
}

impl Encode for TwoKeys {
    fn encode(&self, writer: &mut Writer) {
        self.first.encode(writer);
        self.second.encode(writer);
    }
}

impl Decode for TwoKeys {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut read = || Decode::decode(reader).map(Box::new);
        Ok(Self { first: read()?, second: read()? })
    }
}

/// What a server did that no correct server does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Misdeed {
    /// It signed two conflicting statements.
    Contradiction(Contradiction),
    /// It certified two keys for one epoch.
    TwoKeys(TwoKeys),
    /// It dealt somebody another subshare than it promised.
    WrongSubshare(Box<WrongSubshare>),
}

quorate_wire::variants!(Misdeed { 1 => Contradiction, 2 => TwoKeys, 3 => WrongSubshare });

impl Misdeed {
    /// What it is called in logs.
    #[must_use]
    pub const fn text(&self) -> &'static str {
        match self {
            Self::Contradiction(_) => "signed two statements that contradict",
            Self::TwoKeys(_) => "certified two keys for one epoch",
            Self::WrongSubshare(_) => "dealt another subshare than it promised",
        }
    }
}

/// Proof against one server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// The server.
    pub server: NodeId,
    /// What it did.
    pub misdeed: Misdeed,
}

quorate_wire::fields!(Evidence { server, misdeed });

/// Why evidence proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfounded {
    /// A statement is too short to be of its kind.
    Malformed,
    /// A statement is of another system.
    WrongSystem,
    /// A statement is of another epoch than the key.
    WrongEpoch,
    /// A certificate is of another identity.
    WrongIdentity,
    /// They are about different decisions, and both may be right.
    DifferentDecisions,
    /// They say the same.
    NoConflict,
    /// Nothing says with which key the server signed in that epoch.
    NoKey,
    /// The dealing is of another attempt than what is shown as its attempt.
    WrongAttempt,
    /// The complaint does not show that the dealer lied.
    NotCheated,
    /// A signature does not fit.
    BadSignature,
}

impl fmt::Display for Unfounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "a statement is too short to be of its kind",
            Self::WrongSystem => "a statement of another system",
            Self::WrongEpoch => "a statement of another epoch",
            Self::WrongIdentity => "a certificate of another identity",
            Self::DifferentDecisions => "they are about different decisions",
            Self::NoConflict => "they say the same",
            Self::NoKey => "the key of the epoch is not known",
            Self::WrongAttempt => "the dealing is of another attempt",
            Self::NotCheated => "the complaint does not show that the dealer lied",
            Self::BadSignature => "a signature does not fit",
        })
    }
}

impl core::error::Error for Unfounded {}

/// The server that is accused, as the configuration of an epoch has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accused {
    /// The system.
    pub system: SystemId,
    /// The epoch.
    pub epoch: Epoch,
    /// The server's key of the epoch, if it is known.
    pub epoch_key: Option<PublicKey>,
    /// The server's identity.
    pub identity_key: IdentityKey,
    /// The root that the identity has.
    pub root: IdentityRoot,
}

impl Evidence {
    /// The epoch in which what it is about was signed; none if it is malformed.
    #[must_use]
    pub fn epoch(&self) -> Option<Epoch> {
        match &self.misdeed {
            Misdeed::Contradiction(both) => frame_of(&both.first.bytes).map(|(_, epoch)| epoch),
            Misdeed::TwoKeys(both) => Some(both.first.statement.epoch),
            Misdeed::WrongSubshare(wrong) => Some(wrong.epoch),
        }
    }

    /// MEM-44, MEM-54: does it prove that the accused is bad? What costs most comes last.
    ///
    /// # Errors
    /// [`Unfounded`] says why not.
    pub fn check(&self, accused: &Accused, verifier: &dyn Verifier) -> Result<(), Unfounded> {
        // MEM-44: whatever is said must conflict, and be signed by the accused.
        match &self.misdeed {
            Misdeed::Contradiction(both) => reject_signatures(&both.checks(accused)?, verifier),
            Misdeed::TwoKeys(both) => reject_signatures(&both.checks(accused)?, verifier),
            Misdeed::WrongSubshare(wrong) => {
                reject_signatures(&[wrong.signature_check(accused)?], verifier)?;
                wrong.reject_complaint()
            }
        }
    }
}

fn reject_signatures(checks: &[SignatureCheck], verifier: &dyn Verifier) -> Result<(), Unfounded> {
    if verifier.are_valid(checks) || planted(Plant::EvidenceUnchecked) {
        Ok(())
    } else {
        Err(Unfounded::BadSignature)
    }
}

impl Contradiction {
    fn checks(&self, accused: &Accused) -> Result<[SignatureCheck; 2], Unfounded> {
        let (decision, decided) = self.first.split()?;
        let (other_decision, other_decided) = self.second.split()?;
        if decision != other_decision || !self.first.kind.is_comparable(self.second.kind) {
            return Err(Unfounded::DifferentDecisions);
        }
        if decided == other_decided {
            return Err(Unfounded::NoConflict);
        }
        reject_frame(decision, accused)?;
        let key = accused.epoch_key.ok_or(Unfounded::NoKey)?;
        Ok([self.first.check(key), self.second.check(key)])
    }
}

fn reject_frame(decision: &[u8], accused: &Accused) -> Result<(), Unfounded> {
    let (system, epoch) = frame_of(decision).ok_or(Unfounded::Malformed)?;
    if system != accused.system {
        return Err(Unfounded::WrongSystem);
    }
    if epoch != accused.epoch {
        return Err(Unfounded::WrongEpoch);
    }
    Ok(())
}

/// The system and the epoch of a statement.
fn frame_of(bytes: &[u8]) -> Option<(SystemId, Epoch)> {
    let mut reader = Reader::new(bytes);
    let system = SystemId::decode(&mut reader).ok()?;
    let _group = GroupId::decode(&mut reader).ok()?;
    Some((system, Epoch::decode(&mut reader).ok()?))
}

impl TwoKeys {
    fn checks(&self, accused: &Accused) -> Result<[SignatureCheck; 2], Unfounded> {
        for certificate in [&self.first, &self.second] {
            let said = certificate.statement;
            if said.identity_key != accused.identity_key {
                return Err(Unfounded::WrongIdentity);
            }
            // The first keys name no system, whose id they are a part of.
            let system = (said.epoch != Epoch::ZERO).then_some(accused.system);
            if said.system != system {
                return Err(Unfounded::WrongSystem);
            }
        }
        if self.first.statement.epoch != self.second.statement.epoch {
            return Err(Unfounded::DifferentDecisions);
        }
        if self.first.statement == self.second.statement {
            return Err(Unfounded::NoConflict);
        }
        let by_leaf =
            |said: &EpochKeyCertificate| said.check(accused.root).ok_or(Unfounded::BadSignature);
        Ok([by_leaf(&self.first)?, by_leaf(&self.second)?])
    }
}

/// What a server signed, as it goes into evidence: the statement in the frame of its group.
#[must_use]
pub fn framed<T: Encode + ?Sized>(
    (system, group, epoch): (SystemId, GroupId, Epoch),
    content: &T,
) -> Vec<u8> {
    let mut bytes = encode(&(system, group));
    bytes.extend_from_slice(&encode(&epoch));
    bytes.extend_from_slice(&encode(content));
    bytes
}

#[cfg(test)]
mod tests;
