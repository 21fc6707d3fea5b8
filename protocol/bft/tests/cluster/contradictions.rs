//! What one member signs and takes back is told to the node, as proof for others (B01, B02, B10).

use quorate_bft::message::{Checkpoint, CheckpointStatement, HashedCut, Message, Phase};
use quorate_bft::{Contradiction, Output, Parameters};
use quorate_crypto::{Domain, SignatureCheck, Verifier, hash};
use quorate_types::{Digest, ReplicaId, Slot, UnixTime};

use crate::support::Cluster;

fn told(cluster: &Cluster, index: u16) -> Vec<&Contradiction> {
    let of_replica = cluster.outputs.iter().filter(|(replica, _)| replica.get() == index);
    let evidence = of_replica.filter_map(|(_, output)| match output {
        Output::Evidence(told) => Some(&**told),
        _ => None,
    });
    evidence.collect()
}

/// BFT-15: both words are signed by who is said to have said them, and differ.
fn assert_proves(cluster: &Cluster, told: &Contradiction, (by, domain): (u16, Domain)) {
    let member = cluster.group.member(ReplicaId::new(by)).expect("of four");
    assert_eq!(told.by, member.node);
    for word in [&told.first, &told.second] {
        assert_eq!(word.domain, domain);
        let digest = hash(domain, &word.bytes);
        let check = SignatureCheck { key: member.key, digest, signature: word.signature };
        assert!(cluster.registry.is_valid(&check), "BFT-15: signed by {by}");
    }
    assert_ne!(told.first.bytes, told.second.bytes);
}

fn choice(cluster: &Cluster, byte: u8) -> HashedCut {
    let origin = cluster.origin_cut();
    let mut cut = (*origin).clone();
    (cut.slot, cut.parent) = (origin.slot.next(), Digest::new([byte; 32]));
    HashedCut::new(cut)
}

#[test]
fn two_votes_of_one_member_are_told_once_b02() {
    for (phase, domain) in [(Phase::Prepare, Domain::Prepare), (Phase::Commit, Domain::Commit)] {
        let mut cluster = Cluster::silent(Parameters::default());
        let from = cluster.peer(3);
        for byte in [1, 1, 2, 3] {
            let vote = cluster.vote(phase, 3, (0, &choice(&cluster, byte)));
            let message = match phase {
                Phase::Prepare => Message::Prepare(vote),
                Phase::Commit => Message::Commit(vote),
            };
            assert!(cluster.deliver(from, 1, message));
        }
        let found = told(&cluster, 1);
        assert_eq!(found.len(), 1, "one proof is enough");
        assert_proves(&cluster, found[0], (3, domain));
        assert_eq!(told(&cluster, 2).len(), 0, "it heard nothing");
    }
}

#[test]
fn two_proposals_of_a_leader_are_told_by_all_who_hear_of_them_b01() {
    let mut cluster = Cluster::new(1);
    let (accusation, from) = (cluster.accusation(0, 1), cluster.peer(3));
    assert!(cluster.deliver(from, 1, accusation));
    cluster.settle();
    for index in 0..4 {
        let found = told(&cluster, index);
        assert_eq!(found.len(), 1, "BFT-15: it was told once by {index}");
        assert_proves(&cluster, found[0], (0, Domain::PrePrepare));
    }
}

#[test]
fn two_states_of_one_member_after_one_slot_are_told_b10() {
    let mut cluster = Cluster::new(1);
    let from = cluster.peer(2);
    for root in [1, 1, 2] {
        let statement = CheckpointStatement {
            slot: Slot::new(Parameters::default().checkpoint_interval),
            cut: Digest::ZERO,
            time: UnixTime::ZERO,
            root: Digest::new([root; 32]),
            is_last: false,
        };
        let seat = (ReplicaId::new(2), cluster.signer(2));
        let message = Message::Checkpoint(Checkpoint::sign(&cluster.group, statement, seat));
        assert!(cluster.deliver(from, 0, message));
    }
    let found = told(&cluster, 0);
    assert_eq!(found.len(), 1);
    assert_proves(&cluster, found[0], (2, Domain::Checkpoint));
    assert_eq!(cluster.mark("bft.two_states"), 1);
}
