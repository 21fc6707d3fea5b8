//! The narrow door between the log, or secrets that come and go, and the file system, so that tests
//! can stand in for the disk.
//!
//! They need few operations and every one of them can fail, be lost or be torn by a power cut.
//! They are named here once; [`RealMedium`] performs them on a directory, and the crash tests
//! perform them on a model that keeps what is written apart from what is durable.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::files;
use crate::keys::OWNER_ONLY;

/// A flat directory of files.
pub trait Medium: Debug + Send {
    /// An open file of this medium.
    type File: LogFile;

    /// The names of all files, in any order.
    ///
    /// # Errors
    /// Those of the file system.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens an existing file for reading and writing.
    ///
    /// # Errors
    /// Those of the file system.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Creates an empty file, emptying one of the same name. Its name is durable only after
    /// [`Medium::sync_dir`].
    ///
    /// # Errors
    /// Those of the file system.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Removes a file. Slow on file systems that trim; the log does so only while it opens.
    ///
    /// # Errors
    /// Those of the file system.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes created and removed names durable.
    ///
    /// # Errors
    /// Those of the file system.
    fn sync_dir(&self) -> io::Result<()>;

    /// The name to show to an operator, a full path if there is one.
    fn display(&self, name: &str) -> String;
}

/// An open file of a [`Medium`].
pub trait LogFile: Debug + Send {
    /// The length in bytes.
    ///
    /// # Errors
    /// Those of the file system.
    fn length(&self) -> io::Result<u64>;

    /// Writes all of `bytes` at `offset`; durable only after [`LogFile::sync_data`].
    ///
    /// # Errors
    /// Those of the file system; the bytes may then be there in part.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Fills `bytes` from `offset` and returns how many there were: fewer only at the end.
    ///
    /// # Errors
    /// Those of the file system.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize>;

    /// Makes all that was written to this file durable (`fdatasync`).
    ///
    /// # Errors
    /// Those of the file system. Nothing is known about the unsynced bytes afterwards, and a
    /// second call that succeeds proves nothing.
    fn sync_data(&self) -> io::Result<()>;
}

/// The mode of ordinary files, before the umask.
const SHARED: u32 = 0o666;

/// A directory of the file system.
#[derive(Debug)]
pub struct RealMedium {
    directory: PathBuf,
    /// Of the files that are created.
    mode: u32,
}

impl RealMedium {
    /// Opens a directory, creating it durably if it is missing.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(directory: &Path) -> io::Result<Self> {
        files::create_directory(directory)?;
        Ok(Self { directory: directory.to_path_buf(), mode: SHARED })
    }

    /// As [`RealMedium::open`], with files that only their owner may open.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn private(directory: &Path) -> io::Result<Self> {
        Ok(Self { mode: OWNER_ONLY, ..Self::open(directory)? })
    }
}

impl Medium for RealMedium {
    type File = RealFile;

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let name = entry?.file_name().into_string();
            names.extend(name.ok());
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<RealFile> {
        let file = OpenOptions::new().read(true).write(true).open(self.directory.join(name))?;
        Ok(RealFile { file })
    }

    fn create(&self, name: &str) -> io::Result<RealFile> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(true).mode(self.mode);
        Ok(RealFile { file: options.open(self.directory.join(name))? })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.directory.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        files::sync_directory(&self.directory)
    }

    fn display(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }
}

/// An open file of the file system.
#[derive(Debug)]
pub struct RealFile {
    file: File,
}

impl LogFile for RealFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.file.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}
