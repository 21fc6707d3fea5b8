//! `quorate epoch`: the configurations of a system, from a file and under its one key.
//!
//! Nothing is shown that was not verified: whoever reads a chain needs the key of the system and
//! nothing else, no server and no configuration from before. What is shown of a running cluster
//! besides is the word of `f + 1` members of its membership group, and of its links.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use quorate_client::carried::to_hex;
use quorate_client::explanation::Kind;
use quorate_membership::delta::{Broken, Chain};
use quorate_membership::{Schemes, VerifiedConfiguration};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::commands::condition::{self, Condition};
use crate::commands::session::ClusterArguments;
use crate::commands::system_key::SystemKeyArguments;
use crate::failure::Failure;

mod difference;
mod export;
mod shown;

use difference::Difference;

/// Longest file with a chain that is read, in bytes.
const CHAIN_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// What to do with the configurations of a system, mostly those in a file, which is a chain.
#[derive(Subcommand, Debug)]
pub(crate) enum EpochCommand {
    /// One line for each epoch.
    List(FileArguments),
    /// The servers of an epoch, of the newest if none is named; of a running cluster, without a
    /// file, with its condition.
    Show(ShowArguments),
    /// What changed from one epoch to another.
    Diff(DiffArguments),
    /// Verify every configuration with nothing but the key of the system.
    Verify(FileArguments),
    /// Get the chain of all configurations from the servers of a cluster, into a file.
    Export(export::ExportArguments),
}

/// A file, and the key under which it is verified.
#[derive(Args, Debug, Clone)]
pub(crate) struct FileArguments {
    /// The chain.
    file: PathBuf,
    #[command(flatten)]
    under: SystemKeyArguments,
}

/// Which epoch is shown.
#[derive(Args, Debug)]
pub(crate) struct ShowArguments {
    /// The chain; the servers of the cluster are asked if none is named.
    file: Option<PathBuf>,
    #[command(flatten)]
    under: SystemKeyArguments,
    /// The epoch; the newest in the file if none is named.
    #[arg(long, value_name = "EPOCH", requires = "file")]
    epoch: Option<u64>,
}

/// Which epochs are compared.
#[derive(Args, Debug)]
pub(crate) struct DiffArguments {
    #[command(flatten)]
    file: FileArguments,
    /// The earlier epoch.
    from: u64,
    /// The later epoch.
    to: u64,
}

pub(crate) fn run(command: &EpochCommand, json: bool) -> Result<Answer, Failure> {
    match command {
        EpochCommand::List(file) => list(file),
        EpochCommand::Show(arguments) => show(arguments, json),
        EpochCommand::Diff(arguments) => diff(arguments),
        EpochCommand::Verify(file) => verify(file),
        EpochCommand::Export(arguments) => export::run(arguments),
    }
}

impl FileArguments {
    /// Verifies all of the file, and gives each configuration to `visit`; the newest.
    fn walk(
        &self,
        visit: impl FnMut(&VerifiedConfiguration),
    ) -> Result<VerifiedConfiguration, Failure> {
        let key = self.under.key()?;
        let chain = read_chain(&self.file)?;
        chain.walk(&key, &Schemes::real(), visit).map_err(|broken| self.broken(broken))
    }

    fn broken(&self, broken: Broken) -> Failure {
        let Broken { epoch, verified_count, reason } = broken;
        let before = match verified_count {
            0 => String::from("nothing before it"),
            1 => String::from("the epoch before it is good"),
            count => format!("the {count} epochs before it are good"),
        };
        let what = format!("epoch {} is not believed: {reason}; {before}", epoch.get());
        let sort = (Kind::Configuration, "chain-broken");
        let remedy =
            "do not use it; check that the key is that of this system, and export it again";
        Failure::about(&self.file, sort, what, remedy)
    }

    fn no_epoch(&self, epoch: u64, newest: &VerifiedConfiguration) -> Failure {
        let what = format!("there is no epoch {epoch}, the newest is {}", newest.epoch().get());
        let sort = (Kind::NotFound, "no-epoch");
        Failure::about(&self.file, sort, what, "see `quorate epoch list`")
    }
}

