//! Subshares on their way: published with the dealing, and readable by their recipients alone.
//!
//! ElGamal 1985 in G1, with one ephemeral point for all recipients (Kurosawa, PKC'02): the point
//! that a recipient shares with the dealer is hashed to a mask of its subshare. What comes out is
//! compared with the commitment, and what does not fit is complained about ([`crate::complaint`]).
//! A complaint shows the point that was shared. So the dealer proves that it knows what its
//! ephemeral point was made of ([`crate::maker`]): then it could compute that point itself, and a
//! complaint tells nobody anything new.
//!
//! Decryption keys are made for one epoch and erased with it: whoever records what is published
//! can read none of it later (specification of the cryptography, pitfall 1). A session names the
//! keys that are sealed for, so fresh keys have a fresh ephemeral point.
//!
//! # Invariants
//! - THR-12: an encryption key is used only if its owner has proved to hold the other half, to the
//!   caller or to those whose word the caller acts on. Without it, a recipient could choose its key
//!   as a multiple of another's.
//! - THR-14: an envelope is opened, and judged, only if its dealer has proved for this dealing that
//!   it made the ephemeral point. Without it, a dealer could take the point of another dealing, or
//!   a multiple: whoever complained about its envelope would open the one of that other dealing.

use alloc::vec::Vec;
use core::fmt;

use quorate_machine::{Plant, planted};
use zeroize::Zeroizing;

use crate::backend::{Active, Backend, UNIFORM_BYTES};
use crate::complaint::{Complaint, Opened};
use crate::dealing::{CheckedDealing, Dealer, Dealt, Subshare};
use crate::domain::Domain;
use crate::maker::{MakerProof, Sealing};
use crate::parameters::ShareIndex;
use crate::point::KeyPoint;
use crate::public::{PublicKey, Signature};
use crate::rejected::Rejected;
use crate::scalar::Scalar;
use crate::seed::{Origin, Seed, Session};
use crate::sizes::{MAKER_PROOF_BYTES, PUBLIC_KEY_BYTES, SCALAR_BYTES, SEALED_PREFIX_BYTES};

/// Names the derivations for BLAKE3; a change of one changes what is sealed.
const KEY_DERIVATION: &str = "quorate 2026-11-21 threshold decryption key v1";
const MASK_DERIVATION: &str = "quorate 2026-11-21 threshold subshare mask v1";

/// A recipient's secret key for one epoch; erased when dropped.
pub struct DecryptionKey {
    pub(crate) secret: Scalar,
}

impl DecryptionKey {
    /// The key of a seed, which must be fresh for each epoch.
    #[must_use]
    pub fn derive(seed: &Seed) -> Self {
        let mut hasher = Zeroizing::new(blake3::Hasher::new_derive_key(KEY_DERIVATION));
        hasher.update(seed.as_bytes());
        let mut uniform = Zeroizing::new([0; UNIFORM_BYTES]);
        Zeroizing::new(hasher.finalize_xof()).fill(uniform.as_mut());
        Self { secret: Scalar::from_uniform(&uniform) }
    }

    /// What dealers seal with.
    #[must_use]
    pub fn encryption_key(&self) -> EncryptionKey {
        EncryptionKey(KeyPoint::of(&self.secret))
    }

    /// Shows that whoever says so holds this key (THR-12).
    ///
    /// # Panics
    /// If the seed gave a key of zero, which happens to one in 2^255.
    #[must_use]
    pub fn prove_possession(&self, statement: &[u8]) -> Signature {
        let signature = Active::sign(&self.secret.0, Domain::ProofOfPossession.tag(), statement);
        Signature::new(signature.expect("THR-5: the scalar is not zero"))
    }

