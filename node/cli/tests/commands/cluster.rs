//! A running cluster of server processes.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::support::Scratch;

/// A running `dev`, killed with all its servers if a test fails.
pub(crate) struct Dev {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Dev {
    /// One of four servers.
    pub(crate) fn start(scratch: &Scratch) -> Self {
        Self::start_with(scratch, &["--nodes", "4"])
    }

    /// One that is founded like this.
    pub(crate) fn start_with(scratch: &Scratch, options: &[&str]) -> Self {
        let mut command = scratch.program();
        command.args(["dev", "--dir", "cluster", "--json"]).args(options);
        let mut process =
            command.stdout(Stdio::piped()).spawn().expect("the program can be called");
        let lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        Self { process, lines }
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> Value {
        let line = self.lines.next().expect("a line").expect("text");
        serde_json::from_str(&line).expect("JSON")
    }

    /// Reads until a server is in this state; returns its pid.
    pub(crate) fn wait(&mut self, node: u16, state: &str) -> Option<u64> {
        loop {
            let line = self.line();
            if line["node"] == node && line["state"] == state {
                return line["pid"].as_u64();
            }
        }
    }

    /// Reads until a server is down; returns why.
    pub(crate) fn wait_down(&mut self, node: u16) -> String {
        loop {
            let line = self.line();
            if line["node"] == node && line["state"] == "down" {
                return line["why"].as_str().expect("a reason").to_owned();
            }
        }
    }

    /// Ends it with a signal; returns its exit code.
    pub(crate) fn stop(&mut self, signal: &str) -> i32 {
        kill(signal, u64::from(self.process.id()));
        self.process.wait().expect("its end").code().expect("it ended by itself")
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            kill("TERM", u64::from(self.process.id()));
        }
    }
}

/// Sends a signal to a process that the test started.
pub(crate) fn kill(signal: &str, pid: u64) {
    let script = format!("kill -s {signal} {pid}");
    let status = Command::new("/bin/sh").args(["-c", &script]).status().expect("a shell");
    assert!(status.success(), "{script}");
}
