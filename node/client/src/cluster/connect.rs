//! Connecting, and following the configuration while connected.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use quorate_membership::{LeaseRule, VerifiedConfiguration};
use quorate_net::{Credential, Seed};
use quorate_runtime::{Control, Server};
use quorate_threshold::PublicKey;
use quorate_types::{Peer, SystemId};
use tokio::sync::watch;

use super::machines::{self, Connected};
use super::servers::{self, Reaching, contacts, dial, new_node, plain_node, watch_links};
use super::{CONNECT_TIMEOUT, Cluster, Credentials, DELAY_TOLD, LEASE_TIME, Tuning};
use crate::capacity;
use crate::cluster_file::ClusterFile;
use crate::error::ClientError;
use crate::hosts::ConfigurationHost;
use crate::links::Recogniser;
use crate::reach::{Awaited, Delay};

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
    let configuration = fetch(file, credentials, tuning).await?;
    let connected = machines::connect(file, (credentials, tuning), configuration).await?;
    let Connected { node, cluster } = connected;
    let control = node.control();
    let run = Box::pin(node.run());
    let following = follow(cluster.clone(), (credentials, &control));
    let delay = tell_delay(cluster.clone(), tuning);
    let use_it = async {
        wait_fresh(cluster.fresh.clone()).await;
        let outcome = tokio::select! {
            outcome = Box::pin(work(cluster)) => outcome,
            never = following => match never {},
            never = delay => match never {},
        };
        control.stop();
        outcome
    };
    let (ran, outcome) = tokio::join!(run, Box::pin(use_it));
    ran.map_err(ClientError::Node)?;
    Ok(outcome)
}

/// Gives the lease the time that it takes where all is well, so that work begins with it.
async fn wait_fresh(mut fresh: watch::Receiver<bool>) {
    drop(tokio::time::timeout(LEASE_TIME, fresh.wait_for(|is_fresh| *is_fresh)).await);
}

/// Tells if it takes long until the configuration is known to be current: operations wait for that.
async fn tell_delay(cluster: Cluster, tuning: Tuning) -> Infallible {
    let mut fresh = cluster.fresh.clone();
    let is_fresh = fresh.wait_for(|is_fresh| *is_fresh);
    drop(patiently(is_fresh, (Awaited::Freshness, &cluster.reaching), tuning).await);
    std::future::pending().await
}

/// Waits for something, and tells once if that takes long.
async fn patiently<T>(
    waiting: impl Future<Output = T>,
    (awaited, reaching): (Awaited, &Reaching),
    tuning: Tuning,
) -> T {
    let mut waiting = std::pin::pin!(waiting);
    if let Ok(done) = tokio::time::timeout(DELAY_TOLD, &mut waiting).await {
        return done;
    }
    let reach = reaching.borrow().clone();
    (tuning.on_delay)(&Delay { awaited, reach });
    waiting.await
}

/// Has the links lead to the servers of each configuration that is adopted, and know their keys of
/// its epoch.
async fn follow(cluster: Cluster, (credentials, control): (&Credentials, &Control)) -> Infallible {
    let mut known = cluster.known.clone();
    while known.changed().await.is_ok() {
        let Some(adopted) = known.borrow_and_update().clone() else { continue };
        let credential = Credential { seed: Seed::new(credentials.seed), proof: Vec::new() };
        control.renew(credential, Recogniser::member(&adopted));
        control.set_servers(servers::servers(&adopted, &cluster.reaching).await);
    }
    std::future::pending().await
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
    fetch(file, credentials, Tuning::default()).await
}

async fn fetch(
    file: &ClusterFile,
    credentials: &Credentials,
    tuning: Tuning,
) -> Result<VerifiedConfiguration, ClientError> {
    let reaching: Reaching = Arc::default();
    let fetching = fetch_from_any(file, credentials, &reaching);
    let configuration = patiently(fetching, (Awaited::Configuration, &reaching), tuning).await?;
    capacity::check(configuration.configuration()).map_err(ClientError::Excess)?;
    Ok(configuration)
}

/// What servers tell a stranger that asks which epoch it is.
#[derive(Clone, Debug)]
pub enum Heard {
    /// A later configuration than the one that is known; it proves itself.
    Later(Box<VerifiedConfiguration>),
    /// The known one is the newest: a quorum of its group vouches for it.
    Newest,
    /// Nobody gave a later one, and too few vouched for the known one. There may be a later one:
    /// those that were asked are down, or out of reach.
    Nothing,
}

impl Heard {
    /// The later configuration, if there was one.
    #[must_use]
    pub fn later(self) -> Option<VerifiedConfiguration> {
        match self {
            Self::Later(later) => Some(*later),
            Self::Newest | Self::Nothing => None,
        }
    }
}

