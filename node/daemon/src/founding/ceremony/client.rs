//! `quorate client new`: a client's key and the authority's word about it.

use std::path::{Path, PathBuf};

use quorate_client::carried::{CLIENT_CERTIFICATE, to_line};
use quorate_client::cluster_file::{ClientFiles, ClusterFile};
use quorate_crypto::authority::CLIENT_NAME_BYTES_MAX;
use quorate_crypto::{ClientCertificate, ClientGrant, Signer, real::RealSigner};
use quorate_types::{ClientId, UnixTime};

use super::super::error::{FoundingError, KeyFault, RequestFault};
use super::super::{place, read_seed};

/// The file with the secret seed of a client.
pub const CLIENT_KEY: &str = "client.key";
/// The file with all that a client needs to know.
pub const CLUSTER_FILE: &str = "cluster.toml";
/// The file with the authority's word about a client.
const CERTIFICATE_FILE: &str = "client.certificate";

/// What the authority says about a new client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientRequest {
    /// The secret key of the authority.
    pub authority_key: PathBuf,
    /// The `cluster.toml` of the system.
    pub cluster_file: PathBuf,
    /// What people call the client.
    pub name: String,
    /// When the certificate runs out.
    pub expires: UnixTime,
}

/// A new client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewClient {
    /// The client.
    pub id: ClientId,
    /// Its files.
    pub files: ClientFiles,
    /// A `cluster.toml` that names them.
    pub cluster_file: PathBuf,
}

/// Makes a client's key, certificate and `cluster.toml` in a directory.
///
/// # Errors
/// [`FoundingError`] if the key is not that of the system's authority, or a file is there already.
pub fn new_client(directory: &Path, request: &ClientRequest) -> Result<NewClient, FoundingError> {
    let cluster = ClusterFile::read(&request.cluster_file)?;
    let authority = RealSigner::from_seed(&*read_seed(&request.authority_key)?);
    if authority.public_key() != cluster.authority_key {
        let fault = KeyFault::OtherAuthority(cluster.authority_key);
        return Err(FoundingError::Key { path: request.authority_key.clone(), fault });
    }
    check_name(&request.name)?;
    let seed = place::random()?;
    let id = RealSigner::from_seed(&seed).public_key().client();
    let (system, name, expires) = (cluster.system, request.name.clone(), request.expires);
    let certificate =
        ClientCertificate::issue(ClientGrant { system, client: id, name, expires }, &authority);

    place::create_directory(directory)?;
    let files = ClientFiles {
        key: directory.join(CLIENT_KEY),
        certificate: directory.join(CERTIFICATE_FILE),
    };
    place::write_new_secret(&files.key, &*seed)?;
    let line = to_line(CLIENT_CERTIFICATE, &certificate) + "\n";
    place::write_new(&files.certificate, line.as_bytes())?;
    let cluster_file = directory.join(CLUSTER_FILE);
    let cluster = ClusterFile { client: Some(files.clone()), ..cluster };
    place::write_new(&cluster_file, cluster.to_text(directory).as_bytes())?;
    Ok(NewClient { id, files, cluster_file })
}

fn check_name(name: &str) -> Result<(), FoundingError> {
    let what = if name.is_empty() {
        String::from("it is empty")
    } else if name.len() > CLIENT_NAME_BYTES_MAX {
        format!("it is longer than {CLIENT_NAME_BYTES_MAX} bytes")
    } else {
        return Ok(());
    };
    let fault = RequestFault::Value { what, remedy: "give a short name" };
    Err(FoundingError::Request { option: "--name", fault })
}
