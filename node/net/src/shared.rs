//! What all tasks of one transport hold together.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::config::{Deadlines, Limits, Spawner};
use crate::counters::NetCounters;
use crate::credential::{Credential, Recognise, Standing, Unrecognised};
use crate::error::{DownReason, HandshakeError, HandshakeStep};
use crate::event::Event;
use crate::hello::{Hello, Link, PeerKind, VersionRange};
use crate::identity::{PeerKey, SystemId};
use crate::state::{Candidate, Registered, State, Ticket};
use crate::stop::Stop;
use crate::tls::Identity;

pub(crate) struct Shared {
    /// Who this process is.
    pub(crate) own: PeerKey,
    pub(crate) system: SystemId,
    pub(crate) versions: VersionRange,
    pub(crate) role: PeerKind,
    /// 0 for a node.
    pub(crate) session: u64,
    pub(crate) jitter_seed: u64,
    pub(crate) limits: Limits,
    pub(crate) counters: Arc<NetCounters>,
    pub(crate) spawner: Spawner,
    /// Wakes the caller.
    pub(crate) events: Notify,
    pub(crate) listener_stop: Stop,
    /// Its port is free again.
    pub(crate) listener_gone: Notify,
    standing: Mutex<Arc<Standing>>,
    state: Mutex<State>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("own", &self.own).finish_non_exhaustive()
    }
}

/// Who this process is and what it may use; what a [`Shared`] is made of.
pub(crate) struct Parts {
    pub(crate) own: PeerKey,
    pub(crate) credential: Credential,
    pub(crate) recognise: Arc<dyn Recognise>,
    pub(crate) system: SystemId,
    pub(crate) versions: VersionRange,
    pub(crate) role: PeerKind,
    pub(crate) session: u64,
    pub(crate) jitter_seed: u64,
    pub(crate) limits: Limits,
    pub(crate) spawner: Spawner,
}

impl Shared {
    pub(crate) fn new(parts: Parts) -> Self {
        let counters = Arc::new(NetCounters::default());
        let standing = standing(0, parts.credential, parts.recognise);
        Self {
            own: parts.own,
            system: parts.system,
            versions: parts.versions,
            role: parts.role,
            session: parts.session,
            jitter_seed: parts.jitter_seed,
            limits: parts.limits,
            state: Mutex::new(State::new(parts.limits, counters.clone())),
            counters,
            spawner: parts.spawner,
            events: Notify::new(),
            listener_stop: Stop::default(),
            listener_gone: Notify::new(),
            standing: Mutex::new(Arc::new(standing)),
        }
    }

    /// What is shown and believed now; one handshake uses one standing to its end.
    pub(crate) fn standing(&self) -> Arc<Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows and believes something else from now on; connections of nodes whose keys are no
    /// longer taken end (NET-20).
    pub(crate) fn renew(&self, credential: Credential, recognise: Arc<dyn Recognise>) {
        let (renewed, connections) = {
            let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
            let mut state = self.state();
            state.renewals += 1;
            *standing = Arc::new(self::standing(state.renewals, credential, recognise));
            (standing.clone(), state.recognised())
        };
        for (peer, shown, stop) in connections {
            match renewed.recognise(&shown) {
                Ok(recognised) if recognised == peer => {}
                Ok(_) => stop.stop(DownReason::Unrecognised(Unrecognised::OtherKey)),
                Err(why) => stop.stop(DownReason::Unrecognised(why)),
            }
        }
    }

    /// The state. A panic under the lock is a broken invariant and ends the process' use of it;
    /// destructors that run during that panic still get in.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) const fn deadlines(&self) -> &Deadlines {
        &self.limits.deadlines
    }

    pub(crate) fn hello(&self, link: Link, standing: &Standing) -> Hello {
        Hello {
            versions: self.versions,
            system: self.system,
            role: self.role,
            link,
            session: self.session,
            proof: standing.proof.clone(),
        }
    }

    /// Counts and reports a connection that did not come up.
    pub(crate) fn report(
        &self,
        peer: Option<PeerKey>,
        address: SocketAddr,
        dialled: bool,
        error: HandshakeError,
    ) {
        self.counters.cause(error.cause());
        self.state().report(Event::HandshakeFailed { peer, address, dialled, error });
        self.events.notify_one();
    }

    /// Registers a connection, waiting for its predecessor to end.
    pub(crate) async fn register(
        self: &Arc<Self>,
        candidate: Candidate,
    ) -> Result<Registration, HandshakeError> {
        loop {
            let outcome = self.state().register(&candidate, Instant::now());
            match outcome {
                Registered::Done(ticket) => {
                    self.events.notify_one();
                    return Ok(Registration::new(self.clone(), ticket, candidate));
                }
                Registered::Refused(error) => return Err(error),
                Registered::Wait(mut changes) => {
                    // An error means that the peer was forgotten: the next try says what is now.
                    if changes.changed().await.is_err() {
                        tokio::task::yield_now().await;
                    }
                }
            }
        }
    }

    /// Waits until the main connection of a node is up; false if the node is forgotten.
    pub(crate) async fn wait_until_up(&self, peer: PeerKey) -> bool {
        loop {
            let changes = {
                let state = self.state();
                let Some(peer) = state.peers.get(&(peer, 0)).filter(|peer| peer.known) else {
                    return false;
                };
                if peer.is_up() {
                    return true;
                }
                peer.watch()
            };
            let mut changes = changes;
            if changes.changed().await.is_err() {
                return false;
            }
        }
    }
}

/// A registered connection; dropping it, however its task ends, gives its place back.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) shared: Arc<Shared>,
    pub(crate) ticket: Ticket,
    pub(crate) stop: Arc<Stop>,
    reason: Option<DownReason>,
}

impl Registration {
    fn new(shared: Arc<Shared>, ticket: Ticket, candidate: Candidate) -> Self {
        Self { shared, ticket, stop: candidate.stop, reason: None }
    }

    /// Ends the registration with a reason.
    pub(crate) fn end(mut self, reason: DownReason) {
        self.reason = Some(reason);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let stopped = || self.stop.reason().cloned();
        let reason = self.reason.take().or_else(stopped).unwrap_or(DownReason::Shutdown);
        self.shared.state().deregister(&self.ticket, reason);
        self.shared.events.notify_one();
    }
}

fn standing(number: u64, credential: Credential, recognise: Arc<dyn Recognise>) -> Standing {
    let Credential { seed, proof } = credential;
    Standing { number, tls: Identity::from_seed(&seed), proof, recognise }
}

/// A step of a handshake with its deadline.
pub(crate) async fn within<T>(
    deadline: Duration,
    step: HandshakeStep,
    work: impl Future<Output = Result<T, HandshakeError>>,
) -> Result<T, HandshakeError> {
    let elapsed = |_| HandshakeError::Deadline { step };
    timeout(deadline, work).await.map_err(elapsed).and_then(|result| result)
}
