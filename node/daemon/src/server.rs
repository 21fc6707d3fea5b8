//! A server: its disk, its links, and the machines that it hosts.
//!
//! Which machines follows from the certified configuration alone: [`Duties`] says it, here as in
//! the simulator. This module gives each machine its disk, its channel and its threads.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use quorate_bft::{Parameters, Replica, Setup};
use quorate_client::cluster::PROTOCOL_VERSIONS;
use quorate_client::groups::{ARCHIVE, CONFIGURATION, ORDERING, STORAGE};
use quorate_client::links::{Recogniser, peer_of};
use quorate_crypto::Signer;
use quorate_crypto::real::{AcquaintedVerifier, RealSigner, RealVerifier};
use quorate_duties::{Duties, Seat};
use quorate_kv::KeyValueService;
use quorate_machine::Service;
use quorate_membership::archive::ArchiveKeeper;
use quorate_membership::dissemination::Disseminator;
use quorate_membership::handover::{Handover, Setup as HandoverSetup};
use quorate_membership::monitor::{ProbeRule, ProberOutput};
use quorate_membership::{FreshnessResponder, MembershipService};
use quorate_net::{Config, Limits, SystemId};
use quorate_runtime::{
    Channel, Handle, Hosting, Interceptor, Links, Node, NodeError, NodeOptions, OnDeath, Server,
};
use quorate_store::directory::DataDirectory;
use quorate_store::object_store::ObjectStore;
use quorate_types::{Configuration, Epoch};
use zeroize::Zeroizing;

use crate::addresses::{Addresses, system_lookup};
use crate::configuration::NodeConfiguration;
use crate::epochs::{Conducted, EpochView, Epochs, Happening, Hosted, say};
use crate::error::ServerError;
use crate::founding::{NodeIdentity, VerifiedFounding};
use crate::host::archive::ArchiveHost;
use crate::host::ordering::{self, OrderingHost};
use crate::host::responder::{self, ResponderHost};
use crate::host::storage::loss::Brake;
use crate::host::storage::{Answers, StorageHost, StorageJournal};
use crate::keys::{KeySeed, SEED_BYTES};
use crate::limits::LOOKUP_PATIENCE;
use crate::monitoring::{Monitoring, MonitoringOptions};

/// Threads that read objects.
const OBJECT_THREADS: usize = 2;

/// A server that runs until it is stopped or its disk fails.
#[derive(Debug)]
pub struct RunningServer {
    node: Node,
    /// Locked as long as this lives.
    data: Arc<DataDirectory>,
    storage: Handle<quorate_dht::Server>,
    brake: Brake,
    monitoring: Arc<Mutex<Monitoring>>,
    /// Goes on from epoch to epoch.
    conductor: Conducted<()>,
    epochs: Arc<EpochView>,
    /// The `node.toml`, for what an operator is told to do.
    file: PathBuf,
}

impl RunningServer {
    /// The node that drives the machines.
    #[must_use]
    pub const fn node(&self) -> &Node {
        &self.node
    }

    /// Asks the storage server.
    #[must_use]
    pub const fn storage(&self) -> &Handle<quorate_dht::Server> {
        &self.storage
    }

    /// Where it is among the epochs.
    #[must_use]
    pub fn epochs(&self) -> Arc<EpochView> {
        Arc::clone(&self.epochs)
    }

    /// Its part in monitoring.
    pub fn monitoring(&self) -> MutexGuard<'_, Monitoring> {
        self.monitoring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the server.
    ///
    /// # Errors
    /// [`ServerError::Node`] if a disk or a thread failed, [`ServerError::Lost`] if an object is
    /// damaged and cannot be mended.
    pub async fn run(self) -> Result<(), ServerError> {
        let Self { node, data, brake, file, monitoring, conductor, .. } = self;
        let outcome = node.run().await;
        let conducted = conductor.stop();
        let dead = monitoring.lock().unwrap_or_else(PoisonError::into_inner).dead();
        drop(monitoring);
        drop(data);
        outcome.map_err(|source| ServerError::Node { source })?;
        conducted?;
        if let Some(thread) = dead {
            return Err(ServerError::Node { source: NodeError::ThreadDied { thread } });
        }
        match brake.pulled() {
            Some(object) => Err(ServerError::Lost { object: Box::new(object), file }),
            None => Ok(()),
        }
    }
}

