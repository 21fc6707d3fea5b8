//! C15: what the runs must have gone through, and which villains must have acted.

/// Fewer than ten hits of one in a run of the gate, and the run has shown nothing about it.
pub(super) const MARKS: &[&str] = &[
    "bft.decided",
    "bft.sealed",
    "bft.state_inherited",
    "epochs.adopted",
    "epochs.probe_answered",
    "epochs.reported",
    "epochs.root_replaced",
    "epochs.state_fetched",
    "handover.certified",
    "handover.complained",
    "handover.helped",
    "handover.share_assembled",
    "liar.certified_badly",
    "liar.complained",
    "liar.dealt_twice",
    "liar.deserted",
    "liar.epoch_replayed",
    "liar.framed",
    "liar.gone",
    "liar.mute",
    "liar.news_wrong",
    "liar.part_wrong",
    "liar.share_withheld",
    "liar.vouched_late",
];
