//! Servers as processes: founded with the commands that users call, started, killed and paused.
//!
//! Every process that is started here is ended here, by its own handle, whatever happens. A system
//! can also be made and run by `quorate dev`: then that starts its servers and whatever joins them,
//! and only those that come back, or lie, are started here.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use quorate_client::cluster_file::ClusterFile;

use crate::dev::{self, Dev};
use crate::metrics;
pub use crate::process::Usage;
use crate::process::{Process, forget_memory_peak, signal};
use crate::programs::Programs;

/// Longest time in which a server must answer after its start.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// The key of the authority of a system that is founded here, in its directory.
const AUTHORITY_KEY: &str = "authority/authority.key";
/// What a client needs to know of such a system.
const CLUSTER_FILE: &str = "system/cluster.toml";
/// Time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Where a server is.
#[derive(Clone, Debug)]
pub struct Seat {
    /// Its directory.
    pub folder: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where others find it: itself, or what stands before it.
    pub address: SocketAddr,
    /// Where it answers about metrics.
    pub metrics: SocketAddr,
    /// The network namespace that it runs in; none: that of the round.
    pub namespace: Option<String>,
}

impl Seat {
    /// A program, to be run where the server is. It is one process, which can be ended.
    fn command(&self, program: &Path) -> Command {
        let Some(namespace) = &self.namespace else { return Command::new(program) };
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(program);
        command
    }
}

/// How a system is founded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Bad servers that a group of the ring bears.
    pub f: u16,
    /// Bad servers that the membership group bears.
    pub f_ms: u16,
    /// How long an epoch lasts, in seconds; without it the first one never ends.
    pub epoch_seconds: Option<u64>,
}

impl Default for Terms {
    fn default() -> Self {
        Self { f: 1, f_ms: 1, epoch_seconds: None }
    }
}

/// A system of servers, each a process or none, and the files of its clients.
#[derive(Debug)]
pub struct Cluster {
    programs: Programs,
    seats: Vec<Seat>,
    children: Vec<Option<Process>>,
    clients: Vec<ClusterFile>,
    /// What runs the servers that were not started here.
    dev: Option<Dev>,
}

/// Calls a program that must succeed; gives what it printed.
///
/// # Errors
/// What it complained about.
pub fn call(program: &Path, directory: &Path, words: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(words).current_dir(directory).env_remove("QUORATE_CLUSTER");
    let output = command.output().map_err(|error| format!("{}: {error}", program.display()))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} {}: {complaint}", program.display(), words.join(" ")));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

impl Cluster {
    /// Founds a system with these servers, which run until they have made its key; none runs
    /// afterwards.
    ///
    /// # Errors
    /// What a command complained about, or the end of the log of a server.
    pub fn found(
        programs: &Programs,
        root: &Path,
        (terms, seats): (Terms, Vec<Seat>),
        clients: usize,
    ) -> Result<Self, String> {
        let quorate = |words: &[&str]| call(&programs.quorate, root, words);
        quorate(&["authority", "new", "--out", "authority"])?;
        seats.iter().try_for_each(|seat| new_server(programs, (root, seat), &[]))?;
        let admissions: Vec<String> =
            seats.iter().map(|seat| format!("{}/admission", seat.folder.display())).collect();
        let [f, f_ms] = [terms.f, terms.f_ms].map(|f| f.to_string());
        let mut words = vec!["init", "--authority", AUTHORITY_KEY, "--out", "system"];
        words.extend(["--f", &f, "--f-ms", &f_ms]);
        words.extend(admissions.iter().map(String::as_str));
        quorate(&words)?;
        install(root, terms, &seats)?;
        let children = seats.iter().map(|_| None).collect();
        let mut cluster = Self::of(programs, (seats, children), None);
        cluster.start_all()?;
        let seconds = terms.epoch_seconds.map(|seconds| seconds.to_string());
        let mut words = vec!["system-key", "system/genesis", "--out", CLUSTER_FILE];
        words.extend(seconds.iter().flat_map(|seconds| ["--epoch-seconds", seconds]));
        quorate(&words)?;
        cluster.kill_all();
        cluster.make_clients(root, clients)?;
        Ok(cluster)
    }

