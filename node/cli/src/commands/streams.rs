//! Where the bytes that a command stores come from, and where those that it read go.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use quorate_client::error::ClientError;
use quorate_client::explanation::Kind;

use crate::failure::Failure;

/// Stands for standard input and standard output.
const STANDARD: &str = "-";

/// Opens what is to be stored, with its length where that is known; `-` is standard input.
pub(crate) fn source(path: &Path) -> Result<(Box<dyn Read>, Option<u64>), Failure> {
    if is_standard(path) {
        return Ok((Box::new(io::stdin().lock()), None));
    }
    let file = File::open(path).map_err(|error| Failure::io("open", path, &error))?;
    let about = file.metadata().map_err(|error| Failure::io("look at", path, &error))?;
    if about.is_dir() {
        let remedy = "name a file, or pack the directory: tar c DIR | quorate blob put -";
        return Err(Failure::about(
            path,
            (Kind::Usage, "directory"),
            "this is a directory",
            remedy,
        ));
    }
    Ok((Box::new(file), about.is_file().then_some(about.len())))
}

/// Has `write` put bytes to a file; `-` is standard output.
///
/// What is half written never stands under the name of an ordinary file. A device or a pipe is
/// written to as it is.
pub(crate) fn deliver<T>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if is_standard(path) {
        let mut stdout = io::stdout().lock();
        let written = write(&mut stdout)?;
        stdout.flush().map_err(|error| Failure::io("write", path, &error))?;
        return Ok(written);
    }
    if path.metadata().is_ok_and(|about| !about.is_file()) {
        let opened = File::options().write(true).open(path);
        return write(&mut opened.map_err(|error| Failure::io("write", path, &error))?);
    }
    replace(path, write)
}

fn replace<T>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let partial = partial(path);
    let failed = |error: io::Error| Failure::io("write", path, &error);
    let mut file = File::create_new(&partial).map_err(failed)?;
    let kept = write(&mut file).and_then(|written| {
        file.sync_all().map_err(failed)?;
        std::fs::rename(&partial, path).map_err(failed)?;
        Ok(written)
    });
    if kept.is_err() {
        // The failure itself is reported; the rest of the file is of no use.
        drop(std::fs::remove_file(&partial));
    }
    kept
}

/// A name beside the file that nobody else uses.
fn partial(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{}.partial", std::process::id()));
    PathBuf::from(name)
}

/// A failure of the cluster, or of this file.
pub(crate) fn failed(path: &Path, error: ClientError) -> Failure {
    if let ClientError::Local { source, .. } = &error
        && source.kind() == io::ErrorKind::BrokenPipe
    {
        let what = "whoever read the output has closed it";
        let remedy = "nothing is wrong if that was meant";
        return Failure::about(&named(path), (Kind::Internal, "output-closed"), what, remedy);
    }
    if let ClientError::Local { action, source } = &error {
        return Failure::io(action, &named(path), source);
    }
    Failure::from(error)
}

/// What people call the place.
fn named(path: &Path) -> PathBuf {
    if is_standard(path) { PathBuf::from("standard input or output") } else { path.to_owned() }
}

fn is_standard(path: &Path) -> bool {
    path == Path::new(STANDARD)
}

#[cfg(test)]
mod tests;
