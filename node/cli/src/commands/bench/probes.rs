//! `quorate bench probes`: what it costs a member of the membership group to watch all servers, and
//! what it holds of them in memory.
//!
//! A process of its own answers for all of them on loopback. The prober is the one that servers
//! run; the configuration names no key of any server but the group's, so that each shows its
//! certificate once.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use quorate_client::explanation::Kind;
use quorate_daemon::addresses::{Addresses, system_lookup};
use quorate_daemon::crowd::{self, CROWD_MIN, Crowd};
use quorate_daemon::host::answerer::{AnswerRates, Rate, RunningAnswerer};
use quorate_daemon::host::prober::{Outlet, RunningProber};
use quorate_membership::monitor::{ProbeRule, ProberStatus};
use quorate_types::Digest;
use serde_json::json;

use super::processes::{cpu_nanos, forget_memory_peak, memory_kib, memory_peak_kib};
use super::{json_thousandths, thousandths};
use crate::answer::{Answer, say};
use crate::failure::Failure;
use crate::local::Scratch;

/// How many servers, how often, and for how long.
#[derive(Args, Debug)]
pub(crate) struct ProbesArguments {
    /// Servers that are watched.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32)
        .range(i64::from(CROWD_MIN)..=200_000))]
    servers: u32,
    /// Seconds in which each server is asked once.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    period: u32,
    /// Seconds of measuring.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// Be the process that answers, until the input ends.
    #[arg(long, hide = true)]
    answer: bool,
}

pub(super) fn run(arguments: &ProbesArguments) -> Result<Answer, Failure> {
    if arguments.answer { answer_for_all(arguments.servers) } else { measure(arguments) }
}

fn failed(what: &'static str) -> impl Fn(std::io::Error) -> Failure {
    move |error| Failure::io(what, std::path::Path::new("the sockets of probes"), &error)
}

