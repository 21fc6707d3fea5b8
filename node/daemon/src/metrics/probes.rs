//! What is counted of monitoring.

use std::sync::atomic::Ordering;

use crate::epochs::EpochView;
use crate::epochs::margins::Margins;
use crate::monitoring::MonitoringView;

use super::put;

/// Appends what the log has found of servers, and how many are in which state.
pub(super) fn write_found(page: &mut String, epochs: &EpochView) {
    let members = epochs.members();
    page.push_str(
        "# HELP quorate_members Servers of the newest configuration.\n\
         # TYPE quorate_members gauge\n",
    );
    for (state, count) in
        [("active", members.active), ("inactive", members.inactive), ("removed", members.removed)]
    {
        put(page, format_args!("quorate_members{{state=\"{state}\"}} {count}\n"));
    }
    let found = epochs.found();
    for (name, help, value) in [
        ("evictions_pending", "Servers that lose their duties with an epoch.", found.evictions),
        ("evictions_postponed", "Those of them that the caps held back.", found.postponed),
        ("returns_pending", "Servers that get their duties back with an epoch.", found.returning),
        ("convicted", "Servers that were proved to lie.", found.convicted),
        ("changes_pending", "Changes and findings that wait for an epoch's end.", found.waiting),
    ] {
        put(page, format_args!("# HELP quorate_{name} {help}\n# TYPE quorate_{name} gauge\n"));
        put(page, format_args!("quorate_{name} {value}\n"));
    }
}

/// Appends how many more failures the worst groups can take.
pub(super) fn write_margins(page: &mut String, epochs: &EpochView) {
    let Margins { membership, window, domain } = epochs.margins();
    page.push_str(
        "# HELP quorate_margin Failures that the worst group can take, by what the log says; below \
         0 it does not serve. Of domain: if the worst failure domain failed.\n\
         # TYPE quorate_margin gauge\n",
    );
    for (of, margin) in [("membership", membership), ("window", window), ("domain", domain)] {
        put(page, format_args!("quorate_margin{{of=\"{of}\"}} {margin}\n"));
    }
}

/// Appends the counters of answering, and of probing if this server does.
pub(super) fn write(page: &mut String, view: &MonitoringView) {
    let answers = &view.answers;
    page.push_str(
        "# HELP quorate_probe_answers_total What became of the questions of probers.\n\
         # TYPE quorate_probe_answers_total counter\n",
    );
    for (what, counter) in [
        ("plain", &answers.plain),
        ("signed", &answers.signed),
        ("refused", &answers.refused),
        ("over_allowance", &answers.over_allowance),
    ] {
        let count = counter.load(Ordering::Relaxed);
        put(page, format_args!("quorate_probe_answers_total{{what=\"{what}\"}} {count}\n"));
    }
    let Some(status) = view.prober() else { return };
    page.push_str(
        "# HELP quorate_probes_total What became of the probes of this member.\n\
         # TYPE quorate_probes_total counter\n",
    );
    for (what, count) in [
        ("sent", status.sent),
        ("sent_signed", status.sent_signed),
        ("answered", status.answered),
        ("missed", status.missed),
        ("refused", status.refused),
    ] {
        put(page, format_args!("quorate_probes_total{{what=\"{what}\"}} {count}\n"));
    }
    for (name, help, value) in [
        ("suspects", "Active servers that this member finds silent.", status.suspects),
        (
            "prober_cut_off",
            "1 if this member reaches less than half of all servers.",
            u64::from(status.is_cut_off),
        ),
    ] {
        put(page, format_args!("# HELP quorate_{name} {help}\n# TYPE quorate_{name} gauge\n"));
        put(page, format_args!("quorate_{name} {value}\n"));
    }
}
