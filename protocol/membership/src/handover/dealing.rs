//! Dealings on their way: published to the recipients, acknowledged, certified in the log.
//!
//! Settled points 5 and 33; specification of the cryptography 2.3. The log gets the commitments and
//! the digest of what was sealed; the sealed subshares themselves never enter it, so neither
//! checkpoints nor backups hold them.

use alloc::vec::Vec;

use quorate_crypto::{Domain, hash, hash_of, merkle};
use quorate_threshold::{
    CheckedDealing, Commitment, Dealing, GroupKey, PUBLIC_KEY_BYTES, Parameters, Rejected,
    SCALAR_BYTES, SEALED_PREFIX_BYTES, SealedSubshares, Session, ShareIndex, Sharing,
};
use quorate_types::Digest;
use quorate_types::limits::REPLICAS_MAX;
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use super::word::{Said, Words};

const COMMITMENT: Limit = Limit::new("commitment bytes", PUBLIC_KEY_BYTES * REPLICAS_MAX);
const SEALED: Limit =
    Limit::new("sealed subshare bytes", SEALED_PREFIX_BYTES + SCALAR_BYTES * REPLICAS_MAX);

/// The points of a commitment as they travel, unchecked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommitmentBytes(pub Vec<u8>);

/// A dealing as its dealer hands it out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublishedDealing {
    /// The attempt.
    pub session: Digest,
    /// The dealer's index among the members of the old group, from 1.
    pub dealer: u16,
    /// What it commits to.
    pub commitment: CommitmentBytes,
    /// A subshare for each recipient, which that one alone can open.
    pub sealed: Vec<u8>,
}

/// A dealing that stands in the log: all of it that has to be known to all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChosenDealing {
    /// The dealer's index.
    pub dealer: u16,
    /// What it commits to.
    pub commitment: CommitmentBytes,
    /// Hash of what was sealed.
    pub sealed: Digest,
}

/// A recipient's word that it holds what a dealing owes it, and holds it durably.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Acknowledgement {
    /// The attempt.
    pub session: Digest,
    /// The dealer's index.
    pub dealer: u16,
    /// The dealing: [`ChosenDealing::digest`].
    pub digest: Digest,
}

/// A dealing with the acknowledgements of a quorum of recipients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertifiedDealing {
    /// The attempt.
    pub session: Digest,
    /// The dealing.
    pub dealing: ChosenDealing,
    /// Acknowledgements, in ascending order of server.
    pub acknowledgements: Words<Acknowledgement>,
}

impl CommitmentBytes {
    /// The points of a commitment.
    #[must_use]
    pub fn of(commitment: &Commitment) -> Self {
        Self(commitment.encode())
    }

    /// The digest by which a header names a commitment: a Merkle root over its points.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let points = self.0.chunks(PUBLIC_KEY_BYTES).map(merkle::leaf);
        merkle::root(&points.collect::<Vec<_>>())
    }
}

impl PublishedDealing {
    /// What a dealer publishes.
    #[must_use]
    pub fn new(dealing: &Dealing, sealed: &SealedSubshares) -> Self {
        Self {
            session: Digest::new(*dealing.session().as_bytes()),
            dealer: dealing.dealer().get(),
            commitment: CommitmentBytes::of(dealing.commitment()),
            sealed: sealed.encode(),
        }
    }

    /// Names all of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.chosen().digest(self.session)
    }

    /// The part that the log keeps.
    #[must_use]
    pub fn chosen(&self) -> ChosenDealing {
        let (dealer, commitment) = (self.dealer, self.commitment.clone());
        ChosenDealing { dealer, commitment, sealed: hash(Domain::Dealing, &self.sealed) }
    }

    /// What was sealed.
    ///
    /// # Errors
    /// What it may be refused for.
    pub fn sealed(&self, parameters: Parameters) -> Result<SealedSubshares, Rejected> {
        SealedSubshares::decode(&self.sealed, parameters.share_count())
    }
}

impl ChosenDealing {
    /// Names the dealing with all that the log knows of it, so that nobody puts an acknowledgement
    /// to another commitment than the one that the recipient checked its subshare against.
    #[must_use]
    pub fn digest(&self, session: Digest) -> Digest {
        hash_of(Domain::Dealing, &(session, self.clone()))
    }

    /// The dealing, if its session and size are right, and if it deals out the share that its
    /// dealer has of the sharing `old`; where there is none, the system's key is being made.
    ///
    /// # Errors
    /// What it may be refused for.
    pub fn checked(
        &self,
        (session, parameters): (Session, Parameters),
        old: Option<&GroupKey>,
    ) -> Result<CheckedDealing, Rejected> {
        let commitment = Commitment::decode(&self.commitment.0, parameters)?;
        let dealing = Dealing::new(session, ShareIndex::new(self.dealer)?, commitment);
        match old {
            Some(old) => dealing.check_reshared(session, parameters, old),
            None => dealing.check_fresh(session, parameters),
        }
    }
}

/// The sharing that a choice of dealings makes: of the old one's secret, or of a new secret.
///
/// # Errors
/// What it may be refused for.
pub fn sharing(
    choice: &[ChosenDealing],
    (session, parameters): (Session, Parameters),
    old: Option<&GroupKey>,
) -> Result<Sharing, Rejected> {
    let checked = choice.iter().map(|it| it.checked((session, parameters), old));
    let checked = checked.collect::<Result<Vec<_>, _>>()?;
    match old {
        Some(old) => Sharing::reshared(old, checked),
        None => Sharing::fresh(checked),
    }
}

/// Names a choice of dealings, in the order of the log.
#[must_use]
pub fn choice_digest(dealings: &[ChosenDealing]) -> Digest {
    struct Choice<'a>(&'a [ChosenDealing]);
    impl Encode for Choice<'_> {
        fn encode(&self, writer: &mut Writer) {
            writer.sequence(self.0);
        }
    }
    hash_of(Domain::Dealing, &Choice(dealings))
}

impl Said for Acknowledgement {
    const DOMAIN: Domain = Domain::DealingAck;
}

quorate_wire::fields!(Acknowledgement { session, dealer, digest });
quorate_wire::fields!(ChosenDealing { dealer, commitment, sealed });
quorate_wire::fields!(CertifiedDealing { session, dealing, acknowledgements });

impl Encode for CommitmentBytes {
    fn encode(&self, writer: &mut Writer) {
        writer.bytes(&self.0);
    }
}

impl Decode for CommitmentBytes {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.bytes(COMMITMENT).map(Self)
    }
}

impl Encode for PublishedDealing {
    fn encode(&self, writer: &mut Writer) {
        self.session.encode(writer);
        self.dealer.encode(writer);
        self.commitment.encode(writer);
        writer.bytes(&self.sealed);
    }
}

impl Decode for PublishedDealing {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            session: Decode::decode(reader)?,
            dealer: Decode::decode(reader)?,
            commitment: Decode::decode(reader)?,
            sealed: reader.bytes(SEALED)?,
        })
    }
}
