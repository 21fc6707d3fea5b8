//! Epochs on a server: its machines of each epoch, and the thread that ends and begins them.
//!
//! What follows from what says [`Turnover`](quorate_duties::Turnover); here its orders are carried
//! out, with files, keys and links. Everything that has to be durable is so before the next order.
//!
//! ```text
//! epochs/E           the configuration of epoch E, of the newest and the one before
//! epochs/chain/       what each epoch changed, for whoever wants to check all of it
//! epochs/evidence    proof against members that is not in the log yet
//! epochs/E.begun     that the replica of epoch E has begun, and where its slots begin
//! membership-E/      the replica of the membership group of epoch E (of epoch 0: membership/)
//! handover/E/        what the participant of the handover behind epoch E must not forget
//! ```
//! Whoever goes on to an epoch shows the key of it on links at once, and goes on taking the keys of
//! the one before for a while: who has not heard of the new configuration gets it over such a link.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quorate_bft::Inheritance;
use quorate_client::links::past_links;
use quorate_duties::turnover::Event;
use quorate_membership::monitor::{Evidence, ProberOutput};
use quorate_membership::{Docket, DocketCounts, Turnout, VerifiedConfiguration};
use quorate_runtime::LinkNews;
use quorate_threshold::PublicKey as PublicShare;
use quorate_types::{Configuration, Digest, Epoch, MemberStatus, NodeId};

use crate::keys::roots::RootState;
use crate::keys::{ServerIdentity, ServerKeys};
use crate::names::Names;

pub mod archive;
mod chain;
mod clock;
mod conducted;
mod conductor;
mod lookout;
mod machines;
pub mod margins;
mod mending;
mod opening;
mod roots;
pub(crate) mod shares;
pub mod steps;

pub(crate) use chain::Chain;
pub use clock::ClockWatch;
pub(crate) use conducted::Conducted;
pub(crate) use conductor::Accusing;
pub(crate) use machines::{Ground, founding_policy};
use margins::{Margins, Standing};
pub(crate) use opening::{Epochs, Hosted};
use steps::{EpochEnds, Step};

/// The keys of a server, for all threads that change them.
pub type SharedKeys = Arc<Mutex<ServerKeys>>;

/// The keys, for a moment. Nobody panics while holding them, and what is on the disk is whole if
/// somebody did.
pub fn lock(keys: &SharedKeys) -> MutexGuard<'_, ServerKeys> {
    keys.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a server is among the epochs, for whoever looks from outside.
#[derive(Debug, Default)]
pub struct EpochView {
    epoch: AtomicU64,
    is_member: AtomicBool,
    ends: Mutex<EpochEnds>,
    found: Mutex<DocketCounts>,
    members: Mutex<MemberCounts>,
    turnout: Mutex<Turnout>,
    standing: Mutex<Standing>,
    names: Names,
    created_micros: AtomicU64,
    length_seconds: AtomicU64,
    root_epochs: AtomicU64,
    clock: Mutex<ClockWatch>,
}

/// How many servers are in which state.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct MemberCounts {
    /// With duties.
    pub active: u64,
    /// Found silent or guilty, without duties.
    pub inactive: u64,
    /// Removed, with a place on the ring.
    pub removed: u64,
    /// Of all these, those with which no server has links: there are more than links.
    pub past_links: u64,
}

impl EpochView {
    /// Of this server, before it knows anything.
    pub(crate) fn of(me: NodeId) -> Arc<Self> {
        let view = Self::default();
        view.standing().note_self(me);
        Arc::new(view)
    }

    /// The newest epoch that the server has adopted, and whether it serves in the group of that.
    #[must_use]
    pub fn get(&self) -> (u64, bool) {
        (self.epoch.load(Ordering::Relaxed), self.is_member.load(Ordering::Relaxed))
    }

    /// Epochs that are left of the tree of the server's identity.
    #[must_use]
    pub fn root_epochs(&self) -> u64 {
        self.root_epochs.load(Ordering::Relaxed)
    }

    fn set_root(&self, state: Option<&RootState>) {
        let left = state.map_or(0, |state| u64::from(state.remaining) + 1);
        self.root_epochs.store(left, Ordering::Relaxed);
    }

