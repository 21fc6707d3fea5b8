//! A connection to a cluster, and what can be asked over it.
//!
//! Connecting takes two steps: with nothing but the pinned key and some addresses, fetch the
//! configuration and have a quorum of the membership group vouch that it is current; then connect
//! to the servers that it names. Everything that is read is verified before it is given out, and
//! nothing is acted upon behind the end of the lease.

use std::collections::BTreeSet;
use std::net::ToSocketAddrs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quorate_bft::client::ClientSetup;
use quorate_bft::{ClientOutput as OrderedOutput, ClientRequest as OrderedRequest};
use quorate_crypto::real::{RealSigner, RealVerifier};
use quorate_crypto::{ClientCertificate, Signer};
use quorate_dht::{
    Answer, Body, CallId, ClientIdentity, ClientRequest as StorageRequest, ContentKind, Head,
    Introduce, ObjectKey, OperationId, Ring, Value, Version, WriterId,
};
use quorate_kv::{KvOperation, KvReply};
use quorate_machine::Class;
use quorate_membership::client::ClientParameters;
use quorate_membership::{ConfigurationClient, Schemes, VerifiedConfiguration};
use quorate_net::{ConnectorConfig, Known, Limits, Recognise, Seed, SystemId, VersionRange};
use quorate_runtime::{
    Channel, Handle, Hosting, LinkNews, Links, Node, NodeOptions, RequestError, Server,
};
use quorate_types::{Epoch, GroupConfiguration, MemberRecord, NodeId, ObjectId, Peer};
use tokio::sync::watch;

use crate::capacity;
use crate::cluster_file::ClusterFile;
use crate::error::ClientError;
use crate::groups::{CONFIGURATION, ORDERING, STORAGE, key_value_group};
use crate::hosts::{
    ConfigurationHost, LeaseEnd, OrderedHost, StorageHost, StorageOutcome, Waiting,
};
use crate::links::{Recogniser, peer_of};
use crate::scrub::ScrubStates;

/// Versions of the protocol between peers that this build speaks.
pub const PROTOCOL_VERSIONS: VersionRange = VersionRange { min: 1, max: 1 };
/// Longest time for connecting.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest time for one operation.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);
/// Most bundles of ordered operations that one connection has under way.
pub const BUNDLES_UNDER_WAY_MAX: usize = quorate_bft::client::BUNDLES_UNDER_WAY_MAX;

/// Who connects, and to what.
pub struct Credentials {
    /// The seed of the client's key.
    pub seed: [u8; 32],
    /// The authority's word for it.
    pub certificate: ClientCertificate,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({:?})", self.certificate.grant.client)
    }
}

/// How a connection works, where programs differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// Most ordered operations under one signature, 1 to 64: those that wait at the same moment
    /// share one.
    pub bundle_operations_max: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { bundle_operations_max: quorate_bft::limits::BUNDLE_OPERATIONS_MAX }
    }
}

/// Which servers are connected now.
type Reached = watch::Receiver<BTreeSet<NodeId>>;
type LastFailure = watch::Receiver<Option<String>>;

/// A connection to a cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    configuration: VerifiedConfiguration,
    /// Is there a lease now?
    fresh: watch::Receiver<bool>,
    storage: Handle<quorate_dht::Client>,
    stored: Arc<Waiting<StorageOutcome>>,
    scrubbed: Arc<Mutex<ScrubStates>>,
    key_value: Handle<quorate_bft::Client>,
    ordered: Arc<Waiting<OrderedOutput>>,
    reached: Reached,
}

/// Connects, lets `work` use the cluster, and disconnects.
///
/// # Errors
/// [`ClientError`] if the connection does not come up or ends early.
pub async fn with_cluster<T>(
    file: &ClusterFile,
    credentials: &Credentials,
    work: impl AsyncFnOnce(Cluster) -> T,
) -> Result<T, ClientError> {
    with_tuned(file, credentials, Tuning::default(), work).await
}

