//! What a node proves itself with on its links, and who says what that proves.
//!
//! A node is known by a key that stays and signs nothing on a link; TLS proves another one, which
//! changes from time to time. Bytes in the hello show that the two belong together. What these
//! bytes are is the caller's business: it gives the own ones, and judges those of others.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::identity::{LinkKey, PeerKey, Seed};
use crate::tls::Identity;

/// What a node proves itself with.
#[derive(Clone)]
pub struct Credential {
    /// The Ed25519 seed of the key that TLS proves.
    pub seed: Seed,
    /// What shows whose key that is, for the [`Recognise`] of others; up to `PROOF_BYTES_MAX`
    /// bytes, and nothing secret: whoever connects is shown it.
    pub proof: Vec<u8>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({} bytes of proof)", self.proof.len())
    }
}

/// Says which node holds a key.
pub trait Recognise: fmt::Debug + Send + Sync {
    /// The node that proved this key in TLS and shows these bytes, up to `PROOF_BYTES_MAX`.
    /// Whether that node is a known one is not asked here.
    ///
    /// # Errors
    /// [`Unrecognised`] says why the bytes prove nothing.
    fn recognise(&self, key: LinkKey, proof: &[u8]) -> Result<PeerKey, Unrecognised>;
}

/// Why it is not believed that a key is a node's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unrecognised {
    /// The bytes are no proof.
    #[error("what it shows is no proof; run the same release on both sides")]
    Malformed,
    /// The proof is about another key than the one that TLS proved.
    #[error("its proof is about another key: somebody shows what is not its own")]
    OtherKey,
    /// The proof is for another system.
    #[error("its proof is for another system")]
    OtherSystem,
    /// The proof is for a period that is over, or not near.
    #[error("its proof is for another epoch; it has to learn the current configuration")]
    OtherEpoch,
    /// The node has another key in this period.
    #[error("the configuration names another key of this server")]
    SecondKey,
    /// The node did not sign the proof.
    #[error("its proof is forged")]
    Forged,
}

/// What a connection of a node showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) key: LinkKey,
    pub(crate) proof: Vec<u8>,
}

/// What a node was recognised by, and when.
#[derive(Debug, Clone)]
pub(crate) struct Recognised {
    pub(crate) shown: Arc<Shown>,
    /// Number of the renewal by whose rule.
    pub(crate) renewal: u64,
}

/// What this process shows, and whom it believes, from one renewal to the next.
#[derive(Debug)]
pub(crate) struct Standing {
    /// Number of the renewal, from 0.
    pub(crate) number: u64,
    pub(crate) tls: Identity,
    /// Empty for a client.
    pub(crate) proof: Vec<u8>,
    pub(crate) recognise: Arc<dyn Recognise>,
}

impl Standing {
    pub(crate) fn recognise(&self, shown: &Shown) -> Result<PeerKey, Unrecognised> {
        self.recognise.recognise(shown.key, &shown.proof)
    }
}
