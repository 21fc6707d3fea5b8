//! What `bench epochs` says.

use std::fmt::Write as _;
use std::time::Duration;

use quorate_daemon::epochs::steps::Step;
use serde_json::{Value, json};

use super::change::{Change, median};
use super::{EpochsArguments, Usage};
use crate::answer::Answer;
use crate::commands::bench::{json_thousandths, thousandths};

/// What was measured.
#[derive(Debug)]
pub(super) struct Measured {
    /// The ends of epochs.
    pub(super) changes: Vec<Change>,
    pub(super) before: Usage,
    pub(super) after: Usage,
    /// The times between two proofs of freshness that a client got, longest first.
    pub(super) waits: Vec<Duration>,
    /// Processor time of all servers in a second in which no epoch ends.
    pub(super) quiet_cpu_micros_per_second: u64,
    /// Of the largest server.
    pub(super) memory_peak_kib: u64,
    /// Of all servers together.
    pub(super) memory_all_kib: u64,
}

/// Messages of the participants, by what they are for.
const KINDS: [(&str, &[&str]); 4] = [
    ("deposits", &["deposit"]),
    ("signing", &["end_vote", "abort_vote", "part", "certified"]),
    (
        "resharing",
        &["dealing", "acknowledgement", "completion", "fetch_dealing", "grievance", "help"],
    ),
    ("news", &["news"]),
];

impl Measured {
    /// The lengths of those that came to an end everywhere, in order.
    fn lengths(&self) -> Vec<i64> {
        let mut lengths: Vec<i64> = self.changes.iter().filter_map(Change::length_micros).collect();
        lengths.sort_unstable();
        lengths
    }

    /// The one that took the median time.
    pub(super) fn median_change(&self) -> Option<&Change> {
        let length = median(&self.lengths());
        self.changes.iter().find(|change| change.length_micros() == Some(length))
    }

    /// How much a counter grew, for each epoch.
    fn per_epoch(&self, name: &str) -> u64 {
        let value = |usage: &Usage| usage.counters.get(name).copied().unwrap_or(0);
        value(&self.after).saturating_sub(value(&self.before)) / self.changes.len().max(1) as u64
    }

    /// The longest time in which the client got no proof of freshness, in the median epoch and in
    /// the worst, microseconds.
    fn wait_micros(&self) -> (i64, i64) {
        let of = |wait: &Duration| i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        let waits = self.waits.iter().take(self.changes.len());
        let mut waits: Vec<i64> = waits.map(of).collect();
        waits.sort_unstable();
        (median(&waits), waits.last().copied().unwrap_or(0))
    }

    fn handover_bytes(&self, kinds: &[&str]) -> u64 {
        let name = |kind: &&str| {
            format!("quorate_sent_bytes_total{{machine=\"handover\",kind=\"{kind}\"}}")
        };
        kinds.iter().map(|kind| self.per_epoch(&name(kind))).sum()
    }

    fn machine_bytes(&self, machine: &str) -> u64 {
        self.per_epoch(&format!("quorate_sent_bytes_total{{machine=\"{machine}\",kind=\"any\"}}"))
    }

    fn commits(&self, machine: &str) -> u64 {
        self.per_epoch(&format!("quorate_machine_total{{machine=\"{machine}\",what=\"commits\"}}"))
    }

    /// Processor time for each epoch: all of it, and what is above that of quiet seconds.
    fn cpu_micros(&self) -> (u64, u64) {
        let count = self.changes.len().max(1) as u64;
        let all = self.after.cpu_micros.saturating_sub(self.before.cpu_micros);
        let length = self.after.when.duration_since(self.before.when).as_millis();
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        let quiet = self.quiet_cpu_micros_per_second.saturating_mul(length) / 1000;
        (all / count, all.saturating_sub(quiet) / count)
    }
}