    /// When it took which step of the last ends of epochs.
    pub fn ends(&self) -> MutexGuard<'_, EpochEnds> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, epoch: Epoch, step: Step) {
        self.ends().note((epoch, step), SystemTime::now());
    }

    /// What the log had found of servers when it was read last, if this server has a replica.
    #[must_use]
    pub fn found(&self) -> DocketCounts {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many servers are in which state.
    #[must_use]
    pub fn members(&self) -> MemberCounts {
        *self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many servers brought keys to the newest epoch that this server has gone on to, of those
    /// that were asked; 0 of 0 behind a start.
    #[must_use]
    pub fn turnout(&self) -> Turnout {
        *self.turnout.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_turnout(&self, turnout: Turnout) {
        *self.turnout.lock().unwrap_or_else(PoisonError::into_inner) = turnout;
    }

    /// How many more failures the worst groups can take.
    #[must_use]
    pub fn margins(&self) -> Margins {
        // Of many servers it takes its time, and links wait for the lock.
        let standing = self.standing().clone();
        standing.margins()
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names of all servers, of the newest configuration at any time.
    #[must_use]
    pub fn names(&self) -> Names {
        self.names.clone()
    }

    /// A link with another came up or went down.
    pub fn note_link(&self, news: &LinkNews) {
        self.standing().note(news);
    }

    /// How long ago the newest configuration was made, by this machine's clock; 0 if none is known.
    #[must_use]
    pub fn age_seconds(&self) -> u64 {
        let created = Duration::from_micros(self.created_micros.load(Ordering::Relaxed));
        if created.is_zero() {
            return 0;
        }
        SystemTime::now().duration_since(UNIX_EPOCH + created).unwrap_or_default().as_secs()
    }

    /// In how many seconds the epoch is due to end, by this server's clock and length of epochs:
    /// below 0 since then. None if epochs do not end.
    #[must_use]
    pub fn due_seconds(&self) -> Option<i64> {
        let length = self.length_seconds().cast_signed();
        (length > 0).then(|| length - self.age_seconds().cast_signed())
    }

    /// Whether this machine's clock is off.
    pub fn clock(&self) -> MutexGuard<'_, ClockWatch> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An epoch is adopted a moment after it began.
    fn watch_clock(&self, configuration: &Configuration) {
        let mut clock = self.clock();
        clock.note(configuration.created, SystemTime::now());
        if let Some(condition) = clock.condition() {
            tracing::warn!("{condition}");
        }
    }

    /// How long this server has epochs last; 0 if they never end.
    #[must_use]
    pub fn length_seconds(&self) -> u64 {
        self.length_seconds.load(Ordering::Relaxed)
    }

    fn set_length(&self, length: Duration) {
        self.length_seconds.store(length.as_secs(), Ordering::Relaxed);
    }

    /// What the log has found of the servers of the newest configuration.
    fn set_gone(&self, docket: &Docket) {
        let gone = docket.outlook().into_iter().filter(|(_, found)| found.is_eviction());
        self.standing().gone = gone.map(|(server, _)| server).collect();
    }

    fn set_found(&self, found: DocketCounts) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }

    pub(crate) fn set_members(&self, newest: &VerifiedConfiguration) {
        let configuration = newest.configuration();
        let count = |status| {
            configuration.members.iter().filter(|member| member.status == status).count() as u64
        };
        let counts = MemberCounts {
            active: count(MemberStatus::Active),
            inactive: count(MemberStatus::Inactive),
            removed: count(MemberStatus::Removed),
            past_links: past_links(configuration) as u64,
        };
        *self.members.lock().unwrap_or_else(PoisonError::into_inner) = counts;
        self.set_found(DocketCounts::default());
        self.created_micros.store(configuration.created.as_micros(), Ordering::Relaxed);
        self.names.follow(newest);
        let mut standing = self.standing();
        standing.configuration = Some(newest.clone());
        standing.gone = BTreeSet::new();
    }

    fn set(&self, epoch: Epoch, is_member: bool) {
        self.epoch.store(epoch.get(), Ordering::Relaxed);
        self.is_member.store(is_member, Ordering::Relaxed);
    }
}

/// What the machines of a server have to say to the thread that conducts them.
#[derive(Debug)]
pub enum Happening {
    /// Something from which orders follow.
    Event(Box<Event>),
    /// The final state of the epoch before this one is there.
    Inherited(Epoch, Box<Inheritance>),
    /// The attempt of this session failed; it made a share of the epoch behind this one.
    Abandoned(Epoch, Digest),
    /// The share of this epoch is there, and is of the attempt that succeeded.
    Settled(Epoch),
    /// The share of this epoch with this public side is of an attempt that failed.
    Unfit(Epoch, PublicShare),
    /// The tree of another root of the identity is made.
    RootMade(Box<ServerIdentity>),
    /// The participant of an epoch took a step.
    Stepped(Epoch, Step),
    /// The replica or the participant of an epoch has proof that a member lies.
    Proved(Epoch, Box<Evidence>),
    /// The prober has found something.
    Probed(ProberOutput),
    /// What the log of an epoch says of monitoring was read.
    Watched(Epoch, Box<Docket>),
    /// The name of a server resolves, or does so to another address.
    Resolved,
    /// The server stops.
    Stop,
}

impl From<Event> for Happening {
    fn from(event: Event) -> Self {
        Self::Event(Box::new(event))
    }
}

/// What was said, and when: it may wait until the thread has written what came before.
#[derive(Debug)]
pub struct Said {
    at: SystemTime,
    happening: Happening,
}

impl From<Happening> for Said {
    fn from(happening: Happening) -> Self {
        Self { at: SystemTime::now(), happening }
    }
}

impl Said {
    /// What was said.
    #[must_use]
    pub fn into_happening(self) -> Happening {
        self.happening
    }
}

/// Where machines say it.
pub type Told = SyncSender<Said>;

/// Says it. Machines do not wait: what finds no room is lost, and comes again or is missed by this
/// server alone.
pub fn say(told: &Told, happening: Happening) {
    match told.try_send(happening.into()) {
        // Whoever hears it has ended only if the server ends.
        Ok(()) | Err(TrySendError::Disconnected(_)) => {}
        Err(TrySendError::Full(_)) => tracing::error!("the thread of the epochs is behind"),
    }
}
