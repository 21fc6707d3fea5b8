//! The storage DHT as a system under test: its keys, its disks, and what is asked for.

use std::sync::Arc;

use quorate_adversary::Adversary;
use quorate_adversary::storage::Holdings;
use quorate_crypto::ideal::IdealRegistry;
use quorate_crypto::real::{RealSigner, RealVerifier};
use quorate_crypto::{
    ClientCertificate, ClientGrant, Domain, Signer, Verified, Verifier, hash_of, verify,
};
use quorate_dht::{
    Body, CallId, CertifiedConfiguration, Client, ClientIdentity, ClientRequest, Message,
    MessageContext, Record, Ring, Server, ServerRequest, WriterId,
};
use quorate_history::Prng;
use quorate_machine::RecordNumber;
use quorate_types::{
    Configuration, Duration, Epoch, FailureDomain, IdentityKey, MemberRecord, MemberStatus, NodeId,
    Peer, PublicKey, Resilience, SoftwareVersion, SystemId, UnixTime,
};

use super::adversaries::adversary;
use super::disk::SharedDisk;
use super::scene::Scene;
use super::seat::{ClientSeat, Leases, ServerSeat};
use super::workload::Workload;
use super::{Request, StorageMachine};
use crate::host::{AdmitCache, Host};
use crate::node::{Node, Nodes};

/// What a scenario's variant says of the ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shape {
    pub(super) f: u16,
    pub(super) servers: u16,
    pub(super) owners: u64,
    pub(super) is_real: bool,
    /// Whether the clients' leases end.
    pub(super) is_leased: bool,
}

impl Shape {
    pub(super) fn variant(self) -> u64 {
        u64::from(self.f)
            | (u64::from(self.servers) << 8)
            | (self.owners << 16)
            | (u64::from(self.is_real) << 24)
            | (u64::from(self.is_leased) << 25)
    }

    pub(super) fn of(variant: u64) -> Self {
        let byte = |at: u32| u16::try_from((variant >> at) & 0xff).expect("a byte");
        Self {
            f: byte(0),
            servers: byte(8),
            owners: u64::from(byte(16)),
            is_real: (variant >> 24) & 1 == 1,
            is_leased: (variant >> 25) & 1 == 1,
        }
    }
}

/// Where a server stands on the ring: in the order of the nodes, at even distances.
fn place_of(index: u16, servers: u16) -> NodeId {
    let mut bytes = [0; 32];
    let place = u64::MAX / u64::from(servers) * u64::from(index);
    bytes[..8].copy_from_slice(&place.to_be_bytes());
    NodeId::new(bytes)
}

fn member(id: NodeId, key: PublicKey) -> MemberRecord {
    MemberRecord {
        id,
        identity_key: IdentityKey::new(*key.as_bytes()),
        later_root: None,
        epoch_key: Some(key),
        address: String::from("localhost:1"),
        probe_port: 1,
        failure_domain: FailureDomain(String::new()),
        version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
        status: MemberStatus::Active,
        is_on_ring: true,
        is_in_pool: false,
    }
}

/// Keys, addresses and disks of one run.
#[derive(Debug)]
pub struct StorageHost {
    scene: Scene,
    context: MessageContext,
    clients: Vec<(Arc<dyn Signer>, ClientCertificate)>,
    leases: Leases,
    lives: Vec<u64>,
    liars: Nodes,
    workload: Workload,
    cache: AdmitCache<Message, Verified<Message>>,
    prng: Prng,
}

/// How long leases last where they end.
const LEASE: Duration = Duration::from_secs(2);