/// Gets the newest configuration from these servers as anybody can: for a server that was away for
/// so long that the others take its keys no more. `known` is the newest that it has. It waits for
/// no more than `patience`.
///
/// # Errors
/// [`ClientError`] if no connection can be made from here.
pub async fn fetch_as_stranger(
    system_key: PublicKey,
    known: &VerifiedConfiguration,
    (servers, patience): (&[Server], Duration),
) -> Result<Heard, ClientError> {
    let of = (known.configuration().system, system_key);
    let (found, is_newest) = ask_as_stranger(of, Some(known), (servers, patience)).await?;
    Ok(match found.filter(|found| found.epoch() > known.epoch()) {
        Some(later) => Heard::Later(Box::new(later)),
        None if is_newest => Heard::Newest,
        None => Heard::Nothing,
    })
}

/// Gets a configuration as anybody can, with nothing but a cluster file. It proves itself, but a
/// later one may be there: [`fetch_as_stranger`] finds that out. Nothing if nobody gives one within
/// `patience`.
///
/// # Errors
/// [`ClientError`] if no connection can be made from here.
pub async fn meet_as_stranger(
    file: &ClusterFile,
    patience: Duration,
) -> Result<Option<VerifiedConfiguration>, ClientError> {
    let servers = contacts(file, &Reaching::default()).await?;
    let of = (file.system, file.system_key);
    let (found, _) = ask_as_stranger(of, None, (&servers, patience)).await?;
    Ok(found)
}

/// What was found, and whether a quorum vouches for it, or for the known one.
async fn ask_as_stranger(
    (system, system_key): (SystemId, PublicKey),
    known: Option<&VerifiedConfiguration>,
    (servers, patience): (&[Server], Duration),
) -> Result<(Option<VerifiedConfiguration>, bool), ClientError> {
    let recognise = Recogniser::newcomer(system);
    let links = dial(system, servers::random()?, recognise, servers)?;
    let mut node = plain_node(links)?;
    let peers = servers.iter().map(|server| Peer::Node(server.id)).collect();
    let (tell, mut newest) = watch::channel(None);
    let (fresh, mut is_fresh) = watch::channel(false);
    let hosted = ConfigurationHost::alone(tell, fresh);
    // Nobody acts on the lease: it says once that the configuration is the newest.
    let of_system = (system_key, peers, LeaseRule::default());
    machines::host_configuration(&mut node, hosted, of_system, known.cloned())?;
    let control = node.control();
    let wait = async {
        // With a lease it is the newest that there is. Nobody who does not know the members yet
        // can tell who vouches for one.
        let is_enough = async {
            match known {
                Some(_) => drop(is_fresh.wait_for(|is_fresh| *is_fresh).await),
                None => drop(newest.changed().await),
            }
        };
        drop(tokio::time::timeout(patience, is_enough).await);
        control.stop();
    };
    let (ran, ()) = tokio::join!(Box::pin(node.run()), wait);
    ran.map_err(ClientError::Node)?;
    let (found, is_newest) = (newest.borrow_and_update().clone(), *is_fresh.borrow());
    Ok((found, is_newest))
}

async fn fetch_from_any(
    file: &ClusterFile,
    credentials: &Credentials,
    reaching: &Reaching,
) -> Result<VerifiedConfiguration, ClientError> {
    let contacts = contacts(file, reaching).await?;
    let recognise = Recogniser::newcomer(file.system);
    let links = dial(file.system, credentials.seed, recognise, &contacts)?;
    let mut node = new_node(links, credentials)?;
    let peers = contacts.iter().map(|server| Peer::Node(server.id)).collect();
    let (known, mut fetched) = watch::channel(None);
    let (fresh, _) = watch::channel(false);
    let hosted = ConfigurationHost::alone(known, fresh);
    let of_system = (file.system_key, peers, file.lease_rule());
    machines::host_configuration(&mut node, hosted, of_system, None)?;
    watch_links(&mut node, reaching);
    let control = node.control();
    let get = async {
        let waited = tokio::time::timeout(CONNECT_TIMEOUT, fetched.changed()).await;
        let configuration = fetched.borrow().clone();
        control.stop();
        drop(waited);
        configuration.ok_or_else(|| ClientError::NoConfiguration {
            seconds: CONNECT_TIMEOUT.as_secs(),
            reach: reaching.borrow().clone(),
        })
    };
    let (ran, configuration) = tokio::join!(Box::pin(node.run()), get);
    ran.map_err(ClientError::Node)?;
    configuration
}
