//! A server's part in monitoring: it answers probes, and probes if it is in the membership group.
//!
//! What its prober finds is logged, counted, and given to whoever puts it into the log of the
//! membership service.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use quorate_crypto::real::{RealSigner, RealVerifier};
use quorate_crypto::{Signer, Verifier};
use quorate_membership::monitor::{
    AnswerKey, Answerer, ProbeRule, Prober, ProberOutput, ProberRequest, ProberStatus, Verdict,
    Watch,
};
use quorate_runtime::OnDeath;
use quorate_types::{Configuration, Digest, Epoch, NodeId, Peer};

use crate::addresses::{Addresses, system_lookup};
use crate::error::ServerError;
use crate::founding::NodeIdentity;
use crate::host::answerer::{AnswerCounters, AnswerRates, RunningAnswerer};
use crate::host::prober::RunningProber;
use crate::names::Names;

/// How a server monitors.
pub struct MonitoringOptions {
    /// How often others are asked, if this server asks.
    pub rule: ProbeRule,
    /// What is done with what its probers find, beside logging it.
    pub outlet: Arc<dyn Fn(&ProberOutput) + Send + Sync>,
    /// What the log calls others.
    pub names: Names,
    /// Where others are.
    pub addresses: Addresses,
    /// What is done when one of its threads panics, which is our mistake.
    pub on_death: OnDeath,
}

impl std::fmt::Debug for MonitoringOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MonitoringOptions").field("rule", &self.rule).finish_non_exhaustive()
    }
}

impl Default for MonitoringOptions {
    fn default() -> Self {
        Self {
            rule: ProbeRule::default(),
            outlet: Arc::new(|_| {}),
            names: Names::default(),
            addresses: Addresses::new(system_lookup(), || {}),
            on_death: Arc::new(|| {}),
        }
    }
}

/// Where the counters of the prober are, while there is one.
type Watched = Arc<Mutex<Option<Arc<Mutex<ProberStatus>>>>>;

/// Runs until it is dropped.
#[derive(Debug)]
pub struct Monitoring {
    host: IpAddr,
    server: NodeId,
    options: MonitoringOptions,
    answerer: RunningAnswerer,
    prober: Option<RunningProber>,
    watched: Watched,
}

/// What is counted of it, for whoever watches.
#[derive(Clone, Debug)]
pub struct MonitoringView {
    /// Of answering.
    pub answers: Arc<AnswerCounters>,
    watched: Watched,
}

impl MonitoringView {
    /// Of probing, if this server probes.
    #[must_use]
    pub fn prober(&self) -> Option<ProberStatus> {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let status = watched.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        Some(*status)
    }
}

impl Monitoring {
    /// Opens the sockets, on the host on which the server listens, and begins with the founding
    /// configuration.
    ///
    /// # Errors
    /// [`ServerError::Probes`] if the probe port is taken, [`ServerError::Randomness`].
    pub fn start(listen: SocketAddr, identity: &NodeIdentity) -> Result<Self, ServerError> {
        Self::start_with(listen, identity, MonitoringOptions::default())
    }

