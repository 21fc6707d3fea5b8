//! What the servers of a run need around their machines: names, disks, what they are asked for.

use std::cell::RefCell;
use std::rc::Rc;

use quorate_adversary::Adversary;
use quorate_crypto::{Domain, hash};
use quorate_history::Prng;
use quorate_machine::RecordNumber;
use quorate_membership::handover::Policy;
use quorate_membership::monitor::ProbeRule;
use quorate_membership::{
    AddCertificate, AddGrant, ClientParameters, ConfigurationClient, IdentitySigner, LeaseRule,
    MembershipOperation, Message as Vouching, RemoveCertificate, RemoveGrant, ResizeCertificate,
    ResizeGrant, Validity,
};
use quorate_types::{ClientId, Duration, Epoch, NodeId, Peer, Resilience};

use super::client::ClientSeat;
use super::disk::{Disk, Disks};
use super::founding::{Kit, Shape, description, install, install_ideal};
use super::keys::Keys;
use super::plants::SHARE_UNSYNCED;
use super::seat::{Installed, ServerSeat, Vice};
use super::villains::{
    BAD_DEALER, DESERTER, EARLY_ABORTER, EARLY_ENDER, FLATTERER, FLOODER, FRAMER, IDLER, villain,
};
use super::{EpochsMachine, Message, Name, Record, Request};
use crate::host::Host;
use crate::node::Node;
use crate::scenario::{Fault, FaultKind, Profile, Scenario};

/// How long a lease is.
pub(super) const LEASE: Duration = Duration::from_secs(2);
/// As far as clocks drift here, in parts of a million.
const DRIFT_PPM: u32 = 100_000;
/// Servers that the authority admits and that never come.
const STRANGERS: u64 = 3;
/// The kind of message that probes and their answers are.
pub(super) const PROBES: u8 = 1;
/// Where the numbers of their identities begin.
const STRANGERS_FROM: usize = 100;
/// The last epoch in which a certificate may be executed.
const LAST_EPOCH: Epoch = Epoch::new(1_000_000);

/// Names, disks and keys of one run.
#[derive(Debug)]
pub struct EpochsHost {
    kit: Rc<Kit>,
    shape: Shape,
    /// In the order of the nodes.
    servers: Vec<NodeId>,
    disks: Disks,
    lives: Vec<u64>,
    /// Bad servers and their names.
    villains: Vec<(Node, &'static str)>,
    flaw: Option<&'static str>,
    /// Whether servers probe each other.
    probes: bool,
    /// What is asked for instead of what the numbers of requests say.
    script: Vec<MembershipOperation>,
    prng: Prng,
}

impl EpochsHost {
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self::installed(scenario, install_ideal(Shape::of(scenario.variant)))
    }

    /// As [`EpochsHost::new`], with other keys.
    pub(super) fn with_keys(scenario: &Scenario, keys: Keys) -> Self {
        Self::installed(scenario, install(Shape::of(scenario.variant), keys))
    }

    fn installed(scenario: &Scenario, (kit, installed): (Rc<Kit>, Vec<(NodeId, Disk)>)) -> Self {
        let shape = Shape::of(scenario.variant);
        let (servers, disks): (Vec<_>, Vec<_>) = installed.into_iter().unzip();
        let villain = |fault: &Fault| {
            let FaultKind::Byzantine { node, adversary } = fault.kind else { return None };
            Some((node, adversary))
        };
        Self {
            villains: scenario.faults.iter().filter_map(villain).collect(),
            kit,
            shape,
            servers,
            disks: Rc::new(RefCell::new(disks)),
            lives: vec![0; usize::from(scenario.node_count)],
            flaw: None,
            probes: has_probes(scenario),
            script: Vec::new(),
            prng: Prng::from_seed(scenario.seed).fork("epochs"),
        }
    }

    /// With a bug in the cabinets of the servers.
    pub(super) fn flawed(self, flaw: Option<&'static str>) -> Self {
        Self { flaw, ..self }
    }

    /// The request with each number asks for this.
    #[cfg(test)]
    pub(super) fn asking(self, script: Vec<MembershipOperation>) -> Self {
        Self { script, ..self }
    }

