//! A link's key is a server's only by its own certificate, for this system, and in its time.
use std::boxed::Box;
use std::sync::Arc;
use std::vec::Vec;

use proptest::prelude::*;
use quorate_crypto::Signer;
use quorate_kes::IdealTree;
use quorate_types::{Epoch, IdentityKey, LaterRoot, MemberRecord, PublicKey, SystemId};
use quorate_wire::{decode, encode};

use super::{Places, Recognition, Unrecognised};
use crate::configuration::VerifiedConfiguration;
use crate::epoch_key::{EpochKeyCertificate, EpochKeyStatement};
use crate::identity::{Identity, IdentitySigner};
use crate::testing::{World, epoch_signer, identity, identity_in, registry, schemes, successor};

/// The number of the server whose links are looked at.
const SERVER: usize = 2;
/// One more than the group has.
const SERVERS: usize = 5;

struct Door {
    world: World,
    first: VerifiedConfiguration,
    second: VerifiedConfiguration,
    third: VerifiedConfiguration,
}

impl Door {
    fn new() -> Self {
        let world = World::new(SERVERS, 1);
        let first = world.first.clone();
        let second = world.following(&first);
        let third = world.following(&second);
        Self { world, first, second, third }
    }

    fn system(&self) -> SystemId {
        self.world.genesis.system()
    }

    /// What the server shows for its key of an epoch.
    fn certificate(&self, epoch: u64) -> EpochKeyCertificate {
        certify(self.system(), epoch, key(epoch))
    }
}

fn key(epoch: u64) -> PublicKey {
    epoch_signer(SERVER, Epoch::new(epoch)).public_key()
}

fn server() -> IdentityKey {
    identity(SERVER).identity_key()
}

fn certify(system: SystemId, epoch: u64, epoch_key: PublicKey) -> EpochKeyCertificate {
    let epoch = Epoch::new(epoch);
    let statement = EpochKeyStatement::of_system(system, server(), epoch, epoch_key);
    EpochKeyCertificate::issue(statement, &identity_in(SERVER, epoch))
}

type Verdict = Result<IdentityKey, Unrecognised>;

fn judge(rule: &Recognition, proved: PublicKey, shown: &EpochKeyCertificate) -> Verdict {
    rule.recognise(proved, &encode(shown), &registry())
}

fn member(configuration: &VerifiedConfiguration) -> Recognition {
    Recognition::member(configuration)
}

#[test]
fn a_record_is_found_by_the_whole_key_also_among_keys_that_begin_alike() {
    let door = Door::new();
    let members = &door.first.configuration().members;
    let with = |key: [u8; 32]| {
        let record = MemberRecord { identity_key: IdentityKey::new(key), ..(*members[0]).clone() };
        Arc::new(record)
    };
    let key = |first, last| {
        let mut key = [first; 32];
        key[31] = last;
        key
    };
    let keys = [(7, 2), (9, 1), (7, 1), (3, 1), (7, 3), (9, 2)].map(|(a, b)| key(a, b));
    let records = keys.map(with);
    let places = Places::of(&records);
    for (key, record) in keys.into_iter().zip(&records) {
        assert_eq!(places.find(IdentityKey::new(key), &records), Some(&**record));
    }
    for (first, last) in [(7, 4), (0, 1), (8, 1), (255, 1)] {
        assert_eq!(places.find(IdentityKey::new(key(first, last)), &records), None);
    }
    assert_eq!(Places::of(&[]).find(IdentityKey::new(keys[0]), &[]), None);
}

#[test]
fn a_server_is_recognised_by_its_own_certificate_for_the_key_that_its_link_proved() {
    let door = Door::new();
    for (epoch, configuration) in [(0, &door.first), (1, &door.second), (2, &door.third)] {
        let certificate = door.certificate(epoch);
        assert_eq!(judge(&member(configuration), key(epoch), &certificate), Ok(server()));
        let record = configuration.configuration().members.iter();
        let record = record.clone().find(|member| member.identity_key == server()).unwrap();
        let named = record.epoch_key;
        assert_eq!(named, Some(certificate.statement.epoch_key), "what is named is shown");
    }
}

#[test]
fn mem_11_only_the_current_epoch_and_the_next_are_believed_by_who_has_a_configuration() {
    let door = Door::new();
    let verdict =
        |configuration, epoch| judge(&member(configuration), key(epoch), &door.certificate(epoch));
    assert_eq!(verdict(&door.first, 1), Ok(server()), "who is ahead is let in");
    assert_eq!(verdict(&door.first, 2), Err(Unrecognised::OtherEpoch), "MEM-11");
    assert_eq!(verdict(&door.second, 2), Ok(server()));
    assert_eq!(verdict(&door.third, 3), Ok(server()));
}

