//! The configurations that this server has adopted, each in a file: the newest and the one before.
//!
//! Both are needed after a restart: a server of the new group gets its state from the old one.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use quorate_membership::{
    CertifiedConfiguration, EpochConfiguration, Schemes, VerifiedConfiguration,
};
use quorate_store::directory::DataDirectory;
use quorate_store::error::StoreError;
use quorate_threshold::PublicKey;
use quorate_types::Epoch;
use quorate_wire::DecodeError;

use crate::founding::VerifiedFounding;

/// The part of the data directory.
pub(crate) const PART: &str = "epochs";
/// Longest configuration that is read, in bytes.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// The stored configurations.
#[derive(Debug)]
pub(crate) struct Chain {
    directory: PathBuf,
    /// With what a founder began. With what another one joined lies in a file like what follows: of
    /// a large system that is not in memory for ever.
    founding: Option<VerifiedFounding>,
}

impl Chain {
    /// Opens the chain of a system that began like this.
    ///
    /// # Errors
    /// What the disk reports.
    pub(crate) fn open(
        data: &DataDirectory,
        founding: &VerifiedFounding,
    ) -> Result<Self, StoreError> {
        let directory = data.join(PART);
        let failed = |source| io("create", directory.clone(), source);
        std::fs::create_dir_all(&directory).map_err(failed)?;
        if founding.is_joined() {
            let chain = Self { directory, founding: None };
            chain.put(founding.configuration())?;
            return Ok(chain);
        }
        Ok(Self { directory, founding: Some(founding.clone()) })
    }

    /// The newest configuration in the data of a server that need not have any.
    ///
    /// # Errors
    /// What the disk reports; that a file is damaged.
    pub(crate) fn stored(
        data: &Path,
        key: &PublicKey,
    ) -> Result<Option<VerifiedConfiguration>, StoreError> {
        let directory = data.join(PART);
        if !directory.is_dir() {
            return Ok(None);
        }
        let newest = epochs_in(&directory)?.into_iter().max();
        let check = |bytes: &[u8]| {
            let certified: CertifiedConfiguration = decoded(quorate_wire::decode(bytes))?;
            certified.verify(key, &Schemes::real()).map_err(|reason| reason.to_string())
        };
        newest.map(|epoch| read(&directory, epoch, check)).transpose()
    }

    /// The newest configuration, of a server that began with this one.
    ///
    /// # Errors
    /// What the disk reports; that a file is damaged.
    pub(crate) fn newest(
        &self,
        begun: &VerifiedConfiguration,
    ) -> Result<VerifiedConfiguration, StoreError> {
        let newest = self.epochs()?.into_iter().max();
        newest.map_or_else(|| Ok(begun.clone()), |epoch| self.read(epoch, begun))
    }

    /// The configuration of an epoch, if it is kept. What it has in common with the one that the
    /// server holds is in memory once.
    ///
    /// # Errors
    /// What the disk reports; that the file is damaged.
    pub(crate) fn of(
        &self,
        epoch: Epoch,
        held: &VerifiedConfiguration,
    ) -> Result<Option<EpochConfiguration>, StoreError> {
        if let Some(founding) = &self.founding {
            let genesis = founding.genesis().filter(|_| epoch == Epoch::ZERO);
            if let Some(genesis) = genesis {
                return Ok(Some(genesis.clone().into()));
            }
            if epoch == founding.configuration().epoch() {
                return Ok(Some(founding.configuration().into()));
            }
        }
        let is_kept = self.epochs()?.contains(&epoch);
        is_kept.then(|| Ok(self.read(epoch, held)?.into())).transpose()
    }

    /// Keeps a configuration, durably, and forgets those before the one before it.
    ///
    /// # Errors
    /// What the disk reports.
    pub(crate) fn put(&self, configuration: &VerifiedConfiguration) -> Result<(), StoreError> {
        let path = self.path(configuration.epoch());
        let write = |file: &mut File| configuration.give_bytes(|piece| file.write_all(piece));
        replace_with(&path, write).map_err(|source| io("write", path, source))?;
        for epoch in self.epochs()? {
            if epoch.next() < configuration.epoch() {
                let path = self.path(epoch);
                std::fs::remove_file(&path).map_err(|source| io("remove", path, source))?;
            }
        }
        Ok(())
    }

