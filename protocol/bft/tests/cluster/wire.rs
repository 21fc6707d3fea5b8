//! Encodings: each message and record comes back as it was, has the bytes that it always had, and
//! no bytes of a stranger panic.

use std::sync::Arc;

use expect_test::expect_file;
use proptest::prelude::*;
use quorate_bft::limits::RECORD_ENTRIES_MAX;
use quorate_bft::message::{
    Accusation, AckVector, Answer, Base, BundleBody, Cut, FetchBatches, FetchProposal, FetchSlots,
    FetchState, HashedCut, Message, Operation, Outcome, Phase, Reply, Request, SessionId, Slots,
    StateChunk, Status, operation_digest,
};
use quorate_bft::{Image, Record};
use quorate_crypto::verify;
use quorate_state::limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use quorate_state::{Change, Map, Snapshot};
use quorate_types::{Digest, Epoch, LaneSeq, RequestId, Slot, View};
use quorate_wire::{Decode, DecodeError, Encode, decode, encode, vector};

use crate::forge::{ORIGIN, tip_of};
use crate::support::Cluster;

fn silent() -> Cluster {
    Cluster::silent(quorate_bft::Parameters::default())
}

fn new_leader_proof(cluster: &Cluster) -> Message {
    let signature = |from| match cluster.wish(from, 1) {
        Message::NewLeader(wish) => (wish.from, wish.signature),
        _ => unreachable!("a wish"),
    };
    let certificate = quorate_crypto::Certificate::new([0, 1, 2].map(signature));
    let proof = quorate_bft::message::NewLeaderProof { view: View::new(1), certificate };
    Message::NewLeaderProof(proof)
}

fn session() -> SessionId {
    SessionId { epoch: Epoch::ZERO, slot: Slot::new(1), index: 2 }
}

fn chunk() -> quorate_state::Chunk {
    let mut map = Map::new();
    map.insert(b"key", b"value");
    map.snapshot().chunk(None, 100)
}

/// One message of each kind that a correct replica would let in.
fn messages(cluster: &Cluster) -> Vec<(&'static str, Message)> {
    let batch = cluster.batch(0, cluster.origin_tip(0), "x");
    let inline = cluster.cut_inline(&cluster.origin_cut(), &batch);
    let other = cluster.batch(1, cluster.origin_tip(1), "y");
    let proven = cluster.cut_with(&cluster.origin_cut(), &other);
    let next = cluster.cut_inline(&inline, &cluster.batch(0, tip_of(&batch), "z"));
    let commits = cluster.committed(&[0, 1, 2], (0, &inline));
    let base = Base::Committed { cut: inline.clone(), certificate: commits.clone() };
    let change = |from| {
        let prepared = vec![cluster.prepared(&[0, 1, 3], (0, &next))];
        cluster.change(from, 1, (base.clone(), prepared))
    };
    let checkpoint = cluster.checkpoint(&[0, 1, 2], &inline);
    let said = checkpoint.certificate.signatures().next().expect("three");
    let operation = operation_digest(b"op");
    let answer = |outcome| Answer { id: RequestId::new(5), operation, outcome };
    let outcomes = [
        Outcome::Opened(session()),
        Outcome::Executed(b"reply".to_vec()),
        Outcome::UnknownSession,
        Outcome::Expired,
        Outcome::NotAuthorised,
        Outcome::NumberTaken { highest: 7 },
    ];
    let answers = outcomes.into_iter().map(answer).collect();
    let (bundle, far) = (cluster.bundle(240, 1, "op"), Slot::new(u64::MAX));
    let status = Status {
        view: View::new(3),
        is_active: true,
        committed: Slot::new(9),
        executed: Slot::new(8),
        stable: Slot::new(4),
        floor: Slot::new(1),
        acknowledged: vec![LaneSeq::new(7); 4],
    };
    let statement = checkpoint.statement;
    let said = quorate_bft::message::Checkpoint { statement, from: said.0, signature: said.1 };
    let vote = |phase| cluster.vote(phase, 2, (0, &inline));
    let state = StateChunk { certificate: checkpoint, cut: inline.clone(), chunk: chunk() };
    let slots = Slots { cuts: vec![inline.clone()], certificate: commits };
    vec![
        ("request", Message::Request(Request { bundle, is_retry: true })),
        ("reply", Message::Reply(Reply { view: View::new(2), session: Some(session()), answers })),
        ("batch", Message::Batch(Arc::clone(&batch))),
        ("ack_vector", Message::AckVector(cluster.vector(1, &cluster.origin_tips()))),
        ("pre_prepare", cluster.proposal(0, &inline, Some(batch))),
        ("pre_prepare_proven", cluster.proposal(0, &proven, None)),
        ("prepare", Message::Prepare(vote(Phase::Prepare))),
        ("commit", Message::Commit(vote(Phase::Commit))),
        ("checkpoint", Message::Checkpoint(said)),
        ("new_leader", cluster.wish(3, 1)),
        ("new_leader_proof", new_leader_proof(cluster)),
        ("accusation", cluster.accusation(0, 1)),
        ("view_change", Message::ViewChange(change(0))),
        ("new_view", cluster.new_view(1, vec![change(0), change(1), change(2)])),
        ("status", Message::Status(status)),
        ("fetch_batches", Message::FetchBatches(FetchBatches { digests: vec![Digest::ZERO] })),
        (
            "fetch_proposal",
            Message::FetchProposal(FetchProposal { slot: far, digest: Digest::ZERO }),
        ),
        ("fetch_slots", Message::FetchSlots(FetchSlots { above: far })),
        ("slots", Message::Slots(Arc::new(slots))),
        ("fetch_state", Message::FetchState(FetchState { slot_min: far, after: Some(vec![1, 2]) })),
        ("state_chunk", Message::StateChunk(Arc::new(state))),
        ("ended", Message::Ended(Arc::new(cluster.end(&[0, 1, 2], &inline)))),
    ]
}