    /// What all know.
    pub(super) fn kit(&self) -> Rc<Kit> {
        Rc::clone(&self.kit)
    }

    /// The names of the servers, in the order of the nodes.
    pub(super) fn servers(&self) -> &[NodeId] {
        &self.servers
    }

    /// The disks of the servers.
    pub(super) fn disks(&self) -> Disks {
        Rc::clone(&self.disks)
    }

    fn client_index(&self, node: Node) -> Option<usize> {
        node.index().checked_sub(self.servers.len())
    }

    fn server(&self, node: Node, records: &[(RecordNumber, Record)]) -> ServerSeat {
        let index = node.index();
        let disk: &mut Disk = &mut self.disks.borrow_mut()[index];
        records.iter().for_each(|(number, record)| disk.apply(*number, record));
        if self.flaw == Some(SHARE_UNSYNCED) && self.lives[index] > 1 {
            disk.files.retain(|name, _| !matches!(name, Name::Share(_)));
        }
        let installed = Installed {
            kit: Rc::clone(&self.kit),
            index,
            id: self.servers[index],
            policy: self.policy(node),
            flaw: self.flaw,
            probes: self.probes.then(|| ProbeRule::of_epoch(self.shape.length())),
            vice: self.vice(node),
            is_bad_dealer: self.villains.contains(&(node, BAD_DEALER)),
            prng: self.prng.fork(&format!("life/{index}/{}", self.lives[index])),
        };
        ServerSeat::open(installed, disk)
    }

    /// How long things take, at a server whose clock may run away.
    fn policy(&self, node: Node) -> Policy {
        let is = |name| self.villains.contains(&(node, name));
        Policy {
            length: if is(EARLY_ENDER) { Duration::ZERO } else { self.shape.length() },
            patience: Duration::from_secs(5),
            change_count_max: 1_000,
            repeat: Duration::from_millis(200),
            repeat_idle: Duration::from_millis(700),
            attempt: Duration::from_millis(self.attempt_ms(node)),
        }
    }

    /// How long an attempt is given: what the scenario says, and where some of the recipients are
    /// gone, so little that all groups but the last can fail in the time of a run.
    fn attempt_ms(&self, node: Node) -> u64 {
        let is_bad = |name| self.villains.iter().any(|(_, it)| *it == name);
        if self.shape.attempt_ms > 0 {
            return self.shape.attempt_ms;
        }
        if self.villains.contains(&(node, EARLY_ABORTER)) {
            return 1;
        }
        if is_bad(DESERTER) { 500 } else { 2_000 }
    }

    fn vice(&self, node: Node) -> Option<Vice> {
        let is = |name| self.villains.contains(&(node, name));
        let vices = [(FRAMER, Vice::Frames), (FLATTERER, Vice::Flatters), (FLOODER, Vice::Floods)];
        vices.into_iter().find(|(name, _)| is(name)).map(|(_, vice)| vice)
    }

    fn client(&self, node: Node) -> ClientSeat {
        let life = [node.index() as u64, self.lives[node.index()]];
        let draw = hash(Domain::Derivation, &life.map(u64::to_be_bytes).concat());
        let mut contacts: Vec<Peer> = self.servers.iter().copied().map(Peer::Node).collect();
        contacts.rotate_left(usize::from(draw.as_bytes()[0]) % self.servers.len());
        let parameters = ClientParameters {
            lease: LeaseRule::new(LEASE, DRIFT_PPM).expect("the bound is allowed"),
            retry_max: Duration::from_secs(1),
            ..ClientParameters::new(self.kit.system_key, contacts, *draw.as_bytes())
        };
        ClientSeat::new(ConfigurationClient::new(parameters, None, self.kit.schemes.clone()))
    }

