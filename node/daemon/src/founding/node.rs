//! What a server is: its place in the genesis and the keys that prove it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use quorate_client::capacity;
use quorate_client::explanation::Explanation;
use quorate_crypto::{IdentitySigner, Signer, real::RealSigner};
use quorate_membership::{EpochKeyCertificate, EpochKeyStatement};
use quorate_store::directory::Expectation;
use quorate_store::keys;
use quorate_threshold::KeyShare;
use quorate_types::{MemberRecord, NodeId};
use zeroize::Zeroizing;

use super::error::{FoundingError, GenesisFault, KeyFault};
use super::file::{FoundingFile, VerifiedFounding};
use super::{SEED_BYTES, place, read_seed};
use crate::configuration::NodeConfiguration;

/// What the name of the file ends with that stands beside an identity key which has served.
const SERVED_SUFFIX: &str = ".served";

/// A server with its keys, all of which fit the genesis.
#[derive(Debug)]
pub struct NodeIdentity {
    /// How the system began.
    pub founding: VerifiedFounding,
    /// The id of this server.
    pub id: NodeId,
    /// The secret seed of the key that it signs with, and proves on links. The secret of the
    /// identity is read for comparison only and not kept: it signs what a server makes before it
    /// runs, and the keys of later epochs.
    pub epoch_seed: Zeroizing<[u8; SEED_BYTES]>,
    /// What it shows on links: whose key that is.
    pub certificate: EpochKeyCertificate,
    /// Its share of the system's key, if it is in the membership group.
    pub share: Option<KeyShare>,
    served: PathBuf,
}

fn wrong_key(path: &Path, fault: KeyFault) -> FoundingError {
    FoundingError::Key { path: path.to_path_buf(), fault }
}

impl NodeIdentity {
    /// Reads the genesis and the keys that a `node.toml` names, and checks that they belong
    /// together.
    ///
    /// # Errors
    /// [`FoundingError`] names the file that is wrong and what to do.
    pub fn load(configuration: &NodeConfiguration) -> Result<Self, FoundingError> {
        let founding =
            FoundingFile::read_verified(&configuration.genesis, &configuration.system_key)?;
        capacity::check(founding.configuration().configuration()).map_err(|excess| {
            let (path, fault) = (configuration.genesis.clone(), GenesisFault::Excess(excess));
            FoundingError::Genesis { path, fault }
        })?;
        let epoch_seed = read_seed(&configuration.epoch_key)?;
        let identity = RealSigner::from_seed(&*read_seed(&configuration.identity_key)?);
        let identity_key = identity.identity_key();
        let members = &founding.configuration().configuration().members;
        let Some(member) = members.iter().find(|member| member.identity_key == identity_key) else {
            let fault = KeyFault::NotMember(identity_key);
            return Err(wrong_key(&configuration.identity_key, fault));
        };
        let epoch_key = RealSigner::from_seed(&epoch_seed).public_key();
        if Some(epoch_key) != member.epoch_key {
            return Err(wrong_key(&configuration.epoch_key, KeyFault::OtherEpochKey));
        }
        let id = member.id;
        let statement = EpochKeyStatement::founding(identity_key, epoch_key);
        let certificate = EpochKeyCertificate::issue(statement, &identity);
        let share = load_share(configuration, &founding, id)?;
        let served = served_mark(&configuration.identity_key);
        Ok(Self { founding, id, epoch_seed, certificate, share, served })
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

    /// Whether this server is in the membership group of epoch 0.
    #[must_use]
    pub fn is_in_membership_group(&self) -> bool {
        self.share.is_some()
    }

    /// Whether this identity has served before, so that its data must be there.
    #[must_use]
    pub fn expectation(&self) -> Expectation {
        if self.served.exists() { Expectation::Existing } else { Expectation::Fresh }
    }

    /// Records beside the identity key that it serves from now on. To be called once the data
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

/// The file beside an identity key that says that it has served.
fn served_mark(identity_key: &Path) -> PathBuf {
    let mut name = OsString::from(identity_key.as_os_str());
    name.push(SERVED_SUFFIX);
    PathBuf::from(name)
}

fn load_share(
    configuration: &NodeConfiguration,
    founding: &VerifiedFounding,
    id: NodeId,
) -> Result<Option<KeyShare>, FoundingError> {
    let group = &founding.configuration().configuration().membership_group;
    let Some(place) = group.iter().position(|member| *member == id) else {
        return Ok(None);
    };
    let Some(path) = &configuration.share else {
        return Err(wrong_key(&configuration.file, KeyFault::NoShare));
    };
    let bytes = match keys::read_secret(path) {
        Err(keys::KeyError::Missing { .. }) => return Err(wrong_key(path, KeyFault::NoShare)),
        read => read.map_err(|error| Explanation::of_key(&error))?,
    };
    let broken = |reason| wrong_key(path, KeyFault::BrokenShare(reason));
    let share = KeyShare::decode(&bytes).map_err(broken)?;
    // The share of place 0 has index 1: index 0 is the secret itself.
    let is_own = usize::from(share.index().get()) == place + 1;
    if !is_own || founding.group_key().check_share(&share).is_err() {
        return Err(wrong_key(path, KeyFault::OtherShare));
    }
    Ok(Some(share))
}
