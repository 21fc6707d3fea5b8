//! BLAKE3 under one key per purpose.
//!
//! The keyed mode of BLAKE3 with a different public key per purpose gives one independent hash
//! function per [`Domain`], also independent of the plain BLAKE3 that `b3sum` computes.

use quorate_types::Digest;
use quorate_wire::{Encode, Writer};

macro_rules! domains {
    ($($(#[$doc:meta])* $name:ident = $label:literal),* $(,)?) => {
        /// What a hash is made for.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Domain {
            $($(#[$doc])* $name),*
        }

        impl Domain {
            /// Every domain.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The public key of this domain's hash function.
            #[must_use]
            pub const fn key(self) -> &'static [u8; 32] {
                match self {
                    $(Self::$name => const { &padded($label) }),*
                }
            }
        }
    };
}

const fn padded(label: &str) -> [u8; 32] {
    let prefix = b"quorate/1 ";
    let label = label.as_bytes();
    assert!(prefix.len() + label.len() <= 32, "a domain's label has at most 22 bytes");
    let mut key = [0; 32];
    let mut index = 0;
    while index < prefix.len() {
        key[index] = prefix[index];
        index += 1;
    }
    while index < prefix.len() + label.len() {
        key[index] = label[index - prefix.len()];
        index += 1;
    }
    key
}

domains! {
    /// Leaf of a Merkle tree over a list.
    MerkleLeaf = "merkle leaf",
    /// Inner node of a Merkle tree over a list.
    MerkleNode = "merkle node",
    /// Root of a Merkle tree over a list: binds the number of leaves.
    MerkleRoot = "merkle root",
    /// Node of the authenticated map.
    StateNode = "state node",
    /// Value in the authenticated map.
    StateValue = "state value",
    /// Priority of a key in the authenticated map.
    StatePriority = "state priority",
    /// Root of the authenticated map: binds the number of entries.
    StateRoot = "state root",
    /// A client's certificate.
    ClientCertificate = "client certificate",
    /// A server's admission certificate.
    NodeCertificate = "node certificate",
    /// An authority's removal certificate.
    RemovalCertificate = "removal certificate",
    /// An authority's word on the size of the membership group.
    ResizeCertificate = "resize certificate",
    /// An authority's word on how the membership group is drawn.
    RotationCertificate = "rotation certificate",
    /// An authority's word on who signs for it.
    CouncilCertificate = "council certificate",
    /// An identity key's statement about the key of an epoch.
    EpochKey = "epoch key",
    /// An identity key: scheme, depth, first epoch and root.
    Identity = "identity",
    /// Inner node of the tree of an identity's keys.
    IdentityNode = "identity node",
    /// Proof that a server holds the tree that is to take the place of its identity's.
    RootProof = "root proof",
    /// What detects damage of an identity's secret file.
    IdentityFile = "identity file",
    /// Proof that a server holds its identity key.
    PossessionProof = "possession proof",
    /// A client's bundle of requests.
    Bundle = "bundle",
    /// One operation, as a reply names it.
    Operation = "operation",
    /// Body of a batch.
    BatchBody = "batch body",
    /// Link of a lane: lane, position, predecessor, body.
    BatchLink = "batch link",
    /// Origin of a lane in an epoch.
    LaneOrigin = "lane origin",
    /// A lane owner's statement about a batch.
    Batch = "batch",
    /// A vector of acknowledged lane positions.
    AckVector = "ack vector",
    /// A cut of the lanes.
    Cut = "cut",
    /// A leader's proposal.
    PrePrepare = "pre-prepare",
    /// A vote of the second phase.
    Prepare = "prepare",
    /// A vote of the third phase.
    Commit = "commit",
    /// A replica's statement about its state at a slot.
    Checkpoint = "checkpoint",
    /// A wish for the leader of another view.
    NewLeader = "new leader",
    /// What a replica carries into another view.
    ViewChange = "view change",
    /// A leader's start of a view.
    NewView = "new view",
    /// Agreed randomness of a request.
    Randomness = "randomness",
    /// What starts an epoch of a group.
    EpochStart = "epoch start",
    /// Identity of a system.
    System = "system",
    /// Identity of a group.
    Group = "group",
    /// Identity of a node, hence its place on the ring.
    Node = "node",
    /// Header of a configuration.
    ConfigurationHeader = "configuration header",
    /// A member's answer to a freshness challenge.
    Freshness = "freshness",
    /// A server's statement about the encryption key of its next epoch.
    NextKeys = "next keys",
    /// What a server shows that it can decrypt.
    DecryptionProof = "decryption proof",
    /// A member's vote that the epoch ends.
    EndVote = "end vote",
    /// A member's vote that an attempt at a handover ends.
    AbortVote = "abort vote",
    /// The changes that take effect with the next epoch.
    FrozenChanges = "frozen changes",
    /// The randomness of an epoch, and of a group that is drawn again.
    EpochRandomness = "epoch randomness",
    /// What the system's key signs to make randomness.
    Beacon = "beacon",
    /// An attempt at dealing the system's key to another group.
    HandoverSession = "handover session",
    /// A dealing with its sealed subshares.
    Dealing = "dealing",
    /// A dealer's word that a dealing is its own.
    SignedDealing = "signed dealing",
    /// A recipient's word that it holds what a dealing owes it.
    DealingAck = "dealing ack",
    /// A recipient's word that it holds its share of the next epoch.
    Completion = "completion",
    /// A server's answer to a probe with a nonce.
    ProbeAnswer = "probe answer",
    /// What a prober draws from its own secret: tickets and nonces.
    ProbeTicket = "probe ticket",
    /// A member's statement that a server is silent, or answers.
    Observation = "observation",
    /// What a server that is about to be evicted has to sign.
    EvictionChallenge = "eviction challenge",
    /// A server's signature on such a challenge.
    Rebuttal = "rebuttal",
    /// In which order servers pass on the configuration of an epoch.
    DisseminationOrder = "dissemination",
    /// Id of a chunk of a file, and of any content-hash object.
    Content = "content",
    /// Id of the manifest of a file.
    Manifest = "manifest",
    /// Id of a public-key object.
    PublicKeyObject = "public-key object",
    /// A writer's statement about a version of a public-key object.
    ObjectVersion = "object version",
    /// A client's statement about a write to the DHT.
    ObjectWrite = "object write",
    /// A client's request that a server check what it holds.
    ScrubRequest = "scrub request",
    /// What a storage server holds in one cell.
    HeldCell = "held cell",
    /// What two storage servers hold in all cells that they share.
    HeldRoot = "held root",
    /// Seed of the coefficients of a batch verification.
    BatchVerification = "batch verification",
    /// Derivation of keys from a seed in the simulator and in tests.
    Derivation = "derivation",
}

/// Collects bytes into a digest of one domain.
#[derive(Debug, Clone)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// An empty hash of this domain.
    #[must_use]
    pub fn new(domain: Domain) -> Self {
        Self(blake3::Hasher::new_keyed(domain.key()))
    }

    /// Appends bytes.
    pub fn update(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }

    /// The digest of what was appended.
    #[must_use]
    pub fn finish(&self) -> Digest {
        Digest::new(*self.0.finalize().as_bytes())
    }
}

/// The digest of bytes under a domain.
#[must_use]
pub fn hash(domain: Domain, bytes: &[u8]) -> Digest {
    Digest::new(*blake3::keyed_hash(domain.key(), bytes).as_bytes())
}

/// The digest of a value's encoding under a domain.
#[must_use]
pub fn hash_of<T: Encode + ?Sized>(domain: Domain, value: &T) -> Digest {
    let mut writer = Writer::with_capacity(256);
    value.encode(&mut writer);
    hash(domain, writer.as_bytes())
}

#[cfg(test)]
mod tests;
