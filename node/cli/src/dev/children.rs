//! The processes of the servers: started here, looked after, and stopped by their pids.
//!
//! A server may also have been started by somebody else, with `quorate node run`: then its pid
//! file, which it keeps locked, tells that it runs.

use std::fmt;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use super::cluster::{Cluster, DevNode};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::pid_file::PidFile;

/// What is known of a server's process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Condition {
    /// It runs.
    Up {
        /// Its process.
        pid: u32,
    },
    /// It does not run.
    Down {
        /// What is known about that.
        end: End,
    },
}

/// How a server came to be down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// It was never up.
    NotStarted,
    /// It ended with this code; 0 if it was asked to stop.
    Exited(i32),
    /// A signal ended it.
    Killed(i32),
    /// It was started by somebody else, who knows.
    Unseen,
    /// The system does not say, for this reason.
    Lost(String),
}

impl End {
    /// The end of a process with this status.
    pub(crate) fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exited(code),
            (None, Some(signal)) => Self::Killed(signal),
            (None, None) => Self::Unseen,
        }
    }

    /// Was it asked to stop?
    pub(crate) fn is_asked_for(&self) -> bool {
        *self == Self::Exited(Exit::Ok.code().into())
    }

    /// Was the server removed from its system?
    pub(crate) fn is_for_good(&self) -> bool {
        *self == Self::Exited(Exit::Removed.code().into())
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted => f.write_str("not started"),
            Self::Exited(_) if self.is_asked_for() => f.write_str("stopped"),
            Self::Exited(code) => match Exit::meaning_of(*code) {
                Some(meaning) => write!(f, "exit code {code}: {meaning}"),
                None => write!(f, "exit code {code}"),
            },
            Self::Killed(signal) => write!(f, "killed by signal {signal}"),
            Self::Unseen => f.write_str("ended"),
            Self::Lost(error) => write!(f, "lost sight of it: {error}"),
        }
    }
}

/// The processes of all servers.
#[derive(Debug)]
pub(crate) struct Children {
    program: PathBuf,
    places: Vec<Place>,
    /// Those that began the cluster come first.
    founders: usize,
}

#[derive(Debug)]
struct Place {
    node: DevNode,
    child: Option<Child>,
    end: End,
}

impl Children {
    /// No process yet; `program` is what runs a server.
    pub(crate) fn new(program: PathBuf, cluster: &Cluster) -> Self {
        let places = cluster.nodes.iter().map(Place::new).collect();
        Self { program, places, founders: cluster.founders }
    }

    /// Looks after one server more, which is started.
    pub(crate) fn add(&mut self, node: &DevNode) -> Result<(), Failure> {
        let mut place = Place::new(node);
        if PidFile::holder(&node.pid).is_none() {
            place.child = Some(spawn(&self.program, node)?);
        }
        self.places.push(place);
        Ok(())
    }

    /// Starts every server that does not run.
    pub(crate) fn start(&mut self) -> Result<(), Failure> {
        for place in &mut self.places {
            if PidFile::holder(&place.node.pid).is_none() {
                place.child = Some(spawn(&self.program, &place.node)?);
            }
        }
        Ok(())
    }

    /// Looks at every server.
    pub(crate) fn look(&mut self) -> Vec<Condition> {
        self.places.iter_mut().map(Place::look).collect()
    }

    /// Whether every founder that runs serves: others may wait until they are admitted.
    pub(crate) fn have_begun(&mut self) -> bool {
        let is_down = |condition: Condition| matches!(condition, Condition::Down { .. });
        self.places
            .iter_mut()
            .take(self.founders)
            .all(|place| place.node.serves() || is_down(place.look()))
    }

    /// Sends a signal to every server that runs, however it was started.
    pub(crate) fn signal(&mut self, name: &str) {
        let running = self.look().into_iter().filter_map(|condition| match condition {
            Condition::Up { pid } => Some(pid.to_string()),
            Condition::Down { .. } => None,
        });
        let pids: Vec<_> = running.collect();
        if pids.is_empty() {
            return;
        }
        // The shell has `kill` built in on every system; a process that ended meanwhile is no
        // failure, and one that stays is seen by the next look.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "kill -s \"$0\" \"$@\" 2>/dev/null", name]).args(pids);
        if command.stdin(Stdio::null()).status().is_err() {
            self.kill_own();
        }
    }

    fn kill_own(&mut self) {
        for child in self.places.iter_mut().filter_map(|place| place.child.as_mut()) {
            if child.kill().is_err() {
                // It has ended by itself.
            }
        }
    }

    /// Whether any server runs.
    pub(crate) fn is_any_up(&mut self) -> bool {
        self.look().iter().any(|condition| matches!(condition, Condition::Up { .. }))
    }
}

fn spawn(program: &Path, node: &DevNode) -> Result<Child, Failure> {
    let failed = |error: std::io::Error| Failure::io("write", &node.log, &error);
    let log = File::options().create(true).append(true).open(&node.log).map_err(failed)?;
    let errors = log.try_clone().map_err(failed)?;
    let mut command = Command::new(program);
    command.args(["node", "run", "--config"]).arg(&node.file);
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    command.spawn().map_err(|error| Failure::io("start", program, &error))
}

impl Place {
    fn new(node: &DevNode) -> Self {
        Self { node: node.clone(), child: None, end: End::NotStarted }
    }

    fn look(&mut self) -> Condition {
        if let Some(child) = &mut self.child {
            match child.try_wait() {
                Ok(None) => return Condition::Up { pid: child.id() },
                Ok(Some(status)) => self.end = End::of(status),
                Err(error) => self.end = End::Lost(error.to_string()),
            }
            self.child = None;
        }
        match PidFile::holder(&self.node.pid) {
            Some(pid) => {
                self.end = End::Unseen;
                Condition::Up { pid }
            }
            None => Condition::Down { end: self.end.clone() },
        }
    }
}

#[cfg(test)]
mod tests;
