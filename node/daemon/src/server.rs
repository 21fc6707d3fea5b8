//! A server: its disk, its links, and the machines that it hosts.
//!
//! Which machines follows from the certified configuration alone: every server stores objects and
//! serves the configuration; the members of the membership group run a replica of the membership
//! service and vouch for freshness; the successors of the key-value group's point on the ring run
//! a replica of the key-value service.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use quorate_bft::{Parameters, Setup};
use quorate_client::cluster::PROTOCOL_VERSIONS;
use quorate_client::groups::{CONFIGURATION, ORDERING, STORAGE, key_value_group};
use quorate_crypto::Signer;
use quorate_crypto::real::{RealSigner, RealVerifier};
use quorate_dht::{Body, MessageContext, Ring};
use quorate_kv::KeyValueService;
use quorate_machine::Service;
use quorate_membership::election::membership_replicas;
use quorate_membership::responder::Member;
use quorate_membership::{FreshnessResponder, MembershipService, VerifiedConfiguration};
use quorate_net::{Config, Known, Limits, PeerKey, Seed, SystemId};
use quorate_runtime::{Channel, Handle, Hosting, LinkNews, Links, Node, NodeOptions, Server};
use quorate_store::directory::{DataDirectory, Expectation};
use quorate_store::object_store::ObjectStore;
use quorate_types::{GroupConfiguration, NodeId, Peer, Slot};

use crate::error::ServerError;
use crate::host::ordering::{self, OrderingHost};
use crate::host::responder::ResponderHost;
use crate::host::storage::{Answers, StorageHost, StorageJournal};

/// Threads that read objects.
const OBJECT_THREADS: usize = 2;

/// What a server is made of.
#[derive(Debug)]
pub struct ServerSetup {
    /// Seed of the identity key.
    pub identity_seed: [u8; 32],
    /// Seed of the key of the epoch.
    pub epoch_seed: [u8; 32],
    /// The configuration of the epoch.
    pub configuration: VerifiedConfiguration,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where data lies.
    pub data: PathBuf,
    /// The file that says that this identity has served before; lies beside the identity key.
    pub served_mark: PathBuf,
}

/// A server that runs until it is stopped or its disk fails.
#[derive(Debug)]
pub struct RunningServer {
    node: Node,
    /// Locked as long as this lives.
    data: DataDirectory,
    storage: Handle<quorate_dht::Server>,
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

    /// Runs the server.
    ///
    /// # Errors
    /// [`ServerError::Node`] if a disk or a thread failed.
    pub async fn run(self) -> Result<(), ServerError> {
        let Self { node, data, .. } = self;
        let outcome = node.run().await;
        drop(data);
        outcome.map_err(|source| ServerError::Node { source })
    }
}

/// Opens the disk and the links of a server, and hosts its machines.
///
/// # Errors
/// [`ServerError`] says which part failed and what to do.
pub async fn start(setup: ServerSetup) -> Result<RunningServer, ServerError> {
    let identity = Arc::new(RealSigner::from_seed(&setup.identity_seed));
    let epoch: Arc<dyn Signer> = Arc::new(RealSigner::from_seed(&setup.epoch_seed));
    let me = find_self(&setup.configuration, (&*identity, &*epoch))?;
    let data = open_data(&setup, identity.public_key().as_bytes())?;
    let links = open_links(&setup).await?;
    let options = NodeOptions::new(Arc::new(RealVerifier));
    let node = Node::new(links, &options).map_err(|source| ServerError::Host { source })?;
    let mut hosting = Machines { node, me, epoch, setup: &setup };
    hosting.membership(&data)?;
    hosting.key_value(&data)?;
    hosting.responder()?;
    let storage = hosting.storage(&data)?;
    let mut node = hosting.node;
    node.watch_links(Box::new(log_link));
    mark_served(&setup.served_mark)?;
    Ok(RunningServer { node, data, storage })
}

fn find_self(
    configuration: &VerifiedConfiguration,
    (identity, epoch): (&dyn Signer, &dyn Signer),
) -> Result<NodeId, ServerError> {
    let members = &configuration.configuration().members;
    let mine = members.iter().find(|member| member.identity_key == identity.public_key());
    let mine = mine.ok_or(ServerError::NotMember { key: identity.public_key() })?;
    if mine.epoch_key != epoch.public_key() {
        return Err(ServerError::WrongEpochKey {
            expected: mine.epoch_key,
            got: epoch.public_key(),
        });
    }
    Ok(mine.id)
}

fn open_data(setup: &ServerSetup, identity: &[u8; 32]) -> Result<DataDirectory, ServerError> {
    let has_served = setup.served_mark.exists();
    let expectation = if has_served { Expectation::Existing } else { Expectation::Fresh };
    DataDirectory::open(&setup.data, identity, expectation)
        .map_err(|source| ServerError::Store { source })
}

/// Remembers beside the key that it has served, so that a wiped disk is noticed.
fn mark_served(path: &Path) -> Result<(), ServerError> {
    let failed = |source| ServerError::File { path: path.to_owned(), source };
    if path.exists() {
        return Ok(());
    }
    let file = std::fs::File::create(path).map_err(failed)?;
    file.sync_all().map_err(failed)
}

async fn open_links(setup: &ServerSetup) -> Result<Links, ServerError> {
    let configuration = setup.configuration.configuration();
    let servers = known_servers(&setup.configuration)?;
    let config = Config {
        seed: Seed::new(setup.identity_seed),
        system: SystemId::new(*configuration.system.as_bytes()),
        versions: PROTOCOL_VERSIONS,
        listen: setup.listen,
        peers: Vec::new(),
        jitter_seed: random_u64()?,
        limits: Limits::default(),
    };
    let listening = Links::listen(config, &servers).await;
    listening.map_err(|source| ServerError::Listen { address: setup.listen, source })
}

