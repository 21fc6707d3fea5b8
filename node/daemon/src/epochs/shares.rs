//! Shares of the system's key among the keys of a server: one for each epoch at most.

use quorate_store::error::StoreError;
use quorate_threshold::{KEY_SHARE_BYTES, KeyShare};
use quorate_types::{Digest, Epoch};
use zeroize::Zeroizing;

use super::{SharedKeys, lock};
use crate::keys::KeysError;

/// Session of the attempt, and the share.
const BYTES: usize = Digest::BYTES + KEY_SHARE_BYTES;

/// Keeps the share of an epoch, durably; one of another attempt is erased.
///
/// # Errors
/// What the disk reports.
pub(crate) fn put(
    keys: &SharedKeys,
    epoch: Epoch,
    (session, share): (Digest, &KeyShare),
) -> Result<(), StoreError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES));
    bytes.extend_from_slice(session.as_bytes());
    bytes.extend_from_slice(share.encode().as_ref());
    lock(keys).put_share(epoch, &bytes).map_err(KeysError::into_store)
}

/// The share of an epoch, and in which attempt it was made.
///
/// # Errors
/// What the disk reports, or that the file is damaged.
pub(crate) fn of(
    keys: &SharedKeys,
    epoch: Epoch,
) -> Result<Option<(Digest, KeyShare)>, StoreError> {
    let keys = lock(keys);
    let Some(bytes) = keys.share(epoch).map_err(KeysError::into_store)? else { return Ok(None) };
    let read = bytes
        .split_first_chunk::<{ Digest::BYTES }>()
        .and_then(|(session, share)| Some((Digest::new(*session), KeyShare::decode(share).ok()?)));
    read.map(Some).ok_or_else(|| keys.damaged_share(epoch).into_store())
}
