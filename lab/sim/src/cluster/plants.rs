//! Bugs that are put into the membership service on purpose, and the checker that must find each.

use quorate_machine::Plant as Bug;

use crate::plant::Plant;

pub(super) const PLANTS: &[Plant] = &[
    Plant::hooked(
        Bug::LeaseIgnoresDrift,
        "lease-ignores-drift",
        "C3",
        "a lease is not reduced by the drift bound",
    ),
    Plant::hooked(
        Bug::ShortFreshness,
        "short-freshness",
        "C3",
        "f + 1 vouches are enough for a lease",
    ),
    Plant::hooked(
        Bug::StaleFreshness,
        "stale-freshness",
        "C3",
        "a vouch counts whatever challenge it answers",
    ),
    Plant::hooked(
        Bug::HeaderNotVerified,
        "header-not-verified",
        "C3",
        "the system's signature on a header is not checked",
    ),
    Plant::hooked(
        Bug::ExpiredClientServed,
        "expired-client-served",
        "C3",
        "a session opens whenever its certificate ran out",
    ),
    Plant::hooked(
        Bug::ExpiredWriterAdmitted,
        "expired-writer-admitted",
        "C3",
        "a write counts whenever its certificate ran out",
    ),
];
