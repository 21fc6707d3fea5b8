//! What a cluster needs around its machines: keys, addresses, disks, papers.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_adversary::Adversary;
use quorate_adversary::membership::ceremony::Contribution;
use quorate_adversary::membership::{self, ClientVice, Liar, LiarSetup};
use quorate_adversary::ordering::{self, Liar as OrderingLiar, LiarSetup as OrderingSetup, Seat};
use quorate_adversary::storage::{self, Holdings, Liar as StorageLiar};
use quorate_bft::Parameters;
use quorate_crypto::{
    ClientCertificate, ClientGrant, Domain, Signer, Verified, Verifier, hash_of, verify,
};
use quorate_dht::{
    CallId, ClientIdentity, ClientRequest, Message as StorageMessage, MessageContext, Ring,
    WriterId,
};
use quorate_duties::Duties;
use quorate_history::Prng;
use quorate_kv::KeyValueService;
use quorate_machine::RecordNumber;
use quorate_membership::{
    ClientParameters, ConfigurationClient, LeaseRule, MembershipService, Message as Vouching,
};
use quorate_types::{ClientId, Configuration, Duration, NodeId, Peer, UnixTime};

use super::client::{ClientSeat, Identity};
use super::founding::{Foundation, Keys, Role, Shape, genesis, server_ids};
use super::server::{Journal, Place, ServerSeat};
use super::villains::{ClientVillain, Roles, ServerVillain};
use super::within::Frame;
use super::workload::Workload;
use super::{Ask, ClusterMachine, Message, Received, Record, Request};
use crate::clock::DRIFT_PER_MILLE_MAX;
use crate::host::{AdmitCache, Host};
use crate::node::{Node, Nodes};
use crate::ordering::{GroupHost, GroupSetup, rewrite, wire_bytes};
use crate::scenario::{FaultKind, Scenario};
use crate::storage::disk::SharedDisk;
use crate::storage::scene::Scene;
use crate::storage::seat::ServerSeat as StorageServer;
use crate::storage::workload::Workload as ObjectWorkload;

/// How long a lease lasts, in true time: short, so that many are renewed in a run.
pub(super) const LEASE: Duration = Duration::from_secs(4);
/// The bound on the drift of honest clocks, in parts per million.
const DRIFT_PPM: u32 = 100_000;
const _: () = assert!(DRIFT_PPM as u64 == 1_000 * DRIFT_PER_MILLE_MAX, "as far as clocks drift");
/// Longest wait of a client before it asks again about configurations.
const RETRY_MAX: Duration = Duration::from_secs(1);

/// A client of a run.
#[derive(Debug)]
struct Client {
    signer: Arc<dyn Signer>,
    certificate: ClientCertificate,
    vice: Option<ClientVice>,
}

/// Keys, addresses and disks of one run.
#[derive(Debug)]
pub struct ClusterHost {
    keys: Keys,
    foundation: Foundation,
    /// In the order of the nodes.
    servers: Vec<NodeId>,
    clients: Vec<Client>,
    pub(super) membership: GroupHost<MembershipService>,
    pub(super) key_value: GroupHost<KeyValueService>,
    contributions: BTreeMap<NodeId, Contribution>,
    workload: Workload,
    objects: ObjectWorkload,
    scene: Scene,
    context: MessageContext,
    cache: AdmitCache<StorageMessage, Verified<StorageMessage>>,
    lives: Vec<u64>,
    prng: Prng,
}

/// What a bad member of the membership group gives at the founding, by its index: two bad ones may
/// work together.
fn contributions(bad: &[u16], prng: &mut Prng) -> BTreeMap<u16, Contribution> {
    if let [first, second] = *bad
        && prng.chance(500)
    {
        let cancelling = |accomplice| Contribution::Cancelling { accomplice };
        return BTreeMap::from([(first, cancelling(second)), (second, cancelling(first))]);
    }
    let mut given = BTreeMap::new();
    for index in bad {
        match prng.below(3) {
            0 => given.insert(*index, Contribution::Wrong),
            1 => given.insert(*index, Contribution::Withheld),
            _ => None,
        };
    }
    given
}

