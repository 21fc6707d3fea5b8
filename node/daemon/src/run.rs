//! `quorate node run`: a server from its file to its end.

use quorate_runtime::block_on;
use tokio::signal::unix::{SignalKind, signal};

use crate::configuration::NodeConfiguration;
use crate::error::ServerError;
use crate::founding::NodeIdentity;
use crate::server::{Intermediary, Nobody};
use crate::{metrics, server};

/// Runs a server until it is told to stop, by SIGTERM or SIGINT, or until its disk fails.
///
/// # Errors
/// [`ServerError`] says which part failed and what to do.
pub fn run(settings: &NodeConfiguration) -> Result<(), ServerError> {
    run_with(settings, &mut Nobody)
}

/// As [`run`], with something between the machines and the world. For the lab alone.
///
/// # Errors
/// As [`run`].
pub fn run_with(
    settings: &NodeConfiguration,
    between: &mut dyn Intermediary,
) -> Result<(), ServerError> {
    let identity =
        NodeIdentity::load(settings).map_err(|source| ServerError::Founding { source })?;
    block_on(serve(settings, &identity, between))
        .map_err(|source| ServerError::Runtime { source })?
}

async fn serve(
    settings: &NodeConfiguration,
    identity: &NodeIdentity,
    between: &mut dyn Intermediary,
) -> Result<(), ServerError> {
    let running = server::start(settings, identity, between).await?;
    metrics::serve(settings.metrics, running.node().metrics()).await?;
    let (id, listen) = (identity.id, settings.listen);
    tracing::info!(%id, %listen, metrics = %settings.metrics, "serving");
    let control = running.node().control();
    let stop = async move {
        wait_for_signal().await;
        tracing::info!("stopping");
        control.stop();
    };
    quorate_runtime::spawn(Box::pin(stop));
    running.run().await
}

async fn wait_for_signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::warn!("signals cannot be caught: the server ends without saying goodbye");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