#[test]
fn mem_11_the_thief_of_an_old_epoch_key_is_nobody_in_later_epochs() {
    let door = Door::new();
    for (stolen, configuration) in [(0, &door.second), (0, &door.third), (1, &door.third)] {
        let shown = door.certificate(stolen);
        let verdict = judge(&member(configuration), key(stolen), &shown);
        assert_eq!(verdict, Err(Unrecognised::OtherEpoch), "MEM-11: key of epoch {stolen}");
    }
    // To say that it is for a later epoch takes the identity key.
    let mut relabelled = door.certificate(1);
    relabelled.statement.epoch = Epoch::new(3);
    let verdict = judge(&member(&door.third), key(1), &relabelled);
    assert_eq!(verdict, Err(Unrecognised::Forged), "MEM-11");
}

#[test]
fn mem_11_a_second_key_of_the_current_epoch_is_refused_though_the_identity_signed_it() {
    // A liar that certifies two keys is one server with one of them.
    let door = Door::new();
    let second = epoch_signer(77, Epoch::new(1)).public_key();
    let shown = certify(door.system(), 1, second);
    let verdict = judge(&member(&door.second), second, &shown);
    assert_eq!(verdict, Err(Unrecognised::SecondKey), "MEM-11");
}

#[test]
fn who_has_no_configuration_yet_believes_the_identity_whatever_the_epoch() {
    let door = Door::new();
    let newcomer = Recognition::Newcomer(door.system());
    for epoch in [0, 1, 9] {
        assert_eq!(judge(&newcomer, key(epoch), &door.certificate(epoch)), Ok(server()));
    }
}

#[test]
fn mem_11_a_server_that_deposited_no_key_is_known_by_any_that_it_certified_for_the_epoch() {
    let door = Door::new();
    let mut configuration = door.second.configuration().clone();
    let group = configuration.membership_group.clone();
    // Made larger than its group, so that somebody may be without.
    let keyless = configuration.members.iter_mut().find(|member| !group.contains(&member.id));
    let keyless = Arc::make_mut(keyless.expect("five servers, four in the group"));
    keyless.epoch_key = None;
    let identity_key = keyless.identity_key;
    let lineage = door.second.header().header().lineage;
    let certified = door.world.certify(configuration, lineage);
    let verified = certified.verify(&door.world.founding.system_key, &schemes()).unwrap();
    let own = (0..SERVERS).find(|server| identity(*server).identity_key() == identity_key);
    let own = own.expect("it is one of the servers");
    let shown = |epoch: u64| {
        let (epoch, key) = (Epoch::new(epoch), epoch_signer(own, Epoch::new(epoch)).public_key());
        let statement = EpochKeyStatement::of_system(door.system(), identity_key, epoch, key);
        EpochKeyCertificate::issue(statement, &identity_in(own, epoch))
    };
    let verdict = |epoch| {
        let shown = shown(epoch);
        judge(&member(&verified), shown.statement.epoch_key, &shown)
    };
    assert_eq!([1, 2].map(verdict), [Ok(identity_key); 2]);
    assert_eq!([0, 3].map(verdict), [Err(Unrecognised::OtherEpoch); 2]);
}

/// The second configuration, in which a server has another root, and the key that it had or none.
fn with_later_root(door: &Door, of: usize, epoch_key: Option<PublicKey>) -> Recognition {
    let mut configuration = door.second.configuration().clone();
    let key = identity(of).identity_key();
    let record = configuration.members.iter_mut().find(|member| member.identity_key == key);
    let record = Arc::make_mut(record.unwrap());
    record.later_root =
        Some(Box::new(LaterRoot { root: heir(of, Epoch::new(1)).root(), since: Epoch::new(1) }));
    record.epoch_key = epoch_key;
    let lineage = door.second.header().header().lineage;
    let certified = door.world.certify(configuration, lineage);
    member(&certified.verify(&door.world.founding.system_key, &schemes()).unwrap())
}

/// The tree that took the place of a server's, in an epoch.
fn heir(of: usize, epoch: Epoch) -> Identity<IdealTree> {
    let mut heir = successor(of, b'h', Epoch::new(1));
    while heir.epoch() < epoch {
        heir.evolve().unwrap();
    }
    heir
}