    fn path(&self, epoch: Epoch) -> PathBuf {
        path_of(&self.directory, epoch)
    }

    fn epochs(&self) -> Result<Vec<Epoch>, StoreError> {
        epochs_in(&self.directory)
    }

    fn read(
        &self,
        epoch: Epoch,
        held: &VerifiedConfiguration,
    ) -> Result<VerifiedConfiguration, StoreError> {
        let check = |bytes: &[u8]| {
            let certified = decoded(CertifiedConfiguration::decode_beside(bytes, held))?;
            certified.verify_after(held, &Schemes::real()).map_err(|reason| reason.to_string())
        };
        read(&self.directory, epoch, check)
    }
}

fn path_of(directory: &Path, epoch: Epoch) -> PathBuf {
    directory.join(epoch.get().to_string())
}

fn epochs_in(directory: &Path) -> Result<Vec<Epoch>, StoreError> {
    let failed = |source| io("list", directory.to_path_buf(), source);
    let mut epochs = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let number = name.to_str().and_then(|name| name.parse().ok());
        epochs.extend(number.map(Epoch::new));
    }
    Ok(epochs)
}

fn read(
    directory: &Path,
    epoch: Epoch,
    check: impl FnOnce(&[u8]) -> Result<VerifiedConfiguration, String>,
) -> Result<VerifiedConfiguration, StoreError> {
    let path = path_of(directory, epoch);
    let damaged = |reason: String| StoreError::Corrupt { path: path.clone(), reason };
    let length = std::fs::metadata(&path).map_err(|source| io("read", path.clone(), source))?;
    if length.len() > BYTES_MAX as u64 {
        return Err(damaged(String::from("it is longer than any configuration")));
    }
    let bytes = std::fs::read(&path).map_err(|source| io("read", path.clone(), source))?;
    check(&bytes).map_err(damaged)
}

fn decoded<T>(read: Result<T, DecodeError>) -> Result<T, String> {
    read.map_err(|error| error.to_string())
}

/// Writes a file that is whole or not there, and durable on return.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    replace_with(path, |file| file.write_all(bytes))
}

/// Does as [`replace`] with what is written meanwhile.
pub(crate) fn replace_with(
    path: &Path,
    write: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut file = File::create(&unfinished)?;
    write(&mut file)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    File::open(path.parent().unwrap_or(path))?.sync_all()
}

fn io(operation: &'static str, path: PathBuf, source: std::io::Error) -> StoreError {
    StoreError::Io { operation, path, source }
}

#[cfg(test)]
mod tests {
    //! What a server joined with does not outlive its use.
    use std::net::SocketAddr;
    use std::sync::Arc;

    use quorate_store::directory::{DataDirectory, Expectation};

    use super::Chain;
    use crate::crowd::{CROWD_MIN, Crowd};
    use crate::founding::VerifiedFounding;

    #[test]
    fn with_what_a_server_joined_lies_in_a_file_and_not_in_memory() {
        let path = std::env::temp_dir().join(format!("quorate-chain-{}", std::process::id()));
        let data = DataDirectory::open(&path, &[1; 32], Expectation::Fresh).expect("a directory");
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        let joined = Crowd::new(CROWD_MIN, address).configuration().clone();
        let record = Arc::clone(&joined.configuration().members[0]);
        let (hash, epoch) = (joined.hash(), joined.epoch());

        let founding = VerifiedFounding::joined(joined);
        let chain = Chain::open(&data, &founding).expect("the disk is well");
        let newest = chain.newest(founding.configuration()).expect("it can be read");
        assert_eq!(newest.hash(), hash);
        let again = chain.of(epoch, &newest).expect("it can be read").expect("it is kept");
        assert_eq!(again.epoch(), epoch);
        drop((founding, newest, again));
        assert_eq!(Arc::strong_count(&record), 1, "nobody holds it");
        drop(chain);
        std::fs::remove_dir_all(&path).expect("the scratch directory goes");
    }
}