fn not_stored(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    let place = std::path::Path::new("bench probes");
    Failure::io("store the state of", place, &std::io::Error::other(error))
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Answers until nobody holds the other end of the input.
fn answer_for_all(servers: u32) -> Result<Answer, Failure> {
    // Here one process has what is meant for 100,000.
    let plenty = Rate { burst: 1_000_000, per_second: 1_000_000 };
    let rates = AnswerRates { plain: (plenty, plenty), dear: (plenty, plenty) };
    let answerers = crowd::answerers(servers);
    let running = RunningAnswerer::start(loopback(), answerers, (rates, &[]), Arc::new(|| {}));
    let running = running.map_err(failed("open"))?;
    say(&running.address().to_string());
    std::io::stdin().read_to_end(&mut Vec::new()).map_err(failed("wait for the end of"))?;
    Ok(Answer::none())
}

/// The process that answers; it ends with this value.
struct Answering {
    child: Child,
    address: SocketAddr,
}

impl Answering {
    fn start(servers: u32) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(failed("find the program for"))?;
        let mut command = Command::new(program);
        command.args(["bench", "probes", "--answer", "--servers", &servers.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(failed("start the process of"))?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(failed("read the address of"))?;
        }
        match line.trim().parse() {
            Ok(address) => Ok(Self { child, address }),
            Err(_) => {
                drop(child.kill());
                drop(child.wait());
                let sort = (Kind::NotServing, "server-not-started");
                let place = std::path::Path::new("bench probes");
                Err(Failure::about(place, sort, "the process that answers ended", "try again"))
            }
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

/// What was counted up to one moment.
struct Reading {
    when: Instant,
    prober_nanos: u64,
    answerer_nanos: u64,
    status: ProberStatus,
}

/// Between two readings.
struct Figures {
    micros: u64,
    sent: u64,
    signed: u64,
    answered: u64,
    missed: u64,
    suspects: u64,
    prober_nanos: u64,
    answerer_nanos: u64,
    memory_kib: u64,
    peak_kib: u64,
    /// Before anything was made that grows with the servers.
    fixed_kib: u64,
}

fn measure(arguments: &ProbesArguments) -> Result<Answer, Failure> {
    let fixed_kib = memory_kib(std::process::id());
    let scratch = Scratch::new("probes")?;
    let answering = Answering::start(arguments.servers)?;
    let crowd = Crowd::new(arguments.servers, answering.address);
    let period = quorate_types::Duration::from_secs(u64::from(arguments.period));
    let prober = crowd.prober(ProbeRule::of_period(period), Digest::new([1; 32]));
    let mut holdings = crowd.holdings(scratch.path()).map_err(not_stored)?;
    forget_memory_peak();
    let next = crowd.end_epoch(&mut holdings, scratch.path()).map_err(not_stored)?;
    drop(crowd);
    // All servers of a crowd are at one address, which is no name.
    let addresses = Addresses::new(system_lookup(), || {});
    let outlet: Outlet = Box::new(drop);
    let prober = RunningProber::start(loopback(), (prober, &addresses), (outlet, Arc::new(|| {})));
    let prober = prober.map_err(failed("open"))?;
    let read = || Reading {
        when: Instant::now(),
        prober_nanos: cpu_nanos(std::process::id()),
        answerer_nanos: cpu_nanos(answering.child.id()),
        status: prober.status(),
    };
    let before = read();
    std::thread::sleep(Duration::from_secs(u64::from(arguments.seconds)));
    let figures = Figures::between(&before, &read(), fixed_kib);
    drop((holdings, next));
    Ok(report(arguments, &figures))
}

impl Figures {
    fn between(before: &Reading, after: &Reading, fixed_kib: u64) -> Self {
        let (old, new) = (before.status, after.status);
        let micros = after.when.duration_since(before.when).as_micros();
        let pid = std::process::id();
        Self {
            micros: u64::try_from(micros).unwrap_or(u64::MAX).max(1),
            sent: (new.sent - old.sent).max(1),
            signed: new.sent_signed - old.sent_signed,
            answered: new.answered - old.answered,
            missed: new.missed - old.missed,
            suspects: new.suspects,
            prober_nanos: after.prober_nanos.saturating_sub(before.prober_nanos),
            answerer_nanos: after.answerer_nanos.saturating_sub(before.answerer_nanos),
            memory_kib: memory_kib(pid),
            peak_kib: memory_peak_kib(pid),
            fixed_kib,
        }
    }

    /// Part of one core, thousandths of a percent.
    const fn share(&self, nanos: u64) -> u64 {
        nanos.saturating_mul(100) / self.micros
    }

    /// Microseconds for each probe, thousandths.
    const fn each(&self, nanos: u64) -> u64 {
        nanos / self.sent
    }
}

fn report(arguments: &ProbesArguments, figures: &Figures) -> Answer {
    let Figures { sent, signed, answered, missed, suspects, .. } = *figures;
    let (prober, answerer) = (figures.prober_nanos, figures.answerer_nanos);
    let mb = |kib: u64| kib * 1024 / 1_000_000;
    let (memory, peak) = (mb(figures.memory_kib), mb(figures.peak_kib));
    let grown = mb(figures.memory_kib.saturating_sub(figures.fixed_kib));
    let grown_peak = mb(figures.peak_kib.saturating_sub(figures.fixed_kib));
    let text = format!(
        "servers     {}, each asked once in {} s\n\
         probes      {sent} sent, {signed} of them signed, {answered} answered, {missed} missed, \
         {suspects} suspects\n\
         prober      {} us for each, {} % of one core\n\
         answerer    {} us for each, {} % of one core\n\
         memory      {memory} MB, at most {peak} MB while the epoch ended; for the servers, \
         {grown} and {grown_peak} MB of it",
        arguments.servers,
        arguments.period,
        thousandths(figures.each(prober)),
        thousandths(figures.share(prober)),
        thousandths(figures.each(answerer)),
        thousandths(figures.share(answerer)),
    );
    let json = json!({
        "servers": arguments.servers, "period_seconds": arguments.period,
        "seconds": arguments.seconds, "sent": sent, "signed": signed, "answered": answered,
        "missed": missed, "suspects": suspects,
        "prober_us_per_probe": json_thousandths(figures.each(prober)),
        "prober_percent_of_core": json_thousandths(figures.share(prober)),
        "answerer_us_per_probe": json_thousandths(figures.each(answerer)),
        "answerer_percent_of_core": json_thousandths(figures.share(answerer)),
        "memory_mb": memory, "memory_peak_mb": peak,
        "memory_of_servers_mb": grown, "memory_of_servers_peak_mb": grown_peak,
    });
    Answer { text, json }
}