    /// The subshare for `recipient`, the index of this key, or the complaint about its dealer.
    ///
    /// # Errors
    /// [`Rejected::IndexTooLarge`], [`Rejected::WrongShareCount`]: the dealing is not for us.
    /// [`Rejected::EphemeralUnproved`]: nothing may be said about what is in it.
    pub fn open(
        &self,
        dealing: &CheckedDealing,
        sealed: &SealedSubshares,
        recipient: ShareIndex,
    ) -> Result<Opened, Rejected> {
        sealed.check_is_of(dealing)?;
        dealing.dealing().commitment().parameters().check_index(recipient)?;
        let key = &self.encryption_key();
        let envelope = Envelope { dealing, sealed, recipient, key };
        let shared = sealed.ephemeral.mul(&self.secret);
        Ok(match envelope.unmask(&shared) {
            Some(subshare) => Opened::Owed(subshare),
            None => Opened::Complaint(Complaint::prove(&envelope, self)),
        })
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("DecryptionKey(redacted)")
    }
}

/// A recipient's public key for one epoch: a point of G1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncryptionKey(pub(crate) KeyPoint);

impl EncryptionKey {
    /// Reads a key that came with the proof that its owner holds the other half (THR-12), made for
    /// the same statement, which must name the owner and the epoch.
    ///
    /// # Errors
    /// [`Rejected::SignatureInvalid`], and what a point may be refused for.
    pub fn decode_proved(
        bytes: &[u8; PUBLIC_KEY_BYTES],
        statement: &[u8],
        proof: &Signature,
    ) -> Result<Self, Rejected> {
        // THR-12: the first time that a key of somebody else is seen.
        PublicKey::new(*bytes).verify(Domain::ProofOfPossession, statement, proof)?;
        KeyPoint::decode(bytes).map(Self)
    }

    /// Reads a key whose proof was checked before, by those whose word the caller acts on.
    ///
    /// # Errors
    /// What a point may be refused for.
    pub fn decode_vouched(bytes: &[u8; PUBLIC_KEY_BYTES]) -> Result<Self, Rejected> {
        KeyPoint::decode(bytes).map(Self)
    }

    /// The compressed point.
    #[must_use]
    pub fn encode(&self) -> [u8; PUBLIC_KEY_BYTES] {
        self.0.encode()
    }
}

/// The subshares of a dealing, each masked for its recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSubshares {
    pub(crate) ephemeral: KeyPoint,
    maker: MakerProof,
    masked: Vec<[u8; SCALAR_BYTES]>,
}

impl Dealer<'_> {
    /// Seals what was dealt in this session for the owners of the keys, in the order of indices.
    /// A recipient without a key gets nothing: it is as good as silent.
    ///
    /// # Errors
    /// [`Rejected::WrongShareCount`] unless there is one place for each subshare.
    pub fn seal(
        &self,
        dealt: &Dealt,
        keys: &[Option<EncryptionKey>],
    ) -> Result<SealedSubshares, Rejected> {
        let expected = self.parameters.share_count();
        if keys.len() != usize::from(expected) || dealt.subshares.len() != keys.len() {
            let got = u16::try_from(keys.len()).unwrap_or(u16::MAX);
            return Err(Rejected::WrongShareCount { expected, got });
        }
        let dealer = dealt.dealing.dealer();
        let secret = self.derivation(Origin::Sealing, dealer).coefficient(0);
        let ephemeral = KeyPoint::of(&secret);
        let sealing = Sealing { session: self.session, dealer, ephemeral: &ephemeral };
        let maker = MakerProof::prove(&sealing, &secret);
        let seal = |(subshare, key): (&Subshare, &Option<EncryptionKey>)| {
            let Some(key) = key else { return [0; SCALAR_BYTES] };
            let shared = Shared { point: &key.0.mul(&secret), key: &key.0, ephemeral: &ephemeral };
            let mask = shared.mask(self.session, dealer, subshare.recipient());
            xor(&mask, &subshare.value().encode())
        };
        let masked = dealt.subshares.iter().zip(keys).map(seal).collect();
        Ok(SealedSubshares { ephemeral, maker, masked })
    }
}

