//! What can be wrong with the keys of a server, and what to do about each.

use std::fmt;
use std::path::{Path, PathBuf};

use quorate_client::explanation::{Explanation, Kind};
use quorate_store::error::StoreError;
use quorate_store::keys::KeyError;
use quorate_types::{Epoch, IdentityRoot};

/// Why the keys of a server cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeysError {
    /// A file cannot be read or written.
    File(KeyError),
    /// What is there does not do.
    Keys {
        /// The file or directory.
        path: PathBuf,
        /// What does not hold.
        fault: KeysFault,
    },
}

/// What can be wrong with a server's keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeysFault {
    /// There is no identity.
    NoIdentity,
    /// There are keys already.
    Exists,
    /// The bytes are not those that were written.
    Damaged,
    /// The key is not the one that the certificate is about.
    OtherKey,
    /// The leaf of the epoch was erased before it signed.
    Over {
        /// The epoch that was asked for.
        epoch: Epoch,
        /// The first about which the identity can sign.
        next: Epoch,
    },
    /// The identity has no further epoch.
    Ended,
    /// The configuration names this root of the identity, of which there is nothing here.
    OtherRoot(IdentityRoot),
}

impl KeysError {
    pub(super) fn new(path: &Path, fault: KeysFault) -> Self {
        Self::Keys { path: path.to_path_buf(), fault }
    }

    /// The failure in the form that all commands print.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        match self {
            Self::File(error) => Explanation::of_key(error),
            Self::Keys { path, fault } => fault.explain(path),
        }
    }
}

impl KeysFault {
    fn explain(self, path: &Path) -> Explanation {
        let anew = "make a new server with `quorate node new`, and have it take this one's place";
        let (kind, code, what, remedy) = match self {
            Self::NoIdentity => (
                Kind::Key,
                "key-missing",
                String::from("there are no keys of a server"),
                "name the directory that `quorate node new` made, as `keys` in node.toml",
            ),
            Self::Exists => (
                Kind::Exists,
                "file-exists",
                String::from("the file is there already"),
                "choose another directory; nothing here is ever replaced",
            ),
            Self::Damaged => {
                (Kind::Damaged, "key-damaged", String::from("the key is damaged, or gone"), anew)
            }
            Self::OtherKey => (
                Kind::Key,
                "other-epoch-key",
                String::from("the key is another one than the certificate beside it is about"),
                "use the files of one server; they are never mixed or copied back",
            ),
            Self::Over { epoch, next } => (
                Kind::Key,
                "identity-past",
                format!(
                    "no key of epoch {} was certified, and the identity signs about {} at the \
                     earliest",
                    epoch.get(),
                    next.get()
                ),
                "wait for that epoch; an older copy of the keys is not to be brought back",
            ),
            Self::Ended => {
                (Kind::Key, "identity-ended", String::from("the identity has no more epochs"), anew)
            }
            Self::OtherRoot(root) => (
                Kind::Key,
                "identity-replaced",
                format!(
                    "the system knows another root of the identity, {root}, and not the one here"
                ),
                "an older copy of the keys is not to be brought back; make a new server with \
                 `quorate node new`, and have it take this one's place",
            ),
        };
        Explanation::about(path, (kind, code), what, remedy)
    }
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.explain().fmt(f)
    }
}

impl std::error::Error for KeysError {}

impl From<KeyError> for KeysError {
    fn from(error: KeyError) -> Self {
        Self::File(error)
    }
}

impl KeysError {
    /// The failure as one of the store: for whoever keeps a key as part of what must not be lost.
    #[must_use]
    pub fn into_store(self) -> StoreError {
        match self {
            Self::File(KeyError::Io { operation, path, source }) => {
                StoreError::Io { path, operation, source }
            }
            Self::File(KeyError::DiskFull { path, needed_bytes }) => {
                StoreError::DiskFull { path, needed_bytes }
            }
            other @ (Self::File(_) | Self::Keys { .. }) => {
                let explanation = other.explain();
                let path = PathBuf::from(explanation.place);
                StoreError::Corrupt { path, reason: explanation.what }
            }
        }
    }
}
