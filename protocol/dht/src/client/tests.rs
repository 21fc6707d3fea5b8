//! What a single client does with replies, one by one.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each test looks at the effects that it is about"
)]

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use quorate_crypto::{ClientCertificate, ClientGrant, Signer, verify};
use quorate_machine::{Effect, Effects, Input, Machine, Recipients};
use quorate_types::{Duration, Epoch, Instant, Now, Peer, UnixTime};

use super::{
    Answer, CallId, Client, ClientIdentity, ClientOutput, ClientRequest, ClientTimer, Failure,
    Operation,
};
use crate::fixture::{EPOCH, SYSTEM, node, registry, ring, signer};
use crate::limits::{CLIENT_CALLS_MAX, SEQUENCE_SKIP_MAX};
use crate::message::{
    CertifiedConfiguration, ContentReply, Head, Message, MessageContext, OperationId, Refusal,
    Refused, Stored, Versioned, WrongEpoch,
};
use crate::object::{Body, ContentKind, KEEP_FOR_EVER, ObjectKey, Value, Version, WriterId};

struct Bench {
    client: Client,
    effects: Effects<Client>,
    now: Instant,
    wall: UnixTime,
    /// The head of the last question that was sent.
    head: Head,
    /// To whom it was sent.
    asked: Vec<Peer>,
}

impl Bench {
    fn new() -> Self {
        let signer: Arc<dyn Signer> = Arc::new(signer(50));
        let grant = ClientGrant {
            system: SYSTEM,
            client: signer.public_key().client(),
            name: String::new(),
            expires: UnixTime::from_micros(100),
        };
        let certificate = ClientCertificate::issue(grant, &self::signer(200));
        let identity = ClientIdentity { certificate, signer, writer: WriterId::new([3; 16]) };
        let client = Client::new(identity, ring(EPOCH, 5), 1);
        let head = Head { epoch: EPOCH, operation: OperationId::new(0) };
        let (effects, now, wall) = (Effects::new(), Instant::ZERO, UnixTime::ZERO);
        Self { client, effects, now, wall, head, asked: Vec::new() }
    }

    fn with_lease(until: u64) -> Self {
        let mut bench = Self::new();
        let until = Instant::from_micros(until);
        assert!(bench.request(ClientRequest::Lease { epoch: EPOCH, until }).is_empty());
        bench
    }

    /// What is emitted; remembers what is asked.
    fn step(&mut self, input: Input<Client>) -> Vec<ClientOutput> {
        let now = Now { instant: self.now, wall: self.wall };
        self.client.step(now, input, &mut self.effects);
        let mut outputs = Vec::new();
        for effect in self.effects.drain() {
            match effect {
                Effect::Emit(output) => outputs.push(output),
                Effect::Send { to, message, .. } => {
                    self.head = message.head();
                    self.asked = match to {
                        Recipients::One(peer) => vec![peer],
                        Recipients::Each(peers) => peers.to_vec(),
                    };
                }
                _ => {}
            }
        }
        outputs
    }

    fn request(&mut self, request: ClientRequest) -> Vec<ClientOutput> {
        self.step(Input::Request(request))
    }

    fn invoke(&mut self, call: u64, operation: Operation) -> Vec<ClientOutput> {
        let timeout = Duration::from_secs(10);
        self.request(ClientRequest::Invoke { call: CallId::new(call), operation, timeout })
    }

    fn reply(&mut self, from: Peer, message: Message) -> Vec<ClientOutput> {
        let context = MessageContext { system: SYSTEM, authority_key: signer(200).public_key() };
        let message = verify(message, &context, &registry()).unwrap();
        self.step(Input::Deliver { from, message })
    }

    fn stored(&mut self, from: Peer) -> Vec<ClientOutput> {
        let head = self.head;
        self.reply(from, Message::Stored(Stored { head }))
    }

    fn refused(&mut self, from: Peer, refusal: Refusal) -> Vec<ClientOutput> {
        let head = self.head;
        self.reply(from, Message::Refused(Refused { head, refusal }))
    }
}

fn put(bytes: &[u8]) -> Operation {
    let body = Body::new(bytes.to_vec());
    Operation::PutContent { kind: ContentKind::Chunk, body, expires: KEEP_FOR_EVER }
}

fn returned(call: u64, outcome: Result<Answer, Failure>) -> ClientOutput {
    ClientOutput::Returned { call: CallId::new(call), outcome }
}

