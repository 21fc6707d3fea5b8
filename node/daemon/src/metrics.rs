//! The page of metrics and the answer to health checks, over HTTP on a loopback port.
//!
//! `GET /metrics` gives the counters in the text format of Prometheus, `GET /health` gives `ok`,
//! `GET /epochs` a line of JSON for each of the last ends of epochs: when which step was taken.
//! While a server makes the key of its system with the others, it has little to count, and says at
//! `/health` (503) what it waits for.
//! One request per connection, at most [`REQUEST_BYTES_MAX`] of it are read, and nothing but the
//! first line is looked at: a page of counters needs no more of HTTP.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quorate_runtime::{MachineSnapshot, Metrics, Snapshot};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::epochs::EpochView;
use crate::error::ServerError;
use crate::monitoring::MonitoringView;
use crate::names::Names;

mod founding;
mod links;
mod probes;

pub(crate) use founding::serve as serve_founding;

/// Longest request that is read, in bytes.
pub const REQUEST_BYTES_MAX: usize = 4096;
/// Longest time that a request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Wait after a connection could not be accepted: nothing tells that a descriptor is free again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the page in the background, with peers under these names.
///
/// # Errors
/// [`ServerError::Metrics`] if the address cannot be listened on.
pub async fn serve(
    address: SocketAddr,
    (metrics, names): (Arc<Metrics>, Names),
    (monitoring, epochs): (MonitoringView, Arc<EpochView>),
) -> Result<(), ServerError> {
    let listener = listen(address).await?;
    quorate_runtime::spawn(Box::pin(async move {
        let answer = |line: &[u8]| answer(line, (&metrics, &names), (&monitoring, &epochs));
        match answer_all(listener, answer).await {}
    }));
    Ok(())
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::Metrics { address, source })
}

