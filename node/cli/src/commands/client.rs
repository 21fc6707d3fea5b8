//! `quorate client new`: a key for a client, and the authority's word about it.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use quorate_daemon::founding::ceremony::{ClientRequest, new_client};
use quorate_types::UnixTime;
use serde_json::json;

use crate::answer::Answer;
use crate::failure::Failure;

/// How long a certificate holds where nothing else is asked for.
const EXPIRES_DEFAULT: &str = "365d";
const MICROS: u64 = 1_000_000;
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// What to do with clients.
#[derive(Subcommand, Debug)]
pub(crate) enum ClientCommand {
    /// Make a client's key, certificate and cluster.toml.
    New(NewArguments),
}

/// What is said of a new client.
#[derive(Args, Debug)]
pub(crate) struct NewArguments {
    /// The secret key of the authority.
    #[arg(long, value_name = "KEY")]
    authority: PathBuf,
    /// The cluster.toml of the system.
    #[arg(long, value_name = "FILE", env = "QUORATE_CLUSTER")]
    cluster: PathBuf,
    /// What people call the client.
    #[arg(long)]
    name: String,
    /// The directory for the files.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How long the certificate holds: a number with s, m, h or d.
    #[arg(long, value_name = "TIME", default_value = EXPIRES_DEFAULT, value_parser = parse_seconds)]
    expires: u64,
}

/// Seconds of a time such as `90d`.
fn parse_seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no time: write a number with s, m, h or d, such as 90d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => DAY_SECONDS,
        _ => return Err(wrong()),
    };
    let number: u64 =
        text[..text.len() - 1].parse().map_err(|error| format!("{error}: {}", wrong()))?;
    number.checked_mul(seconds).filter(|seconds| *seconds > 0).ok_or_else(wrong)
}

pub(crate) fn run(command: &ClientCommand) -> Result<Answer, Failure> {
    let ClientCommand::New(arguments) = command;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let expires = now.saturating_add(arguments.expires).saturating_mul(MICROS);
    let request = ClientRequest {
        authority_key: arguments.authority.clone(),
        cluster_file: arguments.cluster.clone(),
        name: arguments.name.clone(),
        expires: UnixTime::from_micros(expires),
    };
    let client = new_client(&arguments.out, &request)?;
    let text = format!(
        "client {} ({})\nits kit is in {}; use it with --cluster {}",
        client.id,
        arguments.name,
        arguments.out.display(),
        client.cluster_file.display(),
    );
    let json = json!({
        "client": client.id.to_hex(),
        "name": arguments.name,
        "expires_unix_seconds": expires / MICROS,
        "key_file": client.files.key,
        "certificate_file": client.files.certificate,
        "cluster_file": client.cluster_file,
    });
    Ok(Answer { text, json })
}

#[cfg(test)]
mod tests {
    //! Times are what they say.
    use super::parse_seconds;

    #[test]
    fn times_have_a_number_and_a_unit() {
        assert_eq!(parse_seconds("90d"), Ok(90 * 86_400));
        assert_eq!(parse_seconds("2h"), Ok(7_200));
        for wrong in ["", "90", "d", "0s", "-1d", "1y", "99999999999999999999d", "1\u{e9}"] {
            assert!(parse_seconds(wrong).is_err(), "{wrong}");
        }
    }
}