impl StorageHost {
    pub(super) fn new(shape: Shape, client_count: u16, seed: u64) -> Self {
        let registry = IdealRegistry::new([7; 32]);
        let signer = |kind: u8, index: u64| -> Arc<dyn Signer> {
            let seed = *hash_of(Domain::Derivation, &(kind, index)).as_bytes();
            if shape.is_real {
                Arc::new(RealSigner::from_seed(&seed))
            } else {
                Arc::new(registry.signer(&seed))
            }
        };
        let verifier: Arc<dyn Verifier> =
            if shape.is_real { Arc::new(RealVerifier) } else { Arc::new(registry.clone()) };
        let storage = Resilience::new(shape.f).expect("f is 1 or 2");
        let authority = signer(3, 0);
        let configuration = Configuration {
            system: SystemId::new([1; 32]),
            epoch: Epoch::new(1),
            ring_epoch: Epoch::new(1),
            storage,
            membership: storage,
            authority_key: authority.public_key(),
            membership_group: Vec::new(),
            created: UnixTime::ZERO,
            members: (0..shape.servers)
                .map(|index| {
                    let key = signer(1, u64::from(index)).public_key();
                    Arc::new(member(place_of(index, shape.servers), key))
                })
                .collect(),
        };
        let certified = |index: u16| {
            let signer = signer(2, u64::from(index));
            let grant = ClientGrant {
                system: configuration.system,
                client: signer.public_key().client(),
                name: format!("client {index}"),
                expires: UnixTime::from_micros(u64::MAX),
            };
            (signer, ClientCertificate::issue(grant, &*authority))
        };
        let clients: Vec<_> = (0..client_count).map(certified).collect();
        let client_nodes = (shape.servers..).map(Node::new).zip(&clients);
        let owners: Vec<_> = (0..shape.owners).map(|index| signer(4, index)).collect();
        let prng = Prng::from_seed(seed).fork("storage");
        Self {
            scene: Scene {
                ring: Ring::new(&configuration).expect("there are enough servers"),
                verifier,
                servers: (0..shape.servers)
                    .map(|index| {
                        let id = place_of(index, shape.servers);
                        (Node::new(index), id, SharedDisk::default())
                    })
                    .collect(),
                clients: client_nodes
                    .map(|(node, (signer, _))| (node, signer.public_key().client()))
                    .collect(),
                owners: owners.clone(),
            },
            context: MessageContext {
                system: configuration.system,
                authority_key: configuration.authority_key,
            },
            clients,
            leases: if shape.is_leased { Leases::Lasting(LEASE) } else { Leases::Endless },
            lives: vec![0; usize::from(shape.servers + client_count)],
            liars: Nodes::EMPTY,
            workload: Workload::new(seed, owners),
            cache: AdmitCache::new(),
            prng,
        }
    }

    pub(super) const fn scene(&self) -> &Scene {
        &self.scene
    }

    fn client_index(&self, node: Node) -> Option<usize> {
        node.index().checked_sub(self.scene.servers.len())
    }

    /// As whom a client acts in its present life.
    fn identity(&self, index: usize, node: Node) -> ClientIdentity {
        let (signer, certificate) = &self.clients[index];
        let life = self.lives[node.index()];
        let draw = hash_of(Domain::Derivation, &(node.number(), life));
        let random = draw.as_bytes()[..16].try_into().expect("sixteen bytes");
        ClientIdentity {
            certificate: certificate.clone(),
            signer: Arc::clone(signer),
            writer: WriterId::new(random),
        }
    }

    /// The first number of a life: as if it were random.
    fn first_number(&mut self, node: Node) -> u64 {
        let life = self.lives[node.index()];
        self.prng.fork(&format!("life/{}/{life}", node.number())).next_u64()
    }
}

impl Host<StorageMachine> for StorageHost {
    fn peer(&self, node: Node) -> Peer {
        match self.client_index(node) {
            None => Peer::Node(self.scene.servers[node.index()].1),
            Some(index) => Peer::Client(self.scene.clients[index].1),
        }
    }

    fn start(&mut self, node: Node, records: Vec<(RecordNumber, Record)>) -> StorageMachine {
        self.lives[node.index()] += 1;
        let first = self.first_number(node);
        let ring = self.scene.ring.clone();
        if let Some(index) = self.client_index(node) {
            let client = Client::new(self.identity(index, node), ring, first);
            return StorageMachine::client(ClientSeat::new(client, self.leases));
        }
        let (_, id, disk) = &self.scene.servers[node.index()];
        let last = records.last().map_or(RecordNumber::ZERO, |(number, _)| *number);
        disk.open().recover(last, &records);
        let certified = CertifiedConfiguration::new(Body::new(vec![1]));
        let verifier = Arc::clone(&self.scene.verifier);
        let server = Server::new(*id, (ring, certified), verifier, first);
        let prng = self.prng.fork(&format!("loads/{}", node.number()));
        StorageMachine::server(ServerSeat::new(server, disk.clone(), prng))
    }

