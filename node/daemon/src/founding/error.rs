//! What can be wrong with the files of a founding, and what to do about each.

use std::fmt;
use std::path::{Path, PathBuf};

use quorate_bft::limits::GROUP_F_MAX;
use quorate_client::capacity::Excess;
use quorate_client::carried::to_hex;
use quorate_client::explanation::{Explanation, Kind};
use quorate_client::settings::ConfigurationError;
use quorate_membership::{AdmissionError, GenesisError, Rejected};
use quorate_threshold as threshold;
use quorate_types::{IdentityKey, PublicKey};

use crate::keys::KeysError;

/// Why a founding, or a file of it, is not accepted.
#[derive(Debug)]
#[non_exhaustive]
pub enum FoundingError {
    /// A file or key that cannot be read or written.
    File(Box<Explanation>),
    /// A settings file is wrong.
    Configuration(Box<ConfigurationError>),
    /// The genesis is wrong.
    Genesis {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        fault: GenesisFault,
    },
    /// A key is not the right one.
    Key {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        fault: KeyFault,
    },
    /// A server's own words cannot be used.
    Admission {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        fault: AdmissionFault,
    },
    /// What was asked for is wrong.
    Request {
        /// The option of the command.
        option: &'static str,
        /// What does not hold.
        fault: RequestFault,
    },
}

/// What can be wrong with a genesis.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GenesisFault {
    /// The file is something else.
    Foreign,
    /// The file was written by another release.
    Version(u16),
    /// The bytes are not those that were written.
    Damaged(String),
    /// It is of a system with another key.
    OtherSystem {
        /// The key that is believed.
        pinned: Box<threshold::PublicKey>,
        /// The key that the file names.
        found: Box<threshold::PublicKey>,
    },
    /// The key did not sign the configuration.
    Forged(Rejected),
    /// A rule or a signature in it does not hold.
    Refused(GenesisError),
    /// The founding that this server keeps does not follow on the genesis.
    OtherGenesis,
    /// The servers of the system have not made its key yet.
    NotFounded,
    /// The system is too much for this release.
    Excess(Excess),
}

/// What can be wrong with a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyFault {
    /// The identity key is of no server in the genesis.
    NotMember(IdentityKey),
    /// The server founded no system: it joined one, or is to join one.
    NoFounder,
    /// The epoch key is not the one that the genesis names.
    OtherEpochKey,
    /// It is not the key of the system's authority, which is this one.
    OtherAuthority(PublicKey),
}

/// What can be wrong with a server's own words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AdmissionFault {
    /// A rule or a signature does not hold.
    Refused(AdmissionError),
    /// Another file has something in common with it that must differ.
    Conflict {
        /// What they have in common.
        common: String,
        /// The other file.
        other: PathBuf,
    },
}

/// What can be wrong with what was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RequestFault {
    /// There are too few servers.
    TooFewServers {
        /// Servers that are needed.
        needed: usize,
        /// Servers that were given.
        got: usize,
    },
    /// No group tolerates so many bad servers.
    Resilience(u16),
    /// The value cannot be used.
    Value {
        /// What is wrong.
        what: String,
        /// What to write instead.
        remedy: &'static str,
    },
}

impl FoundingError {
    /// The failure in the form that all commands print.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        match self {
            Self::File(explanation) => (**explanation).clone(),
            Self::Configuration(error) => error.explain(),
            Self::Genesis { path, fault } => fault.explain(path),
            Self::Key { path, fault } => fault.explain(path),
            Self::Admission { path, fault } => fault.explain(path),
            Self::Request { option, fault } => fault.explain(option),
        }
    }
}

