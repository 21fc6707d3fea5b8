//! Misbehaviour in the storage DHT: one file each, over an interface that knows no executor.
//!
//! What a villain sees and how it is carried is [`crate::villain`]'s. One that is a server has also
//! its disk, as a [`Medium`]; one that is a client has its certificate, and the keys of the objects
//! that it may write.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a villain twists the messages that it knows, and leaves all others alone"
)]

use std::sync::Arc;

use quorate_crypto::Signer;
use quorate_dht::{ClientIdentity, Message, ObjectKey, Ring};
use quorate_history::Prng;
use quorate_types::Duration;

use crate::villain::{self, Entry, Legion, Villain, names};

mod content_liar;
mod fabricator;
mod hollow;
mod lone_reader;
mod mourner;
mod partial_writer;
mod rot;
mod skipper;
mod stale;
#[cfg(test)]
mod tests;

/// A message of the DHT on its way out.
pub type Sending = crate::deeds::Sending<Message>;
/// What a villain of the DHT does.
pub type Deeds = crate::deeds::Deeds<Message>;

/// The objects on the disk of a server, below every check.
pub trait Medium: Send + std::fmt::Debug {
    /// Names of all objects.
    fn names(&self) -> Vec<ObjectKey>;
    /// The bytes under a name.
    fn bytes(&self, key: &ObjectKey) -> Option<Vec<u8>>;
    /// Puts other bytes there, or nothing.
    fn overwrite(&mut self, key: ObjectKey, bytes: Option<Vec<u8>>);
}

/// What a villain holds: its own, and nobody else's.
#[derive(Debug)]
pub struct Holdings {
    /// The servers.
    pub ring: Ring,
    /// As whom it writes, if it is a client.
    pub identity: Option<ClientIdentity>,
    /// Keys of objects that it may write.
    pub owners: Vec<Arc<dyn Signer>>,
    /// Its disk, if it is a server.
    pub disk: Option<Box<dyn Medium>>,
}

impl villain::Holdings for Holdings {
    type Message = Message;
}

/// What a villain of the DHT knows at a moment.
pub type Context<'a> = villain::Context<'a, Holdings>;

/// A villain between an honest machine of the DHT and the world.
pub type Liar = villain::Liar<Holdings>;

/// Name of the villain that is an honest server with a bad disk.
pub const ROT: &str = "rot";
/// Name of the villain that uses up sequence numbers.
pub const SKIPPER: &str = "skipper";

/// How often one that is several acts on its own.
const LEGION_PERIOD: Duration = Duration::from_millis(400);

/// Villains that are servers.
const SERVERS: &[Entry<Holdings>] = &[
    ("stale", |prng| Box::new(stale::Stale::new(prng))),
    ("fabricator", |_| Box::new(fabricator::Fabricator::default())),
    ("hollow", |prng| Box::new(hollow::Hollow::new(prng))),
    ("content-liar", |_| Box::new(content_liar::ContentLiar::default())),
    (ROT, |prng| Box::new(rot::Rot::new(prng))),
    ("mourner", |prng| Box::new(mourner::Mourner::new(prng))),
    ("legion", |prng| Box::new(Legion::new(SERVERS, LEGION_PERIOD, prng))),
];

/// Villains that are clients.
const CLIENTS: &[Entry<Holdings>] = &[
    ("partial-writer", |_| Box::new(partial_writer::PartialWriter::default())),
    ("lone-reader", |_| Box::new(lone_reader::LoneReader::default())),
    (SKIPPER, |_| Box::new(skipper::Skipper)),
];

/// Names of the villains that are servers.
pub const SERVER_VILLAINS: &[&str] = &names::<_, { SERVERS.len() }>(SERVERS);
/// Names of the villains that are clients.
pub const CLIENT_VILLAINS: &[&str] = &names::<_, { CLIENTS.len() }>(CLIENTS);

/// The villain with this name, if there is one; `prng` decides its details.
#[must_use]
pub fn villain(name: &str, prng: &mut Prng) -> Option<Box<dyn Villain<Holdings>>> {
    villain::find(&[SERVERS, CLIENTS], name, prng)
}
