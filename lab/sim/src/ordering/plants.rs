//! Bugs that are put into the ordering engine on purpose, and the checker that must find each.

use quorate_machine::Plant as Bug;

use crate::plant::Plant;

pub(super) const PLANTS: &[Plant] = &[
    Plant::hooked(
        Bug::PrepareBeforePersist,
        "prepare-before-persist",
        "C4",
        "a prepare leaves before its record",
    )
    .slow(),
    Plant::hooked(
        Bug::CommitBeforePersist,
        "commit-before-persist",
        "C4",
        "a commit leaves before its record",
    )
    .slow(),
    Plant::hooked(
        Bug::BatchBeforePersist,
        "batch-before-persist",
        "C4",
        "an owner's batch leaves before its record",
    )
    .slow(),
    Plant::hooked(
        Bug::ViewNotPersisted,
        "view-not-persisted",
        "C4",
        "a view is entered without a record",
    )
    .slow(),
    Plant::hooked(
        Bug::AcksForgotten,
        "acks-forgotten",
        "C4",
        "a restart forgets what was acknowledged",
    )
    .slow(),
    Plant::hooked(
        Bug::AckAnyBranch,
        "ack-any-branch",
        "C4",
        "a batch is acknowledged whatever it follows",
    )
    .feud()
    .baited("lane-forker"),
    Plant::hooked(
        Bug::PromiseLeftOut,
        "promise-left-out",
        "C4",
        "a checkpoint leaves out a promise whose batch waits no more",
    )
    .told("lane-fork-restarts"),
    Plant::hooked(
        Bug::HighestClaimKept,
        "highest-claim-kept",
        "C9",
        "the highest claim of a replica counts, and not its last",
    )
    .told("liars-in-turn")
    .rare(),
    Plant::hooked(
        Bug::ShortPrepared,
        "short-prepared",
        "C3",
        "one prepare less than a quorum is enough",
    )
    .slow(),
    Plant::hooked(
        Bug::ShortCommitted,
        "short-committed",
        "C3",
        "one commit less than a quorum is enough",
    )
    .slow(),
    Plant::hooked(
        Bug::ShortCheckpoint,
        "short-checkpoint",
        "C3",
        "one statement less than a quorum is stable",
    )
    .slow(),
    Plant::hooked(
        Bug::ChoiceLowestView,
        "choice-lowest-view",
        "C3",
        "a new view prefers what the lowest view prepared",
    )
    .feud()
    .baited("view-changer"),
    Plant::hooked(
        Bug::ChoiceDropsPrepared,
        "choice-drops-prepared",
        "C3",
        "a new view forgets what was prepared",
    )
    .slow(),
    Plant::hooked(
        Bug::ChoiceIgnoresParents,
        "choice-ignores-parents",
        "C3",
        "a new view takes cuts whatever they follow",
    )
    .feud()
    .baited("view-changer"),
    Plant::hooked(
        Bug::ChoiceOfOneSlot,
        "choice-of-one-slot",
        "C3",
        "a new view proposes only the lowest prepared slot again",
    )
    .feud(),
    Plant::hooked(
        Bug::CutNotJudged,
        "cut-not-judged",
        "C3",
        "a cut is accepted without a look at its rows",
    )
    .feud()
    .baited("cut-liar"),
    Plant::hooked(
        Bug::RepliesNotRecorded,
        "replies-not-recorded",
        "C2",
        "what was answered is not recorded",
    )
    .slow(),
    Plant::hooked(
        Bug::InstallsNothing,
        "installs-nothing",
        "C1",
        "a transferred state is thrown away",
    )
    .slow(),
    Plant::hooked(
        Bug::OwnClock,
        "own-clock",
        "C1",
        "the time of a slot is the replica's own clock",
    )
    .slow(),
    Plant::hooked(
        Bug::SessionsReopened,
        "sessions-reopened",
        "C4",
        "an opening opens another session once its own is closed",
    )
    .rare()
    .baited("opening-hoarder"),
    Plant::hooked(
        Bug::ClientBelievesOne,
        "client-believes-one",
        "C2",
        "a client believes the first reply",
    )
    .slow(),
    Plant::hooked(Bug::StatusOnce, "status-once", "C9", "status is told once and never again")
        .slow(),
    Plant::hooked(
        Bug::ProgressTimerOnce,
        "progress-timer-once",
        "C9",
        "the progress timer is not set in a new view",
    )
    .slow(),
    Plant::hooked(
        Bug::BodiesKept,
        "bodies-kept",
        "C12",
        "bodies of executed batches are kept for ever",
    )
    .slow(),
    Plant::hooked(
        Bug::ReleasesTooMuch,
        "releases-too-much",
        "C8",
        "records are released that are still needed",
    )
    .slow(),
    Plant::hooked(
        Bug::NoCatchingUp,
        "no-catching-up",
        "C14",
        "who is behind and idle does not catch up",
    )
    .told("state-transfer"),
    Plant::hooked(
        Bug::ExecutesBehindEnd,
        "executes-behind-end",
        "C7",
        "a slot behind the last one is executed",
    )
    .feud(),
    Plant::hooked(
        Bug::RepetitionIsLie,
        "repetition-is-lie",
        "C13",
        "who says a vote again is told to lie",
    ),
    Plant::hooked(Bug::ShortEnd, "short-end", "C3", "f + 1 signatures end an epoch").feud(),
    Plant::hooked(
        Bug::SealsUnasked,
        "seals-unasked",
        "C7",
        "the end is signed before the node has asked for it",
    )
    .feud(),
];
