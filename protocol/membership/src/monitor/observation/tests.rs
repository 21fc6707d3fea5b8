//! Statements count in their epoch, for a while, once per member.
use std::vec::Vec;

use proptest::prelude::*;
use quorate_types::{Epoch, GroupConfiguration, NodeId, Slot, SystemId};
use quorate_wire::{decode, encode};

use super::{Claim, Judgement, Observation, Observations, SignedObservation, Unproven, Verdict};
use crate::election::membership_replicas;
use crate::testing::{World, registry};

const EXECUTING: Slot = Slot::new(100);

struct Scene {
    world: World,
    group: GroupConfiguration,
    claim: Claim,
}

impl Scene {
    fn new() -> Self {
        let world = World::new(8, 1);
        let group = membership_replicas(&world.first, Slot::ZERO);
        let server = world.first.configuration().members[0].id;
        Self { group, claim: Claim { server, verdict: Verdict::Suspect }, world }
    }

    fn judgement(&self) -> Judgement<'_> {
        Judgement { group: &self.group, slot: EXECUTING, age_max: 20, decided: Slot::new(85) }
    }

    fn observation(&self) -> Observation {
        let (system, epoch) = (self.group.system, self.group.epoch);
        Observation { system, epoch, slot: Slot::new(90), claim: self.claim }
    }

    fn sign(&self, member: usize, observation: Observation) -> SignedObservation {
        let id = self.world.group()[member];
        observation.sign(id, &*self.world.signer(id, Epoch::ZERO))
    }

    fn judge(&self, said: Vec<SignedObservation>) -> Result<(), Unproven> {
        self.judgement().check_all(&Observations(said), self.claim, &registry())
    }
}

#[test]
fn f_plus_one_members_are_believed_in_any_order() {
    let scene = Scene::new();
    let said = |members: &[usize]| {
        members.iter().map(|member| scene.sign(*member, scene.observation())).collect()
    };
    assert_eq!(scene.judge(said(&[0, 1])), Ok(()));
    assert_eq!(scene.judge(said(&[3, 2, 1])), Ok(()));
    assert_eq!(scene.judge(said(&[2])), Err(Unproven::TooFew { needed: 2, got: 1 }));
    assert_eq!(scene.judge(Vec::new()), Err(Unproven::TooFew { needed: 2, got: 0 }));
}

#[test]
fn mem_43_f_liars_do_nothing_however_often_they_say_it() {
    let scene = Scene::new();
    let liar = scene.sign(3, scene.observation());
    assert_eq!(scene.judge(std::vec![liar; 5]), Err(Unproven::DuplicateMember));
    let slots = [90, 91, 92].map(Slot::new);
    let again = slots.map(|slot| scene.sign(3, Observation { slot, ..scene.observation() }));
    assert_eq!(scene.judge(again.to_vec()), Err(Unproven::DuplicateMember));
    let good = scene.world.group()[0];
    let forged = SignedObservation { member: good, ..liar };
    assert_eq!(scene.judge(std::vec![liar, forged]), Err(Unproven::BadSignature));
}

#[test]
fn a_statement_of_this_morning_evicts_nobody_tonight() {
    let scene = Scene::new();
    let fresh = scene.sign(0, scene.observation());
    let with = |slot| {
        let observation = Observation { slot: Slot::new(slot), ..scene.observation() };
        let judgement = Judgement { decided: Slot::ZERO, ..scene.judgement() };
        let said = Observations(std::vec![fresh, scene.sign(1, observation)]);
        judgement.check_all(&said, scene.claim, &registry())
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
    let said = std::vec![scene.sign(0, old), scene.sign(1, scene.observation())];
    let outdated = Unproven::Outdated { made: Slot::new(84), needed: Slot::new(85) };
    assert_eq!(scene.judge(said), Err(outdated));
}

#[test]
fn a_statement_counts_in_its_system_and_epoch_about_its_server_alone() {
    let scene = Scene::new();
    let fresh = scene.sign(0, scene.observation());
    let right = scene.observation();
    let other = Claim { verdict: Verdict::Alive, ..right.claim };
    let another = Claim { server: NodeId::new([1; 32]), ..right.claim };
    let wrong = [
        (Observation { system: SystemId::new([0; 32]), ..right }, Unproven::WrongSystem),
        (Observation { epoch: Epoch::new(1), ..right }, Unproven::WrongEpoch),
        (Observation { claim: other, ..right }, Unproven::AnotherClaim),
        (Observation { claim: another, ..right }, Unproven::AnotherClaim),
    ];
    for (observation, reason) in wrong {
        assert_eq!(scene.judge(std::vec![fresh, scene.sign(1, observation)]), Err(reason));
    }
}

#[test]
fn only_members_of_the_group_count() {
    let scene = Scene::new();
    let members = &scene.world.first.configuration().members;
    let outsider = members.iter().find(|one| !scene.world.group().contains(&one.id)).unwrap().id;
    let signer = scene.world.signer(outsider, Epoch::ZERO);
    let said = scene.observation().sign(outsider, &*signer);
    let both = std::vec![scene.sign(0, scene.observation()), said];
    assert_eq!(scene.judge(both), Err(Unproven::NotInGroup));
    assert_eq!(scene.judgement().check(&said, scene.claim, &registry()), Err(Unproven::NotInGroup));
}

#[test]
fn a_single_statement_is_checked_like_many() {
    let scene = Scene::new();
    let good = scene.sign(0, scene.observation());
    assert_eq!(scene.judgement().check(&good, scene.claim, &registry()), Ok(()));
    let forged = SignedObservation { member: scene.world.group()[1], ..good };
    let refused = scene.judgement().check(&forged, scene.claim, &registry());
    assert_eq!(refused, Err(Unproven::BadSignature));
}

proptest! {
    #[test]
    fn statements_come_back_from_their_bytes(count in 0_usize..4, slot in any::<u64>()) {
        let scene = Scene::new();
        let observation = Observation { slot: Slot::new(slot), ..scene.observation() };
        let said = (0..count).map(|member| scene.sign(member, observation)).collect();
        let said = Observations(said);
        prop_assert_eq!(decode::<Observations>(&encode(&said)), Ok(said));
    }
}
