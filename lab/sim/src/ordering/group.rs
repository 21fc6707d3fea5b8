//! One replica group of a run, whatever it replicates: its keys, its disks and who observes it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use quorate_adversary::Adversary;
use quorate_adversary::ordering::Seat;
use quorate_bft::client::ClientSetup;
use quorate_bft::message::Message;
use quorate_bft::{Client, Parameters, Record, Replica, Setup};
use quorate_crypto::{ClientCertificate, Domain, Signer, Verified, Verifier, hash_of, verify};
use quorate_history::Prng;
use quorate_machine::RecordNumber;
use quorate_types::{ClientId, GroupConfiguration, ReplicaId, Slot};

use super::adversaries::adversary;
use super::checkers::{Answers, Audit, Convergence, Convictions, Durability, Endings, WriteAhead};
use super::disk::{Disk, Images, Storekeeper};
use super::knowledge::{Knowledge, Shared};
use super::{OrderingLens, OrderingMachine, Replicated, Watched};
use crate::checker::{Agreement, Checker, Integrity, Statements};
use crate::host::AdmitCache;

/// What a group is made of.
pub(crate) struct GroupSetup<S> {
    /// Its members and its place.
    pub(crate) group: Arc<GroupConfiguration>,
    /// What every replica is started with.
    pub(crate) parameters: Parameters,
    /// The keys of its members, in their order.
    pub(crate) signers: Vec<Arc<dyn Signer>>,
    /// Checks signatures.
    pub(crate) verifier: Arc<dyn Verifier>,
    /// What it replicates.
    pub(crate) service: S,
}

/// A replica group in a run.
pub(crate) struct GroupHost<S> {
    setup: GroupSetup<S>,
    images: Images,
    knowledge: Shared,
    cache: AdmitCache<Message, Verified<Message>>,
}

impl<S: Replicated> GroupHost<S> {
    pub(crate) fn new(setup: GroupSetup<S>) -> Self {
        let disks = setup.signers.iter().map(|_| Disk::default()).collect();
        Self {
            knowledge: Knowledge::new(&setup.group),
            images: Rc::new(RefCell::new(disks)),
            cache: AdmitCache::new(),
            setup,
        }
    }

    /// Its members and its place.
    pub(crate) const fn group(&self) -> &Arc<GroupConfiguration> {
        &self.setup.group
    }

    /// Makes a replica from what its disk holds.
    pub(crate) fn replica(
        &self,
        me: ReplicaId,
        records: Vec<(RecordNumber, Arc<Record>)>,
    ) -> OrderingMachine<S> {
        let index = me.index();
        self.knowledge.borrow_mut().begin(index, &records);
        let setup = Setup {
            group: Arc::clone(&self.setup.group),
            me,
            signer: Some(Arc::clone(&self.setup.signers[index])),
            parameters: self.setup.parameters.clone(),
        };
        let mut images = self.images.borrow_mut();
        let disk = &mut images[index];
        disk.go_back(records.last().map_or(0, |(number, _)| number.get()));
        for (number, record) in &records {
            disk.apply(*number, record);
        }
        let image = disk.load();
        // Without the image that it stands on, what is left of a log says nothing.
        let begins = records.first().is_some_and(|(number, _)| number.get() == 1);
        let records = if image.is_some() || begins { records } else { Vec::new() };
        let owned = |(number, record): (RecordNumber, Arc<Record>)| (number, (*record).clone());
        let records = records.into_iter().map(owned).collect();
        let service = Watched::new(self.setup.service.clone());
        OrderingMachine::replica(Replica::recover(setup, service, image, records))
    }

    /// Makes a client of the group; `life` counts its starts.
    pub(crate) fn client(
        &self,
        (signer, certificate): (Arc<dyn Signer>, ClientCertificate),
        life: u64,
    ) -> OrderingMachine<S> {
        let nonce = first_nonce(signer.public_key().client(), life);
        OrderingMachine::client(Client::new(ClientSetup {
            group: Arc::clone(&self.setup.group),
            signer,
            certificate,
            nonce,
            bundle_operations_max: 4,
        }))
    }

