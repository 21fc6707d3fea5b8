//! A server: its disk, its links, and the machines that it hosts.
//!
//! Which machines follows from the certified configuration alone: [`Duties`] says it, here as in
//! the simulator. This module gives each machine its disk, its channel and its threads.

use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use quorate_bft::{Parameters, Replica, Setup};
use quorate_client::cluster::PROTOCOL_VERSIONS;
use quorate_client::groups::{CONFIGURATION, ORDERING, STORAGE};
use quorate_client::links::{Recogniser, credential, peer_of};
use quorate_crypto::Signer;
use quorate_crypto::real::{AcquaintedVerifier, RealSigner, RealVerifier};
use quorate_duties::{Duties, Seat};
use quorate_kv::KeyValueService;
use quorate_machine::Service;
use quorate_membership::handover::CommitmentBytes;
use quorate_membership::{MembershipService, Schemes, VerifiedConfiguration};
use quorate_net::{Config, Known, Limits, SystemId};
use quorate_runtime::{
    Channel, Handle, Hosting, Interceptor, Links, Node, NodeError, NodeOptions, OnDeath, Server,
};
use quorate_store::directory::DataDirectory;
use quorate_store::object_store::ObjectStore;
use quorate_types::MemberRecord;

use crate::configuration::NodeConfiguration;
use crate::error::ServerError;
use crate::founding::NodeIdentity;
use crate::host::ordering::{self, OrderingHost};
use crate::host::responder::{self, ResponderHost};
use crate::host::storage::loss::Brake;
use crate::host::storage::{Answers, StorageHost, StorageJournal};
use crate::monitoring::{Monitoring, MonitoringOptions};
use crate::names::Names;

/// Threads that read objects.
const OBJECT_THREADS: usize = 2;

/// A server that runs until it is stopped or its disk fails.
#[derive(Debug)]
pub struct RunningServer {
    node: Node,
    /// Locked as long as this lives.
    data: DataDirectory,
    storage: Handle<quorate_dht::Server>,
    brake: Brake,
    monitoring: Monitoring,
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

    /// Its part in monitoring.
    #[must_use]
    pub const fn monitoring(&self) -> &Monitoring {
        &self.monitoring
    }

