//! Keys of a run: ideal ones of servers, or real ones; the key of the system is always real.

use std::sync::Arc;

use quorate_crypto::ideal::IdealRegistry;
use quorate_crypto::real::RealSigner;
use quorate_crypto::{Domain, Signer, Verifier, hash};
use quorate_kes::{Blake3Tree, Tree};
use quorate_membership::{Identity, RootRule, Schemes};
use quorate_types::{Digest, Epoch, IdentityKey};

use super::memory::{RememberedScheme, RememberedVerifier};

/// Which keys servers have.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    ideal: Option<IdealRegistry>,
    /// Epochs of an identity, as a power of two.
    height: usize,
    /// When an identity gets another root.
    rule: RootRule,
}

/// Epochs of an identity in a run of the simulator, as a power of two: every run makes all anew.
const HEIGHT: usize = 6;
/// After so many epochs an identity gets another root there, so that most runs see it.
const RULE: RootRule = RootRule { epochs: 3 };

impl Keys {
    /// Signatures that cost next to nothing.
    pub(super) fn ideal() -> Self {
        Self { ideal: Some(IdealRegistry::new([7; 32])), height: HEIGHT, rule: RULE }
    }

    /// Production's, with trees of identities that last for `2^height` epochs, and another root
    /// after so many.
    pub(super) const fn real(height: usize, rule: RootRule) -> Self {
        Self { ideal: None, height, rule }
    }

    /// When an identity gets another root.
    pub(super) const fn root_rule(&self) -> RootRule {
        self.rule
    }

    /// The key of a seed.
    pub(super) fn signer(&self, seed: &[u8; 32]) -> Arc<dyn Signer> {
        match &self.ideal {
            Some(registry) => Arc::new(registry.signer(seed)),
            None => Arc::new(RealSigner::from_seed(seed)),
        }
    }

    /// The authority that admits servers.
    pub(super) fn authority(&self) -> Arc<dyn Signer> {
        self.signer(&derived("authority", 0))
    }

    /// The identity that a server is installed with.
    pub(super) fn new_identity(&self, server: usize) -> Identity<LabTree> {
        let seed = quorate_kes::Seed::new(derived("identity", server as u64));
        Identity::generate_short(self.tree(), seed, (Epoch::ZERO, self.height))
    }

    /// The tree of another root for an identity, which begins with this epoch.
    pub(super) fn successor(
        &self,
        seed: [u8; 32],
        (identity_key, first_epoch): (IdentityKey, Epoch),
    ) -> Identity<LabTree> {
        let seed = quorate_kes::Seed::new(seed);
        let of = (identity_key, first_epoch, self.height);
        Identity::generate_short_successor(self.tree(), seed, of)
    }

    /// The identity in a file.
    pub(super) fn identity(&self, bytes: &[u8]) -> Identity<LabTree> {
        Identity::from_bytes(self.tree(), bytes).expect("the cabinet holds what was put there")
    }

    fn tree(&self) -> LabTree {
        LabTree(self.ideal.clone())
    }

    /// What everybody checks with.
    pub(super) fn schemes(&self) -> Schemes {
        let signatures: Arc<dyn Verifier> = match &self.ideal {
            Some(registry) => Arc::new(registry.clone()),
            None => Arc::new(RememberedVerifier),
        };
        Schemes { threshold: Arc::new(RememberedScheme), signatures }
    }
}

/// Bytes that follow from a purpose and a number.
pub(super) fn derived(purpose: &str, number: u64) -> [u8; 32] {
    let bytes = [purpose.as_bytes(), &number.to_be_bytes()].concat();
    *hash(Domain::Derivation, &bytes).as_bytes()
}

/// The tree of an identity: its leaves sign as other keys of the run do.
#[derive(Clone, Debug)]
pub(super) struct LabTree(Option<IdealRegistry>);

/// A leaf of either kind.
#[derive(Debug)]
pub(super) struct LabLeaf(Arc<dyn Signer>);

impl Signer for LabLeaf {
    fn public_key(&self) -> quorate_types::PublicKey {
        self.0.public_key()
    }

    fn sign(&self, digest: &Digest) -> quorate_types::Signature {
        self.0.sign(digest)
    }
}

impl Tree for LabTree {
    type Leaf = LabLeaf;

    fn leaf(&self, seed: &quorate_kes::Seed) -> LabLeaf {
        LabLeaf(match &self.0 {
            Some(registry) => Arc::new(registry.signer(seed.as_bytes())),
            None => Arc::new(RealSigner::from_seed(seed.as_bytes())),
        })
    }

    fn split(seed: &quorate_kes::Seed) -> (quorate_kes::Seed, quorate_kes::Seed) {
        Blake3Tree::split(seed)
    }

    fn join(left: &Digest, right: &Digest) -> Digest {
        Blake3Tree::join(left, right)
    }
}
