//! What is refused at the door: short, doubled, foreign and overgrown certificates (B08, B09, B15,
//! B17), in the messages that carry them.

use std::sync::Arc;

use quorate_bft::message::{
    Base, Batch, Bundle, CommitCertificate, Contents, HashedCut, Message, Phase, Slots, StateChunk,
    ViewChange, Vote,
};
use quorate_crypto::{Certificate, Rejected, verify};
use quorate_state::Map;
use quorate_types::{
    Digest, Epoch, GroupConfiguration, GroupId, ReplicaId, Signature, Slot, SystemId, View,
};
use quorate_wire::{decode, encode};

use crate::forge::tip_of;
use crate::support::Cluster;

fn silent() -> Cluster {
    Cluster::silent(quorate_bft::Parameters::default())
}

fn judge(cluster: &Cluster, message: Message) -> Result<(), Rejected> {
    verify(message, &*cluster.group, &cluster.registry).map(drop)
}

fn cut(cluster: &Cluster) -> HashedCut {
    let batch = cluster.batch(0, cluster.origin_tip(0), "x");
    cluster.cut_inline(&cluster.origin_cut(), &batch)
}

fn slots(cut: &HashedCut, certificate: CommitCertificate) -> Message {
    Message::Slots(Arc::new(Slots { cuts: vec![cut.clone()], certificate }))
}

/// A certificate whose bitmap and signatures are what the test says.
fn raw(bits: u64, signatures: &[Signature]) -> Certificate {
    let mut bytes = bits.to_be_bytes().to_vec();
    bytes.extend(u32::try_from(signatures.len()).expect("few").to_be_bytes());
    signatures.iter().for_each(|signature| bytes.extend_from_slice(signature.as_bytes()));
    decode(&bytes).expect("a certificate is a bitmap and signatures")
}

#[test]
fn a_quorum_of_votes_is_let_in() {
    let cluster = silent();
    let cut = cut(&cluster);
    for voters in [&[0, 1, 2][..], &[1, 2, 3], &[0, 1, 2, 3]] {
        let certificate = cluster.committed(voters, (0, &cut));
        assert_eq!(judge(&cluster, slots(&cut, certificate)), Ok(()));
    }
}

#[test]
fn short_doubled_and_overgrown_certificates_are_refused_b08() {
    let cluster = silent();
    let cut = cut(&cluster);
    let with = |certificate| {
        let sound = cluster.committed(&[0, 1, 2], (0, &cut));
        judge(&cluster, slots(&cut, CommitCertificate { certificate, ..sound }))
    };
    let vote = |from| cluster.vote(Phase::Commit, from, (0, &cut)).signature;
    let three = [vote(0), vote(1), vote(2)];
    assert_eq!(with(raw(0b111, &three)), Ok(()));
    assert!(matches!(with(raw(0b11, &three[..2])), Err(Rejected::ShortCertificate { .. })));
    assert_eq!(with(raw(0b111, &three[..2])), Err(Rejected::SignatureCount));
    assert_eq!(with(raw(0b11, &three)), Err(Rejected::SignatureCount));
    assert_eq!(with(raw(0b1_0011, &three)), Err(Rejected::ExcessBits), "no such member");
    assert_eq!(with(raw(u64::MAX, &[three[0]; 64])), Err(Rejected::ExcessBits));
    let doubled = with(raw(0b111, &[three[0], three[0], three[1]]));
    assert!(doubled.is_err(), "one signature for two members: {doubled:?}");
    let prepares = [0, 1, 2].map(|from| cluster.vote(Phase::Prepare, from, (0, &cut)).signature);
    assert!(with(raw(0b111, &prepares)).is_err(), "votes of another phase");
    let mixed = [vote(0), vote(1), cluster.vote(Phase::Commit, 2, (1, &cut)).signature];
    assert!(with(raw(0b111, &mixed)).is_err(), "a mix of two views");
}

