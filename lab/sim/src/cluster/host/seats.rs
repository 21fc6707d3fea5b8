//! The honest machines of a cluster, as a node makes them from what its log holds.

use std::sync::Arc;

use quorate_adversary::membership::ClientVice;
use quorate_crypto::{ClientCertificate, ClientGrant, Domain, Signer, hash_of};
use quorate_dht::Ring;
use quorate_duties::Duties;
use quorate_machine::RecordNumber;
use quorate_membership::{ClientParameters, ConfigurationClient, LeaseRule};
use quorate_types::{Configuration, Duration, NodeId, Peer, SystemId, UnixTime};

use super::ClusterHost;
use crate::clock::DRIFT_PER_MILLE_MAX;
use crate::cluster::Record;
use crate::cluster::client::{ClientSeat, Identity};
use crate::cluster::founding::{Keys, Role};
use crate::cluster::server::{Journal, Place, ServerSeat};
use crate::node::Node;
use crate::ordering::first_nonce;
use crate::storage::disk::SharedDisk;
use crate::storage::scene::Scene;
use crate::storage::seat::ServerSeat as StorageServer;

/// How long a lease lasts, in true time: short, so that many are renewed in a run.
pub(in crate::cluster) const LEASE: Duration = Duration::from_secs(4);
/// The bound on the drift of honest clocks, in parts per million.
const DRIFT_PPM: u32 = 100_000;
const _: () = assert!(DRIFT_PPM as u64 == 1_000 * DRIFT_PER_MILLE_MAX, "as far as clocks drift");
/// Longest wait of a client before it asks again about configurations.
const RETRY_MAX: Duration = Duration::from_secs(1);

/// A client of a run.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) signer: Arc<dyn Signer>,
    pub(super) certificate: ClientCertificate,
    pub(super) vice: Option<ClientVice>,
}

/// Keys of objects.
const OWNERS: usize = 3;

/// Who stores, and where.
pub(super) fn scene(
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

/// A client with its papers, good or bad.
pub(super) fn client(
    keys: &Keys,
    (index, system, expires): (usize, SystemId, UnixTime),
    vice: Option<ClientVice>,
) -> Client {
    let signer = keys.signer(Role::Client, index);
    let is_expired = vice == Some(ClientVice::ExpiredCertificate);
    let is_foreign = vice == Some(ClientVice::ForeignCertificate);
    let grant = ClientGrant {
        system,
        client: signer.public_key().client(),
        name: format!("client {index}"),
        expires: if is_expired { UnixTime::from_micros(1) } else { expires },
    };
    let authority = if is_foreign { Role::Impostor } else { Role::Authority };
    let certificate = ClientCertificate::issue(grant, &*keys.signer(authority, 0));
    Client { signer, certificate, vice }
}

impl ClusterHost {
    pub(super) fn server(&self, node: Node, records: Vec<(RecordNumber, Record)>) -> ServerSeat {
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
            responder: Place::new(duties.responder(&epoch_key, Vec::new())),
            storage: Place::new(StorageServer::new(storage, disk.clone(), loads)),
            journal,
        }
    }

    /// The first number of a life: as if it were random.
    fn first_number(&self, node: Node) -> u64 {
        let life = self.lives[node.index()];
        self.prng.fork(&format!("life/{}/{life}", node.index())).next_u64()
    }

    pub(super) fn client(&self, node: Node, index: usize) -> ClientSeat {
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
            nonce: first_nonce(signer.public_key().client(), life),
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
}
