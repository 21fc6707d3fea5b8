//! `quorate init`: from the admissions of the first servers to a system with one key.
//!
//! The key is dealt here. Its seed and its polynomial are erased when this returns; what remains
//! are the share files, which are to be carried to their servers and erased here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use quorate_bft::limits::GROUP_F_MAX;
use quorate_client::carried::{self, ADMISSION};
use quorate_client::cluster_file::{ClusterFile, ServerContact};
use quorate_client::explanation::{Explanation, Kind};
use quorate_client::settings;
use quorate_crypto::{Signer, real::RealSigner, real::RealVerifier};
use quorate_membership::{
    CheckedGenesis, Founding, Genesis, GenesisError, NodeAdmission, VerifiedConfiguration,
};
use quorate_threshold as threshold;
use quorate_threshold::{Bls12381, Seed};
use quorate_types::{Digest, IdentityKey, MemberRecord, PublicKey, Resilience, SystemId, UnixTime};

use super::super::error::{AdmissionFault, FoundingError, RequestFault};
use super::super::file::FoundingFile;
use super::super::genesis::GenesisFile;
use super::super::{place, read_seed};
use super::client::CLUSTER_FILE;
use crate::configuration::GENESIS;

/// The directory of the share files.
const SHARES: &str = "shares";

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

/// A share and whose it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShareFile {
    /// The server.
    pub identity_key: IdentityKey,
    /// Where others reach the server.
    pub address: String,
    /// The secret file, to be carried to that server alone.
    pub path: PathBuf,
}

/// A new system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FoundedSystem {
    /// The system.
    pub system: SystemId,
    /// The one key that everybody pins.
    pub system_key: threshold::PublicKey,
    /// The file for every server.
    pub genesis_file: PathBuf,
    /// The file for every client.
    pub cluster_file: PathBuf,
    /// One secret file for each member of the membership group.
    pub shares: Vec<ShareFile>,
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
/// verified.
///
/// # Errors
/// [`FoundingError::File`], also if there is one already.
pub fn new_cluster_file(
    path: &Path,
    configuration: &VerifiedConfiguration,
) -> Result<(), FoundingError> {
    let servers = configuration.configuration();
    let contact = |member: &MemberRecord| ServerContact {
        identity_key: member.identity_key,
        address: member.address.clone(),
    };
    let cluster = ClusterFile {
        system: servers.system,
        system_key: *configuration.header().system_key(),
        authority_key: servers.authority_key,
        servers: servers.members.iter().map(contact).collect(),
        client: None,
    };
    let directory = settings::directory_of(path);
    Ok(place::write_new(path, cluster.to_text(directory).as_bytes())?)
}

/// Founds a system and writes its files into a directory.
///
/// # Errors
/// [`FoundingError`] names the admission or option that is wrong, or the file that is there.
pub fn found_system(
    directory: &Path,
    request: &SystemRequest,
) -> Result<FoundedSystem, FoundingError> {
    let authority_key = RealSigner::from_seed(&*read_seed(&request.authority_key)?).public_key();
    let genesis = gather(authority_key, request)?;
    let seed = Seed::new(*place::random()?);
    let founding = genesis.found(&seed, &Bls12381).map_err(|reason| Explanation {
        kind: Kind::Internal,
        code: "dealing",
        what: format!("the key could not be dealt ({reason:?})"),
        place: String::from("init"),
        remedy: String::from("run the command again: another seed is drawn"),
    })?;
    drop(seed);
    place::create_directory(&directory.join(SHARES))?;
    let shares = write_shares(directory, &founding)?;
    write_public(directory, &genesis, founding, shares)
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

fn write_shares(directory: &Path, founding: &Founding) -> Result<Vec<ShareFile>, FoundingError> {
    let mut files = Vec::new();
    for (id, share) in &founding.shares {
        let member = founding.configuration.members.iter().find(|member| member.id == *id);
        let member = member.expect("MEM-1: the group is among the members");
        let name = format!("{}.key", member.name());
        let path = directory.join(SHARES).join(name);
        place::write_new_secret(&path, &*share.encode())?;
        let (identity_key, address) = (member.identity_key, member.address.clone());
        files.push(ShareFile { identity_key, address, path });
    }
    Ok(files)
}

fn write_public(
    directory: &Path,
    genesis: &CheckedGenesis,
    founding: Founding,
    shares: Vec<ShareFile>,
) -> Result<FoundedSystem, FoundingError> {
    let (genesis_file, cluster_file) = (directory.join(GENESIS), directory.join(CLUSTER_FILE));
    let Founding { configuration, system_key, commitment, .. } = founding;
    let servers = configuration.members.iter().map(|member| ServerContact {
        identity_key: member.identity_key,
        address: member.address.clone(),
    });
    let (system, authority_key) = (genesis.system(), genesis.genesis().authority_key);
    let servers = servers.collect();
    let cluster = ClusterFile { system, system_key, authority_key, servers, client: None };
    FoundingFile { system_key, configuration, commitment }.write(&genesis_file)?;
    place::write_new(&cluster_file, cluster.to_text(directory).as_bytes())?;
    Ok(FoundedSystem { system, system_key, genesis_file, cluster_file, shares })
}