/// When servers took a step, over all ends of epochs.
struct StepFigures {
    step: Step,
    /// How many take it, in the median end.
    servers: usize,
    /// The first server that takes it, the one in the middle and the last one, in the median end.
    first: i64,
    middle: i64,
    last: i64,
    /// The last one, in the worst end.
    worst: i64,
}

fn step_figures(measured: &Measured, step: Step) -> Option<StepFigures> {
    let all: Vec<Vec<i64>> = measured.changes.iter().map(|change| change.moments(step)).collect();
    let of = |pick: &dyn Fn(&Vec<i64>) -> Option<i64>| {
        let mut picked: Vec<i64> = all.iter().filter_map(pick).collect();
        picked.sort_unstable();
        picked
    };
    let lasts = of(&|moments| moments.last().copied());
    let counts = of(&|moments| i64::try_from(moments.len()).ok());
    Some(StepFigures {
        step,
        servers: usize::try_from(median(&counts)).unwrap_or(0),
        first: median(&of(&|moments| moments.first().copied())),
        middle: median(&of(&|moments| (!moments.is_empty()).then(|| median(moments)))),
        last: median(&lasts),
        worst: *lasts.last()?,
    })
}

/// What the cited protocols would send off the chain for a group of this size, bytes: optimistic
/// MPSS, and CHURP (specification of the membership service, 5.2).
fn formulas(n: u64) -> (u64, u64) {
    (53_667 * n.pow(4) / 1000, 226 * n * n + 325 * n)
}

/// Milliseconds with three decimals; before NEXTEPOCH they are negative.
fn ms(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    format!("{sign}{}", thousandths(micros.unsigned_abs()))
}

fn json_ms(micros: i64) -> Option<serde_json::Number> {
    ms(micros).parse().ok()
}

pub(super) fn report(arguments: &EpochsArguments, measured: &Measured) -> Answer {
    let steps: Vec<StepFigures> =
        Step::ALL.into_iter().filter_map(|step| step_figures(measured, step)).collect();
    Answer {
        text: text(arguments, measured, &steps).trim_end().to_owned(),
        json: to_json(arguments, measured, &steps),
    }
}

fn text(arguments: &EpochsArguments, measured: &Measured, steps: &[StepFigures]) -> String {
    let (lengths, count) = (measured.lengths(), measured.changes.len());
    let n = 3 * u64::from(arguments.f_ms) + 1;
    let mut text = String::new();
    let mut line = |arguments: std::fmt::Arguments<'_>| {
        text.write_fmt(arguments).expect("a string takes everything");
        text.push('\n');
    };
    line(format_args!(
        "servers     {}, a membership group of {n}, epochs of {} s",
        arguments.nodes, arguments.epoch_seconds
    ));
    line(format_args!(
        "the end     of {} of {count} epochs: best {} ms, median {} ms, worst {} ms",
        lengths.len(),
        ms(lengths.first().copied().unwrap_or(0)),
        ms(median(&lengths)),
        ms(lengths.last().copied().unwrap_or(0)),
    ));
    line(format_args!("            from NEXTEPOCH to the signed configuration, durable at all"));
    line(format_args!("step        servers     first    median      last     worst, ms"));
    for figures in steps {
        let StepFigures { step, servers, first, middle, last, worst } = figures;
        line(format_args!(
            "  {:<10}{servers:>7}{:>10}{:>10}{:>10}{:>10}",
            step.label(),
            ms(*first),
            ms(*middle),
            ms(*last),
            ms(*worst)
        ));
    }
    let (wait, longest) = measured.wait_micros();
    line(format_args!(
        "freshness   a client that asks all the time gets no answer for {} ms, at most {} ms",
        ms(wait),
        ms(longest)
    ));
    let (mpss, churp) = formulas(n);
    for (name, kinds) in KINDS {
        let bytes = measured.handover_bytes(kinds);
        line(format_args!("{name:<12}{bytes} bytes"));
    }
    line(format_args!("            beside it: MPSS {mpss} bytes, CHURP {churp} bytes"));
    for machine in ["membership", "dissemination", "configuration"] {
        let bytes = measured.machine_bytes(machine);
        line(format_args!("{machine:<14}{bytes} bytes"));
    }
    let (all, above) = measured.cpu_micros();
    let nodes = u64::from(arguments.nodes);
    line(format_args!(
        "processor   {} ms for each epoch and server, {} ms of it above quiet seconds",
        thousandths(all / nodes),
        thousandths(above / nodes)
    ));
    line(format_args!(
        "commits     {} of the group's logs, {} of the participants",
        measured.commits("membership"),
        measured.commits("handover")
    ));
    line(format_args!(
        "memory      at most {} MiB a server, {} MiB all",
        measured.memory_peak_kib / 1024,
        measured.memory_all_kib / 1024
    ));
    text
}