/// Names of the Byzantine nodes of a scenario.
fn villains(scenario: &Scenario) -> BTreeMap<Node, &'static str> {
    let mut named = BTreeMap::new();
    for fault in &scenario.faults {
        if let FaultKind::Byzantine { node, adversary } = fault.kind {
            named.insert(node, adversary);
        }
    }
    named
}

impl ClusterHost {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let shape = Shape::of(scenario.variant);
        let keys = Keys::new(shape.is_real);
        let prng = Prng::from_seed(scenario.seed).fork("cluster");
        let villains = villains(scenario);
        let configuration = genesis(shape, &keys).configuration();
        let servers = server_ids(&configuration, shape, &keys);
        let is_bad = |id: &NodeId| {
            let node = servers.iter().position(|server| server == id).map(Node::at);
            node.is_some_and(|node| villains.contains_key(&node))
        };
        let group = (1..).zip(&configuration.membership_group);
        let bad: Vec<u16> = group.filter(|(_, id)| is_bad(id)).map(|(index, _)| index).collect();
        let given = contributions(&bad, &mut prng.fork("ceremony"));
        let member = |index: u16| configuration.membership_group[usize::from(index) - 1];
        let contributions = given.iter().map(|(index, given)| (member(*index), *given)).collect();
        let foundation = Foundation::new(shape, &keys, given);
        let duties = Duties::of(&foundation.configuration, servers[0]);
        let duties = duties.expect("there are enough servers");
        let groups = duties.groups();
        let place = |id: &NodeId| servers.iter().position(|server| server == id);
        let signers = |members: &[quorate_types::GroupMember]| -> Vec<Arc<dyn Signer>> {
            let index = |id| place(id).expect("every member is a server");
            members.iter().map(|one| keys.signer(Role::Epoch, index(&one.node))).collect()
        };
        let parameters = || Parameters {
            checkpoint_interval: 16,
            progress_timeout_max: Duration::from_secs(4),
            ..Parameters::default()
        };
        let client_count = usize::from(scenario.node_count) - servers.len();
        let client = |index: usize| {
            let node = Node::at(servers.len() + index);
            let name = villains.get(&node).copied().unwrap_or_default();
            let vice = ClientVice::named(name, &mut prng.fork("vice"));
            client(&keys, (index, configuration.system), vice)
        };
        let clients: Vec<Client> = (0..client_count).map(client).collect();
        let scene = scene(&configuration, &servers, (&clients, &keys));
        let authority = keys.signer(Role::Authority, 0);
        let impostor = keys.signer(Role::Impostor, 0);
        Self {
            clients,
            membership: GroupHost::new(GroupSetup {
                signers: signers(&groups.membership.members),
                group: Arc::clone(&groups.membership),
                parameters: parameters(),
                verifier: keys.verifier(),
                service: duties.membership_service(keys.verifier()),
            }),
            key_value: GroupHost::new(GroupSetup {
                signers: signers(&groups.key_value.members),
                group: Arc::clone(&groups.key_value),
                parameters: parameters(),
                verifier: keys.verifier(),
                service: KeyValueService,
            }),
            objects: ObjectWorkload::new(scenario.seed, scene.owners.clone()),
            context: duties.storage_context(),
            cache: AdmitCache::new(),
            scene,
            workload: Workload::new(configuration.system, authority, impostor),
            lives: vec![0; usize::from(scenario.node_count)],
            contributions,
            foundation,
            servers,
            keys,
            prng,
        }
    }

    /// How the system was founded.
    pub(super) const fn foundation(&self) -> &Foundation {
        &self.foundation
    }

    /// Who stores, and where.
    pub(super) const fn scene(&self) -> &Scene {
        &self.scene
    }

    pub(super) fn verifier(&self) -> Arc<dyn Verifier> {
        self.keys.verifier()
    }

    /// The clients, in their order.
    pub(super) fn client_ids(&self) -> Vec<ClientId> {
        self.clients.iter().map(|client| client.certificate.grant.client).collect()
    }

    /// Clients without a certificate that holds.
    pub(super) fn clients_without_papers(&self) -> Vec<ClientId> {
        let lacks = |client: &&Client| {
            matches!(
                client.vice,
                Some(ClientVice::ExpiredCertificate | ClientVice::ForeignCertificate)
            )
        };
        self.clients.iter().filter(lacks).map(|one| one.certificate.grant.client).collect()
    }

    /// The nodes of a group with these members, as its observers number them.
    pub(super) fn frame(&self, group: &quorate_types::GroupConfiguration) -> Frame {
        let node = |id: &NodeId| {
            let place = self.servers.iter().position(|server| server == id);
            Node::at(place.expect("every member is a server"))
        };
        let replicas: Vec<Node> = group.members.iter().map(|member| node(&member.node)).collect();
        let node_count = u16::try_from(self.lives.len()).expect("few nodes");
        let first = u16::try_from(self.servers.len()).expect("few servers");
        Frame::new(&replicas, Nodes::range(first, node_count), node_count)
    }

    fn client_index(&self, node: Node) -> Option<usize> {
        node.index().checked_sub(self.servers.len())
    }

    fn server(&self, node: Node, records: Vec<(RecordNumber, Record)>) -> ServerSeat {
        let duties = Duties::of(&self.foundation.configuration, self.servers[node.index()]);
        let duties = duties.expect("there are enough servers");
        let (journal, found) = Journal::open(records);
        let membership = duties.membership();
        let key_value = duties.key_value();
        let epoch_key = self.keys.signer(Role::Epoch, node.index());
        let disk = &self.scene.servers[node.index()].2;
        disk.open().recover(found.last, &found.storage);
        let storage = duties.storage(self.keys.verifier(), self.first_number(node));
        let loads = self.prng.fork(&format!("loads/{}", node.index()));
        ServerSeat {
            membership: membership
                .map(|seat| Place::new(self.membership.replica(seat.me, found.membership))),
            key_value: key_value
                .map(|seat| Place::new(self.key_value.replica(seat.me, found.key_value))),
            responder: Place::new(duties.responder(&epoch_key)),
            storage: Place::new(StorageServer::new(storage, disk.clone(), loads)),
            journal,
        }
    }

    /// The first number of a life: as if it were random.
    fn first_number(&self, node: Node) -> u64 {
        let life = self.lives[node.index()];
        self.prng.fork(&format!("life/{}/{life}", node.index())).next_u64()
    }

    fn client(&self, node: Node, index: usize) -> ClientSeat {
        let Client { signer, certificate, vice } = &self.clients[index];
        let life = self.lives[node.index()];
        let draw = hash_of(Domain::Derivation, &(node.index() as u64, life));
        // Every process begins with another server.
        let mut contacts: Vec<Peer> = self.servers.iter().copied().map(Peer::Node).collect();
        contacts.rotate_left(usize::from(draw.as_bytes()[0]) % self.servers.len());
        let parameters = ClientParameters {
            lease: LeaseRule::new(LEASE, DRIFT_PPM).expect("the bound is allowed"),
            retry_max: RETRY_MAX,
            ..ClientParameters::new(self.foundation.system_key, contacts, *draw.as_bytes())
        };
        let identity = Identity {
            signer: Arc::clone(signer),
            certificate: certificate.clone(),
            nonce: life,
            first_number: self.first_number(node),
            skew: match vice {
                Some(ClientVice::WrongClock(skew)) => Some(*skew),
                Some(ClientVice::ExpiredCertificate | ClientVice::ForeignCertificate) | None => {
                    None
                }
            },
            mark: vice.map(|vice| vice.mark()),
        };
        let schemes = self.foundation.schemes.clone();
        ClientSeat::new(identity, ConfigurationClient::new(parameters, None, schemes))
    }

    /// What a bad server gave at the founding; errors that did not cancel are merely wrong.
    fn contribution(&self, server: NodeId) -> Option<Contribution> {
        let given = self.contributions.get(&server).copied()?;
        let is_alone = !self.foundation.had_cancelled;
        let cancels = matches!(given, Contribution::Cancelling { .. });
        Some(if cancels && is_alone { Contribution::Wrong } else { given })
    }

    /// Who is between a bad client's storage client and the world, if anybody.
    fn storage_villain(&self, index: usize, name: &str) -> Option<StorageLiar> {
        let prng = self.prng.fork(&format!("bad client/{index}"));
        let villain = storage::villain(name, &mut prng.fork("shape"))?;
        let Client { signer, certificate, .. } = &self.clients[index];
        let (signer, certificate) = (Arc::clone(signer), certificate.clone());
        let identity = ClientIdentity { certificate, signer, writer: WriterId::new([0xbd; 16]) };
        let (ring, owners) = (self.scene.ring.clone(), self.scene.owners.clone());
        let holdings = Holdings { ring, identity: Some(identity), owners, disk: None };
        Some(StorageLiar::new(holdings, prng.fork("deeds"), villain))
    }

    fn server_villain(&self, node: Node, name: &str) -> Roles {
        let prng = self.prng.fork(&format!("adversary/{}", node.index()));
        let (shape, deeds) = (|| prng.fork("shape"), |group| prng.fork("deeds").fork(group));
        let (me, signer) =
            (self.servers[node.index()], self.keys.signer(Role::Epoch, node.index()));
        let duties = Duties::of(&self.foundation.configuration, me);
        let duties = duties.expect("there are enough servers");
        let in_group = |seat: Option<quorate_duties::Seat>, prng| {
            let quorate_duties::Seat { group, me } = seat?;
            let villain = ordering::villain(name, &mut shape())?;
            let (seat, signer) = (Seat::Replica(me), Arc::clone(&signer));
            Some(OrderingLiar::new(OrderingSetup { seat, group, signer, prng }, villain))
        };
        let configuration = self.foundation.configuration.clone();
        let responder = membership::villain(name, &mut shape()).map(|villain| {
            let (signer, prng) = (Arc::clone(&signer), deeds("responder"));
            Liar::new(LiarSetup { me, configuration, signer, prng }, villain)
        });
        let storage = storage::villain(name, &mut shape()).map(|villain| {
            let disk = Box::new(self.scene.servers[node.index()].2.clone());
            let ring = self.scene.ring.clone();
            let holdings = Holdings { ring, identity: None, owners: Vec::new(), disk: Some(disk) };
            StorageLiar::new(holdings, deeds("storage"), villain)
        });
        Roles {
            storage,
            membership: in_group(duties.membership(), deeds("membership")),
            key_value: in_group(duties.key_value(), deeds("key-value")),
            responder,
            contribution: self.contribution(me),
        }
    }
}

