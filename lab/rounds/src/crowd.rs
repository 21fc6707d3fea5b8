//! A large system on one machine: a few real servers hold, watch and carry the records of servers
//! that are made up, and it is measured what that takes of them.
//!
//! One of the real ones joins while the system is small, in the place of a founder: who comes to
//! more than there are links for has none.
//!
//! The made-up servers come as any server comes, by a certificate of the authority in the log; this
//! process answers the probes for all of them, and has the other ends of their links with the real
//! ones. They bring no keys, so the group stays with the real ones, and pass nothing on.
//!
//! ```text
//! operator --replace one------> real servers
//! clients --add certificates--> real servers --epoch after epoch--> N servers are members
//!                               real servers --probes, links--> this process
//! ```
//! | module | |
//! |---|---|
//! | `people` | the made-up servers |
//! | `answering` | the threads that answer for them |
//! | `neighbours` | the other ends of their links |
//! | `admission` | clients that carry certificates to the log |
//! | `figures` | what is measured, and the table |

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use quorate_client::cluster_file::read_seed;
use quorate_client::findings::findings;
use quorate_client::objects::RealSigner;
use quorate_membership::{CertifiedConfiguration, Schemes, VerifiedConfiguration};
use quorate_types::{MemberRecord, MemberStatus};

use crate::cluster::{Cluster, Terms};
use crate::dev;
use crate::load::session;
use crate::metrics;
use crate::programs::Programs;
use crate::round::seat;
use crate::scratch::Scratch;
use crate::telling::tell;

mod admission;
mod answering;
mod figures;
mod neighbours;
mod people;

use admission::{Clients, Office, Order};
use answering::Answering;
use figures::{Meter, Phase};
use neighbours::Neighbours;
use people::People;

/// Real servers: a membership group that bears one bad member, and nobody else.
const SERVERS: usize = 4;
/// The founder that another server replaces.
const REPLACED: usize = SERVERS - 1;
/// Clients that carry certificates at the same time: each has one under way.
const CLIENTS: usize = 16;
/// So many once made-up servers have links: a client connects to all of those.
const CLIENTS_AMONG_LINKS: usize = 2;
/// Epochs in which nothing changes that are measured.
const QUIET_EPOCHS: u64 = 2;
/// One made-up server in so many goes in an epoch with churn, and as many come.
const CHURN_ONE_IN: u32 = 100;
/// Time between two looks at how far the servers are.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// A phase may take so many times the length of an epoch,
const EPOCHS_PATIENCE: u32 = 4;
/// and so long besides.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Made-up servers.
    pub servers: u32,
    /// How long an epoch lasts.
    pub epoch_seconds: u64,
    /// Epochs with churn, one behind the other.
    pub churn_epochs: u32,
}

impl Plan {
    const fn terms(self) -> Terms {
        Terms { f: 1, f_ms: 1, epoch_seconds: Some(self.epoch_seconds) }
    }
}

/// What was measured of one system.
#[derive(Debug)]
pub struct Report(Vec<Phase>);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|phase| writeln!(f, "{phase}"))
    }
}

impl Report {
    /// What the columns of a report are.
    pub const HEAD: &'static str = Phase::HEAD;
}

/// Founds a system, has so many made-up servers admitted, and measures the real ones.
///
/// # Errors
/// What failed, and where the logs are.
pub fn run(plan: Plan) -> Result<Report, String> {
    let mut scratch = Scratch::new("crowd")?;
    let measured = measure(plan, &scratch);
    scratch.keep_if_failed(measured)
}

fn measure(plan: Plan, scratch: &Scratch) -> Result<Report, String> {
    let programs = Programs::beside_this()?;
    let founded = (plan.terms(), SERVERS);
    let cluster = Cluster::found_by_dev(&programs, scratch.path(), founded, CLIENTS)?;
    let mut town = Town::of(plan, cluster, scratch)?;
    let measured = town.replace_one(scratch.path()).and_then(|()| town.live());
    // How the servers ended says nothing if what was measured before has failed.
    town.answering.end();
    let left = town.neighbours.end();
    let ended = town.cluster.end();
    let phases = measured?;
    left?;
    ended?;
    Ok(Report(phases))
}