fn to_json(arguments: &EpochsArguments, measured: &Measured, steps: &[StepFigures]) -> Value {
    let lengths = measured.lengths();
    let (mpss, churp) = formulas(3 * u64::from(arguments.f_ms) + 1);
    let (all, above) = measured.cpu_micros();
    let nodes = u64::from(arguments.nodes);
    let step = |figures: &StepFigures| {
        json!({
            "step": figures.step.label(), "servers": figures.servers,
            "first_ms": json_ms(figures.first), "median_ms": json_ms(figures.middle),
            "last_ms": json_ms(figures.last), "worst_ms": json_ms(figures.worst),
        })
    };
    let change = |change: &Change| {
        let length = change.length_micros().and_then(json_ms);
        json!({ "epoch": change.epoch, "ms": length })
    };
    let bytes: serde_json::Map<String, Value> =
        KINDS
            .into_iter()
            .map(|(name, kinds)| (name.to_owned(), json!(measured.handover_bytes(kinds))))
            .chain(["membership", "dissemination", "configuration"].into_iter().map(|machine| {
                (format!("{machine}_machine"), json!(measured.machine_bytes(machine)))
            }))
            .collect();
    json!({
        "nodes": arguments.nodes, "f_ms": arguments.f_ms,
        "epoch_seconds": arguments.epoch_seconds, "epochs": measured.changes.len(),
        "ended": lengths.len(),
        "best_ms": lengths.first().copied().and_then(json_ms),
        "median_ms": json_ms(median(&lengths)),
        "worst_ms": lengths.last().copied().and_then(json_ms),
        "changes": measured.changes.iter().map(change).collect::<Vec<_>>(),
        "steps": steps.iter().map(step).collect::<Vec<_>>(),
        "no_proof_median_ms": json_ms(measured.wait_micros().0),
        "no_proof_worst_ms": json_ms(measured.wait_micros().1),
        "bytes_per_epoch": bytes,
        "mpss_bytes": mpss, "churp_bytes": churp,
        "cpu_ms_per_epoch_and_server": json_thousandths(all / nodes),
        "cpu_ms_above_quiet": json_thousandths(above / nodes),
        "membership_commits_per_epoch": measured.commits("membership"),
        "handover_commits_per_epoch": measured.commits("handover"),
        "server_peak_mib": measured.memory_peak_kib / 1024,
        "all_servers_peak_mib": measured.memory_all_kib / 1024,
    })
}

#[cfg(test)]
mod tests {
    //! The formulas of the specification, at its own examples.
    use super::{formulas, ms};

    #[test]
    fn the_formulas_give_what_the_specification_lists() {
        let seen: Vec<(u64, u64)> = [4, 7, 13].into_iter().map(formulas).collect();
        assert_eq!(seen, [(13_738, 4_916), (128_854, 13_349), (1_532_783, 42_419)]);
    }

    #[test]
    fn a_moment_before_nextepoch_is_negative() {
        assert_eq!([ms(-1_500), ms(0), ms(2_001)], ["-1.500", "0.000", "2.001"]);
    }
}