fn key() -> ObjectKey {
    ContentKind::Chunk.key_of(b"bytes")
}

#[test]
fn a_put_returns_at_the_acknowledgement_of_a_quorum_of_distinct_members() {
    let mut bench = Bench::with_lease(100);
    assert!(bench.invoke(1, put(b"bytes")).is_empty());
    let members = bench.asked.clone();
    assert_eq!(members.len(), 4);
    let stranger = (1..=5).map(|index| Peer::Node(node(index)));
    let stranger = stranger.into_iter().find(|peer| !members.contains(peer)).unwrap();
    let same = [members[0], members[1], members[1], members[0], stranger];
    for from in same.into_iter().chain([Peer::Client(signer(51).public_key().client())]) {
        assert!(bench.stored(from).is_empty(), "{from:?} counts once or not at all");
    }
    assert_eq!(bench.stored(members[3]), [returned(1, Ok(Answer::Stored(key())))]);
    assert!(bench.stored(members[2]).is_empty(), "DHT-12: it has returned");
    assert_eq!(bench.client.calls_in_flight(), 0);
}

#[test]
fn a_certificate_that_runs_out_between_two_answers_ends_the_operation() {
    let mut bench = Bench::with_lease(1_000);
    bench.invoke(1, put(b"bytes"));
    let members = bench.asked.clone();
    let ends = [returned(1, Err(Failure::NotAuthorised))];
    assert!(bench.stored(members[0]).is_empty());
    bench.wall = UnixTime::from_micros(100);
    assert!(bench.refused(members[1], Refusal::NotAuthorised).is_empty(), "that is two of four");
    assert!(bench.refused(members[2], Refusal::Busy).is_empty(), "it says nothing about it");
    bench.wall = UnixTime::from_micros(99);
    assert!(bench.stored(members[2]).is_empty(), "the one that refuses may be wrong");
    assert!(bench.refused(members[1], Refusal::NotAuthorised).is_empty(), "or its clock ahead");
    bench.wall = UnixTime::from_micros(100);
    assert_eq!(bench.refused(members[1], Refusal::NotAuthorised), ends, "the own clock says so");
}

#[test]
fn who_is_busy_says_nothing_of_the_certificate() {
    let mut bench = Bench::with_lease(1_000);
    let version = |sequence: u64| {
        let value = Value::Data(Body::new(vec![7]));
        Version::sign(SYSTEM, (sequence, WriterId::new([8; 16])), value, &signer(100))
    };
    bench.invoke(1, Operation::ReadObject(version(1).key().id()));
    let group = ring(EPOCH, 5).group(version(1).key().id());
    let members: Vec<Peer> = group.members().iter().map(|node| Peer::Node(*node)).collect();
    let head = bench.head;
    // The highest is on a level that nobody else is near: who reads waits for the fourth.
    for (member, sequence) in members.iter().zip([1, 1, 2 * SEQUENCE_SKIP_MAX]) {
        let Version { signed, value } = version(sequence);
        let reply = Versioned { head, signed: Some(signed), value: Some(value) };
        assert!(bench.reply(*member, Message::Versioned(reply)).is_empty());
    }
    bench.wall = UnixTime::from_micros(100);
    assert!(bench.refused(members[3], Refusal::Busy).is_empty(), "a read needs no certificate");
}

#[test]
fn a_reply_of_another_epoch_or_operation_does_not_count_dht_4() {
    let mut bench = Bench::with_lease(100);
    bench.invoke(1, put(b"bytes"));
    let (head, members) = (bench.head, bench.asked.clone());
    let other_epoch = Head { epoch: Epoch::new(2), ..head };
    let other_operation = Head { operation: OperationId::new(99), ..head };
    for head in [other_epoch, other_operation] {
        for member in &members {
            let message = Message::Stored(Stored { head });
            assert!(bench.reply(*member, message).is_empty(), "DHT-4");
        }
    }
}