/// A status and a text.
type Answer = (&'static str, String);

/// Answers first lines of requests, of one connection after the other.
async fn answer_all(listener: TcpListener, answer: impl Fn(&[u8]) -> Answer) -> Infallible {
    loop {
        match listener.accept().await {
            // Whoever asks too slowly, or has gone, has its own reasons.
            Ok((stream, _)) => drop(timeout(REQUEST_TIMEOUT, respond(stream, &answer)).await),
            // Out of descriptors: trying on without a pause would take the whole processor.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// The first line of a request.
async fn read_line(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut request = vec![0; REQUEST_BYTES_MAX];
    let mut length = 0;
    while length < request.len() && !request[..length].windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut request[length..]).await?;
        if count == 0 {
            break;
        }
        length += count;
    }
    let line = request[..length].split(|byte| *byte == b'\r').next();
    Ok(line.unwrap_or_default().to_vec())
}

async fn respond(mut stream: TcpStream, answer: &impl Fn(&[u8]) -> Answer) -> std::io::Result<()> {
    let (status, body) = answer(&read_line(&mut stream).await?);
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

fn answer(
    line: &[u8],
    (metrics, names): (&Metrics, &Names),
    (monitoring, epochs): (&MonitoringView, &EpochView),
) -> Answer {
    match line {
        b"GET /metrics HTTP/1.1" | b"GET /metrics HTTP/1.0" => {
            let mut page = page(&metrics.snapshot(), names);
            probes::write(&mut page, monitoring);
            write_epochs(&mut page, epochs);
            probes::write_found(&mut page, epochs);
            probes::write_margins(&mut page, epochs);
            founding::write(&mut page, None);
            ("200 OK", page)
        }
        b"GET /epochs HTTP/1.1" | b"GET /epochs HTTP/1.0" => {
            ("200 OK", epochs.ends().to_json_lines())
        }
        b"GET /health HTTP/1.1" | b"GET /health HTTP/1.0" => ("200 OK", health(epochs)),
        _ => ("404 Not Found", String::from("there are /metrics, /epochs and /health\n")),
    }
}

/// That the server serves, and what is the matter with it all the same.
fn health(epochs: &EpochView) -> String {
    epochs
        .clock()
        .condition()
        .map_or_else(|| String::from("ok\n"), |off| format!("ok, but {off}\n"))
}

/// The counters as Prometheus reads them.
fn page(snapshot: &Snapshot, names: &Names) -> String {
    let mut page = String::new();
    let machines = snapshot.machines_by_name();
    let mut single = |name: &str, help: &str, value: u64| {
        let text = format!(
            "# HELP quorate_{name} {help}\n# TYPE quorate_{name} counter\nquorate_{name} {value}\n"
        );
        page.push_str(&text);
    };
    single("ticks_total", "Rounds of the loop.", snapshot.ticks);
    single("pauses_total", "Rounds that waited for a disk or the pool.", snapshot.pauses);
    single("clock_jumps_total", "Jumps of the wall clock.", snapshot.clock_jumps);
    single("signatures_known_total", "Signatures known to be good.", snapshot.checks_known);
    single("signatures_checked_total", "Signatures that were checked.", snapshot.checks_made);
    page.push_str(
        "# HELP quorate_events_total What happened in a machine.\n\
         # TYPE quorate_events_total counter\n",
    );
    for machine in &machines {
        write_events(&mut page, machine);
    }
    page.push_str(
        "# HELP quorate_machine_total What the node did for a machine.\n\
         # TYPE quorate_machine_total counter\n",
    );
    for machine in &machines {
        write_work(&mut page, machine);
    }
    page.push_str(
        "# HELP quorate_sent_bytes_total Bytes of a machine for peers, one time for each.\n\
         # TYPE quorate_sent_bytes_total counter\n",
    );
    for machine in &machines {
        let name = machine.name;
        for (kind, bytes) in &machine.sent_bytes {
            let of = format_args!("machine=\"{name}\",kind=\"{kind}\"");
            put(&mut page, format_args!("quorate_sent_bytes_total{{{of}}} {bytes}\n"));
        }
    }
    page.push_str(
        "# HELP quorate_commit_seconds Time of a commit of the disk, as quantiles.\n\
         # TYPE quorate_commit_seconds summary\n",
    );
    for machine in &machines {
        write_commits(&mut page, machine);
    }
    page.push_str(
        "# HELP quorate_complaints_total What peers sent that was refused.\n\
         # TYPE quorate_complaints_total counter\n",
    );
    for (peer, why, count) in &snapshot.complaints {
        let peer = peer.map_or_else(|| String::from("others"), |peer| names.name(peer));
        put(
            &mut page,
            format_args!("quorate_complaints_total{{peer=\"{peer}\",reason=\"{why}\"}} {count}\n"),
        );
    }
    links::write(&mut page, &snapshot.links);
    page
}

fn write_epochs(page: &mut String, epochs: &EpochView) {
    let (epoch, is_member) = epochs.get();
    for (name, help, value) in [
        ("epoch", "The newest epoch that this server has adopted.", epoch),
        (
            "membership_seat",
            "1 if this server serves in the membership group of that epoch.",
            u64::from(is_member),
        ),
        ("epoch_age_seconds", "Age of that epoch.", epochs.age_seconds()),
        (
            "epoch_length_seconds",
            "How long this server has epochs last; 0: for ever.",
            epochs.length_seconds(),
        ),
        (
            "identity_epochs_left",
            "Epochs that the tree of the identity has left; another root takes its place before.",
            epochs.root_epochs(),
        ),
    ] {
        put(page, format_args!("# HELP quorate_{name} {help}\n# TYPE quorate_{name} gauge\n"));
        put(page, format_args!("quorate_{name} {value}\n"));
    }
    if let Some(seconds) = epochs.due_seconds() {
        page.push_str(
            "# HELP quorate_epoch_due_seconds Seconds until that epoch is due to end; below 0: \
             since then. Not there if epochs do not end.\n\
             # TYPE quorate_epoch_due_seconds gauge\n",
        );
        put(page, format_args!("quorate_epoch_due_seconds {seconds}\n"));
    }
    page.push_str(
        "# HELP quorate_clock_offset_seconds By how much this machine's clock seems to be ahead of \
         the times at which the last epochs began; below 0: behind.\n\
         # TYPE quorate_clock_offset_seconds gauge\n",
    );
    let offset = epochs.clock().offset_seconds();
    put(page, format_args!("quorate_clock_offset_seconds {offset}\n"));
    let ends = epochs.ends();
    let Some(end) = ends.last() else { return };
    let first = end.values().min().copied().unwrap_or_default();
    page.push_str(
        "# HELP quorate_epoch_step_seconds When each step of the last end of an epoch was taken, \
         counted from the first one here.\n# TYPE quorate_epoch_step_seconds gauge\n",
    );
    for (step, micros) in end {
        let (step, micros) = (step.label(), micros - first);
        let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
        let line =
            format_args!("quorate_epoch_step_seconds{{step=\"{step}\"}} {seconds}.{rest:06}\n");
        put(page, line);
    }
}

fn write_events(page: &mut String, machine: &MachineSnapshot) {
    let name = machine.name;
    for (mark, count) in &machine.marks {
        put(
            page,
            format_args!("quorate_events_total{{machine=\"{name}\",event=\"{mark}\"}} {count}\n"),
        );
    }
}

fn write_work(page: &mut String, machine: &MachineSnapshot) {
    let counts = [
        ("steps", machine.steps),
        ("frames", machine.frames),
        ("useless", machine.useless),
        ("settled_inline", machine.settled_inline),
        ("settled_pooled", machine.settled_pooled),
        ("records", machine.records),
        ("sent", machine.sent),
        ("records_durable", machine.records_durable),
        ("commits", machine.commits),
    ];
    let name = machine.name;
    for (what, count) in counts {
        put(
            page,
            format_args!("quorate_machine_total{{machine=\"{name}\",what=\"{what}\"}} {count}\n"),
        );
    }
}

fn write_commits(page: &mut String, machine: &MachineSnapshot) {
    let (name, commits) = (machine.name, &machine.commit_micros);
    for thousandths in [500, 990] {
        let micros = commits.quantile(thousandths);
        put(
            page,
            format_args!(
                "quorate_commit_seconds{{machine=\"{name}\",quantile=\"0.{thousandths}\"}} \
             {}.{:06}\n",
                micros / 1_000_000,
                micros % 1_000_000
            ),
        );
    }
    put(
        page,
        format_args!("quorate_commit_seconds_count{{machine=\"{name}\"}} {}\n", commits.count()),
    );
}

fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("writing to memory does not fail");
}