/// What may stand between a machine and the world.
pub type Between<M> = Option<Box<dyn Interceptor<M>>>;

/// Puts something between the machines of a server and the world, where it says so. For the lab
/// alone.
pub trait Intermediary: Send {
    /// Before a replica of the membership service, in each epoch in which there is one.
    fn membership(&mut self, _: &Setup) -> Between<Replica<MembershipService>> {
        None
    }

    /// Before a replica of the key-value service.
    fn key_value(&mut self, _: &Setup) -> Between<Replica<KeyValueService>> {
        None
    }

    /// Before the storage server.
    fn storage(&mut self) -> Between<quorate_dht::Server> {
        None
    }

    /// Before the participant that brings an epoch to its end.
    fn handover(&mut self, _: &HandoverSetup) -> Between<Handover> {
        None
    }
}

/// Nothing stands anywhere: what production has.
#[derive(Debug)]
pub struct Nobody;

impl Intermediary for Nobody {}

/// Opens the disk and the links of a server, and hosts its machines.
///
/// # Errors
/// [`ServerError`] says which part failed and what to do.
pub async fn start(
    settings: &NodeConfiguration,
    identity: &NodeIdentity,
    between: Box<dyn Intermediary>,
) -> Result<RunningServer, ServerError> {
    let key = identity.record().identity_key;
    let data = DataDirectory::open(&settings.data, key.as_bytes(), identity.expectation())
        .map_err(|source| ServerError::Store { source })?;
    let data = Arc::new(data);
    let mut epochs = Epochs::open((settings, identity), &data, between)?;
    epochs.catch_up().await?;
    epochs.reject_clock()?;
    epochs.reject_removed()?;
    epochs.follow_root()?;
    let told = epochs.told();
    let addresses = Addresses::new(system_lookup(), move || say(&told, Happening::Resolved));
    let links = open_links(settings, (identity, &addresses), &epochs)?;
    let options = NodeOptions::new(verifier(identity));
    let node = Node::new(links, &options).map_err(|source| ServerError::Host { source })?;
    let epoch: Arc<dyn Signer> = Arc::new(RealSigner::from_seed(&identity.epoch_seed));
    let duties = Duties::of(identity.founding.configuration(), identity.id)
        .map_err(|source| ServerError::Groups { source })?;
    let brake = Brake::new(node.control());
    let founding = identity.founding.clone();
    let mut machines = Machines { node, epoch, duties, founding, epochs };
    let replicas = machines.memberships()?;
    // In the founding the other machines were not there yet.
    let begins = !identity.has_served();
    let data = if begins { Arc::new(data.with_new_parts()) } else { data };
    machines.key_value(&data)?;
    let responder = machines.responder(&data, &replicas)?;
    let storage = machines.storage((&data, &brake))?;
    let disseminator = machines.disseminator()?;
    machines.archive()?;
    let Machines { mut node, epochs, .. } = machines;
    let view = epochs.view();
    let names = view.names();
    node.watch_links(Box::new(move |news| {
        names.log(&news);
        view.note_link(&news);
    }));
    identity.mark_served().map_err(|source| ServerError::Founding { source })?;
    let control = node.control();
    let on_death: OnDeath = Arc::new(move || control.stop());
    let told = epochs.told();
    let outlet = move |found: &ProberOutput| say(&told, Happening::Probed(found.clone()));
    let rule = settings.epoch.map_or_else(ProbeRule::default, |_| epochs.rule());
    let names = epochs.view().names();
    let outlet = Arc::new(outlet);
    let options = MonitoringOptions { rule, outlet, names, addresses: addresses.clone(), on_death };
    let monitoring = Monitoring::start_with(settings.listen, identity, options)?;
    let monitoring = Arc::new(Mutex::new(monitoring));
    let hosted = Hosted { control: node.control(), responder, disseminator, replicas, addresses };
    let view = epochs.view();
    let conductor = epochs.conduct(hosted, &monitoring)?;
    let file = settings.file.clone();
    Ok(RunningServer { node, data, storage, brake, monitoring, conductor, epochs: view, file })
}