/// What a server shows for its key of an epoch, by the tree that it began with or by that of after
/// the change.
fn shown(door: &Door, of: usize, epoch: u64) -> [EpochKeyCertificate; 2] {
    let epoch = Epoch::new(epoch);
    let epoch_key = epoch_signer(of, epoch).public_key();
    let identity_key = identity(of).identity_key();
    let statement = EpochKeyStatement::of_system(door.system(), identity_key, epoch, epoch_key);
    let trees = [identity_in(of, epoch), heir(of, epoch)];
    trees.map(|tree| EpochKeyCertificate::issue(statement, &tree))
}

#[test]
fn mem_18_behind_a_change_of_root_the_new_root_certifies_keys_and_the_old_one_none() {
    let door = Door::new();
    let rule = with_later_root(&door, SERVER, Some(key(1)));
    let [by_old, by_new] = shown(&door, SERVER, 2);
    assert_eq!(judge(&rule, key(2), &by_new), Ok(server()), "the next epoch");
    let verdict = judge(&rule, key(2), &by_old);
    assert_eq!(verdict, Err(Unrecognised::Forged), "MEM-18: whoever has the old tree is nobody");
    // The key of the present epoch was certified by the root of the epoch before.
    let [by_old, _] = shown(&door, SERVER, 1);
    assert_eq!(judge(&rule, key(1), &by_old), Ok(server()), "it is named");
    let second = epoch_signer(77, Epoch::new(1)).public_key();
    let by_old = certify(door.system(), 1, second);
    assert_eq!(judge(&rule, second, &by_old), Err(Unrecognised::Forged), "MEM-18");
}

#[test]
fn mem_18_who_is_an_epoch_behind_a_change_of_root_recognises_the_server() {
    let door = Door::new();
    let [by_old, _] = shown(&door, SERVER, 1);
    let verdict = judge(&member(&door.first), key(1), &by_old);
    assert_eq!(verdict, Ok(server()), "the old root certified the key of the first epoch");
    let [_, by_new] = shown(&door, SERVER, 2);
    let verdict = judge(&member(&door.second), key(2), &by_new);
    assert_eq!(
        verdict,
        Err(Unrecognised::Forged),
        "without the change of root it is anybody's tree"
    );
}

#[test]
fn mem_18_without_a_named_key_only_the_root_in_the_record_counts() {
    let door = Door::new();
    let group = &door.second.configuration().membership_group;
    let mut members = door.second.configuration().members.iter();
    let outside = members.find(|member| !group.contains(&member.id)).unwrap().identity_key;
    let of = (0..SERVERS).find(|server| identity(*server).identity_key() == outside).unwrap();
    let rule = with_later_root(&door, of, None);
    for epoch in [1, 2] {
        let [by_old, by_new] = shown(&door, of, epoch);
        let epoch_key = by_new.statement.epoch_key;
        assert_eq!(judge(&rule, epoch_key, &by_new), Ok(outside));
        let verdict = judge(&rule, epoch_key, &by_old);
        assert_eq!(verdict, Err(Unrecognised::Forged), "MEM-18: {epoch}");
    }
}

#[test]
fn who_has_no_configuration_yet_does_not_know_which_root_a_server_has() {
    let door = Door::new();
    let newcomer = Recognition::Newcomer(door.system());
    let [by_old, by_new] = shown(&door, SERVER, 2);
    for shown in [&by_old, &by_new] {
        assert_eq!(judge(&newcomer, key(2), shown), Ok(server()));
    }
    let [_, too_early] = shown(&door, SERVER, 1);
    assert_eq!(judge(&newcomer, key(1), &too_early), Err(Unrecognised::Forged));
    let mut forged = by_new;
    forged.statement.identity_key = identity(9).identity_key();
    assert_eq!(judge(&newcomer, key(2), &forged), Err(Unrecognised::Forged));
}

/// Whoever answers at the address of a founder makes a tree and says that it is the later root of
/// that one's identity. With `f + 1` of them it would name the system's key.
#[test]
fn mem_77_who_has_no_key_takes_nobody_for_a_founder_by_another_root() {
    let door = Door::new();
    let keyless = Recognition::Keyless(door.system());
    for epoch in [1, 2, 3] {
        let [by_first, by_other] = shown(&door, SERVER, epoch);
        let epoch_key = by_first.statement.epoch_key;
        assert_eq!(judge(&keyless, epoch_key, &by_first), Ok(server()), "{epoch}");
        let verdict = judge(&keyless, epoch_key, &by_other);
        assert_eq!(verdict, Err(Unrecognised::Forged), "MEM-77: {epoch}");
    }
}

