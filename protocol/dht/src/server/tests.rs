//! What a single server does, effect by effect.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each test looks at the effects that it is about"
)]

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use std::format;

use quorate_crypto::{ClientCertificate, ClientGrant, Signer, Verified, verify};
use quorate_machine::{Effect, Effects, Input, Machine};
use quorate_types::{ClientId, Epoch, Instant, NodeId, Now, Peer, UnixTime};

use super::{Found, Server, ServerOutput, ServerRequest, Ticket};
use crate::fixture::{EPOCH, SYSTEM, node, registry, ring, signer};
use crate::limits::{
    CHUNK_BYTES, SEQUENCE_SKIP_MAX, SERVER_JOBS_PER_PEER_MAX, SERVER_REPAIRS_MAX,
    SERVER_STRANGERS_JOBS_MAX, SERVER_STRANGERS_WAITING_BYTES_MAX, SERVER_WAITING_BYTES_MAX,
    SERVER_WAITING_BYTES_PER_PEER_MAX,
};
use crate::message::{
    CertifiedConfiguration, GetContent, Head, Introduce, Message, MessageContext, OperationId,
    PutContent, ReadVersion, Versioned, WriteStatement, WriteVersion,
};
use crate::object::{
    Body, ContentKind, KEEP_FOR_EVER, ObjectKey, Record, StoredContent, StoredObject, Value,
    Version, WriterId,
};

pub(crate) const NODE: NodeId = node(1);
const CLIENT: Peer = Peer::Client(ClientId::new([5; 32]));

/// A tiny generator (splitmix64): tests need no more.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

pub(crate) struct Bench {
    pub(crate) server: Server,
    effects: Effects<Server>,
    operation: u64,
    wall: UnixTime,
}

impl Bench {
    pub(crate) fn new(servers: u8) -> Self {
        let verifier = Arc::new(registry());
        let place = (ring(EPOCH, servers), CertifiedConfiguration::default());
        let server = Server::new(NODE, place, verifier, 1);
        Self { server, effects: Effects::new(), operation: 0, wall: UnixTime::ZERO }
    }

    const fn now(&self) -> Now {
        Now { instant: Instant::ZERO, wall: self.wall }
    }

    pub(crate) fn step(&mut self, input: Input<Server>) -> Vec<Effect<Server>> {
        self.server.step(self.now(), input, &mut self.effects);
        self.effects.drain().collect()
    }

    pub(crate) fn deliver(&mut self, from: Peer, message: Message) -> Vec<Effect<Server>> {
        let message = verified(message);
        self.step(Input::Deliver { from, message })
    }

    fn loaded(&mut self, ticket: Ticket, found: Found) -> Vec<Effect<Server>> {
        self.step(Input::Request(ServerRequest::Loaded { ticket, found }))
    }

    fn head(&mut self) -> Head {
        self.operation += 1;
        Head { epoch: EPOCH, operation: OperationId::new(self.operation) }
    }

    fn put(&mut self, bytes: &[u8]) -> Message {
        let head = self.head();
        let key = ContentKind::Chunk.key_of(bytes);
        let authority = sign(head, key, None);
        Message::PutContent(PutContent { head, authority, key, body: Body::new(bytes.to_vec()) })
    }

    fn write(&mut self, sequence: u64) -> Message {
        let head = self.head();
        let version = version(sequence);
        let authority = sign(head, version.key(), Some(&version));
        Message::WriteVersion(WriteVersion { head, authority, version })
    }
}

fn verified(message: Message) -> Verified<Message> {
    let context = MessageContext { system: SYSTEM, authority_key: signer(200).public_key() };
    verify(message, &context, &registry()).unwrap()
}

fn version(sequence: u64) -> Version {
    let value = Value::Data(Body::new(sequence.to_be_bytes().to_vec()));
    Version::sign(SYSTEM, (sequence, WriterId::new([8; 16])), value, &signer(100))
}

