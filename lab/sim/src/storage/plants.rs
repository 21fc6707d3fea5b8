//! Bugs that are put into the DHT on purpose, and the checker that must find each.

use quorate_machine::Plant as Bug;

use crate::plant::Plant;

pub(super) const PLANTS: &[Plant] = &[
    Plant::hooked(
        Bug::NoWriteBack,
        "no-write-back",
        "C5",
        "a reader does not write back what only some hold",
    )
    .slow(),
    Plant::hooked(
        Bug::ShortRead,
        "short-read",
        "C5",
        "a reader takes one reply less than a quorum",
    )
    .slow(),
    Plant::hooked(
        Bug::NumberTakenTwice,
        "number-taken-twice",
        "C5",
        "a writer takes the highest number, not the next one",
    )
    .slow(),
    Plant::hooked(
        Bug::ShortWrite,
        "short-write",
        "C8",
        "one acknowledgement less than a quorum is enough",
    )
    .slow(),
    Plant::hooked(
        Bug::NumbersCompared,
        "numbers-compared",
        "C8",
        "a server compares versions by their numbers alone",
    )
    .slow(),
    Plant::hooked(
        Bug::AckBeforePersist,
        "ack-before-persist",
        "C8",
        "a version is acknowledged before its record",
    )
    .slow(),
    Plant::hooked(
        Bug::AbsentTooSoon,
        "absent-too-soon",
        "C8",
        "f + 1 servers are believed that content is absent",
    )
    .slow(),
    Plant::hooked(
        Bug::RepairUnverified,
        "repair-unverified",
        "C3",
        "a sweep takes content that is not what it is called",
    )
    .slow(),
    Plant::hooked(
        Bug::RepairRollsBack,
        "repair-rolls-back",
        "C4",
        "a sweep puts an older version in place of a newer one",
    )
    .slow(),
    Plant::hooked(
        Bug::RetriesOnce,
        "retries-once",
        "C9",
        "a client asks again once, and never again",
    )
    .slow(),
    Plant::hooked(Bug::PhasesKept, "phases-kept", "C12", "a client keeps the phases that are over")
        .slow(),
    Plant::hooked(
        Bug::SweepsOnce,
        "sweeps-once",
        "C14",
        "a server sweeps when it starts, and never again",
    )
    .slow(),
    Plant::hooked(
        Bug::SilenceIsLoss,
        "silence-is-loss",
        "C14",
        "a server calls lost what silent peers could still mend",
    )
    .slow(),
];