impl SealedSubshares {
    /// Reads what [`Self::encode`] wrote, for a sharing with this many shares. Who made the
    /// ephemeral point is seen where an envelope is opened or judged.
    ///
    /// # Errors
    /// [`Rejected::WrongLength`], and what a point may be refused for.
    pub fn decode(bytes: &[u8], share_count: u16) -> Result<Self, Rejected> {
        let expected = SEALED_PREFIX_BYTES + SCALAR_BYTES * usize::from(share_count);
        let wrong = Rejected::WrongLength { expected, got: bytes.len() };
        let (ephemeral, rest) = bytes.split_first_chunk::<PUBLIC_KEY_BYTES>().ok_or(wrong)?;
        let (maker, masked) = rest.split_first_chunk::<MAKER_PROOF_BYTES>().ok_or(wrong)?;
        if bytes.len() != expected {
            return Err(wrong);
        }
        let (masked, _nothing) = masked.as_chunks::<SCALAR_BYTES>();
        Ok(Self {
            ephemeral: KeyPoint::decode(ephemeral)?,
            maker: MakerProof(*maker),
            masked: masked.to_vec(),
        })
    }

    /// The ephemeral point, the proof of its maker, and 32 bytes for each recipient.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [&self.ephemeral.encode()[..], &self.maker.0, self.masked.as_flattened()].concat()
    }

    /// Did the dealer of this dealing seal it, for as many recipients as it has?
    pub(crate) fn check_is_of(&self, dealing: &CheckedDealing) -> Result<(), Rejected> {
        let dealing = dealing.dealing();
        let expected = dealing.commitment().parameters().share_count();
        let got = u16::try_from(self.masked.len()).unwrap_or(u16::MAX);
        if got != expected {
            return Err(Rejected::WrongShareCount { expected, got });
        }
        let (session, dealer) = (dealing.session(), dealing.dealer());
        let sealing = Sealing { session, dealer, ephemeral: &self.ephemeral };
        // THR-14: before anything is said about what is in an envelope.
        if !self.maker.is_of(&sealing) && !planted(Plant::MakerUnchecked) {
            return Err(Rejected::EphemeralUnproved { dealer });
        }
        Ok(())
    }
}

/// One recipient's part of what a dealer sealed.
pub(crate) struct Envelope<'a> {
    pub(crate) dealing: &'a CheckedDealing,
    pub(crate) sealed: &'a SealedSubshares,
    pub(crate) recipient: ShareIndex,
    pub(crate) key: &'a EncryptionKey,
}

impl Envelope<'_> {
    /// The subshare that the shared point uncovers, if it is the one that was promised.
    pub(crate) fn unmask(&self, shared: &KeyPoint) -> Option<Subshare> {
        let (session, dealer) = (self.dealing.dealing().session(), self.dealing.dealing().dealer());
        let (key, ephemeral) = (&self.key.0, &self.sealed.ephemeral);
        let mask = Shared { point: shared, key, ephemeral }.mask(session, dealer, self.recipient);
        let place = usize::from(self.recipient.get()) - 1;
        let masked = self.sealed.masked.get(place).expect("one for each recipient");
        let value = Scalar::decode(&Zeroizing::new(xor(&mask, masked))).ok()?;
        let subshare = Subshare::new(dealer, self.recipient, value);
        let is_owed = self.dealing.check_subshare(self.recipient, &subshare).is_ok();
        is_owed.then_some(subshare)
    }
}

/// The point that dealer and recipient share, and what it was made of.
struct Shared<'a> {
    point: &'a KeyPoint,
    key: &'a KeyPoint,
    ephemeral: &'a KeyPoint,
}

impl Shared<'_> {
    /// Uniform bytes that nobody knows who does not know the point.
    fn mask(
        &self,
        session: Session,
        dealer: ShareIndex,
        recipient: ShareIndex,
    ) -> Zeroizing<[u8; SCALAR_BYTES]> {
        let mut hasher = Zeroizing::new(blake3::Hasher::new_derive_key(MASK_DERIVATION));
        [self.point, self.key, self.ephemeral].iter().for_each(|point| {
            hasher.update(&point.encode());
        });
        hasher.update(session.as_bytes());
        hasher.update(&dealer.encode());
        hasher.update(&recipient.encode());
        Zeroizing::new(*hasher.finalize().as_bytes())
    }
}

fn xor(left: &[u8; SCALAR_BYTES], right: &[u8; SCALAR_BYTES]) -> [u8; SCALAR_BYTES] {
    core::array::from_fn(|place| left[place] ^ right[place])
}

#[cfg(test)]
mod tests;