#[test]
fn a_certificate_of_another_is_refused_by_name() {
    let door = Door::new();
    let newcomer = Recognition::Newcomer(door.system());
    for rule in [newcomer, Recognition::Keyless(door.system()), member(&door.first)] {
        // Shown by who does not hold the key: stolen, replayed or passed on.
        let thief = epoch_signer(9, Epoch::ZERO).public_key();
        let verdict = judge(&rule, thief, &door.certificate(0));
        assert_eq!(verdict, Err(Unrecognised::OtherKey));
        // The thief's own key under the name of the server.
        let mut own = door.certificate(0);
        own.statement.epoch_key = thief;
        assert_eq!(judge(&rule, thief, &own), Err(Unrecognised::Forged));
        // Its own identity, but the key of the server is not certified by that.
        let other = EpochKeyStatement {
            identity_key: identity(9).identity_key(),
            ..door.certificate(0).statement
        };
        let shown = EpochKeyCertificate { statement: other, ..door.certificate(0) };
        assert_eq!(judge(&rule, key(0), &shown), Err(Unrecognised::Forged));
    }
}

#[test]
fn a_certificate_for_another_system_is_refused_by_name() {
    let door = Door::new();
    let foreign = certify(SystemId::new([1; 32]), 1, key(1));
    let newcomer = Recognition::Newcomer(door.system());
    for rule in [newcomer, Recognition::Keyless(door.system()), member(&door.second)] {
        assert_eq!(judge(&rule, key(1), &foreign), Err(Unrecognised::OtherSystem));
    }
}

#[test]
fn only_a_statement_about_epoch_0_names_no_system() {
    let door = Door::new();
    let newcomer = Recognition::Newcomer(door.system());
    let mut nameless = door.certificate(1);
    nameless.statement.system = None;
    let mut named = door.certificate(0);
    named.statement.system = Some(door.system());
    for (epoch, statement) in [(1, nameless.statement), (0, named.statement)] {
        let signer = identity_in(SERVER, Epoch::new(epoch));
        let signed = EpochKeyCertificate::issue(statement, &signer);
        let verdict = judge(&newcomer, key(epoch), &signed);
        assert_eq!(verdict, Err(Unrecognised::Malformed), "even well signed");
    }
}

#[test]
fn every_prefix_and_every_flipped_bit_of_a_certificate_is_refused() {
    let door = Door::new();
    for (epoch, configuration) in [(0, &door.first), (1, &door.second)] {
        let bytes = encode(&door.certificate(epoch));
        assert_eq!(decode(&bytes), Ok(door.certificate(epoch)));
        for rule in [member(configuration), Recognition::Newcomer(door.system())] {
            let verdict = |shown: &[u8]| rule.recognise(key(epoch), shown, &registry());
            for length in 0..bytes.len() {
                assert_eq!(verdict(&bytes[..length]), Err(Unrecognised::Malformed));
            }
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(verdict(&flipped).is_err(), "bit {bit} of a certificate of epoch {epoch}");
            }
        }
    }
}

#[test]
fn a_certificate_is_one_byte_of_format_a_statement_and_a_tagged_signature() {
    let door = Door::new();
    let bytes = encode(&door.certificate(1));
    assert_eq!(bytes.len(), 1 + (1 + 32 + 32 + 8 + 32 + 1) + (1 + 8 + 64 + 32 + 12 * 32));
    assert_eq!((bytes[0], bytes[1], bytes[107]), (1, 1, 2));
    assert_eq!(bytes[106], 0, "no other root");
    assert_eq!(bytes[108..116], [0; 8], "the first epoch of the tree");
    assert_eq!(bytes[2..34], *door.system().as_bytes());
    assert_eq!(bytes[34..66], *server().as_bytes());
    assert_eq!(bytes[66..74], [0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(bytes[74..106], *key(1).as_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn no_byte_sequence_is_taken_for_a_certificate_or_makes_the_rule_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200)
    ) {
        let newcomer = Recognition::Newcomer(SystemId::new([1; 32]));
        let shown: Vec<u8> = [&[1, 0][..], &bytes].concat();
        prop_assert!(newcomer.recognise(key(0), &bytes, &registry()).is_err());
        prop_assert!(newcomer.recognise(key(0), &shown, &registry()).is_err());
    }
}
