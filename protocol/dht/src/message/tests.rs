//! One encoding for each message, for ever; what contradicts itself is rejected.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use expect_test::expect_file;
use quorate_crypto::real::{RealSigner, RealVerifier};
use quorate_crypto::{ClientCertificate, ClientGrant, Rejected, Signer, verify};
use quorate_types::{Digest, Epoch, ObjectId, Signature, SystemId, UnixTime};
use quorate_wire::{decode, encode, vector};

use super::{
    CertifiedConfiguration, Compare, Compared, ContentReply, GetContent, Head, Held, Introduce,
    ListNames, Message, MessageContext, Names, OperationId, Presence, PutContent, ReadVersion,
    Refusal, Refused, Scrub, ScrubReport, ScrubState, Scrubbed, StatContent, Stored, Versioned,
    WriteAuthority, WriteStatement, WriteVersion, WrongEpoch,
};
use crate::fixture::{SYSTEM, registry, signer};
use crate::limits::{CONFIGURATION_BYTES_MAX, LISTED_NAMES_MAX};
use crate::object::{Body, ContentKind, KEEP_FOR_EVER, ObjectKey, Value, Version, WriterId};

const HEAD: Head = Head { epoch: Epoch::new(3), operation: OperationId::new(5) };

fn context() -> MessageContext {
    MessageContext { system: SYSTEM, authority_key: signer(1).public_key() }
}

fn check(message: Message) -> Result<Message, Rejected> {
    verify(message, &context(), &registry()).map(|verified| verified.into_inner())
}

fn version() -> Version {
    let value = Value::Data(Body::new(b"value".to_vec()));
    Version::sign(SYSTEM, (7, WriterId::new([8; 16])), value, &signer(3))
}

fn authority(key: ObjectKey, version: Option<&Version>) -> WriteAuthority {
    let client = signer(2).public_key().client();
    let grant = ClientGrant {
        system: SYSTEM,
        client,
        name: String::from("client"),
        expires: UnixTime::from_micros(9),
    };
    let statement = WriteStatement {
        system: SYSTEM,
        epoch: HEAD.epoch,
        client,
        key,
        stamp: version.map(Version::stamp),
        expires: KEEP_FOR_EVER,
    };
    statement.sign(&ClientCertificate::issue(grant, &signer(1)), &signer(2))
}

fn put() -> PutContent {
    let key = ContentKind::Chunk.key_of(b"bytes");
    let body = Body::new(b"bytes".to_vec());
    PutContent { head: HEAD, authority: authority(key, None), key, body }
}

fn write() -> WriteVersion {
    let version = version();
    let authority = authority(version.key(), Some(&version));
    WriteVersion { head: HEAD, authority, version }
}

/// One of each.
fn messages() -> Vec<Message> {
    let content = put().key;
    let register = version().key();
    let configuration = CertifiedConfiguration::new(Body::new(vec![1, 2, 3]));
    let body = Some(Body::new(vec![4, 5]));
    let (signed, value) = (Some(version().signed), Some(version().value));
    vec![
        Message::PutContent(put()),
        Message::GetContent(GetContent { head: HEAD, key: content }),
        Message::StatContent(StatContent { head: HEAD, key: content }),
        Message::WriteVersion(write()),
        Message::ReadVersion(ReadVersion { head: HEAD, key: register, wants_value: true }),
        Message::Stored(Stored { head: HEAD }),
        Message::Content(ContentReply { head: HEAD, body }),
        Message::Presence(Presence { head: HEAD, bytes: Some(6) }),
        Message::Versioned(Versioned { head: HEAD, signed, value }),
        Message::Refused(Refused { head: HEAD, refusal: Refusal::Busy }),
        Message::WrongEpoch(WrongEpoch { head: HEAD, configuration }),
    ]
}

/// One of each that servers alone send each other.
fn messages_of_sweeps() -> Vec<Message> {
    let (first, last) = (put().key, ObjectKey::Chunk(ObjectId::new([255; 32])));
    let root = Digest::new([6; 32]);
    let held =
        vec![Held::content(first), Held { key: version().key(), stamp: Some(version().stamp()) }];
    vec![
        Message::Compare(Compare { head: HEAD, root }),
        Message::ListNames(ListNames { head: HEAD, first, last }),
        Message::Compared(Compared { head: HEAD, cells: vec![root, Digest::new([7; 32])] }),
        Message::Names(Names { head: HEAD, held }),
    ]
}

/// What is said about a scrub.
fn messages_of_scrubs() -> Vec<Message> {
    let report = ScrubReport { checked: 4, bytes: 5, damaged: 2, repaired: 1, unread: 3 };
    let state = ScrubState { is_over: true, thousandths: 1000, report };
    vec![Message::Scrub(scrub()), Message::Scrubbed(Scrubbed { head: HEAD, state })]
}

