//! Scenario 14: who is evicted though it is there says so, and stays.
use std::sync::Arc;
use std::vec::Vec;

use quorate_types::{Epoch, GroupConfiguration, NodeId, PublicKey, Slot};
use quorate_wire::{Writer, decode, encode};

use super::{Cancellation, Eviction, Reactivation, Rebuttal};
use crate::election::membership_replicas;
use crate::monitor::answerer::{AnswerKey, Answerer};
use crate::monitor::datagram::{Answer, Question, Shown, Ticket, Wanted};
use crate::monitor::observation::{Claim, Judgement, Observation, Observations, Unproven, Verdict};
use crate::testing::{World, registry};

const EVICTED_IN: Slot = Slot::new(50);

struct Scene {
    world: World,
    group: GroupConfiguration,
    accused: NodeId,
    key: PublicKey,
}

impl Scene {
    fn new() -> Self {
        let world = World::new(8, 1);
        let group = membership_replicas(&world.first, Slot::ZERO);
        let accused = world.first.configuration().members[0].id;
        let key = world.signer(accused, Epoch::ZERO).public_key();
        Self { group, accused, key, world }
    }

    fn judgement(&self, slot: u64, decided: Slot) -> Judgement<'_> {
        Judgement { group: &self.group, slot: Slot::new(slot), age_max: 20, decided }
    }

    fn said(&self, members: &[usize], verdict: Verdict, slot: u64) -> Observations {
        let (system, epoch) = (self.group.system, self.group.epoch);
        let claim = Claim { server: self.accused, verdict };
        let observation = Observation { system, epoch, slot: Slot::new(slot), claim };
        let ids: Vec<_> = members.iter().map(|member| self.world.group()[*member]).collect();
        let sign = |id: NodeId| observation.sign(id, &*self.world.signer(id, epoch));
        Observations(ids.into_iter().map(sign).collect())
    }

    /// What the accused itself answers to a prober that tells it of an eviction.
    fn rebuttal(&self, eviction: Slot) -> Rebuttal {
        let signer = self.world.signer(self.accused, Epoch::ZERO);
        let key = AnswerKey { epoch: Epoch::ZERO, signer: Arc::clone(&signer), certificate: None };
        let answerer = Answerer::new(self.group.system, self.accused, key);
        let question = Question {
            to: self.accused,
            epoch: Epoch::ZERO,
            ticket: Ticket { place: 0, token: 0 },
            wanted: Wanted::Accused { slot: eviction, certificate: false },
        };
        let mut writer = Writer::default();
        answerer.answer(&question, &mut writer).unwrap();
        let shown = decode::<Answer>(writer.as_bytes()).unwrap().shown;
        let Shown::Rebuttal(proof) = shown else { panic!("{shown:?}") };
        Rebuttal { server: self.accused, eviction, signature: proof.signature }
    }

    fn cancel(&self, rebuttal: Rebuttal, sightings: Observations) -> Result<(), Unproven> {
        let cancellation = Cancellation { rebuttal, sightings };
        assert_eq!(decode::<Cancellation>(&encode(&cancellation)), Ok(cancellation.clone()));
        cancellation.check(&self.judgement(60, EVICTED_IN), self.key, &registry())
    }
}

#[test]
fn enough_suspicions_evict_and_enough_sightings_bring_back() {
    let scene = Scene::new();
    let judgement = scene.judgement(50, Slot::ZERO);
    let server = scene.accused;
    let eviction = Eviction { server, suspicions: scene.said(&[0, 1], Verdict::Suspect, 45) };
    assert_eq!(eviction.check(&judgement, &registry()), Ok(()));
    let reactivation = Reactivation { server, sightings: scene.said(&[0, 1], Verdict::Alive, 45) };
    assert_eq!(reactivation.check(&judgement, &registry()), Ok(()));
    let mixed = Eviction { server, suspicions: scene.said(&[0, 1], Verdict::Alive, 45) };
    assert_eq!(mixed.check(&judgement, &registry()), Err(Unproven::AnotherClaim));
}

#[test]
fn a_rebuttal_with_fresh_sightings_cancels() {
    let scene = Scene::new();
    let sightings = scene.said(&[1, 2], Verdict::Alive, 55);
    assert_eq!(scene.cancel(scene.rebuttal(EVICTED_IN), sightings), Ok(()));
}

#[test]
fn sightings_from_before_the_eviction_cancel_nothing() {
    let scene = Scene::new();
    let sightings = scene.said(&[1, 2], Verdict::Alive, 49);
    let outdated = Unproven::Outdated { made: Slot::new(49), needed: EVICTED_IN };
    assert_eq!(scene.cancel(scene.rebuttal(EVICTED_IN), sightings), Err(outdated));
}

/// The slot can be guessed: a signature on it may have been collected from a server long gone.
#[test]
fn a_collected_rebuttal_and_f_liars_cancel_nothing() {
    let scene = Scene::new();
    let sightings = scene.said(&[3], Verdict::Alive, 55);
    let short = Unproven::TooFew { needed: 2, got: 1 };
    assert_eq!(scene.cancel(scene.rebuttal(EVICTED_IN), sightings), Err(short));
}

#[test]
fn a_rebuttal_of_another_eviction_or_of_another_server_cancels_nothing() {
    let scene = Scene::new();
    let sightings = scene.said(&[1, 2], Verdict::Alive, 55);
    let older = scene.rebuttal(Slot::new(49));
    assert_eq!(scene.cancel(older, sightings.clone()), Err(Unproven::AnotherClaim));
    let relabelled = Rebuttal { eviction: EVICTED_IN, ..older };
    assert_eq!(scene.cancel(relabelled, sightings), Err(Unproven::BadSignature));
}