    fn adversary(&mut self, node: Node, name: &str) -> Box<dyn Adversary<StorageMachine>> {
        self.liars.insert(node);
        let prng = self.prng.fork(&format!("adversary/{}", node.number()));
        let ring = self.scene.ring.clone();
        let holdings = match self.client_index(node) {
            None => {
                let disk = Box::new(self.scene.servers[node.index()].2.clone());
                Holdings { ring, identity: None, owners: Vec::new(), disk: Some(disk) }
            }
            Some(index) => {
                let identity = Some(self.identity(index, node));
                Holdings { ring, identity, owners: self.scene.owners.clone(), disk: None }
            }
        };
        adversary(name, holdings, &prng)
    }

    /// What comes from liars is also decoded from its bytes, as from a link.
    fn admit(&mut self, _: Node, from: Node, message: &Arc<Message>) -> Option<Verified<Message>> {
        let Self { cache, context, scene, liars, .. } = self;
        let is_liar = liars.contains(from);
        cache.admit(message, |message| {
            let message = if is_liar {
                quorate_wire::decode(&quorate_wire::encode(&**message)).ok()?
            } else {
                (**message).clone()
            };
            verify(message, context, &*scene.verifier).ok()
        })
    }

    fn wire_bytes(&self, message: &Arc<Message>) -> u64 {
        wire_bytes(message)
    }

    fn request(&mut self, node: Node, number: u64) -> Option<Request> {
        if self.client_index(node).is_none() {
            return Some(Request::Server(ServerRequest::Scrub));
        }
        let (operation, timeout) = self.workload.operation(number)?;
        let call = CallId::new(number);
        Some(Request::Client(ClientRequest::Invoke { call, operation, timeout }))
    }

    fn rewrite(&mut self, prng: &mut Prng, message: &Arc<Message>) -> Option<Arc<Message>> {
        rewrite(prng, message)
    }

    fn label(&self, node: Node) -> String {
        match self.client_index(node) {
            None => format!("S{}", node.number()),
            Some(client) => format!("C{client}"),
        }
    }
}

/// About how long a message of the DHT is on a link.
pub(crate) fn wire_bytes(message: &Message) -> u64 {
    match message {
        Message::PutContent(put) => 300 + put.body.len() as u64,
        Message::Content(reply) => 20 + reply.body.as_ref().map_or(0, |body| body.len() as u64),
        Message::WriteVersion(write) => 450 + write.version.value.len() as u64,
        Message::Versioned(reply) => {
            20 + reply.value.as_ref().map_or(0, |value| value.len() as u64)
        }
        Message::GetContent(_)
        | Message::StatContent(_)
        | Message::ReadVersion(_)
        | Message::Stored(_)
        | Message::Presence(_)
        | Message::Refused(_)
        | Message::WrongEpoch(_)
        | Message::Compare(_)
        | Message::ListNames(_)
        | Message::Scrubbed(_) => 60,
        Message::Scrub(_) => 300,
        Message::Introduce(_) => 240,
        Message::Compared(reply) => 20 + 32 * reply.cells.len() as u64,
        Message::Names(reply) => 20 + 40 * reply.held.len() as u64,
    }
}

/// Changes a signed statement without signing it again: verification must refuse it. All else
/// is stopped by the link.
pub(crate) fn rewrite(prng: &mut Prng, message: &Message) -> Option<Arc<Message>> {
    let mut forged = message.clone();
    let signed = match &mut forged {
        Message::WriteVersion(write) => &mut write.version.signed,
        Message::Versioned(reply) => reply.signed.as_mut()?,
        _ => return None,
    };
    signed.stamp.sequence ^= 1 << prng.below(3);
    Some(Arc::new(forged))
}