/// Keys of objects.
const OWNERS: usize = 3;

fn scene(
    configuration: &Configuration,
    servers: &[NodeId],
    (clients, keys): (&[Client], &Keys),
) -> Scene {
    let nodes = || (0..).map(Node::at);
    let disks = servers.iter().map(|id| (*id, SharedDisk::default()));
    let ids = clients.iter().map(|client| client.certificate.grant.client);
    Scene {
        ring: Ring::new(configuration).expect("there are enough servers"),
        verifier: keys.verifier(),
        servers: nodes().zip(disks).map(|(node, (id, disk))| (node, id, disk)).collect(),
        clients: nodes().skip(servers.len()).zip(ids).collect(),
        owners: (0..OWNERS).map(|index| keys.signer(Role::Owner, index)).collect(),
    }
}

fn client(
    keys: &Keys,
    (index, system): (usize, quorate_types::SystemId),
    vice: Option<ClientVice>,
) -> Client {
    let signer = keys.signer(Role::Client, index);
    let is_expired = vice == Some(ClientVice::ExpiredCertificate);
    let is_foreign = vice == Some(ClientVice::ForeignCertificate);
    let grant = ClientGrant {
        system,
        client: signer.public_key().client(),
        name: format!("client {index}"),
        expires: UnixTime::from_micros(if is_expired { 1 } else { u64::MAX }),
    };
    let authority = if is_foreign { Role::Impostor } else { Role::Authority };
    let certificate = ClientCertificate::issue(grant, &*keys.signer(authority, 0));
    Client { signer, certificate, vice }
}