#[test]
fn votes_on_something_else_prove_nothing_b09() {
    let cluster = silent();
    let cut = cut(&cluster);
    let sound = || cluster.committed(&[0, 1, 2], (0, &cut));
    let other = CommitCertificate { digest: Digest::ZERO, ..sound() };
    assert_eq!(judge(&cluster, slots(&cut, other)), Err(Rejected::Inconsistent));
    for slot in [0, 2, u64::MAX] {
        let other = CommitCertificate { slot: Slot::new(slot), ..sound() };
        assert_eq!(judge(&cluster, slots(&cut, other)), Err(Rejected::Inconsistent));
    }
    let later = CommitCertificate { view: View::new(u64::MAX), ..sound() };
    assert!(judge(&cluster, slots(&cut, later)).is_err());
    let change = |group: &mut GroupConfiguration, which| match which {
        0 => group.group = GroupId::new([9; 32]),
        1 => group.epoch = Epoch::new(1),
        _ => group.system = SystemId::new([9; 32]),
    };
    for which in 0..3 {
        let mut group = GroupConfiguration::clone(&cluster.group);
        change(&mut group, which);
        let message = slots(&cut, sound());
        assert!(verify(message, &group, &cluster.registry).is_err(), "another group or epoch");
        let vote = Message::Commit(cluster.vote(Phase::Commit, 0, (0, &cut)));
        assert!(verify(vote, &group, &cluster.registry).is_err());
    }
}

#[test]
fn decided_slots_come_as_a_chain_or_not_at_all() {
    let cluster = silent();
    let first = cut(&cluster);
    let batch = cluster.batch(0, cluster.origin_tip(0), "x");
    let second = cluster.cut_inline(&first, &cluster.batch(0, tip_of(&batch), "y"));
    let certificate = cluster.committed(&[0, 1, 2], (0, &second));
    let with = |cuts: Vec<HashedCut>| {
        let slots = Slots { cuts, certificate: certificate.clone() };
        judge(&cluster, Message::Slots(Arc::new(slots)))
    };
    assert_eq!(with(vec![first.clone(), second.clone()]), Ok(()));
    assert_eq!(with(Vec::new()), Err(Rejected::WrongLength));
    assert_eq!(with(vec![second.clone(), first]), Err(Rejected::Inconsistent));
    assert_eq!(with(vec![second.clone(), second.clone()]), Err(Rejected::Inconsistent));
    let stranger =
        cluster.cut_inline(&cluster.origin_cut(), &cluster.batch(0, tip_of(&batch), "z"));
    assert_eq!(with(vec![stranger, second]), Err(Rejected::Inconsistent));
}

#[test]
fn a_view_change_shows_only_what_holds_b15() {
    let cluster = silent();
    let first = cut(&cluster);
    let batch = cluster.batch(0, cluster.origin_tip(0), "x");
    let second = cluster.cut_inline(&first, &cluster.batch(0, tip_of(&batch), "y"));
    let quorum = &[0, 1, 2];
    let with = |view, base, prepared| {
        judge(&cluster, Message::ViewChange(cluster.change(3, view, (base, prepared))))
    };
    let show = |view, cut| cluster.prepared(quorum, (view, cut));
    assert_eq!(with(1, Base::Start, vec![show(0, &first), show(0, &second)]), Ok(()));
    for view in [1, 2, u64::MAX] {
        let own_view = with(1, Base::Start, vec![show(view, &first)]);
        assert_eq!(own_view, Err(Rejected::Inconsistent), "not of an earlier view: {view}");
    }
    let disordered = with(1, Base::Start, vec![show(0, &second), show(0, &first)]);
    assert_eq!(disordered, Err(Rejected::Inconsistent));
    let doubled = with(2, Base::Start, vec![show(0, &first), show(1, &first)]);
    assert_eq!(doubled, Err(Rejected::Inconsistent));
    let base = || {
        let certificate = cluster.committed(quorum, (0, &first));
        Base::Committed { cut: first.clone(), certificate }
    };
    assert_eq!(with(1, base(), vec![show(0, &second)]), Ok(()));
    assert_eq!(with(1, base(), vec![show(0, &first)]), Err(Rejected::Inconsistent), "at the base");
    let short = cluster.prepared(&[0, 3], (0, &first));
    assert!(matches!(with(1, Base::Start, vec![short]), Err(Rejected::ShortCertificate { .. })));
    let mut other = show(0, &first);
    other.cut = second.clone();
    assert_eq!(with(1, Base::Start, vec![other]), Err(Rejected::Inconsistent), "another cut");
    let certificate = cluster.committed(quorum, (0, &first));
    let base = Base::Committed { cut: second, certificate };
    assert_eq!(with(1, base, Vec::new()), Err(Rejected::Inconsistent), "another base");
    let certificate = cluster.checkpoint(&[3], &first);
    let base = Base::Checkpoint { cut: first, certificate };
    let alone = with(1, base, Vec::new());
    assert!(matches!(alone, Err(Rejected::ShortCertificate { .. })), "f say so: B10");
}

