//! A statement counts for one system, one server, one epoch and one key.
use quorate_crypto::{IdentitySigner, Signer, Verifier};
use quorate_types::{Epoch, SystemId};

use super::EpochKeyStatement;
use crate::testing::{World, epoch_signer, identity, registry};

#[test]
fn a_statement_counts_for_one_system_one_server_one_epoch_and_one_key() {
    let world = World::new(4, 1);
    let (system, epoch) = (world.genesis.system(), Epoch::new(3));
    let mut member = world.first.configuration().members[0].clone();
    let signer =
        (0..4).map(identity).find(|one| one.identity_key() == member.identity_key).unwrap();
    let statement = EpochKeyStatement::of_member(system, epoch, &member);
    let signature = statement.sign(&signer);
    let is_valid = |statement: EpochKeyStatement| registry().is_valid(&statement.check(signature));
    assert!(is_valid(statement));

    let foreign = SystemId::new([0; 32]);
    assert!(!is_valid(EpochKeyStatement::of_member(foreign, epoch, &member)));
    assert!(!is_valid(EpochKeyStatement::of_member(system, epoch.next(), &member)));
    assert!(!is_valid(EpochKeyStatement::founding(member.identity_key, member.epoch_key)));
    member.epoch_key = epoch_signer(9, epoch).public_key();
    assert!(!is_valid(EpochKeyStatement::of_member(system, epoch, &member)));
}

#[test]
fn only_the_first_epoch_names_no_system() {
    let world = World::new(4, 1);
    let member = &world.first.configuration().members[0];
    let system = world.genesis.system();
    let of = |epoch| EpochKeyStatement::of_member(system, epoch, member).system;
    assert_eq!(of(Epoch::ZERO), None);
    assert_eq!(of(Epoch::new(1)), Some(system));
}
