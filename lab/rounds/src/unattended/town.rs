//! The servers of the run, what is done to them, and the books about it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use quorate_client::cluster::fetch_configuration;
use quorate_client::findings::findings;
use quorate_dht::Ring;
use quorate_dht::limits::SWEEP_BOUND;
use quorate_membership::{Standing, VerifiedConfiguration};
use quorate_types::{MemberStatus, NodeId};

use super::Plan;
use super::ledger::{Ledger, Why, bad_in, ring_groups};
use super::sightings::{Absence, Cause, Sighting};
use crate::cluster::{Cluster, Terms};
use crate::dev;
use crate::load::{credentials, session};
use crate::metrics;
use crate::programs::Programs;
use crate::round::seat;
use crate::telling::tell;

/// Clients: one that works, and one that sleeps through all of it.
const CLIENTS: usize = 2;

/// What a server ends with that was removed.
const EXIT_REMOVED: i32 = 16;

/// Where a server is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// It runs, and waits until a configuration names it.
    Joins,
    /// It runs, and is a member.
    Runs,
    /// It was killed, and is started again then.
    Down(Duration),
    /// It is to be removed, and runs until no configuration names it.
    Leaves,
    /// It was killed for good, and stands in configurations for a while.
    Lost,
    /// It is no member any more.
    Gone,
}

/// All of it.
pub(super) struct Town {
    pub(super) cluster: Cluster,
    pub(super) ledger: Ledger,
    pub(super) sightings: Vec<Sighting>,
    pub(super) absences: Vec<Absence>,
    pub(super) states: BTreeMap<usize, State>,
    /// What liars did that no honest server does.
    pub(super) lies: u64,
    /// Servers that have lied, and the epoch in which each began to.
    pub(super) liars: BTreeMap<usize, u64>,
    /// Servers that run and catch up, and when they can have done so at the earliest.
    behind: BTreeMap<usize, Duration>,
    plan: Plan,
    root: PathBuf,
    begun: Instant,
}

impl Town {
    /// Has `quorate dev` make the system and run it.
    pub(super) fn found(plan: Plan, root: PathBuf) -> Result<Self, String> {
        let programs = Programs::beside_this()?;
        let founded = (plan.terms, plan.servers);
        let cluster = Cluster::found_by_dev(&programs, &root, founded, CLIENTS)?;
        let configuration = fetch(&cluster)?;
        let servers = configuration.configuration();
        let ring = Ring::new(servers).map_err(|error| error.to_string())?;
        let number = |node: &NodeId| number_of(&cluster, &configuration, *node);
        let order = ring.servers().iter().map(number).collect::<Option<Vec<_>>>();
        let order = order.ok_or("a server of the ring is unknown")?;
        let groups = ring_groups(&order, servers.storage);
        let ledger = Ledger::new(groups, usize::from(plan.terms.f_ms));
        let states = (0..plan.servers).map(|server| (server, State::Runs)).collect();
        let (sightings, absences, behind, lies, liars) = Default::default();
        let begun = Instant::now();
        Ok(Self {
            cluster,
            ledger,
            sightings,
            absences,
            states,
            lies,
            liars,
            behind,
            plan,
            root,
            begun,
        })
    }

    /// Time since the beginning.
    pub(super) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Servers in this state for which something else holds too.
    pub(super) fn those(&self, state: State, also: impl Fn(usize) -> bool) -> Vec<usize> {
        let fitting = self.states.iter().filter(|(server, its)| **its == state && also(**server));
        fitting.map(|(server, _)| *server).collect()
    }

    /// Servers that run, that nothing is the matter with, and that may become bad.
    pub(super) fn victims(&self, also: impl Fn(usize) -> bool) -> Vec<usize> {
        let is_fit = |server| self.ledger.why(server).is_none() && self.ledger.may_fall(server);
        self.those(State::Runs, |server| is_fit(server) && also(server))
    }

    /// Did this server join after the founding? Then it holds no objects.
    pub(super) fn is_newcomer(&self, server: usize) -> bool {
        server >= self.founders()
    }