#[test]
fn a_view_change_altered_by_its_carrier_is_refused() {
    let cluster = silent();
    let change = cluster.change(
        1,
        1,
        (Base::Start, vec![cluster.prepared(&[0, 1, 2], (0, &cut(&cluster)))]),
    );
    let bare = ViewChange { prepared: Vec::new(), ..ViewChange::clone(&change) };
    assert!(judge(&cluster, Message::ViewChange(Arc::new(bare))).is_err());
    let moved = ViewChange { view: View::new(2), ..ViewChange::clone(&change) };
    assert!(judge(&cluster, Message::ViewChange(Arc::new(moved))).is_err());
}

#[test]
fn a_start_is_of_a_quorum_of_members_for_its_view_b15() {
    let cluster = silent();
    let change = |from, view| cluster.change(from, view, (Base::Start, Vec::new()));
    let with = |changes| judge(&cluster, cluster.new_view(1, changes));
    assert_eq!(with(vec![change(0, 1), change(1, 1), change(3, 1)]), Ok(()));
    let short = with(vec![change(0, 1), change(1, 1)]);
    assert!(matches!(short, Err(Rejected::ShortCertificate { .. })));
    let doubled = with(vec![change(0, 1), change(1, 1), change(1, 1)]);
    assert_eq!(doubled, Err(Rejected::DuplicateSigner));
    let stale = with(vec![change(0, 1), change(1, 1), change(2, 5)]);
    assert_eq!(stale, Err(Rejected::Inconsistent), "a view change of another view: R-05");
}

#[test]
fn a_stranger_signs_nothing() {
    let cluster = silent();
    let mut vote = cluster.vote(Phase::Prepare, 0, (0, &cut(&cluster)));
    for from in [1, 4, u16::MAX] {
        vote.from = ReplicaId::new(from);
        assert!(judge(&cluster, Message::Prepare(vote)).is_err());
    }
    let vote = Vote { from: ReplicaId::new(0), ..vote };
    assert!(judge(&cluster, Message::Prepare(vote)).is_ok());
    assert!(judge(&cluster, Message::Commit(vote)).is_err(), "a vote of another phase");
}

#[test]
fn an_operation_is_its_clients_in_its_group_alone_25() {
    let cluster = silent();
    let bundle = cluster.bundle(240, 1, "pay");
    let request = |bundle: Bundle| {
        let bundle = Arc::new(bundle);
        judge(&cluster, Message::Request(quorate_bft::message::Request { bundle, is_retry: false }))
    };
    assert_eq!(request(Bundle::clone(&bundle)), Ok(()));
    let elsewhere = Bundle { group: GroupId::new([9; 32]), ..Bundle::clone(&bundle) };
    assert_eq!(request(elsewhere), Err(Rejected::WrongGroup), "meant for another group");
    let elsewhere = Bundle { system: SystemId::new([9; 32]), ..Bundle::clone(&bundle) };
    assert_eq!(request(elsewhere), Err(Rejected::WrongGroup));
    let client = cluster.bundle(241, 1, "pay").client;
    let stolen = Bundle { client, ..Bundle::clone(&bundle) };
    assert!(request(stolen).is_err(), "in another client's name");
    let mut group = GroupConfiguration::clone(&cluster.group);
    group.group = GroupId::new([9; 32]);
    let replayed = Message::Request(quorate_bft::message::Request { bundle, is_retry: false });
    assert!(verify(replayed, &group, &cluster.registry).is_err(), "replayed to another group");
}

