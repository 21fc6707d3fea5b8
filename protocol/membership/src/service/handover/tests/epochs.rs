//! Many epochs in a row: the servers change, the groups change, the key does not.
use std::collections::BTreeSet;
use std::vec::Vec;

use quorate_crypto::Signer;
use quorate_types::{Digest, Epoch, IdentityKey, MemberStatus, NodeId, SystemId};
use quorate_wire::encode;

use super::harness::{Town, decryption_key};
use crate::election::node_id;
use crate::epoch_key::{EpochKeyCertificate, EpochKeyStatement};
use crate::handover::{CommitmentBytes, Deposit, HandoverOperation, Stage};
use crate::header::Lineage;
use crate::identity::IdentitySigner;
use crate::recognition::{Recognition, Unrecognised};
use crate::service::{HandoverRefusal, MembershipOperation, MembershipReply};
use crate::testing::{epoch_signer, identity, identity_in, registry};

fn key_of(server: usize) -> IdentityKey {
    identity(server).identity_key()
}

const ALL: NodeId = NodeId::new([0; 32]);

#[test]
fn a_system_lives_through_many_epochs_under_one_key_while_its_servers_change() {
    let mut town = Town::new(7, 1);
    let system_key = town.sharing().public_key();
    let mut groups = BTreeSet::new();
    for round in 0..6u64 {
        let epoch = town.epoch();
        assert_eq!(epoch, Epoch::new(round));
        let newcomer = 10 + usize::try_from(round).unwrap();
        assert_eq!(town.add(newcomer), MembershipReply::Recorded(epoch));
        let leaver = town.servers()[usize::try_from(round).unwrap()];
        // Neighbours on the ring among them, which is not what this is about.
        assert_eq!(town.remove_as(leaver, true), MembershipReply::Recorded(epoch));
        let (before, old_hash) = (town.servers(), town.configuration.hash());

        town.live_an_epoch();

        let mut expected: BTreeSet<_> = before.into_iter().collect();
        expected.remove(&leaver);
        expected.insert(newcomer);
        assert_eq!(town.servers().into_iter().collect::<BTreeSet<_>>(), expected);
        assert_eq!(town.configuration.header().header().lineage.previous, old_hash);
        assert_eq!(*town.configuration.header().system_key(), system_key, "THR-6");
        assert_eq!(town.news().stage, Stage::Open);
        assert_eq!(town.news().change_count, 0);
        groups.insert(town.group());
    }
    assert!(groups.len() > 1, "groups are drawn anew");
}

#[test]
fn a_group_of_seven_hands_over_to_the_next() {
    let mut town = Town::new(9, 2);
    for _ in 0..2 {
        town.live_an_epoch();
        assert_eq!(town.group().len(), 7);
    }
}

#[test]
fn the_header_of_the_next_epoch_says_what_the_log_decided() {
    let mut town = Town::new(7, 1);
    town.prepare();
    let underway = town.underway();
    town.deal_all();
    let complete = town.complete(&town.recipients());
    town.take(complete).unwrap();

    let decided = town.decided();
    let lineage = Lineage {
        previous: town.configuration.hash(),
        attempt: 0,
        randomness: underway.randomness,
        commitments: decided.sharing.digest(),
    };
    assert_eq!(decided.header.lineage, lineage);
    assert_eq!(decided.header.created, town.time(), "MEM-56");
    let seats: Vec<_> = underway.attempt.seats.iter().map(|seat| seat.node).collect();
    assert_eq!(decided.header.membership_group, seats);
    assert_ne!(decided.sharing, CommitmentBytes::of(town.sharing().commitment()), "a fresh one");
}

