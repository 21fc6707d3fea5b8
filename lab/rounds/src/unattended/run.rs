//! The run: what happens, and what is held at the end.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use quorate_adversary::ordering::REPLICA_VILLAINS;

use super::Plan;
use super::agenda::{Agenda, KINDS, Kind};
use super::ledger::Why;
use super::sightings::{Judged, Past, too_long};
use super::sleeper::{Sleeper, Slept};
use super::town::{State, Town, sweeps};
use crate::judge::violations;
use crate::load::{Clients, FEW, Mark, Shared, read_back};
use crate::scratch::Scratch;
use crate::telling::tell;

/// Time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Of each ten looks, in how many clients work: the machine has other things to do, too.
const BUSY_LOOKS: u64 = 3;
/// Servers with duties beyond as many as founded the system.
const SURPLUS_MAX: usize = 4;
/// Epochs in which the ordered service answers at least one call: no group has more bad servers
/// than it bears.
const STANDSTILL_EPOCHS_MAX: u32 = 4;
/// Epochs in which everything must be well again at the end, with the time that sweeps take: a
/// server is down for up to 3 1/4, and has to catch up.
const LAST_EPOCHS: u32 = 4;

/// What the run came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The newest epoch.
    pub epochs: u64,
    /// How often each kind of thing happened.
    pub happened: BTreeMap<Kind, u64>,
    /// The most bad servers at a time: in all, and in one group of the ring.
    pub worst: (usize, usize),
    /// The longest time in which a server was without duties that nobody had proved to lie.
    pub longest_outage: Duration,
    /// The most by which such a time was longer than its server was unreachable, or lied.
    pub largest_excess: Duration,
    /// How many servers were proved to lie.
    pub convicted: usize,
    /// What liars did that no honest server does.
    pub lies: u64,
    /// Operations of clients that came to an outcome, and without one.
    pub operations: (usize, usize),
    /// What became of the client that slept.
    pub slept: Slept,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let happened = self.happened.iter().map(|(kind, count)| format!("{kind} {count}"));
        let happened = happened.collect::<Vec<_>>().join(", ");
        write!(f, "{} epochs; {happened}; ", self.epochs)?;
        let (in_all, in_group) = self.worst;
        write!(f, "at most {in_all} bad servers at a time, {in_group} in a group of the ring; ")?;
        let [longest, excess] = [self.longest_outage, self.largest_excess].map(|it| it.as_secs());
        write!(f, "longest outage {longest} s, {excess} s more than away at the most; ")?;
        write!(f, "{} lies, {} convicted; ", self.lies, self.convicted)?;
        let (came, failed) = self.operations;
        write!(f, "{came} operations, {failed} without outcome; {}", self.slept)
    }
}

/// Runs it.
///
/// # Errors
/// What was broken or missing, with the seed, the ledger, and where the logs are.
pub fn run(plan: Plan) -> Result<Report, String> {
    let mut scratch = Scratch::new("unattended")?;
    let outcome = run_in(&scratch, plan).map_err(|error| format!("seed {}: {error}", plan.seed));
    scratch.keep_if_failed(outcome)
}

fn run_in(scratch: &Scratch, plan: Plan) -> Result<Report, String> {
    tell(&format!("seed {}: {} servers for {} s", plan.seed, plan.servers, plan.lasts.as_secs()));
    let mut town = Town::found(plan, scratch.path().to_path_buf())?;
    let shared = Shared::new(plan.seed, FEW);
    let worker = vec![town.cluster.clients()[0].clone()];
    let clients = Clients::start(&shared, &worker);
    shared.await_acknowledged(30)?;
    let sleeper = Sleeper::new(&shared, &town.cluster.clients()[1])?;
    let lived = live(&mut town, &plan, &shared);
    for entry in town.ledger.entries() {
        tell(&entry.to_string());
    }
    let happened = lived?;
    shared.resume();
    clients.finish();
    read_back(&shared, &worker[0], Mark::default())?;
    let slept = sleeper.wake()?;
    tell(&slept.to_string());
    town.verify_chain()?;
    let report = report(&town, &plan, (happened, &shared, slept))?;
    town.cluster.end()?;
    Ok(report)
}