/// A system and those that are made up.
struct Town {
    plan: Plan,
    cluster: Cluster,
    office: Office,
    answering: Answering,
    neighbours: Neighbours,
    newest: VerifiedConfiguration,
    epoch: u64,
    begun: Instant,
}

impl Town {
    fn of(plan: Plan, cluster: Cluster, scratch: &Scratch) -> Result<Self, String> {
        let first = session(&cluster.clients()[0], async |cluster| cluster.configuration())?;
        let (system, epoch) = (first.configuration().system, first.epoch());
        let begun = Instant::now();
        let count = plan.servers + plan.servers / CHURN_ONE_IN * plan.churn_epochs;
        let (sockets, port) = answering::sockets(people::hosts(count))?;
        let people = People::make(count, (system, epoch), port)?;
        let made = begun.elapsed().as_secs();
        tell(&format!("{count} servers were made up in {made} s"));
        let key = scratch.path().join(cluster.authority_key());
        let seed = read_seed(&key).map_err(|error| error.to_string())?;
        let office = Office::new(system, RealSigner::from_seed(&seed), people.grants());
        let people = Arc::new(Mutex::new(people));
        let answering = Answering::start(sockets, &people)?;
        let neighbours = Neighbours::start(&people)?;
        let (newest, epoch) = (first, epoch.get());
        Ok(Self { plan, cluster, office, answering, neighbours, newest, epoch, begun })
    }

    /// Time since the made-up servers began to be made.
    fn now(&self) -> u64 {
        self.begun.elapsed().as_secs()
    }

    /// Has a server join that did not found the system, and a founder leave. That one keeps its
    /// record, since it has a place on the ring of storage, and its process is ended here.
    fn replace_one(&mut self, root: &Path) -> Result<(), String> {
        let newcomer = seat(dev::folder(root, self.cluster.size()))?;
        let newcomer = self.cluster.prepare(root, self.plan.terms(), newcomer)?;
        let old = self.cluster.listens_at(REPLACED).to_string();
        let admission = self.cluster.folder(newcomer).join("admission");
        let admission = admission.to_string_lossy();
        self.cluster.order(root, &["node", "replace", &old, &admission])?;
        self.cluster.launch(newcomer)?;
        self.wait("a founder to be replaced", |town| town.was_removed(&old))?;
        self.cluster.kill(REPLACED);
        self.cluster.dismiss(REPLACED);
        self.until("who joined to serve", |_| true)?;
        tell(&format!("{} s: a server has joined in the place of {old}", self.now()));
        Ok(())
    }

    /// Does the newest configuration give the server that is found there no duties for good?
    fn was_removed(&self, address: &str) -> bool {
        let members = &self.newest.configuration().members;
        let is_it = |member: &&Arc<MemberRecord>| member.address == address;
        let status = members.iter().find(is_it).map(|member| member.status);
        status.is_none_or(|status| status == MemberStatus::Removed)
    }

    fn live(&mut self) -> Result<Vec<Phase>, String> {
        let count = self.plan.servers;
        let mut phases = Vec::new();
        let mut meter = Meter::begin(&self.cluster);
        let mut note = |town: &Self, what: &str, meter: &mut Meter| {
            let phase = meter.end(&town.cluster, (what, town.answering.known(), town.epoch));
            tell(&format!("{} s: {phase}", town.now()));
            phases.push(phase);
        };
        note(self, "founded", &mut meter);
        let all = self.answering.known() + count as usize;
        self.change((0..count).map(Order::Add).collect(), CLIENTS)?;
        self.until("the servers to be members", |town| town.answering.known() >= all)?;
        note(self, "admitted", &mut meter);
        self.neighbours.begin();
        for _ in 0..QUIET_EPOCHS {
            let next = self.epoch + 1;
            self.until("the end of an epoch", |town| town.epoch >= next)?;
            note(self, "quiet", &mut meter);
        }
        // What so many admissions at once have left on their heaps is gone then.
        self.cluster.kill_all();
        self.cluster.start_all()?;
        meter.begin_anew(&self.cluster);
        let next = self.epoch + 1;
        self.until("the end of an epoch behind the start", |town| town.epoch >= next)?;
        note(self, "restarted", &mut meter);
        let each = count / CHURN_ONE_IN;
        for first in (0..self.plan.churn_epochs).map(|number| number * each) {
            let leave = (first..first + each).map(Order::Remove);
            let join = (count + first..count + first + each).map(Order::Add);
            // In one epoch, or in two if its end comes between them.
            let last = self.change(leave.chain(join).collect(), CLIENTS_AMONG_LINKS)?;
            self.until("the end of an epoch", |town| town.epoch > last)?;
            note(self, "churn", &mut meter);
        }
        self.check_newcomer()?;
        Ok(phases)
    }

