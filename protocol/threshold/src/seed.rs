//! Where the coefficients of a dealing come from: a seed that the caller supplies, never chance.
//!
//! The same seed and session give the same dealing, so a dealer that crashes and starts again
//! sends what it sent before, and does not equivocate (settled point 33).

use core::fmt;

use zeroize::Zeroizing;

use crate::backend::UNIFORM_BYTES;
use crate::parameters::{Parameters, ShareIndex};
use crate::scalar::Scalar;

/// Bytes of a [`Seed`].
pub const SEED_BYTES: usize = 32;

/// Bytes of a [`Session`].
pub const SESSION_BYTES: usize = 32;

/// Names the derivation for BLAKE3; a change of it changes every dealing.
const DERIVATION: &str = "quorate 2026-11-21 threshold dealing coefficient v1";

/// Secret uniform bytes of a dealer, fresh for each epoch; erased when dropped.
pub struct Seed(Zeroizing<[u8; SEED_BYTES]>);

impl Seed {
    /// The seed with these bytes, which must be uniform and secret.
    #[must_use]
    pub fn new(bytes: [u8; SEED_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; SEED_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Seed(redacted)")
    }
}

/// Which attempt of which handover a dealing belongs to: a digest that binds the system, its
/// public key, the epoch, the attempt, and the ordered recipients with their encryption keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Session([u8; SESSION_BYTES]);

impl Session {
    /// The session with this digest.
    #[must_use]
    pub const fn new(digest: [u8; SESSION_BYTES]) -> Self {
        Self(digest)
    }

    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SESSION_BYTES] {
        &self.0
    }
}

/// What a dealing shares, and what else is derived from the seed of a dealer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A new secret.
    Fresh,
    /// The dealer's share of an existing secret.
    Reshared,
    /// Nothing is dealt: what is derived hides subshares on their way.
    Sealing,
}

impl Origin {
    /// Of equal length, so that what follows it stands in a fixed place.
    const fn label(self) -> &'static [u8; 8] {
        match self {
            Self::Fresh => b"fresh---",
            Self::Reshared => b"reshared",
            Self::Sealing => b"sealing-",
        }
    }
}

/// All that decides the coefficients of one dealing.
pub(crate) struct Derivation<'seed> {
    pub(crate) origin: Origin,
    pub(crate) seed: &'seed Seed,
    pub(crate) session: Session,
    pub(crate) dealer: ShareIndex,
    pub(crate) parameters: Parameters,
}

impl Derivation<'_> {
    /// The coefficient of degree `degree`, uniform to whoever does not know the seed.
    pub(crate) fn coefficient(&self, degree: u16) -> Scalar {
        let key = Zeroizing::new(blake3::derive_key(DERIVATION, self.seed.as_bytes()));
        let mut hasher = Zeroizing::new(blake3::Hasher::new_keyed(&key));
        hasher.update(self.origin.label());
        hasher.update(&self.session.0);
        hasher.update(&self.dealer.encode());
        hasher.update(&self.parameters.encode());
        hasher.update(&degree.to_be_bytes());
        let mut uniform = Zeroizing::new([0; UNIFORM_BYTES]);
        let mut reader = Zeroizing::new(hasher.finalize_xof());
        reader.fill(uniform.as_mut());
        Scalar::from_uniform(&uniform)
    }
}
