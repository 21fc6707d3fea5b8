//! Randomness that nobody can foresee or choose: a signature of the system on what is fixed.
//!
//! TDSC'12 section VI.D; settled points 14 and 27; specification of the cryptography 2.4. A
//! threshold signature is unique, so whoever puts it together has no choice; and no correct member
//! gives its part before the log has fixed the changes, or aborted the attempt.

use quorate_crypto::{Domain, Hasher, hash, hash_of};
use quorate_threshold as threshold;
use quorate_types::{Digest, Epoch, SystemId};

/// What is fixed when the randomness of an epoch is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fixed {
    /// The system.
    pub system: SystemId,
    /// The epoch that begins.
    pub epoch: Epoch,
    /// Hash of the header of the epoch that ends.
    pub previous: Digest,
    /// The frozen changes.
    pub changes: Digest,
}

quorate_wire::fields!(Fixed { system, epoch, previous, changes });

/// Something of which the system's signature is randomness.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Draw {
    /// The randomness of the epoch: the ids of new servers, and the first group.
    Epoch(Fixed),
    /// Another group, of this attempt.
    Group(Fixed, u32),
}

impl Draw {
    /// What the system's key signs.
    #[must_use]
    pub fn message(&self) -> Digest {
        match self {
            Self::Epoch(fixed) => hash_of(Domain::Beacon, fixed),
            Self::Group(fixed, attempt) => hash_of(Domain::Beacon, &(*fixed, *attempt)),
        }
    }

    /// The domain of the signature.
    #[must_use]
    pub const fn domain(&self) -> threshold::Domain {
        match self {
            Self::Epoch(_) => threshold::Domain::Beacon,
            Self::Group(..) => threshold::Domain::Group,
        }
    }
}

/// The randomness in a signature of the system on a [`Draw`].
#[must_use]
pub fn randomness(signature: &threshold::Signature) -> Digest {
    hash(Domain::EpochRandomness, signature.as_bytes())
}

/// Collects the frozen changes into the digest that the randomness binds.
#[derive(Debug)]
pub struct ChangesDigest(Hasher);

impl Default for ChangesDigest {
    fn default() -> Self {
        Self(Hasher::new(Domain::FrozenChanges))
    }
}

impl ChangesDigest {
    /// Takes in the digest of one change, in the order of their places in the state.
    pub fn take(&mut self, change: Digest) {
        self.0.update(change.as_bytes());
    }

    /// The digest of all.
    #[must_use]
    pub fn finish(&self) -> Digest {
        self.0.finish()
    }
}
