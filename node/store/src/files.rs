//! Small durable operations on files that several parts of the store need.
//!
//! A name in a directory survives a power cut only after the directory itself was synced; every
//! function here does that before it returns.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What the name of an unfinished file ends with.
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";

/// Makes the names inside `directory` durable.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Makes everything durable that was written to the file system of `directory`.
#[cfg(target_os = "linux")]
pub(crate) fn sync_file_system(directory: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(directory)?)?)
}

/// Makes everything durable that was written to any file system.
#[cfg(not(target_os = "linux"))]
pub(crate) fn sync_file_system(_directory: &Path) -> io::Result<()> {
    rustix::fs::sync();
    Ok(())
}

/// Makes what is read of this file from now on what the disk holds, if it is there.
///
/// When a sync fails, the system may call the bytes that it could not write clean and go on showing
/// them, so a process that starts again would take for durable what never reached the disk. Here
/// all that is still dirty is written, and then everything cached is dropped.
pub(crate) fn reread_from_disk(path: &Path) -> io::Result<()> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(file) => {
            file.sync_data()?;
            drop_cache(&file)
        }
    }
}

/// As [`reread_from_disk`], for all files below a directory, if it is there.
pub(crate) fn reread_all_from_disk(directory: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        listed => listed?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            reread_all_from_disk(&entry.path())?;
        } else {
            reread_from_disk(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn drop_cache(file: &File) -> io::Result<()> {
    Ok(rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed)?)
}

/// Elsewhere the system has no such call.
#[cfg(not(target_os = "linux"))]
fn drop_cache(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Creates `directory` and all its missing parents; the names are durable on return, also that of
/// a directory that was there: the process that created it may have ended before its sync.
pub(crate) fn create_directory(directory: &Path) -> io::Result<()> {
    let parent = parent_of(directory);
    if !directory.is_dir() {
        if !parent.is_dir() {
            create_directory(&parent)?;
        }
        match std::fs::create_dir(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) | Ok(()) => {}
        }
    }
    sync_directory(&parent)
}

/// Replaces `path` by `bytes` so that a crash leaves the old content or the new, never a mix.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let temporary = temporary_of(path);
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    sync_directory(&parent_of(path))
}

/// The directory that holds `path`.
pub(crate) fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// Where [`replace`] writes first.
pub(crate) fn temporary_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(TEMPORARY_SUFFIX);
    PathBuf::from(name)
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
