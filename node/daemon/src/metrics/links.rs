//! The part of the page that is about links: what they hold, and why connections ended.

use quorate_net::{Class, NetSnapshot};

use super::put;

/// A counter or gauge with one label.
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    label: &'static str,
}

const fn counter(name: &'static str, label: &'static str, help: &'static str) -> Family {
    Family { name, kind: "counter", help, label }
}

const fn gauge(name: &'static str, label: &'static str, help: &'static str) -> Family {
    Family { name, kind: "gauge", help, label }
}

const CONNECTIONS: Family = gauge("connections", "of", "Connections that are up.");
const SESSIONS: Family = gauge("client_sessions", "of", "Sessions of clients.");
const UNPROVEN: Family = counter(
    "sessions_unproven_total",
    "cause",
    "Sessions that showed a certificate and stay strangers.",
);
const ENDS: Family =
    counter("connections_ended_total", "cause", "Connections refused or ended, by cause.");
const PAUSES: Family =
    counter("link_pauses_total", "cause", "Times a connection was not read for a while.");
const FRAMES_IN: Family = counter("frames_received_total", "class", "Frames received.");
const FRAMES_OUT: Family = counter("frames_sent_total", "class", "Frames written.");
const DROPPED: Family =
    counter("frames_dropped_total", "class", "Frames dropped: the queue of their peer was full.");
const QUEUES: Family =
    gauge("queue_bytes_peak", "class", "The most bytes that the queue of one peer ever held.");
const MEMORY: Family =
    gauge("link_bytes_peak", "of", "The most bytes that links ever held for one kind of use.");

fn class(class: Class) -> &'static str {
    match class {
        Class::Control => "control",
        Class::Ordered => "ordered",
        Class::Bulk => "bulk",
    }
}

/// Appends the counters of the links.
pub(super) fn write(page: &mut String, links: &NetSnapshot) {
    let by_class = |counts: [u64; 3]| Class::ALL.map(class).into_iter().zip(counts);
    let others = links.connections.saturating_sub(links.client_connections);
    family(page, &CONNECTIONS, [("clients", links.client_connections), ("servers", others)]);
    let sessions =
        [("proven", links.proven_sessions), ("strangers_peak", links.stranger_sessions_peak)];
    family(page, &SESSIONS, sessions);
    family(page, &UNPROVEN, [("no_room", links.unproven_for_lack_of_room)]);
    family(page, &ENDS, links.causes.iter().map(|(cause, count)| (cause.label(), *count)));
    let pauses = [("budget", links.pauses_budget), ("pending", links.pauses_pending)];
    family(page, &PAUSES, pauses);
    family(page, &FRAMES_IN, by_class(links.frames_in));
    family(page, &FRAMES_OUT, by_class(links.frames_out));
    family(page, &DROPPED, by_class(links.dropped_full));
    family(page, &QUEUES, by_class(links.queue_bytes_peak));
    let memory = [
        ("clients", links.clients_queue_bytes_peak),
        ("strangers", links.strangers_queue_bytes_peak),
        ("pending", links.pending_bytes_peak),
    ];
    family(page, &MEMORY, memory);
}

fn family(
    page: &mut String,
    family: &Family,
    values: impl IntoIterator<Item = (&'static str, u64)>,
) {
    let Family { name, kind, help, label } = family;
    put(page, format_args!("# HELP quorate_{name} {help}\n# TYPE quorate_{name} {kind}\n"));
    for (value, count) in values {
        put(page, format_args!("quorate_{name}{{{label}=\"{value}\"}} {count}\n"));
    }
}

#[cfg(test)]
mod tests {
    //! Each value stands on a line of its own, under its label.

    #[test]
    fn every_cause_and_class_has_a_line() {
        let mut page = String::new();
        super::write(&mut page, &quorate_net::NetCounters::default().snapshot());
        for line in [
            "quorate_connections{of=\"clients\"} 0\n",
            "quorate_connections_ended_total{cause=\"frame_too_large\"} 0\n",
            "quorate_connections_ended_total{cause=\"displaced\"} 0\n",
            "quorate_client_sessions{of=\"proven\"} 0\n",
            "quorate_link_pauses_total{cause=\"budget\"} 0\n",
            "quorate_queue_bytes_peak{class=\"bulk\"} 0\n",
            "quorate_link_bytes_peak{of=\"pending\"} 0\n",
        ] {
            assert!(page.contains(line), "{line} is not in {page}");
        }
    }
}
