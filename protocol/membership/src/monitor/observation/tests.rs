//! Statements count in their epoch, for a while.
use proptest::prelude::*;
use quorate_types::{Epoch, NodeId, Slot, SystemId};
use quorate_wire::{decode, encode};

use super::{Claim, Judgement, Moment, Observation, SignedObservation, Unproven, Verdict};
use crate::testing::{World, registry};

const EXECUTING: Slot = Slot::new(100);

struct Scene {
    world: World,
    claim: Claim,
}

impl Scene {
    fn new() -> Self {
        let world = World::new(8, 1);
        let server = world.first.configuration().members[0].id;
        Self { claim: Claim { server, verdict: Verdict::Suspect }, world }
    }

    fn judgement(&self, decided: u64) -> Judgement {
        let configuration = self.world.first.configuration();
        let moment = Moment { slot: EXECUTING, age_max: 20 };
        let (system, epoch) = (configuration.system, configuration.epoch);
        Judgement { system, epoch, decided: Slot::new(decided), moment }
    }

    fn observation(&self) -> Observation {
        let configuration = self.world.first.configuration();
        let (system, epoch) = (configuration.system, configuration.epoch);
        Observation { system, epoch, slot: Slot::new(90), claim: self.claim }
    }

    fn sign(&self, member: usize, observation: Observation) -> SignedObservation {
        let id = self.world.group()[member];
        observation.sign(id, &*self.world.signer(id, Epoch::ZERO))
    }

    fn judge(&self, judgement: &Judgement, said: &SignedObservation) -> Result<(), Unproven> {
        let key = self.world.first.group_member(said.member).and_then(|member| member.epoch_key);
        judgement.check(said, key, &registry())
    }
}

#[test]
fn mem_43_a_member_is_believed_and_nobody_in_its_name() {
    let scene = Scene::new();
    let good = scene.sign(0, scene.observation());
    assert_eq!(scene.judge(&scene.judgement(85), &good), Ok(()));
    let forged = SignedObservation { member: scene.world.group()[1], ..good };
    assert_eq!(scene.judge(&scene.judgement(85), &forged), Err(Unproven::BadSignature));
}

#[test]
fn a_statement_of_this_morning_evicts_nobody_tonight() {
    let scene = Scene::new();
    let with = |slot| {
        let observation = Observation { slot: Slot::new(slot), ..scene.observation() };
        scene.judge(&scene.judgement(0), &scene.sign(1, observation))
    };
    assert_eq!(with(80), Ok(()));
    assert_eq!(with(79), Err(Unproven::Stale { age: 21, age_max: 20 }));
    assert_eq!(with(99), Ok(()));
    assert_eq!(with(100), Err(Unproven::FromTheFuture));
}

#[test]
fn what_was_said_before_a_decision_does_not_count_after_it() {
    let scene = Scene::new();
    let old = Observation { slot: Slot::new(84), ..scene.observation() };
    let outdated = Unproven::Outdated { made: Slot::new(84), needed: Slot::new(85) };
    assert_eq!(scene.judge(&scene.judgement(85), &scene.sign(0, old)), Err(outdated));
}

#[test]
fn a_statement_counts_in_its_system_and_epoch_alone() {
    let scene = Scene::new();
    let right = scene.observation();
    let wrong = [
        (Observation { system: SystemId::new([0; 32]), ..right }, Unproven::WrongSystem),
        (Observation { epoch: Epoch::new(1), ..right }, Unproven::WrongEpoch),
    ];
    for (observation, reason) in wrong {
        let said = scene.sign(1, observation);
        assert_eq!(scene.judge(&scene.judgement(85), &said), Err(reason));
    }
}

#[test]
fn only_members_of_the_group_count() {
    let scene = Scene::new();
    let members = &scene.world.first.configuration().members;
    let is_outside = |id: &NodeId| !scene.world.group().contains(id);
    let outsider = members.iter().map(|one| one.id).find(is_outside).unwrap();
    let signer = scene.world.signer(outsider, Epoch::ZERO);
    let said = scene.observation().sign(outsider, &*signer);
    assert_eq!(scene.judge(&scene.judgement(85), &said), Err(Unproven::NotInGroup));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn statements_come_back_from_their_bytes(member in 0_usize..4, slot in any::<u64>()) {
        let scene = Scene::new();
        let observation = Observation { slot: Slot::new(slot), ..scene.observation() };
        let said = scene.sign(member, observation);
        prop_assert_eq!(decode::<SignedObservation>(&encode(&said)), Ok(said));
    }
}