    /// How many servers founded the system.
    pub(super) const fn founders(&self) -> usize {
        self.plan.servers
    }

    /// How many servers have duties in the newest epoch that was seen.
    pub(super) fn active(&self) -> usize {
        let states =
            self.sightings.last().into_iter().flat_map(|sighting| sighting.states.values());
        states.filter(|state| **state == MemberStatus::Active).count()
    }

    /// Do enough servers have duties without one of them? Of all that the system has found it may
    /// be that nothing has come true yet; who runs and has nothing against it will be left, but for
    /// as many as may fall meanwhile.
    pub(super) fn may_spare_one(&self) -> bool {
        let Ok(standings) = self.standings() else { return false };
        let is_found = |(server, standing): &(Option<usize>, Standing)| {
            let waits = standing.next.is_some() || standing.later.is_some();
            (waits || standing.convicted.is_some()).then_some(*server).flatten()
        };
        let found: BTreeSet<usize> = standings.iter().filter_map(is_found).collect();
        let left = self.those(State::Runs, |it| self.has_duties(it) && !found.contains(&it)).len();
        let Terms { f, f_ms, .. } = self.plan.terms;
        left > usize::from(3 * f.max(f_ms) + 1 + f_ms)
    }

    /// Kills a server that is started again after this time.
    ///
    /// # Errors
    /// That it had ended by itself.
    pub(super) fn kill(&mut self, server: usize, lasts: Duration) -> Result<(), String> {
        let now = self.now();
        self.ledger.fall((now, &format!("server {server} is killed")), server, Why::Down);
        self.absences.push(Absence { server, cause: Cause::Away, from: now, until: None });
        self.states.insert(server, State::Down(now + lasts));
        self.end(server)
    }

    /// Ends a process that should run.
    fn end(&mut self, server: usize) -> Result<(), String> {
        let ended = || format!("server {server} had ended by itself when it was killed");
        self.cluster.kill(server).then_some(()).ok_or_else(ended)
    }

    /// The liar is honest from now on.
    ///
    /// # Errors
    /// That it had ended by itself, or does not start.
    pub(super) fn reform(&mut self, liar: usize) -> Result<(), String> {
        self.count_lies(liar);
        self.end(liar)?;
        self.start_again(liar)
    }

    /// Does the newest configuration give a server duties?
    pub(super) fn has_duties(&self, server: usize) -> bool {
        let state = self.sightings.last().and_then(|sighting| sighting.states.get(&server));
        state == Some(&MemberStatus::Active)
    }

    /// Do all that share a group of the ring with this server have duties? Then the system lets it
    /// go by itself.
    pub(super) fn is_amid_active(&self, server: usize) -> bool {
        self.ledger.neighbours(server).iter().all(|other| self.has_duties(*other))
    }

    /// Has no server ended by itself that should run?
    ///
    /// # Errors
    /// Which one has, and with what.
    pub(super) fn check_processes(&mut self) -> Result<(), String> {
        if !self.cluster.is_looked_after() {
            return Err(String::from("quorate dev ended by itself"));
        }
        for (server, state) in self.states.clone() {
            let may_end = match state {
                State::Joins | State::Runs => false,
                // It may have heard of it before this run did.
                State::Leaves => self.cluster.exit_code(server) == Some(EXIT_REMOVED),
                State::Down(_) | State::Lost | State::Gone => true,
            };
            if !may_end && !self.cluster.is_up(server) {
                let code = self.cluster.exit_code(server);
                return Err(format!("server {server} ended by itself ({code:?})"));
            }
        }
        Ok(())
    }

    /// Starts the servers whose time down is over.
    pub(super) fn heal(&mut self) -> Result<(), String> {
        let now = self.now();
        let is_over = |state: &State| matches!(state, State::Down(until) if *until <= now);
        let over: Vec<usize> =
            self.states.iter().filter(|(_, state)| is_over(state)).map(|(it, _)| *it).collect();
        over.into_iter().try_for_each(|server| self.start_again(server))
    }

