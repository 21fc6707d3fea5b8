//! What a liar says counts only where it belongs: a part of the state with the cut that was
//! certified and from who was asked, a batch inside a proposal on the branch that was acknowledged.

use std::sync::Arc;

use quorate_bft::Parameters;
use quorate_bft::message::{
    Checkpoint, CheckpointCertificate, CheckpointStatement, HashedCut, Message, StateChunk, Status,
};
use quorate_crypto::Certificate;
use quorate_state::Map;
use quorate_types::{Duration, LaneSeq, Peer, ReplicaId, Slot, UnixTime, View};

use crate::forge::{ORIGIN, tip_of};
use crate::support::Cluster;

/// A group that never ran, of which only replica `index` runs.
fn only(index: u16, parameters: Parameters) -> Cluster {
    let mut cluster = Cluster::silent(parameters);
    for other in (0..4).filter(|other| *other != index) {
        cluster.crash(other);
    }
    cluster
}

/// Four slots of one batch each, in two ways that differ in the last batch.
fn two_ends(cluster: &Cluster) -> [HashedCut; 2] {
    let (mut parent, mut tip) = (cluster.origin_cut(), cluster.origin_tip(1));
    for _ in 1..4 {
        let batch = cluster.batch(1, tip, "x");
        (tip, parent) = (tip_of(&batch), cluster.cut_inline(&parent, &batch));
    }
    ["x", "other"].map(|payload| cluster.cut_inline(&parent, &cluster.batch(1, tip, payload)))
}

fn certified(cluster: &Cluster, cut: &HashedCut, state: &mut Map) -> CheckpointCertificate {
    let (time, root): (UnixTime, _) = (ORIGIN, state.root());
    let statement =
        CheckpointStatement { slot: cut.slot, cut: cut.digest(), time, root, is_last: false };
    let said = [1, 2, 3].map(|from: u16| {
        let signer = (ReplicaId::new(from), &*cluster.signers[usize::from(from)]);
        Checkpoint::sign(&cluster.group, statement, signer)
    });
    let certificate = Certificate::new(said.map(|one| (one.from, one.signature)));
    CheckpointCertificate { statement, certificate }
}

/// Replica 0 learns that the others are at slot 4, and asks one of them for the state.
fn asked_for_state(cluster: &mut Cluster) -> Peer {
    let slot = Slot::new(4);
    let (committed, executed, stable, floor) = (slot, slot, slot, slot.next());
    let (view, acknowledged) = (View::ZERO, vec![LaneSeq::ZERO; 4]);
    let is_active = true;
    let status = Status { view, is_active, committed, executed, stable, floor, acknowledged };
    for from in [1, 2, 3] {
        cluster.deliver(cluster.peer(from), 0, Message::Status(status.clone()));
    }
    for _ in 0..100 {
        cluster.pass(Duration::from_millis(50));
        if let Some(source) = cluster.next_fetch_of_state() {
            return source;
        }
    }
    panic!("nobody was asked for the state");
}

#[test]
fn a_part_of_the_state_counts_from_who_was_asked_and_with_the_certified_cut_11() {
    for (from_another, with_another_cut, is_taken) in
        [(true, false, false), (false, true, false), (false, false, true)]
    {
        let parameters = Parameters { checkpoint_interval: 4, ..Parameters::default() };
        let mut cluster = only(0, parameters);
        let [cut, other] = two_ends(&cluster);
        let mut state = Map::new();
        state.insert(b"\x02journal", b"x;x;x;x;");
        let certificate = certified(&cluster, &cut, &mut state);
        let source = asked_for_state(&mut cluster);
        let another = if source == cluster.peer(1) { cluster.peer(2) } else { cluster.peer(1) };
        let from = if from_another { another } else { source };
        let cut = if with_another_cut { other } else { cut };
        let chunk = state.snapshot().chunk(None, 1_000);
        let part = Arc::new(StateChunk { certificate, cut, chunk });
        cluster.deliver(from, 0, Message::StateChunk(part));
        let expected = if is_taken { (Slot::new(4), "x;x;x;x;") } else { (Slot::ZERO, "") };
        let journal = cluster.journal(0);
        assert_eq!((cluster.replica(0).executed_slot(), &journal[..]), expected);
    }
}

#[test]
fn a_proposal_with_a_batch_off_the_acknowledged_branch_gets_no_vote_541() {
    let mut cluster = only(1, Parameters::default());
    let leader = cluster.peer(0);
    let [ours, fork] =
        ["ours", "fork"].map(|payload| cluster.batch(0, cluster.origin_tip(0), payload));
    assert!(cluster.deliver(leader, 1, Message::Batch(Arc::clone(&ours))));
    let propose = |cluster: &Cluster, batch: &Arc<_>| {
        let cut = cluster.cut_inline(&cluster.origin_cut(), batch);
        cluster.proposal(0, &cut, Some(Arc::clone(batch)))
    };
    let forked = propose(&cluster, &fork);
    assert!(cluster.deliver(leader, 1, forked), "its signatures are good");
    cluster.settle();
    let votes = |cluster: &Cluster| {
        let is_prepare = |message: &Message| matches!(message, Message::Prepare(_));
        cluster.sent_by(1).filter(|(_, _, message)| is_prepare(message)).count()
    };
    assert_eq!(cluster.mark("bft.inline_forks_lane"), 1);
    assert_eq!(votes(&cluster), 0, "what it acknowledged binds it");

    // The same story with the batch that it holds: the vote was not missing for another reason.
    let mut cluster = only(1, Parameters::default());
    assert!(cluster.deliver(leader, 1, Message::Batch(Arc::clone(&ours))));
    let sound = propose(&cluster, &ours);
    assert!(cluster.deliver(leader, 1, sound));
    cluster.settle();
    assert!(votes(&cluster) > 0);
}
