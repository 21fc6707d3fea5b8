//! `quorate init`: makes the genesis of a system from the admissions of its first servers.

use std::path::PathBuf;

use clap::Args;
use quorate_daemon::founding::ceremony::{NewGenesis, SystemRequest, new_genesis};
use serde_json::json;

use crate::answer::Answer;
use crate::failure::Failure;

/// What a system begins with.
///
/// Nothing that this makes is secret, and nobody deals a key: the servers make the key of the
/// system themselves when they run with the genesis for the first time. Carry it to each of them,
/// start them, and ask them for the key with `quorate system-key`.
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
    /// The directory for the genesis.
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
    Ok(answer(&new_genesis(&arguments.out, &request)?))
}

fn answer(system: &NewGenesis) -> Answer {
    let genesis = system.genesis_file.display();
    let text = format!(
        "system {}\n\
         for every server: {genesis}\n\
         when they run: quorate system-key {genesis} --out cluster.toml",
        system.system,
    );
    let json = json!({ "system": system.system.to_hex(), "genesis_file": system.genesis_file });
    Answer { text, json }
}
