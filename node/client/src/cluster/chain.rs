//! Reading the chain of configurations from servers, as anybody can.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quorate_crypto::Verified;
use quorate_membership::archive::{ArchiveMessage, ArchiveReader, ReaderOutput, ReaderParameters};
use quorate_membership::{Schemes, VerifiedConfiguration};
use quorate_runtime::{Channel, Hosted, Hosting, Plain, Server};
use quorate_threshold::PublicKey;
use quorate_types::{Epoch, SystemId};
use tokio::sync::watch;

use super::servers::{self, Reaching, dial, plain_node};
use crate::error::ClientError;
use crate::groups::ARCHIVE;
use crate::links::Recogniser;

/// How long a server is given to answer.
const PATIENCE: quorate_types::Duration = quorate_types::Duration::from_secs(1);
/// Longest time without anything new.
const STANDSTILL_MAX: Duration = Duration::from_secs(20);

/// Which part of which chain.
#[derive(Debug)]
pub struct WantedChain<'a> {
    /// The system.
    pub system: SystemId,
    /// Its one key.
    pub system_key: PublicKey,
    /// Servers to ask.
    pub servers: &'a [Server],
    /// From this configuration on; from the earliest that is kept if there is none.
    pub known: Option<VerifiedConfiguration>,
    /// Up to this epoch.
    pub until: Epoch,
}

/// Has `take` hear what servers give, each piece checked under the key of the system; the newest
/// epoch that was got, if any.
///
/// # Errors
/// [`ClientError`] if no connection can be made from here. That servers have less than is wanted,
/// or do not answer, is none.
pub async fn read_chain(
    wanted: WantedChain<'_>,
    mut take: impl FnMut(ReaderOutput),
) -> Result<Option<Epoch>, ClientError> {
    let recognise = Recogniser::newcomer(wanted.system);
    let links = dial(wanted.system, servers::random()?, recognise, wanted.servers)?;
    let mut node = plain_node(links)?;
    let mut newest = wanted.known.as_ref().map(VerifiedConfiguration::epoch);
    let parameters = ReaderParameters {
        system: wanted.system,
        system_key: wanted.system_key,
        servers: wanted.servers.iter().map(|server| server.id).collect(),
        known: wanted.known,
        until: wanted.until,
        patience: PATIENCE,
    };
    let (tell, mut told) = watch::channel(0_u64);
    let heard = Heard::default();
    let hosting = Hosting {
        name: "archive",
        channel: Channel::Single(ARCHIVE),
        hosted: ReaderHost { heard: Arc::clone(&heard), tell },
        machine: ArchiveReader::new(parameters, Schemes::real()),
        journal: None,
        interceptor: None,
    };
    let _reader = node.host(hosting).map_err(ClientError::Host)?;
    let control = node.control();
    let listen = async {
        while let Ok(Ok(())) = tokio::time::timeout(STANDSTILL_MAX, told.changed()).await {
            let outputs =
                std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner));
            let is_over = matches!(outputs.last(), Some(ReaderOutput::Over(_)));
            for output in outputs {
                newest = epoch_of(&output).or(newest);
                take(output);
            }
            if is_over {
                break;
            }
        }
        control.stop();
    };
    let (ran, ()) = tokio::join!(Box::pin(node.run()), listen);
    ran.map_err(ClientError::Node)?;
    Ok(newest)
}

/// The configurations of these epochs, as far as the servers of the current one have them, each
/// checked under the key of the system.
///
/// # Errors
/// As [`read_chain`].
pub async fn read_configurations(
    current: &VerifiedConfiguration,
    epochs: &BTreeSet<Epoch>,
) -> Result<BTreeMap<Epoch, VerifiedConfiguration>, ClientError> {
    let servers = servers::servers(current, &Reaching::default()).await;
    let system_key = *current.header().system_key();
    let (system, until) = (current.configuration().system, current.epoch());
    let until = epochs.last().copied().unwrap_or(until).min(until);
    let wanted = WantedChain { system, system_key, servers: &servers, known: None, until };
    let (mut found, mut newest) = (BTreeMap::new(), None::<VerifiedConfiguration>);
    let read = read_chain(wanted, |output| {
        let next = match output {
            ReaderOutput::First(first) => Some(first),
            ReaderOutput::Followed(delta) => {
                newest.as_ref().and_then(|known| delta.apply(known, &Schemes::real()).ok())
            }
            ReaderOutput::Over(_) => None,
        };
        let Some(next) = next else { return };
        if epochs.contains(&next.epoch()) {
            found.insert(next.epoch(), next.clone());
        }
        newest = Some(next);
    });
    read.await?;
    Ok(found)
}

fn epoch_of(output: &ReaderOutput) -> Option<Epoch> {
    match output {
        ReaderOutput::First(first) => Some(first.epoch()),
        ReaderOutput::Followed(delta) => Some(delta.certified.header.epoch),
        ReaderOutput::Over(_) => None,
    }
}

/// What a reader told and nobody took yet; a chain is read into memory.
type Heard = Arc<Mutex<Vec<ReaderOutput>>>;

/// The glue of a reader.
#[derive(Debug)]
struct ReaderHost {
    heard: Heard,
    tell: watch::Sender<u64>,
}

impl Hosted for ReaderHost {
    type Machine = ArchiveReader;
    type Message = Plain<ArchiveMessage>;

    fn context<'host>(&'host self, _: &'host ArchiveReader) -> &'host () {
        &()
    }

    fn believe(&self, message: Verified<Self::Message>) -> ArchiveMessage {
        message.into_inner().0
    }

    fn record_bytes(&self, record: &Infallible) -> usize {
        match *record {}
    }

    fn on_output(&mut self, output: ReaderOutput, _: &mut Vec<Infallible>) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(output);
        self.tell.send_modify(|count| *count += 1);
    }
}