/// As [`with_cluster`], with a connection that works as told.
///
/// # Errors
/// As [`with_cluster`].
pub async fn with_tuned<T>(
    file: &ClusterFile,
    credentials: &Credentials,
    tuning: Tuning,
    work: impl AsyncFnOnce(Cluster) -> T,
) -> Result<T, ClientError> {
    let configuration = fetch_configuration(file, credentials).await?;
    let (node, cluster, fresh) = connect(file, (credentials, tuning), configuration)?;
    let control = node.control();
    let run = Box::pin(node.run());
    let use_it = async {
        wait_fresh(fresh).await;
        let outcome = work(cluster).await;
        control.stop();
        outcome
    };
    let (ran, outcome) = tokio::join!(run, Box::pin(use_it));
    ran.map_err(ClientError::Node)?;
    Ok(outcome)
}

/// Waits until the configuration is known to be current; operations wait for that themselves, so
/// the end of the wait is not judged.
async fn wait_fresh(mut fresh: watch::Receiver<bool>) {
    let wait = fresh.wait_for(|is_fresh| *is_fresh);
    drop(tokio::time::timeout(CONNECT_TIMEOUT, wait).await);
}

fn random<const N: usize>() -> Result<[u8; N], ClientError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).or(Err(ClientError::Randomness))?;
    Ok(bytes)
}

fn random_u64() -> Result<u64, ClientError> {
    random().map(u64::from_be_bytes)
}

/// Gets the current configuration with nothing but the pinned key and some addresses.
///
/// # Errors
/// [`ClientError::NoConfiguration`] if nobody gives one in time, [`ClientError::Excess`] if the
/// system is too much for this release.
pub async fn fetch_configuration(
    file: &ClusterFile,
    credentials: &Credentials,
) -> Result<VerifiedConfiguration, ClientError> {
    let contacts = contacts(file)?;
    let recognise = Recogniser::newcomer(file.system);
    let links = dial(file, credentials, recognise, &contacts)?;
    let mut node = new_node(links, credentials)?;
    let peers = contacts.iter().map(|server| Peer::Node(server.id)).collect();
    let (known, mut fetched) = watch::channel(None);
    let (fresh, _) = watch::channel(false);
    let lease = Arc::default();
    let hosted = ConfigurationHost { known, fresh, lease, storage: None };
    host_configuration(&mut node, hosted, (file, peers), None)?;
    let (reached, failure) = watch_links(&mut node);
    let control = node.control();
    let count = contacts.len();
    let get = async {
        let waited = tokio::time::timeout(CONNECT_TIMEOUT, fetched.changed()).await;
        let configuration = fetched.borrow().clone();
        control.stop();
        drop(waited);
        configuration.ok_or_else(|| ClientError::NoConfiguration {
            seconds: CONNECT_TIMEOUT.as_secs(),
            reached: reached.borrow().len(),
            contacts: count,
            failure: failure.borrow().clone(),
        })
    };
    let (ran, configuration) = tokio::join!(Box::pin(node.run()), get);
    ran.map_err(ClientError::Node)?;
    let configuration = configuration?;
    capacity::check(configuration.configuration()).map_err(ClientError::Excess)?;
    Ok(configuration)
}

/// The servers of the cluster file, under provisional names: their real ones follow from the
/// configuration.
fn contacts(file: &ClusterFile) -> Result<Vec<Server>, ClientError> {
    let contact = |server: &crate::cluster_file::ServerContact| {
        let key = &server.identity_key;
        let known = Known { key: peer_of(key), address: resolve(&server.address)? };
        Ok(Server { id: NodeId::new(*key.as_bytes()), known })
    };
    file.servers.iter().map(contact).collect()
}

fn servers(configuration: &VerifiedConfiguration) -> Result<Vec<Server>, ClientError> {
    let server = |member: &MemberRecord| {
        let key = peer_of(&member.identity_key);
        Ok(Server { id: member.id, known: Known { key, address: resolve(&member.address)? } })
    };
    configuration.configuration().members.iter().map(server).collect()
}

fn resolve(address: &str) -> Result<std::net::SocketAddr, ClientError> {
    let found = address.to_socket_addrs().ok().and_then(|mut found| found.next());
    found.ok_or_else(|| ClientError::Address { address: address.to_owned() })
}

fn dial(
    file: &ClusterFile,
    credentials: &Credentials,
    recognise: Arc<dyn Recognise>,
    servers: &[Server],
) -> Result<Links, ClientError> {
    let config = ConnectorConfig {
        seed: Seed::new(credentials.seed),
        recognise,
        system: SystemId::new(*file.system.as_bytes()),
        versions: PROTOCOL_VERSIONS,
        peers: Vec::new(),
        session: random_u64()?.max(1),
        jitter_seed: random_u64()?,
        limits: Limits::default(),
    };
    Links::dial(config, servers).map_err(ClientError::Connect)
}

