//! Misbehaviour in the membership service: one file each, over an interface that knows no executor.
//!
//! What a villain sees and how it is carried is [`crate::villain`]'s; its machine is its server's
//! honest responder. When the system is founded, a member of the membership group also gives its
//! partial signature of the first configuration; [`ceremony`] says what the bad ones give instead.
//! Bad clients run honest machines with what they should not have: a [`ClientVice`].

use std::sync::Arc;

use quorate_crypto::Signer;
use quorate_history::Prng;
use quorate_membership::{Message, VerifiedConfiguration};
use quorate_types::NodeId;

use crate::villain::{self, Entry, Villain, names};

pub mod ceremony;
mod client_vice;
mod configuration_forger;
mod stale_voucher;
#[cfg(test)]
mod tests;
mod vouch_forger;
mod vouch_withholder;

pub use client_vice::{CLIENT_VICES, ClientVice, Skew};

/// A message about configurations on its way out.
pub type Sending = crate::deeds::Sending<Message>;
/// What a villain of the membership service does.
pub type Deeds = crate::deeds::Deeds<Message>;

/// What a villain knows and holds: its own key, and no other.
pub struct Holdings {
    /// The server that it is.
    pub me: NodeId,
    /// The configuration that its server serves.
    pub configuration: VerifiedConfiguration,
    /// Its key of the epoch.
    pub signer: Arc<dyn Signer>,
}

impl std::fmt::Debug for Holdings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Holdings of {:?}", self.me)
    }
}

impl villain::Holdings for Holdings {
    type Message = Message;
}

/// What a villain of the membership service knows at a moment.
pub type Context<'a> = villain::Context<'a, Holdings>;

/// A villain between an honest responder and the world.
pub type Liar = villain::Liar<Holdings>;

/// Villains that are servers.
const SERVERS: &[Entry<Holdings>] = &[
    ("stale-voucher", |_| Box::new(stale_voucher::StaleVoucher::default())),
    ("vouch-forger", |_| Box::new(vouch_forger::VouchForger)),
    ("vouch-withholder", |prng| Box::new(vouch_withholder::VouchWithholder::new(prng))),
    ("configuration-forger", |prng| Box::new(configuration_forger::ConfigurationForger::new(prng))),
];

/// Names of the villains that are servers.
pub const SERVER_VILLAINS: &[&str] = &names::<_, { SERVERS.len() }>(SERVERS);

/// The villain with this name, if there is one; `prng` decides its details.
#[must_use]
pub fn villain(name: &str, prng: &mut Prng) -> Option<Box<dyn Villain<Holdings>>> {
    villain::find(&[SERVERS], name, prng)
}