#[test]
fn replies_before_a_change_of_the_epoch_do_not_count_after_it_dht_4() {
    let mut bench = Bench::with_lease(100);
    bench.invoke(1, put(b"bytes"));
    let members = bench.asked.clone();
    bench.stored(members[0]);
    bench.stored(members[1]);
    let old = bench.head;
    let later = Epoch::new(2);
    let outputs = bench.request(ClientRequest::Reconfigured(ring(later, 5)));
    assert_eq!(outputs, [ClientOutput::LeaseExpired(later)]);
    let until = Instant::from_micros(100);
    let wrong = bench.request(ClientRequest::Lease { epoch: EPOCH, until });
    assert!(wrong.is_empty() && bench.head == old, "a lease of the old epoch starts nothing");
    bench.request(ClientRequest::Lease { epoch: later, until });
    assert_eq!(bench.head.epoch, later);
    assert_ne!(bench.head.operation, old.operation);
    assert!(bench.stored(members[2]).is_empty());
    assert!(bench.stored(members[3]).is_empty(), "DHT-4: two of this epoch, two of the other");
    assert_eq!(bench.stored(members[0]).len(), 1);
}

/// A read that finds versions 1, 1 and 2: the last is at one member, and is written back.
fn begin_write_back(bench: &mut Bench) -> Vec<Peer> {
    let version = |sequence: u64| {
        let value = Value::Data(Body::new(vec![7]));
        Version::sign(SYSTEM, (sequence, WriterId::new([8; 16])), value, &signer(100))
    };
    assert!(bench.invoke(1, Operation::ReadObject(version(1).key().id())).is_empty());
    let group = ring(EPOCH, 5).group(version(1).key().id());
    let members: Vec<Peer> = group.members().iter().map(|node| Peer::Node(*node)).collect();
    let head = bench.head;
    for (member, sequence) in members.iter().zip([1, 1, 2]) {
        let Version { signed, value } = version(sequence);
        let reply = Versioned { head, signed: Some(signed), value: Some(value) };
        assert!(bench.reply(*member, Message::Versioned(reply)).is_empty());
    }
    assert_eq!(bench.asked.len(), 3, "all but the one that holds it");
    assert!(!bench.asked.contains(&members[2]));
    members
}

#[test]
fn a_write_back_counts_the_member_that_holds_the_version_already() {
    let mut bench = Bench::with_lease(100);
    let members = begin_write_back(&mut bench);
    assert!(bench.stored(members[0]).is_empty());
    assert_eq!(bench.stored(members[1]).len(), 1);
}

#[test]
fn who_held_a_version_in_the_epoch_before_must_say_so_again_dht_4() {
    let mut bench = Bench::with_lease(100);
    let members = begin_write_back(&mut bench);
    let (epoch, until) = (Epoch::new(2), Instant::from_micros(100));
    bench.request(ClientRequest::Reconfigured(ring(epoch, 5)));
    bench.request(ClientRequest::Lease { epoch, until });
    assert_eq!(bench.asked.len(), 4);
    assert!(bench.stored(members[0]).is_empty());
    assert!(bench.stored(members[1]).is_empty(), "DHT-4");
    assert_eq!(bench.stored(members[2]).len(), 1);
}

#[test]
fn a_later_configuration_is_passed_on_once_for_each_member() {
    let mut bench = Bench::with_lease(100);
    bench.invoke(1, put(b"bytes"));
    let (members, head) = (bench.asked.clone(), bench.head);
    let configuration = CertifiedConfiguration::new(Body::new(vec![1]));
    let news = |epoch| {
        let head = Head { epoch: Epoch::new(epoch), ..head };
        Message::WrongEpoch(WrongEpoch { head, configuration: configuration.clone() })
    };
    assert!(bench.reply(members[0], news(1)).is_empty(), "not a later one");
    assert!(bench.reply(members[0], news(0)).is_empty());
    assert_eq!(bench.reply(members[0], news(2)).len(), 1);
    assert!(bench.reply(members[0], news(3)).is_empty(), "a liar is heard once");
    assert_eq!(bench.reply(members[1], news(2)).len(), 1);
}

#[test]
fn the_last_reply_counts_only_under_a_valid_lease_dht_9() {
    let mut bench = Bench::with_lease(100);
    bench.invoke(1, put(b"bytes"));
    let members = bench.asked.clone();
    bench.stored(members[0]);
    bench.stored(members[1]);
    bench.now = Instant::from_micros(100);
    assert_eq!(bench.stored(members[2]), [ClientOutput::LeaseExpired(EPOCH)], "DHT-9");
    let until = Instant::from_micros(200);
    assert!(bench.request(ClientRequest::Lease { epoch: EPOCH, until }).is_empty());
    bench.now = Instant::from_micros(199);
    for member in &members[..2] {
        assert!(bench.stored(*member).is_empty(), "the phase has begun again");
    }
    assert_eq!(bench.stored(members[2]).len(), 1);
}

