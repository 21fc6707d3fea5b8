//! MEM-75, MEM-76 on real files: what goes with a share, and what stays for another.
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use quorate_kes::{Blake3Tree, Seed};
use quorate_membership::Identity;
use quorate_threshold::{KEY_SHARE_BYTES, KeyShare};
use quorate_types::{Digest, Epoch, SystemId};
use zeroize::Zeroizing;

use super::{erase_unfit, of, opener, put, settle};
use crate::epochs::SharedKeys;
use crate::error::ServerError;
use crate::keys::{EpochSeeds, ServerKeys};

const EPOCH: Epoch = Epoch::new(1);
const FAILED: Digest = Digest::new([0xfa; 32]);
const NEXT: Digest = Digest::new([0x0b; 32]);
/// What opens what is sealed for the epoch.
const DECRYPTION: [u8; 32] = [0xde; 32];

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The keys of a server with those of an epoch, in a directory that is removed at the end.
struct Place(PathBuf, SharedKeys);

impl Place {
    fn new() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("quorate-shares-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let identity = Identity::generate_short(Blake3Tree, Seed::new([7; 32]), (Epoch::ZERO, 2));
        let keys = ServerKeys::create_directory(&path, &identity).expect("a disk that works");
        let seeds = EpochSeeds {
            signing: Zeroizing::new([0x51; 32]),
            decryption: Zeroizing::new(DECRYPTION),
        };
        let system = Some(SystemId::new([3; 32]));
        keys.certify((system, EPOCH), &seeds).expect("a disk that works");
        Self(path, Arc::new(Mutex::new(keys)))
    }

    fn put(&self, session: Digest, share: &KeyShare) {
        put(&self.1, EPOCH, (session, share)).expect("a disk that works");
    }

    fn session(&self) -> Option<Digest> {
        of(&self.1, EPOCH).expect("whole").map(|(session, _)| session)
    }

    fn opens(&self) -> Result<bool, ServerError> {
        opener(&self.1, EPOCH).map(|key| key.is_some())
    }

    /// Is it in any file of the server?
    fn has(&self, secret: &[u8]) -> bool {
        let is_in = |path: &Path| {
            let bytes = std::fs::read(path).expect("readable");
            bytes.windows(secret.len()).any(|window| window == secret)
        };
        let mut files = std::fs::read_dir(&self.0).expect("its directory");
        files.any(|file| is_in(&file.expect("an entry").path()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("the directory goes");
    }
}

/// A share of the first member.
fn share(secret: u8) -> KeyShare {
    let mut bytes = [0; KEY_SHARE_BYTES];
    (bytes[1], bytes[KEY_SHARE_BYTES - 1]) = (1, secret);
    KeyShare::decode(&bytes).expect("a share")
}

#[test]
fn mem_75_a_share_that_counts_is_handed_on_and_what_opened_its_dealings_is_in_no_file() {
    let place = Place::new();
    assert!(place.opens().expect("it is there") && place.has(&DECRYPTION));
    place.put(NEXT, &share(5));
    assert!(place.opens().expect("it is there"), "the attempt may fail still");

    let handed = settle(&place.1, EPOCH).expect("a disk that works").expect("it is there");
    assert_eq!(handed.public_share(), share(5).public_share());
    assert!(!place.has(&DECRYPTION));
    assert!(!place.opens().expect("who is started again lacks nothing"));
    assert_eq!(place.session(), Some(NEXT));
}

#[test]
fn who_has_neither_a_share_nor_what_opens_its_dealings_is_told_so() {
    let place = Place::new();
    assert!(settle(&place.1, EPOCH).expect("a disk that works").is_none());
    let Err(error) = place.opens() else { panic!("nothing is left to open a share with") };
    assert!(matches!(error, ServerError::NoDecryptionKey { epoch: EPOCH }), "{error}");
}

#[test]
fn mem_76_a_share_of_a_failed_attempt_leaves_what_opens_the_next_one_if_that_is_awaited() {
    for is_awaited in [true, false] {
        let place = Place::new();
        place.put(FAILED, &share(5));
        let unfit = share(5).public_share();
        erase_unfit(&place.1, (EPOCH, &unfit), is_awaited).expect("a disk that works");
        assert_eq!(place.session(), None);
        assert_eq!(place.has(&DECRYPTION), is_awaited);
        assert_eq!(place.opens().is_ok(), is_awaited);
    }
}

#[test]
fn mem_76_the_share_that_has_taken_its_place_stays_with_all_that_belongs_to_it() {
    for is_awaited in [true, false] {
        let place = Place::new();
        place.put(FAILED, &share(5));
        place.put(NEXT, &share(6));
        let unfit = share(5).public_share();
        erase_unfit(&place.1, (EPOCH, &unfit), is_awaited).expect("a disk that works");
        assert_eq!(place.session(), Some(NEXT));
        assert!(place.opens().expect("it is there"), "until it counts");
    }
}
