//! Whether stored bytes are what their name says.

use quorate_crypto::Verifier;
use quorate_types::SystemId;

use super::{ObjectKey, StoredObject, Version};

impl StoredObject {
    /// Is this the object of that name, whole: content that hashes to it, or a version that its
    /// owner signed?
    #[must_use]
    pub fn is_whole(&self, key: &ObjectKey, system: SystemId, verifier: &dyn Verifier) -> bool {
        match self {
            Self::Content(content) => key.is_name_of(&content.body),
            Self::Version(version) => is_of(version, key, system, verifier),
        }
    }
}

fn is_of(version: &Version, key: &ObjectKey, system: SystemId, verifier: &dyn Verifier) -> bool {
    version.key() == *key
        && version.fits_its_stamp()
        && verifier.is_valid(&version.signed.check(system))
}
