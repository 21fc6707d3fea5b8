//! What is counted of monitoring.

use std::sync::atomic::Ordering;

use quorate_membership::Turnout;
use quorate_membership::monitor::ProberStatus;

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
    page.push_str(
        "# HELP quorate_members_past_links Of them, those that this release has no links for.\n\
         # TYPE quorate_members_past_links gauge\n",
    );
    put(page, format_args!("quorate_members_past_links {}\n", members.past_links));
    let Turnout { asked, brought } = epochs.turnout();
    page.push_str(
        "# HELP quorate_keys Servers that were asked for keys of the newest epoch, and those of \
         them that brought some: below two thirds no other membership group is drawn.\n\
         # TYPE quorate_keys gauge\n",
    );
    for (of, count) in [("asked", asked), ("brought", brought)] {
        put(page, format_args!("quorate_keys{{of=\"{of}\"}} {count}\n"));
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
    let Margins { membership, seats, window, domain, windows, domains } = epochs.margins();
    page.push_str(
        "# HELP quorate_margin Failures that the worst group can take, by what the log says and, \
         of who was removed, by links; below 0 it does not serve. Of domain: if the worst failure \
         domain failed.\n\
         # TYPE quorate_margin gauge\n",
    );
    for (of, margin) in [("membership", membership), ("window", window), ("domain", domain)] {
        put(page, format_args!("quorate_margin{{of=\"{of}\"}} {margin}\n"));
    }
    page.push_str(
        "# HELP quorate_seats Seats of the membership group: all, of servers that are up by what \
         the log says, and needed for it to serve.\n# TYPE quorate_seats gauge\n",
    );
    for (of, count) in [("all", seats.all), ("up", seats.up), ("needed", seats.needed)] {
        put(page, format_args!("quorate_seats{{of=\"{of}\"}} {count}\n"));
    }
    for (name, label, help, margins) in [
        ("window_margin", "first", "The same of single windows, by their first server.", windows),
        (
            "domain_margin",
            "domain",
            "The same of the worst group if a failure domain failed.",
            domains,
        ),
    ] {
        put(page, format_args!("# HELP quorate_{name} {help}\n# TYPE quorate_{name} gauge\n"));
        for (value, margin) in margins {
            let value = escaped(&value);
            put(page, format_args!("quorate_{name}{{{label}=\"{value}\"}} {margin}\n"));
        }
    }
}

/// A text of an operator as the value of a label.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
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
    if let Some(status) = view.prober() {
        write_prober(page, &status);
    }
}

fn write_prober(page: &mut String, status: &ProberStatus) {
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
        ("prober_unsaid", "Servers of which it finds more than fits one period.", status.unsaid),
        (
            "prober_cut_off",
            "1 if this member reaches less than half of the active servers.",
            u64::from(status.is_cut_off),
        ),
    ] {
        put(page, format_args!("# HELP quorate_{name} {help}\n# TYPE quorate_{name} gauge\n"));
        put(page, format_args!("quorate_{name} {value}\n"));
    }
}

#[cfg(test)]
mod tests {
    //! Whatever an operator calls a failure domain, the page can be read; and what it tells.
    use std::net::SocketAddr;

    use quorate_net::limits::PEERS_MAX;

    use quorate_membership::Turnout;
    use quorate_membership::monitor::ProberStatus;
    use quorate_types::NodeId;

    use super::{escaped, write_found, write_prober};
    use crate::crowd::Crowd;
    use crate::epochs::EpochView;

    #[test]
    fn a_label_ends_where_it_should() {
        assert_eq!(escaped("rack 3, \"old\"\\\n"), "rack 3, \\\"old\\\"\\\\\\n");
        assert_eq!(escaped("bergen"), "bergen");
    }

    #[test]
    fn what_a_prober_has_not_said_yet_is_told() {
        let status = ProberStatus { suspects: 230, unsaid: 182, ..ProberStatus::default() };
        let mut page = String::new();
        write_prober(&mut page, &status);
        for line in
            ["\nquorate_suspects 230\n", "\nquorate_prober_unsaid 182\n", "_prober_cut_off 0\n"]
        {
            assert!(page.contains(line), "{page}");
        }
    }

    #[test]
    fn how_many_servers_brought_keys_is_told() {
        let view = EpochView::of(NodeId::new([1; 32]));
        view.set_turnout(Turnout { asked: 12, brought: 7 });
        let mut page = String::new();
        write_found(&mut page, &view);
        for line in ["\nquorate_keys{of=\"asked\"} 12\n", "\nquorate_keys{of=\"brought\"} 7\n"] {
            assert!(page.contains(line), "{page}");
        }
    }

    #[test]
    fn servers_that_there_are_no_links_for_are_counted() {
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        let servers = u32::try_from(PEERS_MAX).expect("a small number");
        for (more, line) in [(0, "\nquorate_members_past_links 0\n"), (3, "_past_links 3\n")] {
            let crowd = Crowd::new(servers + more, address);
            let view = EpochView::of(crowd.configuration().configuration().members[0].id);
            view.set_members(crowd.configuration());
            let mut page = String::new();
            write_found(&mut page, &view);
            assert!(page.contains(line), "{page}");
        }
    }
}