/// A node that shows every server the client's certificate as the first thing, so that it is not
/// taken for a stranger.
fn new_node(links: Links, credentials: &Credentials) -> Result<Node, ClientError> {
    let options = NodeOptions::new(Arc::new(RealVerifier));
    let mut node = Node::new(links, &options).map_err(ClientError::Host)?;
    let head = Head { epoch: Epoch::ZERO, operation: OperationId::new(0) };
    let introduce = Introduce { head, certificate: credentials.certificate.clone() };
    let greeting = quorate_dht::Message::Introduce(introduce);
    node.greet_servers(Channel::Single(STORAGE), Class::Control, &greeting);
    Ok(node)
}

fn host_configuration(
    node: &mut Node,
    hosted: ConfigurationHost,
    (file, contacts): (&ClusterFile, Vec<Peer>),
    known: Option<VerifiedConfiguration>,
) -> Result<(), ClientError> {
    let parameters = ClientParameters::new(file.system_key, contacts, random()?);
    let hosting = Hosting {
        name: "configuration",
        channel: Channel::Single(CONFIGURATION),
        hosted,
        machine: ConfigurationClient::new(parameters, known, Schemes::real()),
        journal: None,
        interceptor: None,
    };
    node.host(hosting).map_err(ClientError::Host)?;
    Ok(())
}

/// Connects to the servers of a configuration.
fn connect(
    file: &ClusterFile,
    (credentials, tuning): (&Credentials, Tuning),
    configuration: VerifiedConfiguration,
) -> Result<(Node, Cluster, watch::Receiver<bool>), ClientError> {
    let servers = servers(&configuration)?;
    let peers = servers.iter().map(|server| Peer::Node(server.id)).collect();
    let recognise = Recogniser::member(&configuration);
    let links = dial(file, credentials, recognise, &servers)?;
    let mut node = new_node(links, credentials)?;
    let (reached, _) = watch_links(&mut node);
    let signer: Arc<dyn Signer> = Arc::new(RealSigner::from_seed(&credentials.seed));
    let certificate = &credentials.certificate;
    let scrubbed: Arc<Mutex<ScrubStates>> = Arc::default();
    let identity = (&signer, certificate);
    let (storage, stored) = host_storage(&mut node, &configuration, identity, &scrubbed)?;
    let group = key_value_group(&configuration).map_err(ClientError::TooFewServers)?;
    let lease: Arc<LeaseEnd> = Arc::default();
    let of_ordered = (group, Arc::clone(&lease), tuning);
    let (key_value, ordered) = host_ordered(&mut node, of_ordered, (&signer, certificate))?;
    let (known, _) = watch::channel(None);
    let (fresh, watched) = watch::channel(false);
    let hosted = ConfigurationHost { known, fresh, lease, storage: Some(storage.clone()) };
    host_configuration(&mut node, hosted, (file, peers), Some(configuration.clone()))?;
    let fresh = watched.clone();
    let cluster =
        Cluster { configuration, fresh, storage, stored, scrubbed, key_value, ordered, reached };
    Ok((node, cluster, watched))
}

type HostedStorage = (Handle<quorate_dht::Client>, Arc<Waiting<StorageOutcome>>);

fn host_storage(
    node: &mut Node,
    configuration: &VerifiedConfiguration,
    (signer, certificate): (&Arc<dyn Signer>, &ClientCertificate),
    scrubbed: &Arc<Mutex<ScrubStates>>,
) -> Result<HostedStorage, ClientError> {
    let servers = configuration.configuration();
    let ring = Ring::new(servers).map_err(ClientError::TooFewServers)?;
    let writer = WriterId::new(random()?);
    let (certificate, signer) = (certificate.clone(), Arc::clone(signer));
    let identity = ClientIdentity { certificate, signer, writer };
    let waiting: Arc<Waiting<StorageOutcome>> = Arc::default();
    let context = quorate_duties::storage_context(configuration);
    let hosting = Hosting {
        name: "storage",
        channel: Channel::Single(STORAGE),
        hosted: StorageHost {
            context,
            waiting: Arc::clone(&waiting),
            scrubbed: Arc::clone(scrubbed),
        },
        machine: quorate_dht::Client::new(identity, ring, random_u64()?),
        journal: None,
        interceptor: None,
    };
    Ok((node.host(hosting).map_err(ClientError::Host)?, waiting))
}