impl Host<ClusterMachine> for ClusterHost {
    fn peer(&self, node: Node) -> Peer {
        match self.client_index(node) {
            None => Peer::Node(self.servers[node.index()]),
            Some(index) => Peer::Client(self.clients[index].certificate.grant.client),
        }
    }

    fn start(&mut self, node: Node, records: Vec<(RecordNumber, Record)>) -> ClusterMachine {
        self.lives[node.index()] += 1;
        match self.client_index(node) {
            None => ClusterMachine::Server(Box::new(self.server(node, records))),
            Some(index) => ClusterMachine::Client(Box::new(self.client(node, index))),
        }
    }

    fn adversary(&mut self, node: Node, name: &str) -> Box<dyn Adversary<ClusterMachine>> {
        let known = super::system::villain_names().find(|known| *known == name);
        let name = known.expect("a scenario names a villain");
        match self.client_index(node) {
            None => Box::new(ServerVillain::new(name, self.server_villain(node, name))),
            Some(index) => Box::new(ClientVillain::new(name, self.storage_villain(index, name))),
        }
    }

    fn admit(&mut self, _: Node, _: Node, message: &Message) -> Option<Received> {
        match message {
            Message::Membership(message) => {
                self.membership.admit(message).map(Received::Membership)
            }
            Message::KeyValue(message) => self.key_value.admit(message).map(Received::KeyValue),
            Message::Configuration(message) => Some(Received::Configuration(Arc::clone(message))),
            Message::Storage(message) => {
                let Self { cache, context, scene, .. } = self;
                let admit = |message: &Arc<StorageMessage>| {
                    verify((**message).clone(), context, &*scene.verifier).ok()
                };
                cache.admit(message, admit).map(|message| Received::Storage(Box::new(message)))
            }
        }
    }

