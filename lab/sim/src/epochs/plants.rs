//! Bugs that are put into the ends of epochs on purpose, and the checker that must find each.

use quorate_machine::Plant as Bug;

use crate::plant::Plant;

/// The bugs of the cabinet, which is the simulator's own.
pub(super) const IDENTITY_KEPT: &str = "identity-kept";
pub(super) const DECRYPTION_KEPT: &str = "decryption-kept";
pub(super) const KEY_IN_LOG: &str = "key-in-log";
pub(super) const ANY_SHARE_ABANDONED: &str = "any-share-abandoned";
pub(super) const ROOT_KEPT: &str = "root-kept";
pub(super) const SHARE_UNSYNCED: &str = "share-unsynced";
/// The bug of the seat.
pub(super) const PARTICIPANT_STAYS: &str = "participant-stays";

pub(super) const PLANTS: &[Plant] = &[
    Plant::hooked(
        Bug::ShareKept,
        "share-kept",
        "C7",
        "the share of an epoch that is over stays on the disk",
    ),
    Plant::hooked(
        Bug::FailedAttemptKept,
        "failed-attempt-kept",
        "C7",
        "what attempts that failed have dealt stays where there is no seat",
    ),
    Plant::hooked(
        Bug::FailedAttemptHeld,
        "failed-attempt-held",
        "C7",
        "the participant holds what attempts that failed have dealt, where there is no seat",
    )
    .told("redraw"),
    Plant::hooked(
        Bug::ParticipantKeepsShare,
        "participant-keeps-share",
        "C7",
        "the participant of an epoch that is over keeps the share",
    )
    .slow(),
    Plant::hooked(Bug::KeysKept, "keys-kept", "C7", "the keys of epochs that are over stay"),
    Plant::hooked(
        Bug::KeysKeptAnEpoch,
        "keys-kept-an-epoch",
        "C7",
        "the key of an epoch that has ended stays until the epoch behind the next",
    ),
    Plant::hooked(
        Bug::ShareErasedEarly,
        "share-erased-early",
        "C7",
        "the share goes before the next configuration is durable",
    ),
    Plant::hooked(
        Bug::SealsUnheard,
        "seals-unheard",
        "C3",
        "the end is signed, and the server goes on to vouch",
    ),
    Plant::hooked(
        Bug::EndNotKept,
        "end-not-kept",
        "C3",
        "that an epoch has ended is not made durable before it is told",
    ),
    Plant::hooked(
        Bug::AcknowledgesTwice,
        "acknowledges-twice",
        "C4",
        "two dealings of one dealer are acknowledged in an attempt",
    )
    .slow()
    .baited("two-faced-dealer"),
    Plant::hooked(
        Bug::NewsNotTold,
        "news-not-told",
        "C9",
        "recipients outside the old group hear nothing of the log",
    )
    .slow(),
    Plant::hooked(
        Bug::LateDepositRefused,
        "late-deposit-refused",
        "C9",
        "who came too late for the freeze stays without keys",
    )
    .feud()
    .baited("idler"),
    Plant::hooked(
        Bug::VouchesWithoutState,
        "vouches-without-state",
        "C3",
        "a server vouches for an epoch before its replica has the state",
    ),
    Plant::hooked(
        Bug::DealingReused,
        "dealing-reused",
        "C7",
        "one polynomial is dealt in every attempt of an epoch",
    )
    .feud()
    .baited("deserter"),
    Plant::hooked(
        Bug::OpenerKept,
        "opener-kept",
        "C7",
        "what opens dealings, also of attempts that failed, stays when the share is there",
    ),
    Plant::hooked(
        Bug::MakerUnchecked,
        "maker-unchecked",
        "C7",
        "envelopes are opened whoever made the point that they were sealed with",
    )
    .feud()
    .baited("copyist"),
    Plant::hooked(
        Bug::AttemptForEver,
        "attempt-for-ever",
        "C9",
        "no member gives an attempt up, and some of the next group are gone",
    )
    .feud()
    .baited("deserter"),
    Plant::hooked(Bug::SaysOnce, "says-once", "C9", "a participant says everything once").slow(),
    Plant::hooked(
        Bug::SuspicionsCountTwice,
        "suspicions-count-twice",
        "C13",
        "suspicions of one member count as often as it states them",
    )
    .feud()
    .baited("framer"),
    Plant::hooked(
        Bug::EvidenceUnchecked,
        "evidence-unchecked",
        "C13",
        "two statements convict whoever they are said to be of, also without its signatures",
    )
    .feud()
    .baited("framer"),
    Plant::hooked(
        Bug::ComplaintUnchecked,
        "complaint-unchecked",
        "C13",
        "a dealer is convicted by any complaint, whatever it shows",
    )
    .feud()
    .baited("framer"),
    Plant::hooked(
        Bug::EvictedKeepsSeat,
        "evicted-keeps-seat",
        "C13",
        "a group with a member that is to be evicted goes on as it is, epoch after epoch",
    )
    .feud()
    .baited("bad-dealer"),
    Plant::hooked(
        Bug::DrawsFromFew,
        "draws-from-few",
        "C7",
        "a group is drawn from whoever has brought keys, however few they are",
    )
    .feud()
    .baited("held-back"),
    Plant::own(IDENTITY_KEPT, "C7", "an identity stays when it has moved on"),
    Plant::own(DECRYPTION_KEPT, "C7", "what opens subshares stays behind the epoch"),
    Plant::own(
        ANY_SHARE_ABANDONED,
        "C7",
        "who hears late that an attempt failed erases the share of the next one",
    )
    .told("redraw"),
    Plant::own(ROOT_KEPT, "C7", "the old tree of an identity stays when another took its place"),
    Plant::own(
        SHARE_UNSYNCED,
        "C9",
        "a share is written and not synced: who loses its power loses it",
    )
    .told("handover")
    .crashed(),
    Plant::own(
        PARTICIPANT_STAYS,
        "C7",
        "the participant of an epoch that is over stays, with what was dealt to it",
    ),
    Plant::own(KEY_IN_LOG, "C7", "the seed of a key stands in the log of a participant"),
];
