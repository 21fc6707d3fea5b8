//! `quorate node run`: a server from its file to its end.

use quorate_runtime::block_on;
use quorate_types::Peer;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::configuration::NodeConfiguration;
use crate::error::ServerError;
use crate::founding::{Loaded, NodeIdentity};
use crate::joining::identify;
use crate::making::{self, Made};
use crate::server::{Intermediary, Nobody};
use crate::{metrics, server};

/// Runs a server until it is told to stop, by SIGTERM or SIGINT, or until its disk fails.
///
/// `begin` is called when the signals are caught: whoever learns from it that the server is there
/// may ask it to stop at once. What it returns is kept until the server has ended.
///
/// # Errors
/// What `begin` says, or [`ServerError`]: which part failed and what to do.
pub fn run<H, E: From<ServerError>>(
    settings: &NodeConfiguration,
    begin: impl FnOnce() -> Result<H, E>,
) -> Result<(), E> {
    let ended = block_on(async {
        let signals = Signals::caught();
        let held = begin()?;
        serve(settings, signals, Box::new(Nobody)).await?;
        drop(held);
        Ok(())
    });
    ended.map_err(|source| ServerError::Runtime { source })?
}

/// As [`run`], with something between the machines and the world. For the lab alone.
///
/// # Errors
/// [`ServerError`] says which part failed and what to do.
pub fn run_with(
    settings: &NodeConfiguration,
    between: Box<dyn Intermediary>,
) -> Result<(), ServerError> {
    block_on(async { serve(settings, Signals::caught(), between).await })
        .map_err(|source| ServerError::Runtime { source })?
}

async fn serve(
    settings: &NodeConfiguration,
    mut signals: Option<Signals>,
    between: Box<dyn Intermediary>,
) -> Result<(), ServerError> {
    let opened = tokio::select! {
        opened = Box::pin(open(settings, between)) => opened?,
        () = asked_to_stop(&mut signals) => None,
    };
    let Some((identity, between)) = opened else { return Ok(()) };
    let running = server::start(settings, &identity, between).await?;
    let names = running.epochs().names();
    let (server, listen) = (names.name(Peer::Node(identity.id)), settings.listen);
    // DUT-6: it holds the key of the epoch in which the server begins.
    drop(identity);
    let counted = (running.node().metrics(), names);
    let views = (running.monitoring().view(), running.epochs());
    metrics::serve(settings.metrics, counted, views).await?;
    tracing::info!(server, %listen, metrics = %settings.metrics, "serving");
    let control = running.node().control();
    let stop = async move {
        match &mut signals {
            Some(signals) => signals.wait().await,
            None => return,
        }
        tracing::info!("stopping");
        control.stop();
    };
    quorate_runtime::spawn(Box::pin(stop));
    running.run().await
}

/// Comes back when somebody asks the server to stop; never if signals cannot be caught.
async fn asked_to_stop(signals: &mut Option<Signals>) {
    match signals {
        Some(signals) => signals.wait().await,
        None => std::future::pending().await,
    }
}

/// Reads what a server is, and what stands between its machines and the world. If its system has no
/// key yet it first makes it with the others, and if no configuration names it, it waits for one:
/// both may take as long as others take. Nothing if it was told to stop meanwhile.
///
/// # Errors
/// [`ServerError`]: a file that is wrong, or which part of the founding failed.
pub async fn open(
    settings: &NodeConfiguration,
    between: Box<dyn Intermediary>,
) -> Result<Option<(NodeIdentity, Box<dyn Intermediary>)>, ServerError> {
    match identify(settings).await? {
        Loaded::Founded(identity) => Ok(Some((*identity, between))),
        Loaded::Founding(founder) => {
            let made = making::make(settings, *founder, between).await?;
            Ok(made.map(|Made { identity, between }| (identity, between)))
        }
    }
}

/// What asks a server to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on these signals end nothing by themselves.
    fn caught() -> Option<Self> {
        match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(terminate), Ok(interrupt)) => Some(Self { terminate, interrupt }),
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(%error, "signals end the server without its saying goodbye");
                None
            }
        }
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
