//! `quorate node run`: one server, until it is asked to stop.
//!
//! It writes its pid beside its configuration, into the file `pid`, and holds a lock on that file
//! while it runs, so that others can tell a running server from the pid of one that died. By then a
//! signal stops it in good order: whoever sees the pid may send one.

use std::io::stderr;
use std::path::Path;

use quorate_client::explanation::Kind;
use quorate_client::settings::directory_of;
use quorate_daemon::configuration::NodeConfiguration;
use tracing_subscriber::EnvFilter;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::pid_file::PidFile;

/// Set to `json`, each event of the log is an object for programs instead of a line for people.
const LOG_FORMAT: &str = "QUORATE_LOG_FORMAT";

/// The file with the pid, beside the configuration.
const PID: &str = "pid";

pub(super) fn run(file: &Path) -> Result<Answer, Failure> {
    let configuration = NodeConfiguration::read(file)?;
    log(&configuration)?;
    let pid_file = directory_of(file).join(PID);
    quorate_daemon::run(&configuration, || PidFile::hold(&pid_file))?;
    Ok(Answer::none())
}

/// Sends the events that the configuration asks for to standard error.
fn log(configuration: &NodeConfiguration) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&configuration.log_filter).map_err(|error| {
        let what = format!("wrong value of `node.log_filter`: {error}");
        let sort = (Kind::Configuration, "wrong-value");
        Failure::about(&configuration.file, sort, what, "write a level, such as \"info\"")
    })?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    let is_json = std::env::var(LOG_FORMAT).is_ok_and(|format| format == "json");
    if is_json {
        subscriber.json().init();
    } else {
        subscriber.with_ansi(false).init();
    }
    Ok(())
}