    /// Starts a server that was down or lied; it has to catch up.
    pub(super) fn start_again(&mut self, server: usize) -> Result<(), String> {
        self.cluster.start(server)?;
        let now = self.now();
        for absence in self.absences.iter_mut().filter(|absence| absence.server == server) {
            absence.until.get_or_insert(now);
        }
        self.ledger.fall((now, &format!("server {server} is back")), server, Why::Behind);
        self.states.insert(server, State::Runs);
        self.behind.insert(server, now + sweeps());
        Ok(())
    }

    /// Whoever serves in the newest epoch, and has had the time in which sweeps mend everything,
    /// has caught up. Nothing has to be mended on a server that just joined: it holds nothing.
    pub(super) fn note_who_caught_up(&mut self) {
        let now = self.now();
        for (server, earliest) in self.behind.clone() {
            if now >= earliest && self.serves_in(server, self.epoch()) {
                self.behind.remove(&server);
                self.ledger.rise((now, &format!("server {server} has caught up")), server);
            }
        }
    }

    /// Does a server serve, and has it this epoch's configuration?
    fn serves_in(&self, server: usize, epoch: u64) -> bool {
        let health = self.cluster.page(server, "/health").unwrap_or_default();
        let page = self.cluster.page(server, "/metrics").unwrap_or_default();
        health.starts_with("ok") && metrics::sum(&page, &["quorate_epoch "]) >= epoch
    }

    /// Servers that are neither in the system nor out of it, or have not caught up.
    pub(super) fn unsettled(&self) -> Vec<usize> {
        let is_unsettled = |(server, state): &(&usize, &State)| match state {
            State::Joins | State::Leaves | State::Lost | State::Down(_) => true,
            State::Runs => self.ledger.why(**server) == Some(Why::Behind),
            State::Gone => false,
        };
        self.states.iter().filter(is_unsettled).map(|(server, _)| *server).collect()
    }

    /// Who was proved to lie, as the system says, and in which epoch.
    ///
    /// # Errors
    /// That it does not say so, or that it convicted a server that had not lied.
    pub(super) fn convictions(&self) -> Result<BTreeMap<usize, u64>, String> {
        let mut convictions = BTreeMap::new();
        for (server, standing) in self.standings()? {
            let Some(convicted) = standing.convicted else { continue };
            let server = server.ok_or("somebody unknown was proved to lie")?;
            let (epoch, began) = (convicted.epoch.get(), self.liars.get(&server));
            tell(&format!("server {server} was proved to lie in epoch {epoch}"));
            if began.is_none_or(|began| *began > epoch) {
                return Err(format!("server {server} was convicted in {epoch}, lied: {began:?}"));
            }
            convictions.insert(server, epoch);
        }
        Ok(convictions)
    }

    /// What the system has found of servers.
    fn standings(&self) -> Result<Vec<(Option<usize>, Standing)>, String> {
        let found = session(&self.cluster.clients()[0], async |cluster| findings(&cluster).await)?;
        let found = found.map_err(|error| format!("what was found of servers: {error}"))?;
        let configuration = fetch(&self.cluster)?;
        let number = |node| number_of(&self.cluster, &configuration, node);
        let numbered = |standing: Standing| (number(standing.server), standing);
        Ok(found.standings.into_iter().map(numbered).collect())
    }

    /// Counts what a liar did that no honest server does, before its process ends.
    pub(super) fn count_lies(&mut self, server: usize) {
        let page = self.cluster.page(server, "/metrics").unwrap_or_default();
        self.lies += metrics::sum(&page, &["\"liar."]);
    }

    /// From now on a server lies.
    pub(super) fn corrupt(&mut self, server: usize, villain: &str) -> Result<(), String> {
        let now = self.now();
        let what = format!("server {server} plays `{villain}`");
        self.ledger.fall((now, &what), server, Why::Lies);
        let epoch = self.epoch();
        self.liars.entry(server).or_insert(epoch);
        self.absences.push(Absence { server, cause: Cause::Lies, from: now, until: None });
        self.end(server)?;
        self.cluster.start_liar(server, villain)
    }