fn read_chain(path: &Path) -> Result<Chain, Failure> {
    let failed = |error: std::io::Error| Failure::io("read", path, &error);
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > CHAIN_BYTES_MAX {
        let what = format!("the file has {length} bytes, a chain at most {CHAIN_BYTES_MAX}");
        let sort = (Kind::TooLarge, "chain-too-long");
        return Err(Failure::about(path, sort, what, "export fewer epochs"));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    if !Chain::is_chain(&bytes) {
        let sort = (Kind::Configuration, "no-chain");
        let what = "this is no chain of configurations";
        return Err(Failure::about(path, sort, what, "get one with `quorate epoch export`"));
    }
    quorate_wire::decode(&bytes).map_err(|error| {
        let what = format!("the chain is damaged: {error}");
        Failure::about(path, (Kind::Damaged, "chain-damaged"), what, "copy or export it again")
    })
}

fn list(file: &FileArguments) -> Result<Answer, Failure> {
    let mut epochs = Vec::new();
    let mut lines = Vec::new();
    file.walk(|configuration| {
        let states = condition::states(configuration.configuration());
        let epoch = configuration.epoch().get();
        let hash = configuration.hash().to_hex();
        let seconds = configuration.configuration().created.as_micros() / 1_000_000;
        let short = hash.get(..16).unwrap_or_default();
        lines.push(format!("epoch {epoch}  {short}  {}  created {seconds}", states.text()));
        epochs.push(json!({
            "epoch": epoch,
            "hash": hash,
            "created_unix_seconds": seconds,
            "active": states.active,
            "inactive": states.inactive,
            "removed": states.removed,
            "attempt": configuration.header().header().lineage.attempt,
        }));
    })?;
    Ok(Answer { text: lines.join("\n"), json: json!({ "epochs": epochs }) })
}

fn verify(file: &FileArguments) -> Result<Answer, Failure> {
    let (mut count, mut first) = (0_u64, None);
    let newest = file.walk(|configuration| {
        count += 1;
        first.get_or_insert_with(|| configuration.epoch().get());
    })?;
    let (first, last) = (first.unwrap_or_default(), newest.epoch().get());
    let hash = newest.hash().to_hex();
    let text = format!(
        "verified under the key of the system: {count} configurations, epochs {first} to {last}\n\
         newest {hash}"
    );
    let json = json!({
        "is_verified": true,
        "configurations": count,
        "first_epoch": first,
        "epoch": last,
        "hash": hash,
        "system": newest.configuration().system.to_hex(),
        "system_key": to_hex(newest.header().system_key().as_bytes()),
    });
    Ok(Answer { text, json })
}

fn show(arguments: &ShowArguments, json: bool) -> Result<Answer, Failure> {
    let ShowArguments { file, under, epoch } = arguments;
    match file {
        Some(file) => {
            let file = FileArguments { file: file.clone(), under: under.clone() };
            show_file(&file, *epoch)
        }
        None => show_cluster(under, json),
    }
}

fn show_file(file: &FileArguments, epoch: Option<u64>) -> Result<Answer, Failure> {
    let mut found = None;
    let newest = file.walk(|configuration| {
        if epoch == Some(configuration.epoch().get()) {
            found = Some(configuration.clone());
        }
    })?;
    let shown = match (epoch, found) {
        (None, _) => newest,
        (Some(_), Some(found)) => found,
        (Some(epoch), None) => return Err(file.no_epoch(epoch, &newest)),
    };
    let age = condition::age_seconds(shown.configuration());
    let mut lines = vec![format!("epoch {}, {age} s old", shown.epoch().get())];
    lines.extend(shown::lines(&shown));
    Ok(Answer { text: lines.join("\n"), json: Value::Object(shown::facts(&shown)) })
}

/// The newest epoch, and what is the matter with its servers.
fn show_cluster(under: &SystemKeyArguments, json: bool) -> Result<Answer, Failure> {
    let cluster = ClusterArguments { cluster: under.cluster_file()? };
    let condition = Condition::of(&cluster, json)?;
    let shown = condition.configuration();
    let mut facts = shown::facts(shown);
    facts.extend(condition.facts());
    let lines = [condition.lines(), shown::lines(shown)].concat();
    Ok(Answer { text: lines.join("\n"), json: Value::Object(facts) })
}

fn diff(arguments: &DiffArguments) -> Result<Answer, Failure> {
    if arguments.from >= arguments.to {
        let what = format!("epoch {} is not before {}", arguments.from, arguments.to);
        return Err(Failure::usage("FROM", what, "name the earlier epoch first"));
    }
    let (mut from, mut to) = (None, None);
    let newest = arguments.file.walk(|configuration| {
        let epoch = configuration.epoch().get();
        if epoch == arguments.from {
            from = Some(configuration.clone());
        }
        if epoch == arguments.to {
            to = Some(configuration.clone());
        }
    })?;
    let from = from.ok_or_else(|| arguments.file.no_epoch(arguments.from, &newest))?;
    let to = to.ok_or_else(|| arguments.file.no_epoch(arguments.to, &newest))?;
    Ok(Difference::between(&from, &to).answer())
}
