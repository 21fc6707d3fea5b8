//! `quorate config`: shows and verifies files, with nothing but the files.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use quorate_client::carried::to_hex;
use quorate_client::cluster_file::{ClusterFile, ServerContact};
use quorate_client::explanation::Kind;
use quorate_client::settings::{self, Source};
use quorate_daemon::configuration::{NodeConfiguration, Origin};
use quorate_daemon::founding::{FoundingError, GenesisFault, GenesisFile};
use quorate_membership::UnsignedConfiguration;
use quorate_types::{MemberRecord, PublicKey, SystemId};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::Failure;

/// What to do with a file.
#[derive(Subcommand, Debug)]
pub(crate) enum ConfigCommand {
    /// Show a genesis, a node.toml or a cluster.toml, without believing it.
    Show {
        /// The file.
        file: PathBuf,
    },
    /// Verify that a genesis is that of a system, with nothing but the name of the system.
    Verify(VerifyArguments),
}

/// What is verified, and of which system it must be.
#[derive(Args, Debug)]
pub(crate) struct VerifyArguments {
    /// The genesis.
    file: PathBuf,
    /// The system, as `quorate init` printed it: 64 digits.
    #[arg(long, value_name = "DIGITS", value_parser = SystemId::from_hex)]
    system: Option<SystemId>,
    /// The cluster.toml that names the system, if it is not given itself.
    #[arg(long, value_name = "FILE", env = "QUORATE_CLUSTER")]
    cluster: Option<PathBuf>,
}

impl VerifyArguments {
    fn wanted(&self) -> Result<SystemId, Failure> {
        match (self.system, &self.cluster) {
            (Some(system), _) => Ok(system),
            (None, Some(file)) => Ok(ClusterFile::read(file)?.system),
            (None, None) => {
                let what = "no system to compare with";
                let remedy = "give --system, as `quorate init` printed it, or --cluster";
                Err(Failure::usage("--system", what, remedy))
            }
        }
    }
}

pub(crate) fn run(command: &ConfigCommand) -> Result<Answer, Failure> {
    match command {
        ConfigCommand::Show { file } => show(file),
        ConfigCommand::Verify(arguments) => verify(arguments),
    }
}

fn verify(arguments: &VerifyArguments) -> Result<Answer, Failure> {
    let genesis = genesis_of(arguments.wanted()?, &arguments.file)?;
    let mut answer = show_genesis(&genesis);
    answer.text = format!("this is the genesis of the system\n{}", answer.text);
    if let Value::Object(fields) = &mut answer.json {
        fields.insert(String::from("is_verified"), Value::Bool(true));
    }
    Ok(answer)
}

/// The genesis in a file, if it is that of this system.
pub(super) fn genesis_of(wanted: SystemId, file: &Path) -> Result<UnsignedConfiguration, Failure> {
    let genesis = GenesisFile::read(file)?.unsigned();
    let found = genesis.configuration().system;
    if found != wanted {
        let what = format!("this is the genesis of the system {found}, not of {wanted}");
        let sort = (Kind::Configuration, "other-system");
        let remedy = "use the genesis that `quorate init` made when it printed this system";
        return Err(Failure::about(file, sort, what, remedy));
    }
    Ok(genesis)
}

fn show(file: &Path) -> Result<Answer, Failure> {
    match GenesisFile::read(file) {
        Ok(genesis) => {
            let mut answer = show_genesis(&genesis.unsigned());
            answer.text.push_str("\nnot verified: use `quorate config verify`");
            Ok(answer)
        }
        Err(FoundingError::Genesis { fault: GenesisFault::Foreign, .. }) => show_settings(file),
        Err(error) => Err(error.into()),
    }
}

fn show_settings(file: &Path) -> Result<Answer, Failure> {
    let text = settings::read_text(file)?;
    let source = Source { file, text: &text };
    let has = |start: &str| text.lines().any(|line| line.trim_start().starts_with(start));
    if has("[node]") {
        Ok(show_node(&NodeConfiguration::parse(source)?))
    } else if has("system") || has("[[servers]]") {
        Ok(show_cluster(&ClusterFile::parse(source)?))
    } else {
        let what = "this is neither a genesis nor a node.toml nor a cluster.toml";
        let sort = (Kind::Configuration, "unknown-file");
        Err(Failure::about(file, sort, what, "name one of these"))
    }
}