    /// Seats the villain with this name.
    pub(crate) fn adversary(
        &self,
        name: &str,
        (seat, signer): (Seat, Arc<dyn Signer>),
        prng: &Prng,
    ) -> Box<dyn Adversary<OrderingMachine<S>>> {
        adversary(name, (seat, Arc::clone(&self.setup.group)), signer, prng)
    }

    /// Verifies what arrives, once for all who get it.
    pub(crate) fn admit(&mut self, message: &Arc<Message>) -> Option<Verified<Message>> {
        let Self { cache, setup, .. } = self;
        cache.admit(message, |message| {
            verify((**message).clone(), &setup.group, &*setup.verifier).ok()
        })
    }

    /// How observers read the group; its clients are the nodes behind its replicas.
    pub(crate) fn lens(&self, clients: Vec<ClientId>) -> OrderingLens {
        OrderingLens {
            knowledge: Rc::clone(&self.knowledge),
            replicas: u16::try_from(self.setup.signers.len()).expect("few replicas"),
            clients,
        }
    }

    /// What keeps the disks, and who observes the safety of the group.
    pub(crate) fn checkers(
        &self,
        lens: &OrderingLens,
    ) -> Vec<Box<dyn Checker<OrderingMachine<S>>>> {
        let knowledge = || Rc::clone(&self.knowledge);
        let GroupSetup { group, verifier, .. } = &self.setup;
        let audit = Audit::new(Arc::clone(group), Arc::clone(verifier), knowledge());
        vec![
            Box::new(Storekeeper(Rc::clone(&self.images), knowledge())),
            Box::new(WriteAhead::new(Arc::clone(group), knowledge())),
            Box::new(audit),
            Box::new(Durability::new(knowledge(), group.resilience)),
            Box::new(Endings::new(Arc::clone(group))),
            Box::new(Answers::new(group.members.len(), lens.clients.clone())),
            Box::new(Agreement::new(lens.clone())),
            Box::new(Integrity::new(lens.clone())),
            Box::new(Statements::new(lens.clone())),
            Box::new(Convictions::new(Arc::clone(group))),
        ]
    }

    /// Who compares the replicas of the core when a run is over.
    pub(crate) fn convergence(&self) -> Box<dyn Checker<OrderingMachine<S>>> {
        Box::new(Convergence::new(&self.setup.parameters))
    }
}

impl<S> std::fmt::Debug for GroupHost<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a group of {} replicas", self.setup.signers.len())
    }
}

/// What a client's process draws for its first session: every process something else.
pub(crate) fn first_nonce(client: ClientId, life: u64) -> u64 {
    let digest = hash_of(Domain::Derivation, &(client, life));
    let first = digest.as_bytes().first_chunk().expect("a digest has 32 bytes");
    u64::from_be_bytes(*first)
}

/// About how long a message of the engine is on a link.
pub(crate) fn wire_bytes(message: &Message) -> u64 {
    match message {
        Message::Request(_) | Message::Batch(_) => 512,
        Message::PrePrepare(_) | Message::NewView(_) | Message::ViewChange(_) => 1_500,
        _ => 160,
    }
}

/// The phase of the engine to which a message belongs, for faults that pick one.
pub(crate) const fn kind(message: &Message) -> u8 {
    match message {
        Message::PrePrepare(_) => 1,
        Message::Prepare(_) => 2,
        Message::Commit(_) => 3,
        Message::ViewChange(_) | Message::NewView(_) => 4,
        Message::Status(_) | Message::Slots(_) | Message::FetchSlots(_) => 5,
        _ => 0,
    }
}

/// Changes a vote without signing it again: verification must refuse it.
pub(crate) fn rewrite(prng: &mut Prng, message: &Message) -> Option<Arc<Message>> {
    let Message::Prepare(vote) = message else { return None };
    let mut forged = *vote;
    forged.slot = Slot::new(vote.slot.get() ^ (1 << prng.below(3)));
    Some(Arc::new(Message::Prepare(forged)))
}