fn sign(head: Head, key: ObjectKey, version: Option<&Version>) -> crate::message::WriteAuthority {
    let client = signer(50).public_key().client();
    let grant = ClientGrant {
        system: SYSTEM,
        client,
        name: String::new(),
        expires: UnixTime::from_micros(100),
    };
    let certificate = ClientCertificate::issue(grant, &signer(200));
    let statement = WriteStatement {
        system: SYSTEM,
        epoch: head.epoch,
        client,
        key,
        stamp: version.map(Version::stamp),
        expires: KEEP_FOR_EVER,
    };
    statement.sign(&certificate, &signer(50))
}

/// The ticket of the only load among the effects.
fn ticket(effects: &[Effect<Server>]) -> Ticket {
    let loads: Vec<Ticket> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Emit(ServerOutput::Load { ticket, .. }) => Some(*ticket),
            _ => None,
        })
        .collect();
    assert_eq!(loads.len(), 1, "{effects:?}");
    loads[0]
}

/// Persists and replies in their order, in one word each.
fn outline(effects: &[Effect<Server>]) -> Vec<String> {
    let word = |effect: &Effect<Server>| match effect {
        Effect::Persist(Record::Store(..)) => Some(String::from("persist")),
        Effect::Persist(Record::Remove(_)) => Some(String::from("remove")),
        Effect::Send { message: Message::Stored(reply), .. } => {
            Some(format!("stored {}", reply.head.operation.get()))
        }
        Effect::Send { message: Message::Refused(reply), .. } => {
            Some(format!("{:?} {}", reply.refusal, reply.head.operation.get()))
        }
        Effect::Send { message: Message::Versioned(reply), .. } => {
            let sequence = reply.signed.map_or(0, |signed| signed.stamp.sequence);
            Some(format!("version {sequence}"))
        }
        Effect::Send { message: Message::WrongEpoch(reply), .. } => {
            Some(format!("epoch {}", reply.head.epoch.get()))
        }
        Effect::Send { message: Message::GetContent(_), .. } => Some(String::from("get")),
        Effect::Send { message: Message::Content(reply), .. } => {
            Some(format!("content {}", reply.body.is_some()))
        }
        _ => None,
    };
    effects.iter().filter_map(word).collect()
}

#[test]
fn an_acknowledgement_stands_behind_its_persist_dht_1() {
    let mut bench = Bench::new(4);
    let put = bench.put(b"bytes");
    let effects = bench.deliver(CLIENT, put);
    assert!(outline(&effects).is_empty(), "nothing before the object is loaded");
    let effects = bench.loaded(ticket(&effects), Found::Absent);
    assert_eq!(outline(&effects), ["persist", "stored 1"], "DHT-1");
}

#[test]
fn content_that_is_there_and_whole_is_acknowledged_without_a_write() {
    let mut bench = Bench::new(4);
    let put = bench.put(b"bytes");
    let effects = bench.deliver(CLIENT, put);
    let effects = bench.loaded(ticket(&effects), Found::Absent);
    let Effect::Persist(record) = &effects[0] else { panic!("{effects:?}") };
    let (key, bytes) = (record.key(), record.bytes().unwrap());
    let again = bench.put(b"bytes");
    let effects = bench.deliver(CLIENT, again);
    let effects = bench.loaded(ticket(&effects), Found::Object(key, bytes.clone()));
    assert_eq!(outline(&effects), ["stored 2"]);
    let mut damaged = bytes;
    damaged[15] ^= 1;
    let again = bench.put(b"bytes");
    let effects = bench.deliver(CLIENT, again);
    let effects = bench.loaded(ticket(&effects), Found::Object(key, damaged));
    assert_eq!(outline(&effects), ["persist", "stored 3"], "DHT-1: what is damaged is written");
}

