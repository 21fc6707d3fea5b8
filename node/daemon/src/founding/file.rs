//! The file `genesis`: all that is public about how a system began, under one key.
//!
//! ```text
//! "quorate genesis\n" [16] | version u16 = 1 | system key [48] | certified configuration
//! | public side of the sharing: count u32, points [48] ... | BLAKE3 of all of it [32]
//! ```
//! The hash at the end tells a damaged copy from a forgery; belief comes from the key alone. The
//! numbers of bad servers that are tolerated, also by the storage, stand in the signed header.

use std::path::Path;

use quorate_client::explanation::Explanation;
use quorate_membership::header::commitment_digest;
use quorate_membership::{
    CertifiedConfiguration, Schemes, UnsignedConfiguration, VerifiedConfiguration,
};
use quorate_threshold as threshold;
use quorate_threshold::{Commitment, GroupKey, PUBLIC_KEY_BYTES, Parameters, SHARE_COUNT_MAX};
use quorate_types::{NodeId, PublicKey, Resilience, SystemId};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use super::error::{FoundingError, GenesisFault};
use super::place;
use crate::configuration::NodeConfiguration;

/// Longest genesis that is read, in bytes.
pub const GENESIS_BYTES_MAX: u64 = 64 * 1024 * 1024;

const MAGIC: &[u8; 16] = b"quorate genesis\n";
const VERSION: u16 = 1;
const HASH_BYTES: usize = blake3::OUT_LEN;

const POINTS: Limit =
    Limit::new("bytes of a commitment", SHARE_COUNT_MAX as usize * PUBLIC_KEY_BYTES);

/// What the file says; believed once [`Self::verify`] says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FoundingFile {
    /// The key that the founder says the system has.
    pub system_key: threshold::PublicKey,
    /// The configuration of epoch 0.
    pub configuration: CertifiedConfiguration,
    /// The public side of the sharing of the key.
    pub commitment: Commitment,
}

impl FoundingFile {
    /// Reads a file without believing it.
    ///
    /// # Errors
    /// [`FoundingError::File`], or [`FoundingError::Genesis`] if it is no genesis, or damaged.
    pub fn read(path: &Path) -> Result<Self, FoundingError> {
        let failed = |error: std::io::Error| Explanation::of_io("read", path, &error);
        if std::fs::metadata(path).map_err(failed)?.len() > GENESIS_BYTES_MAX {
            let (path, fault) = (path.to_path_buf(), GenesisFault::Foreign);
            return Err(FoundingError::Genesis { path, fault });
        }
        let bytes = std::fs::read(path).map_err(failed)?;
        Self::from_bytes(&bytes)
            .map_err(|fault| FoundingError::Genesis { path: path.to_path_buf(), fault })
    }

    /// Reads a file and checks all of it under the pinned key.
    ///
    /// # Errors
    /// [`FoundingError`] says why it is not believed.
    pub fn read_verified(
        path: &Path,
        system_key: &threshold::PublicKey,
    ) -> Result<VerifiedFounding, FoundingError> {
        Self::read(path)?
            .verify(system_key)
            .map_err(|fault| FoundingError::Genesis { path: path.to_path_buf(), fault })
    }

    /// Writes a file that must not exist yet.
    ///
    /// # Errors
    /// [`FoundingError::File`].
    pub fn write(&self, path: &Path) -> Result<(), FoundingError> {
        Ok(place::write_new(path, &self.to_bytes())?)
    }

    /// The bytes of the file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(4096);
        writer.raw(MAGIC);
        VERSION.encode(&mut writer);
        writer.raw(self.system_key.as_bytes());
        self.configuration.encode(&mut writer);
        writer.bytes(&self.commitment.encode());
        let hash = blake3::hash(writer.as_bytes());
        writer.raw(hash.as_bytes());
        writer.into_bytes()
    }

    /// The content of these bytes.
    ///
    /// # Errors
    /// [`GenesisFault`] says what they are instead.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GenesisFault> {
        let mut reader = Reader::new(bytes);
        if reader.raw(MAGIC.len()).ok() != Some(MAGIC) {
            return Err(GenesisFault::Foreign);
        }
        let version = u16::decode(&mut reader).map_err(damaged)?;
        if version != VERSION {
            return Err(GenesisFault::Version(version));
        }
        let Some((content, hash)) = bytes.split_last_chunk::<HASH_BYTES>() else {
            return Err(damaged(DecodeError::Truncated));
        };
        if blake3::hash(content) != blake3::Hash::from(*hash) {
            return Err(GenesisFault::Damaged(String::from("the hash at its end does not fit")));
        }
        let begin = MAGIC.len() + size_of::<u16>();
        Self::decode_content(content.get(begin..).unwrap_or_default())
    }

    fn decode_content(bytes: &[u8]) -> Result<Self, GenesisFault> {
        let mut reader = Reader::new(bytes);
        let key = reader.array::<PUBLIC_KEY_BYTES>().map_err(damaged)?;
        let no_key = |reason| GenesisFault::Damaged(format!("its key is no key: {reason:?}"));
        let system_key = threshold::PublicKey::decode(&key).map_err(no_key)?;
        let configuration = CertifiedConfiguration::decode(&mut reader).map_err(damaged)?;
        let points = reader.bytes(POINTS).map_err(damaged)?;
        reader.finish().map_err(damaged)?;
        let no_commitment = |reason| GenesisFault::Damaged(format!("its sharing: {reason:?}"));
        let parameters = sharing_parameters(configuration.certified.header.membership);
        let commitment = Commitment::decode(&points, parameters).map_err(no_commitment)?;
        Ok(Self { system_key, configuration, commitment })
    }

    /// Checks everything under the key that is believed.
    ///
    /// # Errors
    /// [`GenesisFault`] says why it is not believed.
    pub fn verify(self, pinned: &threshold::PublicKey) -> Result<VerifiedFounding, GenesisFault> {
        if self.system_key != *pinned {
            let (pinned, found) = (Box::new(*pinned), Box::new(self.system_key));
            return Err(GenesisFault::OtherSystem { pinned, found });
        }
        let configuration = self.configuration.verify(pinned, &Schemes::real());
        let configuration = configuration.map_err(GenesisFault::Forged)?;
        let signed = configuration.header().header().lineage.commitments;
        if commitment_digest(&self.commitment) != signed {
            return Err(GenesisFault::Commitment);
        }
        let group = GroupKey::new(self.commitment).or(Err(GenesisFault::Commitment))?;
        if group.public_key() != *pinned {
            return Err(GenesisFault::Commitment);
        }
        Ok(VerifiedFounding { configuration, group: Some(group), genesis: None })
    }
}

