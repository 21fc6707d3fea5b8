//! The simulator's program: `cargo xtask sim <command>`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to its user")]

use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use quorate_membership::RootRule;
use quorate_sim::cpu::CpuClock;
use quorate_sim::crashes::{self, Enumeration, Share, Victims};
use quorate_sim::epochs::year::{self, Plan, Tally};
use quorate_sim::marks::HITS_MIN;
use quorate_sim::report::{Counts, Report, Violation};
use quorate_sim::runner::{self, Finding, Quota, Totals};
use quorate_sim::scenario::{FaultKind, Profile, Scenario};
use quorate_sim::seeds;
use quorate_sim::shrink;
use quorate_sim::system::{Limits, Plant, SYSTEMS, System, system};

const USAGE: &str = "\
sim ci      [--seeds N] [--events N] [--jobs N]  fresh seeds of the commit, and feuds; fails on
                                                 a violation
sim run     --seed N [--profile P]               one seed; --twice compares two runs
            [--scene NAME]                       as a scene is told with this seed (replay, shrink)
sim replay  --seed N [--until N] [--from N] [--trace]  the same with a line for each event
sim shrink  --seed N [--runs N]                  a small scenario that fails in the same way
sim plants  [--known NAME,..]                    runs each planted bug until its checker fires;
            [--list]                             known to unit tests, these do not count
sim crashes [--scene NAME] [--point N]           a crash at every effect of each scene of a system,
            [--stride N]                         and every write failing; or at one point of one
            [--together]                         a crash of each set of servers at every effect
            [--share I/N]                        the I-th of N parts, from 0: one can be run after
                                                 another, and again
sim crashes --seed N [--ops N] [--stride N]      the same for the quiet scenario of a seed
sim marks   [--seeds N]                          hits of each coverage mark
sim year    [--epochs N] [--servers N] [--f N]   epochs with real shares and keys, and a thief who
            [--seed N] [--root-epochs N]         robs f servers in each of them

everywhere: [--system NAME] (ci, plants and marks: all systems), [--plant NAME],
            [--profile swarm|short|feud|calm]
environment: QUORATE_COMMIT, or else the commit that is checked out, gives the fresh seeds";

/// What the gate runs, unless told otherwise.
const SEEDS: u64 = 200;
const EVENTS: u64 = 50_000_000;
/// Hourly epochs of a year; the gate lives through two days of them.
const YEAR_EPOCHS: u64 = 8_760;
const GATE_EPOCHS: u64 = 48;
/// Epochs after which identities get another root in the gate, so that it sees two of them.
const GATE_ROOT_EPOCHS: u32 = 18;
/// Lines in which a year is told of.
const LINES: u64 = 40;
/// Processor time within which a planted bug must be found.
const PLANT_CPU_MAX: Duration = Duration::from_secs(20);
/// Runs that shrinking may take.
const SHRINK_RUNS: u64 = 2_000;
/// The gate takes one crash point of so many; which ones changes with the commit.
const CRASH_STRIDE: usize = 4;
/// Faults that neither swarm nor feud draws: the enumeration of crashes makes them.
const UNDRAWN_FAULTS: [&str; 1] = ["write-fails"];
/// Operations of a scenario for crash enumeration.
const CRASH_OPS: u64 = 8;

/// What may stand on the command line beside the command.
const OPTIONS: [&str; 24] = [
    "--epochs",
    "--events",
    "--f",
    "--from",
    "--jobs",
    "--known",
    "--list",
    "--ops",
    "--plant",
    "--point",
    "--profile",
    "--root-epochs",
    "--runs",
    "--scene",
    "--seed",
    "--seeds",
    "--servers",
    "--share",
    "--stride",
    "--system",
    "--together",
    "--trace",
    "--twice",
    "--until",
];

/// The words of the command line.
struct Words(Vec<String>);

impl Words {
    /// A word that nobody reads would look as if it had been heeded.
    fn check(&self) -> Result<(), String> {
        let is_unknown =
            |word: &&String| word.starts_with('-') && !OPTIONS.contains(&word.as_str());
        let unknown = self.0.iter().find(is_unknown);
        unknown.map_or(Ok(()), |word| Err(format!("not understood: {word}\n\n{USAGE}")))
    }

