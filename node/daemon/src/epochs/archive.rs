//! The chain of all configurations on the disk of a server, for whoever wants to check all of it:
//! with which configuration it begins, and what each epoch since changed. Nothing in it is secret.
//!
//! ```text
//! epochs/chain/E      what epoch E changed
//! epochs/chain/first  the configuration with which it begins, where that is not the genesis
//! ```
//! A server that was away, or came later, lacks some: those it asks others for. The last
//! [`ARCHIVE_EPOCHS_MAX`] epochs are kept.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use quorate_membership::archive::{ArchiveMessage, Deltas, FirstPart};
use quorate_membership::limits::{
    ARCHIVE_DELTA_BYTES_MAX, ARCHIVE_DELTAS_MAX, ARCHIVE_EPOCHS_MAX, ARCHIVE_FIRST_BYTES_MAX,
    ARCHIVE_PART_BYTES,
};
use quorate_membership::{CertifiedConfiguration, Delta, Schemes, VerifiedConfiguration};
use quorate_store::directory::DataDirectory;
use quorate_store::error::StoreError;
use quorate_threshold::PublicKey;
use quorate_types::Epoch;

use super::chain::{PART, replace, replace_with};

const FIRST: &str = "first";
const GONE: &str = "it was there when the server started";
/// How many epochs more than those that are kept there may be before the oldest go.
const SLACK: u64 = 64;

/// What is kept, for the thread that writes and for those that answer.
#[derive(Debug)]
pub struct Archive {
    directory: PathBuf,
    key: PublicKey,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    /// The epoch with which the chain begins.
    begins: Epoch,
    /// Its configuration, while no file has it: that of the founding, or with which a server came
    /// that was not told of an earlier one yet.
    first: Option<VerifiedConfiguration>,
    /// Epochs of which it is known what they changed.
    deltas: BTreeSet<Epoch>,
}

impl Archive {
    /// Opens what is kept of a system that began with this configuration.
    ///
    /// # Errors
    /// What the disk reports; that the beginning is damaged.
    pub(crate) fn open(
        data: &DataDirectory,
        founding: VerifiedConfiguration,
    ) -> Result<Self, StoreError> {
        let directory = data.join(PART).join("chain");
        let failed = |source| io("create", &directory, source);
        std::fs::create_dir_all(&directory).map_err(failed)?;
        let key = *founding.header().system_key();
        let deltas = listed(&directory)?;
        let kept = match read_first(&directory.join(FIRST), &key)? {
            Some(first) => Kept { begins: first.epoch(), first: None, deltas },
            None => Kept { begins: founding.epoch(), first: Some(founding), deltas },
        };
        let kept = Mutex::new(kept);
        Ok(Self { directory, key, kept })
    }

    /// The key under which all of it is signed.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The configuration with which the chain begins.
    fn first(&self) -> Result<VerifiedConfiguration, StoreError> {
        // The file is not read under the lock: that takes a while, and questions are answered
        // meanwhile. Whoever replaces it does so as a whole.
        let in_memory = self.kept().first.clone();
        if let Some(first) = in_memory {
            return Ok(first);
        }
        let path = self.directory.join(FIRST);
        let gone = || StoreError::Corrupt { path: path.clone(), reason: String::from(GONE) };
        read_first(&path, &self.key)?.ok_or_else(gone)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, epoch: Epoch) -> PathBuf {
        self.directory.join(epoch.get().to_string())
    }

    /// Keeps what an epoch changed.
    ///
    /// # Errors
    /// What the disk reports.
    pub(crate) fn put(&self, delta: &Delta) -> Result<(), StoreError> {
        let epoch = delta.certified.header.epoch;
        let path = self.path(epoch);
        replace(&path, &quorate_wire::encode(delta))
            .map_err(|source| io("write", &path, source))?;
        self.kept().deltas.insert(epoch);
        Ok(())
    }

    /// The first epoch up to `newest` of which it is not known what it changed.
    #[must_use]
    pub(crate) fn lacks(&self, newest: Epoch) -> Option<Epoch> {
        let kept = self.kept();
        let mut epoch = kept.begins.next();
        while kept.deltas.contains(&epoch) {
            epoch = epoch.next();
        }
        (epoch <= newest).then_some(epoch)
    }

    /// Is it not known yet with which configuration the chain of the system begins? This server
    /// came later, and has only that with which it came.
    pub(crate) fn is_late(&self) -> bool {
        // Epoch 1 is the first that is signed: there is nothing before it.
        let kept = self.kept();
        kept.begins > Epoch::ZERO.next() && kept.first.is_some()
    }

    /// Has the chain begin with this configuration, if it is earlier; it is settled then.
    ///
    /// # Errors
    /// What the disk reports.
    pub(crate) fn begin_with(&self, first: &VerifiedConfiguration) -> Result<(), StoreError> {
        let own = self.first()?;
        let first = if first.epoch() < own.epoch() { first } else { &own };
        self.put_first(first)
    }

    fn put_first(&self, first: &VerifiedConfiguration) -> Result<(), StoreError> {
        let path = self.directory.join(FIRST);
        // Under the lock: who is given a part of the file is told which epoch it is of.
        let mut kept = self.kept();
        replace_with(&path, |file| first.give_bytes(|piece| file.write_all(piece)))
            .map_err(|source| io("write", &path, source))?;
        (kept.begins, kept.first) = (first.epoch(), None);
        Ok(())
    }

    /// The configuration behind which something is lacking, made out of what is kept.
    ///
    /// # Errors
    /// What the disk reports. What is damaged is removed, so that it is asked for again.
    pub(crate) fn known(&self) -> Result<VerifiedConfiguration, StoreError> {
        self.walk(Epoch::new(u64::MAX))
    }