fn scrub() -> Scrub {
    let certificate = put().authority.certificate;
    Scrub::sign((SYSTEM, HEAD), 6, &certificate, &signer(2))
}

fn introduce() -> Introduce {
    Introduce { head: HEAD, certificate: put().authority.certificate }
}

#[test]
fn an_introduction_stands_on_the_authoritys_word_in_this_system() {
    let (mut self_made, mut other_system) = (introduce(), introduce());
    self_made.certificate.grant.name.push('x');
    assert_eq!(check(Message::Introduce(self_made)), Err(Rejected::BadSignature));
    other_system.certificate.grant.system = SystemId::new([2; 32]);
    assert_eq!(check(Message::Introduce(other_system)), Err(Rejected::WrongGroup));
}

#[test]
fn a_scrub_is_rejected_unless_client_run_and_epoch_fit() {
    let (mut other_run, mut other_epoch, mut self_made) = (scrub(), scrub(), scrub());
    other_run.run += 1;
    other_epoch.head.epoch = Epoch::new(4);
    self_made.certificate.signature = Signature::new([0; 64]);
    for wrong in [other_run, other_epoch, self_made] {
        assert_eq!(check(Message::Scrub(wrong)), Err(Rejected::BadSignature));
    }
    let mut other_system = scrub();
    other_system.certificate.grant.system = SystemId::new([2; 32]);
    assert_eq!(check(Message::Scrub(other_system)), Err(Rejected::WrongGroup));
}

fn all_messages() -> Vec<Message> {
    let introduction = vec![Message::Introduce(introduce())];
    [messages(), messages_of_sweeps(), messages_of_scrubs(), introduction].concat()
}

#[test]
fn every_message_reads_back_verifies_and_has_its_head() {
    for message in all_messages() {
        assert_eq!(decode::<Message>(&encode(&message)), Ok(message.clone()));
        assert_eq!(message.head(), HEAD);
        assert_eq!(check(message.clone()), Ok(message));
    }
}

#[test]
fn a_write_stands_on_three_signatures_of_the_real_scheme() {
    let seeds = [[1; 32], [2; 32], [3; 32]];
    let [authority, client, owner] = seeds.map(|seed| RealSigner::from_seed(&seed));
    let version = Version::sign(SYSTEM, (1, WriterId::new([8; 16])), Value::Deleted, &owner);
    let grant = ClientGrant {
        system: SYSTEM,
        client: client.public_key().client(),
        name: String::from("client"),
        expires: UnixTime::from_micros(9),
    };
    let statement = WriteStatement {
        system: SYSTEM,
        epoch: HEAD.epoch,
        client: grant.client,
        key: version.key(),
        stamp: Some(version.stamp()),
        expires: KEEP_FOR_EVER,
    };
    let authority_key = authority.public_key();
    let certificate = ClientCertificate::issue(grant, &authority);
    let good =
        WriteVersion { head: HEAD, authority: statement.sign(&certificate, &client), version };
    let context = MessageContext { system: SYSTEM, authority_key };
    let check = |write: &WriteVersion| {
        let message = Message::WriteVersion(write.clone());
        verify(message, &context, &RealVerifier).map(|_| ())
    };
    assert_eq!(check(&good), Ok(()));
    let strange = Signature::new([1; 64]);
    let (mut first, mut second, mut third) = (good.clone(), good.clone(), good);
    first.authority.certificate.signature = strange;
    second.authority.signature = strange;
    third.version.signed.signature = strange;
    for wrong in [first, second, third] {
        assert_eq!(check(&wrong), Err(Rejected::BadSignature));
    }
}

#[test]
fn a_message_that_was_cut_or_changed_never_reads_back_as_the_same() {
    for message in all_messages() {
        let bytes = encode(&message);
        for end in 0..bytes.len() {
            assert!(decode::<Message>(&bytes[..end]).is_err());
        }
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 0x11;
            if let Ok(other) = decode::<Message>(&changed) {
                assert_ne!(other, message);
                assert_eq!(encode(&other), changed, "two encodings of one message");
            }
        }
    }
}

/// FORMAT: peers of one protocol version agree on these bytes.
#[test]
fn every_message_has_its_golden_bytes() {
    let name = |message: &Message| {
        let shown = format!("{message:?}");
        shown.split('(').next().map(String::from).expect("a variant has a name")
    };
    let mut vectors: String =
        all_messages().iter().map(|message| vector(&name(message), message)).collect();
    for refusal in [
        Refusal::Busy,
        Refusal::Damaged,
        Refusal::NotResponsible,
        Refusal::NotAuthorised,
        Refusal::SequenceSkip,
        Refusal::Behind,
    ] {
        assert_eq!(decode::<Refusal>(&encode(&refusal)), Ok(refusal));
        vectors.push_str(&vector(&format!("Refusal::{refusal:?}"), &refusal));
    }
    expect_file!["golden/messages.txt"].assert_eq(&vectors);
}

