//! An identity gets another root with a deposit, and keeps its key, its id and its place.
use quorate_kes::IdealTree;
use quorate_types::{Epoch, IdentityRoot, MemberRecord, MemberStatus};

use super::harness::Town;
use crate::handover::{Deposit, HandoverOperation};
use crate::identity::{Identity, IdentitySigner};
use crate::later_root::RootProof;
use crate::service::table::Table;
use crate::service::{HandoverRefusal, MembershipReply};
use crate::testing::{identity, identity_in, successor};

/// A tree that follows in the identity of a server: its root, and what shows it.
fn heir(town: &Town, server: usize, seed: u8) -> (IdentityRoot, RootProof) {
    heir_from(town, server, (seed, town.epoch().next()))
}

fn heir_from(
    town: &Town,
    server: usize,
    (seed, first_epoch): (u8, Epoch),
) -> (IdentityRoot, RootProof) {
    let mut tree: Identity<IdealTree> = successor(server, seed, first_epoch);
    let system = town.configuration.configuration().system;
    (tree.root(), RootProof::give(system, &mut tree).unwrap())
}

/// The deposit of a server that names the tree of this seed.
pub(super) fn naming(town: &Town, server: usize, seed: u8) -> Deposit {
    let (root, proof) = heir(town, server, seed);
    town.deposit_naming(server, Some(root)).proving(Some(proof))
}

fn take(town: &mut Town, deposit: Deposit) -> Result<(), HandoverRefusal> {
    town.take(HandoverOperation::Deposit(deposit.into()))
}

fn refused(town: &mut Town, deposit: Deposit, refusal: HandoverRefusal) {
    assert_eq!(take(town, deposit), Err(refusal), "MEM-18");
}

/// A whole epoch in which a server gets another root.
fn succeed(town: &mut Town, server: usize, seed: u8) {
    let (deposit, first_epoch) = (naming(town, server, seed), town.epoch().next());
    take(town, deposit).unwrap();
    town.live_an_epoch();
    town.later_trees.insert(server, (seed, first_epoch));
}

#[test]
fn mem_18_a_server_gets_another_root_and_stays_who_it_is() {
    let mut town = Town::new(7, 1);
    let before = town.record_of(3).unwrap();
    assert_eq!(before.root(), before.identity_key.first_root());
    succeed(&mut town, 3, b'x');
    let after = town.record_of(3).unwrap();
    assert_eq!((after.id, after.identity_key), (before.id, before.identity_key));
    assert_eq!(after.root(), successor(3, b'x', Epoch::new(1)).root());
    assert!(after.epoch_key.is_some(), "it deposited one with it");
    // It goes on under the new root, epoch after epoch, and gets a third one.
    for _ in 0..3 {
        town.live_an_epoch();
        assert!(town.record_of(3).unwrap().epoch_key.is_some());
    }
    succeed(&mut town, 3, b'y');
    assert_eq!(town.record_of(3).unwrap().root(), successor(3, b'y', Epoch::new(5)).root());
    town.live_an_epoch();
    assert_eq!(town.record_of(3).unwrap().id, before.id);
}

#[test]
fn mem_18_all_servers_may_get_another_root_in_one_epoch() {
    let mut town = Town::new(7, 1);
    for server in town.servers() {
        let deposit = naming(&town, server, b'x');
        take(&mut town, deposit).unwrap();
        town.later_trees.insert(server, (b'x', Epoch::new(1)));
    }
    for _ in 0..2 {
        town.live_an_epoch();
        let members = &town.configuration.configuration().members;
        assert!(members.iter().all(|member| member.later_root.is_some()));
    }
}

#[test]
fn mem_18_the_thief_of_the_old_tree_deposits_nothing_behind_the_change() {
    let mut town = Town::new(7, 1);
    succeed(&mut town, 3, b'x');
    let honest = town.later_trees.remove(&3).unwrap();
    let stolen = town.deposit_of(3);
    refused(&mut town, stolen, HandoverRefusal::BadSignature);
    let back = naming(&town, 3, b'z');
    refused(&mut town, back, HandoverRefusal::BadSignature);
    town.later_trees.insert(3, honest);
    town.deposit(3).unwrap();
}

#[test]
fn mem_18_a_root_is_named_by_its_server_alone() {
    let mut town = Town::new(7, 1);
    let (root, proof) = heir(&town, 3, b'x');
    // Another server's statement under the name of the third.
    let mut forged = town.deposit_naming(4, Some(root)).proving(Some(proof.clone()));
    forged.certificate.statement.identity_key = identity(3).identity_key();
    refused(&mut town, forged, HandoverRefusal::BadSignature);
    // What shows a root to one server's identity shows nothing to another's.
    let stolen = town.deposit_naming(4, Some(root)).proving(Some(proof.clone()));
    refused(&mut town, stolen, HandoverRefusal::BadSignature);
    // Named on the way by who passes it on.
    let mut altered = town.deposit_of(3).proving(Some(proof.clone()));
    altered.certificate.statement.successor = Some(root);
    refused(&mut town, altered, HandoverRefusal::BadSignature);
    let good = town.deposit_naming(3, Some(root)).proving(Some(proof));
    take(&mut town, good).unwrap();
}

