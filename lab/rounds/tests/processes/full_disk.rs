//! A disk that fills up: servers stop and name it, the others serve while they are enough, and
//! nothing acknowledged is lost.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::Duration;

use quorate_client::blob::BlobSummary;
use quorate_client::objects::{Body, RealSigner, Signer, Value, register_id};
use quorate_history::Prng;
use quorate_rounds::cluster::{Cluster, call};
use quorate_rounds::load::session;
use quorate_rounds::power::{Disk, found_on, missing};
use quorate_rounds::programs::Programs;
use quorate_rounds::scratch::Scratch;
use quorate_rounds::telling::{skip, tell};

/// What lies on the disk beside the servers' data, until the operator takes it away.
const BALLAST_BYTES: u64 = 192 << 20;
/// Length of each file.
const FILE_BYTES: u64 = 6 << 20;
/// Files of which not all can fit the disk.
const FILES_MAX: u64 = 32;
/// What a server that finds its disk full exits with.
const DISK_FULL: i32 = 7;
/// Time between two looks at the processes.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The bytes of a file, which no layer can compress.
fn file(number: u64) -> Vec<u8> {
    let mut prng = Prng::from_seed(number);
    (0..FILE_BYTES / 8).flat_map(|_| prng.below(u64::MAX).to_le_bytes()).collect()
}

/// Comes back when fewer servers run than acknowledge anything: more than one has ended.
async fn until_too_few_run(cluster: &mut Cluster) {
    while (0..cluster.size()).filter(|server| !cluster.is_up(*server)).count() <= 1 {
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// Stores files and writes an object until too few servers run; what was acknowledged until then.
fn fill(cluster: &mut Cluster, owner: &Arc<dyn Signer>) -> Result<Vec<BlobSummary>, String> {
    let client = cluster.clients()[0].clone();
    let mut stored = Vec::new();
    for number in 0..FILES_MAX {
        let bytes = file(number);
        let put = session(&client, async |client| {
            let value = Value::Data(Body::new(number.to_le_bytes().to_vec()));
            let put = async {
                let blob = client.put_blob(&mut &bytes[..], &mut |_| {}).await.ok()?;
                client.write_object(Arc::clone(owner), value).await.ok()?;
                Some(blob)
            };
            tokio::select! {
                put = put => put,
                () = until_too_few_run(cluster) => None,
            }
        })?;
        match put {
            Some(blob) => stored.push(blob),
            None => return Ok(stored),
        }
    }
    Err(String::from("meaningless: the disk did not fill"))
}

/// Every server that ended did so because of the disk, and named it.
fn check_ends(cluster: &mut Cluster, disk: &Disk) -> Result<(), String> {
    let mut ended = 0;
    for server in 0..cluster.size() {
        let Some(code) = cluster.exit_code(server) else { continue };
        let log = disk.path().join(format!("server-{server}"));
        let log = std::fs::read_to_string(log.join("log")).map_err(|error| error.to_string())?;
        let last = log.lines().last().unwrap_or_default();
        let place = disk.path().display().to_string();
        if code != DISK_FULL || !last.starts_with("error[disk-full]") || !last.contains(&place) {
            return Err(format!("server {server} ended with {code}: {last}"));
        }
        ended += 1;
    }
    tell(&format!("{ended} servers found their disk full"));
    (ended > 1).then_some(()).ok_or_else(|| String::from("meaningless: too few servers ended"))
}

/// Everything that was acknowledged is there, and more can be stored.
fn check_recovered(
    cluster: &Cluster,
    stored: &[BlobSummary],
    owner: &Arc<dyn Signer>,
) -> Result<(), String> {
    let id = register_id(&owner.public_key());
    session(&cluster.clients()[0], async |client| {
        for (number, blob) in stored.iter().enumerate() {
            let mut read = Vec::new();
            let got = client.get_blob(blob.id, &mut read, &mut |_, _| {}).await;
            if got.map_err(|error| error.to_string())? != *blob || read != file(number as u64) {
                return Err(format!("BROKEN: file {number} came back as another one"));
            }
        }
        let version = client.read_object(id).await.map_err(|error| error.to_string())?;
        // The last one that was acknowledged, or the one that was under way.
        let sequence = version.map_or(0, |version| version.signed.stamp.sequence);
        if sequence < stored.len() as u64 {
            return Err(format!("BROKEN: the object went back to {sequence}"));
        }
        let put = client.put_blob(&mut &file(FILES_MAX)[..], &mut |_| {}).await;
        put.map(drop).map_err(|error| error.to_string())
    })?
}

fn fill_and_free(scratch: &Scratch) -> Result<(), String> {
    // In the order of dropping: servers end before their disk is taken out.
    let disk = Disk::new(scratch.path())?;
    let mut cluster = found_on(&disk, scratch, 1)?;
    cluster.start_all()?;
    let ballast = disk.path().join("ballast");
    let mut zeros = io::repeat(0).take(BALLAST_BYTES);
    let written = File::create(&ballast).and_then(|mut file| io::copy(&mut zeros, &mut file));
    written.map_err(|error| format!("{}: {error}", ballast.display()))?;

    let owner: Arc<dyn Signer> = Arc::new(RealSigner::from_seed(&[7; 32]));
    let stored = fill(&mut cluster, &owner)?;
    tell(&format!("{} files were stored before the disk was full", stored.len()));
    if stored.is_empty() {
        return Err(String::from("meaningless: nothing was acknowledged"));
    }
    check_ends(&mut cluster, &disk)?;

    cluster.kill_all();
    std::fs::remove_file(&ballast).map_err(|error| error.to_string())?;
    cluster.start_all()?;
    check_recovered(&cluster, &stored, &owner)?;
    for command in ["status", "scrub"] {
        let words = [command, "--cluster", "client-0/cluster.toml"];
        call(&Programs::beside_this()?.quorate, scratch.path(), &words)?;
    }
    Ok(())
}

#[test]
fn servers_whose_disk_was_full_have_all_they_acknowledged_once_there_is_room_again() {
    if let Some(why) = missing() {
        return skip("a full disk", &why);
    }
    let mut scratch = Scratch::new("full-disk").expect("a directory");
    let outcome = fill_and_free(&scratch);
    scratch.keep_if_failed(outcome).unwrap_or_else(|error| panic!("{error}"));
}
