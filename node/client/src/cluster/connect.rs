//! Connecting, and following the configuration while connected.

use std::convert::Infallible;
use std::sync::Arc;

use quorate_membership::VerifiedConfiguration;
use quorate_net::{Credential, Seed};
use quorate_runtime::Control;
use quorate_types::Peer;
use tokio::sync::watch;

use super::machines::{self, Connected};
use super::servers::{self, contacts, dial, new_node, watch_links};
use super::{CONNECT_TIMEOUT, Cluster, Credentials, Tuning};
use crate::capacity;
use crate::cluster_file::ClusterFile;
use crate::error::ClientError;
use crate::hosts::ConfigurationHost;
use crate::links::Recogniser;

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
    let connected = machines::connect(file, (credentials, tuning), configuration).await?;
    let Connected { node, cluster } = connected;
    let control = node.control();
    let run = Box::pin(node.run());
    let (known, fresh) = (cluster.known.clone(), cluster.fresh.clone());
    let use_it = async {
        wait_fresh(fresh).await;
        let outcome = tokio::select! {
            outcome = Box::pin(work(cluster)) => outcome,
            never = follow(known, (credentials, &control)) => match never {},
        };
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

/// Has the links lead to the servers of each configuration that is adopted, and know their keys of
/// its epoch. A server whose address does not resolve is like one that is down.
async fn follow(
    mut known: watch::Receiver<Option<VerifiedConfiguration>>,
    (credentials, control): (&Credentials, &Control),
) -> Infallible {
    while known.changed().await.is_ok() {
        let Some(adopted) = known.borrow_and_update().clone() else { continue };
        let credential = Credential { seed: Seed::new(credentials.seed), proof: Vec::new() };
        control.renew(credential, Recogniser::member(&adopted));
        control.set_servers(servers::reachable(&adopted).await);
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
    let contacts = contacts(file).await?;
    let recognise = Recogniser::newcomer(file.system);
    let links = dial(file, credentials, recognise, &contacts)?;
    let mut node = new_node(links, credentials)?;
    let peers = contacts.iter().map(|server| Peer::Node(server.id)).collect();
    let (known, mut fetched) = watch::channel(None);
    let (fresh, _) = watch::channel(false);
    let hosted = ConfigurationHost { known, fresh, lease: Arc::default(), storage: None };
    machines::host_configuration(&mut node, hosted, (file, peers), None)?;
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
