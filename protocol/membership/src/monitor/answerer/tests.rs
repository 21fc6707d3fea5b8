//! A server answers for itself alone, with the right key, and signs nothing of use to others.
use std::sync::Arc;

use quorate_crypto::{Domain, SignatureCheck, Signer, Verifier, hash, hash_of};
use quorate_types::{Digest, Epoch, NodeId, Slot, SystemId};
use quorate_wire::{Writer, decode, encode};

use super::{AnswerKey, Answerer, Answering, Unanswered};
use crate::epoch_key::{EpochKeyCertificate, EpochKeyStatement};
use crate::freshness::{Nonce, Subject};
use crate::identity::IdentitySigner;
use crate::monitor::datagram::{Answer, Question, Shown, Ticket, Wanted};
use crate::testing::{epoch_signer, identity, identity_in, registry};

const SYSTEM: SystemId = SystemId::new([1; 32]);
const SERVER: NodeId = NodeId::new([2; 32]);

fn key(epoch: u64) -> AnswerKey {
    let epoch = Epoch::new(epoch);
    let epoch_key = epoch_signer(0, epoch).public_key();
    let identity_key = identity(0).identity_key();
    let statement = EpochKeyStatement::of_system(SYSTEM, identity_key, epoch, epoch_key);
    let certificate = Some(EpochKeyCertificate::issue(statement, &identity_in(0, statement.epoch)));
    AnswerKey { epoch, signer: Arc::new(epoch_signer(0, epoch)), certificate }
}

fn question(epoch: u64, wanted: Wanted) -> Question {
    let ticket = Ticket { place: 7, token: 8 };
    Question { to: SERVER, epoch: Epoch::new(epoch), ticket, wanted }
}

fn answer(answerer: &Answerer, question: &Question) -> Answer {
    let mut writer = Writer::default();
    answerer.answer(question, &mut writer).unwrap();
    assert!(writer.as_bytes().len() <= encode(question).len(), "MEM-41");
    decode(writer.as_bytes()).unwrap()
}

fn nonce() -> Nonce {
    Nonce::new(Digest::new([9; 32]))
}

#[test]
fn a_plain_question_is_answered_without_a_signature() {
    let answerer = Answerer::new(SYSTEM, SERVER, key(3));
    let shown = answer(&answerer, &question(3, Wanted::Plain));
    let ticket = Ticket { place: 7, token: 8 };
    assert_eq!(shown, Answer { ticket, epoch: Epoch::new(3), shown: Shown::Life });
}

#[test]
fn a_question_to_another_server_has_no_answer() {
    let answerer = Answerer::new(SYSTEM, NodeId::new([3; 32]), key(3));
    let mut writer = Writer::default();
    let nothing = answerer.answer(&question(3, Wanted::Plain), &mut writer);
    assert_eq!(nothing, Err(Unanswered::NotMine));
    assert_eq!(writer.as_bytes(), []);
}

#[test]
fn a_nonce_is_signed_with_the_key_of_the_epoch_that_is_asked_for() {
    let mut answerer = Answerer::new(SYSTEM, SERVER, key(3));
    answerer.hold(key(4));
    for epoch in [3, 4] {
        let wanted = Wanted::Signed { nonce: nonce(), certificate: false };
        let shown = answer(&answerer, &question(epoch, wanted));
        let Shown::Signature(proof) = shown.shown else { panic!("{shown:?}") };
        let epoch = Epoch::new(epoch);
        let said = (epoch_signer(0, epoch).public_key(), proof.signature);
        let answering = Answering { system: SYSTEM, epoch, server: SERVER };
        assert!(registry().is_valid(&answering.check_answer(nonce(), said)));
        assert_eq!(proof.certificate, None);
    }
}

