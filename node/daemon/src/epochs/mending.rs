//! Getting what the chain of configurations of this server lacks: it came later, or was away.
//!
//! A thread of its own asks the others as a stranger would. Nothing waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use quorate_client::cluster::{WantedChain, read_chain};
use quorate_membership::VerifiedConfiguration;
use quorate_membership::archive::ReaderOutput;
use quorate_store::error::StoreError;
use quorate_types::NodeId;

use super::archive::Archive;
use crate::server::known_servers;

/// Whether a thread is at it.
#[derive(Clone, Debug, Default)]
pub(super) struct Mending(Arc<AtomicBool>);

impl Mending {
    /// Begins, if something is lacking up to this configuration and nobody is at it.
    pub(super) fn begin(&self, me: NodeId, newest: &VerifiedConfiguration, archive: &Arc<Archive>) {
        let is_whole = archive.lacks(newest.epoch()).is_none() && !archive.is_late();
        if is_whole || self.0.swap(true, Ordering::Relaxed) {
            return;
        }
        let (flag, newest, archive) = (Arc::clone(&self.0), newest.clone(), Arc::clone(archive));
        let work = move || {
            if let Err(error) = mend(me, &newest, &archive) {
                tracing::warn!(error, "what the chain of configurations lacks is not got");
            }
            flag.store(false, Ordering::Relaxed);
        };
        let thread = std::thread::Builder::new().name(String::from("archive")).spawn(work);
        if let Err(error) = thread {
            tracing::warn!(%error, "no thread to get what the chain of configurations lacks");
            self.0.store(false, Ordering::Relaxed);
        }
    }
}

fn mend(me: NodeId, newest: &VerifiedConfiguration, archive: &Archive) -> Result<(), String> {
    let known = archive.known().map_err(|error| error.to_string())?;
    let from = known.epoch();
    let mut servers = known_servers(newest.configuration());
    servers.retain(|server| server.id != me);
    let wanted = WantedChain {
        system: newest.configuration().system,
        system_key: *archive.key(),
        servers: &servers,
        known: Some(known).filter(|_| !archive.is_late()),
        until: newest.epoch(),
    };
    let mut failed = None;
    let keep = |output| {
        let kept = match output {
            ReaderOutput::First(first) => archive.begin_with(&first),
            ReaderOutput::Followed(delta) => archive.put(&delta),
            ReaderOutput::Over(_) => Ok(()),
        };
        failed = failed.take().or_else(|| kept.err());
    };
    let read = quorate_client::block_on(read_chain(wanted, keep));
    let read = read.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let until = read.unwrap_or(from);
    tracing::info!(%from, %until, "got what the chain of configurations lacked");
    failed.map_or(Ok(()), |error: StoreError| Err(error.to_string()))
}
