//! `quorate bench blob`: a file of any size through real processes, and what it costs them.
//!
//! The file is made up while it is read, and thrown away while it is written, so that no disk but
//! the servers' takes part. What is measured is the way of `blob put` and `blob get`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Instant;

use clap::Args;
use quorate_client::blob::BlobSummary;
use quorate_client::cluster::Cluster;
use serde_json::json;

use super::processes::{counters, cpu_micros, memory_peak_kib};
use super::{json_thousandths, thousandths};
use crate::answer::Answer;
use crate::commands::session::{ClusterArguments, session};
use crate::failure::Failure;
use crate::local::{LocalCluster, Scratch};

/// How large a file, and over how many servers.
#[derive(Args, Debug)]
pub(crate) struct BlobArguments {
    /// Bytes of the file.
    #[arg(long, default_value_t = 256 << 20, value_parser = lengths())]
    bytes: u64,
    /// Bad servers that each group tolerates; 3f+1 servers are started.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=5))]
    f: u16,
}

/// From a byte to a tebibyte.
fn lengths() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=1 << 40)
}

pub(super) fn run(arguments: &BlobArguments) -> Result<Answer, Failure> {
    let scratch = Scratch::new("bench")?;
    let fdatasync = fdatasync_p50_micros(scratch.path())?;
    let cluster = LocalCluster::start_group(scratch.path(), arguments.f)?;
    let file = ClusterArguments { cluster: cluster.cluster_file() };
    let pids = cluster.pids();
    let (put, get) =
        session(&file, false, async |client| measure(&client, arguments, &pids).await)?;
    let commit = cluster.metrics_addresses().into_iter().find_map(|address| {
        counters(address).remove("quorate_commit_seconds{machine=\"storage\",quantile=\"0.500\"}")
    });
    let servers = pids.iter().map(|pid| memory_peak_kib(*pid)).collect();
    let memory = Memory { servers, client: memory_peak_kib(std::process::id()) };
    Ok(report(arguments, (&put, &get), &memory, (fdatasync, commit)))
}

/// What one way through took.
struct Passage {
    micros: u64,
    /// Processor time of all servers and the client, microseconds.
    cpu_micros: u64,
}

/// The most memory that each process ever had, KiB.
struct Memory {
    servers: Vec<u64>,
    client: u64,
}

async fn measure(
    client: &Cluster,
    arguments: &BlobArguments,
    pids: &[u32],
) -> Result<(Passage, Passage), Failure> {
    let mut everybody = pids.to_vec();
    everybody.push(std::process::id());
    let (begin, before) = (Instant::now(), cpu_of(&everybody));
    let mut source = MadeUp::new(arguments.bytes);
    let stored = client.put_blob(&mut source, &mut |_| {}).await?;
    let put = passage(begin, before, &everybody);
    let (begin, before) = (Instant::now(), cpu_of(&everybody));
    let got: BlobSummary = client.get_blob(stored.id, &mut io::sink(), &mut |_, _| {}).await?;
    let get = passage(begin, before, &everybody);
    assert!(got == stored, "a file came back as another one, and every chunk was verified");
    Ok((put, get))
}

fn passage(begin: Instant, before: u64, pids: &[u32]) -> Passage {
    let micros = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX).max(1);
    Passage { micros, cpu_micros: cpu_of(pids).saturating_sub(before) }
}

fn cpu_of(pids: &[u32]) -> u64 {
    pids.iter().map(|pid| cpu_micros(*pid)).sum()
}

/// Bytes that no two chunks have in common, made at the cost of a copy.
struct MadeUp {
    block: Vec<u8>,
    at: usize,
    left: u64,
    number: u64,
}

const BLOCK_BYTES: usize = 1 << 20;

impl MadeUp {
    fn new(bytes: u64) -> Self {
        let mut state = 1_u64;
        let mut next = || {
            // xorshift64: only no pattern that some layer could compress.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        let block = (0..BLOCK_BYTES / 8).flat_map(|_| next()).collect();
        Self { block, at: 0, left: bytes, number: 0 }
    }
}

impl Read for MadeUp {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == 0 {
            self.number += 1;
            self.block[..8].copy_from_slice(&self.number.to_le_bytes());
        }
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let count = buffer.len().min(self.block.len() - self.at).min(left);
        buffer[..count].copy_from_slice(&self.block[self.at..self.at + count]);
        self.at = (self.at + count) % self.block.len();
        self.left -= count as u64;
        Ok(count)
    }
}

/// The median time in which this directory's disk makes 4 KiB durable.
fn fdatasync_p50_micros(directory: &Path) -> Result<u64, Failure> {
    const SYNCS: usize = 33;
    let path = directory.join("fdatasync");
    let failed = |error: io::Error| Failure::io("write", &path, &error);
    let mut file = File::create(&path).map_err(failed)?;
    let mut micros = Vec::new();
    for _ in 0..SYNCS {
        let begin = Instant::now();
        file.write_all(&[7; 4096]).and_then(|()| file.sync_data()).map_err(failed)?;
        micros.push(u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    micros.sort_unstable();
    std::fs::remove_file(&path).map_err(failed)?;
    Ok(micros[SYNCS / 2])
}

fn report(
    arguments: &BlobArguments,
    (put, get): (&Passage, &Passage),
    memory: &Memory,
    (fdatasync, commit): (u64, Option<u64>),
) -> Answer {
    // A byte per microsecond is a megabyte per second.
    let rate = |passage: &Passage| arguments.bytes / passage.micros;
    let mb = |kib: &u64| kib * 1024 / 1_000_000;
    let servers: Vec<u64> = memory.servers.iter().map(mb).collect();
    let client = mb(&memory.client);
    let cpu = |passage: &Passage| thousandths(passage.cpu_micros / 1000);
    let text = format!(
        "file        {} bytes over {} servers\n\
         put         {} MB/s, {} s of processor time\n\
         get         {} MB/s, {} s of processor time\n\
         peak memory client {client} MB, servers {servers:?} MB\n\
         fdatasync   p50 {} ms; commit of a server p50 {} ms",
        arguments.bytes,
        servers.len(),
        rate(put),
        cpu(put),
        rate(get),
        cpu(get),
        thousandths(fdatasync),
        commit.map_or_else(|| String::from("unknown"), thousandths),
    );
    let json = json!({
        "bytes": arguments.bytes, "servers": servers.len(),
        "put_mb_per_second": rate(put), "get_mb_per_second": rate(get),
        "put_cpu_seconds": json_thousandths(put.cpu_micros / 1000),
        "get_cpu_seconds": json_thousandths(get.cpu_micros / 1000),
        "client_peak_mb": client, "server_peak_mb": servers,
        "fdatasync_p50_ms": json_thousandths(fdatasync),
        "commit_p50_ms": commit.and_then(json_thousandths),
    });
    Answer { text, json }
}

#[cfg(test)]
mod tests {
    //! What is made up has the length that was asked for, and no two chunks are the same.
    use std::collections::BTreeSet;
    use std::io::Read;

    use super::{BLOCK_BYTES, MadeUp};

    #[test]
    fn a_made_up_file_has_its_length_and_chunks_of_their_own() {
        let length = 3 * BLOCK_BYTES + 77;
        let mut bytes = Vec::new();
        MadeUp::new(length as u64).read_to_end(&mut bytes).expect("made up, not read");
        assert_eq!(bytes.len(), length);
        let chunks: BTreeSet<&[u8]> = bytes.chunks(BLOCK_BYTES).collect();
        assert_eq!(chunks.len(), 4);
    }
}
