//! `quorate init` and `quorate system-key`: from the admissions of the first servers to a genesis,
//! and from the key that they have made to the file for clients.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quorate_bft::limits::GROUP_F_MAX;
use quorate_client::carried::{self, ADMISSION};
use quorate_client::cluster_file::{ClusterFile, ServerContact};
use quorate_client::settings;
use quorate_crypto::{Signer, real::RealSigner, real::RealVerifier};
use quorate_membership::{
    CheckedGenesis, Genesis, GenesisError, NodeAdmission, VerifiedConfiguration,
};
use quorate_types::{Digest, MemberRecord, PublicKey, Resilience, SystemId, UnixTime};

use super::super::error::{AdmissionFault, FoundingError, RequestFault};
use super::super::genesis::GenesisFile;
use super::super::{place, read_seed};
use crate::configuration::GENESIS;

/// What a system begins with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SystemRequest {
    /// The secret key of the authority.
    pub authority_key: PathBuf,
    /// Bad servers tolerated in each storage group.
    pub f: u16,
    /// Bad servers tolerated in the membership group.
    pub f_ms: u16,
    /// The admissions of the first servers.
    pub admissions: Vec<PathBuf>,
}

/// A genesis that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewGenesis {
    /// The system.
    pub system: SystemId,
    /// The file for every server, and for whoever asks for the key.
    pub genesis_file: PathBuf,
}

/// Makes the genesis of a system in a directory. Nothing in it is secret: its servers make the key.
///
/// # Errors
/// [`FoundingError`] names the admission or option that is wrong, or the file that is there.
pub fn new_genesis(directory: &Path, request: &SystemRequest) -> Result<NewGenesis, FoundingError> {
    let authority_key = RealSigner::from_seed(&*read_seed(&request.authority_key)?).public_key();
    let genesis = gather(authority_key, request)?;
    place::create_directory(directory)?;
    let genesis_file = directory.join(GENESIS);
    GenesisFile::write(&genesis_file, genesis.genesis())?;
    Ok(NewGenesis { system: genesis.system(), genesis_file })
}

/// Writes the `cluster.toml` of a system, with the key under which this configuration of it was
/// verified, and how long its epochs last, if that is known.
///
/// # Errors
/// [`FoundingError::File`], also if there is one already.
pub fn new_cluster_file(
    path: &Path,
    configuration: &VerifiedConfiguration,
    epoch: Option<Duration>,
) -> Result<(), FoundingError> {
    let servers = configuration.configuration();
    let contact = |member: &Arc<MemberRecord>| ServerContact {
        identity_key: member.identity_key,
        address: member.address.clone(),
    };
    let cluster = ClusterFile {
        system: servers.system,
        system_key: *configuration.header().system_key(),
        authority_key: servers.authority_key,
        epoch,
        servers: servers.members.iter().map(contact).collect(),
        client: None,
    };
    let directory = settings::directory_of(path);
    Ok(place::write_new(path, cluster.to_text(directory).as_bytes())?)
}

fn resilience(option: &'static str, f: u16) -> Result<Resilience, FoundingError> {
    let fits = Resilience::new(f).ok().filter(|_| f <= GROUP_F_MAX);
    fits.ok_or(FoundingError::Request { option, fault: RequestFault::Resilience(f) })
}

fn gather(
    authority_key: PublicKey,
    request: &SystemRequest,
) -> Result<CheckedGenesis, FoundingError> {
    let (storage, membership) =
        (resilience("--f", request.f)?, resilience("--f-ms", request.f_ms)?);
    let mut admissions = read_admissions(&request.admissions)?;
    admissions.sort_by_key(NodeAdmission::identity_key);
    let genesis = Genesis {
        authority_key,
        storage,
        membership,
        created: now(),
        randomness: Digest::new(*place::random()?),
        admissions,
    };
    genesis.check(&RealVerifier).map_err(refused)
}

fn refused(error: GenesisError) -> FoundingError {
    let fault = match error {
        GenesisError::TooFewServers { needed, got } => RequestFault::TooFewServers { needed, got },
        GenesisError::TooManyServers { .. } => {
            RequestFault::Value { what: error.to_string(), remedy: "give fewer admissions" }
        }
        GenesisError::Order { .. }
        | GenesisError::Shared { .. }
        | GenesisError::Admission { .. } => RequestFault::Value {
            what: error.to_string(),
            remedy: "give each server once, with its own admission",
        },
    };
    FoundingError::Request { option: "ADMISSION", fault }
}

fn read_admissions(paths: &[PathBuf]) -> Result<Vec<NodeAdmission>, FoundingError> {
    let mut seen: BTreeMap<String, &Path> = BTreeMap::new();
    let mut admissions = Vec::new();
    for path in paths {
        let fail = |fault| FoundingError::Admission { path: path.clone(), fault };
        let admission: NodeAdmission = carried::read(ADMISSION, path)?;
        let refused = |reason| fail(AdmissionFault::Refused(reason));
        admission.check(&RealVerifier).map_err(refused)?;
        let distinct = [
            format!("identity key {}", admission.identity_key()),
            format!("epoch key {}", admission.epoch_key()),
            format!("address {}", admission.server.address),
        ];
        for common in distinct {
            if let Some(other) = seen.insert(common.clone(), path) {
                let other = other.to_path_buf();
                return Err(fail(AdmissionFault::Conflict { common, other }));
            }
        }
        admissions.push(admission);
    }
    Ok(admissions)
}

/// The wall clock, in whole microseconds.
fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