    /// Has `quorate dev` make a system with so many servers, all of which serve afterwards.
    ///
    /// # Errors
    /// What it or a command complained about, or the end of the log of a server.
    pub fn found_by_dev(
        programs: &Programs,
        root: &Path,
        (terms, servers): (Terms, usize),
        clients: usize,
    ) -> Result<Self, String> {
        let (dev, seats) = Dev::found(programs, root, (terms, servers))?;
        let children = (0..servers).map(|server| Some(Process::Devs(dev.ward(server)))).collect();
        let mut cluster = Self::of(programs, (seats, children), Some(dev));
        (0..servers).try_for_each(|server| cluster.await_health(server))?;
        cluster.make_clients(root, clients)?;
        Ok(cluster)
    }

    fn of(
        programs: &Programs,
        (seats, children): (Vec<Seat>, Vec<Option<Process>>),
        dev: Option<Dev>,
    ) -> Self {
        Self { programs: programs.clone(), seats, children, clients: Vec::new(), dev }
    }

    fn make_clients(&mut self, root: &Path, count: usize) -> Result<(), String> {
        let cluster_file = if self.dev.is_some() { dev::CLUSTER_FILE } else { CLUSTER_FILE };
        let files = (self.authority_key(), cluster_file);
        let clients = (0..count).map(|number| new_client(&self.programs, root, (files, number)));
        self.clients = clients.collect::<Result<_, _>>()?;
        Ok(())
    }

