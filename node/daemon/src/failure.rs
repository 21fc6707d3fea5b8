//! What the failures of a running server say to its operator, and which exit code they have.

use std::io::ErrorKind;

use quorate_client::explanation::{Explanation, Kind};
use quorate_net::BindError;
use quorate_runtime::{JournalError, NodeError};
use quorate_store::error::StoreError;
use quorate_store::log::LogError;

use crate::error::ServerError;

impl ServerError {
    /// The failure in the form that all commands print.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        if let Self::Founding { source } = self {
            return source.explain();
        }
        if let Self::Aside(explanation) = self {
            return explanation.clone();
        }
        if let Self::Contacts { source } = self {
            return source.explain();
        }
        let ((kind, code), place) = self.sort();
        let message = if let Self::Listen { source, .. } = self {
            source.to_string()
        } else {
            self.to_string()
        };
        // Every message ends with what to do, behind the first semicolon.
        let (what, remedy) = message
            .split_once("; ")
            .unwrap_or((&message, "look at the log of the server, then start it again"));
        let (what, remedy) = (String::from(what), String::from(remedy));
        Explanation { kind, code, what, place, remedy }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what has no exit code of its own is 1")]
    fn sort(&self) -> ((Kind, &'static str), String) {
        match self {
            Self::Listen { address, source } => (of_bind(source), address.to_string()),
            Self::Store { source } => of_store(source),
            Self::Lost { object, .. } => {
                ((Kind::Damaged, "object-lost"), object.place.display().to_string())
            }
            Self::Removed { server, .. } => {
                ((Kind::Removed, "server-removed"), format!("server {server}"))
            }
            Self::ClockBehind { .. } => {
                ((Kind::Configuration, "clock-behind"), String::from("clock"))
            }
            Self::NoCopy { key } => ((Kind::NotFound, "no-copy"), key.to_string()),
            Self::WholeCopy { key } => ((Kind::Usage, "copy-whole"), key.to_string()),
            Self::Journal { machine, source }
            | Self::Node { source: NodeError::Disk { machine, source } } => {
                let (sort, path) = of_journal(source);
                (sort, path.unwrap_or_else(|| String::from(*machine)))
            }
            Self::Metrics { address, source } | Self::Probes { address, source } => {
                let sort = if source.kind() == ErrorKind::AddrInUse {
                    (Kind::PortTaken, "port-taken")
                } else {
                    (Kind::Configuration, "cannot-listen")
                };
                (sort, address.to_string())
            }
            _ => ((Kind::Internal, "server-failed"), String::from("server")),
        }
    }
}

fn of_bind(error: &BindError) -> (Kind, &'static str) {
    match error {
        BindError::Listen { source, .. } if source.kind() == ErrorKind::AddrInUse => {
            (Kind::PortTaken, "port-taken")
        }
        BindError::Listen { .. } => (Kind::Configuration, "cannot-listen"),
        BindError::Config { .. } => (Kind::Configuration, "wrong-value"),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what has no exit code of its own is 1")]
fn of_store(error: &StoreError) -> ((Kind, &'static str), String) {
    let (sort, path) = match error {
        StoreError::DiskFull { path, .. } => ((Kind::DiskFull, "disk-full"), path),
        StoreError::Corrupt { path, .. } => ((Kind::Damaged, "data-damaged"), path),
        StoreError::Wiped { path } => ((Kind::Forgotten, "data-wiped"), path),
        StoreError::OtherIdentity { path, .. } => ((Kind::Forgotten, "data-of-another-node"), path),
        StoreError::NotEmpty { path } => ((Kind::Exists, "data-not-empty"), path),
        StoreError::InUse { path } => ((Kind::InUse, "data-in-use"), path),
        StoreError::Io { path, source, .. } if source.kind() == ErrorKind::PermissionDenied => {
            ((Kind::Key, "file-forbidden"), path)
        }
        _ => return ((Kind::Internal, "store-failed"), String::from("data")),
    };
    (sort, path.display().to_string())
}

fn of_journal(error: &JournalError) -> ((Kind, &'static str), Option<String>) {
    match error {
        JournalError::Log(error) => {
            let (sort, file) = of_log(error);
            (sort, file.cloned())
        }
        JournalError::Store(error) => {
            let (sort, path) = of_store(error);
            (sort, Some(path))
        }
        JournalError::Unreadable { .. } => ((Kind::Damaged, "log-of-another-version"), None),
        _ => ((Kind::Internal, "journal-failed"), None),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what has no exit code of its own is 1")]
fn of_log(error: &LogError) -> ((Kind, &'static str), Option<&String>) {
    match error {
        LogError::DiskFull { file, .. } => ((Kind::DiskFull, "disk-full"), Some(file)),
        LogError::Corrupt { file, .. } => ((Kind::Damaged, "log-damaged"), Some(file)),
        LogError::Missing { directory } => ((Kind::Forgotten, "data-wiped"), Some(directory)),
        LogError::Foreign { file } => ((Kind::Forgotten, "data-of-another-node"), Some(file)),
        LogError::Io { file, .. } => ((Kind::Internal, "log-failed"), Some(file)),
        _ => ((Kind::Internal, "log-failed"), None),
    }
}
