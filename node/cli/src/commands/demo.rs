//! `quorate demo`: the main job, told while it happens, on a cluster of real processes.
//!
//! It ends with success only if all of it held: what was stored comes back bit for bit with one
//! server killed, and again with another one lying.

use std::path::{Path, PathBuf};

use clap::Args;
use quorate_client::blob::BlobSummary;
use quorate_client::explanation::Kind;
use serde_json::json;

use super::session::{ClusterArguments, session};
use super::streams::{failed, source};
use crate::answer::{Answer, complain};
use crate::failure::Failure;
use crate::local::{LocalCluster, Scratch};

/// Servers of the demo.
const SERVERS: u16 = 4;

/// What to store.
#[derive(Args, Debug)]
pub(crate) struct DemoArguments {
    /// The file to store; this program itself if it is left out.
    file: Option<PathBuf>,
}

pub(crate) fn run(arguments: &DemoArguments) -> Result<Answer, Failure> {
    let program = || {
        let itself = std::env::current_exe();
        itself.map_err(|error| Failure::io("find", Path::new("quorate"), &error))
    };
    let file = arguments.file.clone().map_or_else(program, Ok)?;
    // What cannot be stored is said before anything is started.
    drop(source(&file)?);
    let scratch = Scratch::new("demo")?;
    tell("starting four servers, each a process of its own; one may be bad (f = 1)");
    let mut cluster = LocalCluster::start(scratch.path(), SERVERS)?;
    let at = ClusterArguments { cluster: cluster.cluster_file() };

    tell(&format!("storing {}", file.display()));
    let stored = put(&at, &file)?;
    tell(&format!("  {} bytes, id {}", stored.length_bytes, stored.id));
    tell(&format!("  blake3 {} (b3sum prints the same)", stored.hash));

    let pid = cluster.pid(0).unwrap_or_default();
    tell(&format!("kill -9 of server 1 (pid {pid})"));
    cluster.kill(0);
    read_back(&at, &stored, "with one server dead")?;

    tell("server 1 comes back with its disk");
    cluster.restart(0)?;
    let has_lied = lie(&mut cluster, &at, &stored)?;

    tell("storing once more with every server up");
    let again = put(&at, &file)?;
    if again != stored {
        return Err(broken("the same bytes got another id"));
    }
    tell("  the same bytes have the same id");
    read_back(&at, &stored, "with all servers up")?;
    let lied = if has_lied { "and lying" } else { "(no liar was at hand)" };
    let text = format!("all of it held: killed, restarted {lied}, and every byte came back");
    let json = json!({
        "held": true, "id": stored.id.to_hex(), "bytes": stored.length_bytes,
        "blake3": stored.hash, "liar": has_lied,
    });
    Ok(Answer { text, json })
}

/// Puts the liar that lies beside this program in the place of server 2.
fn lie(
    cluster: &mut LocalCluster,
    at: &ClusterArguments,
    stored: &BlobSummary,
) -> Result<bool, Failure> {
    let liar = std::env::current_exe().ok().map(|path| path.with_file_name("quorate-liar"));
    let Some(liar) = liar.filter(|path| path.exists()) else {
        tell("no liar lies beside this program: build one with `cargo build --release`");
        return Ok(false);
    };
    tell("server 2 is replaced by a liar with its keys: it answers with other bytes than it holds");
    cluster.kill(1);
    cluster.run(1, &liar)?;
    read_back(at, stored, "with one server lying")?;
    tell("the liar is stopped, and server 2 comes back");
    cluster.kill(1);
    cluster.restart(1)?;
    Ok(true)
}

fn put(at: &ClusterArguments, file: &Path) -> Result<BlobSummary, Failure> {
    let (mut source, _) = source(file)?;
    session(at, false, async |cluster| {
        let put = cluster.put_blob(&mut *source, &mut |_| {}).await;
        put.map_err(|error| failed(file, error))
    })
}

/// Reads the file, and compares its hash with that of what was stored.
fn read_back(at: &ClusterArguments, stored: &BlobSummary, when: &str) -> Result<(), Failure> {
    let mut sink = std::io::sink();
    let read = session(at, false, async |cluster| {
        Ok(cluster.get_blob(stored.id, &mut sink, &mut |_, _| {}).await?)
    })?;
    if read != *stored {
        return Err(broken("other bytes came back than were stored"));
    }
    tell(&format!("  read back {when}: every byte is right"));
    Ok(())
}

fn broken(what: &str) -> Failure {
    let sort = (Kind::Damaged, "demo");
    Failure::about(Path::new("demo"), sort, what, "report this: a promise is broken")
}

/// Tells what happens; on standard error, so that the answer stands alone.
fn tell(line: &str) {
    complain(line);
}
