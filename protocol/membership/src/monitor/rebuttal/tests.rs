//! Scenario 14: who is evicted though it is there says so.
use std::sync::Arc;

use quorate_types::{Epoch, MemberRecord, Slot};
use quorate_wire::{Writer, decode, encode};

use super::Rebuttal;
use crate::epoch_key::{EpochKeyCertificate, EpochKeyStatement};
use crate::monitor::answerer::{AnswerKey, Answerer, Answering};
use crate::monitor::datagram::{Answer, Question, Shown, Ticket, Wanted};
use crate::testing::{World, epoch_signer, identity, registry};

const EVICTED_IN: Slot = Slot::new(50);

struct Scene {
    world: World,
    record: MemberRecord,
}

impl Scene {
    fn new() -> Self {
        let world = World::new(8, 1);
        let record = world.first.configuration().members[0].as_ref().clone();
        Self { world, record }
    }

    /// What the accused itself answers to a prober that tells it of an eviction.
    fn rebuttal(&self, eviction: Slot, with_certificate: bool) -> Rebuttal {
        let system = self.world.first.configuration().system;
        let (server, identity_key) = (self.record.id, self.record.identity_key);
        let number = self.world.number_of(identity_key);
        let epoch_key = epoch_signer(number, Epoch::ZERO);
        let statement = EpochKeyStatement::founding(
            identity_key,
            quorate_crypto::Signer::public_key(&epoch_key),
        );
        let certificate = EpochKeyCertificate::issue(statement, &identity(number));
        let key = AnswerKey {
            epoch: Epoch::ZERO,
            signer: Arc::new(epoch_key),
            certificate: Some(certificate),
        };
        let question = Question {
            to: server,
            epoch: Epoch::ZERO,
            ticket: Ticket { place: 0, token: 0 },
            wanted: Wanted::Accused { slot: eviction, certificate: with_certificate },
        };
        let mut writer = Writer::default();
        Answerer::new(system, server, key).answer(&question, &mut writer).unwrap();
        let shown = decode::<Answer>(writer.as_bytes()).unwrap().shown;
        let Shown::Rebuttal(proof) = shown else { panic!("{shown:?}") };
        let certificate = proof.certificate.map(|it| *it);
        let rebuttal = Rebuttal { server, eviction, signature: proof.signature, certificate };
        assert_eq!(decode::<Rebuttal>(&encode(&rebuttal)).as_ref(), Ok(&rebuttal));
        rebuttal
    }

    fn is_valid(&self, rebuttal: &Rebuttal, record: &MemberRecord) -> bool {
        let configuration = self.world.first.configuration();
        let (system, epoch) = (configuration.system, configuration.epoch);
        let answering = Answering { system, epoch, server: rebuttal.server };
        rebuttal.is_valid(&answering, record, &registry())
    }
}

#[test]
fn a_server_speaks_against_one_eviction_and_no_other() {
    let scene = Scene::new();
    let rebuttal = scene.rebuttal(EVICTED_IN, false);
    assert!(scene.is_valid(&rebuttal, &scene.record));
    let older = scene.rebuttal(Slot::new(49), false);
    let relabelled = Rebuttal { eviction: EVICTED_IN, ..older };
    assert!(!scene.is_valid(&relabelled, &scene.record));
    let other = scene.world.first.configuration().members[1].clone();
    let stolen = Rebuttal { server: other.id, ..rebuttal };
    assert!(!scene.is_valid(&stolen, &other));
}

#[test]
fn where_the_configuration_names_no_key_the_identity_does() {
    let scene = Scene::new();
    let keyless = MemberRecord { epoch_key: None, ..scene.record.clone() };
    assert!(!scene.is_valid(&scene.rebuttal(EVICTED_IN, false), &keyless));
    let shown = scene.rebuttal(EVICTED_IN, true);
    assert!(scene.is_valid(&shown, &keyless));
    let other = scene.world.first.configuration().members[1].identity_key;
    let strange = MemberRecord { identity_key: other, ..keyless };
    assert!(!scene.is_valid(&shown, &strange), "the certificate is of another identity");
}
