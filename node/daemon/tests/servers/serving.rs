//! Four servers over real sockets and disks, and a client that uses them.

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use quorate_client::blob::CHUNKS_IN_FLIGHT;
use quorate_client::explanation::Kind;
use quorate_crypto::real::RealSigner;
use quorate_daemon::configuration::NodeConfiguration;
use quorate_daemon::founding::NodeIdentity;
use quorate_daemon::monitoring::Monitoring;
use quorate_dht::limits::CHUNK_BYTES;
use quorate_dht::object::register_id;
use quorate_dht::{Body, Value};
use quorate_kv::{KvOperation, KvReply};
use quorate_membership::monitor::{Answer, Question, Shown, Ticket, Wanted};
use quorate_wire::{decode, encode};

use crate::founders::{FIRST, scratch};
use crate::system::{found, with_servers, with_servers_in};

#[test]
fn ordered_requests_are_executed_and_answered() {
    with_servers("ordered", async |cluster| {
        let (key, value) = (b"name".to_vec(), b"quorate".to_vec());
        let put = KvOperation::Put { key: key.clone(), value: value.clone() };
        assert_eq!(cluster.key_value(&put).await.expect("a reply"), KvReply::Done);
        let get = KvOperation::Get { key };
        assert_eq!(cluster.key_value(&get).await.expect("a reply"), KvReply::Value(Some(value)));
    });
}

#[test]
fn a_server_answers_probes_and_names_their_port_when_it_is_taken() {
    let directory = scratch("probes");
    let nodes = found(&directory).nodes;
    let settings = NodeConfiguration::read(&nodes[0]).expect("node.toml is right");
    let identity = NodeIdentity::load(&settings).expect("the server's files are right");
    let to = SocketAddr::new(settings.listen.ip(), identity.record().probe_port);

    let held = UdpSocket::bind(to).expect("the port is free");
    let refused = Monitoring::start(settings.listen, &identity).expect_err("the port is taken");
    assert_eq!(refused.explain().kind, Kind::PortTaken);
    drop(held);

    let monitoring = Monitoring::start(settings.listen, &identity).expect("the port is free");
    let ticket = Ticket { place: 3, token: 4 };
    let question = Question { to: identity.id, epoch: FIRST, ticket, wanted: Wanted::Plain };
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    socket.send_to(&encode(&question), to).expect("it is sent");
    let mut buffer = [0; 2_000];
    let (length, _) = socket.recv_from(&mut buffer).expect("an answer");
    let answer = Answer { ticket, epoch: FIRST, shown: Shown::Life };
    assert_eq!(decode(&buffer[..length]), Ok(answer));
    let is_member = identity.is_in_membership_group();
    assert_eq!(monitoring.view().prober().is_some(), is_member, "members probe");
    drop(monitoring);
    std::fs::remove_dir_all(directory).expect("the scratch directory goes");
}

#[test]
fn a_file_comes_back_as_it_was_stored() {
    with_servers("file", async |cluster| {
        let bytes: Vec<u8> = (0..3_500_000u32).map(|index| index.to_be_bytes()[3]).collect();
        let stored = cluster.put_blob(&mut &bytes[..], &mut |_| {}).await.expect("it is stored");
        assert_eq!(stored.length_bytes, bytes.len() as u64);
        assert_eq!(stored.hash, blake3::hash(&bytes).to_hex().to_string());
        let mut got = Vec::new();
        let read = cluster.get_blob(stored.id, &mut got, &mut |_, _| {}).await.expect("it is read");
        assert_eq!(read, stored);
        assert_eq!(got, bytes);
        assert_eq!(cluster.stat_blob(stored.id).await.expect("it is there"), stored);
    });
}

/// A long file, which is compared with what has arrived each time a piece of it is taken.
struct Watched {
    directory: PathBuf,
    length: usize,
    taken: usize,
}

impl Watched {
    /// Chunks on the disks of all servers together.
    fn arrived(&self) -> usize {
        let blobs = |index| self.directory.join(format!("node-{index}/data/storage/blobs"));
        let list = |path: PathBuf| std::fs::read_dir(path).expect("a directory of the store");
        let paths = (0..4).flat_map(|index| list(blobs(index))).flatten().map(|entry| entry.path());
        let is_store = |path: &PathBuf| !path.ends_with("incoming");
        paths.filter(is_store).map(|path| list(path).count()).sum()
    }
}

impl std::io::Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let chunk = self.taken / CHUNK_BYTES;
        if self.taken.is_multiple_of(CHUNK_BYTES) {
            let settled = chunk.saturating_sub(CHUNKS_IN_FLIGHT + 1);
            let arrived = self.arrived();
            assert!(arrived >= 3 * settled, "{chunk} chunks taken, {arrived} copies arrived");
        }
        let left = (CHUNK_BYTES - self.taken % CHUNK_BYTES).min(self.length - self.taken);
        let count = buffer.len().min(left);
        buffer[..count].fill(u8::try_from(chunk).expect("a few chunks"));
        self.taken += count;
        Ok(count)
    }
}

#[test]
fn of_a_long_file_only_a_few_chunks_are_in_memory() {
    let directory = scratch("long");
    let length = (CHUNKS_IN_FLIGHT + 10) * CHUNK_BYTES + 5;
    let mut source = Watched { directory: directory.clone(), length, taken: 0 };
    with_servers_in(&directory, async |cluster| {
        let stored = cluster.put_blob(&mut source, &mut |_| {}).await.expect("it is stored");
        assert_eq!(stored.length_bytes, length as u64);
        // What has not been written yet is under way, and that is bounded by the same number.
        let got = cluster.get_blob(stored.id, &mut std::io::sink(), &mut |_, _| {}).await;
        assert_eq!(got.expect("it is read"), stored);
    });
    assert_eq!(source.taken, length);
}

#[test]
fn a_scrub_reports_what_every_server_holds() {
    with_servers("scrub", async |cluster| {
        let stored = cluster.put_blob(&mut &[7; 100_000][..], &mut |_| {}).await;
        stored.expect("it is stored");
        let mut heard = 0;
        let states = cluster.scrub(&mut |_| heard += 1).await.expect("all are connected");
        assert_eq!(states.len(), 4);
        assert!(states.values().all(|state| state.is_over && state.report.damaged == 0));
        let checked: u64 = states.values().map(|state| state.report.checked).sum();
        assert!(checked >= 6, "a chunk and a manifest at three servers: {checked}");
        assert!(heard > 0, "progress was told");
    });
}

#[test]
fn an_object_has_the_last_value_that_its_owner_wrote() {
    with_servers("object", async |cluster| {
        let owner = Arc::new(RealSigner::from_seed(&[9; 32]));
        let id = register_id(&quorate_crypto::Signer::public_key(&*owner));
        assert_eq!(cluster.read_object(id).await.expect("an answer"), None);
        for text in ["first", "second"] {
            let value = Value::Data(Body::new(text.as_bytes().to_vec()));
            cluster.write_object(owner.clone(), value.clone()).await.expect("it is written");
            let version = cluster.read_object(id).await.expect("an answer");
            assert_eq!(version.map(|version| version.value), Some(value));
        }
    });
}
