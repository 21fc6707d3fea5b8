//! Villains are found by their names, and what they show stays within what they hold.

use std::sync::Arc;

use quorate_crypto::ideal::IdealRegistry;
use quorate_crypto::{ClientCertificate, ClientGrant, Rejected, Signer, Verified, verify};
use quorate_dht::object::KEEP_FOR_EVER;
use quorate_dht::{
    Body, ClientIdentity, ContentKind, ContentReply, Head, Message, MessageContext, ObjectKey,
    OperationId, Ring, Value, Version, Versioned, WriteStatement, WriteVersion, WriterId,
};
use quorate_history::Prng;
use quorate_machine::{Class, Recipients};
use quorate_types::{
    Configuration, Epoch, FailureDomain, IdentityKey, Instant, MemberRecord, MemberStatus, NodeId,
    Now, Peer, Resilience, SoftwareVersion, SystemId, UnixTime,
};

use super::{CLIENT_VILLAINS, Context, Deeds, Holdings, Medium, SERVER_VILLAINS, Sending, villain};

const SYSTEM: SystemId = SystemId::new([1; 32]);
const HEAD: Head = Head { epoch: Epoch::new(1), operation: OperationId::new(5) };
const NOW: Now = Now { instant: Instant::ZERO, wall: UnixTime::ZERO };

/// One object on one disk.
#[derive(Debug)]
struct OneObject(Option<Vec<u8>>);

fn name() -> ObjectKey {
    ContentKind::Chunk.key_of(&[7; 40])
}

impl Medium for OneObject {
    fn names(&self) -> Vec<ObjectKey> {
        vec![name()]
    }

    fn bytes(&self, _: &ObjectKey) -> Option<Vec<u8>> {
        self.0.clone()
    }

    fn overwrite(&mut self, _: ObjectKey, bytes: Option<Vec<u8>>) {
        self.0 = bytes;
    }
}

struct Stage {
    registry: IdealRegistry,
    owner: Arc<dyn Signer>,
    holdings: Holdings,
    prng: Prng,
}

fn stage() -> Stage {
    let registry = IdealRegistry::new([1; 32]);
    let signer = |seed: u8| -> Arc<dyn Signer> { Arc::new(registry.signer(&[seed; 32])) };
    let (authority, client, owner) = (signer(1), signer(2), signer(3));
    let member = |index: u8| MemberRecord {
        id: NodeId::new([index; 32]),
        identity_key: IdentityKey::new(*authority.public_key().as_bytes()),
        later_root: None,
        epoch_key: Some(authority.public_key()),
        address: String::from("localhost:1"),
        probe_port: 1,
        failure_domain: FailureDomain(String::new()),
        version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
        status: MemberStatus::Active,
        is_on_ring: true,
        is_in_pool: false,
    };
    let resilience = Resilience::new(1).unwrap();
    let ring = Ring::new(&Configuration {
        system: SYSTEM,
        epoch: HEAD.epoch,
        ring_epoch: HEAD.epoch,
        storage: resilience,
        membership: resilience,
        authority_key: authority.public_key(),
        membership_group: Vec::new(),
        created: UnixTime::ZERO,
        members: (0..4).map(member).map(Arc::new).collect(),
    });
    let grant = ClientGrant {
        system: SYSTEM,
        client: client.public_key().client(),
        name: String::from("client"),
        expires: UnixTime::from_micros(u64::MAX),
    };
    let certificate = ClientCertificate::issue(grant, &*authority);
    let identity = ClientIdentity { certificate, signer: client, writer: WriterId::new([4; 16]) };
    let holdings = Holdings {
        ring: ring.unwrap(),
        identity: Some(identity),
        owners: vec![Arc::clone(&owner)],
        disk: Some(Box::new(OneObject(Some(vec![3; 60])))),
    };
    Stage { registry, owner, holdings, prng: Prng::from_seed(3) }
}

impl Stage {
    fn version(&self, sequence: u64) -> Version {
        let value = Value::Data(Body::new(vec![sequence.to_be_bytes()[7]; 9]));
        Version::sign(SYSTEM, (sequence, WriterId::new([4; 16])), value, &*self.owner)
    }

    fn write(&self, sequence: u64) -> Message {
        let version = self.version(sequence);
        let identity = self.holdings.identity.as_ref().unwrap();
        let statement = WriteStatement {
            system: SYSTEM,
            epoch: HEAD.epoch,
            client: identity.certificate.grant.client,
            key: version.key(),
            stamp: Some(version.stamp()),
            expires: KEEP_FOR_EVER,
        };
        let authority = statement.sign(&identity.certificate, &*identity.signer);
        Message::WriteVersion(WriteVersion { head: HEAD, authority, version })
    }

    fn context(&mut self) -> Context<'_> {
        Context { holdings: &mut self.holdings, now: NOW, prng: &mut self.prng }
    }

    fn verified(&self, message: &Message) -> Result<Verified<Message>, Rejected> {
        let authority_key = self.registry.signer(&[1; 32]).public_key();
        let context = MessageContext { system: SYSTEM, authority_key };
        verify(message.clone(), &context, &self.registry)
    }
}

fn to_all(message: Message) -> Sending {
    let all = (0..4).map(|index| Peer::Node(NodeId::new([index; 32])));
    Sending { to: Recipients::Each(all.collect()), class: Class::Ordered, message: message.into() }
}

fn to_one(message: Message) -> Sending {
    let to = Recipients::One(Peer::Node(NodeId::new([1; 32])));
    Sending { to, class: Class::Ordered, message: message.into() }
}

