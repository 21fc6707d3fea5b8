//! Bugs on purpose, to show that the lab's checkers are alive.
//!
//! A hook in a machine reads `if planted(Plant::Something) { .. }`. Without `--cfg plant` the
//! question is a constant false and the hook is gone from the build; with it, one bug at a time is
//! chosen for the whole process, so that one build serves for all of them.

/// A bug that can be put into a machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Plant {
    /// A prepare leaves before the record of what it accepts.
    PrepareBeforePersist,
    /// A commit leaves before the record of the prepares.
    CommitBeforePersist,
    /// A lane owner's batch leaves before its record.
    BatchBeforePersist,
    /// A replica enters a view without a record.
    ViewNotPersisted,
    /// After a restart a replica has forgotten what it acknowledged.
    AcksForgotten,
    /// A batch is acknowledged whatever it follows.
    AckAnyBranch,
    /// A checkpoint leaves out a promise whose batch waits no more.
    PromiseLeftOut,
    /// The highest position that a replica ever claimed in a lane counts, and not its last.
    HighestClaimKept,
    /// One prepare less than a quorum is enough.
    ShortPrepared,
    /// One commit less than a quorum is enough.
    ShortCommitted,
    /// One statement less than a quorum makes a checkpoint stable.
    ShortCheckpoint,
    /// A new view chooses the prepared cut of the lowest view.
    ChoiceLowestView,
    /// A new view forgets what was prepared.
    ChoiceDropsPrepared,
    /// A new view takes prepared cuts whatever they follow.
    ChoiceIgnoresParents,
    /// A new view proposes the lowest of the prepared slots again, and forgets the others.
    ChoiceOfOneSlot,
    /// A proposal is accepted without a look at its proofs.
    CutNotJudged,
    /// What a request was answered is not recorded.
    RepliesNotRecorded,
    /// A state that was transferred is thrown away.
    InstallsNothing,
    /// The agreed time of a slot is the replica's own clock.
    OwnClock,
    /// A client believes the first reply.
    ClientBelievesOne,
    /// Status is told once and never again.
    StatusOnce,
    /// The progress timer is not set again in a new view.
    ProgressTimerOnce,
    /// Bodies of executed batches are kept for ever.
    BodiesKept,
    /// Records are released that are still needed.
    ReleasesTooMuch,
    /// Who is behind and idle does not catch up.
    NoCatchingUp,
    /// A sweep of the storage takes content that does not hash to its name.
    RepairUnverified,
    /// A sweep of the storage puts an older version in the place of a newer one.
    RepairRollsBack,
    /// A lease is not reduced by the drift bound.
    LeaseIgnoresDrift,
    /// `f + 1` vouches are enough for a lease.
    ShortFreshness,
    /// A vouch counts whatever challenge it answers.
    StaleFreshness,
    /// The system's signature on a header is not checked.
    HeaderNotVerified,
    /// What the randomness of an epoch binds leaves its changes out.
    FreezeBindsNothing,
    /// One acknowledgement of a correct recipient is enough for a dealing.
    ShortDealing,
    /// A new group completes with whatever choice of dealings.
    CompletionOfAnyChoice,
    /// A change that comes after the freeze is put among the fixed ones.
    FreezeStaysOpen,
    /// An opening opens a session again after that was closed.
    SessionsReopened,
    /// A session opens whenever its certificate ran out.
    ExpiredClientServed,
    /// A server of the storage sweeps when it starts, and never again.
    SweepsOnce,
    /// A reader of a register does not write back what only some servers hold.
    NoWriteBack,
    /// One reply less than a quorum is enough for whoever reads a register.
    ShortRead,
    /// One acknowledgement less than a quorum is enough for whoever stores.
    ShortWrite,
    /// A writer takes the highest number that it read, and not the next one.
    NumberTakenTwice,
    /// A storage server compares versions by their numbers alone.
    NumbersCompared,
    /// A storage server acknowledges a version before its record.
    AckBeforePersist,
    /// A client believes `f + 1` servers that content is absent.
    AbsentTooSoon,
    /// A client of the storage asks again once, and never again.
    RetriesOnce,
    /// A client of the storage keeps the phases that are over.
    PhasesKept,
    /// The expiry of a certificate is not checked on a write of an object.
    ExpiredWriterAdmitted,
    /// A storage server calls lost what silent peers could still mend.
    SilenceIsLoss,
    /// A prober takes any answer, whatever it asked for.
    PlainAnswerEnough,
    /// Suspicions of one member count as often as it states them.
    SuspicionsCountTwice,
    /// Suspicions count however old they are.
    SuspicionsNeverStale,
    /// As many neighbours are evicted as are silent.
    EvictionsUncapped,
    /// Who has called a server silent cannot take it back.
    RetractionsIgnored,
    /// An eviction that the caps hold back is forgotten.
    PostponedIsLost,
    /// Members bring back who was proved to lie.
    LiarsComeBack,
    /// A risk ends an epoch as soon as it is seen.
    RiskEndsAtOnce,
    /// A slot behind the last of the epoch is executed, if it is decided.
    ExecutesBehindEnd,
    /// `f + 1` signatures make an end certificate.
    ShortEnd,
    /// A replica signs the end before its node has asked for it.
    SealsUnasked,
    /// The members of a configuration are not compared with the root in its header.
    MembersNotCompared,
    /// A server passes on what changed before it has checked it.
    PassesOnUnchecked,
    /// A server takes a configuration of an earlier epoch from its node.
    GoesBackAnEpoch,
    /// A signature by an identity counts whichever epoch its leaf is for.
    LeafOfAnyEpoch,
    /// A server does not erase its share of an epoch that is over.
    ShareKept,
    /// A server that was not drawn in the end keeps what attempts that failed have dealt it.
    FailedAttemptKept,
    /// Its participant keeps in memory what those attempts have dealt.
    FailedAttemptHeld,
    /// The participant of an epoch that is over is not told so, and keeps the share.
    ParticipantKeepsShare,
    /// A server does not erase its keys of epochs that are over.
    KeysKept,
    /// A server keeps its key of an epoch that has ended until the epoch behind the next begins.
    KeysKeptAnEpoch,
    /// A server erases its share before the next configuration is durable.
    ShareErasedEarly,
    /// A server vouches for an epoch before its replica has the state.
    VouchesWithoutState,
    /// A server's replica signs the end, and the server goes on to vouch for the epoch.
    SealsUnheard,
    /// That a server vouches for an epoch no more is not made durable.
    EndNotKept,
    /// A member deals its share by one polynomial in every attempt of an epoch.
    DealingReused,
    /// What opens dealings stays when the share is there.
    OpenerKept,
    /// Envelopes are opened whoever made the ephemeral point that they were sealed with.
    MakerUnchecked,
    /// A recipient acknowledges whatever a dealer deals to it.
    AcknowledgesTwice,
    /// Recipients that do not run the log are told nothing of it.
    NewsNotTold,
    /// No member gives an attempt up.
    AttemptForEver,
    /// A participant says everything once.
    SaysOnce,
    /// A member that came too late for the freeze deposits nothing any more.
    LateDepositRefused,
    /// Links take keys that any tree certified in the name of a server, also one that was replaced.
    AnyRootCertifies,
    /// A vote that is said again counts as one that contradicts the first.
    RepetitionIsLie,
    /// Evidence counts whoever signed it.
    EvidenceUnchecked,
    /// A complaint convicts a dealer, whatever it shows.
    ComplaintUnchecked,
    /// The group goes on as it is if a member of it is to be evicted.
    EvictedKeepsSeat,
    /// A group is drawn from whoever has brought keys, however few they are.
    DrawsFromFew,
}

