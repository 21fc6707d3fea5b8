//! What a server is: its place in the system and the keys that prove it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use quorate_client::capacity;
use quorate_membership::EpochKeyCertificate;
use quorate_store::directory::Expectation;
use quorate_types::{Configuration, Epoch, MemberRecord, NodeId};
use zeroize::Zeroizing;

use super::error::{FoundingError, GenesisFault, KeyFault};
use super::founder::{self, Founder};
use super::genesis::GenesisFile;
use super::pinned::{FOUNDING, read_pinned};
use super::verified::VerifiedFounding;
use super::{SEED_BYTES, place};
use crate::configuration::{NodeConfiguration, Origin};
use crate::epochs::{SharedKeys, lock};
use crate::keys::{CertifiedKey, ServerKeys};

/// The file that stands among the keys of a server which has served.
const SERVED: &str = "served";

/// A server with its keys, all of which fit the configuration with which it began.
#[derive(Debug)]
pub struct NodeIdentity {
    /// With what it began.
    pub founding: VerifiedFounding,
    /// The id of this server.
    pub id: NodeId,
    /// Its keys on the disk. The secret of the identity is read only to certify the key of an
    /// epoch, and not kept.
    pub keys: SharedKeys,
    /// The secret seed of the key that it signs with, and proves on links.
    pub epoch_seed: Zeroizing<[u8; SEED_BYTES]>,
    /// What it shows on links: whose key that is.
    pub certificate: EpochKeyCertificate,
    /// It has just made the key of its system with the others: it has missed nothing.
    pub is_newborn: bool,
    has_begun: bool,
    served: PathBuf,
}

/// What a server is when it starts.
#[derive(Debug)]
pub enum Loaded {
    /// One of a system that has a key.
    Founded(Box<NodeIdentity>),
    /// One that makes the key of its system with the others.
    Founding(Box<Founder>),
}

impl Loaded {
    /// Reads the genesis and the keys that a `node.toml` names, and checks that they belong
    /// together.
    ///
    /// # Errors
    /// [`FoundingError`] names the file that is wrong and what to do.
    pub fn load(settings: &NodeConfiguration) -> Result<Self, FoundingError> {
        let Origin::Genesis(file) = &settings.origin else {
            return Err(wrong_key(&settings.file, KeyFault::NoFounder));
        };
        let genesis = GenesisFile::read(file)?;
        capacity::check_whole(&genesis.configuration()).map_err(|excess| {
            let (path, fault) = (file.clone(), GenesisFault::Excess(excess));
            FoundingError::Genesis { path, fault }
        })?;
        let pinned = settings.keys.join(FOUNDING);
        if !pinned.exists() {
            return Founder::load(settings, &genesis).map(|it| Self::Founding(Box::new(it)));
        }
        let founding = read_pinned(&pinned, genesis.unsigned())?;
        let keys = Arc::new(Mutex::new(ServerKeys::open_directory(&settings.keys)?));
        let identity = NodeIdentity::of_founding(settings, founding, keys)?;
        Ok(Self::Founded(Box::new(identity)))
    }
}

fn wrong_key(path: &Path, fault: KeyFault) -> FoundingError {
    FoundingError::Key { path: path.to_path_buf(), fault }
}

impl NodeIdentity {
    /// Reads the genesis and the keys that the `node.toml` of a founder names, and checks that
    /// they belong together.
    ///
    /// # Errors
    /// [`FoundingError`] names the file that is wrong and what to do; also that the system of this
    /// server has no key yet.
    pub fn load(settings: &NodeConfiguration) -> Result<Self, FoundingError> {
        match Loaded::load(settings)? {
            Loaded::Founded(identity) => Ok(*identity),
            Loaded::Founding(_) => Err(FoundingError::Genesis {
                path: settings.file.clone(),
                fault: GenesisFault::NotFounded,
            }),
        }
    }

