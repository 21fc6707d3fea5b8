//! Writing files that must not replace others.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use quorate_client::explanation::{Explanation, Kind};
use quorate_store::keys;
use zeroize::Zeroizing;

use super::SEED_BYTES;
use crate::keys::EpochSeeds;

fn exists(path: &Path) -> Explanation {
    let remedy = "choose another directory; nothing here is ever replaced";
    Explanation::about(path, (Kind::Exists, "file-exists"), "the file is there already", remedy)
}

/// Writes a file that everybody may read; it is durable on return.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Explanation> {
    let failed = |error: std::io::Error| {
        let is_there = error.kind() == std::io::ErrorKind::AlreadyExists;
        if is_there { exists(path) } else { Explanation::of_io("create", path, &error) }
    };
    let mut file = File::create_new(path).map_err(failed)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(|error| Explanation::of_io("write", path, &error))?;
    keep_name(path)
}

/// Makes the name of a file or directory durable; without it, a power cut may take the whole file.
pub(super) fn keep_name(path: &Path) -> Result<(), Explanation> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or_else(|| Path::new("."));
    let synced = File::open(parent).and_then(|directory| directory.sync_all());
    synced.map_err(|error| Explanation::of_io("sync", parent, &error))
}

/// Writes a secret that only the owner may read.
pub(super) fn write_new_secret(path: &Path, secret: &[u8]) -> Result<(), Explanation> {
    if path.symlink_metadata().is_ok() {
        return Err(exists(path));
    }
    keys::write_secret(path, secret).map_err(|error| Explanation::of_key(&error))
}

/// Makes a directory with all its parents; their names are durable on return.
pub(crate) fn create_directory(path: &Path) -> Result<(), Explanation> {
    let is_missing = |one: &&Path| !one.as_os_str().is_empty() && !one.exists();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    std::fs::create_dir_all(path)
        .map_err(|error| Explanation::of_io("create the directory for", path, &error))?;
    missing.into_iter().try_for_each(keep_name)
}

/// What the keys of an epoch can be made from.
pub(super) fn fresh_seeds() -> Result<EpochSeeds, Explanation> {
    Ok(EpochSeeds { signing: random()?, decryption: random()? })
}

/// Uniform bytes of the operating system.
pub(super) fn random() -> Result<Zeroizing<[u8; SEED_BYTES]>, Explanation> {
    let mut bytes = Zeroizing::new([0; SEED_BYTES]);
    getrandom::fill(&mut *bytes).map_err(|error| Explanation {
        kind: Kind::Internal,
        code: "no-randomness",
        what: format!("the operating system gives no randomness: {error}"),
        place: String::from("getrandom"),
        remedy: String::from("run on a system that does; no key is made without"),
    })?;
    Ok(bytes)
}
