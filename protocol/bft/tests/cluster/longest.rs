//! The longest messages fit what carries them.

use std::sync::Arc;

use quorate_bft::limits::{
    BUNDLE_OPERATIONS_MAX, CUT_ROWS_PER_REPLICA_MAX, GROUP_F_MAX, LANE_QUOTA_BATCHES,
    LANE_WINDOW_BATCHES, MESSAGE_BYTES_MAX, REPLY_BYTES_MAX,
};
use quorate_bft::message::{
    AckVector, Answer, Base, CommitCertificate, Cut, HashedCut, Message, NewView, Outcome,
    PrepareCertificate, Prepared, Reply, SessionId, Tip, ViewChange,
};
use quorate_crypto::Certificate;
use quorate_types::{
    Digest, Epoch, LaneSeq, ReplicaId, RequestId, Resilience, Signature, Slot, UnixTime, View,
};
use quorate_wire::{decode, encode};

const SIGNATURE: Signature = Signature::new([7; 64]);
const DIGEST: Digest = Digest::new([7; 32]);

fn tips(group: Resilience) -> Vec<Tip> {
    vec![Tip { seq: LaneSeq::new(u64::MAX), digest: DIGEST }; group.replicas()]
}

fn row(group: Resilience, from: ReplicaId) -> Arc<AckVector> {
    let clock = UnixTime::from_micros(u64::MAX);
    Arc::new(AckVector { from, clock, tips: tips(group), signature: SIGNATURE })
}

/// Every lane at its window, and as many rows as a cut may have.
fn longest_cut(group: Resilience) -> HashedCut {
    let links = usize::try_from(LANE_QUOTA_BATCHES + LANE_WINDOW_BATCHES).expect("a small number");
    let rows = group.members().flat_map(|from| vec![row(group, from); CUT_ROWS_PER_REPLICA_MAX]);
    HashedCut::new(Cut {
        epoch: Epoch::new(u64::MAX),
        slot: Slot::new(u64::MAX),
        parent: DIGEST,
        tips: tips(group),
        links: vec![vec![DIGEST; links]; group.replicas()],
        rows: rows.collect(),
        inline: None,
    })
}

/// What a quorum carries into a view with one slot in flight: a base and a prepared slot each.
fn longest_new_view(group: Resilience) -> Message {
    let (view, slot, cut) = (View::new(u64::MAX), Slot::new(u64::MAX), longest_cut(group));
    let quorum: Vec<ReplicaId> = group.members().take(group.quorum()).collect();
    let certificate = Certificate::new(quorum.iter().map(|from| (*from, SIGNATURE)));
    let commits =
        CommitCertificate { view, slot, digest: DIGEST, certificate: certificate.clone() };
    let prepares = PrepareCertificate { view, slot, digest: DIGEST, certificate };
    let change = |&from: &ReplicaId| {
        Arc::new(ViewChange {
            view,
            base: Base::Committed { cut: cut.clone(), certificate: commits.clone() },
            prepared: vec![Prepared { cut: cut.clone(), certificate: prepares.clone() }],
            from,
            signature: SIGNATURE,
        })
    };
    let changes = quorum.iter().map(change).collect();
    Message::NewView(NewView { view, changes, signature: SIGNATURE }.into())
}

#[test]
fn the_longest_new_view_of_the_largest_group_fits_a_message_and_of_a_larger_one_does_not() {
    let length = |f| encode(&longest_new_view(Resilience::new(f).expect("a group"))).len();
    let (largest, larger) = (length(GROUP_F_MAX), length(GROUP_F_MAX + 1));
    assert!(largest <= MESSAGE_BYTES_MAX, "{largest} bytes");
    assert!(larger > MESSAGE_BYTES_MAX, "{larger} bytes fit: the limit could be higher");
}

#[test]
fn the_longest_replies_to_a_bundle_fit_one_message() {
    let answer = Answer {
        id: RequestId::new(u64::MAX),
        operation: DIGEST,
        outcome: Outcome::Executed(vec![7; REPLY_BYTES_MAX]),
    };
    let session = SessionId { epoch: Epoch::ZERO, slot: Slot::new(u64::MAX), index: u32::MAX };
    let answers = vec![answer; BUNDLE_OPERATIONS_MAX];
    let view = View::new(u64::MAX);
    let reply = Message::Reply(Reply { view, session: Some(session), answers });
    let bytes = encode(&reply);
    assert!(bytes.len() <= MESSAGE_BYTES_MAX, "{} bytes", bytes.len());
    assert_eq!(decode::<Message>(&bytes).as_ref(), Ok(&reply));
}