fn show_node(node: &NodeConfiguration) -> Answer {
    let (genesis, cluster) = match &node.origin {
        Origin::Genesis(genesis) => (Some(genesis), None),
        Origin::Cluster(cluster) => (None, Some(cluster)),
    };
    let json = json!({
        "kind": "node",
        "listen": node.listen.to_string(),
        "metrics": node.metrics.to_string(),
        "data": node.data,
        "keys": node.keys,
        "genesis": genesis,
        "cluster": cluster,
        "log_filter": node.log_filter,
        "epoch_seconds": node.epoch.map(|epoch| epoch.as_secs()),
        "root_epochs": node.root_rule.epochs,
        "system_key": node.system_key.map(|key| to_hex(key.as_bytes())),
    });
    Answer { text: lines(&json), json }
}

fn show_cluster(cluster: &ClusterFile) -> Answer {
    let server = |server: &ServerContact| {
        let identity_key = server.identity_key.to_hex();
        json!({ "identity_key": identity_key, "address": server.address })
    };
    let json = json!({
        "kind": "cluster",
        "system": cluster.system.to_hex(),
        "system_key": to_hex(cluster.system_key.as_bytes()),
        "authority_key": cluster.authority_key.to_hex(),
        "epoch_seconds": cluster.epoch.map(|epoch| epoch.as_secs()),
        "client_key": cluster.client.as_ref().map(|client| &client.key),
        "client_certificate": cluster.client.as_ref().map(|client| &client.certificate),
        "servers": cluster.servers.iter().map(server).collect::<Vec<_>>(),
    });
    Answer { text: lines(&json), json }
}

fn show_genesis(genesis: &UnsignedConfiguration) -> Answer {
    let (header, configuration) = (genesis.header(), genesis.configuration());
    let member = |member: &MemberRecord| {
        json!({
            "id": member.id.to_hex(),
            "identity_key": member.identity_key.to_hex(),
            "epoch_key": member.epoch_key.map(PublicKey::to_hex),
            "address": member.address,
            "probe_port": member.probe_port,
            "failure_domain": member.failure_domain.0,
            "is_in_membership_group": header.membership_group.contains(&member.id),
        })
    };
    let json = json!({
        "kind": "genesis",
        "system": header.system.to_hex(),
        "authority_key": header.authority_key.to_hex(),
        "epoch": header.epoch.get(),
        "hash": header.hash().to_hex(),
        "created_unix_seconds": header.created.as_micros() / 1_000_000,
        "f": header.storage.f(),
        "f_ms": header.membership.f(),
        "members": configuration.members.iter().map(|it| member(it)).collect::<Vec<_>>(),
        "is_verified": false,
    });
    Answer { text: lines(&json), json }
}

/// A JSON object as lines for people.
fn lines(json: &Value) -> String {
    let mut text = String::new();
    let Value::Object(fields) = json else {
        return json.to_string();
    };
    for (name, value) in fields.iter().filter(|(name, _)| *name != "is_verified") {
        match value {
            Value::Array(rows) => {
                text.push_str(&format!("{name} ({}):\n", rows.len()));
                for row in rows {
                    text.push_str(&format!("  {}\n", row_line(row)));
                }
            }
            Value::Null => {}
            Value::String(value) => text.push_str(&format!("{name} {value}\n")),
            Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                text.push_str(&format!("{name} {value}\n"));
            }
        }
    }
    text.truncate(text.trim_end().len());
    text
}

fn row_line(row: &Value) -> String {
    let field = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_in_group = row.get("is_in_membership_group") == Some(&Value::Bool(true));
    let group = if is_in_group { "  membership group" } else { "" };
    let domain = field("failure_domain");
    let domain = if domain.is_empty() { String::new() } else { format!("  ({domain})") };
    format!("{} {}{domain}{group}", field("identity_key"), field("address"))
}
