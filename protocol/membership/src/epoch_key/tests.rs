//! A statement counts for one system, one server, one epoch and one key.
use quorate_crypto::{Signer, Verifier};
use quorate_types::{Epoch, SystemId};

use super::EpochKeyStatement;
use crate::identity::IdentitySigner;
use crate::testing::{World, epoch_signer, identity, identity_in, registry};

#[test]
fn a_statement_counts_for_one_system_one_server_one_epoch_and_one_key() {
    let world = World::new(4, 1);
    let (system, epoch) = (world.genesis.system(), Epoch::new(3));
    let member = world.first.configuration().members[0].clone();
    let (identity_key, epoch_key) = (member.identity_key, member.epoch_key.unwrap());
    let mut signer = (0..4).map(|server| identity_in(server, epoch));
    let signer = signer.find(|one| one.identity_key() == member.identity_key).unwrap();
    let statement = EpochKeyStatement::of_system(system, identity_key, epoch, epoch_key);
    let signature = statement.sign(&signer);
    let is_valid = |statement: EpochKeyStatement| {
        statement.check(&signature, signer.root()).is_some_and(|check| registry().is_valid(&check))
    };
    assert!(is_valid(statement));

    let of = EpochKeyStatement::of_system;
    assert!(!is_valid(of(SystemId::new([0; 32]), identity_key, epoch, epoch_key)));
    assert!(!is_valid(of(system, identity(9).identity_key(), epoch, epoch_key)));
    assert!(!is_valid(of(system, identity_key, epoch.next(), epoch_key)));
    assert!(!is_valid(EpochKeyStatement::founding(identity_key, epoch_key)));
    let other_key = epoch_signer(9, epoch).public_key();
    assert!(!is_valid(of(system, identity_key, epoch, other_key)));
    assert!(!is_valid(statement.naming(Some(identity(9).root()))), "nor names another root");
}

#[test]
fn only_the_first_epoch_names_no_system() {
    let world = World::new(4, 1);
    let admission = &world.genesis.genesis().admissions[0];
    let (system, identity_key) = (world.genesis.system(), admission.identity_key());
    let of = |epoch| {
        EpochKeyStatement::of_system(system, identity_key, epoch, admission.epoch_key()).system
    };
    assert_eq!(of(Epoch::ZERO), None);
    assert_eq!(of(Epoch::new(1)), Some(system));
}