impl GenesisFault {
    fn explain(&self, path: &Path) -> Explanation {
        let carry = "carry the genesis here again, from the machine that ran `quorate init`";
        let (kind, code, what, remedy) = match self {
            Self::Foreign => {
                (Kind::Configuration, "no-genesis", String::from("the file is no genesis"), carry)
            }
            Self::Version(version) => (
                Kind::Configuration,
                "genesis-version",
                format!("the genesis has format {version}, which this release does not know"),
                "use the release that wrote it, or found a system with `quorate init`",
            ),
            Self::Damaged(reason) => (
                Kind::Damaged,
                "genesis-damaged",
                format!("the genesis is damaged: {reason}"),
                carry,
            ),
            Self::OtherSystem { pinned, found } => (
                Kind::Configuration,
                "other-system",
                format!(
                    "the genesis is of the system with the key {}..., not {}...",
                    &to_hex(found.as_bytes())[..16],
                    &to_hex(pinned.as_bytes())[..16]
                ),
                "use the genesis and the system_key of one and the same system",
            ),
            Self::Forged(reason) => (
                Kind::Configuration,
                "genesis-forged",
                format!("the key of the system did not sign this genesis: {reason}"),
                "do not use it, and find out who gave it to you",
            ),
            Self::Refused(reason) => (
                Kind::Configuration,
                "genesis-refused",
                format!("the genesis is not accepted: {reason}"),
                carry,
            ),
            Self::OtherGenesis => (
                Kind::Configuration,
                "other-system",
                String::from("this server has founded another system than the one of its genesis"),
                "name the genesis with which it was founded; a new system needs new keys",
            ),
            Self::NotFounded => (
                Kind::NotServing,
                "not-founded",
                String::from("the servers of this genesis have not made the key of the system yet"),
                "start them: the log of each says what it waits for",
            ),
            Self::Excess(excess) => return excess.explain(path.display().to_string()),
        };
        Explanation::about(path, (kind, code), what, remedy)
    }
}

impl KeyFault {
    fn explain(&self, path: &Path) -> Explanation {
        let (code, what, remedy) = match self {
            Self::NotMember(key) => (
                "not-a-member",
                format!("no server of the genesis has the identity key {key}"),
                String::from("use the keys that made the admission, or the genesis that took it"),
            ),
            Self::NoFounder => (
                "not-a-founder",
                String::from("this server was made to join a system, and holds no objects"),
                String::from("run it with `quorate node run`"),
            ),
            Self::OtherEpochKey => (
                "other-epoch-key",
                String::from("the genesis names another epoch key of this server"),
                String::from("use the key that was made with the identity key"),
            ),
            Self::OtherAuthority(key) => (
                "other-authority",
                String::from("this is not the key of the system's authority"),
                format!("use the key whose public half is {key}"),
            ),
        };
        let kind =
            if matches!(self, Self::OtherAuthority(_)) { Kind::Unauthorised } else { Kind::Key };
        Explanation::about(path, (kind, code), what, remedy)
    }
}

impl AdmissionFault {
    fn explain(&self, path: &Path) -> Explanation {
        let (code, what, remedy) = match self {
            Self::Refused(reason) => (
                "admission-refused",
                format!("the admission is not accepted: {reason}"),
                "carry it again from the server that made it, unchanged",
            ),
            Self::Conflict { common, other } => (
                "admission-conflict",
                format!("{} has the same {common}", other.display()),
                "give each server once, with an address and keys of its own",
            ),
        };
        Explanation::about(path, (Kind::Configuration, code), what, remedy)
    }
}

impl RequestFault {
    fn explain(&self, option: &'static str) -> Explanation {
        let (code, what, remedy) = match self {
            Self::TooFewServers { needed, got } => (
                "too-few-servers",
                format!(
                    "{got} server{}, at least {needed} are needed",
                    if *got == 1 { "" } else { "s" }
                ),
                "give more admissions, or smaller f: a group has 3f+1 servers",
            ),
            Self::Resilience(f) => (
                "wrong-value",
                format!("no group tolerates {f} bad servers, only 1 to {GROUP_F_MAX}"),
                "give a number in this range: the messages of a larger group would not fit a frame",
            ),
            Self::Value { what, remedy } => ("wrong-value", what.clone(), *remedy),
        };
        let (kind, place) = (Kind::Usage, String::from(option));
        Explanation { kind, code, what, place, remedy: String::from(remedy) }
    }
}

impl fmt::Display for FoundingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.explain().fmt(f)
    }
}

impl std::error::Error for FoundingError {}

impl From<Explanation> for FoundingError {
    fn from(explanation: Explanation) -> Self {
        Self::File(Box::new(explanation))
    }
}

impl From<KeysError> for FoundingError {
    fn from(error: KeysError) -> Self {
        Self::File(Box::new(error.explain()))
    }
}

impl From<ConfigurationError> for FoundingError {
    fn from(error: ConfigurationError) -> Self {
        Self::Configuration(Box::new(error))
    }
}