fn records(cluster: &Cluster) -> Vec<(&'static str, Record)> {
    let batch = cluster.batch(0, cluster.origin_tip(0), "x");
    let cut = cluster.cut_inline(&cluster.origin_cut(), &batch);
    let commits = cluster.committed(&[0, 1, 2], (0, &cut));
    let prepared = cluster.prepared(&[0, 1, 2], (0, &cut));
    let certificate = cluster.checkpoint(&[0, 1, 2], &cut);
    let base = Base::Checkpoint { cut: cut.clone(), certificate: certificate.clone() };
    let change = |from| cluster.change(from, 1, (base.clone(), Vec::new()));
    let Message::NewView(start) = cluster.new_view(1, vec![change(0), change(1), change(2)]) else {
        unreachable!("a start")
    };
    let entries: Vec<Change> =
        vec![(b"key"[..].into(), Some(b"value"[..].into())), (b"gone"[..].into(), None)];
    let (inline, parent) = (Some(Arc::clone(&batch)), Some(commits.clone()));
    let proof = Base::Committed { cut: cut.clone(), certificate: commits };
    let statement = certificate.statement;
    vec![
        ("batch", Record::Batch(batch)),
        ("accepted", Record::Accepted { view: View::new(2), cut: cut.clone(), inline, parent }),
        ("prepared", Record::Prepared { certificate: prepared.certificate, cut: cut.clone() }),
        ("view_change", Record::ViewChange(change(0))),
        ("new_view", Record::NewView(start)),
        (
            "checkpoint",
            Record::Checkpoint { statement, cut: cut.clone(), proof, changes: entries.clone() },
        ),
        (
            "installed",
            Record::Installed {
                certificate: certificate.clone(),
                cut: cut.clone(),
                state: state_of(&entries),
            },
        ),
        ("stable", Record::Stable(certificate)),
        ("inherited", Record::Inherited { statement, cut, state: state_of(&entries) }),
    ]
}

