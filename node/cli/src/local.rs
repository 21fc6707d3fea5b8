//! A cluster of real processes in a directory, for the demo and the benchmark.
//!
//! Every process that is started here is ended here, by its pid.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use quorate_client::explanation::Kind;
use quorate_daemon::founding::ceremony::new_client;

use crate::dev::children;
use crate::dev::cluster::{Cluster, DevNode};
use crate::dev::equip::{equip, local_client};
use crate::dev::found::Wanted;
use crate::dev::layout::Layout;
use crate::dev::turn::Turn;
use crate::failure::Failure;

/// Longest time in which the servers must have made the key.
const KEY_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest time in which a server must serve after its start.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The servers of a cluster, each a process or none.
#[derive(Debug)]
pub(crate) struct LocalCluster {
    cluster: Cluster,
    program: PathBuf,
    children: Vec<Option<Child>>,
}

impl LocalCluster {
    /// Founds a cluster in a directory and starts all of its servers.
    pub(crate) fn start(directory: &Path, nodes: u16) -> Result<Self, Failure> {
        Self::start_wanted(
            directory,
            &Wanted { nodes: Some(nodes), f: Some(1), f_ms: Some(1), ..Wanted::default() },
        )
    }

    /// Founds a cluster of one storage group, of which `f` servers may be bad, and starts it.
    pub(crate) fn start_group(directory: &Path, f: u16) -> Result<Self, Failure> {
        let nodes = Some(3 * f + 1);
        Self::start_wanted(
            directory,
            &Wanted { nodes, f: Some(f), f_ms: Some(1), ..Wanted::default() },
        )
    }

    /// Founds such a cluster and starts it.
    pub(crate) fn start_wanted(directory: &Path, wanted: &Wanted) -> Result<Self, Failure> {
        let turn = Turn::take();
        let cluster = Cluster::open_or_found(Layout::new(directory)?, wanted)?;
        let program = std::env::current_exe()
            .map_err(|error| Failure::io("find", Path::new("quorate"), &error))?;
        let children = cluster.nodes.iter().map(|_| None).collect();
        let mut local = Self { cluster, program, children };
        let (count, program) = (local.children.len(), local.program.clone());
        (0..count).try_for_each(|index| local.spawn(index, &program))?;
        let equipped = quorate_client::block_on(equip(&local.cluster.layout, KEY_TIMEOUT));
        equipped.map_err(|error| Failure::io("open an event loop for", directory, &error))??;
        (0..count).try_for_each(|index| local.until_it_serves(index))?;
        drop(turn);
        Ok(local)
    }

    /// The file with which a client finds the cluster.
    pub(crate) fn cluster_file(&self) -> PathBuf {
        self.cluster.layout.cluster_file()
    }

    /// The files of so many clients, each with a key of its own; the first is the cluster's own.
    pub(crate) fn client_files(&self, count: usize) -> Result<Vec<PathBuf>, Failure> {
        let layout = &self.cluster.layout;
        let mut files = vec![self.cluster_file()];
        for number in 1..count {
            let directory = layout.root().join("clients").join(number.to_string());
            let request = local_client(layout.authority_key(), self.cluster_file());
            files.push(new_client(&directory, &request)?.cluster_file);
        }
        Ok(files)
    }

    /// Where the servers answer about metrics.
    pub(crate) fn metrics_addresses(&self) -> Vec<std::net::SocketAddr> {
        self.cluster.nodes.iter().map(|node| node.metrics).collect()
    }

    /// The pid of a server's process.
    pub(crate) fn pid(&self, index: usize) -> Option<u32> {
        self.children[index].as_ref().map(Child::id)
    }

    /// The pids of all processes.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.children.iter().flatten().map(Child::id).collect()
    }

    /// Starts a server again, as the ordinary program.
    pub(crate) fn restart(&mut self, index: usize) -> Result<(), Failure> {
        let program = self.program.clone();
        self.run(index, &program)
    }

    /// Starts a server with this program, and waits until it serves.
    pub(crate) fn run(&mut self, index: usize, program: &Path) -> Result<(), Failure> {
        self.spawn(index, program)?;
        self.until_it_serves(index)
    }

    fn spawn(&mut self, index: usize, program: &Path) -> Result<(), Failure> {
        let node: &DevNode = &self.cluster.nodes[index];
        let failed = |error: std::io::Error| Failure::io("write", &node.log, &error);
        let log = File::options().create(true).append(true).open(&node.log).map_err(failed)?;
        let errors = log.try_clone().map_err(failed)?;
        let mut command = Command::new(program);
        command.args(["node", "run", "--config"]).arg(&node.file);
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command.spawn().map_err(|error| Failure::io("start", program, &error))?;
        self.children[index] = Some(child);
        Ok(())
    }

    /// Waits until a server serves, which tells nobody: it is asked, until it does or the process
    /// has ended.
    fn until_it_serves(&mut self, index: usize) -> Result<(), Failure> {
        let node = &self.cluster.nodes[index];
        let Some(child) = &mut self.children[index] else { return Ok(()) };
        let end = Instant::now() + START_TIMEOUT;
        while !node.serves() {
            let ended =
                child.try_wait().map_err(|error| Failure::io("watch", &node.log, &error))?;
            let what = match ended {
                Some(status) => {
                    format!("server {} ended: {}", node.number, children::End::of(status))
                }
                None if Instant::now() >= end => {
                    format!("server {} does not serve after {START_TIMEOUT:?}", node.number)
                }
                None => {
                    std::thread::sleep(LOOK_INTERVAL);
                    continue;
                }
            };
            let sort = (Kind::NotServing, "server-not-started");
            return Err(Failure::about(
                &node.log,
                sort,
                what,
                "its log says why, in the last line",
            ));
        }
        Ok(())
    }

    /// Ends a server's process without a word, as `kill -9` does.
    pub(crate) fn kill(&mut self, index: usize) {
        if let Some(mut child) = self.children[index].take() {
            // A process that has ended by itself is as dead as one that is killed.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Drop for LocalCluster {
    fn drop(&mut self) {
        (0..self.children.len()).for_each(|index| self.kill(index));
    }
}

/// A directory that goes away with this value.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A new directory among the temporary files.
    pub(crate) fn new(purpose: &str) -> Result<Self, Failure> {
        let name = format!("quorate-{purpose}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).map_err(|error| Failure::io("make", &path, &error))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own cleaning.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
