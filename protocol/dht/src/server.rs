//! The storage server: keeps objects in the node's object store and answers for them.
//!
//! Every request about an object waits until the object is loaded; then all that wait for it are
//! served in the order in which they came, each one against what the one before it left. So two
//! concurrent writes of one object are compared with each other without a table of stamps in
//! memory. A damaged copy is mended from other members of the group; until then its reads are
//! refused, and never answered with "absent".
//!
//! ```text
//! request --> admit --> Load --> serve: Persist, Send
//!                          `--> damaged: repair from peers --> serve
//! ```
//! # Invariants
//! - DHT-10: a server never says that an object is absent while its own copy is damaged.
//! - DHT-11: requests that wait, and their bytes, stay below the limits of a peer, of all clients
//!   that showed no certificate, and of all; no peer takes more of either than twice what is left
//!   free, so that clients that take all they get leave room for another one.
//!
//! # Deviations from the paper
//! - Nothing is served from a cache: the object store has one, below the check of every read.

mod admission;
mod advance;
mod budget;
mod clients;
mod job;
mod repair;
mod scrub;
mod serve;
mod summary;
mod sweep;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use quorate_crypto::{Verified, Verifier};
use quorate_machine::{Effects, Input, Machine};
use quorate_types::{Epoch, NodeId, Now};

use crate::message::{CertifiedConfiguration, Held, Message, OperationId, ScrubReport};
use crate::object::{ObjectKey, Record};
use crate::ring::Ring;

use advance::Inquiry;
use budget::Budget;
use clients::Clients;
use job::{Asker, Slot};
use scrub::Scrubs;
use sweep::Sweep;

pub(crate) type ServerEffects = Effects<Server>;

/// Names a load, so that its answer finds who waits for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(u64);

/// What a load found in the object store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// No object; for [`ServerOutput::LoadNext`]: none from there on.
    Absent,
    /// The bytes of the object, as [`Record::bytes`] gave them.
    Object(ObjectKey, alloc::vec::Vec<u8>),
    /// There is an object, and the store knows that it is damaged.
    Damaged(ObjectKey),
    /// The store fails now, which says nothing about the object: it can be asked again. Without a
    /// name, not even the names can be told.
    Unreadable(Option<ObjectKey>),
}

/// What the node asks of its storage server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ServerRequest {
    /// The answer to a load.
    Loaded {
        /// Which load.
        ticket: Ticket,
        /// What it found.
        found: Found,
    },
    /// The answer to a listing.
    Listed {
        /// Which listing.
        ticket: Ticket,
        /// What the store holds there, the lowest [`LISTED_NAMES_MAX`] names in ascending order;
        /// nothing if it cannot be listed now.
        ///
        /// [`LISTED_NAMES_MAX`]: crate::limits::LISTED_NAMES_MAX
        held: Option<alloc::vec::Vec<Held>>,
    },
    /// Check every object now, and mend what is damaged; while this goes on, another is ignored.
    Scrub,
    /// The node has entered a later epoch; an earlier one is ignored.
    Reconfigured {
        /// The ring of the epoch.
        ring: Ring,
        /// The configuration, for whoever is still in an earlier epoch.
        certified: CertifiedConfiguration,
    },
}

/// What a storage server asks of its node, or tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ServerOutput {
    /// Load this object, and answer with [`ServerRequest::Loaded`].
    Load {
        /// Names the load.
        ticket: Ticket,
        /// The object.
        key: ObjectKey,
    },
    /// Load the object with the lowest name above this one; the lowest of all without one.
    LoadNext {
        /// Names the load.
        ticket: Ticket,
        /// The name to go on from.
        after: Option<ObjectKey>,
    },
    /// List what the store holds from the first to the last of these names, both included, and
    /// answer with [`ServerRequest::Listed`]. Everything that was persisted before counts.
    List {
        /// Names the listing.
        ticket: Ticket,
        /// The lowest name.
        first: ObjectKey,
        /// The highest name.
        last: ObjectKey,
    },
    /// Somebody is in this later epoch: its configuration has to be fetched.
    Behind(Epoch),
    /// No peer could mend the damaged copy of this object, up to now: too few of them answer, or
    /// too few say the same.
    Unrepaired(ObjectKey),
    /// The damaged copy of this object can never be mended from the group (DHT-16): the node must
    /// stop, since going on would hide a loss. Somebody has to bring the object back, or to give
    /// it up.
    Lost {
        /// The object.
        key: ObjectKey,
        /// Of the others, how many hold it damaged, at least `f + 1`.
        damaged: usize,
        /// How many other members the group has. All have answered.
        others: usize,
    },
    /// All objects were checked, because somebody asked for it.
    Scrubbed(ScrubReport),
}

// tidy: timers
/// What a storage server sets alarms for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ServerTimer {
    /// Ask again for a whole copy of this object.
    Repair(ObjectKey),
    /// Check the next object.
    Scrub,
    /// Begin the next sweep, or go on with this one.
    Sweep,
    /// Go on listing the store.
    Walk,
    /// Answer who wants to compare, whether the digests are up to date or not.
    Answer,
    /// Ask somebody else for this object that a sweep found missing.
    Fetch(ObjectKey),
}

/// How much a server holds in memory; DHT-11 and the limits bound each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holdings {
    /// Requests that wait.
    pub requests: usize,
    /// Of these, requests of clients that showed no certificate.
    pub strangers: usize,
    /// Bytes that wait with all of them.
    pub waiting_bytes: usize,
    /// Objects that somebody waits for.
    pub objects: usize,
    /// Loads and listings without an answer.
    pub loads: usize,
    /// Objects that are being repaired.
    pub repairs: usize,
}

