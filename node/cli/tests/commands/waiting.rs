//! A cluster of which no server runs.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::ceremony::founded;

#[test]
fn a_command_that_reaches_no_server_says_whom_it_waits_for_and_why_they_are_not_there() {
    let (scratch, _) = founded();
    let call = ["client", "new", "--authority", "authority/authority.key", "--cluster"];
    let call = [&call[..], &["cluster.toml", "--name", "one", "--out", "client"]].concat();
    scratch.succeed(&call);
    let mut command = scratch.program();
    command.args(["blob", "put", "system/genesis", "--cluster", "client/cluster.toml"]);
    let mut command = command.stderr(Stdio::piped()).spawn().expect("the program can be called");
    let errors = command.stderr.take().expect("it is a pipe");
    let line = BufReader::new(errors).lines().next().expect("it says something").expect("text");
    let start = "waiting up to 20 s for a server that gives a configuration: 0 of 4 servers were \
                 reached, not 127.0.0.1:4701, 127.0.0.1:4702, 127.0.0.1:4703, 127.0.0.1:4704 \
                 (cannot connect: ";
    assert!(line.starts_with(start), "{line}");
    // It is not told a second time; what it says at its end is told by a test of its own.
    command.kill().expect("it still waits");
    command.wait().expect("its end");
}
