//! Misbehaviour in the ordering engine: one file each, over an interface that knows no executor.
//!
//! A villain here sits where a replica or a client does, and signs with the key of that seat; what
//! it sees and how it is carried is [`crate::villain`]'s.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a villain twists the messages that it knows, and leaves all others alone"
)]

use std::sync::Arc;

use quorate_bft::Message;
use quorate_crypto::Signer;
use quorate_history::Prng;
use quorate_types::{Duration, GroupConfiguration, Peer, ReplicaId, View};

pub use crate::deeds::{Carries, peers};
use crate::villain::{self, Entry, Legion, Villain, names};

mod announcer;
mod checkpoint_liar;
mod client_flooder;
mod client_juggler;
mod cut_liar;
mod divergent;
mod double_voter;
mod equivocator;
mod forger;
mod giant;
mod lane;
mod lane_forker;
mod lane_juggler;
mod misplacer;
mod opening_hoarder;
mod replayer;
mod selective;
mod silent;
mod splits;
#[cfg(test)]
mod tests;
mod transfer_liar;
mod view_changer;
mod view_spammer;

/// Who the villain is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seat {
    /// A member of the group.
    Replica(ReplicaId),
    /// A client of the group.
    Client,
}

/// What a villain knows and holds: its own key, and no other.
pub struct Holdings {
    seat: Seat,
    group: Arc<GroupConfiguration>,
    signer: Arc<dyn Signer>,
    /// The other replicas.
    others: Arc<[Peer]>,
}

impl std::fmt::Debug for Holdings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Holdings of {:?}", self.seat)
    }
}

impl Holdings {
    /// What there is in this seat of this group; `signer` signs in its name.
    #[must_use]
    pub fn new(seat: Seat, group: Arc<GroupConfiguration>, signer: Arc<dyn Signer>) -> Self {
        let members = group.resilience.members();
        let others = members.filter(|&replica| seat != Seat::Replica(replica));
        let others = others.map(|replica| group.peer(replica)).collect();
        Self { seat, group, signer, others }
    }
}

impl villain::Holdings for Holdings {
    type Message = Message;
}

/// What a villain of the engine knows at a moment.
pub type Context<'a> = villain::Context<'a, Holdings>;

impl Context<'_> {
    /// Its group.
    #[must_use]
    pub fn group(&self) -> &GroupConfiguration {
        &self.holdings.group
    }

    /// Signs in its own name.
    #[must_use]
    pub fn signer(&self) -> &dyn Signer {
        &*self.holdings.signer
    }

    /// The other replicas.
    #[must_use]
    pub fn others(&self) -> &[Peer] {
        &self.holdings.others
    }

    /// The replica that the villain is; a client has the number of none.
    #[must_use]
    pub const fn me(&self) -> ReplicaId {
        match self.holdings.seat {
            Seat::Replica(me) => me,
            Seat::Client => ReplicaId::new(u16::MAX),
        }
    }

    /// Does the villain lead this view?
    #[must_use]
    pub fn leads(&self, view: View) -> bool {
        self.group().resilience.leader(view) == self.me()
    }
}

/// A message of the engine on its way out.
pub type Sending = crate::deeds::Sending<Message>;
/// What a villain of the engine does.
pub type Deeds = crate::deeds::Deeds<Message>;

/// A villain between an honest machine of the engine and the world.
pub type Liar = villain::Liar<Holdings>;

/// How often one that is several acts on its own.
const LEGION_PERIOD: Duration = Duration::from_millis(40);

/// Villains that are replicas.
const REPLICAS: &[Entry<Holdings>] = &[
    ("equivocator", |prng| Box::new(equivocator::Equivocator::new(prng))),
    ("cut-liar", |prng| Box::new(cut_liar::CutLiar::new(prng))),
    ("double-voter", |_| Box::new(double_voter::DoubleVoter::default())),
    ("silent", |prng| Box::new(silent::Silent::new(prng))),
    ("selective", |prng| Box::new(selective::Selective::new(prng))),
    ("replayer", |_| Box::new(replayer::Replayer::default())),
    ("opening-hoarder", |_| Box::new(opening_hoarder::OpeningHoarder::default())),
    ("forger", |_| Box::new(forger::Forger::default())),
    ("misplacer", |_| Box::new(misplacer::Misplacer::new())),
    ("checkpoint-liar", |prng| Box::new(checkpoint_liar::CheckpointLiar::new(prng))),
    ("transfer-liar", |prng| Box::new(transfer_liar::TransferLiar::new(prng))),
    ("announcer", |_| Box::new(announcer::Announcer::default())),
    ("lane-juggler", |_| Box::new(lane_juggler::LaneJuggler::default())),
    ("lane-forker", |prng| Box::new(lane_forker::LaneForker::new(prng))),
    ("view-changer", |prng| Box::new(view_changer::ViewChanger::new(prng))),
    ("view-spammer", |_| Box::new(view_spammer::ViewSpammer::new())),
    ("giant", |prng| Box::new(giant::Giant::new(prng))),
    ("divergent", |prng| Box::new(divergent::Divergent::new(prng))),
    ("legion", |prng| Box::new(Legion::new(REPLICAS, LEGION_PERIOD, prng))),
];

/// Villains that are clients.
const CLIENTS: &[Entry<Holdings>] = &[
    ("client-flooder", |_| Box::new(client_flooder::ClientFlooder::default())),
    ("client-juggler", |_| Box::new(client_juggler::ClientJuggler::default())),
];

/// Names of the villains that are replicas.
pub const REPLICA_VILLAINS: &[&str] = &names::<_, { REPLICAS.len() }>(REPLICAS);
/// Names of the villains that are clients.
pub const CLIENT_VILLAINS: &[&str] = &names::<_, { CLIENTS.len() }>(CLIENTS);

/// The villain with this name, if there is one; `prng` decides its details.
#[must_use]
pub fn villain(name: &str, prng: &mut Prng) -> Option<Box<dyn Villain<Holdings>>> {
    villain::find(&[REPLICAS, CLIENTS], name, prng)
}