    /// As [`Self::start`], with other options.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(
        listen: SocketAddr,
        identity: &NodeIdentity,
        options: MonitoringOptions,
    ) -> Result<Self, ServerError> {
        let signer: Arc<dyn Signer> = Arc::new(RealSigner::from_seed(&identity.epoch_seed));
        let host = listen.ip();
        let answerer = answer((host, &options), identity, Arc::clone(&signer))?;
        let (server, watched) = (identity.id, Watched::default());
        let mut begun = Self { host, server, options, answerer, prober: None, watched };
        if identity.is_in_membership_group() {
            let configuration = identity.founding.configuration().clone();
            begun.watch(Watch { configuration, member: server, signer })?;
        }
        Ok(begun)
    }

    /// Answers with this key too: for the epoch that begins.
    pub fn hold(&self, key: AnswerKey) {
        self.answerer.hold(self.server, key);
    }

    /// Answers with the key of an epoch no more: it is erased.
    pub fn forget(&self, epoch: Epoch) {
        self.answerer.forget(self.server, epoch);
    }

    /// The members of this configuration's group are those who probe from now on, from where they
    /// are as far as that is known now.
    pub fn know(&self, configuration: &Configuration) {
        self.answerer.know(&hosts_of_probers(&self.options.addresses, configuration));
    }

    /// Probes the servers of a configuration in whose membership group this server is.
    ///
    /// # Errors
    /// [`ServerError::Probes`] if there is no socket, [`ServerError::Randomness`].
    pub fn watch(&mut self, watch: Watch) -> Result<(), ServerError> {
        let watch = match self.prober.as_ref() {
            None => watch,
            Some(running) => match running.request(ProberRequest::Adopt(watch)) {
                Err(ProberRequest::Adopt(watch)) => watch,
                Ok(()) | Err(_) => return Ok(()),
            },
        };
        // It is not there, or so far behind that another one is sooner at work.
        let running = probe(self.host, watch, &self.options)?;
        let status = Arc::clone(running.watched());
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
        self.prober = Some(running);
        Ok(())
    }

    /// Probes no more: the server is in no membership group now.
    pub fn rest(&mut self) {
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.prober = None;
    }

    /// Tells the prober what the log has executed, if there is one.
    ///
    /// # Errors
    /// Gives it back if the prober is too far behind: nobody else will tell it.
    pub fn tell(&self, request: ProberRequest) -> Result<(), ProberRequest> {
        self.prober.as_ref().map_or(Ok(()), |prober| prober.request(request))
    }

    /// The thread that panicked, if one did: then the server must not go on.
    #[must_use]
    pub fn dead(&self) -> Option<&'static str> {
        if self.answerer.died() {
            return Some("answerer");
        }
        self.prober.as_ref().is_some_and(RunningProber::died).then_some("prober")
    }

    /// What is counted of it.
    #[must_use]
    pub fn view(&self) -> MonitoringView {
        let (answers, watched) = (self.answerer.counters(), &self.watched);
        MonitoringView { answers: Arc::clone(answers), watched: Arc::clone(watched) }
    }
}

fn answer(
    (host, options): (IpAddr, &MonitoringOptions),
    identity: &NodeIdentity,
    signer: Arc<dyn Signer>,
) -> Result<RunningAnswerer, ServerError> {
    let configuration = identity.founding.configuration().configuration();
    let certificate = Some(identity.certificate.clone());
    let key = AnswerKey { epoch: configuration.epoch, signer, certificate };
    let answerer = Answerer::new(configuration.system, identity.id, key);
    let address = SocketAddr::new(host, identity.record().probe_port);
    let known = hosts_of_probers(&options.addresses, configuration);
    let (rates, on_death) = ((AnswerRates::default(), &*known), Arc::clone(&options.on_death));
    let running = RunningAnswerer::start(address, [answerer], rates, on_death);
    running.map_err(|source| ServerError::Probes { address, source })
}

/// Where questions of the membership group come from.
fn hosts_of_probers(addresses: &Addresses, configuration: &Configuration) -> Vec<IpAddr> {
    let group = configuration.membership_group.iter();
    let members = group.filter_map(|id| configuration.member(*id));
    let known = members.filter_map(|member| addresses.whereabouts(member).address());
    known.map(|address| address.ip()).collect()
}

fn probe(
    host: IpAddr,
    watch: Watch,
    options: &MonitoringOptions,
) -> Result<RunningProber, ServerError> {
    let names = options.names.clone();
    let mut secret = [0; Digest::BYTES];
    getrandom::fill(&mut secret).or(Err(ServerError::Randomness))?;
    let verifier: Arc<dyn Verifier> = Arc::new(RealVerifier);
    let prober = Prober::new(watch, options.rule, (verifier, Digest::new(secret)));
    let outlet = Arc::clone(&options.outlet);
    let tell = move |output: ProberOutput| {
        log(&names, &output);
        outlet(&output);
    };
    let address = SocketAddr::new(host, 0);
    let on_death = Arc::clone(&options.on_death);
    let running =
        RunningProber::start(address, (prober, &options.addresses), (Box::new(tell), on_death));
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