    fn text(&self, name: &str) -> Option<&str> {
        let index = self.0.iter().position(|word| word == name)?;
        self.0.get(index + 1).map(String::as_str)
    }

    fn number(&self, name: &str) -> Result<Option<u64>, String> {
        let wrong = |text: &str| format!("{name} needs a number: {text}");
        let parse = |text: &str| text.parse().ok().ok_or_else(|| wrong(text));
        self.text(name).map(parse).transpose()
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|word| word == name)
    }

    fn seed(&self) -> Result<u64, String> {
        self.number("--seed")?.ok_or_else(|| "--seed N is missing".to_owned())
    }

    fn profile(&self) -> Result<Profile, String> {
        let Some(name) = self.text("--profile") else { return Ok(Profile::Swarm) };
        let known = Profile::ALL.into_iter().find(|profile| profile.name() == name);
        known.ok_or_else(|| format!("there is no profile {name}: swarm, short, feud or calm"))
    }

    fn systems(&self) -> Result<Vec<&'static dyn System>, String> {
        let Some(name) = self.text("--system") else { return Ok(SYSTEMS.to_vec()) };
        let names = || SYSTEMS.iter().map(|system| system.name()).collect::<Vec<_>>().join(", ");
        Ok(vec![system(name).ok_or_else(|| format!("no system {name}; there are: {}", names()))?])
    }

    fn one_system(&self) -> Result<&'static dyn System, String> {
        Ok(self.systems()?[0])
    }

    fn plant(&self, system: &dyn System) -> Result<Option<&'static Plant>, String> {
        let Some(name) = self.text("--plant") else { return Ok(None) };
        let known = system.plants().iter().find(|plant| plant.name == name);
        known.map(Some).ok_or_else(|| format!("{} has no plant {name}", system.name()))
    }
}

