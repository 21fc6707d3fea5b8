//! The whole way with the signatures of production, through the public interface alone: keys made
//! on each server, genesis, certified configuration, a member's proof, a lease.

use std::sync::Arc;

use quorate_crypto::Signer;
use quorate_crypto::real::RealSigner;
use quorate_kes::{Blake3Tree, Seed};
use quorate_membership::freshness::{Round, Subject};
use quorate_membership::{
    CertifiedConfiguration, CheckedGenesis, FreshnessProof, Genesis, Identity, LeaseRule,
    MemberProof, NodeAdmission, Nonce, Schemes, ServerDescription, Vouch,
};
use quorate_types::{
    Digest, Duration, Epoch, FailureDomain, Instant, NodeId, Resilience, SoftwareVersion, UnixTime,
};
use quorate_wire::{decode, encode};

struct Server {
    identity: Identity<Blake3Tree>,
    epoch: Arc<RealSigner>,
}

fn servers() -> Vec<Server> {
    let server = |number: u8| Server {
        identity: Identity::generate(Blake3Tree, Seed::new([number; 32]), Epoch::ZERO),
        epoch: Arc::new(RealSigner::from_seed(&[100 + number; 32])),
    };
    (0..5).map(server).collect()
}

fn admission(server: &Server, number: usize) -> NodeAdmission {
    let description = ServerDescription {
        address: format!("10.0.0.{number}:4700"),
        probe_port: 4701,
        failure_domain: FailureDomain(format!("rack {number}")),
        version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
    };
    let epoch_key = server.epoch.public_key();
    let admission = NodeAdmission::founding(description, &server.identity, epoch_key);
    decode(&encode(&admission)).expect("what a server prints can be read")
}

fn genesis(servers: &[Server], schemes: &Schemes) -> CheckedGenesis {
    let mut admissions: Vec<_> =
        servers.iter().enumerate().map(|(number, server)| admission(server, number)).collect();
    admissions.sort_by_key(NodeAdmission::identity_key);
    let genesis = Genesis {
        authority_key: RealSigner::from_seed(&[200; 32]).public_key(),
        storage: Resilience::new(1).expect("f is in range"),
        membership: Resilience::new(1).expect("f is in range"),
        created: UnixTime::from_micros(1),
        randomness: Digest::new([3; 32]),
        admissions,
    };
    genesis.check(&*schemes.signatures).expect("every server signed")
}

#[test]
fn keys_made_on_each_server_end_in_a_lease() {
    let (servers, schemes) = (servers(), Schemes::real());
    let founding = genesis(&servers, &schemes)
        .found(&quorate_threshold::Seed::new([4; 32]), &*schemes.threshold)
        .expect("no share is zero");
    let bytes = encode(&founding.configuration);
    let certified: CertifiedConfiguration = decode(&bytes).expect("one encoding");
    let configuration =
        certified.verify(&founding.system_key, &schemes).expect("signed under the one key");

    let member = configuration.configuration().membership_group[0];
    let proof: MemberProof =
        decode(&encode(&configuration.prove(member).expect("a member"))).expect("one encoding");
    assert_eq!(proof.verify(configuration.header()).map(|record| record.id), Ok(member));

    let nonce = Nonce::new(Digest::new([5; 32]));
    let rule = LeaseRule::new(Duration::from_secs(1), 100).expect("drift is in range");
    let sent_at = Instant::from_micros(10);
    let mut round = Round::new(configuration.clone(), nonce, sent_at, rule);
    let signer = |id: NodeId| {
        let key = configuration.configuration().member(id).expect("a member").epoch_key;
        servers.iter().find(|server| Some(server.epoch.public_key()) == key).expect("its server")
    };
    let mut leases = Vec::new();
    for id in configuration.configuration().membership_group.iter().take(3) {
        let subject = Subject::of(&configuration, nonce);
        let vouch = Vouch::sign(subject, *id, &*signer(*id).epoch);
        let lease = round.accept(Instant::from_micros(20), vouch, &*schemes.signatures);
        leases.push(lease.expect("a good vouch"));
    }
    assert!(matches!(leases[..], [None, None, Some(_)]), "MEM-5: {leases:?}");
    let proof: FreshnessProof = decode(&encode(&round.proof())).expect("one encoding");
    assert_eq!(proof.verify((&configuration, nonce), &*schemes.signatures), Ok(()));
}
