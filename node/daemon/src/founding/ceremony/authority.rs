//! `quorate authority new`: the key that says who may be a server or a client.

use std::path::{Path, PathBuf};

use quorate_crypto::{Signer, real::RealSigner};
use quorate_types::PublicKey;

use super::super::error::FoundingError;
use super::super::place;

/// The file with the secret seed of the authority.
pub const AUTHORITY_KEY: &str = "authority.key";

/// A new authority.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewAuthority {
    /// The secret key; to be kept off the servers.
    pub key: PathBuf,
    /// Its public half.
    pub public_key: PublicKey,
}

/// Makes the key of an authority in a directory.
///
/// # Errors
/// [`FoundingError::File`], also if there is one already.
pub fn new_authority(directory: &Path) -> Result<NewAuthority, FoundingError> {
    place::create_directory(directory)?;
    let (seed, key) = (place::random()?, directory.join(AUTHORITY_KEY));
    place::write_new_secret(&key, &*seed)?;
    Ok(NewAuthority { key, public_key: RealSigner::from_seed(&seed).public_key() })
}