/// How the key of the system is shared in a membership group.
fn sharing_parameters(membership: Resilience) -> Parameters {
    let threshold = u16::try_from(membership.weak_quorum()).expect("f is at most 21");
    let share_count = u16::try_from(membership.replicas()).expect("3f + 1 is at most 64");
    Parameters::new(threshold, share_count).expect("f + 1 of 3f + 1 is a sharing")
}

fn damaged(error: DecodeError) -> GenesisFault {
    GenesisFault::Damaged(error.to_string())
}

/// With what a server began: the founding of its system, which only [`FoundingFile::verify`]
/// makes, or a later configuration that named it.
#[derive(Clone, Debug)]
pub struct VerifiedFounding {
    configuration: VerifiedConfiguration,
    /// How a dealer shared the key, if there was one.
    group: Option<GroupKey>,
    /// With what its servers began, if they made the key.
    genesis: Option<UnsignedConfiguration>,
}

impl VerifiedFounding {
    /// What a server begins with that joined a system with this configuration.
    #[must_use]
    pub const fn joined(configuration: VerifiedConfiguration) -> Self {
        Self { configuration, group: None, genesis: None }
    }

    /// Of a system whose servers made the key.
    pub(super) const fn made(
        configuration: VerifiedConfiguration,
        genesis: UnsignedConfiguration,
    ) -> Self {
        Self { configuration, group: None, genesis: Some(genesis) }
    }

    /// Did this server join a system that others had founded?
    #[must_use]
    pub const fn is_joined(&self) -> bool {
        self.group.is_none() && self.genesis.is_none()
    }

    /// The configuration of epoch 0 with which a system began whose servers made the key.
    #[must_use]
    pub const fn genesis(&self) -> Option<&UnsignedConfiguration> {
        self.genesis.as_ref()
    }

    /// Does the genesis name this key of a server? So does the configuration that follows on it if
    /// the server never deposited another one.
    pub(super) fn is_of_genesis(&self, id: NodeId, key: PublicKey) -> bool {
        let genesis = self.genesis.as_ref().and_then(|it| it.configuration().member(id));
        genesis.is_some_and(|member| member.epoch_key == Some(key))
    }

    /// What an operator has pinned is the key of this system.
    pub(super) fn check_pinned(&self, settings: &NodeConfiguration) -> Result<(), FoundingError> {
        let (found, path) = (self.system_key(), settings.file.clone());
        let other = settings.system_key.filter(|pinned| *pinned != found);
        let Some(pinned) = other else { return Ok(()) };
        let fault = GenesisFault::OtherSystem { pinned: Box::new(pinned), found: Box::new(found) };
        Err(FoundingError::Genesis { path, fault })
    }

    /// The configuration of the first epoch of this server: if it founded the system, the first
    /// that was signed.
    #[must_use]
    pub const fn configuration(&self) -> &VerifiedConfiguration {
        &self.configuration
    }

    /// The public side of the sharing of the system's key in epoch 0, if a dealer dealt it.
    #[must_use]
    pub const fn group_key(&self) -> Option<&GroupKey> {
        self.group.as_ref()
    }

    /// The system.
    #[must_use]
    pub fn system(&self) -> SystemId {
        self.configuration.configuration().system
    }

    /// The one key of the system.
    #[must_use]
    pub fn system_key(&self) -> threshold::PublicKey {
        *self.configuration.header().system_key()
    }

    /// Bad servers tolerated in each storage group.
    #[must_use]
    pub fn storage(&self) -> Resilience {
        self.configuration.configuration().storage
    }

    /// Bad servers tolerated in the membership group.
    #[must_use]
    pub fn membership(&self) -> Resilience {
        self.configuration.configuration().membership
    }
}