/// Checks signatures, and knows the keys of all servers.
fn verifier(identity: &NodeIdentity) -> Arc<AcquaintedVerifier> {
    let members = &identity.founding.configuration().configuration().members;
    Arc::new(AcquaintedVerifier::new(members.iter().filter_map(|member| member.epoch_key)))
}

fn open_links(
    settings: &NodeConfiguration,
    (identity, addresses): (&NodeIdentity, &Addresses),
    epochs: &Epochs,
) -> Result<Links, ServerError> {
    let configuration = &epochs.newest;
    addresses.follow(configuration.configuration(), Some(identity.id));
    // What comes later the conductor hears.
    addresses.settle(LOOKUP_PATIENCE);
    let servers = addresses.servers(configuration.configuration());
    let system = configuration.configuration().system;
    let config = Config {
        own: peer_of(&identity.record().identity_key),
        credential: epochs.credential()?,
        recognise: Recogniser::member(epochs.judged_by()?),
        system: SystemId::new(*system.as_bytes()),
        versions: PROTOCOL_VERSIONS,
        listen: settings.listen,
        peers: Vec::new(),
        jitter_seed: random_u64()?,
        limits: Limits::default(),
    };
    let listening = Links::listen(config, &servers);
    listening.map_err(|source| ServerError::Listen { address: settings.listen, source })
}

/// The servers of a configuration, as far as there are links for them, with the addresses that
/// their names resolve to. Waits until all have been looked up, at most 5 s; for whoever has a
/// thread to wait on, and asks each server once.
#[must_use]
pub fn known_servers(configuration: &Configuration) -> Vec<Server> {
    let addresses = Addresses::new(system_lookup(), || {});
    addresses.follow(configuration, None);
    addresses.settle(LOOKUP_PATIENCE);
    addresses.servers(configuration)
}

/// A number that nobody knows in advance.
///
/// # Errors
/// [`ServerError::Randomness`] if the operating system has none.
pub fn random_u64() -> Result<u64, ServerError> {
    getrandom::u64().or(Err(ServerError::Randomness))
}

/// Uniform bytes that nobody else knows.
///
/// # Errors
/// [`ServerError::Randomness`] if the operating system has none.
pub(crate) fn random_seed() -> Result<KeySeed, ServerError> {
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    getrandom::fill(&mut *seed).or(Err(ServerError::Randomness))?;
    Ok(seed)
}

/// The objects of a node.
///
/// # Errors
/// [`ServerError::Store`].
pub(crate) fn open_objects(data: &DataDirectory) -> Result<ObjectStore, ServerError> {
    let directory = data.part("storage", &quorate_store::object_store::PARTS);
    let store = directory.and_then(|directory| ObjectStore::open(&directory));
    store.map_err(|source| ServerError::Store { source })
}

/// A server while its machines are being hosted.
struct Machines {
    node: Node,
    epoch: Arc<dyn Signer>,
    duties: Duties,
    founding: VerifiedFounding,
    epochs: Epochs,
}

/// Replicas of the membership group, by epoch.
type Replicas = BTreeMap<Epoch, Handle<Replica<MembershipService>>>;

impl Machines {
    /// The replicas of the membership group of the newest epoch and of the one before, which others
    /// may need.
    fn memberships(&mut self) -> Result<Replicas, ServerError> {
        let mut replicas = Replicas::new();
        for ready in self.epochs.replicas_again()? {
            let (epoch, ready) = ready;
            let handle = self.node.host(ready.hosting());
            replicas.insert(epoch, handle.map_err(|source| ServerError::Host { source })?);
        }
        Ok(replicas)
    }

    fn key_value(&mut self, data: &DataDirectory) -> Result<(), ServerError> {
        let seat = self.duties.key_value();
        let hosted = OrderingHost::new("key-value");
        let between = |between: &mut dyn Intermediary, setup: &Setup| between.key_value(setup);
        self.replica((hosted, data), seat, KeyValueService, between).map(drop)
    }