#[test]
fn mem_18_whoever_names_a_root_shows_it_and_whoever_shows_one_names_it() {
    let mut town = Town::new(7, 1);
    let (root, proof) = heir(&town, 3, b'x');
    let (other, _) = heir(&town, 3, b'y');
    let (late, late_proof) = heir_from(&town, 3, (b'x', Epoch::new(3)));
    let own = identity_in(3, Epoch::ZERO).root();
    let table = [
        (Some(root), None),
        (None, Some(proof.clone())),
        (Some(other), Some(proof.clone())),
        (Some(own), Some(proof)),
        (Some(late), Some(late_proof)),
    ];
    for (named, shown) in table {
        let deposit = town.deposit_naming(3, named).proving(shown);
        refused(&mut town, deposit, HandoverRefusal::BadSuccessor);
    }
}

#[test]
fn mem_18_of_two_roots_named_in_an_epoch_the_first_counts() {
    let mut town = Town::new(7, 1);
    let (first, second) = (naming(&town, 3, b'x'), naming(&town, 3, b'y'));
    take(&mut town, first).unwrap();
    refused(&mut town, second.clone(), HandoverRefusal::Repeated);
    town.live_an_epoch();
    town.later_trees.insert(3, (b'x', Epoch::new(1)));
    assert_eq!(town.record_of(3).unwrap().root(), successor(3, b'x', Epoch::new(1)).root());
    refused(&mut town, second, HandoverRefusal::OtherSubject);
}

#[test]
fn mem_18_a_root_named_behind_the_freeze_is_not_taken() {
    let mut town = Town::new(8, 1);
    let late = naming(&town, town.servers()[7], b'x');
    let servers = town.servers();
    for server in &servers[..7] {
        town.deposit(*server).unwrap();
    }
    town.freeze();
    refused(&mut town, late, HandoverRefusal::NotNow);
    let beacon = town.beacon();
    town.take(beacon).unwrap();
    let shares = town.finish();
    town.turn(shares);
    assert_eq!(town.record_of(servers[7]).unwrap().later_root, None);
}

#[test]
fn a_removal_of_the_same_epoch_counts_and_no_root_with_it() {
    for is_removed_first in [true, false] {
        let mut town = Town::new(7, 1);
        let deposit = naming(&town, 3, b'x');
        if is_removed_first {
            town.remove(3);
        }
        take(&mut town, deposit).unwrap();
        if !is_removed_first {
            town.remove(3);
        }
        town.live_an_epoch();
        let place = town.place_of(3).unwrap();
        assert_eq!((place.status, place.later_root), (MemberStatus::Removed, None));
        let again = naming(&town, 3, b'y');
        refused(&mut town, again, HandoverRefusal::Stranger);
        town.live_an_epoch();
        assert_eq!(town.place_of(3).unwrap().later_root, None, "it has no duties");
    }
}

#[test]
fn a_server_behind_a_change_of_root_is_removed_by_the_name_that_it_always_had() {
    let mut town = Town::new(7, 1);
    succeed(&mut town, 3, b'x');
    assert_eq!(town.remove(3), MembershipReply::Recorded(Epoch::new(1)));
    town.live_an_epoch();
    assert_eq!(town.record_of(3), None);
}

#[test]
fn an_inactive_server_gets_another_root_like_any_other() {
    let mut town = Town::new(7, 1);
    let records = town.servers().into_iter().map(|server| (server, town.record_of(server)));
    let outside = |record: &MemberRecord| !town.group().contains(&record.id);
    let mut outsiders = records.filter_map(|(server, record)| Some((server, record?)));
    let (server, mut record) = outsiders.find(|(_, record)| outside(record)).unwrap();
    record.status = MemberStatus::Inactive;
    Table::new(&mut town.state).put_member(&record);
    succeed(&mut town, server, b'x');
    let record = town.record_of(server).unwrap();
    assert_eq!(record.root(), successor(server, b'x', Epoch::new(1)).root());
    assert_eq!(record.status, MemberStatus::Inactive);
}

#[test]
fn a_newcomer_has_the_root_that_it_was_admitted_with() {
    let mut town = Town::new(7, 1);
    town.add(20);
    let early = naming(&town, 20, b'x');
    refused(&mut town, early, HandoverRefusal::BadSuccessor);
    town.deposit(20).unwrap();
    town.live_an_epoch();
    assert_eq!(town.record_of(20).unwrap().later_root, None);
}

#[test]
fn mem_18_a_root_that_was_replaced_does_not_come_back_with_a_new_admission() {
    let mut town = Town::new(7, 1);
    town.add(20);
    town.live_an_epoch();
    succeed(&mut town, 20, b'x');
    town.remove(20);
    town.live_an_epoch();
    assert_eq!(town.place_of(20), None, "it had no place on the ring");
    while matches!(town.add(20), MembershipReply::Refused(_)) {
        town.live_an_epoch();
    }
    let honest = town.later_trees.remove(&20).unwrap();
    let stolen = town.deposit_of(20);
    refused(&mut town, stolen, HandoverRefusal::BadSignature);
    town.later_trees.insert(20, honest);
    town.deposit(20).unwrap();
    town.live_an_epoch();
    assert_eq!(town.record_of(20).unwrap().root(), successor(20, b'x', Epoch::new(2)).root());
}

#[test]
fn mem_23_the_randomness_binds_which_roots_are_named() {
    let fixed = |seed: Option<u8>| {
        let mut town = Town::new(7, 1);
        if let Some(seed) = seed {
            let deposit = naming(&town, 3, seed);
            take(&mut town, deposit).unwrap();
        }
        town.deposit_all();
        town.freeze();
        town.frozen().fixed
    };
    let [none, one, other] = [None, Some(b'x'), Some(b'y')].map(fixed);
    assert!(none != one && one != other && none != other, "MEM-23");
}
