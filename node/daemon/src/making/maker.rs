//! What follows from what in a founding, on a thread of its own, as in every epoch behind it; but
//! nobody vouches for epoch 0, and nothing of it is adopted but its outcome.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use quorate_bft::{Replica, Request as ReplicaRequest};
use quorate_duties::turnover::Event;
use quorate_membership::handover::machine::Request;
use quorate_membership::handover::{Decided, Handover, News, Stage};
use quorate_membership::monitor::Evidence;
use quorate_membership::{
    CertifiedConfiguration, CertifiedHeader, MembershipOperation, MembershipService, Schemes,
    VerifiedConfiguration, read_members,
};
use quorate_runtime::{Control, Handle};
use quorate_threshold::PublicKey;
use quorate_types::{Epoch, MemberRecord, NodeId};

use super::waiting::Waiting;
use crate::epochs::{Accusing, Conducted, Happening, Said, SharedKeys, Told, lock, say};
use crate::error::ServerError;

/// When it is first said what a founding waits for.
const FIRST_WORD: Duration = Duration::from_secs(3);
/// How often afterwards.
const NEXT_WORD: Duration = Duration::from_secs(15);

/// The machines that it conducts.
pub(super) type Machines = (Option<Handle<Replica<MembershipService>>>, Handle<Handover>);

/// The thread; its outcome is nothing if it was told to stop.
pub(super) type Running = Conducted<Option<VerifiedConfiguration>>;

/// The thread's state.
pub(super) struct Maker {
    replica: Option<Handle<Replica<MembershipService>>>,
    participant: Handle<Handover>,
    keys: SharedKeys,
    waiting: Waiting,
    told: Told,
    /// What founders are proved to have cheated: no log hears of it before there is a key.
    accusing: Accusing,
    /// The key that the log has decided on.
    system_key: Option<PublicKey>,
    heirs: Vec<NodeId>,
    header: Option<CertifiedHeader>,
    /// The last slot of the epoch is executed.
    is_over: bool,
    has_asked_members: bool,
}

impl Maker {
    pub(super) fn new(
        (replica, participant): Machines,
        keys: SharedKeys,
        (waiting, told): (Waiting, Told),
        accusing: Accusing,
    ) -> Self {
        Self {
            replica,
            participant,
            keys,
            waiting,
            told,
            accusing,
            system_key: None,
            heirs: Vec::new(),
            header: None,
            is_over: false,
            has_asked_members: false,
        }
    }

    /// Runs the thread; when it ends, the node is stopped.
    pub(super) fn start(
        mut self,
        happenings: Receiver<Said>,
        control: Control,
    ) -> Result<Running, ServerError> {
        let told = self.told.clone();
        let node = control.clone();
        let run = move || {
            let ended = self.run(&happenings);
            control.stop();
            ended
        };
        Conducted::start("founding", (told, Arc::new(move || node.stop())), run)
    }

    fn run(
        &mut self,
        happenings: &Receiver<Said>,
    ) -> Result<Option<VerifiedConfiguration>, ServerError> {
        let mut word = Instant::now() + FIRST_WORD;
        loop {
            let left = word.saturating_duration_since(Instant::now());
            match happenings.recv_timeout(left).map(Said::into_happening) {
                Ok(Happening::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {
                    tracing::info!("{}", self.waiting);
                    word = Instant::now() + NEXT_WORD;
                }
                Ok(Happening::Abandoned(epoch, session)) => {
                    let keys = lock(&self.keys);
                    let abandoned = keys.abandon_share(epoch.next(), session.as_bytes());
                    abandoned.map_err(|source| ServerError::Keys { source })?;
                }
                Ok(Happening::Settled(epoch)) => {
                    let erased = lock(&self.keys).erase_decryption(epoch);
                    erased.map_err(|source| ServerError::Keys { source })?;
                }
                Ok(Happening::Proved(_, proof)) => self.keep(*proof)?,
                Ok(Happening::Event(event)) => {
                    if let Some(made) = self.on(*event) {
                        return Ok(Some(made));
                    }
                }
                Ok(
                    Happening::Inherited(..)
                    | Happening::Stepped(..)
                    | Happening::Probed(_)
                    | Happening::Watched(..)
                    | Happening::Unfit(..)
                    | Happening::Resolved
                    | Happening::RootMade(_),
                ) => {}
            }
        }
    }

    fn on(&mut self, event: Event) -> Option<VerifiedConfiguration> {
        match event {
            Event::News(_, news) => self.on_news(news),
            Event::Announce(_, operation) => {
                let operation = quorate_wire::encode(&MembershipOperation::Handover(operation));
                self.ask(ReplicaRequest::Announce(operation));
            }
            Event::Concluded(_) => {
                self.is_over = true;
                // DUT-1: nobody vouches for epoch 0, so the end may be signed at once.
                self.ask(ReplicaRequest::Seal { heirs: self.heirs.clone() });
                self.read_members();
            }
            Event::Certified(_, header) => {
                self.header = Some(*header);
                self.read_members();
            }
            Event::Members(_, members) => return self.on_members(members),
            Event::Learned(configuration) => return Some(configuration),
            Event::VouchesNoMore(_)
            | Event::Ended(_)
            | Event::StateGot(_)
            | Event::Begun(_)
            | Event::Report(..) => {}
        }
        None
    }

    /// The log of epoch 1 knows the keys of the founders (MEM-55), and hears of it.
    fn keep(&mut self, proof: Evidence) -> Result<(), ServerError> {
        let (server, what) = (proof.server, proof.misdeed.text());
        if self.accusing.take(proof)? {
            tracing::error!(%server, what, "a founder lies, and there is proof of it");
        }
        Ok(())
    }

    fn ask(&self, request: ReplicaRequest) {
        if let Some(replica) = &self.replica {
            drop(replica.request(request));
        }
    }

    fn on_news(&mut self, news: Box<News>) {
        self.waiting.note_awaited(news.awaited);
        if let Some(replica) = &self.replica {
            self.waiting.look(replica);
        }
        if let Stage::Done(decided) = &news.stage {
            self.heirs = decided.attempt.seats.iter().map(|seat| seat.node).collect();
            self.system_key = key_of(decided);
        }
        drop(self.participant.request(Request::News(news)));
    }

    /// The header alone does not say who the members are: the state of the replica does.
    fn read_members(&mut self) {
        let Some(replica) = &self.replica else { return };
        if self.header.is_none() || !self.is_over || self.has_asked_members {
            return;
        }
        let told = self.told.clone();
        self.has_asked_members = replica.look(move |replica| {
            let members = read_members(&[], |from, count| replica.scan_service(from, count));
            say(&told, Event::Members(Epoch::ZERO, members).into());
        });
    }

    fn on_members(&self, members: Vec<Arc<MemberRecord>>) -> Option<VerifiedConfiguration> {
        let (certified, key) = (self.header.clone()?, self.system_key?);
        let configuration = CertifiedConfiguration { certified, members };
        let verified = configuration.verify(&key, &Schemes::real());
        Some(verified.expect("MEM-24: the system signed what the log has decided"))
    }
}

/// The key of the sharing that the log has decided on.
fn key_of(decided: &Decided) -> Option<PublicKey> {
    let commitment =
        quorate_threshold::Commitment::decode(&decided.sharing.0, decided.attempt.parameters());
    Some(commitment.ok()?.public_key())
}