#[test]
fn concurrent_writes_of_one_object_are_ordered_by_their_stamps_dht_2() {
    let mut bench = Bench::new(4);
    let writes = [bench.write(5), bench.write(7), bench.write(6), bench.write(7), bench.write(8)];
    let mut effects = Vec::new();
    for write in writes {
        effects.extend(bench.deliver(CLIENT, write));
    }
    let head = bench.head();
    let read = ReadVersion { head, key: version(1).key(), wants_value: false };
    effects.extend(bench.deliver(CLIENT, Message::ReadVersion(read)));
    let effects = bench.loaded(ticket(&effects), Found::Absent);
    assert_eq!(
        outline(&effects),
        [
            "persist",
            "stored 1",
            "persist",
            "stored 2",
            "stored 3",
            "stored 4",
            "persist",
            "stored 5",
            "version 8"
        ],
        "DHT-2: 6 and the second 7 replace nothing"
    );
}

#[test]
fn a_certificate_holds_until_the_moment_it_runs_out_on_the_servers_own_clock() {
    let mut bench = Bench::new(4);
    bench.wall = UnixTime::from_micros(99);
    let put = bench.put(b"one");
    let effects = bench.deliver(CLIENT, put);
    assert!(outline(&effects).is_empty());
    bench.wall = UnixTime::from_micros(100);
    let put = bench.put(b"two");
    assert_eq!(outline(&bench.deliver(CLIENT, put)), ["NotAuthorised 2"]);
}

#[test]
fn a_server_outside_the_group_refuses() {
    let mut bench = Bench::new(9);
    let mut refused = 0;
    for number in 0..40_u8 {
        let put = bench.put(&[number]);
        let Message::PutContent(inner) = &put else { panic!("a put") };
        let is_member = ring(EPOCH, 9).group(inner.key.id()).place_of(NODE).is_some();
        let effects = bench.deliver(CLIENT, put);
        let is_refused = outline(&effects).iter().any(|word| word.starts_with("NotResponsible"));
        assert_eq!(is_refused, !is_member);
        refused += usize::from(is_refused);
    }
    assert!(refused > 10);
}

/// A client with the certificate of `sign`.
fn friend() -> Peer {
    Peer::Client(signer(50).public_key().client())
}

impl Bench {
    fn get(&mut self, number: usize) -> Message {
        let (head, key) = (self.head(), ContentKind::Chunk.key_of(&number.to_be_bytes()));
        Message::GetContent(GetContent { head, key })
    }

    fn introduce(&mut self) -> Message {
        let head = self.head();
        let certificate = sign(head, version(1).key(), None).certificate;
        Message::Introduce(Introduce { head, certificate })
    }

    /// How many of these reads are refused as too many.
    fn busy_gets(&mut self, from: Peer, count: usize) -> usize {
        let is_busy = |bench: &mut Self, number| {
            let get = bench.get(number);
            outline(&bench.deliver(from, get)).iter().any(|word| word.starts_with("Busy"))
        };
        (0..count).filter(|number| is_busy(self, *number)).count()
    }
}

#[test]
fn a_crowd_of_strangers_shares_one_budget_and_clients_are_served_beside_it_dht_11() {
    let mut bench = Bench::new(4);
    let crowd = (0..40).map(|number| Peer::Client(ClientId::new([number; 32])));
    let refused: usize = crowd.map(|stranger| bench.busy_gets(stranger, 10)).sum();
    assert_eq!(refused, 400 - SERVER_STRANGERS_JOBS_MAX, "DHT-11");
    assert_eq!(bench.server.holdings().strangers, SERVER_STRANGERS_JOBS_MAX);

    assert_eq!(bench.busy_gets(friend(), 1), 1, "nobody knows who that is");
    let introduce = bench.introduce();
    bench.deliver(friend(), introduce);
    assert_eq!(bench.busy_gets(friend(), SERVER_JOBS_PER_PEER_MAX), 0);
    bench.wall = UnixTime::from_micros(100);
    let other = Peer::Client(ClientId::new([50; 32]));
    assert_eq!(bench.busy_gets(other, 1), 1, "the crowd's budget is still full");
}

#[test]
fn what_a_client_asked_as_a_stranger_is_the_crowds_no_more_once_it_is_known() {
    let mut bench = Bench::new(4);
    let introduce = bench.introduce();
    assert_eq!(bench.busy_gets(friend(), SERVER_STRANGERS_JOBS_MAX), 0);
    bench.deliver(friend(), introduce);
    assert_eq!(bench.busy_gets(friend(), 1), 0);
    assert_eq!(bench.server.holdings().strangers, 0);
    assert_eq!(bench.busy_gets(CLIENT, SERVER_STRANGERS_JOBS_MAX + 1), 1);
}

