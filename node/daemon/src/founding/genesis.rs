//! The file `genesis`: what a system begins with, and nothing that is secret.
//!
//! ```text
//! "quorate genesis\n" [16] | version u16 = 2 | the genesis | BLAKE3 of all of it [32]
//! ```
//! It names no key: the servers make the key of the system themselves ([`crate::making`]), and say
//! afterwards what it is. Its hash is the name of the system, so whoever has the name can tell
//! whether this is its genesis. Version 1 named a key that somebody had dealt, and is refused.

use std::path::Path;

use quorate_crypto::real::RealVerifier;
use quorate_membership::{CheckedGenesis, Genesis};

use super::envelope::{Label, read, write};
use super::error::{FoundingError, GenesisFault};

const LABEL: Label = Label { magic: b"quorate genesis\n", version: 2 };

/// Reads and writes it.
#[derive(Debug)]
pub struct GenesisFile;

impl GenesisFile {
    /// Reads a genesis and checks all that it says: the words of each server and their signatures.
    ///
    /// # Errors
    /// [`FoundingError::File`], or [`FoundingError::Genesis`] says what is wrong with it.
    pub fn read(path: &Path) -> Result<CheckedGenesis, FoundingError> {
        Self::from_bytes(&read(path)?)
            .map_err(|fault| FoundingError::Genesis { path: path.to_path_buf(), fault })
    }

    /// The same, from its bytes.
    ///
    /// # Errors
    /// [`GenesisFault`].
    pub fn from_bytes(bytes: &[u8]) -> Result<CheckedGenesis, GenesisFault> {
        let genesis: Genesis = LABEL.open(bytes)?;
        genesis.check(&RealVerifier).map_err(GenesisFault::Refused)
    }

    /// The bytes of the file.
    #[must_use]
    pub fn to_bytes(genesis: &Genesis) -> Vec<u8> {
        LABEL.seal(genesis)
    }

    /// Writes a file that must not exist yet.
    ///
    /// # Errors
    /// [`FoundingError::File`].
    pub fn write(path: &Path, genesis: &Genesis) -> Result<(), FoundingError> {
        write(path, &Self::to_bytes(genesis))
    }
}
