//! What the tree is made of: seeds that split, leaves that sign, nodes that hash their children.

use core::fmt;

use quorate_crypto::ideal::{IdealRegistry, IdealSigner};
use quorate_crypto::real::RealSigner;
use quorate_crypto::{Domain, Hasher, Signer};
use quorate_types::Digest;
use zeroize::Zeroizing;

/// Names the derivations for BLAKE3; a change of them changes every key.
const LEFT: &str = "quorate 2026-11-21 kes left seed v1";
const RIGHT: &str = "quorate 2026-11-21 kes right seed v1";

/// Secret uniform bytes from which a subtree follows; erased when dropped.
pub struct Seed(Zeroizing<[u8; Self::BYTES]>);

impl Seed {
    /// Length in bytes.
    pub const BYTES: usize = 32;

    /// The seed with these bytes, which must be uniform and secret.
    #[must_use]
    pub fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Seed(redacted)")
    }
}

/// The three functions that make a tree: another choice of them is another scheme.
pub trait Tree {
    /// Signs in one period; erased when dropped.
    type Leaf: Signer;

    /// The leaf of a seed of height 0.
    fn leaf(&self, seed: &Seed) -> Self::Leaf;

    /// The seeds of the left and the right half of a subtree; neither tells anything of the other.
    fn split(seed: &Seed) -> (Seed, Seed);

    /// The key of a node with these children.
    fn join(left: &Digest, right: &Digest) -> Digest;
}

/// The tree of production: Ed25519 and BLAKE3.
#[derive(Clone, Copy, Debug, Default)]
pub struct Blake3Tree;

impl Tree for Blake3Tree {
    type Leaf = RealSigner;

    fn leaf(&self, seed: &Seed) -> RealSigner {
        RealSigner::from_seed(seed.as_bytes())
    }

    fn split(seed: &Seed) -> (Seed, Seed) {
        (derived(seed, LEFT), derived(seed, RIGHT))
    }

    fn join(left: &Digest, right: &Digest) -> Digest {
        let mut hasher = Hasher::new(Domain::IdentityNode);
        hasher.update(left.as_bytes()).update(right.as_bytes());
        hasher.finish()
    }
}

fn derived(seed: &Seed, name: &str) -> Seed {
    let mut hasher = Zeroizing::new(blake3::Hasher::new_derive_key(name));
    hasher.update(seed.as_bytes());
    Seed::new(*hasher.finalize().as_bytes())
}

/// The tree of the simulator: leaves whose signatures cost next to nothing.
#[derive(Clone, Debug)]
pub struct IdealTree(pub IdealRegistry);

impl Tree for IdealTree {
    type Leaf = IdealSigner;

    fn leaf(&self, seed: &Seed) -> IdealSigner {
        self.0.signer(seed.as_bytes())
    }

    fn split(seed: &Seed) -> (Seed, Seed) {
        Blake3Tree::split(seed)
    }

    fn join(left: &Digest, right: &Digest) -> Digest {
        Blake3Tree::join(left, right)
    }
}

/// The key of a leaf as a node of the tree.
pub(crate) fn leaf_node(leaf: &impl Signer) -> Digest {
    Digest::new(*leaf.public_key().as_bytes())
}

/// The seed of one leaf of a subtree: one split per level.
pub(crate) fn leaf_seed<T: Tree>(root: &Seed, height: usize, leaf: u32) -> Seed {
    let mut seed = Seed::new(*root.as_bytes());
    for level in (0..height).rev() {
        let (left, right) = T::split(&seed);
        seed = if leaf >> level & 1 == 0 { left } else { right };
    }
    seed
}
