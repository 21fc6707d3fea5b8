//! Misbehaviour at the end of an epoch: one file each, over an interface that knows no executor.
//!
//! What a villain sees and how it is carried is [`crate::villain`]'s; its machines are its server's
//! honest participants, one of each epoch. It deals wrongly, withholds, complains without cause,
//! says parts of signatures that are none, and says again in one epoch what was said in another.

use std::sync::Arc;

use quorate_history::Prng;
use quorate_membership::handover::message::Message;
use quorate_types::{Epoch, Peer};

use crate::villain::{self, Entry, Villain, names};

mod epoch_replayer;
mod false_complainer;
mod news_liar;
mod part_liar;
mod share_withholder;
#[cfg(test)]
mod tests;
mod two_faced_dealer;

/// A message about the end of an epoch, with the epoch whose channel it goes over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Letter {
    /// The epoch that ends.
    pub epoch: Epoch,
    /// What is said.
    pub message: Message,
}

/// A letter on its way out.
pub type Sending = crate::deeds::Sending<Letter>;
/// What a villain of a handover does.
pub type Deeds = crate::deeds::Deeds<Letter>;

/// What a villain knows: the other servers. What it signs its honest machine has signed, but for
/// dealings: whoever carries its letters signs those that it has changed, with its server's key.
#[derive(Debug)]
pub struct Holdings {
    /// The others.
    pub others: Vec<Peer>,
}

impl villain::Holdings for Holdings {
    type Message = Letter;
}

/// What a villain of a handover knows at a moment.
pub type Context<'a> = villain::Context<'a, Holdings>;

/// A villain between honest participants and the world.
pub type Liar = villain::Liar<Holdings>;

const VILLAINS: &[Entry<Holdings>] = &[
    ("two-faced-dealer", |_| Box::new(two_faced_dealer::TwoFacedDealer::default())),
    ("share-withholder", |prng| Box::new(share_withholder::ShareWithholder::new(prng))),
    ("false-complainer", |_| Box::new(false_complainer::FalseComplainer)),
    ("part-liar", |_| Box::new(part_liar::PartLiar::default())),
    ("news-liar", |_| Box::new(news_liar::NewsLiar::default())),
    ("epoch-replayer", |_| Box::new(epoch_replayer::EpochReplayer::new())),
];

/// Names of the villains.
pub const NAMES: &[&str] = &names::<_, { VILLAINS.len() }>(VILLAINS);

/// The villain with this name, if there is one; `prng` decides its details.
#[must_use]
pub fn villain(name: &str, prng: &mut Prng) -> Option<Box<dyn Villain<Holdings>>> {
    villain::find(&[VILLAINS], name, prng)
}

/// A letter to the same peers with another message.
fn instead(sending: &Sending, message: Message) -> Sending {
    let letter = Letter { epoch: sending.message.epoch, message };
    Sending { to: sending.to.clone(), class: sending.class, message: Arc::new(letter) }
}