#[test]
fn a_certificate_makes_nobody_else_known_and_none_after_its_end() {
    let mut bench = Bench::new(4);
    let introduce = bench.introduce();
    bench.deliver(CLIENT, introduce);
    assert_eq!(bench.server.clients.len(), 0, "that is not the key of the link");
    bench.wall = UnixTime::from_micros(100);
    let introduce = bench.introduce();
    bench.deliver(friend(), introduce);
    assert_eq!(bench.server.clients.len(), 0, "it has run out");
    bench.wall = UnixTime::ZERO;
    let put = bench.put(b"bytes");
    bench.deliver(friend(), put);
    assert_eq!(bench.server.clients.len(), 1, "a write shows the certificate too");
    assert!(!bench.server.clients.is_stranger(bench.now(), friend()));
    bench.wall = UnixTime::from_micros(100);
    assert!(bench.server.clients.is_stranger(bench.now(), friend()), "it has run out since");
}

#[test]
fn the_bytes_that_strangers_have_waiting_stay_below_their_limit_dht_11() {
    let mut bench = Bench::new(4);
    let mut busy = 0;
    for number in 0..=SERVER_STRANGERS_WAITING_BYTES_MAX / CHUNK_BYTES {
        let mut bytes = vec![0; CHUNK_BYTES];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        let put = bench.put(&bytes);
        busy += outline(&bench.deliver(CLIENT, put)).len();
    }
    assert_eq!(busy, 1, "DHT-11: it passes on what somebody else has signed");
}

#[test]
fn requests_and_bytes_of_a_peer_stay_below_their_limits_dht_11() {
    let mut bench = Bench::new(4);
    let server = Peer::Node(node(2));
    let busy = bench.busy_gets(server, SERVER_JOBS_PER_PEER_MAX + 9);
    assert_eq!((busy, bench.server.budget.jobs()), (9, SERVER_JOBS_PER_PEER_MAX), "DHT-11");
    let mut busy = 0;
    for number in 0..=SERVER_WAITING_BYTES_PER_PEER_MAX / CHUNK_BYTES {
        let mut bytes = vec![0; CHUNK_BYTES];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        let put = bench.put(&bytes);
        busy += outline(&bench.deliver(friend(), put)).len();
    }
    assert_eq!(busy, 1, "DHT-11: the bytes of another peer have a limit of their own");
}

#[test]
fn what_was_counted_is_given_back_however_a_request_ends() {
    let mut bench = Bench::new(4);
    let damaged = Found::Damaged(version(1).key());
    let write = bench.write(5);
    let effects = bench.deliver(CLIENT, write);
    bench.loaded(ticket(&effects), damaged);
    assert_eq!(bench.server.budget.jobs(), 1, "the write waits for the repair");
    for _ in 0..crate::limits::REPAIR_ROUNDS_MAX {
        bench.step(Input::Expired(super::ServerTimer::Repair(version(1).key())));
    }
    assert_eq!(bench.server.budget.jobs(), 0);
    assert!(bench.server.slots.is_empty() && bench.server.repairs.is_empty());
}

#[test]
fn requests_that_are_done_make_room_for_others_dht_11() {
    let mut bench = Bench::new(4);
    for number in 0..2 * SERVER_WAITING_BYTES_MAX / CHUNK_BYTES {
        let mut bytes = vec![0; CHUNK_BYTES];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        let put = bench.put(&bytes);
        let effects = bench.deliver(CLIENT, put);
        let done = bench.loaded(ticket(&effects), Found::Absent);
        assert_eq!(outline(&done).len(), 2, "DHT-11: nothing waits, so nothing is too much");
    }
}