    /// Is the system of use to a client that comes now?
    fn check_newcomer(&self) -> Result<(), String> {
        let file = &self.cluster.clients()[0];
        let said = session(file, async |cluster| findings(&cluster).await)?;
        said.map(drop).map_err(|error| format!("a new client: {error}"))
    }

    /// Has all of this recorded while epochs end; gives the epoch in which the last was recorded.
    fn change(&mut self, orders: Vec<Order>, clients: usize) -> Result<u64, String> {
        let (begun, count) = (Instant::now(), orders.len());
        let clients = Clients::start(&self.cluster.clients()[..clients], &self.office);
        clients.order(orders);
        while clients.open()? > 0 {
            self.check_processes()?;
            self.look()?;
            std::thread::sleep(LOOK_INTERVAL);
        }
        // The end of an epoch may have come since the last look.
        self.look()?;
        let seconds = begun.elapsed().as_secs_f64();
        let counts = clients.counts();
        tell(&format!("{} s: {count} certificates in {seconds:.1} s; {counts}", self.now()));
        Ok(self.epoch)
    }

    fn check_processes(&mut self) -> Result<(), String> {
        if !self.cluster.is_looked_after() {
            return Err(String::from("quorate dev ended by itself"));
        }
        match (0..SERVERS).find(|server| !self.cluster.is_up(*server)) {
            None => Ok(()),
            Some(down) => Err(format!("server {down} ended by itself")),
        }
    }

    /// Waits for something, and until all servers serve in the group of the epoch.
    fn until(&mut self, what: &str, is_done: impl Fn(&Self) -> bool) -> Result<(), String> {
        self.wait(what, |town| is_done(town) && figures::have_all_begun(&town.cluster, town.epoch))
    }

    fn wait(&mut self, what: &str, is_done: impl Fn(&Self) -> bool) -> Result<(), String> {
        let epoch = u32::try_from(self.plan.epoch_seconds).unwrap_or(u32::MAX);
        let patience = PATIENCE + Duration::from_secs(1) * epoch * EPOCHS_PATIENCE;
        let end = Instant::now() + patience;
        while !is_done(self) {
            if Instant::now() > end {
                return Err(format!("waited for {what} for longer than {patience:?}"));
            }
            self.check_processes()?;
            self.look()?;
            std::thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
    }

    /// Looks whether an epoch has ended, and who is a member then.
    fn look(&mut self) -> Result<(), String> {
        let page = self.cluster.page(0, "/metrics").unwrap_or_default();
        let epoch = metrics::sum(&page, &["quorate_epoch "]);
        if epoch <= self.epoch {
            return Ok(());
        }
        let file = self.cluster.folder(0).join("data/epochs").join(epoch.to_string());
        // It may be about to be replaced by the next one already: then that is looked at.
        let Ok(bytes) = std::fs::read(&file) else { return Ok(()) };
        let read: CertifiedConfiguration =
            quorate_wire::decode(&bytes).map_err(|error| format!("{}: {error}", file.display()))?;
        let newest = read
            .verify_after(&self.newest, &Schemes::real())
            .map_err(|error| format!("{}: {error}", file.display()))?;
        let members = &newest.configuration().members;
        self.answering.know(members);
        let of = (&self.newest, &newest);
        self.neighbours.follow(of, |key| self.answering.number_of(key))?;
        self.epoch = epoch;
        let ends = figures::end_of(&self.cluster, epoch - 1);
        let (members, bytes) = (members.len(), bytes.len());
        let memory = figures::memory_now(&self.cluster);
        tell(&format!(
            "{} s: epoch {epoch}, {members} members, {bytes} bytes; {memory}; {ends}; {}",
            self.now(),
            self.answering.counts()
        ));
        self.newest = newest;
        Ok(())
    }
}