#[test]
fn the_certificate_of_the_key_is_shown_where_it_is_wanted() {
    let answerer = Answerer::new(SYSTEM, SERVER, key(3));
    for wanted in [
        Wanted::Signed { nonce: nonce(), certificate: true },
        Wanted::Accused { slot: Slot::new(5), certificate: true },
    ] {
        let (Shown::Signature(proof) | Shown::Rebuttal(proof)) =
            answer(&answerer, &question(3, wanted)).shown
        else {
            panic!("no proof")
        };
        assert_eq!(proof.certificate.map(|shown| *shown), key(3).certificate);
    }
}

#[test]
fn without_the_key_of_the_epoch_nothing_is_proved() {
    let mut answerer = Answerer::new(SYSTEM, SERVER, key(3));
    answerer.hold(key(4));
    answerer.hold(key(5));
    let wanted = Wanted::Signed { nonce: nonce(), certificate: false };
    let shown = answer(&answerer, &question(3, wanted));
    assert_eq!((shown.epoch, shown.shown), (Epoch::new(5), Shown::Life), "two keys are held");
    answerer.forget(Epoch::new(4));
    let shown = answer(&answerer, &question(4, wanted));
    assert_eq!((shown.epoch, shown.shown), (Epoch::new(5), Shown::Life), "DUT-6: it is erased");
    answerer.forget(Epoch::new(5));
    assert!(answerer.epochs().eq([Epoch::new(5)]), "it answers with something");
}

/// Scenario 11: an asker that chooses its nonce cannot get a signature that counts elsewhere.
#[test]
fn mem_42_probes_are_no_signing_oracle() {
    let answerer = Answerer::new(SYSTEM, SERVER, key(3));
    let (epoch, key) = (Epoch::new(3), epoch_signer(0, Epoch::new(3)).public_key());
    let subject = Subject { system: SYSTEM, epoch, header: Digest::ZERO, nonce: nonce() };
    let coveted = [
        hash_of(Domain::Freshness, &(subject, SERVER)),
        hash(Domain::Prepare, b"a vote"),
        hash(Domain::Checkpoint, b"a state"),
        hash(Domain::Observation, b"a suspicion"),
        hash(Domain::EpochKey, b"a key"),
    ];
    for digest in coveted {
        // The digest itself as the nonce is the best that an asker can do.
        let wanted = Wanted::Signed { nonce: Nonce::new(digest), certificate: false };
        let Shown::Signature(proof) = answer(&answerer, &question(3, wanted)).shown else {
            panic!("no signature")
        };
        let check = SignatureCheck { key, digest, signature: proof.signature };
        assert!(!registry().is_valid(&check));
    }
    let answering = Answering { system: SYSTEM, epoch, server: SERVER };
    let wanted = Wanted::Signed { nonce: nonce(), certificate: false };
    let Shown::Signature(proof) = answer(&answerer, &question(3, wanted)).shown else {
        panic!("no signature")
    };
    for slot in 0..1000 {
        let check = answering.check_rebuttal(Slot::new(slot), (key, proof.signature));
        assert!(!registry().is_valid(&check), "an answer to a probe rebuts nothing");
    }
}

#[test]
fn a_rebuttal_is_of_one_eviction() {
    let answerer = Answerer::new(SYSTEM, SERVER, key(3));
    let wanted = Wanted::Accused { slot: Slot::new(5), certificate: false };
    let Shown::Rebuttal(proof) = answer(&answerer, &question(3, wanted)).shown else {
        panic!("no rebuttal")
    };
    let said = (epoch_signer(0, Epoch::new(3)).public_key(), proof.signature);
    let check = |epoch, server, slot| {
        let answering = Answering { system: SYSTEM, epoch: Epoch::new(epoch), server };
        registry().is_valid(&answering.check_rebuttal(Slot::new(slot), said))
    };
    assert!(check(3, SERVER, 5));
    assert!(!check(3, SERVER, 6));
    assert!(!check(4, SERVER, 5));
    assert!(!check(3, NodeId::new([3; 32]), 5));
}