#[test]
fn no_flipped_bit_of_a_stored_version_is_served_dht_3() {
    let version = version(5);
    let key = version.key();
    let bytes = Record::Store(key, StoredObject::Version(version)).bytes().unwrap();
    for position in 0..bytes.len() {
        let mut bench = Bench::new(4);
        let head = bench.head();
        let read = ReadVersion { head, key, wants_value: true };
        let effects = bench.deliver(CLIENT, Message::ReadVersion(read));
        let mut damaged = bytes.clone();
        damaged[position] ^= 1;
        let effects = bench.loaded(ticket(&effects), Found::Object(key, damaged));
        // The ideal signature has 16 bytes and zeros behind them, which count too.
        assert_eq!(outline(&effects)[0], "Damaged 1", "DHT-3: byte {position}");
    }
}

/// What a server that is asked for content finds in its store, and what it says then.
fn find(key: ObjectKey, found: Found) -> Vec<String> {
    let mut bench = Bench::new(4);
    let head = bench.head();
    let question = match key.content_kind() {
        Some(_) => Message::GetContent(GetContent { head, key }),
        None => Message::ReadVersion(ReadVersion { head, key, wants_value: true }),
    };
    let effects = bench.deliver(CLIENT, question);
    outline(&bench.loaded(ticket(&effects), found))
}

#[test]
fn an_object_that_lies_under_the_name_of_another_is_damaged_dht_3() {
    let content = |bytes: &[u8]| {
        let body = Body::new(bytes.to_vec());
        let object = StoredObject::Content(StoredContent { expires: KEEP_FOR_EVER, body });
        let key = ContentKind::Chunk.key_of(bytes);
        (key, Record::Store(key, object).bytes().unwrap())
    };
    let version = |owner: u8| {
        let value = Value::Data(Body::new(vec![owner]));
        let version = Version::sign(SYSTEM, (5, WriterId::new([8; 16])), value, &signer(owner));
        let key = version.key();
        (key, Record::Store(key, StoredObject::Version(version)).bytes().unwrap())
    };
    let pairs = [
        (content(b"bytes"), content(b"other"), "content true"),
        (version(100), version(101), "version 5"),
    ];
    for ((key, bytes), (other_key, other_bytes), whole) in pairs {
        assert_eq!(find(key, Found::Object(key, bytes.clone()))[0], whole);
        let found = Found::Object(key, other_bytes);
        assert_eq!(find(key, found)[0], "Damaged 1", "DHT-3: the store gives another object");
        let found = Found::Object(other_key, bytes);
        assert_eq!(find(key, found)[0], "Damaged 1", "its index says another name");
    }
}

#[test]
fn a_reply_of_another_epoch_does_not_count_for_a_repair_dht_4() {
    let mut bench = Bench::new(4);
    let key = version(5).key();
    let head = bench.head();
    let read = ReadVersion { head, key, wants_value: false };
    let effects = bench.deliver(CLIENT, Message::ReadVersion(read));
    let effects = bench.loaded(ticket(&effects), Found::Damaged(key));
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::Send { message: Message::ReadVersion(read), .. } => Some(read.head),
        _ => None,
    });
    let asked = asked.expect("the group is asked");
    for epoch in [2, 0, 1] {
        let head = Head { epoch: Epoch::new(epoch), ..asked };
        let reply = Versioned { head, signed: None, value: None };
        let mut effects = Vec::new();
        for other in 2..=4 {
            let from = Peer::Node(NodeId::new([other * 16; 32]));
            effects.extend(bench.deliver(from, Message::Versioned(reply.clone())));
        }
        let is_dropped = outline(&effects) == ["remove"];
        assert_eq!(is_dropped, epoch == 1, "DHT-4: epoch {epoch}");
    }
}

#[test]
fn a_damaged_copy_is_refused_and_never_absent_dht_10() {
    let mut bench = Bench::new(4);
    let key = ContentKind::Chunk.key_of(b"bytes");
    let head = bench.head();
    let effects = bench.deliver(CLIENT, Message::GetContent(GetContent { head, key }));
    let other = ContentKind::Chunk.key_of(b"other");
    let effects = bench.loaded(ticket(&effects), Found::Object(other, vec![1, 2, 3]));
    assert_eq!(outline(&effects), ["Damaged 1", "get"], "DHT-10");
    let head = bench.head();
    let effects = bench.deliver(CLIENT, Message::GetContent(GetContent { head, key }));
    assert_eq!(outline(&effects), ["Damaged 2"], "DHT-10: during the repair too");
}

