//! The servers of a cluster, and the links to them.

use std::sync::Arc;

use quorate_crypto::real::RealVerifier;
use quorate_dht::{Head, Introduce, OperationId};
use quorate_machine::Class;
use quorate_membership::VerifiedConfiguration;
use quorate_net::{ConnectorConfig, Known, Limits, Recognise, Seed, SystemId};
use quorate_runtime::{Channel, Links, Node, NodeOptions, Server};
use quorate_types::{Configuration, Epoch, IdentityKey, NodeId};
use tokio::sync::watch;

use super::{Credentials, PROTOCOL_VERSIONS};
use crate::cluster_file::ClusterFile;
use crate::error::ClientError;
use crate::groups::STORAGE;
use crate::links::{linked, peer_of};
use crate::reach::Reach;

/// Which servers are connected now, and why the others are not.
pub(super) type Reaching = Arc<watch::Sender<Reach>>;

pub(super) fn random<const N: usize>() -> Result<[u8; N], ClientError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).or(Err(ClientError::Randomness))?;
    Ok(bytes)
}

pub(super) fn random_u64() -> Result<u64, ClientError> {
    random().map(u64::from_be_bytes)
}

/// A server to be found by its address.
type Address<'a> = (NodeId, &'a IdentityKey, &'a str);

/// The servers of the cluster file, under provisional names: their real ones follow from the
/// configuration.
///
/// # Errors
/// [`ClientError::Address`] if not one of their addresses resolves.
pub(super) async fn contacts(
    file: &ClusterFile,
    reaching: &Reaching,
) -> Result<Vec<Server>, ClientError> {
    let contacts: Vec<Address<'_>> = file
        .servers
        .iter()
        .map(|contact| {
            let id = NodeId::new(*contact.identity_key.as_bytes());
            (id, &contact.identity_key, contact.address.as_str())
        })
        .collect();
    let found = resolve(&contacts, reaching).await;
    match contacts.first() {
        Some((_, _, address)) if found.is_empty() => {
            Err(ClientError::Address { address: String::from(*address) })
        }
        Some(_) | None => Ok(found),
    }
}

/// Those servers of a configuration that there are links for and whose addresses resolve.
pub(super) async fn servers(
    configuration: &VerifiedConfiguration,
    reaching: &Reaching,
) -> Vec<Server> {
    let members: Vec<Address<'_>> = linked(configuration.configuration())
        .into_iter()
        .map(|member| (member.id, &member.identity_key, member.address.as_str()))
        .collect();
    resolve(&members, reaching).await
}

/// Those members of the membership group whose addresses resolve.
pub(super) async fn group_of(configuration: &Configuration, reaching: &Reaching) -> Vec<Server> {
    let group = configuration.membership_group.iter();
    let members = group.filter_map(|id| configuration.member(*id));
    let members: Vec<Address<'_>> =
        members.map(|it| (it.id, &it.identity_key, it.address.as_str())).collect();
    resolve(&members, reaching).await
}

/// A server whose address does not resolve is like one that is down.
async fn resolve(servers: &[Address<'_>], reaching: &Reaching) -> Vec<Server> {
    let addresses = servers.iter().map(|(id, _, address)| (*id, String::from(*address)));
    reaching.send_modify(|reach| reach.lead_to(addresses));
    let mut resolved = Vec::new();
    for &(id, key, address) in servers {
        let mut found = tokio::net::lookup_host(address).await.ok();
        match found.as_mut().and_then(Iterator::next) {
            Some(address) => {
                resolved.push(Server { id, known: Known { key: peer_of(key), address } });
            }
            None => reaching.send_modify(|reach| reach.fail(id, "its address does not resolve")),
        }
    }
    resolved
}

pub(super) fn dial(
    system: quorate_types::SystemId,
    seed: [u8; 32],
    recognise: Arc<dyn Recognise>,
    servers: &[Server],
) -> Result<Links, ClientError> {
    let config = ConnectorConfig {
        seed: Seed::new(seed),
        recognise,
        system: SystemId::new(*system.as_bytes()),
        versions: PROTOCOL_VERSIONS,
        peers: Vec::new(),
        session: random_u64()?.max(1),
        jitter_seed: random_u64()?,
        limits: Limits::default(),
    };
    Links::dial(config, servers).map_err(ClientError::Connect)
}

/// A node that shows nobody anything.
pub(super) fn plain_node(links: Links) -> Result<Node, ClientError> {
    let options = NodeOptions::new(Arc::new(RealVerifier));
    Node::new(links, &options).map_err(ClientError::Host)
}

/// A node that shows every server the client's certificate as the first thing, so that it is not
/// taken for a stranger.
pub(super) fn new_node(links: Links, credentials: &Credentials) -> Result<Node, ClientError> {
    let mut node = plain_node(links)?;
    let head = Head { epoch: Epoch::ZERO, operation: OperationId::new(0) };
    let introduce = Introduce { head, certificate: credentials.certificate.clone() };
    let greeting = quorate_dht::Message::Introduce(introduce);
    node.greet_servers(Channel::Single(STORAGE), Class::Control, &greeting);
    Ok(node)
}

/// Hears which servers are connected, and why others are not.
pub(super) fn watch_links(node: &mut Node, reaching: &Reaching) {
    let reaching = Arc::clone(reaching);
    node.watch_links(Box::new(move |news| reaching.send_modify(|reach| reach.note(news))));
}
