//! What an attacker can do about randomness: nothing that statistics would show (M04, M05).
//!
//! Each test shows that it would see one who could: the same numbers, with what no attacker must
//! have, are far off.

use quorate_types::{Digest, SystemId};

mod lottery;
mod seeds;

const SYSTEM: SystemId = SystemId::new([1; 32]);

/// The randomness of an epoch, as it comes to be: nobody foresees it.
fn beacon(epoch: u32) -> Digest {
    quorate_crypto::hash(quorate_crypto::Domain::EpochRandomness, &epoch.to_be_bytes())
}