#[test]
fn repairs_beyond_their_number_are_put_off() {
    let mut bench = Bench::new(4);
    let mut marks = 0;
    for number in 0..=SERVER_REPAIRS_MAX {
        let key = ContentKind::Chunk.key_of(&number.to_be_bytes());
        let head = bench.head();
        let effects = bench.deliver(CLIENT, Message::GetContent(GetContent { head, key }));
        let effects = bench.loaded(ticket(&effects), Found::Damaged(key));
        let is_full =
            |effect: &&Effect<Server>| matches!(effect, Effect::Mark("dht.server.repairs_full"));
        marks += effects.iter().filter(is_full).count();
    }
    assert_eq!((marks, bench.server.repairs.len()), (1, SERVER_REPAIRS_MAX));
}

#[test]
fn an_answer_to_no_load_and_a_late_alarm_do_nothing() {
    let mut bench = Bench::new(4);
    let effects = bench.loaded(Ticket(77), Found::Absent);
    assert!(outline(&effects).is_empty());
    let key = ContentKind::Chunk.key_of(b"bytes");
    assert!(bench.step(Input::Expired(super::ServerTimer::Repair(key))).is_empty());
    let effects = bench.step(Input::Start);
    let is_alarm = |effect: &Effect<Server>| matches!(effect, Effect::Arm { .. });
    assert!(effects.len() == 2 && effects.iter().all(is_alarm), "sweep and scrub: {effects:?}");
}

/// The ring of a later epoch with the same servers.
fn enter(bench: &mut Bench, epoch: u64) -> Vec<Effect<Server>> {
    let mut ring = ring(EPOCH, 4);
    ring.epoch = Epoch::new(epoch);
    let certified = CertifiedConfiguration::default();
    bench.step(Input::Request(ServerRequest::Reconfigured { ring, certified }))
}

#[test]
fn what_waited_into_the_next_epoch_is_neither_kept_nor_acknowledged() {
    let mut bench = Bench::new(4);
    let (put, write) = (bench.put(b"bytes"), bench.write(5));
    let tickets = [put, write].map(|message| ticket(&bench.deliver(CLIENT, message)));
    enter(&mut bench, 2);
    for ticket in tickets {
        assert_eq!(outline(&bench.loaded(ticket, Found::Absent)), ["epoch 2"]);
    }
    assert_eq!(bench.server.budget.jobs(), 0);
}

#[test]
fn a_repair_begins_anew_in_the_next_epoch() {
    let mut bench = Bench::new(4);
    let key = ContentKind::Chunk.key_of(b"bytes");
    let head = bench.head();
    let effects = bench.deliver(CLIENT, Message::GetContent(GetContent { head, key }));
    let effects = bench.loaded(ticket(&effects), Found::Damaged(key));
    assert_eq!(outline(&effects), ["Damaged 1", "get"]);
    assert_eq!(outline(&enter(&mut bench, 2)), ["get"]);
    assert_eq!(bench.server.repairs.len(), 1);
}

#[test]
fn an_earlier_epoch_is_not_entered_again() {
    let mut bench = Bench::new(4);
    enter(&mut bench, 2);
    enter(&mut bench, 1);
    assert_eq!(bench.server.epoch(), Epoch::new(2));
}

/// The ticket of the next object that the scrub wants.
fn scrub_ticket(effects: &[Effect<Server>]) -> Option<Ticket> {
    effects.iter().find_map(|effect| match effect {
        Effect::Emit(ServerOutput::LoadNext { ticket, .. }) => Some(*ticket),
        _ => None,
    })
}