#[test]
fn a_new_server_gets_its_id_from_randomness_that_nobody_knew_when_it_was_admitted() {
    let mut town = Town::new(7, 1);
    town.add(20);
    town.deposit(20).unwrap();
    town.prepare();
    let seats = town.underway().attempt.seats;
    let shares = town.finish();
    town.turn(shares);

    let lineage = town.configuration.header().header().lineage;
    let record = town.record_of(20).unwrap();
    let system = town.configuration.configuration().system;
    assert_eq!(record.id, node_id(system, record.identity_key, lineage.randomness), "MEM-10");
    let key = epoch_signer(20, Epoch::new(1)).public_key();
    assert_eq!(record.epoch_key, Some(key), "it deposited one");
    assert!(
        seats.iter().all(|seat| seat.node != record.id),
        "drawn an epoch later at the earliest"
    );
    let reader = town.reader();
    let known = reader.key_record(key_of(20)).unwrap();
    assert_eq!(known.member, Some(record.id));
}

#[test]
fn a_server_that_moved_keeps_its_id_and_gets_its_address() {
    let mut town = Town::new(7, 1);
    let before = town.record_of(3).unwrap();
    town.add(3);
    assert_eq!(town.record_of(3), Some(before.clone()), "not before the epoch ends");
    town.live_an_epoch();
    let after = town.record_of(3).unwrap();
    assert_eq!(after.id, before.id);
    assert_ne!(after.probe_port, before.probe_port);
    assert_eq!(town.servers().len(), 7);
}

#[test]
fn a_member_of_the_group_that_is_removed_leaves_with_the_epoch() {
    let mut town = Town::new(7, 1);
    let member = town.group()[0];
    let server = town.number_of(member);
    town.remove(server);
    town.live_an_epoch();
    assert_eq!(town.record_of(server), None);
    let record = town.place_of(server).unwrap();
    assert_eq!(record.status, MemberStatus::Removed, "its place on the ring stays");
    assert_eq!((record.id, record.is_on_ring, record.epoch_key), (member, true, None));
    assert!(!town.group().contains(&member));
    assert_eq!(
        town.add(server),
        MembershipReply::Refused(crate::service::Refusal::Removed { last_epoch: Epoch::new(1) }),
        "settled point 32"
    );
}

#[test]
fn whoever_deposited_nothing_is_not_drawn_and_has_no_key() {
    let mut town = Town::new(8, 1);
    let silent = town.servers()[7];
    for server in town.servers() {
        if server != silent {
            town.deposit(server).unwrap();
        }
    }
    town.freeze();
    let beacon = town.beacon();
    town.take(beacon).unwrap();
    let shares = town.finish();
    town.turn(shares);
    let record = town.record_of(silent).unwrap();
    assert_eq!(record.epoch_key, None);
    assert!(!town.group().contains(&record.id));
}

/// Keys of the next epoch for one identity, signed by another.
fn claimed(town: &Town, (claimed, by): (usize, usize)) -> Deposit {
    let epoch = town.epoch().next();
    let signer = epoch_signer(by, epoch);
    let statement =
        EpochKeyStatement::of_system(system_of(town), key_of(claimed), epoch, signer.public_key());
    let certificate = EpochKeyCertificate::issue(statement, &identity_in(by, epoch));
    Deposit::new(certificate, &signer, &decryption_key(by, epoch))
}