    /// The key of the authority, in the directory of the run.
    #[must_use]
    pub const fn authority_key(&self) -> &'static str {
        if self.dev.is_some() { dev::AUTHORITY_KEY } else { AUTHORITY_KEY }
    }

    /// Does what runs the servers run, if anything does?
    pub fn is_looked_after(&mut self) -> bool {
        self.dev.as_mut().is_none_or(Dev::is_up)
    }

    /// Ends all servers, those of `quorate dev` by asking it to end.
    ///
    /// # Errors
    /// That it did not end well.
    pub fn end(&mut self) -> Result<(), String> {
        let ended = self.dev.take().map_or(Ok(()), Dev::end);
        if ended.is_err() {
            self.kill_orphans();
        }
        self.kill_all();
        ended
    }

    /// Kills those that `quorate dev` left behind: nobody says any more how they end.
    fn kill_orphans(&mut self) {
        let theirs = |child: &&mut Option<Process>| matches!(child, Some(Process::Devs(_)));
        for child in self.children.iter_mut().filter(theirs) {
            child.take().iter_mut().for_each(Process::begin_to_kill);
        }
    }

    /// The files of the clients, each with a key of its own.
    #[must_use]
    pub fn clients(&self) -> &[ClusterFile] {
        &self.clients
    }

    /// The number of servers.
    #[must_use]
    pub fn size(&self) -> usize {
        self.seats.len()
    }

    /// Where a server listens.
    #[must_use]
    pub fn listens_at(&self, server: usize) -> SocketAddr {
        self.seats[server].listen
    }

    /// Makes the keys and files of one more server, which belongs to the running system when its
    /// authority says so; gives its number.
    ///
    /// # Errors
    /// What a command complained about.
    pub fn prepare(&mut self, root: &Path, terms: Terms, seat: Seat) -> Result<usize, String> {
        let seconds = terms.epoch_seconds.unwrap_or_default().to_string();
        let joins = ["--cluster", "client-0/cluster.toml", "--epoch-seconds", &seconds];
        new_server(&self.programs, (root, &seat), &joins)?;
        self.seats.push(seat);
        self.children.push(None);
        Ok(self.size() - 1)
    }

    /// Calls the program of users, as an operator does; gives what it printed.
    ///
    /// # Errors
    /// What it complained about.
    pub fn operate(&self, root: &Path, words: &[&str]) -> Result<String, String> {
        call(&self.programs.quorate, root, words)
    }

    /// Calls a command of the operator with the key of the authority.
    ///
    /// # Errors
    /// What it complained about.
    pub fn order(&self, root: &Path, words: &[&str]) -> Result<(), String> {
        let common = ["--authority", self.authority_key(), "--cluster", "client-0/cluster.toml"];
        self.operate(root, &[words, &common[..]].concat()).map(drop)
    }

    /// A server that has ended for good is none of these any more: those behind it move up.
    ///
    /// # Panics
    /// If its process runs.
    pub fn dismiss(&mut self, server: usize) {
        assert!(!self.is_up(server), "server {server} runs");
        drop(self.children.remove(server));
        self.seats.remove(server);
    }

    /// The directory of a server.
    #[must_use]
    pub fn folder(&self, server: usize) -> &Path {
        &self.seats[server].folder
    }

    /// The server that is found at this address.
    #[must_use]
    pub fn at(&self, address: &str) -> Option<usize> {
        self.seats.iter().position(|seat| seat.address.to_string() == address)
    }

    /// Starts a server and waits until it serves.
    ///
    /// # Errors
    /// The end of its log, if it does not.
    pub fn start(&mut self, server: usize) -> Result<(), String> {
        let program = self.programs.quorate.clone();
        self.run(server, &program, &[])
    }

    /// Starts a server that does not serve before it has joined. `quorate dev` does that by itself
    /// as soon as it is made.
    ///
    /// # Errors
    /// What the operating system says, or that it was not started.
    pub fn launch(&mut self, server: usize) -> Result<(), String> {
        if let Some(dev) = &self.dev {
            let ward = dev.ward(server);
            ward.await_start()?;
            self.children[server] = Some(Process::Devs(ward));
            return Ok(());
        }
        let program = self.programs.quorate.clone();
        self.spawn(server, &program, &[])
    }

    /// Starts every server that does not run, all at once.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_all(&mut self) -> Result<(), String> {
        let program = self.programs.quorate.clone();
        let down = |server: &usize| self.children[*server].is_none();
        let down: Vec<usize> = (0..self.size()).filter(down).collect();
        down.iter().try_for_each(|&server| self.spawn(server, &program, &[]))?;
        down.iter().try_for_each(|&server| self.await_health(server))
    }

    /// Starts the liar with the keys and data of a server.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_liar(&mut self, server: usize, villain: &str) -> Result<(), String> {
        let program = self.programs.liar.clone();
        self.run(server, &program, &[villain])
    }

    fn run(&mut self, server: usize, program: &Path, words: &[&str]) -> Result<(), String> {
        self.spawn(server, program, words)?;
        self.await_health(server)
    }

    fn spawn(&mut self, server: usize, program: &Path, words: &[&str]) -> Result<(), String> {
        assert!(self.children[server].is_none(), "server {server} runs already");
        let seat = &self.seats[server];
        let path = seat.folder.join("log");
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let log = File::options().create(true).append(true).open(&path).map_err(failed)?;
        let errors = log.try_clone().map_err(failed)?;
        let mut command = seat.command(program);
        command.args(["node", "run", "--config"]).arg(seat.folder.join("node.toml")).args(words);
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
        self.children[server] = Some(Process::Own(child));
        Ok(())
    }

    fn await_health(&mut self, server: usize) -> Result<(), String> {
        let end = Instant::now() + START_TIMEOUT;
        while self.page(server, "/health").is_none_or(|said| !said.starts_with("ok")) {
            let child = self.children[server].as_mut().expect("it was started just now");
            let ended = child.try_wait()?;
            if ended.is_some() || Instant::now() > end {
                let log = std::fs::read_to_string(self.seats[server].folder.join("log"));
                let log = log.unwrap_or_default();
                let tail = log.lines().rev().take(5).collect::<Vec<_>>().join("\n");
                return Err(format!("server {server} does not serve ({ended:?}):\n{tail}"));
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
    }

    /// A page of a server: `/health` or `/metrics`.
    #[must_use]
    pub fn page(&self, server: usize, path: &str) -> Option<String> {
        let seat = &self.seats[server];
        if seat.namespace.is_none() {
            return metrics::get(seat.metrics, path);
        }
        // Its loopback is another one than ours: ask from there.
        let mut command = seat.command(&self.programs.rounds);
        let output = command.args(["page", &seat.metrics.to_string(), path]).output().ok()?;
        output.status.success().then(|| String::from_utf8(output.stdout).ok()).flatten()
    }

    /// Does the process of a server run?
    pub fn is_up(&mut self, server: usize) -> bool {
        let child = self.children[server].as_mut();
        child.is_some_and(|child| child.try_wait().is_ok_and(|ended| ended.is_none()))
    }

    /// What a server exited with that ended by itself.
    pub fn exit_code(&mut self, server: usize) -> Option<i32> {
        self.children[server].as_mut()?.try_wait().ok()??.code()
    }

    /// Ends a server with SIGKILL; tells whether that is what ended it.
    pub fn kill(&mut self, server: usize) -> bool {
        self.children[server].take().is_some_and(Process::kill)
    }

    /// Ends all servers with SIGKILL.
    pub fn kill_all(&mut self) {
        // All are told to end before any is waited for.
        self.children.iter_mut().flatten().for_each(Process::begin_to_kill);
        for server in 0..self.size() {
            self.kill(server);
        }
    }

    /// Stops a server's process (SIGSTOP); tells whether the system says that it is stopped.
    pub fn pause(&mut self, server: usize) -> bool {
        self.signal(server, "STOP");
        let end = Instant::now() + Duration::from_secs(1);
        while Instant::now() < end {
            if self.state(server) == Some('T') {
                return true;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        false
    }

    /// Lets a stopped server go on (SIGCONT).
    pub fn resume(&mut self, server: usize) {
        self.signal(server, "CONT");
    }

    fn signal(&self, server: usize, name: &str) {
        // Whether it had an effect is looked up in the state of the process.
        let pid = self.children[server].as_ref().and_then(Process::id);
        pid.into_iter().for_each(|pid| signal(pid, name));
    }

    /// The state of the process as the system shows it: the letter behind its name.
    fn state(&self, server: usize) -> Option<char> {
        let pid = self.children[server].as_ref()?.id()?;
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        text.rsplit_once(')')?.1.trim_start().chars().next()
    }

    /// What the process of a server uses.
    #[must_use]
    pub fn usage(&self, server: usize) -> Option<Usage> {
        Usage::of(self.children[server].as_ref()?.id()?)
    }

    /// Has the peak of a server's memory begin with what it holds now.
    pub fn forget_memory_peak(&self, server: usize) {
        let pid = self.children[server].as_ref().and_then(Process::id);
        pid.into_iter().for_each(forget_memory_peak);
    }

    /// The most memory that a server ever had in use, in KiB.
    #[must_use]
    pub fn memory_peak_kib(&self, server: usize) -> Option<u64> {
        self.usage(server).map(|usage| usage.peak_kib)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Whoever wants to know how it ended has asked before.
        drop(self.end());
    }
}

/// A server that belongs to no system yet.
fn new_server(
    programs: &Programs,
    (root, seat): (&Path, &Seat),
    more: &[&str],
) -> Result<(), String> {
    let [listen, address, metrics] =
        [seat.listen, seat.address, seat.metrics].map(|one| one.to_string());
    let folder = seat.folder.to_string_lossy();
    let mut words = vec!["node", "new", "--out", &*folder, "--failure-domain", &*folder];
    words.extend(["--listen", &listen, "--address", &address, "--metrics", &metrics]);
    words.extend(more);
    call(&programs.quorate, root, &words).map(drop)
}

/// What an operator carries to each server after `quorate init`.
fn install(root: &Path, terms: Terms, seats: &[Seat]) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("what init made: {error}");
    for seat in seats {
        std::fs::copy(root.join("system/genesis"), seat.folder.join("genesis")).map_err(failed)?;
        let Some(seconds) = terms.epoch_seconds else { continue };
        let file = seat.folder.join("node.toml");
        let text = std::fs::read_to_string(&file).map_err(failed)?;
        let text = format!("{text}epoch_seconds = \"{seconds}\"\n");
        std::fs::write(&file, text).map_err(failed)?;
    }
    Ok(())
}

fn new_client(
    programs: &Programs,
    root: &Path,
    ((authority_key, cluster_file), number): ((&str, &str), usize),
) -> Result<ClusterFile, String> {
    let (out, name) = (format!("client-{number}"), format!("client {number}"));
    let mut words = vec!["client", "new", "--authority", authority_key];
    words.extend(["--cluster", cluster_file, "--name", &name, "--out", &out]);
    call(&programs.quorate, root, &words)?;
    let file = root.join(out).join("cluster.toml");
    ClusterFile::read(&file).map_err(|error| error.to_string())
}