#[cfg(plant)]
mod selection {
    use core::sync::atomic::{AtomicU32, Ordering};

    /// The number of a bug, counted from 1, or 0 for none: what this process has in force, unless
    /// it chooses for itself. Unit tests cannot be told otherwise.
    const VARIABLE: &str = "QUORATE_PLANT";
    /// Neither the process nor the variable was asked yet.
    const UNDECIDED: u32 = u32::MAX;

    static SELECTED: AtomicU32 = AtomicU32::new(UNDECIDED);

    pub(super) fn set(number: u32) {
        SELECTED.store(number, Ordering::SeqCst);
    }

    pub(super) fn get() -> u32 {
        match SELECTED.load(Ordering::Relaxed) {
            UNDECIDED => {
                let text = std::env::var(VARIABLE).ok();
                set(text.and_then(|text| text.parse().ok()).unwrap_or(0));
                get()
            }
            number => number,
        }
    }
}

#[cfg(plant)]
impl Plant {
    /// What `QUORATE_PLANT` calls it.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32 + 1
    }
}

/// Chooses the bug that is in force from now on in the whole process, or none.
#[cfg(plant)]
pub fn select(plant: Option<Plant>) {
    selection::set(plant.map_or(0, Plant::number));
}

/// Is this bug in force?
#[cfg(plant)]
#[must_use]
pub fn planted(plant: Plant) -> bool {
    selection::get() == plant.number()
}

/// Is this bug in force? Never, in a build without plants.
#[cfg(not(plant))]
#[must_use]
pub const fn planted(_: Plant) -> bool {
    false
}
