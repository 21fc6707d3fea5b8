//! A server whose identity has four epochs, and what may be left of its disk.

use quorate_daemon::keys::{EpochSeeds, KeysError, ServerIdentity, ServerKeys};
use quorate_kes::{Blake3Tree, Seed, Tree};
use quorate_membership::Identity;
use quorate_store::secrets::Secrets;
use quorate_types::{Epoch, SystemId};
use zeroize::Zeroizing;

use crate::disk::{FaultyMedium, Survivors};

/// Each tree here has four epochs: 0 to 3.
pub(crate) const HEIGHT: usize = 2;
/// The last of them.
pub(crate) const LAST: u64 = 3;
/// The seed of the first tree.
pub(crate) const ROOT: [u8; 32] = [7; 32];
pub(crate) const SYSTEM: SystemId = SystemId::new([3; 32]);

pub(crate) type Keys = ServerKeys<FaultyMedium>;

/// Every seed of a tree with the period of the first leaf that follows from it.
pub(crate) type Seeds = Vec<(u64, [u8; 32])>;

/// What a power cut leaves: files here have one or two sectors.
pub(crate) const SURVIVORS: [Survivors; 5] = [
    Survivors::None,
    Survivors::All,
    Survivors::First,
    Survivors::AllButFirst,
    Survivors::Random(1),
];

pub(crate) fn identity() -> ServerIdentity {
    Identity::generate_short(Blake3Tree, Seed::new(ROOT), (Epoch::ZERO, HEIGHT))
}

pub(crate) fn seeds(root: [u8; 32]) -> Seeds {
    let (left, right) = Blake3Tree::split(&Seed::new(root));
    let mut seeds = vec![(0, root), (0, *left.as_bytes()), (2, *right.as_bytes())];
    for (first, half) in [(0, left), (2, right)] {
        let (left, right) = Blake3Tree::split(&half);
        seeds.extend([(first, *left.as_bytes()), (first + 1, *right.as_bytes())]);
    }
    seeds
}

/// Seeds that are drawn anew in each life of a process.
pub(crate) fn fresh(life: u8, epoch: u64) -> EpochSeeds {
    let byte = u8::try_from(epoch).expect("few epochs");
    let seed = |role: u8| {
        let seed = [[role, life, byte, 0x5e].as_slice(); 8].concat();
        Zeroizing::new(<[u8; 32]>::try_from(seed).expect("32 bytes"))
    };
    EpochSeeds { signing: seed(1), decryption: seed(2) }
}

/// An epoch as it is certified: the first one before there is a system.
pub(crate) fn of(epoch: u64) -> (Option<SystemId>, Epoch) {
    ((epoch > 0).then_some(SYSTEM), Epoch::new(epoch))
}

pub(crate) fn open(disk: &FaultyMedium) -> Result<Keys, KeysError> {
    ServerKeys::open(Secrets::open(disk.clone())?)
}

/// A disk with the keys of a new server.
pub(crate) fn made() -> FaultyMedium {
    let disk = FaultyMedium::default();
    let secrets = Secrets::open(disk.clone()).expect("a disk that works");
    ServerKeys::create(secrets, &identity()).expect("a disk that works");
    disk
}
