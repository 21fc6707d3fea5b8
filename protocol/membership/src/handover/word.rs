//! A server's signed word: what votes, acknowledgements and completions have in common.

use alloc::vec::Vec;

use quorate_crypto::{Domain, SignatureCheck, Signer, Verifier, hash_of};
use quorate_types::limits::REPLICAS_MAX;
use quorate_types::{Digest, NodeId, PublicKey, Signature};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

const WORDS: Limit = Limit::new("signed words", REPLICAS_MAX);

/// Something that servers say under a domain of its own.
pub trait Said: Encode + Clone {
    /// Keeps the signature apart from all others.
    const DOMAIN: Domain;
}

/// What a server says, with its signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Word<T> {
    /// What is said.
    pub said: T,
    /// Who says it.
    pub by: NodeId,
    /// Signature under the server's key, on what is said and by whom.
    pub signature: Signature,
}

/// Why words do not convince.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WordRefused {
    /// Too few servers say it.
    TooFew {
        /// Servers that must.
        needed: usize,
        /// Servers that do.
        got: usize,
    },
    /// They are not in ascending order of server, so one may count twice.
    Order,
    /// A server has no say in it.
    Stranger,
    /// A signature does not fit.
    BadSignature,
}

impl<T: Said> Word<T> {
    /// Signs what is said.
    #[must_use]
    pub fn sign(said: T, by: NodeId, signer: &dyn Signer) -> Self {
        let signature = signer.sign(&Self::digest(&said, by));
        Self { said, by, signature }
    }

    /// The check of the signature under the server's key.
    #[must_use]
    pub fn check(&self, key: PublicKey) -> SignatureCheck {
        let digest = Self::digest(&self.said, self.by);
        SignatureCheck { key, digest, signature: self.signature }
    }

    fn digest(said: &T, by: NodeId) -> Digest {
        hash_of(T::DOMAIN, &(said.clone(), by))
    }
}

/// Do enough distinct servers say something? Who has a say, and under which key, says `key_of`.
///
/// # Errors
/// [`WordRefused`]; the order and the number are looked at before any signature.
pub fn check_words<T: Said>(
    words: &[Word<T>],
    needed: usize,
    key_of: impl Fn(NodeId) -> Option<PublicKey>,
    verifier: &dyn Verifier,
) -> Result<(), WordRefused> {
    if words.len() < needed {
        return Err(WordRefused::TooFew { needed, got: words.len() });
    }
    if !words.is_sorted_by(|left, right| left.by < right.by) {
        return Err(WordRefused::Order);
    }
    let check = |word: &Word<T>| key_of(word.by).map(|key| word.check(key));
    let checks: Option<Vec<_>> = words.iter().map(check).collect();
    let checks = checks.ok_or(WordRefused::Stranger)?;
    if verifier.are_valid(&checks) { Ok(()) } else { Err(WordRefused::BadSignature) }
}

impl<T: Encode> Encode for Word<T> {
    fn encode(&self, writer: &mut Writer) {
        self.said.encode(writer);
        self.by.encode(writer);
        self.signature.encode(writer);
    }
}

impl<T: Decode> Decode for Word<T> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            said: Decode::decode(reader)?,
            by: Decode::decode(reader)?,
            signature: Decode::decode(reader)?,
        })
    }
}

/// Words of several servers, as an operation carries them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Words<T>(pub Vec<Word<T>>);

impl<T: Encode> Encode for Words<T> {
    fn encode(&self, writer: &mut Writer) {
        writer.sequence(&self.0);
    }
}

impl<T: Decode> Decode for Words<T> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.sequence(WORDS).map(Self)
    }
}
