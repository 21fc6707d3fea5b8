//! `quorate node give-up`: the way on for a server that stopped since an object is lost.

use std::path::PathBuf;

use clap::Args;
use quorate_client::objects::ObjectKey;
use quorate_daemon::configuration::NodeConfiguration;
use quorate_daemon::giving_up::give_up;

use serde_json::json;

use crate::answer::Answer;
use crate::failure::Failure;

/// Of which server, and which object.
#[derive(Args, Debug)]
pub(crate) struct GiveUpArguments {
    /// The server's node.toml; the server must not run.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The object, as the server named it when it stopped: its kind and its id.
    #[arg(value_name = "OBJECT")]
    object: ObjectKey,
}

pub(super) fn run(arguments: &GiveUpArguments) -> Result<Answer, Failure> {
    let key = arguments.object;
    let configuration = NodeConfiguration::read(&arguments.config)?;
    let kept = give_up(&configuration, key)?.kept.map(|path| path.display().to_string());
    let bytes = match &kept {
        Some(path) => format!("its bytes are kept in {path}"),
        None => String::from("its bytes could not be read at all"),
    };
    let text = format!(
        "the damaged copy of {key} is given up on this server; {bytes}\n\
         start it with `quorate node run --config {}`",
        arguments.config.display()
    );
    Ok(Answer { text, json: json!({ "object": key.to_string(), "kept": kept }) })
}