/// The servers of a configuration with the addresses that their names resolve to.
///
/// # Errors
/// [`ServerError::Address`] if one does not resolve.
pub fn known_servers(configuration: &VerifiedConfiguration) -> Result<Vec<Server>, ServerError> {
    let members = &configuration.configuration().members;
    let resolve = |member: &quorate_types::MemberRecord| {
        let unresolved = || ServerError::Address { address: member.address.clone() };
        let mut found = member.address.to_socket_addrs().or_else(|_| Err(unresolved()))?;
        let address = found.next().ok_or_else(unresolved)?;
        let key = PeerKey::new(*member.identity_key.as_bytes());
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

fn log_link(news: LinkNews) {
    match news {
        LinkNews::Up(Peer::Node(node)) => tracing::info!(?node, "connected"),
        LinkNews::Up(Peer::Client(client)) => tracing::debug!(?client, "client connected"),
        LinkNews::Down { peer: Peer::Node(node), why } => {
            tracing::warn!(?node, why, "disconnected");
        }
        LinkNews::Down { peer: Peer::Client(client), why } => {
            tracing::debug!(?client, why, "client disconnected");
        }
        LinkNews::Failed { address, why, .. } => tracing::debug!(%address, why, "no connection"),
    }
}

/// A server while its machines are being hosted.
struct Machines<'a> {
    node: Node,
    me: NodeId,
    epoch: Arc<dyn Signer>,
    setup: &'a ServerSetup,
}

impl Machines<'_> {
    fn membership(&mut self, data: &DataDirectory) -> Result<(), ServerError> {
        let configuration = &self.setup.configuration;
        let group = membership_replicas(configuration, Slot::ZERO);
        let service = MembershipService::new(configuration.clone(), Arc::new(RealVerifier));
        self.replica(("membership", data), group, service)
    }

    fn key_value(&mut self, data: &DataDirectory) -> Result<(), ServerError> {
        let group = key_value_group(&self.setup.configuration);
        let group = group.map_err(|source| ServerError::TooFewServers { source })?;
        self.replica(("key-value", data), group, KeyValueService)
    }

    /// Hosts a replica of a service, if this server is a member of its group.
    fn replica<S: Service + std::fmt::Debug + 'static>(
        &mut self,
        (name, data): (&'static str, &DataDirectory),
        group: GroupConfiguration,
        service: S,
    ) -> Result<(), ServerError> {
        let Some(me) = group.replica_of(self.me) else { return Ok(()) };
        let channel = Channel::Grouped(ORDERING, group.group);
        let setup = Setup {
            group: Arc::new(group),
            me,
            signer: Arc::clone(&self.epoch),
            parameters: Parameters::default(),
        };
        let (machine, journal) = ordering::open(&data.join(name), setup, service)
            .map_err(|source| ServerError::Journal { machine: name, source })?;
        let hosted = OrderingHost::new(name);
        let journal = Some(journal);
        let hosting = Hosting { name, channel, hosted, machine, journal, interceptor: None };
        self.node.host(hosting).map_err(|source| ServerError::Host { source })?;
        Ok(())
    }

    fn responder(&mut self) -> Result<(), ServerError> {
        let configuration = self.setup.configuration.clone();
        let epoch = configuration.epoch();
        let is_member = configuration.group_member(self.me).is_some();
        let member =
            is_member.then(|| Member { epoch, id: self.me, signer: Arc::clone(&self.epoch) });
        let hosting = Hosting {
            name: "configuration",
            channel: Channel::Single(CONFIGURATION),
            hosted: ResponderHost,
            machine: FreshnessResponder::new(configuration, member, []),
            journal: None,
            interceptor: None,
        };
        self.node.host(hosting).map_err(|source| ServerError::Host { source })?;
        Ok(())
    }

    fn storage(
        &mut self,
        data: &DataDirectory,
    ) -> Result<Handle<quorate_dht::Server>, ServerError> {
        let configuration = &self.setup.configuration;
        let servers = configuration.configuration();
        let ring = Ring::new(servers).map_err(|source| ServerError::TooFewServers { source })?;
        let certified = quorate_wire::encode(&configuration.to_certified());
        let certified = quorate_dht::CertifiedConfiguration::new(Body::new(certified));
        let store = ObjectStore::open(&data.join("storage"));
        let store = Arc::new(store.map_err(|source| ServerError::Store { source })?);
        let workers = self.node.start_workers("objects", OBJECT_THREADS);
        let workers = workers.map_err(|source| ServerError::Host { source })?;
        let answers: Answers = Arc::new(OnceLock::new());
        let first = random_u64()?;
        let verifier = Arc::new(RealVerifier);
        let machine = quorate_dht::Server::new(self.me, (ring, certified), verifier, first);
        let context =
            MessageContext { system: servers.system, authority_key: servers.authority_key };
        let (journal_store, to) = (Arc::clone(&store), Arc::clone(&answers));
        let hosting = Hosting {
            name: "storage",
            channel: Channel::Single(STORAGE),
            hosted: StorageHost { context, store, workers, answers: to },
            machine,
            journal: Some(Box::new(StorageJournal::new(journal_store))),
            interceptor: None,
        };
        let handle = self.node.host(hosting).map_err(|source| ServerError::Host { source })?;
        answers.set(handle.clone()).expect("the storage server is hosted once");
        Ok(handle)
    }
}
