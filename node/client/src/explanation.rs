//! What a failure says to the person in front of it: what went wrong, where, and what helps.
//!
//! Every typed error that can reach a user explains itself in this form, so that a command prints
//! all of them alike and chooses its exit code by the kind, never by the text.

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use quorate_store::keys::KeyError;

/// Which sort of failure it is; the exit codes of the command line follow from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A defect of the program, or a failure of the system that fits nothing else.
    Internal,
    /// The call itself is wrong.
    Usage,
    /// A file that people write, or that is carried between machines, is wrong.
    Configuration,
    /// A key is missing, open to others, or not the one that is needed.
    Key,
    /// Another process listens there.
    PortTaken,
    /// A disk is full.
    DiskFull,
    /// Something that was named does not exist.
    NotFound,
    /// Nobody with this key may do that.
    Unauthorised,
    /// What the node promised is gone from its disk, or belongs to another node.
    Forgotten,
    /// Stored bytes are damaged.
    Damaged,
    /// Another process works there.
    InUse,
    /// It is there already and is not replaced.
    Exists,
    /// Too few servers answer.
    NoQuorum,
    /// A group of the cluster does not serve.
    NotServing,
    /// Something is larger than the limit.
    TooLarge,
    /// The server was removed from its system for good.
    Removed,
    /// A signal asked to stop before it was done.
    Interrupted,
}

/// A failure in four parts; the text is `what: place: remedy`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// Which sort of failure it is.
    pub kind: Kind,
    /// The name of the failure, the same in every release.
    pub code: &'static str,
    /// What went wrong.
    pub what: String,
    /// The file, line, address or server that it is about.
    pub place: String,
    /// What to do about it.
    pub remedy: String,
}

impl Explanation {
    /// A failure about a file.
    #[must_use]
    pub fn about(
        path: &Path,
        (kind, code): (Kind, &'static str),
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let place = path.display().to_string();
        Self { kind, code, what: what.into(), place, remedy: remedy.into() }
    }

    /// What the file system reported about a file.
    #[must_use]
    pub fn of_io(operation: &'static str, path: &Path, source: &std::io::Error) -> Self {
        let (kind, code, remedy) = sort_of(source.kind());
        let thing = if path.is_dir() { "the directory" } else { "the file" };
        Self::about(path, (kind, code), format!("cannot {operation} {thing}: {source}"), remedy)
    }

    /// What the store reported about a secret.
    #[must_use]
    pub fn of_key(error: &KeyError) -> Self {
        match error {
            KeyError::Missing { path } => Self::about(
                path,
                (Kind::Key, "key-missing"),
                "there is no key",
                "create one, or correct the path",
            ),
            KeyError::Permissions { path, mode, remedy } => Self::about(
                path,
                (Kind::Key, "key-open-to-others"),
                format!("the key has mode {mode:04o}: others than its owner may read it"),
                remedy,
            ),
            KeyError::TooLarge { path, .. } => not_a_key(path, "the file is too long for a key"),
            KeyError::InUse { path } => Self::about(
                path,
                (Kind::InUse, "keys-in-use"),
                "another process uses these keys",
                "stop it first, or leave it running",
            ),
            KeyError::DiskFull { path, needed_bytes } => Self::about(
                path,
                (Kind::DiskFull, "disk-full"),
                format!("the disk is full: {needed_bytes} bytes are needed"),
                "free space on this disk, then try again",
            ),
            KeyError::Io { operation, path, source } => Self::of_io(operation, path, source),
            other => Self {
                kind: Kind::Key,
                code: "key-unusable",
                what: other.to_string(),
                place: String::from("key"),
                remedy: String::from("check the file"),
            },
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of the system grow")]
fn sort_of(kind: ErrorKind) -> (Kind, &'static str, &'static str) {
    match kind {
        ErrorKind::NotFound => (Kind::NotFound, "file-missing", "correct the path"),
        ErrorKind::PermissionDenied => {
            (Kind::Key, "file-forbidden", "run as the owner of the file, or mend its mode")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            (Kind::DiskFull, "disk-full", "free space on this disk, then try again")
        }
        ErrorKind::AlreadyExists => (Kind::Exists, "file-exists", "choose another place"),
        _ => (Kind::Internal, "file-unusable", "check the path and the disk, then try again"),
    }
}

/// A file that holds something else than a key.
#[must_use]
pub fn not_a_key(path: &Path, what: impl Into<String>) -> Explanation {
    Explanation::about(path, (Kind::Key, "key-malformed"), what, "correct the path")
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.what, self.place, self.remedy)
    }
}

impl std::error::Error for Explanation {}
