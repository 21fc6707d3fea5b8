//! The servers of a cluster, and the links to them.

use std::collections::BTreeSet;
use std::sync::Arc;

use quorate_crypto::real::RealVerifier;
use quorate_dht::{Head, Introduce, OperationId};
use quorate_machine::Class;
use quorate_membership::VerifiedConfiguration;
use quorate_net::{ConnectorConfig, Known, Limits, Recognise, Seed, SystemId};
use quorate_runtime::{Channel, LinkNews, Links, Node, NodeOptions, Server};
use quorate_types::{Epoch, IdentityKey, NodeId, Peer};
use tokio::sync::watch;

use super::{Credentials, PROTOCOL_VERSIONS};
use crate::cluster_file::ClusterFile;
use crate::error::ClientError;
use crate::groups::STORAGE;
use crate::links::peer_of;

/// Which servers are connected now.
pub(super) type Reached = watch::Receiver<BTreeSet<NodeId>>;
/// What the last server that could not be reached said.
pub(super) type LastFailure = watch::Receiver<Option<String>>;

pub(super) fn random<const N: usize>() -> Result<[u8; N], ClientError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).or(Err(ClientError::Randomness))?;
    Ok(bytes)
}

pub(super) fn random_u64() -> Result<u64, ClientError> {
    random().map(u64::from_be_bytes)
}

/// The servers of the cluster file, under provisional names: their real ones follow from the
/// configuration.
pub(super) async fn contacts(file: &ClusterFile) -> Result<Vec<Server>, ClientError> {
    let mut contacts = Vec::new();
    for contact in &file.servers {
        let id = NodeId::new(*contact.identity_key.as_bytes());
        contacts.push(server(id, (&contact.identity_key, &contact.address)).await?);
    }
    Ok(contacts)
}

/// The servers of a configuration, all of which must have an address.
pub(super) async fn servers(
    configuration: &VerifiedConfiguration,
) -> Result<Vec<Server>, ClientError> {
    let mut servers = Vec::new();
    for member in &configuration.configuration().members {
        servers.push(server(member.id, (&member.identity_key, &member.address)).await?);
    }
    Ok(servers)
}

/// Those servers of a configuration whose addresses resolve.
pub(super) async fn reachable(configuration: &VerifiedConfiguration) -> Vec<Server> {
    let mut servers = Vec::new();
    for member in &configuration.configuration().members {
        servers.extend(server(member.id, (&member.identity_key, &member.address)).await);
    }
    servers
}

async fn server(id: NodeId, (key, address): (&IdentityKey, &str)) -> Result<Server, ClientError> {
    let mut found = tokio::net::lookup_host(address).await.ok();
    let found = found.as_mut().and_then(Iterator::next);
    let address = found.ok_or_else(|| ClientError::Address { address: address.to_owned() })?;
    Ok(Server { id, known: Known { key: peer_of(key), address } })
}

pub(super) fn dial(
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
pub(super) fn new_node(links: Links, credentials: &Credentials) -> Result<Node, ClientError> {
    let options = NodeOptions::new(Arc::new(RealVerifier));
    let mut node = Node::new(links, &options).map_err(ClientError::Host)?;
    let head = Head { epoch: Epoch::ZERO, operation: OperationId::new(0) };
    let introduce = Introduce { head, certificate: credentials.certificate.clone() };
    let greeting = quorate_dht::Message::Introduce(introduce);
    node.greet_servers(Channel::Single(STORAGE), Class::Control, &greeting);
    Ok(node)
}

/// Hears which servers are connected, and what the last one that was not said.
pub(super) fn watch_links(node: &mut Node) -> (Reached, LastFailure) {
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