#[test]
fn a_listing_has_no_more_names_than_a_page() {
    let held: Vec<Held> = vec![Held::content(put().key); LISTED_NAMES_MAX + 1];
    let mut names = Names { head: HEAD, held };
    assert!(decode::<Message>(&encode(&Message::Names(names.clone()))).is_err());
    names.held.pop();
    assert!(decode::<Message>(&encode(&Message::Names(names))).is_ok());
}

#[test]
fn a_put_is_rejected_unless_name_authority_and_client_fit() {
    let mut wrong_name = put();
    wrong_name.key = ContentKind::Chunk.key_of(b"other");
    assert_eq!(check(Message::PutContent(wrong_name)), Err(Rejected::Inconsistent));
    let mut register = put();
    register.key = ObjectKey::Register(register.key.id());
    assert_eq!(check(Message::PutContent(register)), Err(Rejected::Inconsistent));
    let mut other_epoch = put();
    other_epoch.head.epoch = Epoch::new(4);
    assert_eq!(check(Message::PutContent(other_epoch)), Err(Rejected::BadSignature));
    let mut longer_kept = put();
    longer_kept.authority.expires = Epoch::new(4);
    assert_eq!(check(Message::PutContent(longer_kept)), Err(Rejected::BadSignature));
    let mut self_made = put();
    self_made.authority.certificate.signature = Signature::new([0; 64]);
    assert_eq!(check(Message::PutContent(self_made)), Err(Rejected::BadSignature));
    let mut other_system = put();
    other_system.authority.certificate.grant.system = SystemId::new([2; 32]);
    assert_eq!(check(Message::PutContent(other_system)), Err(Rejected::WrongGroup));
    let mut other_content = put();
    other_content.body = Body::new(b"other".to_vec());
    other_content.key = ContentKind::Chunk.key_of(b"other");
    assert_eq!(check(Message::PutContent(other_content)), Err(Rejected::BadSignature));
}

#[test]
fn a_write_is_rejected_unless_value_owner_and_client_fit() {
    let mut other_value = write();
    other_value.version.value = Value::Deleted;
    assert_eq!(check(Message::WriteVersion(other_value)), Err(Rejected::Inconsistent));
    let mut higher = write();
    higher.version.signed.stamp.sequence += 1;
    assert_eq!(check(Message::WriteVersion(higher)), Err(Rejected::BadSignature));
    let mut unsigned = write();
    unsigned.authority.signature = Signature::new([0; 64]);
    assert_eq!(check(Message::WriteVersion(unsigned)), Err(Rejected::BadSignature));
    // Another client's authority for the same version is not transferable to another version.
    let mut moved = write();
    moved.version = Version::sign(SYSTEM, (8, WriterId::new([8; 16])), Value::Deleted, &signer(3));
    assert_eq!(check(Message::WriteVersion(moved)), Err(Rejected::BadSignature));
}

#[test]
fn replies_and_reads_that_contradict_themselves_are_rejected() {
    let id = ObjectId::new([1; 32]);
    let (chunk, register) = (ObjectKey::Chunk(id), ObjectKey::Register(id));
    let wrong = [
        Message::GetContent(GetContent { head: HEAD, key: register }),
        Message::StatContent(StatContent { head: HEAD, key: register }),
        Message::ReadVersion(ReadVersion { head: HEAD, key: chunk, wants_value: false }),
        Message::Versioned(Versioned { head: HEAD, signed: None, value: Some(Value::Deleted) }),
        Message::Versioned(Versioned {
            head: HEAD,
            signed: Some(version().signed),
            value: Some(Value::Deleted),
        }),
    ];
    for message in wrong {
        assert_eq!(check(message), Err(Rejected::Inconsistent));
    }
    let mut signed = version().signed;
    signed.owner = signer(4).public_key();
    let forged = Message::Versioned(Versioned { head: HEAD, signed: Some(signed), value: None });
    assert_eq!(check(forged), Err(Rejected::BadSignature));
}

#[test]
fn a_configuration_too_long_for_a_message_is_left_out() {
    let long = Body::new(vec![0; CONFIGURATION_BYTES_MAX + 1]);
    assert!(CertifiedConfiguration::new(long).as_bytes().is_empty());
    let longest = Body::new(vec![0; CONFIGURATION_BYTES_MAX]);
    assert_eq!(CertifiedConfiguration::new(longest).as_bytes().len(), CONFIGURATION_BYTES_MAX);
}
