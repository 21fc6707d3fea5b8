//! The machines of a server, each with the glue that the runtime drives it by. Channels are those
//! of `quorate_client::groups`.
//!
//! | channel | machine | file |
//! |---|---|---|
//! | `ORDERING` and the group | a replica of an ordered service | [`ordering`] |
//! | `STORAGE` | the storage server of the DHT | [`storage`] |
//! | `CONFIGURATION` | who serves the configuration and vouches for it | [`responder`] |
//! | `HANDOVER` and the group | who brings an epoch to its end | [`handover`] |
//! | `ORDERING` and the former group | who gets the state to begin with | [`succession`] |
//! | `DISSEMINATION` | who passes configurations on | [`dissemination`] |
//! | `ARCHIVE` | who answers from the chain of all configurations | [`archive`] |
//!
//! Beside them, each with a socket for datagrams and a thread of its own: who answers probes
//! ([`answerer`]), and in members of the membership group who sends them ([`prober`]).

use std::path::Path;

use quorate_store::error::StoreError;

pub mod answerer;
pub mod archive;
pub mod dissemination;
pub mod handover;
pub mod ordering;
pub mod prober;
pub mod proof;
pub mod responder;
pub mod storage;
pub mod succession;

/// Removes a file, or a directory with all that is in it, if it is there.
///
/// # Errors
/// What the disk reports.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    let removed =
        if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Io { path: path.to_path_buf(), operation: "remove", source })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