    /// Hosts a replica of a service, if this server has a seat in its group.
    fn replica<S: Service + std::fmt::Debug + 'static>(
        &mut self,
        (hosted, data): (OrderingHost<S>, &DataDirectory),
        seat: Option<Seat>,
        service: S,
        between: impl FnOnce(&mut dyn Intermediary, &Setup) -> Between<Replica<S>>,
    ) -> Result<Option<Handle<Replica<S>>>, ServerError> {
        let Some(Seat { group, me }) = seat else { return Ok(None) };
        let name = hosted.name();
        let channel = Channel::Grouped(ORDERING, group.group);
        let signer = Some(Arc::clone(&self.epoch));
        let setup = Setup { group, me, signer, parameters: Parameters::default() };
        let interceptor = between(self.epochs.between(), &setup);
        let (machine, journal) = ordering::open((data, name), setup, service)
            .map_err(|source| ServerError::Journal { machine: name, source })?;
        let journal = Some(journal);
        let hosting = Hosting { name, channel, hosted, machine, journal, interceptor };
        let handle = self.node.host(hosting).map_err(|source| ServerError::Host { source })?;
        Ok(Some(handle))
    }

    fn responder(
        &mut self,
        data: &DataDirectory,
        replicas: &Replicas,
    ) -> Result<Handle<FreshnessResponder>, ServerError> {
        let (records, journal) = responder::open(data)
            .map_err(|source| ServerError::Journal { machine: "configuration", source })?;
        let member = self.epochs.member(replicas)?;
        let newest = self.epochs.newest.clone();
        let machine = FreshnessResponder::new(newest, member, records);
        let machine = match self.founding.genesis() {
            Some(_) => machine.with_founding(self.founding.configuration().clone()),
            None => machine,
        };
        let hosting = Hosting {
            name: "configuration",
            channel: Channel::Single(CONFIGURATION),
            hosted: ResponderHost { events: Some(self.epochs.told()) },
            machine,
            journal: Some(Box::new(journal)),
            interceptor: None,
        };
        self.node.host(hosting).map_err(|source| ServerError::Host { source })
    }

    /// Answers from the chain of all configurations.
    fn archive(&mut self) -> Result<(), ServerError> {
        let failed = |source| ServerError::Host { source };
        let workers = self.node.start_workers("archive", 1).map_err(failed)?;
        let keeper = Arc::new(OnceLock::new());
        let archive = self.epochs.archive();
        let hosting = Hosting {
            name: "archive",
            channel: Channel::Single(ARCHIVE),
            hosted: ArchiveHost { archive, workers, keeper: Arc::clone(&keeper) },
            machine: ArchiveKeeper::default(),
            journal: None,
            interceptor: None,
        };
        let handle = self.node.host(hosting).map_err(failed)?;
        keeper.set(handle).expect("the keeper is hosted once");
        Ok(())
    }

    /// Passes configurations on.
    fn disseminator(&mut self) -> Result<Handle<Disseminator>, ServerError> {
        let hosting = self.epochs.disseminator().hosting();
        self.node.host(hosting).map_err(|source| ServerError::Host { source })
    }

    fn storage(
        &mut self,
        (data, brake): (&DataDirectory, &Brake),
    ) -> Result<Handle<quorate_dht::Server>, ServerError> {
        let store = Arc::new(open_objects(data)?);
        let workers = self.node.start_workers("objects", OBJECT_THREADS);
        let workers = workers.map_err(|source| ServerError::Host { source })?;
        let answers: Answers = Arc::new(OnceLock::new());
        let context = self.duties.storage_context();
        let (journal_store, to) = (Arc::clone(&store), Arc::clone(&answers));
        let hosting = Hosting {
            name: "storage",
            channel: Channel::Single(STORAGE),
            hosted: StorageHost { context, store, workers, answers: to, brake: brake.clone() },
            machine: self.duties.storage(Arc::new(RealVerifier), random_u64()?),
            journal: Some(Box::new(StorageJournal::new(journal_store))),
            interceptor: self.epochs.between().storage(),
        };
        let handle = self.node.host(hosting).map_err(|source| ServerError::Host { source })?;
        answers.set(handle.clone()).expect("the storage server is hosted once");
        Ok(handle)
    }
}
