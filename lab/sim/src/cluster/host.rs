//! What a cluster needs around its machines: keys, addresses, disks, papers.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_adversary::Adversary;
use quorate_adversary::membership::ClientVice;
use quorate_adversary::membership::ceremony::Contribution;
use quorate_bft::Parameters;
use quorate_crypto::{Signer, Verified, Verifier, verify};
use quorate_dht::{CallId, ClientRequest, Message as StorageMessage, MessageContext};
use quorate_duties::Duties;
use quorate_history::Prng;
use quorate_kv::KeyValueService;
use quorate_machine::RecordNumber;
use quorate_membership::{MembershipService, Message as Vouching};
use quorate_types::{ClientId, Duration, NodeId, Peer, UnixTime};

use super::founding::{Foundation, Keys, Role, Shape, genesis, server_ids};
use super::villains::{ClientVillain, ServerVillain};
use super::within::Frame;
use super::workload::Workload;
use super::{Ask, ClusterMachine, Message, Received, Record, Request};
use crate::host::{AdmitCache, Host};
use crate::node::{Node, Nodes};
use crate::ordering::{GroupHost, GroupSetup, rewrite, wire_bytes};
use crate::scenario::Scenario;
use crate::storage::scene::Scene;
use crate::storage::workload::Workload as ObjectWorkload;

mod bad;
mod seats;

use bad::{contributions, liars, rotten, villains};
pub(super) use seats::LEASE;
use seats::{Client, client, scene};

/// The operations with numbers from here on have the servers check what they hold.
pub(super) const SCRUBS_FROM: u64 = 1 << 32;

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
    rotten: Nodes,
    prng: Prng,
}

impl ClusterHost {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let shape = Shape::of(scenario.variant);
        let keys = Keys::new(shape.is_real);
        let prng = Prng::from_seed(scenario.seed).fork("cluster");
        let villains = villains(scenario);
        let configuration = genesis(shape, &keys).configuration();
        let servers = server_ids(&configuration, shape, &keys);
        let bad = liars(&configuration.membership_group, &servers, &villains);
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
            let expires = shape.certificate_expires(index);
            client(&keys, (index, configuration.system, expires), vice)
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
                service: duties
                    .membership_service(foundation.sharing.clone(), foundation.schemes.clone()),
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
            rotten: rotten(&villains),
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

    /// Until when the authority's word about each client holds, in the order of the clients.
    pub(super) fn papers(&self) -> Vec<(ClientId, UnixTime)> {
        let paper = |client: &Client| {
            let grant = &client.certificate.grant;
            let is_foreign = client.vice == Some(ClientVice::ForeignCertificate);
            (grant.client, if is_foreign { UnixTime::ZERO } else { grant.expires })
        };
        self.clients.iter().map(paper).collect()
    }

    /// The nodes that are servers.
    pub(super) fn servers(&self) -> Nodes {
        (0..self.servers.len()).map(Node::at).collect()
    }

    /// Servers whose only fault is their disk.
    pub(super) const fn rotten(&self) -> Nodes {
        self.rotten
    }

    /// The node of the client with this index.
    fn client_node(&self, index: usize) -> Node {
        Node::at(self.servers.len() + index)
    }

    /// Good clients whose certificate runs out in the run.
    pub(super) fn ending_clients(&self) -> Nodes {
        let ends = |client: &Client| {
            client.vice.is_none()
                && client.certificate.grant.expires < UnixTime::from_micros(u64::MAX)
        };
        let clients = self.clients.iter().enumerate().filter(|(_, client)| ends(client));
        clients.map(|(index, _)| self.client_node(index)).collect()
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
                Vouching::Founding(it) => 1_000 + 400 * it.configuration.members.len() as u64,
                Vouching::GetConfiguration(_)
                | Vouching::Challenge(_)
                | Vouching::GetFounding(_) => 40,
                Vouching::Vouch(_) => 240,
            },
            Message::Storage(message) => crate::storage::host::wire_bytes(message),
        }
    }

    fn request(&mut self, _: Node, number: u64) -> Option<Request> {
        if let Some(run) = number.checked_sub(SCRUBS_FROM) {
            let ask = Ask::Storage(ClientRequest::Scrub { run });
            return Some(Request { ticket: number, ask });
        }
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