type HostedOrdered = (Handle<quorate_bft::Client>, Arc<Waiting<OrderedOutput>>);

fn host_ordered(
    node: &mut Node,
    (group, lease, tuning): (GroupConfiguration, Arc<LeaseEnd>, Tuning),
    (signer, certificate): (&Arc<dyn Signer>, &ClientCertificate),
) -> Result<HostedOrdered, ClientError> {
    let group = Arc::new(group);
    let channel = Channel::Grouped(ORDERING, group.group);
    let setup = ClientSetup {
        group: Arc::clone(&group),
        signer: Arc::clone(signer),
        certificate: certificate.clone(),
        nonce: random_u64()?,
        bundle_operations_max: tuning.bundle_operations_max,
    };
    let waiting: Arc<Waiting<OrderedOutput>> = Arc::default();
    let hosting = Hosting {
        name: "key-value",
        channel,
        hosted: OrderedHost { group, lease, waiting: Arc::clone(&waiting) },
        machine: quorate_bft::Client::new(setup),
        journal: None,
        interceptor: None,
    };
    Ok((node.host(hosting).map_err(ClientError::Host)?, waiting))
}

/// Hears which servers are connected, and what the last one that was not said.
fn watch_links(node: &mut Node) -> (Reached, LastFailure) {
    let (seen, reached) = watch::channel(BTreeSet::new());
    let (failed, last) = watch::channel(None);
    node.watch_links(Box::new(move |news| match news {
        LinkNews::Up(Peer::Node(node)) => seen.send_modify(|seen| {
            seen.insert(node);
        }),
        LinkNews::Down { peer: Peer::Node(node), .. } => seen.send_modify(|seen| {
            seen.remove(&node);
        }),
        LinkNews::Failed { address, why, .. } => {
            // What helps against it is said by whoever reports it.
            let why = why.split("; ").next().unwrap_or_default();
            failed.send_replace(Some(format!("{address}: {why}")));
        }
        LinkNews::Up(Peer::Client(_)) | LinkNews::Down { .. } => {}
    }));
    (reached, last)
}

impl Cluster {
    /// The configuration that this connection works with.
    #[must_use]
    pub const fn configuration(&self) -> &VerifiedConfiguration {
        &self.configuration
    }

    /// The servers that are connected now.
    #[must_use]
    pub fn reached(&self) -> BTreeSet<NodeId> {
        self.reached.borrow().clone()
    }

    /// The servers that are connected as soon as all are, or after this time.
    pub async fn reach_all(&self, time_max: Duration) -> BTreeSet<NodeId> {
        let all = self.configuration().configuration().members.len();
        let mut reached = self.reached.clone();
        let waiting = reached.wait_for(|reached| reached.len() >= all);
        // Whoever is not reached by then counts as down.
        drop(tokio::time::timeout(time_max, waiting).await);
        self.reached()
    }

    /// Stores content under its hash.
    ///
    /// # Errors
    /// [`ClientError::Storage`] says why it is not stored at a quorum.
    pub async fn put_content(
        &self,
        kind: ContentKind,
        body: Body,
    ) -> Result<ObjectKey, ClientError> {
        let expires = quorate_dht::object::KEEP_FOR_EVER;
        let put = quorate_dht::Operation::PutContent { kind, body, expires };
        let Answer::Stored(key) = self.store(put).await? else {
            unreachable!("a put is answered with its key");
        };
        Ok(key)
    }

    /// The content with this name, verified.
    ///
    /// # Errors
    /// [`ClientError::Storage`]: a quorum does not have it, or does not answer.
    pub async fn get_content(&self, key: ObjectKey) -> Result<Body, ClientError> {
        let Answer::Content(body) = self.store(quorate_dht::Operation::GetContent(key)).await?
        else {
            unreachable!("a get is answered with content");
        };
        Ok(body)
    }

    /// Writes the object of an owner; several processes may share the owner's key.
    ///
    /// # Errors
    /// [`ClientError::Storage`] says why it is not stored at a quorum.
    pub async fn write_object(
        &self,
        owner: Arc<dyn Signer>,
        value: Value,
    ) -> Result<Version, ClientError> {
        let Answer::Written(version) =
            self.store(quorate_dht::Operation::WriteObject { owner, value }).await?
        else {
            unreachable!("a write is answered with its version");
        };
        Ok(version)
    }

