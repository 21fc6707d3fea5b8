//! A server's part in monitoring: it answers probes, and probes if it is in the membership group.
//!
//! What its prober finds is logged and counted.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use quorate_crypto::Signer;
use quorate_crypto::real::{RealSigner, RealVerifier};
use quorate_membership::monitor::{
    AnswerKey, Answerer, ProbeRule, Prober, ProberOutput, ProberStatus, Verdict, Watch,
};
use quorate_types::{Configuration, Digest, NodeId, Peer};

use crate::error::ServerError;
use crate::founding::NodeIdentity;
use crate::host::answerer::{AnswerCounters, AnswerRates, RunningAnswerer};
use crate::host::prober::{RunningProber, probe_address};
use crate::names::Names;

/// Runs until it is dropped.
#[derive(Debug)]
pub struct Monitoring {
    answerer: RunningAnswerer,
    prober: Option<RunningProber>,
}

/// What is counted of it, for whoever watches.
#[derive(Clone, Debug)]
pub struct MonitoringView {
    /// Of answering.
    pub answers: Arc<AnswerCounters>,
    prober: Option<Arc<Mutex<ProberStatus>>>,
}

impl MonitoringView {
    /// Of probing, if this server probes.
    #[must_use]
    pub fn prober(&self) -> Option<ProberStatus> {
        let status = self.prober.as_ref()?;
        Some(*status.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Monitoring {
    /// Opens the sockets, on the host on which the server listens.
    ///
    /// # Errors
    /// [`ServerError::Probes`] if the probe port is taken, [`ServerError::Randomness`].
    pub fn start(listen: SocketAddr, identity: &NodeIdentity) -> Result<Self, ServerError> {
        let signer: Arc<dyn Signer> = Arc::new(RealSigner::from_seed(&identity.epoch_seed));
        let answerer = answer(listen.ip(), identity, Arc::clone(&signer))?;
        let prober = match identity.is_in_membership_group() {
            true => Some(probe(listen.ip(), identity, signer)?),
            false => None,
        };
        Ok(Self { answerer, prober })
    }

    /// What is counted of it.
    #[must_use]
    pub fn view(&self) -> MonitoringView {
        MonitoringView {
            answers: Arc::clone(self.answerer.counters()),
            prober: self.prober.as_ref().map(|prober| Arc::clone(prober.watched())),
        }
    }
}

fn answer(
    host: IpAddr,
    identity: &NodeIdentity,
    signer: Arc<dyn Signer>,
) -> Result<RunningAnswerer, ServerError> {
    let configuration = identity.founding.configuration().configuration();
    let certificate = Some(identity.certificate);
    let key = AnswerKey { epoch: configuration.epoch, signer, certificate };
    let answerer = Answerer::new(configuration.system, identity.id, key);
    let address = SocketAddr::new(host, identity.record().probe_port);
    let rates = (AnswerRates::default(), &*hosts_of_probers(configuration));
    let running = RunningAnswerer::start(address, [answerer], rates);
    running.map_err(|source| ServerError::Probes { address, source })
}

/// Where questions of the membership group come from.
fn hosts_of_probers(configuration: &Configuration) -> Vec<IpAddr> {
    let group = configuration.membership_group.iter();
    let members = group.filter_map(|id| configuration.member(*id));
    members.filter_map(probe_address).map(|address| address.ip()).collect()
}

fn probe(
    host: IpAddr,
    identity: &NodeIdentity,
    signer: Arc<dyn Signer>,
) -> Result<RunningProber, ServerError> {
    let configuration = identity.founding.configuration().clone();
    let names = Names::of(configuration.configuration());
    let watch = Watch { configuration, member: identity.id, signer };
    let mut secret = [0; Digest::BYTES];
    getrandom::fill(&mut secret).or(Err(ServerError::Randomness))?;
    let verifier = Arc::new(RealVerifier);
    let prober = Prober::new(watch, ProbeRule::default(), (verifier, Digest::new(secret)));
    let address = SocketAddr::new(host, 0);
    let running = RunningProber::start(address, prober, Box::new(move |said| log(&names, &said)));
    running.map_err(|source| ServerError::Probes { address, source })
}

fn log(names: &Names, output: &ProberOutput) {
    let name = |server: NodeId| names.name(Peer::Node(server));
    match output {
        ProberOutput::State(said) => {
            let claim = said.observation.claim;
            match claim.verdict {
                Verdict::Suspect => tracing::warn!(server = name(claim.server), "does not answer"),
                Verdict::Alive => tracing::info!(server = name(claim.server), "answers again"),
            }
        }
        ProberOutput::Rebutted(rebuttal) => {
            tracing::info!(server = name(rebuttal.server), "rebuts its eviction");
        }
    }
}
