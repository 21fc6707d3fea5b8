//! A member that puts into the log whatever it can: certificates that nobody gave or that have run
//! out, and bytes that mean nothing (M14).

use quorate_membership::{AddCertificate, AddGrant, MembershipOperation, Validity};
use quorate_types::{Epoch, IdentityKey};

use super::super::founding::description;
use super::super::keys::derived;
use super::{ServerSeat, Turn};

/// Operations at once.
const WAVE: u64 = 16;
/// Length of what means nothing, in bytes.
const NOISE_BYTES: usize = 1_000;

/// How the identities begin to which no good certificate was ever given.
const NOBODY: [u8; 24] = [0xFD; 24];

/// One of them.
fn nobody(number: u64) -> IdentityKey {
    let mut bytes = [0; 32];
    let (beginning, rest) = bytes.split_at_mut(NOBODY.len());
    beginning.copy_from_slice(&NOBODY);
    rest.copy_from_slice(&number.to_be_bytes());
    IdentityKey::new(bytes)
}

/// Is it one of them?
pub(in crate::epochs) fn is_nobody(identity: &IdentityKey) -> bool {
    identity.as_bytes().starts_with(&NOBODY)
}

impl ServerSeat {
    /// Another wave in an epoch; `number` is how many there were.
    pub(super) fn flood(&mut self, turn: &mut Turn<'_>, epoch: Epoch, number: u64) {
        for place in number * WAVE..(number + 1) * WAVE {
            let operation = match place % 3 {
                0 => vec![place.to_le_bytes()[0]; NOISE_BYTES],
                // What ran out with the first epoch is good in it.
                kind => self.bad_certificate(place, kind == 1 || epoch == Epoch::ZERO),
            };
            self.announce(turn, operation);
        }
        turn.effects.mark("liar.flooded");
    }

    /// A server is to be added by the word of another authority, or of the real one long ago.
    fn bad_certificate(&self, number: u64, is_foreign: bool) -> Vec<u8> {
        let keys = &self.kit.keys;
        let signer = match is_foreign {
            true => keys.signer(&derived("another authority", number)),
            false => keys.authority(),
        };
        let last_epoch = if is_foreign { Epoch::new(u64::MAX) } else { Epoch::ZERO };
        let validity = Validity { sequence: number, first_epoch: Epoch::ZERO, last_epoch };
        let grant = AddGrant {
            system: self.kit.first.configuration().system,
            identity_key: nobody(number),
            validity,
            server: description(number),
        };
        quorate_wire::encode(&MembershipOperation::Add(AddCertificate::issue(grant, &*signer)))
    }
}