#[test]
fn a_scrub_says_what_it_could_not_read() {
    let mut bench = Bench::new(4);
    let effects = bench.step(Input::Request(ServerRequest::Scrub));
    let ticket = scrub_ticket(&effects).expect("the first object is loaded");
    let key = ContentKind::Chunk.key_of(b"bytes");
    let effects = bench.loaded(ticket, Found::Unreadable(Some(key)));
    let ticket = scrub_ticket(&effects).expect("it goes on behind what it could not read");
    let effects = bench.loaded(ticket, Found::Unreadable(None));
    let report = effects.iter().find_map(|effect| match effect {
        Effect::Emit(ServerOutput::Scrubbed(report)) => Some(*report),
        _ => None,
    });
    let report = report.expect("a store that cannot be listed ends the scrub");
    assert_eq!((report.checked, report.damaged, report.unread), (0, 0, 2));
}

#[test]
fn what_cannot_be_read_now_is_neither_absent_nor_damaged() {
    let mut bench = Bench::new(4);
    let (put, write) = (bench.put(b"bytes"), bench.write(5));
    let key = ContentKind::Chunk.key_of(b"other");
    let get = Message::GetContent(GetContent { head: bench.head(), key });
    for (number, message) in [put, write, get].into_iter().enumerate() {
        let ticket = ticket(&bench.deliver(CLIENT, message));
        let effects = bench.loaded(ticket, Found::Unreadable(Some(key)));
        assert_eq!(outline(&effects), [format!("Busy {}", number + 1)]);
    }
    assert_eq!((bench.server.budget.jobs(), bench.server.repairs.len()), (0, 0));
}

/// What a server answers to a write of this number while it holds `stored`.
fn overwrite(bench: &mut Bench, stored: u64, sequence: u64) -> Vec<Effect<Server>> {
    let write = bench.write(sequence);
    let effects = bench.deliver(CLIENT, write);
    let stored = version(stored);
    let record = Record::Store(stored.key(), StoredObject::Version(stored));
    let found = Found::Object(record.key(), record.bytes().unwrap());
    bench.loaded(ticket(&effects), found)
}

/// The heads of the questions about versions among the effects.
fn asked(effects: &[Effect<Server>]) -> Vec<Head> {
    let head = |effect: &Effect<Server>| match effect {
        Effect::Send { message: Message::ReadVersion(read), .. } => Some(read.head),
        _ => None,
    };
    effects.iter().filter_map(head).collect()
}

#[test]
fn a_level_is_entered_when_a_quorum_is_on_the_one_below_dht_17() {
    let level = SEQUENCE_SKIP_MAX;
    let mut bench = Bench::new(4);
    let effects = overwrite(&mut bench, 7, level);
    assert_eq!(outline(&effects), ["persist", "stored 1"], "the first level is free");
    let effects = overwrite(&mut bench, level, 2 * level);
    assert_eq!(outline(&effects), ["SequenceSkip 2"], "DHT-17: nobody else was heard");
    let questions = asked(&effects);
    assert_eq!(questions.len(), 3);
    for (place, held) in [(2, 0), (3, level)] {
        let version = version(held);
        let (signed, value) = (Some(version.signed), Some(version.value));
        let reply = Message::Versioned(Versioned { head: questions[0], signed, value });
        bench.deliver(Peer::Node(node(place)), reply);
        let refused = overwrite(&mut bench, level, 2 * level);
        assert!(outline(&refused)[0].starts_with("SequenceSkip"), "DHT-17: two of four");
        assert!(asked(&refused).is_empty(), "the answers are still coming");
    }
    let version = version(level + 1);
    let (signed, value) = (Some(version.signed), Some(version.value));
    let reply = Message::Versioned(Versioned { head: questions[0], signed, value });
    let effects = bench.deliver(Peer::Node(node(4)), reply);
    // What two others reach is taken as well: this server is not behind it.
    let effects = bench.loaded(ticket(&effects), Found::Absent);
    assert_eq!(outline(&effects), ["persist"]);
    let effects = overwrite(&mut bench, level, 2 * level);
    assert_eq!(outline(&effects), ["persist", "stored 5"], "DHT-17: three of four are there");
}