/// Decision 23: what the authority signed without a proof is worth nothing without one.
#[test]
fn who_cannot_prove_the_identity_that_was_admitted_gets_in_nowhere() {
    const ADMITTED: usize = 20;
    const IMPOSTOR: usize = 21;
    let mut town = Town::new(7, 1);
    assert_eq!(town.add(ADMITTED), MembershipReply::Recorded(town.epoch()));
    for _ in 0..4 {
        let forged = claimed(&town, (ADMITTED, IMPOSTOR));
        let refused = town.take(HandoverOperation::Deposit(forged.into()));
        assert_eq!(refused, Err(HandoverRefusal::BadSignature), "it brings no keys");
        for server in town.servers().into_iter().filter(|server| *server != ADMITTED) {
            town.deposit(server).unwrap();
        }
        town.freeze();
        let beacon = town.beacon();
        town.take(beacon).unwrap();
        let shares = town.finish();
        town.turn(shares);

        let record = town.record_of(ADMITTED).expect("the authority admitted it");
        assert_eq!(record.epoch_key, None, "nothing that is signed in its name counts");
        assert!(!town.group().contains(&record.id), "it has no seat");
        assert!(!record.is_on_ring, "it holds no objects");
        let links = Recognition::member(&town.configuration);
        for shown in [town.epoch(), town.epoch().next()] {
            let key = epoch_signer(IMPOSTOR, shown).public_key();
            let statement =
                EpochKeyStatement::of_system(system_of(&town), key_of(ADMITTED), shown, key);
            let shown = EpochKeyCertificate::issue(statement, &identity_in(IMPOSTOR, shown));
            let known = links.recognise(key, &encode(&shown), &registry());
            assert_eq!(known, Err(Unrecognised::Forged), "it is nobody on links");
        }
    }
    // Whoever has the identity gets in, with the same certificate.
    town.live_an_epoch();
    let key = epoch_signer(ADMITTED, town.epoch()).public_key();
    assert_eq!(town.record_of(ADMITTED).unwrap().epoch_key, Some(key));
}

fn system_of(town: &Town) -> SystemId {
    town.configuration.configuration().system
}

#[test]
fn with_too_few_candidates_the_old_group_keeps_the_key_and_its_members() {
    let mut town = Town::new(5, 1);
    let group = town.group();
    let leaver = town.number_of(group[1]);
    assert_eq!(town.remove(leaver), MembershipReply::Recorded(Epoch::ZERO));
    let silent = town.number_of(group[3]);
    for server in group[..3].iter().map(|id| town.number_of(*id)).collect::<Vec<_>>() {
        town.deposit(server).unwrap();
    }
    town.freeze();
    let beacon = town.beacon();
    town.take(beacon).unwrap();
    let attempt = town.underway().attempt;
    assert_eq!(attempt.seats.iter().map(|seat| seat.node).collect::<Vec<_>>(), group);
    assert_eq!(attempt.seats[3].keys, None);
    let late = town.deposit_of(silent);
    let shares = town.finish();
    assert_eq!(shares.len(), 3);
    town.turn(shares);

    assert_eq!(town.group(), group);
    assert!(town.record_of(leaver).is_some(), "it has a seat");
    assert_eq!(town.record_of(silent).unwrap().epoch_key, None, "silent in the group");
    assert_eq!(town.configuration.group_member(group[3]), None);
    // Others take it for itself on links: otherwise it could never deposit again, and whoever
    // else fails is one too many.
    let recognition = Recognition::member(&town.configuration);
    let shown = encode(&late.certificate);
    let found = recognition.recognise(late.epoch_key(), &shown, &registry());
    assert_eq!(found, Ok(key_of(silent)));
    assert_eq!(town.reader().tally().waiting, 1, "its removal waits for the next epoch");
    assert_eq!(town.news().change_count, 0, "MEM-73: and ends it no sooner");
    town.live_an_epoch();
    assert_eq!(town.record_of(leaver), None);
    assert_eq!(town.servers().len(), 4);
}

#[test]
fn between_done_and_the_signature_the_configuration_is_awaited() {
    let mut town = Town::new(7, 1);
    let all = MembershipOperation::GetConfiguration(ALL);
    town.prepare();
    let shares = town.finish();
    assert_eq!(town.ask(&all), MembershipReply::Awaited(Epoch::new(1)));
    assert_eq!(town.news().epoch, Epoch::ZERO);
    assert_eq!(town.news().header, town.configuration.hash());
    town.turn(shares);
    let MembershipReply::Configuration(page) = town.ask(&all) else { panic!("a page") };
    assert_eq!(*page, town.configuration.page(ALL));
    let news = town.news();
    assert_eq!((news.epoch, news.header), (Epoch::new(1), town.configuration.hash()));
    assert_eq!(news.sharing.unwrap().digest(), named(&town));
}

fn named(town: &Town) -> Digest {
    town.configuration.header().header().lineage.commitments
}
