//! `quorate node run`: one server, until it is asked to stop.
//!
//! It writes its pid beside its configuration, into the file `pid`, and holds a lock on that file
//! while it runs, so that others can tell a running server from the pid of one that died.

use std::path::Path;

use quorate_client::settings::directory_of;
use quorate_daemon::configuration::NodeConfiguration;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::pid_file::PidFile;

/// The file with the pid, beside the configuration.
const PID: &str = "pid";

pub(super) fn run(file: &Path) -> Result<Answer, Failure> {
    let configuration = NodeConfiguration::read(file)?;
    let held = PidFile::hold(&directory_of(file).join(PID))?;
    quorate_daemon::run(&configuration)?;
    drop(held);
    Ok(Answer::none())
}