    /// What the authority says with its certificate of this number: servers that never come are
    /// added and removed again, and the group gets the size that it has.
    fn operation(&self, number: u64) -> MembershipOperation {
        let authority = self.kit.keys.authority();
        let system = self.kit.first.configuration().system;
        let validity =
            Validity { sequence: number + 1, first_epoch: Epoch::ZERO, last_epoch: LAST_EPOCH };
        let stranger = STRANGERS_FROM + usize::try_from(number / 3 % STRANGERS).expect("few");
        let identity_key = self.kit.keys.new_identity(stranger).identity_key();
        match number % 3 {
            0 => {
                let server = description(stranger as u64);
                let grant = AddGrant { system, identity_key, validity, server };
                MembershipOperation::Add(AddCertificate::issue(grant, &*authority))
            }
            1 => {
                let grant = RemoveGrant { system, identity_key, validity, may_exceed_cap: true };
                MembershipOperation::Remove(RemoveCertificate::issue(grant, &*authority))
            }
            _ => {
                let membership = Resilience::new(self.shape.f).expect("f is 1 or 2");
                let grant = ResizeGrant { system, validity, membership };
                MembershipOperation::Resize(ResizeCertificate::issue(grant, &*authority))
            }
        }
    }
}

/// Do servers probe each other? In feuds, where nothing else fails; but not where some desert, who
/// would be evicted before anybody draws them, or where a good one comes late.
fn has_probes(scenario: &Scenario) -> bool {
    let is_missed = scenario.has_villain(DESERTER) || scenario.has_villain(IDLER);
    scenario.profile == Profile::Feud && !is_missed
}

impl Host<EpochsMachine> for EpochsHost {
    fn peer(&self, node: Node) -> Peer {
        match self.client_index(node) {
            None => Peer::Node(self.servers[node.index()]),
            Some(index) => {
                let name = hash(Domain::Derivation, &(index as u64).to_be_bytes());
                Peer::Client(ClientId::new(*name.as_bytes()))
            }
        }
    }

    fn start(&mut self, node: Node, records: Vec<(RecordNumber, Record)>) -> EpochsMachine {
        self.lives[node.index()] += 1;
        match self.client_index(node) {
            None => EpochsMachine::Server(Box::new(self.server(node, &records))),
            Some(_) => EpochsMachine::Client(Box::new(self.client(node))),
        }
    }

    fn adversary(&mut self, node: Node, name: &str) -> Box<dyn Adversary<EpochsMachine>> {
        let others = self.servers.iter().enumerate().filter(|(index, _)| *index != node.index());
        let others = others.map(|(_, id)| Peer::Node(*id)).collect();
        villain(name, others, self.prng.fork(&format!("villain/{}", node.index())))
    }

    fn admit(&mut self, _: Node, _: Node, message: &Message) -> Option<Message> {
        // The seat verifies what its machines do not: it knows its groups.
        Some(message.clone())
    }

    fn wire_bytes(&self, message: &Message) -> u64 {
        match message {
            Message::Ordered(_, message) => crate::ordering::wire_bytes(message),
            Message::Handover(..) => 1_000,
            Message::Spread(_) => 800,
            Message::Probe(question) => question.bytes() as u64,
            Message::Probed(_) => 600,
            Message::Freshness(message) => match &**message {
                Vouching::Configuration(page) => 1_000 + 400 * page.members.len() as u64,
                Vouching::Founding(it) => 1_000 + 400 * it.configuration.members.len() as u64,
                Vouching::GetConfiguration(_)
                | Vouching::Challenge(_)
                | Vouching::GetFounding(_) => 40,
                Vouching::Vouch(_) => 240,
            },
        }
    }

    fn kind(&self, message: &Message) -> u8 {
        match message {
            Message::Probe(_) | Message::Probed(_) => PROBES,
            Message::Ordered(..)
            | Message::Handover(..)
            | Message::Spread(_)
            | Message::Freshness(_) => 0,
        }
    }

    fn request(&mut self, _: Node, number: u64) -> Option<Request> {
        let scripted = usize::try_from(number).ok().and_then(|place| self.script.get(place));
        let operation = scripted.cloned().unwrap_or_else(|| self.operation(number));
        Some(Request(quorate_wire::encode(&operation)))
    }

    fn label(&self, node: Node) -> String {
        match self.client_index(node) {
            None => format!("S{}", node.index()),
            Some(client) => format!("C{client}"),
        }
    }
}