/// The time in which things happen, and the time in which they become well again.
fn live(town: &mut Town, plan: &Plan, shared: &Shared) -> Result<BTreeMap<Kind, u64>, String> {
    let mut agenda = Agenda::new(plan.seed);
    let mut happened = BTreeMap::new();
    let (mut next, mut looks) = (plan.epoch(), 0_u64);
    let (mut answered, mut moved) = (0, town.now());
    let end = plan.lasts + plan.epoch() * LAST_EPOCHS + sweeps();
    while town.now() < end {
        std::thread::sleep(LOOK_INTERVAL);
        looks += 1;
        match looks % 10 {
            0 => shared.resume(),
            BUSY_LOOKS => shared.pause(),
            _ => {}
        }
        town.look()?;
        town.check_processes()?;
        town.heal()?;
        town.note_who_caught_up();
        let before = std::mem::replace(&mut answered, shared.recorder.history().answered());
        if answered > before {
            moved = town.now();
        }
        if town.now() - moved > plan.epoch() * STANDSTILL_EPOCHS_MAX {
            let failures = shared.recorder.history().failures.clone();
            let last = failures.last().map_or("nothing was said", String::as_str);
            let still = (town.now() - moved).as_secs();
            return Err(format!("the ordered service has answered nothing for {still} s: {last}"));
        }
        if town.now() > plan.lasts || town.now() < next {
            continue;
        }
        // Once it is time to lose a founder, nobody else falls before that is possible.
        let is_due = town.now() >= plan.loses_from() && !happened.contains_key(&Kind::Lose);
        let kind = match is_due {
            true => Some(Kind::Lose).filter(|kind| is_possible(town, *kind)),
            false => agenda.next(|kind| is_possible(town, kind)),
        };
        let Some(kind) = kind else { continue };
        tell(&format!("{} s: {kind}", town.now().as_secs()));
        happen(town, (plan, &mut agenda), kind)?;
        *happened.entry(kind).or_default() += 1;
        next = town.now() + plan.epoch();
    }
    if let Some(last) = liar(town) {
        town.count_lies(last);
    }
    match town.unsettled() {
        unsettled if unsettled.is_empty() => Ok(happened),
        unsettled => Err(format!("servers {unsettled:?} are not well at the end")),
    }
}

/// Whoever is proved to lie has no duties any more, or will have none when its neighbours let it
/// go. Others join in its place before anybody is removed, as a good operator would have it: the
/// system refuses a removal that leaves fewer servers than a group takes, all that waits counted.
fn is_possible(town: &Town, kind: Kind) -> bool {
    let newcomers = town.those(State::Runs, |server| town.is_newcomer(server)).len();
    let (active, enough) = (town.active(), town.founders());
    let is_settled = town.those(State::Joins, |_| true).is_empty()
        && town.those(State::Leaves, |_| true).is_empty()
        && town.those(State::Lost, |_| true).is_empty();
    match kind {
        Kind::Kill => !town.victims(|_| true).is_empty(),
        Kind::Add => is_settled && active < enough + SURPLUS_MAX && town.ledger.may_join(None),
        Kind::Remove => is_settled && newcomers > 0 && active > enough && town.may_spare_one(),
        Kind::Replace => is_settled && !town.victims(|it| town.is_newcomer(it)).is_empty(),
        Kind::Swap => match liar(town) {
            Some(_) => true,
            None => !town.victims(|it| !town.is_newcomer(it)).is_empty(),
        },
        Kind::Lose => is_settled && !town.victims(|it| !town.is_newcomer(it)).is_empty(),
    }
}

fn liar(town: &Town) -> Option<usize> {
    town.states.keys().copied().find(|server| town.ledger.why(*server) == Some(Why::Lies))
}