    /// Makes a server, has the authority admit it, in the place of another one if there is one,
    /// and starts it.
    pub(super) fn admit(&mut self, instead_of: Option<usize>) -> Result<(), String> {
        let seat = seat(dev::folder(&self.root, self.cluster.size()))?;
        let server = self.cluster.prepare(&self.root, self.plan.terms, seat)?;
        let admission = self.file(server, "admission");
        let old = instead_of.map(|old| self.address(old));
        match &old {
            None => self.cluster.order(&self.root, &["node", "add", &admission])?,
            Some(old) => self.order_replacement(&["node", "replace", old, &admission])?,
        }
        let what = match instead_of {
            None => format!("server {server} is added"),
            Some(old) => format!("server {old} is replaced by {server}"),
        };
        self.ledger.await_newcomer((self.now(), &what), server, instead_of);
        self.states.insert(server, State::Joins);
        self.cluster.launch(server)
    }

    /// A server loses its process and its disk.
    pub(super) fn destroy(&mut self, server: usize) -> Result<(), String> {
        let now = self.now();
        self.ledger.fall((now, &format!("server {server} is lost")), server, Why::Down);
        self.absences.push(Absence { server, cause: Cause::Away, from: now, until: None });
        self.states.insert(server, State::Lost);
        self.end(server)?;
        let data = self.cluster.folder(server).join("data");
        match std::fs::remove_dir_all(&data) {
            // A configuration may name a newcomer before its process has begun with that.
            Err(error)
                if error.kind() == std::io::ErrorKind::NotFound && self.is_newcomer(server) =>
            {
                Ok(())
            }
            removed => removed.map_err(|error| format!("{}: {error}", data.display())),
        }
    }

    /// Has the authority remove a server.
    pub(super) fn remove(&mut self, server: usize) -> Result<(), String> {
        self.cluster.order(&self.root, &["node", "remove", &self.address(server)])?;
        self.ledger.note(self.now(), &format!("server {server} is removed"));
        self.states.insert(server, State::Leaves);
        Ok(())
    }

    fn address(&self, server: usize) -> String {
        self.cluster.listens_at(server).to_string()
    }

    fn file(&self, server: usize, name: &str) -> String {
        self.cluster.folder(server).join(name).to_string_lossy().into_owned()
    }

    /// Has a server replaced that is lost, as the operator's chapter tells: with `--override` where
    /// a neighbour of it is without duties for good, since it was convicted.
    fn order_replacement(&self, words: &[&str]) -> Result<(), String> {
        match self.cluster.order(&self.root, words) {
            Err(error) if error.contains("too-many-neighbours") => {
                tell("too-many-neighbours: once more, with --override");
                self.cluster.order(&self.root, &[words, &["--override"]].concat())
            }
            said => said,
        }
    }

    /// Gets the chain of all configurations from the servers, and verifies it with nothing but the
    /// key that the sleeping client pinned.
    ///
    /// # Errors
    /// What is not believed, or that epochs are missing.
    pub(super) fn verify_chain(&self) -> Result<(), String> {
        let pinned = ["--cluster", "client-1/cluster.toml"];
        let operate = |words: &[&str]| self.cluster.operate(&self.root, words);
        operate(&[&["epoch", "export", "chain"], &pinned[..]].concat())?;
        let said = operate(&[&["epoch", "verify", "chain"], &pinned[..]].concat())?;
        tell(said.trim_end());
        let listed = operate(&[&["epoch", "list", "chain"], &pinned[..]].concat())?;
        let epoch = |line: &str| line.split_whitespace().nth(1)?.parse::<u64>().ok();
        let epochs = listed.lines().map(epoch).collect::<Option<Vec<u64>>>().unwrap_or_default();
        let is_whole = epochs.iter().zip(epochs.iter().skip(1)).all(|(one, next)| one + 1 == *next);
        let (first, last) = (epochs.first(), epochs.last());
        if first > Some(&1) || last < Some(&self.epoch()) || !is_whole {
            return Err(format!("epochs are missing in the chain:\n{listed}"));
        }
        Ok(())
    }