fn main() -> ExitCode {
    quorate_sim::panics::silence();
    let words = Words(std::env::args().skip(1).collect());
    let command = words.0.first().map_or("", String::as_str);
    let result = words.check().and_then(|()| match command {
        "ci" => ci(&words),
        "run" | "replay" => replay(&words, command == "run"),
        "shrink" => shrink_seed(&words),
        "plants" => plants(&words),
        "crashes" => crash_everywhere(&words),
        "marks" => marks(&words),
        "year" => year(&words),
        _ => Err(USAGE.to_owned()),
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn commit() -> String {
    if let Ok(commit) = std::env::var("QUORATE_COMMIT") {
        return commit;
    }
    let output = std::process::Command::new("git").args(["rev-parse", "HEAD"]).output();
    let commit = output.ok().filter(|output| output.status.success());
    let commit = commit.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    commit.unwrap_or_else(|| "0000000000000000000000000000000000000000".to_owned())
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// What was found wrong: it is said when it is found, and again at the end of a gate run, behind
/// hundreds of lines of marks.
static FOUND: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn find(line: String) {
    println!("{line}");
    FOUND.lock().unwrap_or_else(PoisonError::into_inner).push(line);
}

fn say_again() {
    let found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    println!("failed:");
    found.iter().for_each(|line| println!("{line}"));
}

fn report_violation(violation: &Violation, system: &dyn System, plant: Option<&Plant>) {
    find(violation.line(short(&commit())));
    find(format!("  {}", violation.replay_command(system.name(), plant.map(|plant| plant.name))));
}

fn quota(words: &Words) -> Result<Quota, String> {
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let threads = words.number("--jobs")?.unwrap_or(threads).max(1);
    Ok(Quota {
        seeds: words.number("--seeds")?.unwrap_or(SEEDS),
        events: words.number("--events")?.unwrap_or(EVENTS),
        threads: usize::try_from(threads).or(Err("--jobs is too large"))?,
    })
}

fn ci(words: &Words) -> Result<bool, String> {
    let commit = commit();
    let (mut is_good, mut counts) = (true, Counts::default());
    for system in words.systems()? {
        let quota = quota(words)?;
        let quota = Quota {
            seeds: quota.seeds * system.share_per_cent() / 100,
            events: quota.events * system.events_per_cent() / 100,
            ..quota
        };
        let totals = runner::gate(system, &commit, &quota);
        println!("system {}  commit {}", system.name(), short(&commit));
        print_totals(&totals);
        is_good &= judge(system, &totals);
        counts.add(&totals.counts);
        let stride = CRASH_STRIDE * system.crash_stride();
        is_good &= crash_scenes(words, system, (share_of(stride, &commit), Victims::Alone))?;
        if let Some(stride) = system.together_stride() {
            let share = share_of(stride, &commit);
            is_good &= crash_scenes(words, system, (share, Victims::Together))?;
        }
    }
    if words.text("--system").is_none_or(|name| name == "epochs") {
        let rule = RootRule { epochs: GATE_ROOT_EPOCHS };
        is_good &= live(&Plan { rule, ..Plan::of(GATE_EPOCHS) });
    }
    // One system alone may have no use for a kind of fault.
    is_good &= words.text("--system").is_some() || every_fault_struck(&counts);
    if !is_good {
        say_again();
    }
    Ok(is_good)
}

/// A kind of fault that never strikes tests nothing, however often it is drawn.
fn every_fault_struck(counts: &Counts) -> bool {
    let kinds = FaultKind::NAMES.into_iter().zip(counts.faults);
    let drawn = kinds.filter(|(name, _)| !UNDRAWN_FAULTS.contains(name));
    let rare: Vec<(&str, u64)> = drawn.filter(|(_, strikes)| *strikes < HITS_MIN).collect();
    for (name, strikes) in &rare {
        find(format!(
            "INVARIANT=C15 {name} struck {strikes} times, at least {HITS_MIN} are needed"
        ));
    }
    rare.is_empty()
}

fn judge(system: &dyn System, totals: &Totals) -> bool {
    for violation in &totals.violations {
        report_violation(violation, system, None);
    }
    for seed in &totals.unstable {
        find(format!("SEED={seed} INVARIANT=SIM-5 two runs of this seed differ"));
    }
    for seed in &totals.unfinished {
        find(format!("SEED={seed} INVARIANT=C12 the run had too many events and was given up"));
    }
    let missing = totals.marks.missing(system.marks());
    for (mark, hits) in &missing {
        find(format!(
            "INVARIANT=C15 mark {mark} was hit {hits} times, at least {HITS_MIN} are needed"
        ));
    }
    let is_idle = totals.counts.requests == 0 || totals.counts.outputs == 0;
    if is_idle {
        find(String::from(
            "INVARIANT=C15 nothing was asked for or nothing was answered: a meaningless run",
        ));
    }
    let is_sound = totals.violations.is_empty() && totals.unstable.is_empty();
    is_sound && totals.unfinished.is_empty() && missing.is_empty() && !is_idle
}

fn print_totals(totals: &Totals) {
    let Totals { seeds, repeated, feuds, events, virtual_us, counts, .. } = totals;
    println!("  seeds           {seeds} ({repeated} of them twice, {feuds} feuds)");
    println!("  events          {events}");
    println!("  virtual seconds {}", virtual_us / 1_000_000);
    println!("  requests        {}", counts.requests);
    println!(
        "  messages        {} sent, {} lost, {} doubled, {} corrupted, {} refused",
        counts.sent, counts.lost, counts.duplicated, counts.corrupted, counts.refused
    );
    println!("  records         {} durable; {} crashes", counts.durable, counts.crashes);
    let faults = FaultKind::NAMES.iter().zip(counts.faults);
    let faults: Vec<_> = faults.map(|(name, count)| format!("{name} {count}")).collect();
    println!("  faults          {} ({})", counts.faults.iter().sum::<u64>(), faults.join(", "));
    for (mark, hits) in totals.marks.by_name() {
        println!("  mark            {mark} {hits}");
    }
    println!(
        "  speed           {} events per CPU-second ({} CPU-ms)",
        totals.events_per_cpu_second(),
        totals.cpu.as_millis()
    );
}

fn scenario(words: &Words, system: &dyn System) -> Result<Scenario, String> {
    let seed = words.seed()?;
    match words.text("--scene") {
        Some(name) if !system.scenes().iter().any(|scene| scene.name == name) => {
            Err(format!("{} has no scene {name}", system.name()))
        }
        Some(name) => Ok(runner::told(system, name, seed)),
        None => Ok(system.draw(seed, words.profile()?)),
    }
}

fn replay(words: &Words, is_quiet: bool) -> Result<bool, String> {
    let system = words.one_system()?;
    let plant = words.plant(system)?;
    let scenario = scenario(words, system)?;
    let limits = Limits { event_max: words.number("--until")?.unwrap_or(u64::MAX), ..Limits::NONE };
    if !is_quiet {
        println!("{scenario}");
    }
    let mut run = system.build(&scenario, plant);
    if words.has("--trace") {
        let out = std::io::BufWriter::new(std::io::stdout());
        run.print_to(Box::new(out), words.number("--from")?.unwrap_or(0));
    }
    let report = run.run(&limits);
    // The log of events is written when its run is dropped.
    drop(run);
    print_report(&report);
    if words.has("--twice") && runner::run(system, &scenario, plant, &limits) != report {
        println!("SEED={} INVARIANT=SIM-5 two runs of this seed differ", scenario.seed);
        return Ok(false);
    }
    if let Some(violation) = &report.violation {
        report_violation(violation, system, plant);
    }
    Ok(report.violation.is_none())
}

fn print_report(report: &Report) {
    let Report { events, time_us, trace, counts, .. } = report;
    println!("events {events}  time {time_us} us  trace {trace:016x}");
    println!("{counts:?}");
}

fn shrink_seed(words: &Words) -> Result<bool, String> {
    let system = words.one_system()?;
    let plant = words.plant(system)?;
    let scenario = scenario(words, system)?;
    let runs_max = words.number("--runs")?.unwrap_or(SHRINK_RUNS);
    let Some(shrunk) = shrink::shrink(system, &scenario, plant, runs_max) else {
        println!("seed {} does not fail", scenario.seed);
        return Ok(true);
    };
    let (before, after) = (&scenario, &shrunk.scenario);
    println!("{after}");
    println!(
        "{} runs: {} of {} faults and {} of {} operations are left",
        shrunk.runs,
        after.faults.len(),
        before.faults.len(),
        after.ops.len(),
        before.ops.len()
    );
    if words.has("--trace") {
        let mut run = system.build(after, plant);
        let out = std::io::BufWriter::new(std::io::stdout());
        run.print_to(Box::new(out), words.number("--from")?.unwrap_or(0));
        run.run(&Limits::NONE);
    }
    println!("{}", shrunk.violation.line(short(&commit())));
    Ok(false)
}

/// The matrix of planted bugs. Those that unit tests find, by the words of `--known`, are shown
/// and do not count.
fn plants(words: &Words) -> Result<bool, String> {
    if words.has("--list") {
        return list_plants(words);
    }
    let commit = commit();
    let known: Vec<&str> =
        words.text("--known").map(|all| all.split(',').collect()).unwrap_or_default();
    let (mut is_good, mut count) = (true, 0);
    let (mut counted, mut of_epochs) = (Vec::new(), Vec::new());
    println!(
        "{:<8} {:<24} {:<8} {:>6} {:>10} {:>8}  others",
        "system", "plant", "checker", "seeds", "events", "CPU-ms"
    );
    for system in words.systems()? {
        for plant in system.plants() {
            if words.text("--plant").is_some_and(|name| name != plant.name) {
                continue;
            }
            let found = runner::find(system, plant, &commit);
            count += 1;
            is_good &= report_finding(system, &found, known.contains(&plant.name));
            of_epochs.extend((system.name() == "epochs").then_some(plant));
            if plant.bug.is_some() && !known.contains(&plant.name) {
                counted.push(plant);
            }
        }
    }
    if count == 0 {
        return Err("there is no such plant in this build".to_owned());
    }
    if words.has("--known") {
        println!("{} plants of production code that no unit test finds", counted.len());
        let mut lacking = quorate_sim::plant::lacking(&counted);
        lacking.extend(quorate_sim::plant::lacking_of_epochs(&of_epochs));
        lacking.iter().for_each(|what| println!("lacking: {what}"));
        is_good &= lacking.is_empty();
    }
    Ok(is_good)
}

fn report_finding(system: &dyn System, found: &Finding, is_known: bool) -> bool {
    let plant = found.plant;
    let is_found = found.violation.is_some();
    let is_late = found.cpu > PLANT_CPU_MAX;
    let verdict = match (is_found, is_late) {
        (false, _) => "NOT FOUND ",
        (true, true) => "TOO LATE ",
        (true, false) => "",
    };
    println!(
        "{:<8} {:<24} {:<8} {:>6} {:>10} {:>8}  {verdict}{}{}",
        system.name(),
        plant.name,
        plant.checker,
        found.seeds,
        found.events,
        found.cpu.as_millis(),
        if is_known { "(a unit test finds it) " } else { "" },
        found.others.join(" ")
    );
    is_found && !is_late
}

/// A line for each plant of the production code: the number by which tests choose it, and its name.
fn list_plants(words: &Words) -> Result<bool, String> {
    for system in words.systems()? {
        for plant in system.plants() {
            if let Some(number) = quorate_sim::plant::number(plant) {
                println!("{number} {}", plant.name);
            }
        }
    }
    Ok(true)
}

fn crash_everywhere(words: &Words) -> Result<bool, String> {
    let to_usize = |number: u64| usize::try_from(number).or(Err("a number is too large"));
    let stride = to_usize(words.number("--stride")?.unwrap_or(1).max(1))?;
    let share = match words.number("--point")? {
        Some(point) => Share::every(usize::MAX, to_usize(point)?),
        None => Share { part: part(words)?, ..Share::every(stride, 0) },
    };
    let victims = if words.has("--together") { Victims::Together } else { Victims::Alone };
    let (mut is_good, systems) = (true, words.systems()?);
    let has_scene = |name: &str| {
        let mut scenes = systems.iter().flat_map(|system| system.scenes());
        scenes.any(|scene| scene.name == name)
    };
    if let Some(name) = words.text("--scene").filter(|name| !has_scene(name)) {
        return Err(format!("there is no scene {name}"));
    }
    for system in systems.iter().copied() {
        is_good &= match words.number("--seed")? {
            None => crash_scenes(words, system, (share, victims))?,
            Some(seed) => {
                let ops = to_usize(words.number("--ops")?.unwrap_or(CRASH_OPS))?;
                let quiet = crashes::quiet(system, seed, ops);
                let done =
                    crashes::enumerate(system, &quiet, words.plant(system)?, (share, victims));
                report_crashes(system, &format!("--seed {seed} --ops {ops}"), victims, &done)
            }
        };
    }
    Ok(is_good)
}

/// The part of the points that is asked for, `I/N`; all, if none is.
fn part(words: &Words) -> Result<(usize, usize), String> {
    let Some(text) = words.text("--share") else { return Ok((0, 1)) };
    let split = text.split_once('/').and_then(|(part, parts)| {
        let (part, parts) = (part.parse().ok()?, parts.parse().ok()?);
        (part < parts).then_some((part, parts))
    });
    split.ok_or_else(|| format!("--share needs I/N, with I from 0 and below N: {text}"))
}

/// The crash points of a gate run: another part for another commit.
fn share_of(stride: usize, commit: &str) -> Share {
    let seed = seeds::fresh(commit).next().unwrap_or(0);
    Share::every(stride, usize::try_from(seed).unwrap_or(0) % stride)
}

fn crash_scenes(
    words: &Words,
    system: &dyn System,
    (share, victims): (Share, Victims),
) -> Result<bool, String> {
    let mut is_good = true;
    for scene in system.scenes() {
        if words.text("--scene").is_some_and(|name| name != scene.name) {
            continue;
        }
        let Some(scenario) = scene.told(system) else {
            find(format!("INVARIANT=C15 scene {} never comes to {}", scene.name, scene.mark));
            is_good = false;
            continue;
        };
        let done = crashes::enumerate(system, &scenario, words.plant(system)?, (share, victims));
        is_good &= report_crashes(system, &format!("--scene {}", scene.name), victims, &done);
    }
    Ok(is_good)
}

fn report_crashes(system: &dyn System, which: &str, victims: Victims, done: &Enumeration) -> bool {
    let together = if victims == Victims::Together { " --together" } else { "" };
    let which = format!("{which}{together}");
    let Enumeration { effects, points, taken, runs, same, controls, .. } = done;
    let Enumeration { crashes, events, violations, .. } = done;
    let name = system.name();
    println!(
        "  crashes         {name} {which}: {effects} effects, {taken} of {points} points, \
         {same} of them the same as others, {runs} runs ({controls} to make sure of that), \
         {crashes} crashes, {events} events, {} violations",
        violations.len()
    );
    for (point, fault, violation) in violations.iter().take(10) {
        find(format!("{fault}\n  {}", violation.line(short(&commit()))));
        find(format!("  cargo xtask sim crashes --system {name} {which} --point {point}"));
    }
    if *crashes == 0 {
        find(String::from(
            "INVARIANT=C15 nothing crashed: there is no such point, or none has an effect",
        ));
    }
    violations.is_empty() && *crashes > 0
}

/// A year, or as many epochs as are asked for.
fn year(words: &Words) -> Result<bool, String> {
    let narrow = |name: &str, usual: u16| -> Result<u16, String> {
        let number = words.number(name)?.unwrap_or_else(|| u64::from(usual));
        u16::try_from(number).map_err(|_wide| format!("{name} is too large"))
    };
    let usual = Plan::of(words.number("--epochs")?.unwrap_or(YEAR_EPOCHS));
    let (servers, f) = (narrow("--servers", usual.servers)?, narrow("--f", usual.f)?);
    let seats = 3 * u64::from(f) + 1;
    if u64::from(servers) < seats {
        return Err(format!("--f {f} takes a group of {seats}: say --servers {seats} or more"));
    }
    let seed = words.number("--seed")?.unwrap_or(usual.seed);
    let root_epochs = words.number("--root-epochs")?.map(u32::try_from).transpose();
    let root_epochs = root_epochs.or(Err("--root-epochs is too large"))?;
    let rule = RootRule { epochs: root_epochs.unwrap_or(usual.rule.epochs) };
    Ok(live(&Plan { servers, f, robbed: usize::from(f), seed, rule, ..usual }))
}

fn live(plan: &Plan) -> bool {
    let (clock, step) = (CpuClock::start(), (plan.epochs / LINES).max(1));
    println!("year of {} epochs, {} servers, f = {}", plan.epochs, plan.servers, plan.f);
    let tell = move |tally: &Tally| {
        if tally.epochs.is_multiple_of(step) {
            let Tally { epochs, robberies, opened, sets, pairs, triples, .. } = tally;
            let Tally { signatures, roots, .. } = tally;
            println!(
                "  epoch {epochs}: {robberies} robberies, {opened} shares opened, {sets} sets, \
                 {pairs} pairs and {triples} triples of shares, {signatures} signatures tried, \
                 {roots} roots replaced, {} CPU-s",
                clock.elapsed().as_secs()
            );
        }
    };
    let year = year::live(plan, Box::new(tell));
    println!("  {:?}, {} events", year.tally, year.events);
    if let Some(violation) = &year.violation {
        find(violation.line(short(&commit())));
    }
    let is_over = year.tally.epochs == plan.epochs;
    if !is_over && year.violation.is_none() {
        find(format!("INVARIANT=C9 the year ends in epoch {}", year.tally.epochs));
    }
    let lacking = if is_over { year.tally.lacking(plan) } else { Vec::new() };
    for what in &lacking {
        find(format!("INVARIANT=C15 {what}: a meaningless year"));
    }
    is_over && year.violation.is_none() && lacking.is_empty()
}

fn marks(words: &Words) -> Result<bool, String> {
    let mut is_good = true;
    for system in words.systems()? {
        let quota = Quota { events: 0, ..quota(words)? };
        let totals = runner::gate(system, &commit(), &quota);
        let hits = totals.marks.by_name();
        for mark in system.marks() {
            println!("{:<8} {mark:<32} {:>10}", system.name(), hits.get(mark).unwrap_or(&0));
        }
        is_good &= totals.marks.missing(system.marks()).is_empty();
    }
    Ok(is_good)
}
