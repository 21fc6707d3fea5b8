//! `quorate dev` as a process: it makes a system in a directory, runs its servers, and says in
//! lines of JSON what becomes of them. It starts whatever server is put beside the others, and
//! never starts one again.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cluster::{Seat, Terms};
use crate::process::signal;
use crate::programs::Programs;

/// Where it makes the system, in the directory of the run.
const DIRECTORY: &str = "dev";
/// The key of the authority of a system that it made, in the directory of the run.
pub(crate) const AUTHORITY_KEY: &str = "dev/authority/authority.key";
/// What a client needs to know of that system.
pub(crate) const CLUSTER_FILE: &str = "dev/founding/cluster.toml";
/// Where what it says is kept: beside its directory, which must be empty at the founding.
const SAID: &str = "dev.said";
/// And what it complains about.
const COMPLAINTS: &str = "dev.complaints";
/// Longest time in which its servers must have made the key.
const FOUND_TIMEOUT: Duration = Duration::from_secs(180);
/// Longest time in which it must start a server that is put beside the others.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time in which it must end: it gives its servers ten seconds.
const END_TIMEOUT: Duration = Duration::from_secs(60);
/// Time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// The process that runs the servers of a system.
#[derive(Debug)]
pub(crate) struct Dev {
    child: Child,
    root: PathBuf,
}

/// A server that it started.
#[derive(Clone, Debug)]
pub(crate) struct Ward {
    number: usize,
    said: PathBuf,
}

/// The directory of a server, counted from 0: `quorate dev` counts from 1.
pub(crate) fn folder(root: &Path, server: usize) -> PathBuf {
    root.join(DIRECTORY).join("nodes").join((server + 1).to_string())
}

