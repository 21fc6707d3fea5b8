//! What can go wrong with stored state, each with what the operator can do about it.

use std::io;

/// Whether a call failed because the disk or the quota is exhausted.
pub(crate) fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