    /// Checks that keys belong to a server of the configuration with which it begins.
    ///
    /// # Errors
    /// [`FoundingError`] names the file that is wrong and what to do.
    pub(crate) fn with(
        configuration: &NodeConfiguration,
        founding: VerifiedFounding,
        keys: ServerKeys,
    ) -> Result<Self, FoundingError> {
        Self::of_founding(configuration, founding, Arc::new(Mutex::new(keys)))
    }

    /// The same, with keys that others have, too.
    pub(super) fn of_founding(
        configuration: &NodeConfiguration,
        founding: VerifiedFounding,
        shared: SharedKeys,
    ) -> Result<Self, FoundingError> {
        founding.check_pinned(configuration)?;
        let keys = lock(&shared);
        let identity_key = keys.identity_key()?;
        let servers = founding.configuration().configuration();
        let Some(member) = servers.members.iter().find(|it| it.identity_key == identity_key) else {
            return Err(wrong_key(&configuration.keys, KeyFault::NotMember(identity_key)));
        };
        let (id, named) = (member.id, member.epoch_key);
        // Whoever has gone on to a later epoch has erased what belonged to this one.
        let is_first = keys.epochs()?.into_iter().all(|epoch| epoch <= servers.epoch.next());
        let CertifiedKey { certificate, seed: epoch_seed } =
            certify(&keys, servers, servers.epoch)?;
        let is_other = |named| named != certificate.statement.epoch_key;
        if named.is_some_and(|named| is_other(named) && !founding.is_of_genesis(id, named)) {
            return Err(wrong_key(&configuration.keys, KeyFault::OtherEpochKey));
        }
        // Ahead, so that it can be deposited at once, and the identity rests until that epoch.
        if is_first {
            certify(&keys, servers, servers.epoch.next())?;
        }
        let served = configuration.keys.join(SERVED);
        let has_begun = founder::has_begun(&configuration.keys);
        drop(keys);
        let (keys, is_newborn) = (shared, false);
        Ok(Self { founding, id, keys, epoch_seed, certificate, is_newborn, has_begun, served })
    }

    /// The record of this server.
    ///
    /// # Panics
    /// Never: the record was there when the keys were loaded.
    #[must_use]
    pub fn record(&self) -> &MemberRecord {
        let servers = self.founding.configuration().configuration();
        servers.member(self.id).expect("a loaded server is a member")
    }

    /// Whether this server is in the membership group of the epoch with which it began.
    #[must_use]
    pub fn is_in_membership_group(&self) -> bool {
        self.founding.configuration().group_member(self.id).is_some()
    }

    /// Whether this identity has served before, so that its data must be there.
    #[must_use]
    pub fn expectation(&self) -> Expectation {
        let is_known = self.has_served() || self.has_begun;
        if is_known { Expectation::Existing } else { Expectation::Fresh }
    }

    /// Whether this identity has served since its system was founded.
    #[must_use]
    pub fn has_served(&self) -> bool {
        self.served.exists()
    }

    /// Records among its keys that it serves from now on. To be called once the data
    /// directory is open, and before the server speaks.
    ///
    /// # Errors
    /// [`FoundingError::File`].
    pub fn mark_served(&self) -> Result<(), FoundingError> {
        if self.served.exists() {
            // Whoever wrote it may have been killed before its name was durable.
            return Ok(place::keep_name(&self.served)?);
        }
        let text = b"This identity has served: it does not start without its data.\n";
        Ok(place::write_new(&self.served, text)?)
    }
}

/// The key of an epoch, made with fresh seeds if it is not there yet.
pub(super) fn certify(
    keys: &ServerKeys,
    servers: &Configuration,
    epoch: Epoch,
) -> Result<CertifiedKey, FoundingError> {
    let system = (epoch != Epoch::ZERO).then_some(servers.system);
    Ok(keys.certify((system, epoch), &place::fresh_seeds()?)?)
}