    /// Goes from the beginning on, up to an epoch at most.
    fn walk(&self, until: Epoch) -> Result<VerifiedConfiguration, StoreError> {
        let mut newest = self.first()?;
        while newest.epoch() < until && self.kept().deltas.contains(&newest.epoch().next()) {
            let epoch = newest.epoch().next();
            let bytes = self.read(epoch)?;
            let next = bytes
                .and_then(|bytes| quorate_wire::decode::<Delta>(&bytes).ok())
                .and_then(|delta| delta.apply(&newest, &Schemes::real()).ok());
            let Some(next) = next else {
                tracing::warn!(%epoch, "what the epoch changed is damaged here: asking for it");
                self.forget(epoch)?;
                break;
            };
            newest = next;
        }
        Ok(newest)
    }

    fn forget(&self, epoch: Epoch) -> Result<(), StoreError> {
        self.kept().deltas.remove(&epoch);
        crate::host::remove(&self.path(epoch))
    }

    /// Has the chain begin later, once it is longer than it may be; `newest` is the configuration
    /// that is kept by itself.
    ///
    /// # Errors
    /// What the disk reports.
    pub(crate) fn trim(&self, newest: &VerifiedConfiguration) -> Result<(), StoreError> {
        self.trim_to(newest, ARCHIVE_EPOCHS_MAX)
    }

    fn trim_to(&self, newest: &VerifiedConfiguration, epochs: u64) -> Result<(), StoreError> {
        let length = newest.epoch().get().saturating_sub(self.kept().begins.get());
        if length <= epochs + SLACK {
            return Ok(());
        }
        let begins = Epoch::new(newest.epoch().get() - epochs);
        let walked = match self.walk(begins) {
            Err(damaged @ StoreError::Corrupt { .. }) => {
                tracing::warn!(%damaged, "the chain of configurations begins anew");
                None
            }
            walked => Some(walked?),
        };
        // Where nobody had what is lacking, the chain begins anew.
        let first = walked.as_ref().filter(|it| it.epoch() == begins).unwrap_or(newest);
        let begins = first.epoch();
        self.put_first(first)?;
        let gone: Vec<Epoch> = self.kept().deltas.range(..=begins).copied().collect();
        gone.into_iter().try_for_each(|epoch| self.forget(epoch))
    }

    fn read(&self, epoch: Epoch) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(epoch);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes).filter(|bytes| bytes.len() <= ARCHIVE_DELTA_BYTES_MAX)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(io("read", &path, source)),
        }
    }

    /// What to say to a question; nothing to what is none, or if the disk fails.
    #[must_use]
    pub fn answer(&self, question: &ArchiveMessage) -> Option<ArchiveMessage> {
        match question {
            ArchiveMessage::GetFirst(question) => self.first_part(question.from),
            ArchiveMessage::GetDeltas(question) => self.deltas(question.after),
            ArchiveMessage::First(_) | ArchiveMessage::Deltas(_) => None,
        }
    }

    fn first_part(&self, from: u32) -> Option<ArchiveMessage> {
        let kept = self.kept();
        let epoch = kept.begins;
        let (length, bytes) = match &kept.first {
            Some(first) => {
                let all = first.to_bytes();
                let rest = all.get(from as usize..)?;
                (all.len() as u64, rest[..rest.len().min(ARCHIVE_PART_BYTES)].to_vec())
            }
            None => part_of(&self.directory.join(FIRST), from).ok()??,
        };
        let length = u32::try_from(length).ok()?;
        Some(ArchiveMessage::First(FirstPart { epoch, length, from, bytes }))
    }

    fn deltas(&self, after: Epoch) -> Option<ArchiveMessage> {
        let (mut deltas, mut bytes, mut epoch) = (Vec::new(), 0, after.next());
        while deltas.len() < ARCHIVE_DELTAS_MAX && self.kept().deltas.contains(&epoch) {
            let Some(delta) = self.read(epoch).ok()? else { break };
            bytes += delta.len();
            if !deltas.is_empty() && bytes > ARCHIVE_PART_BYTES {
                break;
            }
            deltas.push(delta);
            epoch = epoch.next();
        }
        Some(ArchiveMessage::Deltas(Deltas { after, deltas }))
    }
}

/// How long a file is, and the part of it that begins there; nothing behind its end.
fn part_of(path: &Path, from: u32) -> std::io::Result<Option<(u64, Vec<u8>)>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    if u64::from(from) > length {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(from.into()))?;
    let mut bytes = Vec::new();
    file.take(ARCHIVE_PART_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(Some((length, bytes)))
}

fn read_first(path: &Path, key: &PublicKey) -> Result<Option<VerifiedConfiguration>, StoreError> {
    let damaged = |reason: String| StoreError::Corrupt { path: path.to_path_buf(), reason };
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(io("read", path, source)),
        Ok(bytes) if bytes.len() > ARCHIVE_FIRST_BYTES_MAX => {
            return Err(damaged(String::from("it is longer than any configuration")));
        }
        Ok(bytes) => bytes,
    };
    let first: CertifiedConfiguration =
        quorate_wire::decode(&bytes).map_err(|error| damaged(error.to_string()))?;
    let verified = first.verify(key, &Schemes::real());
    verified.map(Some).map_err(|reason| damaged(reason.to_string()))
}

fn listed(directory: &Path) -> Result<BTreeSet<Epoch>, StoreError> {
    let failed = |source| io("list", directory, source);
    let mut epochs = BTreeSet::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        epochs.extend(name.to_str().and_then(|name| name.parse().ok()).map(Epoch::new));
    }
    Ok(epochs)
}

fn io(operation: &'static str, path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Io { operation, path: path.to_path_buf(), source }
}

#[cfg(test)]
mod tests;
