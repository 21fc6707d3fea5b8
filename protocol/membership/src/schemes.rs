//! Which signature schemes a participant checks with: injected, so that the lab can use its own.

use alloc::sync::Arc;
use core::fmt;

use quorate_crypto::Verifier;
use quorate_threshold::ThresholdScheme;

/// The checkers of the two kinds of signatures.
#[derive(Clone)]
pub struct Schemes {
    /// Of the system's one key.
    pub threshold: Arc<dyn ThresholdScheme + Send + Sync>,
    /// Of servers, clients and the authority.
    pub signatures: Arc<dyn Verifier>,
}

impl Schemes {
    /// What production uses: BLS12-381 and Ed25519 under ZIP 215.
    #[must_use]
    pub fn real() -> Self {
        Self {
            threshold: Arc::new(quorate_threshold::Bls12381),
            signatures: Arc::new(quorate_crypto::real::RealVerifier),
        }
    }
}

impl fmt::Debug for Schemes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schemes({:?})", self.signatures)
    }
}