    /// The newest epoch that was seen.
    pub(super) fn epoch(&self) -> u64 {
        self.sightings.last().map_or(0, |sighting| sighting.epoch)
    }

    /// Looks for a new configuration. That none can be had for a moment is no failure.
    ///
    /// # Errors
    /// If more members of the membership group are bad than may be: our own mistake.
    pub(super) fn look(&mut self) -> Result<(), String> {
        let Ok(configuration) = fetch(&self.cluster) else { return Ok(()) };
        let servers = configuration.configuration();
        let epoch = servers.epoch.get();
        if !self.sightings.is_empty() && epoch <= self.epoch() {
            return Ok(());
        }
        let number = |node: NodeId| number_of(&self.cluster, &configuration, node);
        let states: BTreeMap<usize, MemberStatus> = servers
            .members
            .iter()
            .filter_map(|member| Some((number(member.id)?, member.status)))
            .collect();
        let group: Vec<usize> =
            servers.membership_group.iter().filter_map(|node| number(*node)).collect();
        let bad = bad_in(&group, &self.ledger.bad());
        let what = format!("epoch {epoch}, group {group:?}, of which {bad} bad");
        tell(&what);
        let now = self.now();
        self.ledger.note(now, &what);
        if bad > usize::from(self.plan.terms.f_ms) {
            return Err(format!("the ledger is wrong: {what}"));
        }
        self.sightings.push(Sighting { at: now, epoch, states: states.clone() });
        self.settle(&states);
        Ok(())
    }

    /// What a new configuration means for servers that come and go.
    fn settle(&mut self, named: &BTreeMap<usize, MemberStatus>) {
        let now = self.now();
        for (server, state) in self.states.clone() {
            let is_member =
                named.get(&server).is_some_and(|status| *status != MemberStatus::Removed);
            let leaves = format!("server {server} is no member");
            match state {
                State::Joins if is_member => self.take_in(server),
                State::Leaves if !is_member => {
                    self.cluster.kill(server);
                    self.behind.remove(&server);
                    self.states.insert(server, State::Gone);
                    self.ledger.rise((now, &leaves), server);
                }
                State::Lost if !is_member => {
                    self.states.insert(server, State::Gone);
                    self.ledger.lose((now, &leaves), server);
                }
                State::Joins | State::Leaves | State::Lost => {}
                State::Runs | State::Down(_) | State::Gone => {}
            }
        }
    }

    /// A configuration names a server that joins.
    fn take_in(&mut self, server: usize) {
        let now = self.now();
        let what = format!("server {server} is a member");
        if self.serves_in(server, self.epoch()) {
            self.ledger.rise((now, &what), server);
        } else if self.ledger.may_fall(server) {
            self.ledger.fall((now, &what), server, Why::Behind);
            self.behind.insert(server, now);
        } else {
            // The one on whom it follows goes with the next configuration: the end of an epoch came
            // between the two orders. In this epoch it is in no group.
            self.ledger.note(now, &format!("{what} before its predecessor has gone"));
            return;
        }
        self.states.insert(server, State::Runs);
    }
}

/// The time in which sweeps mend everything.
pub(super) const fn sweeps() -> Duration {
    Duration::from_micros(SWEEP_BOUND.as_micros())
}

fn fetch(cluster: &Cluster) -> Result<VerifiedConfiguration, String> {
    let file = &cluster.clients()[0];
    let credentials = credentials(file)?;
    let fetched = quorate_client::block_on(fetch_configuration(file, &credentials));
    fetched.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

fn number_of(
    cluster: &Cluster,
    configuration: &VerifiedConfiguration,
    node: NodeId,
) -> Option<usize> {
    cluster.at(&configuration.configuration().member(node)?.address)
}