impl Dev {
    /// Has it make a system with so many servers and run them, until it says where they are.
    ///
    /// # Errors
    /// What it complained about.
    pub(crate) fn found(
        programs: &Programs,
        root: &Path,
        (terms, servers): (Terms, usize),
    ) -> Result<(Self, Vec<Seat>), String> {
        let create = |name: &str| {
            let path = root.join(name);
            File::create(&path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let mut command = Command::new(&programs.quorate);
        command.args(["dev", "--json", "--dir", DIRECTORY, "--nodes", &servers.to_string()]);
        command.args(["--f", &terms.f.to_string(), "--f-ms", &terms.f_ms.to_string()]);
        let seconds = terms.epoch_seconds.map(|seconds| seconds.to_string());
        command.args(seconds.iter().flat_map(|seconds| ["--epoch-seconds", seconds]));
        command.current_dir(root).stdin(Stdio::null());
        command.stdout(create(SAID)?).stderr(create(COMPLAINTS)?);
        let failed = |error| format!("{}: {error}", programs.quorate.display());
        let mut dev = Self { child: command.spawn().map_err(failed)?, root: root.to_path_buf() };
        let seats = dev.await_seats(servers);
        match seats {
            Ok(seats) => Ok((dev, seats)),
            Err(error) => {
                // What it complained about says more than how it ended.
                drop(dev.end());
                Err(error)
            }
        }
    }

    fn await_seats(&mut self, servers: usize) -> Result<Vec<Seat>, String> {
        let end = Instant::now() + FOUND_TIMEOUT;
        loop {
            let seats = (0..servers).map(|server| self.ward(server).seat(&self.root, server));
            if let Some(seats) = seats.collect::<Option<Vec<_>>>() {
                return Ok(seats);
            }
            if !self.is_up() || Instant::now() > end {
                let complaints = std::fs::read_to_string(self.root.join(COMPLAINTS));
                let complaints = complaints.unwrap_or_default();
                return Err(format!("quorate dev does not run its servers: {complaints}"));
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    /// A server that it runs or will run, counted from 0.
    pub(crate) fn ward(&self, server: usize) -> Ward {
        Ward { number: server + 1, said: self.root.join(SAID) }
    }

    /// Does it run?
    pub(crate) fn is_up(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_none())
    }

    /// Asks it to stop its servers and to end, and waits for that.
    ///
    /// # Errors
    /// That it did not end, or not well.
    pub(crate) fn end(mut self) -> Result<(), String> {
        signal(self.child.id(), "TERM");
        let end = Instant::now() + END_TIMEOUT;
        while self.is_up() && Instant::now() < end {
            std::thread::sleep(LOOK_INTERVAL);
        }
        let is_late = self.is_up();
        if is_late {
            // How it ended is seen below.
            drop(self.child.kill());
        }
        let status = self.child.wait().map_err(|error| format!("quorate dev: {error}"))?;
        match status.success() && !is_late {
            true => Ok(()),
            false => Err(format!("quorate dev did not end well: {status}")),
        }
    }
}

impl Ward {
    /// The last line about it. One that is not whole yet is none.
    fn line(&self) -> Option<String> {
        let said = std::fs::read_to_string(&self.said).ok()?;
        let is_about_it = format!("\"node\":{},", self.number);
        let mut whole = said.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.rfind(|line| line.contains(&is_about_it)).map(String::from)
    }

    /// The number of its process, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        field(&self.line()?, "pid")?.parse().ok()
    }

    /// Why it does not run, if it does not any more.
    pub(crate) fn why_down(&self) -> Option<String> {
        let line = self.line()?;
        (field(&line, "state")? == "down").then(|| field(&line, "why").map(String::from))?
    }

    /// Waits until it has been started.
    ///
    /// # Errors
    /// That it was not.
    pub(crate) fn await_start(&self) -> Result<(), String> {
        let end = Instant::now() + START_TIMEOUT;
        while self.line().is_none() {
            if Instant::now() > end {
                return Err(format!("quorate dev has not started server {}", self.number));
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
    }

    fn seat(&self, root: &Path, server: usize) -> Option<Seat> {
        let line = self.line()?;
        let [listen, metrics] = ["listen", "metrics"].map(|name| field(&line, name)?.parse().ok());
        let folder = folder(root, server);
        Some(Seat { folder, listen: listen?, address: listen?, metrics: metrics?, namespace: None })
    }
}

/// What stands behind a name in a line of JSON, without quotes.
pub(crate) fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let behind = line.split_once(&format!("\"{name}\":"))?.1;
    match behind.strip_prefix('"') {
        Some(text) => Some(text.split_once('"')?.0),
        None => Some(behind.split_once([',', '}'])?.0),
    }
}

#[cfg(test)]
mod tests {
    //! What `quorate dev` says of a server is what it said last, in a whole line.
    use super::Ward;
    use crate::scratch::Scratch;

    const UP: &str = concat!(
        r#"{"config":"/d/nodes/1/node.toml","listen":"127.0.0.1:20001","log":"/d/nodes/1/log","#,
        r#""metrics":"127.0.0.1:20002","node":1,"pid":77,"state":"up","why":null}"#,
    );
    const DOWN: &str = concat!(
        r#"{"listen":"127.0.0.1:20001","metrics":"127.0.0.1:20002","node":1,"pid":null,"#,
        r#""state":"down","why":"exit code 16: removed, for good"}"#,
    );

    #[test]
    fn the_last_whole_line_about_a_server_counts() {
        let scratch = Scratch::new("said").expect("a directory");
        let said = scratch.path().join("said");
        let [one, eleven] = [1, 11].map(|number| Ward { number, said: said.clone() });
        let headline = r#"{"nodes":11,"pid":5}"#;
        std::fs::write(&said, format!("{headline}\n{UP}\n{DOWN}")).expect("a file");
        assert_eq!((one.pid(), one.why_down()), (Some(77), None), "the end is not whole yet");
        assert_eq!((eleven.pid(), eleven.why_down()), (None, None), "nothing was said of it");
        let seat = one.seat(scratch.path(), 0).expect("it is known where it is");
        assert_eq!(seat.metrics.port(), 20_002);
        std::fs::write(&said, format!("{headline}\n{UP}\n{DOWN}\n")).expect("a file");
        let why = Some(String::from("exit code 16: removed, for good"));
        assert_eq!((one.pid(), one.why_down()), (None, why));
    }
}