fn happen(town: &mut Town, (plan, agenda): (&Plan, &mut Agenda), kind: Kind) -> Result<(), String> {
    match kind {
        Kind::Kill => {
            let millis = u64::try_from(plan.epoch().as_millis()).unwrap_or(u64::MAX);
            let lasts = Duration::from_millis(millis / 4 + agenda.below(3 * millis));
            let victim = agenda.choose(&town.victims(|_| true)).expect("it is possible");
            town.kill(victim, lasts)
        }
        Kind::Add => town.admit(None),
        Kind::Remove => {
            let newcomers = town.those(State::Runs, |server| town.is_newcomer(server));
            town.remove(agenda.choose(&newcomers).expect("it is possible"))
        }
        Kind::Replace => {
            let victims = town.victims(|server| town.is_newcomer(server));
            let victim = agenda.choose(&victims).expect("it is possible");
            town.destroy(victim)?;
            town.admit(Some(victim))
        }
        // An honest one first has to catch up; then the next one may lie.
        Kind::Swap => match liar(town) {
            Some(former) => town.reform(former),
            None => {
                // Who was convicted has no duties any more, so its lies say less.
                let founders = town.victims(|server| !town.is_newcomer(server));
                let with_duties = founders.iter().copied().filter(|it| town.has_duties(*it));
                let rows: [Vec<usize>; 2] = [with_duties.collect(), founders.clone()];
                let victim = rows.iter().find_map(|row| agenda.choose(row));
                let victim = victim.expect("it is possible");
                let villains = u64::try_from(REPLICA_VILLAINS.len()).expect("they are few");
                let drawn = usize::try_from(agenda.below(villains)).expect("they are few");
                town.corrupt(victim, REPLICA_VILLAINS[drawn])
            }
        },
        // A good one among neighbours with duties, if there is one; if not, one that was convicted,
        // so that no more have gone than had before; if not, any.
        Kind::Lose => {
            let founders = town.victims(|server| !town.is_newcomer(server));
            let has_duties = |server: &&usize| town.has_duties(**server);
            let (good, convicted): (Vec<_>, Vec<_>) = founders.iter().partition(has_duties);
            let amid = good.into_iter().filter(|server| town.is_amid_active(*server)).collect();
            let rows: [Vec<usize>; 3] = [amid, convicted, founders];
            let victim = rows.iter().find_map(|row| agenda.choose(row)).expect("it is possible");
            town.destroy(victim)?;
            town.admit(Some(victim))
        }
    }
}

/// Everything that is held at the end.
fn report(
    town: &Town,
    plan: &Plan,
    (happened, shared, slept): (BTreeMap<Kind, u64>, &Shared, Slept),
) -> Result<Report, String> {
    let history = shared.recorder.history();
    let broken = violations(&history);
    let convictions = &town.convictions()?;
    let (sightings, absences) = (&town.sightings[..], &town.absences[..]);
    let judged =
        Past { sightings, absences, convictions, epoch: plan.epoch(), end: town.now() }.judged();
    let long = too_long(&judged, plan.epoch());
    let outages = judged.iter().map(|judged| judged.outage);
    // What was asked over the connection that slept is owed to nobody.
    let failures = history.failures.len() - usize::from(!slept.goes_on);
    let report = Report {
        epochs: town.epoch(),
        happened,
        worst: town.ledger.worst(),
        longest_outage: outages.map(|outage| outage.length()).max().unwrap_or_default(),
        largest_excess: judged.iter().map(Judged::excess).max().unwrap_or_default(),
        convicted: convictions.len(),
        lies: town.lies,
        operations: (history.acknowledged(), failures),
        slept,
    };
    let due = KINDS.iter().chain(&[Kind::Lose]);
    let missing: Vec<_> = due.filter(|kind| !report.happened.contains_key(kind)).collect();
    let mut faults: Vec<String> = broken.iter().map(ToString::to_string).collect();
    for judged in &judged {
        tell(&judged.to_string());
    }
    faults.extend(long.iter().map(|it| format!("out for too long: {it}")));
    faults.extend(missing.iter().map(|kind| format!("meaningless: no {kind}")));
    if report.lies == 0 {
        faults.push(String::from("meaningless: nobody lied"));
    }
    let due = plan.lasts.as_secs() / plan.epoch().as_secs();
    // An end that has to be tried again takes a little more time, not that of epochs.
    if report.epochs * 10 < due * 9 {
        faults.push(format!("meaningless: {} of {due} epochs", report.epochs));
    }
    match faults.is_empty() {
        true => Ok(report),
        false => Err(format!("{}\n{report}", faults.join("\n"))),
    }
}