    /// The latest version of an object; nothing if it was never written.
    ///
    /// # Errors
    /// [`ClientError::Storage`]: no quorum answers.
    pub async fn read_object(&self, id: ObjectId) -> Result<Option<Version>, ClientError> {
        let Answer::Object(version) = self.store(quorate_dht::Operation::ReadObject(id)).await?
        else {
            unreachable!("a read is answered with a version");
        };
        Ok(version)
    }

    async fn store(&self, operation: quorate_dht::Operation) -> Result<Answer, ClientError> {
        self.begin(operation).await?.finish().await
    }

    /// What servers have said about their scrubs since the last call.
    pub(crate) fn take_scrubbed(&self) -> ScrubStates {
        std::mem::take(&mut *self.scrubbed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks the storage client for something that is not answered by itself.
    pub(crate) async fn ask_storage(&self, mut request: StorageRequest) -> Result<(), ClientError> {
        while let Err(refused) = self.storage.request(request) {
            request = pause(refused).await?;
        }
        Ok(())
    }

    /// Begins a storage operation; several may be under way.
    pub(crate) async fn begin(
        &self,
        operation: quorate_dht::Operation,
    ) -> Result<Begun, ClientError> {
        let (number, outcome) = self.stored.enter();
        let timeout = quorate_types::Duration::from_secs(OPERATION_TIMEOUT.as_secs());
        let call = CallId::new(number);
        self.ask_storage(StorageRequest::Invoke { call, operation, timeout }).await?;
        Ok(Begun(outcome))
    }

    /// Waits until the configuration is known to be current.
    async fn until_fresh(&self) -> Result<(), ClientError> {
        let mut fresh = self.fresh.clone();
        let waited = tokio::time::timeout(OPERATION_TIMEOUT, fresh.wait_for(|is_fresh| *is_fresh));
        let seconds = OPERATION_TIMEOUT.as_secs();
        waited.await.or(Err(ClientError::NoLease { seconds }))?.or(Err(ClientError::Stopped))?;
        Ok(())
    }

    /// Executes an operation of the key-value service, in the order that all clients share.
    ///
    /// # Errors
    /// [`ClientError::NoLease`], [`ClientError::Ordered`] or [`ClientError::NoReply`].
    pub async fn key_value(&self, operation: &KvOperation) -> Result<KvReply, ClientError> {
        self.until_fresh().await?;
        let (ticket, outcome) = self.ordered.enter();
        let mut request = OrderedRequest {
            ticket,
            operation: operation.to_bytes(),
            timeout: quorate_types::Duration::from_secs(OPERATION_TIMEOUT.as_secs()),
        };
        while let Err(refused) = self.key_value.request(request) {
            request = pause(refused).await?;
        }
        let waited = tokio::time::timeout(OPERATION_TIMEOUT, outcome).await;
        let seconds = OPERATION_TIMEOUT.as_secs();
        let answered = waited.or(Err(ClientError::NoReply { seconds }))?;
        match answered.or(Err(ClientError::Stopped))? {
            OrderedOutput::Replied { reply, .. } => {
                KvReply::from_bytes(&reply).or(Err(ClientError::UnknownReply))
            }
            OrderedOutput::Failed { failure, .. } => Err(ClientError::Ordered(failure)),
        }
    }
}

/// A storage operation that is under way.
#[derive(Debug)]
pub(crate) struct Begun(tokio::sync::oneshot::Receiver<StorageOutcome>);

impl Begun {
    /// Waits for its outcome.
    pub(crate) async fn finish(self) -> Result<Answer, ClientError> {
        self.0.await.or(Err(ClientError::Stopped))?.map_err(ClientError::Storage)
    }
}

/// Wait for a machine with too many requests: it takes what waits in a tick, and tells nobody.
const FULL_PAUSE: Duration = Duration::from_millis(1);

/// Gives a refused request back after a moment, unless there is no use in trying again.
async fn pause<R>(refused: RequestError<R>) -> Result<R, ClientError> {
    match refused {
        RequestError::Full(request) => {
            tokio::time::sleep(FULL_PAUSE).await;
            Ok(request)
        }
        RequestError::Stopped(_) => Err(ClientError::Stopped),
    }
}
