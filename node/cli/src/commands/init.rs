//! `quorate init`: founds a system from the admissions of its first servers.

use std::path::PathBuf;

use clap::Args;
use quorate_client::carried::to_hex;
use quorate_daemon::configuration::system_key_line;
use quorate_daemon::founding::ceremony::{FoundedSystem, SystemRequest, found_system};
use serde_json::json;

use crate::answer::Answer;
use crate::failure::Failure;

/// What a system begins with.
///
/// The key of the system is dealt here, on this machine: its seed and polynomial are erased when
/// the command ends, but whoever controls the machine now can sign in the system's name for ever.
/// Carry each share file to its server and erase it here.
#[derive(Args, Debug)]
pub(crate) struct InitArguments {
    /// The secret key of the authority.
    #[arg(long, value_name = "KEY")]
    authority: PathBuf,
    /// Bad servers tolerated in each storage group of 3f+1.
    #[arg(long, value_name = "F")]
    f: u16,
    /// Bad servers tolerated in the membership group; at least 3 in production.
    #[arg(long, value_name = "G")]
    f_ms: u16,
    /// The directory for the genesis, the cluster.toml and the share files.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The admissions of the first servers.
    #[arg(required = true, value_name = "ADMISSION")]
    admissions: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &InitArguments) -> Result<Answer, Failure> {
    let request = SystemRequest {
        authority_key: arguments.authority.clone(),
        f: arguments.f,
        f_ms: arguments.f_ms,
        admissions: arguments.admissions.clone(),
    };
    Ok(answer(&found_system(&arguments.out, &request)?))
}

fn answer(system: &FoundedSystem) -> Answer {
    let mut text = format!(
        "system {}\n\
         for every client: {}\n\
         for every server: {} and, at the end of its node.toml, this line:\n{}\
         for one server each, as its share.key, then erased here:",
        system.system,
        system.cluster_file.display(),
        system.genesis_file.display(),
        system_key_line(&system.system_key),
    );
    for share in &system.shares {
        text.push_str(&format!("\n  {} {}", share.address, share.path.display()));
    }
    let shares = system.shares.iter().map(|share| {
        json!({
            "identity_key": share.identity_key.to_hex(),
            "address": share.address,
            "share_file": share.path,
        })
    });
    let json = json!({
        "system": system.system.to_hex(),
        "system_key": to_hex(system.system_key.as_bytes()),
        "genesis_file": system.genesis_file,
        "cluster_file": system.cluster_file,
        "shares": shares.collect::<Vec<_>>(),
    });
    Answer { text, json }
}