/// Why something is being loaded or listed.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    Serve(ObjectKey),
    Scrub,
    /// A page of the store for the own digests.
    Walk,
    /// A page of a cell that others hold differently.
    OwnPage,
    /// A page that a peer asked for.
    PageFor(Asker),
}

/// The storage server of one node.
#[derive(Debug)]
pub struct Server {
    node: NodeId,
    ring: Ring,
    certified: CertifiedConfiguration,
    verifier: Arc<dyn Verifier>,
    next_number: u64,
    budget: Budget,
    clients: Clients,
    slots: BTreeMap<ObjectKey, Slot>,
    loads: BTreeMap<Ticket, Purpose>,
    repairs: BTreeMap<OperationId, ObjectKey>,
    scrubs: Scrubs,
    sweep: Sweep,
    inquiries: BTreeMap<ObjectKey, Inquiry>,
}

impl Server {
    /// A server that is `node` on the ring. `first_number` is random, so that no late reply to an
    /// earlier run of the process counts in this one; the moments of its sweeps are drawn from it.
    #[must_use]
    pub fn new(
        node: NodeId,
        (ring, certified): (Ring, CertifiedConfiguration),
        verifier: Arc<dyn Verifier>,
        first_number: u64,
    ) -> Self {
        let sweep = Sweep::new(&ring, node, first_number);
        Self {
            node,
            ring,
            certified,
            verifier,
            next_number: first_number,
            budget: Budget::default(),
            clients: Clients::default(),
            slots: BTreeMap::new(),
            loads: BTreeMap::new(),
            repairs: BTreeMap::new(),
            scrubs: Scrubs::default(),
            sweep,
            inquiries: BTreeMap::new(),
        }
    }

    /// The epoch in which the server answers.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.ring.epoch
    }

    /// What the server holds in memory at the moment.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        Holdings {
            requests: self.budget.jobs(),
            strangers: self.budget.strangers_jobs(),
            waiting_bytes: self.budget.bytes(),
            objects: self.slots.len(),
            loads: self.loads.len(),
            repairs: self.repairs.len(),
        }
    }

    fn take_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number = number.wrapping_add(1);
        number
    }

    fn load(&mut self, key: ObjectKey, effects: &mut ServerEffects) {
        let ticket = Ticket(self.take_number());
        self.loads.insert(ticket, Purpose::Serve(key));
        effects.emit(ServerOutput::Load { ticket, key });
    }

    fn loaded(&mut self, now: Now, (ticket, found): (Ticket, Found), effects: &mut ServerEffects) {
        match self.loads.remove(&ticket) {
            Some(Purpose::Serve(key)) => self.serve_loaded(now, key, found, effects),
            Some(Purpose::Scrub) => self.scrub_found(now, found, effects),
            Some(Purpose::Walk | Purpose::OwnPage | Purpose::PageFor(_)) | None => {
                effects.mark("dht.server.unknown_ticket");
            }
        }
    }

    fn listed(
        &mut self,
        now: Now,
        (ticket, held): (Ticket, Option<alloc::vec::Vec<Held>>),
        effects: &mut ServerEffects,
    ) {
        match self.loads.remove(&ticket) {
            Some(Purpose::Walk) => self.walked(now, held.as_deref(), effects),
            Some(Purpose::OwnPage) => self.own_page(now, held, effects),
            Some(Purpose::PageFor(asker)) => self.listed_for(asker, held, effects),
            Some(Purpose::Serve(_) | Purpose::Scrub) | None => {
                effects.mark("dht.server.unknown_ticket");
            }
        }
    }

    fn reconfigure(
        &mut self,
        now: Now,
        (ring, certified): (Ring, CertifiedConfiguration),
        effects: &mut ServerEffects,
    ) {
        if ring.epoch > self.ring.epoch {
            self.ring = ring;
            self.certified = certified;
            // What the members of the old groups said does not count in the new ones.
            self.inquiries.clear();
            self.restart_repairs(now, effects);
            self.restart_sweeping(now, effects);
        }
    }
}

impl Machine for Server {
    type Inbound = Verified<Message>;
    type Outbound = Message;
    type Record = Record;
    type Timer = ServerTimer;
    type Request = ServerRequest;
    type Output = ServerOutput;

    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut ServerEffects) {
        match input {
            Input::Start => {
                self.start_sweeping(now, effects);
                self.start_idle_scrub(now, effects);
            }
            Input::Deliver { from, message } => self.deliver(now, from, message, effects),
            Input::Expired(ServerTimer::Repair(key)) => self.repair_again(now, key, effects),
            Input::Request(ServerRequest::Loaded { ticket, found }) => {
                self.loaded(now, (ticket, found), effects);
            }
            Input::Expired(ServerTimer::Scrub) => self.scrub_on(effects),
            Input::Expired(ServerTimer::Sweep) => self.sweep_alarm(now, effects),
            Input::Expired(ServerTimer::Walk) => self.walk_on(effects),
            Input::Expired(ServerTimer::Answer) => self.answer_waiters(effects),
            Input::Expired(ServerTimer::Fetch(key)) => self.ask_holder(now, key, effects),
            Input::Request(ServerRequest::Listed { ticket, held }) => {
                self.listed(now, (ticket, held), effects);
            }
            Input::Request(ServerRequest::Scrub) => self.start_scrub(effects),
            Input::Request(ServerRequest::Reconfigured { ring, certified }) => {
                self.reconfigure(now, (ring, certified), effects);
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
