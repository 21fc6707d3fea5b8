//! What members deal to each other at the end of an epoch, in the clear; and what stands on the
//! disks of all servers, but for their keys, while they deal.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use quorate_daemon::server::{Between, Intermediary};
use quorate_machine::Effect;
use quorate_membership::handover::message::Message;
use quorate_membership::handover::{
    CommitmentBytes, Handover, PublishedDealing, Setup as HandoverSetup,
};
use quorate_runtime::Interceptor;
use quorate_threshold::{
    Dealer, Dealt, KEY_SHARE_BYTES, KeyShare, Parameters, Seed, Session, ShareIndex,
};
use quorate_types::Now;

use crate::files::{Content, content_without};
use crate::search::Secret;
use crate::secrets::{KEYS, Kind, Label, Thief};

/// A dealing that a server sent at the end of an epoch.
pub(crate) struct Heard {
    pub(crate) owner: usize,
    pub(crate) epoch: u64,
    pub(crate) dealing: PublishedDealing,
}

/// The files of all servers at one moment, each with the server's number.
pub(crate) type Picture = Vec<(usize, Content)>;

/// What was heard and seen.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) heard: Vec<Heard>,
    /// Of each epoch, when the first recipient had its new share: no attempt is over then.
    pub(crate) pictures: BTreeMap<u64, Picture>,
}

/// Hears what one server sends when epochs end.
pub(crate) struct Ear {
    pub(crate) owner: usize,
    pub(crate) directories: Arc<Vec<PathBuf>>,
    pub(crate) notes: Arc<Mutex<Notes>>,
}

impl Intermediary for Ear {
    fn handover(&mut self, setup: &HandoverSetup) -> Between<Handover> {
        Some(Box::new(EarIn {
            ear: Self {
                owner: self.owner,
                directories: Arc::clone(&self.directories),
                notes: Arc::clone(&self.notes),
            },
            epoch: setup.configuration.epoch.get(),
        }))
    }
}

struct EarIn {
    ear: Ear,
    epoch: u64,
}

impl Interceptor<Handover> for EarIn {
    fn effects(&mut self, _: Now, effects: &mut Vec<Effect<Handover>>) {
        let (owner, epoch) = (self.ear.owner, self.epoch);
        let mut notes = self.ear.notes.lock().expect("nobody panicked");
        for effect in effects {
            let Effect::Send { message, .. } = effect else { continue };
            if let Message::Dealing(signed) = message {
                let dealing = signed.dealing.clone();
                if !notes.heard.iter().any(|heard| heard.dealing == dealing) {
                    notes.heard.push(Heard { owner, epoch, dealing });
                }
            }
            if let Message::Completion(_) = message {
                notes.pictures.entry(epoch).or_insert_with(|| picture(&self.ear.directories));
            }
        }
    }
}

/// All files of all servers, but for their keys.
fn picture(directories: &[PathBuf]) -> Picture {
    let of = |(owner, directory): (usize, &PathBuf)| {
        let files = content_without(directory, Some(Path::new(KEYS)));
        files.into_iter().map(move |file| (owner, file))
    };
    directories.iter().enumerate().flat_map(of).collect()
}

/// What the dealing hides: found again from what the dealer's disk held.
pub(crate) fn in_the_clear(heard: &Heard, thief: &Thief) -> Vec<(Label, Secret)> {
    let Heard { owner, epoch, dealing } = heard;
    let label = |kind| Label { owner: *owner, kind, epoch: *epoch };
    let seed = thief.taken(label(Kind::Dealing)).next().expect("it was there before it dealt");
    let dealer = Dealer {
        seed: &Seed::new(seed.try_into().expect("its length")),
        session: Session::new(*dealing.session.as_bytes()),
        parameters: Parameters::new(2, 4).expect("f = 1"),
    };
    let again = |content: &[u8]| {
        let share = KeyShare::decode(content.last_chunk::<KEY_SHARE_BYTES>().expect("a share"));
        dealer.deal_again(&share.expect("a share"))
    };
    let is_it =
        |dealt: &Dealt| CommitmentBytes::of(dealt.dealing.commitment()) == dealing.commitment;
    let mut dealt = match epoch {
        0 => vec![dealer.deal_fresh(ShareIndex::new(dealing.dealer).expect("its index"))],
        _ => thief.taken(label(Kind::Share)).map(again).collect(),
    };
    dealt.retain(is_it);
    let found = dealt.first().expect("what follows from the seed was sent");
    let subshares = found.subshares.iter().map(|it| *it.encode().last_chunk().expect("a scalar"));
    let mut hidden: Vec<Secret> = subshares.collect();
    // A polynomial of degree one: between 1 and 2 it goes up by its coefficient.
    hidden.push(difference(&hidden[1], &hidden[0]));
    hidden.into_iter().map(|secret| (label(Kind::Dealt), secret)).collect()
}

/// Modulo the order of the curve's groups.
fn difference(left: &Secret, right: &Secret) -> Secret {
    const ORDER: Secret = [
        0x73, 0xed, 0xa7, 0x53, 0x29, 0x9d, 0x7d, 0x48, 0x33, 0x39, 0xd8, 0x08, 0x09, 0xa1, 0xd8,
        0x05, 0x53, 0xbd, 0xa4, 0x02, 0xff, 0xfe, 0x5b, 0xfe, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00,
        0x00, 0x01,
    ];
    let minus = |left: &Secret, right: &Secret| {
        let (mut result, mut borrow) = (*left, false);
        for (digit, less) in result.iter_mut().zip(right).rev() {
            (*digit, borrow) = digit.borrowing_sub(*less, borrow);
        }
        result
    };
    // What wraps around comes back: ORDER - (right - left) is left - right.
    if left >= right { minus(left, right) } else { minus(&ORDER, &minus(right, left)) }
}