#[test]
fn content_is_emitted_only_when_it_hashes_to_its_name_dht_3() {
    let mut bench = Bench::with_lease(100);
    bench.invoke(1, Operation::GetContent(key()));
    let first = bench.asked[0];
    let content = |head, bytes: &[u8]| {
        Message::Content(ContentReply { head, body: Some(Body::new(bytes.to_vec())) })
    };
    let head = bench.head;
    assert!(bench.reply(first, content(head, b"wrong")).is_empty(), "DHT-3");
    let second = bench.asked[0];
    assert_ne!(first, second, "another member is asked at once");
    let body = Body::new(b"bytes".to_vec());
    let outputs = bench.reply(second, content(head, b"bytes"));
    assert_eq!(outputs, [returned(1, Ok(Answer::Content(body)))]);
}

#[test]
fn calls_have_a_limit_and_their_own_numbers() {
    let mut bench = Bench::with_lease(100);
    for call in 0..CLIENT_CALLS_MAX as u64 {
        assert!(bench.invoke(call, put(b"bytes")).is_empty());
    }
    let too_many = |call| [returned(call, Err(Failure::TooManyCalls))];
    assert_eq!(bench.invoke(1000, put(b"bytes")), too_many(1000));
    let deadline = |call| Input::Expired(ClientTimer::Deadline(CallId::new(call)));
    assert_eq!(bench.step(deadline(0)).len(), 1);
    assert!(bench.step(deadline(0)).is_empty(), "DHT-12: answered once");
    assert_eq!(bench.invoke(5, put(b"bytes")), too_many(5), "5 is in use");
    assert!(bench.invoke(1000, put(b"bytes")).is_empty());
}

#[test]
fn a_call_without_a_lease_fails_for_that_reason_at_its_deadline() {
    let mut bench = Bench::new();
    assert_eq!(bench.invoke(1, put(b"bytes")), [ClientOutput::LeaseExpired(EPOCH)]);
    assert!(bench.step(Input::Expired(ClientTimer::Retry(CallId::new(1)))).is_empty());
    let outputs = bench.step(Input::Expired(ClientTimer::Deadline(CallId::new(1))));
    assert_eq!(outputs, [returned(1, Err(Failure::LeaseExpired))]);
}

#[test]
fn a_call_whose_lease_runs_out_asks_nobody_again_until_there_is_another() {
    let mut bench = Bench::with_lease(100);
    assert!(bench.invoke(1, put(b"bytes")).is_empty());
    let (first, members) = (bench.head, core::mem::take(&mut bench.asked));
    let retry = || Input::Expired(ClientTimer::Retry(CallId::new(1)));
    bench.now = Instant::from_micros(99);
    assert!(bench.step(retry()).is_empty());
    assert_eq!(core::mem::take(&mut bench.asked), members, "it still holds");

    bench.now = Instant::from_micros(100);
    assert_eq!(bench.step(retry()), [ClientOutput::LeaseExpired(EPOCH)]);
    assert_eq!(bench.asked, [], "DHT-9");
    assert!(bench.reply(members[0], Message::Stored(Stored { head: first })).is_empty());

    let until = Instant::from_micros(200);
    assert!(bench.request(ClientRequest::Lease { epoch: EPOCH, until }).is_empty());
    assert_eq!(bench.asked, members, "the goal begins another phase");
    assert_ne!(bench.head, first);
    for member in &members[..2] {
        assert!(bench.stored(*member).is_empty(), "earlier replies do not count");
    }
    assert_eq!(bench.stored(members[2]).len(), 1);
}

#[test]
fn failures_say_who_is_missing_and_what_is_allowed() {
    let text = |failure: Failure| alloc::format!("{failure}");
    let missing = vec![node(1)];
    let failure = Failure::NoQuorum { needed: 3, answered: vec![node(2), node(3)], missing };
    let start = "2 servers answered in time, 3 are needed; no answer from 10101010";
    assert!(text(failure).starts_with(start));
    let failure = Failure::Unsuitable { bytes: 9, bytes_max: 8 };
    assert_eq!(text(failure), "9 bytes; at most 8 are allowed");
}
