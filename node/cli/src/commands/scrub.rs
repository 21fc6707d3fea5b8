//! `quorate scrub`: have every server check all bytes that it holds.

use std::fmt::Write as _;
use std::io::IsTerminal;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use quorate_client::cluster::Cluster;
use quorate_client::explanation::{Explanation, Kind};
use quorate_client::scrub::{SCRUB_SILENCE, ScrubReport, ScrubStates};
use serde_json::json;

use super::session::{ClusterArguments, session};
use crate::answer::Answer;
use crate::failure::Failure;

/// Which cluster.
#[derive(Args, Debug)]
pub(crate) struct ScrubArguments {
    #[command(flatten)]
    cluster: ClusterArguments,
}

pub(crate) fn run(arguments: &ScrubArguments, json: bool) -> Result<Answer, Failure> {
    let bar = bar(json);
    let (answer, failure) = session(&arguments.cluster, json, async |cluster| {
        let members = cluster.configuration().configuration().members.len();
        let mut progress = |states: &ScrubStates| show(&bar, states, members);
        let states = cluster.scrub(&mut progress).await?;
        let answer = describe(&cluster, &states);
        let failure = judge(&cluster, &states);
        Ok((answer, failure))
    })?;
    bar.finish_and_clear();
    match failure {
        None => Ok(answer),
        Some(failure) => {
            // What was found is worth as much as that it is bad.
            answer.print(json);
            Err(failure)
        }
    }
}

fn bar(json: bool) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {percent}% {msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(1000).with_style(style)
}

fn show(bar: &ProgressBar, states: &ScrubStates, members: usize) {
    let done: u64 = states.values().map(|state| u64::from(state.thousandths)).sum();
    let sum = |of: fn(&ScrubReport) -> u64| -> u64 {
        states.values().map(|state| of(&state.report)).sum()
    };
    bar.set_position(done / (members.max(1) as u64));
    bar.set_message(format!(
        "{} objects, {} MB, {} corrupt",
        sum(|report| report.checked),
        sum(|report| report.bytes) / 1_000_000,
        sum(|report| report.damaged),
    ));
}

fn describe(cluster: &Cluster, states: &ScrubStates) -> Answer {
    let known = cluster.configuration();
    let members = &known.configuration().members;
    let mut text = format!(
        "{:<16} {:<22} {:>9} {:>14} {:>8} {:>9} {:>12}",
        "server", "address", "objects", "bytes", "corrupt", "repaired", "unrepairable"
    );
    let mut servers = Vec::new();
    for member in members {
        let state = states.get(&member.id).copied().unwrap_or_default();
        let report = state.report;
        let (checked, bytes, unrepaired) = (report.checked, report.bytes, report.unrepaired());
        let server = member.name();
        write!(
            text,
            "\n{server:<16} {:<22} {checked:>9} {bytes:>14} {:>8} {:>9} {unrepaired:>12}",
            member.address, report.damaged, report.repaired
        )
        .expect("a string takes everything");
        if !state.is_over {
            text.push_str("  DID NOT FINISH");
        }
        if report.unread > 0 {
            text.push_str("  ITS STORE CANNOT BE READ");
        }
        servers.push(json!({
            "identity_key": member.identity_key.to_hex(), "id": member.id.to_hex(),
            "address": member.address, "finished": state.is_over,
            "objects": checked, "bytes": bytes, "corrupt": report.damaged,
            "repaired": report.repaired, "unrepairable": unrepaired, "unread": report.unread,
        }));
    }
    let sum = |of: fn(&ScrubReport) -> u64| -> u64 {
        states.values().map(|state| of(&state.report)).sum()
    };
    let json = json!({
        "servers": servers, "finished": unfinished(cluster, states).is_empty(),
        "objects": sum(|report| report.checked), "bytes": sum(|report| report.bytes),
        "corrupt": sum(|report| report.damaged), "repaired": sum(|report| report.repaired),
        "unrepairable": sum(ScrubReport::unrepaired), "unread": sum(|report| report.unread),
    });
    Answer { text, json }
}

/// The addresses of servers that did not check everything.
fn unfinished(cluster: &Cluster, states: &ScrubStates) -> Vec<String> {
    let known = cluster.configuration();
    let members = &known.configuration().members;
    let is_over = |id| states.get(id).is_some_and(|state| state.is_over);
    let late = members.iter().filter(|member| !is_over(&member.id));
    late.map(|member| member.address.clone()).collect()
}

/// The addresses of servers of whose report this is not zero.
fn addresses(cluster: &Cluster, states: &ScrubStates, of: fn(&ScrubReport) -> u64) -> String {
    let known = cluster.configuration();
    let members = &known.configuration().members;
    let is_meant = |id| states.get(id).is_some_and(|state| of(&state.report) > 0);
    let meant = members.iter().filter(|member| is_meant(&member.id));
    meant.map(|member| member.address.as_str()).collect::<Vec<_>>().join(", ")
}

/// What is bad about what was found: damage first, then what could not be read, then servers that
/// did not answer.
fn judge(cluster: &Cluster, states: &ScrubStates) -> Option<Failure> {
    let sum = |of: fn(&ScrubReport) -> u64| -> u64 {
        states.values().map(|state| of(&state.report)).sum()
    };
    let unrepaired = sum(ScrubReport::unrepaired);
    if unrepaired > 0 {
        return Some(Failure::from(Explanation {
            kind: Kind::Damaged,
            code: "damaged",
            what: format!("{unrepaired} damaged copies could not be repaired"),
            place: addresses(cluster, states, ScrubReport::unrepaired),
            remedy: String::from(
                "start the servers that are down and run it again; the logs of these servers name \
                 the objects, and a server that stopped over one says what to do",
            ),
        }));
    }
    if sum(|report| report.unread) > 0 {
        return Some(Failure::from(Explanation {
            kind: Kind::Damaged,
            code: "unread",
            what: String::from("not everything could be read: the store of a server fails"),
            place: addresses(cluster, states, |report| report.unread),
            remedy: String::from("check its disk and its log, then run it again"),
        }));
    }
    let late = unfinished(cluster, states);
    (!late.is_empty()).then(|| {
        Failure::from(Explanation {
            kind: Kind::NoQuorum,
            code: "silent",
            what: format!("{} of the servers did not finish the scrub", late.len()),
            place: late.join(", "),
            remedy: format!(
                "start them and run it again; a server is given up after {} silent seconds",
                SCRUB_SILENCE.as_secs()
            ),
        })
    })
}
