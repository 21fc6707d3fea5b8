//! Shares of the system's key among the keys of a server: one for each epoch at most.

use quorate_store::error::StoreError;
use quorate_threshold::{DecryptionKey, KEY_SHARE_BYTES, KeyShare, PublicKey, Seed};
use quorate_types::{Digest, Epoch};
use zeroize::Zeroizing;

use super::{SharedKeys, lock};
use crate::error::ServerError;
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

/// What opens the dealings of the share of an epoch; none if it was erased since the share is there
/// (MEM-75).
///
/// # Errors
/// [`ServerError::NoDecryptionKey`] if neither is there; what the disk reports.
pub(crate) fn opener(
    keys: &SharedKeys,
    epoch: Epoch,
) -> Result<Option<DecryptionKey>, ServerError> {
    let seed = lock(keys).decryption_seed(epoch).map_err(|source| ServerError::Keys { source })?;
    match seed {
        Some(seed) => Ok(Some(DecryptionKey::derive(&Seed::new(*seed)))),
        None if of(keys, epoch)?.is_some() => Ok(None),
        None => Err(ServerError::NoDecryptionKey { epoch }),
    }
}

/// The share of an epoch counts: what opens its dealings goes. Returns the share, if it is there.
///
/// # Errors
/// What the disk reports.
pub(crate) fn settle(keys: &SharedKeys, epoch: Epoch) -> Result<Option<KeyShare>, ServerError> {
    let erased = lock(keys).erase_decryption(epoch);
    erased.map_err(|source| ServerError::Keys { source })?;
    Ok(of(keys, epoch)?.map(|(_session, share)| share))
}

/// Erases the share of an epoch if it is this one, of an attempt that failed, and has not given way
/// to another. What opens dealings goes with it, unless another share `is_awaited`.
///
/// # Errors
/// What the disk reports.
pub(crate) fn erase_unfit(
    keys: &SharedKeys,
    (epoch, unfit): (Epoch, &PublicKey),
    is_awaited: bool,
) -> Result<(), ServerError> {
    let share = of(keys, epoch)?.filter(|(_, share)| share.public_share() == *unfit);
    let Some((session, _)) = share else { return Ok(()) };
    tracing::warn!(%epoch, "the share was of an attempt that failed, and is erased");
    let keys = lock(keys);
    let mut erased = keys.abandon_share(epoch, session.as_bytes());
    if !is_awaited {
        erased = erased.and_then(|()| keys.erase_decryption(epoch));
    }
    erased.map_err(|source| ServerError::Keys { source })
}

#[cfg(test)]
mod tests;
