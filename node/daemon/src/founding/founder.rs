//! A server that founds a system: its place in the genesis, and keys, but no key of the system yet.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use quorate_membership::{CheckedGenesis, UnsignedConfiguration, VerifiedConfiguration};
use quorate_store::directory::Expectation;
use quorate_types::{IdentityKey, NodeId};

use super::error::{FoundingError, KeyFault};
use super::node::{NodeIdentity, certify};
use super::pinned::{FOUNDING, pin};
use super::place;
use crate::configuration::NodeConfiguration;
use crate::epochs::{SharedKeys, lock};
use crate::keys::ServerKeys;

/// The file that stands among the keys of a server which has taken part in a founding.
const BEGUN: &str = "begun";

/// A server before its system has a key.
#[derive(Debug)]
pub struct Founder {
    /// Epoch 0, as the genesis says it.
    pub genesis: UnsignedConfiguration,
    /// The id of this server.
    pub id: NodeId,
    /// What it is known by.
    pub identity_key: IdentityKey,
    /// Its keys on the disk.
    pub keys: SharedKeys,
    directory: PathBuf,
}

impl Founder {
    pub(super) fn load(
        settings: &NodeConfiguration,
        genesis: &CheckedGenesis,
    ) -> Result<Self, FoundingError> {
        let genesis = genesis.unsigned();
        let servers = genesis.configuration();
        let keys = ServerKeys::open_directory(&settings.keys)?;
        let identity_key = keys.identity_key()?;
        let wrong = |fault| FoundingError::Key { path: settings.keys.clone(), fault };
        let own = servers.members.iter().find(|it| it.identity_key == identity_key);
        let own = own.ok_or_else(|| wrong(KeyFault::NotMember(identity_key)))?;
        let certified = certify(&keys, servers, servers.epoch)?;
        if own.epoch_key != Some(certified.certificate.statement.epoch_key) {
            return Err(wrong(KeyFault::OtherEpochKey));
        }
        certify(&keys, servers, servers.epoch.next())?;
        let (id, keys) = (own.id, Arc::new(Mutex::new(keys)));
        Ok(Self { genesis, id, identity_key, keys, directory: settings.keys.clone() })
    }

    /// Whether this server has spoken before, so that its data must be there.
    #[must_use]
    pub fn expectation(&self) -> Expectation {
        let is_begun = self.directory.join(BEGUN).exists();
        if is_begun { Expectation::Existing } else { Expectation::Fresh }
    }

    /// Records among its keys that it speaks from now on. To be called once the data directory is
    /// open.
    ///
    /// # Errors
    /// [`FoundingError::File`].
    pub fn mark_begun(&self) -> Result<(), FoundingError> {
        let path = self.directory.join(BEGUN);
        if path.exists() {
            return Ok(place::keep_name(&path)?);
        }
        let text = b"This identity has founded: it does not start without its data.\n";
        Ok(place::write_new(&path, text)?)
    }

    /// The system has a key: keeps it for good, and makes a server of the founder.
    ///
    /// # Errors
    /// [`FoundingError::File`].
    pub fn pin(
        self,
        settings: &NodeConfiguration,
        configuration: &VerifiedConfiguration,
    ) -> Result<NodeIdentity, FoundingError> {
        pin(&self.directory.join(FOUNDING), configuration)?;
        let Self { genesis, keys, .. } = self;
        let founding = super::VerifiedFounding::made(configuration.clone(), genesis);
        let mut identity = NodeIdentity::of_founding(settings, founding, keys)?;
        identity.is_newborn = true;
        Ok(identity)
    }

    /// The secret half of its key of epoch 0, with the certificate.
    ///
    /// # Errors
    /// What the disk reports.
    pub(crate) fn certified(&self) -> Result<crate::keys::CertifiedKey, FoundingError> {
        let servers = self.genesis.configuration();
        certify(&lock(&self.keys), servers, servers.epoch)
    }
}

/// Whether a server with these keys has taken part in a founding.
pub(super) fn has_begun(keys: &std::path::Path) -> bool {
    keys.join(BEGUN).exists()
}