/// What a villain makes of a message that is to be sent, asked many times.
fn deeds_of(stage: &mut Stage, name: &str, message: &Message, to_all_members: bool) -> Deeds {
    let mut villain = villain(name, &mut Prng::from_seed(7)).unwrap();
    let mut deeds = Deeds::default();
    for number in 0..200 {
        let mut message = message.clone();
        if let Message::WriteVersion(write) = &mut message {
            write.head.operation = OperationId::new(number);
        }
        let sending = if to_all_members { to_all(message) } else { to_one(message) };
        villain.on_send(&mut stage.context(), sending, &mut deeds);
    }
    deeds
}

#[test]
fn every_villain_has_the_name_under_which_it_is_found() {
    for name in SERVER_VILLAINS.iter().chain(CLIENT_VILLAINS) {
        let found = villain(name, &mut Prng::from_seed(7)).unwrap();
        assert_eq!(found.name(), *name);
    }
    assert!(villain("saint", &mut Prng::from_seed(7)).is_none());
}

#[test]
fn a_fabricated_version_is_refused_and_a_strange_one_is_well_signed() {
    let mut stage = stage();
    let version = stage.version(3);
    let (signed, value) = (Some(version.signed), Some(version.value));
    let shown = Message::Versioned(Versioned { head: HEAD, signed, value });
    let deeds = deeds_of(&mut stage, "fabricator", &shown, false);
    let is_new = |message: &&Arc<Message>| ***message != shown;
    let messages: Vec<_> = deeds.sendings.iter().map(|sending| &sending.message).collect();
    let refused = messages.iter().filter(|message| stage.verified(message).is_err()).count();
    assert_eq!(refused, deeds.marks.iter().filter(|mark| **mark == "liar.fabricated").count());
    assert!(refused > 50);
    assert!(messages.into_iter().filter(is_new).count() > refused);
}

#[test]
fn two_values_of_a_partial_writer_carry_one_number_and_are_both_signed() {
    let mut stage = stage();
    let write = stage.write(4);
    let deeds = deeds_of(&mut stage, "partial-writer", &write, true);
    let mut values = std::collections::BTreeSet::new();
    for sending in &deeds.sendings {
        assert!(stage.verified(&sending.message).is_ok());
        let Message::WriteVersion(write) = &*sending.message else { panic!("it writes") };
        assert_eq!(write.version.stamp().sequence, 4);
        values.insert(write.version.stamp().value);
    }
    assert_eq!(values.len(), 2);
    assert!(deeds.marks.contains(&"liar.two_values"));
    assert!(deeds.marks.contains(&"liar.partial_write"));
}

#[test]
fn a_skipper_signs_the_numbers_that_it_skips_to() {
    let mut stage = stage();
    let write = stage.write(4);
    let deeds = deeds_of(&mut stage, "skipper", &write, true);
    assert!(deeds.sendings.iter().all(|sending| stage.verified(&sending.message).is_ok()));
    let highest = deeds.sendings.iter().filter_map(|sending| match &*sending.message {
        Message::WriteVersion(write) => Some(write.version.stamp().sequence),
        _ => None,
    });
    assert_eq!(highest.max(), Some(u64::MAX));
}

#[test]
fn content_of_a_content_liar_never_fits_its_name() {
    let mut stage = stage();
    let body = Some(Body::new(vec![7; 40]));
    let shown = Message::Content(ContentReply { head: HEAD, body });
    let deeds = deeds_of(&mut stage, "content-liar", &shown, false);
    assert_eq!(deeds.sendings.len(), 200);
    for sending in &deeds.sendings {
        let Message::Content(ContentReply { body: Some(body), .. }) = &*sending.message else {
            panic!("it stays content")
        };
        assert!(!name().is_name_of(body));
    }
    assert!(deeds.marks.contains(&"liar.bomb"));
}

#[test]
fn a_lone_reader_writes_nothing_back_but_its_own() {
    let mut stage = stage();
    let (own, read) = (stage.write(4), stage.version(3));
    let back = stage.write(3);
    let mut villain = villain("lone-reader", &mut Prng::from_seed(7)).unwrap();
    let mut deeds = Deeds::default();
    let shown = Versioned { head: HEAD, signed: Some(read.signed), value: Some(read.value) };
    let from = Peer::Node(NodeId::new([1; 32]));
    let shown = Message::Versioned(shown);
    let _: crate::Reception = villain.on_receive(&mut stage.context(), from, &shown, &mut deeds);
    villain.on_send(&mut stage.context(), to_all(back), &mut deeds);
    assert!(deeds.sendings.is_empty());
    villain.on_send(&mut stage.context(), to_all(own.clone()), &mut deeds);
    assert_eq!(deeds.sendings, [to_all(own)]);
}

#[test]
fn a_disk_rots_for_a_while_and_then_stays_as_it_is() {
    let mut stage = stage();
    let mut villain = villain("rot", &mut Prng::from_seed(7)).unwrap();
    let mut deeds = Deeds::default();
    for _ in 0..100 {
        villain.on_alarm(&mut stage.context(), &mut deeds);
    }
    assert!(deeds.sendings.is_empty(), "an honest server sends what it wants");
    assert!(!deeds.marks.is_empty());
    let done = deeds.marks.len();
    villain.on_alarm(&mut stage.context(), &mut deeds);
    assert_eq!(deeds.marks.len(), done);
}

#[test]
fn a_mourner_refuses_what_it_holds_as_damaged() {
    let mut stage = stage();
    let body = Some(Body::new(b"bytes".to_vec()));
    let shown = Message::Content(ContentReply { head: HEAD, body });
    let deeds = deeds_of(&mut stage, "mourner", &shown, false);
    let refused = deeds.sendings.iter().filter(
        |sending| matches!(&*sending.message, Message::Refused(reply) if reply.head == HEAD),
    );
    assert_eq!(refused.count(), deeds.marks.len());
    assert!(deeds.sendings.len() == 200 && deeds.marks.len() > 50);
}
