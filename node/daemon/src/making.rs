//! The founding of a system as one of its servers lives through it: epoch 0, in which the group of
//! the genesis makes the key, and nothing else ([decision 26]).
//!
//! ```text
//! genesis --> replica of epoch 0 (in the group), participant of its end, links, /health: 503
//!   --> the first signed configuration, from the own log or from f + 1 founders
//!   --> keys/founding, durable --> the server as it is from then on
//! ```
//! The machines of the founding are those of any epoch, on the same disk, so that whoever is killed
//! goes on where it was. What has to be kept of epoch 0 for those who are behind, the log of its
//! group, is served further on by the server.
//!
//! [decision 26]: ../../../docs/decisions/0026-genesis-without-a-dealer.md

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use quorate_client::cluster::{PROTOCOL_VERSIONS, fetch_founding};
use quorate_client::links::{Recogniser, credential, peer_of};
use quorate_crypto::real::AcquaintedVerifier;
use quorate_duties::turnover::Event;
use quorate_membership::{EpochConfiguration, UnsignedConfiguration};
use quorate_net::{Config, Limits, SystemId};
use quorate_runtime::{Links, Node, NodeOptions};
use quorate_store::directory::DataDirectory;
use quorate_types::Epoch;

use crate::configuration::NodeConfiguration;
use crate::epochs::{Accusing, EpochView, Ground, Told, founding_policy, say};
use crate::error::ServerError;
use crate::founding::{Founder, NodeIdentity};
use crate::limits::HAPPENINGS_MAX;
use crate::metrics;
use crate::names::Names;
use crate::server::{Intermediary, known_servers, random_u64};

mod maker;
mod waiting;

use maker::Maker;
pub(crate) use waiting::Waiting;

/// When a member of the group first asks the others whether they are done: it should see by itself.
const ASK_MEMBER: Duration = Duration::from_secs(2);
/// When another founder does.
const ASK_OTHER: Duration = Duration::from_millis(300);
/// How long an answer is awaited.
const ASK_TIME: Duration = Duration::from_secs(10);
/// Wait before asking again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// A founder whose system has a key.
pub(crate) struct Made {
    /// The server that it is from now on.
    pub(crate) identity: NodeIdentity,
    /// What stands between its machines and the world.
    pub(crate) between: Box<dyn Intermediary>,
}

/// Takes part in making the key until it is there. Nothing if the server was told to stop.
///
/// # Errors
/// [`ServerError`] says which part failed and what to do.
pub(crate) async fn make(
    settings: &NodeConfiguration,
    founder: Founder,
    between: Box<dyn Intermediary>,
) -> Result<Option<Made>, ServerError> {
    let key = founder.identity_key;
    let data = DataDirectory::open(&settings.data, key.as_bytes(), founder.expectation())?;
    let (told, happenings) = sync_channel(HAPPENINGS_MAX);
    let mut ground = ground(settings, &founder, (Arc::new(data), told.clone()), between);
    let mut node = open_node(settings, &founder)?;
    let genesis = EpochConfiguration::from(founder.genesis.clone());
    let has_seat = genesis.has_seat(founder.id);
    let replica = has_seat.then(|| ground.replica_of_genesis(&founder.genesis)).transpose()?;
    let hosted = |source| ServerError::Host { source };
    let replica = replica.map(|ready| node.host(ready.hosting())).transpose().map_err(hosted)?;
    let participant = node.host(ground.participant(&genesis)?.hosting()).map_err(hosted)?;
    let waiting = Waiting::new(&founder);
    let (names, links) = (Names::of(genesis.clone()), waiting.clone());
    node.watch_links(Box::new(move |news| {
        names.log(&news);
        links.note(&news);
    }));
    founder.mark_begun().map_err(|source| ServerError::Founding { source })?;
    let keys = Arc::clone(&founder.keys);
    let accusing = Accusing::open(&ground.data, Epoch::ZERO)?;
    let talk = (waiting.clone(), told.clone());
    let maker = Maker::new((replica, participant), keys, talk, accusing);
    let thread = maker.start(happenings, node.control())?;
    let ran = tokio::select! {
        ran = Box::pin(node.run()) => ran.map_err(|source| ServerError::Node { source }),
        never = ask(&founder.genesis, has_seat, &told) => match never {},
        served = metrics::serve_founding(settings.metrics, &waiting) => {
            served.map(|it| match it {})
        }
    };
    let made = thread.stop()?;
    ran?;
    let Ground { between, .. } = ground;
    let Some(configuration) = made else { return Ok(None) };
    let identity = founder.pin(settings, &configuration);
    let identity = identity.map_err(|source| ServerError::Founding { source })?;
    tracing::info!(hash = %configuration.hash(), "the system is founded, and has its key");
    Ok(Some(Made { identity, between }))
}

fn ground(
    settings: &NodeConfiguration,
    founder: &Founder,
    (data, told): (Arc<DataDirectory>, Told),
    between: Box<dyn Intermediary>,
) -> Ground {
    Ground {
        me: founder.id,
        name: founder.identity_key.name(),
        system: founder.genesis.configuration().system,
        system_key: None,
        ring_epoch: Some(Epoch::ZERO.next()),
        ends_epochs: true,
        data,
        keys: Arc::clone(&founder.keys),
        policy: founding_policy(settings.founding_patience),
        root_rule: settings.root_rule,
        told,
        view: EpochView::of(founder.id),
        between,
        archive: None,
    }
}

fn open_node(settings: &NodeConfiguration, founder: &Founder) -> Result<Node, ServerError> {
    let configuration = founder.genesis.configuration();
    let certified = founder.certified().map_err(|source| ServerError::Founding { source })?;
    let config = Config {
        own: peer_of(&founder.identity_key),
        credential: credential(&certified.certificate, &certified.seed),
        recognise: Recogniser::member(founder.genesis.clone()),
        system: SystemId::new(*configuration.system.as_bytes()),
        versions: PROTOCOL_VERSIONS,
        listen: settings.listen,
        peers: Vec::new(),
        jitter_seed: random_u64()?,
        limits: Limits::default(),
    };
    let links = Links::listen(config, &known_servers(configuration));
    let links = links.map_err(|source| ServerError::Listen { address: settings.listen, source })?;
    let keys = configuration.members.iter().filter_map(|member| member.epoch_key);
    let options = NodeOptions::new(Arc::new(AcquaintedVerifier::new(keys)));
    Node::new(links, &options).map_err(|source| ServerError::Host { source })
}

/// Asks the others from time to time whether they have the key already: who was away, or is in no
/// group, comes to it like this.
async fn ask(genesis: &UnsignedConfiguration, has_seat: bool, told: &Told) -> Infallible {
    tokio::time::sleep(if has_seat { ASK_MEMBER } else { ASK_OTHER }).await;
    loop {
        match fetch_founding(genesis, ASK_TIME).await {
            Ok(found) => {
                say(told, Event::Learned(found).into());
                return std::future::pending().await;
            }
            Err(error) => tracing::debug!(%error, "the others have no key yet"),
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}