fn vectors<T: Encode>(all: &[(&'static str, T)]) -> String {
    all.iter().map(|(name, value)| vector(name, value)).collect()
}

#[test]
fn every_message_has_its_golden_bytes() {
    expect_file!["golden/messages.txt"].assert_eq(&vectors(&messages(&silent())));
}

#[test]
fn every_record_has_its_golden_bytes() {
    expect_file!["golden/records.txt"].assert_eq(&vectors(&records(&silent())));
}

#[test]
fn every_message_comes_back_as_it_was_and_is_let_in() {
    let cluster = silent();
    for (name, message) in messages(&cluster) {
        let bytes = encode(&message);
        assert_eq!(decode::<Message>(&bytes).as_ref(), Ok(&message), "{name}");
        assert!(verify(message, &*cluster.group, &cluster.registry).is_ok(), "{name}");
        for end in 0..bytes.len() {
            assert!(decode::<Message>(&bytes[..end]).is_err(), "{name} cut off at {end}");
        }
    }
}

#[test]
fn every_record_comes_back_as_it_was() {
    for (name, record) in records(&silent()) {
        let bytes = encode(&record);
        assert_eq!(decode::<Record>(&bytes).as_ref(), Ok(&record), "{name}");
        if let Some((image, _)) = record.image() {
            assert_eq!(decode::<Image>(&encode(&image)), Ok(image), "{name}");
        }
        let replaces = record.image().is_some_and(|(_, update)| update.replaces_all());
        assert_eq!(replaces, ["installed", "inherited"].contains(&name));
    }
}

fn decodes_or_not<T: Decode + Encode>(bytes: &[u8]) {
    if let Ok(value) = decode::<T>(bytes) {
        assert_eq!(encode(&value), bytes, "one encoding for one value");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_bytes_of_a_stranger_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        tag in 0_u8..24,
    ) {
        let mut tagged = vec![tag];
        tagged.extend_from_slice(&bytes);
        for bytes in [&bytes, &tagged] {
            decodes_or_not::<Message>(bytes);
            decodes_or_not::<Record>(bytes);
        }
    }

    #[test]
    fn no_changed_byte_panics_a_decoder_a_check_or_a_replica(
        position in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let mut cluster = silent();
        for (name, message) in messages(&cluster) {
            let mut bytes = encode(&message);
            let position = position.index(bytes.len());
            bytes[position] = value;
            let Ok(changed) = decode::<Message>(&bytes) else { continue };
            let is_same = changed == message;
            let is_let_in = verify(changed.clone(), &*cluster.group, &cluster.registry).is_ok();
            let is_signed = !matches!(
                message,
                Message::Reply(_) | Message::Status(_) | Message::FetchBatches(_)
                    | Message::FetchProposal(_) | Message::FetchSlots(_) | Message::FetchState(_)
                    | Message::StateChunk(_) | Message::Request(_) | Message::Slots(_)
            );
            prop_assert!(is_same || !is_signed || !is_let_in, "{} changed at {}", name, position);
            if is_let_in {
                let from = cluster.peer(3);
                cluster.deliver(from, 0, changed);
            }
        }
    }
}

/// What a state holds after these changes of an empty one.
fn state_of(entries: &[Change]) -> Snapshot {
    let mut state = Map::new();
    let values = entries.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
    values.for_each(|(key, value)| state.insert(key, value));
    state.snapshot()
}

/// Records that end with entries of the state, as they are on the wire: one of each kind, with
/// these. The first changes entries, the others hold a whole state.
fn with_entries(entries: &[Change]) -> [Vec<u8>; 3] {
    const COUNT_BYTES: usize = 4;
    let checkpoint = |entries: &[Change]| {
        let mut all = records(&silent()).into_iter().map(|(_, record)| record);
        let mut of_kind = all.find(|it| matches!(it, Record::Checkpoint { .. })).expect("one");
        if let Record::Checkpoint { changes, .. } = &mut of_kind {
            *changes = entries.to_vec();
        }
        encode(&of_kind)
    };
    let written = checkpoint(entries).split_off(checkpoint(&[]).len() - COUNT_BYTES);
    let mut with = records(&silent()).into_iter().filter_map(|(_, record)| {
        let without = match record {
            Record::Checkpoint { .. } => checkpoint(&[]),
            Record::Installed { certificate, cut, .. } => {
                encode(&Record::Installed { certificate, cut, state: state_of(&[]) })
            }
            Record::Inherited { statement, cut, .. } => {
                encode(&Record::Inherited { statement, cut, state: state_of(&[]) })
            }
            _ => return None,
        };
        Some([&without[..without.len() - COUNT_BYTES], &written].concat())
    });
    [(); 3].map(|()| with.next().expect("all kinds are among the records"))
}

#[test]
fn a_whole_state_in_a_record_is_in_order_and_has_nothing_that_is_gone() {
    let entry = |key: &str, value: Option<&str>| -> Change {
        (key.as_bytes().into(), value.map(|value| value.as_bytes().into()))
    };
    let (a, b) = (entry("a", Some("1")), entry("b", Some("2")));
    let good = with_entries(&[a.clone(), b.clone()]);
    assert!(good.iter().all(|bytes| decode::<Record>(bytes).is_ok()));
    for entries in [[b, a.clone()], [a.clone(), a.clone()], [a, entry("b", None)]] {
        let [checkpoint, installed, inherited] = with_entries(&entries);
        assert!(decode::<Record>(&checkpoint).is_ok(), "changes may be any");
        for bytes in [installed, inherited] {
            let refused = Err(DecodeError::NotCanonical { of: "state" });
            assert_eq!(decode::<Record>(&bytes), refused, "{entries:?}");
        }
    }
}

fn is_over_limit(read: &Result<Record, DecodeError>) -> bool {
    matches!(read, Err(DecodeError::OverLimit { .. }))
}

#[test]
fn entries_of_a_record_beyond_their_limits_are_refused() {
    let entry = |key: usize, value: usize| (vec![1; key].into(), Some(vec![2; value].into()));
    for (key, value) in [(0, 0), (1, 0), (0, 1)] {
        let entries = [entry(KEY_BYTES_MAX + key, VALUE_BYTES_MAX + value)];
        for bytes in with_entries(&entries) {
            let read = decode::<Record>(&bytes);
            assert_eq!(read.is_ok(), key + value == 0, "{key} and {value} bytes more");
            assert_eq!(is_over_limit(&read), key + value > 0);
        }
    }
    for (more, is_refused) in [(0, false), (1, true)] {
        for mut bytes in with_entries(&[]) {
            let count = u32::try_from(RECORD_ENTRIES_MAX + more).expect("a count has four bytes");
            let place = bytes.len() - 4;
            bytes[place..].copy_from_slice(&count.to_be_bytes());
            let read = decode::<Record>(&bytes);
            let is_cut_off = matches!(read, Err(DecodeError::Truncated));
            assert_ne!(is_cut_off, is_refused, "up to the limit only the entries are missing");
            assert_eq!(is_over_limit(&read), is_refused);
        }
    }
}

#[test]
fn counts_beyond_their_limits_are_refused_before_anything_is_kept_b17() {
    let cluster = silent();
    let cut = Cut::clone(&cluster.origin_cut());
    let tips = Cut { tips: vec![cut.tips[0]; 65], ..cut.clone() };
    let links = Cut { links: vec![vec![Digest::ZERO; 49]], ..cut.clone() };
    let row = cluster.vector_at(0, &cluster.origin_tips(), ORIGIN);
    let rows = Cut { rows: vec![row; 129], ..cut };
    for cut in [tips, links, rows] {
        assert!(decode::<HashedCut>(&encode(&HashedCut::new(cut))).is_err());
    }
    let operation = |id| Operation { id: RequestId::new(id), payload: Vec::new() };
    let operations = (0..65).map(operation).collect();
    let body = BundleBody::Invoke { session: session(), ack_upto: RequestId::ZERO, operations };
    assert!(decode::<BundleBody>(&encode(&body)).is_err());
    let payload = vec![0; quorate_bft::limits::OPERATION_BYTES_MAX + 1];
    let operation = Operation { id: RequestId::new(1), payload };
    assert!(decode::<Operation>(&encode(&operation)).is_err());
    let digests = vec![Digest::ZERO; quorate_bft::limits::FETCH_BATCHES_MAX + 1];
    assert!(decode::<FetchBatches>(&encode(&FetchBatches { digests })).is_err());
    assert!(decode::<AckVector>(&[0xff; 200]).is_err());
    assert!(decode::<Accusation>(&[]).is_err());
}