#[test]
fn one_bad_bundle_in_a_batch_is_refused_by_all_alike_18() {
    let cluster = silent();
    let batch = cluster.batch(1, cluster.origin_tip(1), "x");
    let mut forged = Bundle::clone(&batch.contents.bundles[0]);
    forged.signature = Signature::new([1; 64]);
    let place = (ReplicaId::new(1), batch.header.header.seq, batch.header.header.previous);
    let bundles =
        Contents::of_clients(vec![Arc::clone(&batch.contents.bundles[0]), Arc::new(forged)]);
    let bad = Arc::new(Batch::sign(&cluster.group, place, bundles, &*cluster.signers[1]));
    assert!(judge(&cluster, Message::Batch(Arc::clone(&bad))).is_err());
    let cut = cluster.cut_inline(&cluster.origin_cut(), &bad);
    assert!(judge(&cluster, cluster.proposal(1, &cut, Some(bad))).is_err(), "inline too");
    let empty = Batch::sign(&cluster.group, place, Contents::default(), &*cluster.signers[1]);
    assert_eq!(judge(&cluster, Message::Batch(Arc::new(empty))), Err(Rejected::WrongLength), "B12");
    let swapped = Batch {
        header: batch.header,
        contents: Contents::of_clients(vec![cluster.bundle(240, 9, "other")]),
    };
    let swapped = judge(&cluster, Message::Batch(Arc::new(swapped)));
    assert_eq!(swapped, Err(Rejected::Inconsistent), "another body under the header");
}

#[test]
fn a_state_is_believed_with_more_than_f_signatures_b11() {
    let cluster = silent();
    let cut = cut(&cluster);
    let with = |from: &[u16]| {
        let certificate = cluster.checkpoint(from, &cut);
        let chunk = Map::new().snapshot().chunk(None, 10);
        let state = StateChunk { certificate, cut: cut.clone(), chunk };
        judge(&cluster, Message::StateChunk(Arc::new(state)))
    };
    assert_eq!(with(&[0, 3]), Ok(()), "one of them is correct");
    assert!(matches!(with(&[3]), Err(Rejected::ShortCertificate { .. })));
}

#[test]
fn cuts_of_a_wrong_shape_are_refused() {
    let cluster = silent();
    let sound = cut(&cluster);
    let propose = |cut: quorate_bft::message::Cut| {
        judge(&cluster, cluster.proposal(0, &HashedCut::new(cut), None))
    };
    let copy = || quorate_bft::message::Cut::clone(&sound);
    assert_eq!(propose(copy()), Ok(()));
    let mut other = copy();
    other.epoch = Epoch::new(1);
    assert_eq!(propose(other), Err(Rejected::WrongEpoch));
    let mut short = copy();
    short.tips.pop();
    assert_eq!(propose(short), Err(Rejected::WrongLength));
    let mut long = copy();
    long.links.push(Vec::new());
    assert_eq!(propose(long), Err(Rejected::WrongLength));
    let mut foreign = copy();
    foreign.inline.as_mut().expect("inline").header.lane = ReplicaId::new(9);
    assert_eq!(propose(foreign), Err(Rejected::UnknownSigner));
    assert!(decode::<Message>(&encode(&cluster.proposal(0, &sound, None))).is_ok());
}