    fn wire_bytes(&self, message: &Message) -> u64 {
        match message {
            Message::Membership(message) | Message::KeyValue(message) => wire_bytes(message),
            Message::Configuration(message) => match &**message {
                Vouching::Configuration(page) => 1_000 + 400 * page.members.len() as u64,
                Vouching::GetConfiguration(_) | Vouching::Challenge(_) => 40,
                Vouching::Vouch(_) => 240,
            },
            Message::Storage(message) => crate::storage::host::wire_bytes(message),
        }
    }

    fn request(&mut self, _: Node, number: u64) -> Option<Request> {
        if !number.is_multiple_of(2) {
            return Some(Request { ticket: number, ask: self.workload.ask(number) });
        }
        let (operation, timeout) = self.objects.operation(number / 2)?;
        let call = CallId::new(number);
        let ask = Ask::Storage(ClientRequest::Invoke { call, operation, timeout });
        Some(Request { ticket: number, ask })
    }

    fn rewrite(&mut self, prng: &mut Prng, message: &Message) -> Option<Message> {
        match message {
            Message::Membership(message) => rewrite(prng, message).map(Message::Membership),
            Message::KeyValue(message) => rewrite(prng, message).map(Message::KeyValue),
            Message::Configuration(message) => {
                let Vouching::Vouch(vouch) = &**message else { return None };
                let mut forged = *vouch;
                forged.subject.epoch = vouch.subject.epoch.next();
                Some(Message::Configuration(Arc::new(Vouching::Vouch(forged))))
            }
            Message::Storage(message) => {
                crate::storage::host::rewrite(prng, message).map(Message::Storage)
            }
        }
    }

    fn label(&self, node: Node) -> String {
        match self.client_index(node) {
            None => format!("S{}", node.index()),
            Some(client) => format!("C{client}"),
        }
    }
}
