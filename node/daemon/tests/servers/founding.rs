//! Servers make the key of their system themselves: from a genesis to a system that serves.

use std::sync::Arc;
use std::time::Duration;

use quorate_client::cluster::{Cluster, Credentials, with_cluster};
use quorate_client::findings::findings;
use quorate_crypto::Signer;
use quorate_daemon::configuration::NodeConfiguration;
use quorate_daemon::keys::ServerKeys;
use quorate_daemon::server::{Between, Intermediary};
use quorate_kv::{KvOperation, KvReply};
use quorate_machine::Effect;
use quorate_membership::VerifiedConfiguration;
use quorate_membership::handover::message::Message;
use quorate_membership::handover::{Handover, Setup as HandoverSetup, SignedDealing};
use quorate_runtime::Interceptor;
use quorate_threshold::SEALED_PREFIX_BYTES;
use quorate_types::{Epoch, NodeId, Now, SystemId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::files::{content, holds};
use crate::founders::{
    FIRST, Founders, begin, begin_with, key_of, scratch, until_pinned, with_servers,
};

/// Bytes of a secret scalar, at the end of a share.
const SECRET_BYTES: usize = 32;

/// The answer of a server that is asked about its health.
pub(crate) async fn health(settings: &NodeConfiguration) -> Option<String> {
    let mut stream = tokio::net::TcpStream::connect(settings.metrics).await.ok()?;
    stream.write_all(b"GET /health HTTP/1.1\r\n\r\n").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

/// The secret part of the share of a server.
fn share_of(settings: &NodeConfiguration) -> Option<Vec<u8>> {
    let keys = ServerKeys::open_directory(&settings.keys).expect("its keys");
    let share = keys.share(FIRST).expect("readable")?;
    Some(share[share.len() - SECRET_BYTES..].to_vec())
}

/// Stores and reads as a client of the system.
async fn use_it(founders: &Founders, found: &VerifiedConfiguration) {
    let cluster = founders.client(found);
    let identity = cluster.client_identity().expect("a client");
    let credentials = Credentials { seed: *identity.seed, certificate: identity.certificate };
    let work = async |cluster: Cluster| {
        let put = KvOperation::Put { key: b"name".to_vec(), value: b"quorate".to_vec() };
        assert_eq!(cluster.key_value(&put).await.expect("a reply"), KvReply::Done);
        let bytes = vec![7; 100_000];
        let stored = cluster.put_blob(&mut &bytes[..], &mut |_| {}).await.expect("stored");
        let mut got = Vec::new();
        cluster.get_blob(stored.id, &mut got, &mut |_, _| {}).await.expect("read");
        assert_eq!(got, bytes);
    };
    with_cluster(&cluster, &credentials, work).await.expect("the client connects");
}

#[test]
fn servers_with_a_genesis_make_the_key_and_none_has_more_than_its_share() {
    let founders = Founders::new(&scratch("makes-key"), 4);
    let servers = founders.nodes.iter().map(begin).collect();
    with_servers(servers, async {
        let found = key_of(&founders).await;
        assert_eq!((found.epoch(), found.configuration().ring_epoch), (FIRST, FIRST));
        use_it(&founders, &found).await;
    });

    founders.rest();
    let shares: Vec<_> = founders.nodes.iter().map(share_of).collect();
    assert!(shares.iter().all(Option::is_some), "the group of the genesis has the shares");
    for (place, settings) in founders.nodes.iter().enumerate() {
        let files = content(settings.keys.parent().expect("a directory"));
        for (owner, share) in shares.iter().flatten().enumerate() {
            let is_there = holds(&files, share);
            assert_eq!(is_there, owner == place, "server {place} and the share of {owner}");
        }
    }
    std::fs::remove_dir_all(&founders.directory).expect("the scratch directory goes");
}

#[test]
fn a_founding_does_without_a_founder_that_is_not_there_and_says_so_before() {
    let mut founders = Founders::new(&scratch("missing"), 4);
    founders.nodes.iter_mut().for_each(|node| node.founding_patience = Duration::from_secs(2));
    let [a, b, c, late] = &founders.nodes[..] else { panic!("four servers") };
    let address = late.listen.to_string();
    with_servers(vec![begin(a), begin(b), begin(c)], async {
        let is_told = |answer: &String| answer.contains("503") && answer.contains(&address);
        while !health(a).await.is_some_and(|answer| is_told(&answer)) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        key_of(&founders).await;
    });
    founders.rest();
    // It comes later, to a system that has its key.
    let late_key = async {
        until_pinned(late).await;
        key_of(&founders).await
    };
    let found = with_servers(vec![begin(a), begin(b), begin(c), begin(late)], late_key);
    let configurations = [found.configuration(), founders.genesis.configuration()];
    let [now, before] = configurations.map(|it| {
        let record = it.members.iter().find(|member| member.address == address);
        record.expect("it keeps its place").epoch_key
    });
    assert!(now.is_none() || now == before, "it has no key in this epoch");
    std::fs::remove_dir_all(&founders.directory).expect("the scratch directory goes");
}

#[test]
fn founders_that_lose_power_at_any_moment_make_the_key_all_the_same() {
    let founders = Founders::new(&scratch("power"), 4);
    let all = || founders.nodes.iter().map(begin).collect();
    // All of them end after each of these times, wherever they are, and go on from their disks.
    for millis in [30, 100, 200, 300, 400, 600] {
        with_servers(all(), async {
            tokio::time::sleep(Duration::from_millis(millis)).await;
        });
        founders.rest();
    }
    let found = with_servers(all(), key_of(&founders));
    assert_eq!(found.epoch(), FIRST);
    std::fs::remove_dir_all(&founders.directory).expect("the scratch directory goes");
}

/// Deals other subshares than it committed to, and signs for it.
struct BadDealer(SystemId, Arc<dyn Signer>);

impl Interceptor<Handover> for BadDealer {
    fn effects(&mut self, _: Now, effects: &mut Vec<Effect<Handover>>) {
        for effect in effects {
            if let Effect::Send { message, .. } = effect
                && let Message::Dealing(signed) = message
            {
                let mut dealing = signed.dealing.clone();
                dealing.sealed[SEALED_PREFIX_BYTES..].iter_mut().for_each(|byte| *byte ^= 1);
                **signed = SignedDealing::sign(dealing, (self.0, Epoch::ZERO), &*self.1);
            }
        }
    }
}

/// A liar in the founding.
struct Villain;

impl Intermediary for Villain {
    fn handover(&mut self, setup: &HandoverSetup) -> Between<Handover> {
        let signer = Arc::clone(&setup.member.as_ref()?.signer);
        Some(Box::new(BadDealer(setup.configuration.system, signer)))
    }
}

#[test]
fn a_founder_that_deals_wrong_shares_keeps_nobody_from_the_key_and_is_convicted() {
    let founders = Founders::new(&scratch("villain"), 4);
    let [a, b, c, liar] = &founders.nodes[..] else { panic!("four servers") };
    let servers = vec![begin(a), begin(b), begin(c), begin_with(liar, Box::new(Villain))];
    let address = liar.listen.to_string();
    with_servers(servers, async {
        let found = key_of(&founders).await;
        assert_eq!(found.epoch(), FIRST);
        let members = &found.configuration().members;
        let liar = members.iter().find(|member| member.address == address).expect("it is one");
        // MEM-55: the log of epoch 1 hears of what was dealt in epoch 0.
        assert_eq!(first_convicted(&founders, &found).await, liar.id);
    });
    std::fs::remove_dir_all(&founders.directory).expect("the scratch directory goes");
}

/// Whom the log convicts, once it convicts somebody.
async fn first_convicted(founders: &Founders, found: &VerifiedConfiguration) -> NodeId {
    let cluster = founders.client(found);
    let identity = cluster.client_identity().expect("a client");
    let credentials = Credentials { seed: *identity.seed, certificate: identity.certificate };
    let ask = async |cluster: Cluster| {
        loop {
            let found = findings(&cluster).await.expect("a reply");
            let mut convicted = found.standings.iter().filter(|it| it.convicted.is_some());
            if let Some(standing) = convicted.next() {
                return standing.server;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    with_cluster(&cluster, &credentials, ask).await.expect("the client connects")
}