    /// Runs the server.
    ///
    /// # Errors
    /// [`ServerError::Node`] if a disk or a thread failed, [`ServerError::Lost`] if an object is
    /// damaged and cannot be mended.
    pub async fn run(self) -> Result<(), ServerError> {
        let Self { node, data, brake, file, monitoring, .. } = self;
        let outcome = node.run().await;
        let dead = monitoring.dead();
        drop(monitoring);
        drop(data);
        outcome.map_err(|source| ServerError::Node { source })?;
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

/// Puts something between the machines of a server and the world. For the lab alone.
pub trait Intermediary {
    /// Before a replica of the membership service.
    fn membership(&mut self, setup: &Setup) -> Between<Replica<MembershipService>>;
    /// Before a replica of the key-value service.
    fn key_value(&mut self, setup: &Setup) -> Between<Replica<KeyValueService>>;
    /// Before the storage server.
    fn storage(&mut self) -> Between<quorate_dht::Server>;
}

/// Nothing stands there: what production has.
#[derive(Debug)]
pub struct Nobody;

impl Intermediary for Nobody {
    fn membership(&mut self, _: &Setup) -> Between<Replica<MembershipService>> {
        None
    }

    fn key_value(&mut self, _: &Setup) -> Between<Replica<KeyValueService>> {
        None
    }

    fn storage(&mut self) -> Between<quorate_dht::Server> {
        None
    }
}

/// Opens the disk and the links of a server, and hosts its machines.
///
/// # Errors
/// [`ServerError`] says which part failed and what to do.
pub async fn start(
    settings: &NodeConfiguration,
    identity: &NodeIdentity,
    between: &mut dyn Intermediary,
) -> Result<RunningServer, ServerError> {
    let key = identity.record().identity_key;
    let data = DataDirectory::open(&settings.data, key.as_bytes(), identity.expectation())
        .map_err(|source| ServerError::Store { source })?;
    let links = open_links(settings, identity).await?;
    let options = NodeOptions::new(verifier(identity));
    let node = Node::new(links, &options).map_err(|source| ServerError::Host { source })?;
    let epoch: Arc<dyn Signer> = Arc::new(RealSigner::from_seed(&identity.epoch_seed));
    let duties = Duties::of(identity.founding.configuration(), identity.id)
        .map_err(|source| ServerError::Groups { source })?;
    let brake = Brake::new(node.control());
    let sharing = CommitmentBytes::of(identity.founding.group_key().commitment());
    let mut machines = Machines { node, epoch, duties, sharing };
    machines.membership(&data, between)?;
    machines.key_value(&data, between)?;
    machines.responder(&data)?;
    let storage = machines.storage((&data, &brake), between.storage())?;
    let mut node = machines.node;
    let names = Names::of(identity.founding.configuration().configuration());
    node.watch_links(Box::new(move |news| names.log(&news)));
    identity.mark_served().map_err(|source| ServerError::Founding { source })?;
    let control = node.control();
    let on_death: OnDeath = Arc::new(move || control.stop());
    let options = MonitoringOptions { on_death, ..MonitoringOptions::default() };
    let monitoring = Monitoring::start_with(settings.listen, identity, options)?;
    let file = settings.file.clone();
    Ok(RunningServer { node, data, storage, brake, monitoring, file })
}

/// Checks signatures, and knows the keys of all servers.
fn verifier(identity: &NodeIdentity) -> Arc<AcquaintedVerifier> {
    let members = &identity.founding.configuration().configuration().members;
    Arc::new(AcquaintedVerifier::new(members.iter().filter_map(|member| member.epoch_key)))
}

async fn open_links(
    settings: &NodeConfiguration,
    identity: &NodeIdentity,
) -> Result<Links, ServerError> {
    let configuration = identity.founding.configuration();
    let servers = known_servers(configuration)?;
    let system = configuration.configuration().system;
    let config = Config {
        own: peer_of(&identity.record().identity_key),
        credential: credential(&identity.certificate, &identity.epoch_seed),
        recognise: Recogniser::member(configuration),
        system: SystemId::new(*system.as_bytes()),
        versions: PROTOCOL_VERSIONS,
        listen: settings.listen,
        peers: Vec::new(),
        jitter_seed: random_u64()?,
        limits: Limits::default(),
    };
    let listening = Links::listen(config, &servers).await;
    listening.map_err(|source| ServerError::Listen { address: settings.listen, source })
}

/// The servers of a configuration with the addresses that their names resolve to.
///
/// # Errors
/// [`ServerError::Address`] if one does not resolve.
pub fn known_servers(configuration: &VerifiedConfiguration) -> Result<Vec<Server>, ServerError> {
    let members = &configuration.configuration().members;
    let resolve = |member: &MemberRecord| {
        let found = member.address.to_socket_addrs().ok().and_then(|mut found| found.next());
        let unresolved = || ServerError::Address { address: member.address.clone() };
        let address = found.ok_or_else(unresolved)?;
        let key = peer_of(&member.identity_key);
        Ok(Server { id: member.id, known: Known { key, address } })
    };
    members.iter().map(resolve).collect()
}

/// A number that nobody knows in advance.
///
/// # Errors
/// [`ServerError::Randomness`] if the operating system has none.
pub fn random_u64() -> Result<u64, ServerError> {
    getrandom::u64().or(Err(ServerError::Randomness))
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
    sharing: CommitmentBytes,
}

impl Machines {
    fn membership(
        &mut self,
        data: &DataDirectory,
        between: &mut dyn Intermediary,
    ) -> Result<(), ServerError> {
        let service = self.duties.membership_service(self.sharing.clone(), Schemes::real());
        let seat = self.duties.membership();
        self.replica(("membership", data), seat, service, |setup| between.membership(setup))
    }

    fn key_value(
        &mut self,
        data: &DataDirectory,
        between: &mut dyn Intermediary,
    ) -> Result<(), ServerError> {
        let seat = self.duties.key_value();
        self.replica(("key-value", data), seat, KeyValueService, |setup| between.key_value(setup))
    }

    /// Hosts a replica of a service, if this server has a seat in its group.
    fn replica<S: Service + std::fmt::Debug + 'static>(
        &mut self,
        (name, data): (&'static str, &DataDirectory),
        seat: Option<Seat>,
        service: S,
        between: impl FnOnce(&Setup) -> Between<Replica<S>>,
    ) -> Result<(), ServerError> {
        let Some(Seat { group, me }) = seat else { return Ok(()) };
        let channel = Channel::Grouped(ORDERING, group.group);
        let signer = Arc::clone(&self.epoch);
        let setup = Setup { group, me, signer, parameters: Parameters::default() };
        let interceptor = between(&setup);
        let (machine, journal) = ordering::open((data, name), setup, service)
            .map_err(|source| ServerError::Journal { machine: name, source })?;
        let hosted = OrderingHost::new(name);
        let journal = Some(journal);
        let hosting = Hosting { name, channel, hosted, machine, journal, interceptor };
        self.node.host(hosting).map_err(|source| ServerError::Host { source })?;
        Ok(())
    }

    fn responder(&mut self, data: &DataDirectory) -> Result<(), ServerError> {
        let (records, journal) = responder::open(data)
            .map_err(|source| ServerError::Journal { machine: "configuration", source })?;
        let hosting = Hosting {
            name: "configuration",
            channel: Channel::Single(CONFIGURATION),
            hosted: ResponderHost,
            machine: self.duties.responder(&self.epoch, records),
            journal: Some(Box::new(journal)),
            interceptor: None,
        };
        self.node.host(hosting).map_err(|source| ServerError::Host { source })?;
        Ok(())
    }

    fn storage(
        &mut self,
        (data, brake): (&DataDirectory, &Brake),
        interceptor: Between<quorate_dht::Server>,
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
            interceptor,
        };
        let handle = self.node.host(hosting).map_err(|source| ServerError::Host { source })?;
        answers.set(handle.clone()).expect("the storage server is hosted once");
        Ok(handle)
    }
}
