//! A lease takes a quorum of the right group, on the right question, in time.
use std::vec::Vec;

use quorate_types::{Digest, Duration, Epoch, Instant, NodeId};
use quorate_wire::{decode, encode};

use super::{FreshnessProof, Lease, LeaseRule, Nonce, Round, Subject, Vouch};
use crate::configuration::VerifiedConfiguration;
use crate::limits::{CLOCK_DRIFT_PPM_DEFAULT, EARLIEST_END_PART, LEASE_DEFAULT, LEASE_MIN};
use crate::rejected::Rejected;
use crate::testing::{World, registry};

const SENT_AT: Instant = Instant::from_micros(1_000);

fn nonce(byte: u8) -> Nonce {
    Nonce::new(Digest::new([byte; 32]))
}

/// One second, less one thousandth for drift.
fn rule() -> LeaseRule {
    LeaseRule::new(Duration::from_secs(1), 1_000).unwrap()
}

fn round(configuration: &VerifiedConfiguration) -> Round {
    Round::new(configuration.clone(), nonce(1), SENT_AT, rule())
}

fn vouch(world: &World, configuration: &VerifiedConfiguration, place: usize) -> Vouch {
    let member = configuration.configuration().membership_group[place];
    let subject = Subject::of(configuration, nonce(1));
    Vouch::sign(subject, member, &*world.signer(member, configuration.epoch()))
}

fn accept(round: &mut Round, micros: u64, vouch: Vouch) -> Result<Option<Lease>, Rejected> {
    round.accept(Instant::from_micros(micros), vouch, &registry())
}

#[test]
fn mem_5_a_quorum_of_distinct_members_gives_a_lease_and_fewer_give_none() {
    for f in [1, 2] {
        let world = World::new(7, f);
        let mut round = round(&world.first);
        let quorum = world.first.configuration().membership.quorum();
        for place in 0..quorum - 1 {
            let given = accept(&mut round, 2_000, vouch(&world, &world.first, place));
            assert_eq!(given, Ok(None), "MEM-5: {place} of {quorum}");
        }
        let last = vouch(&world, &world.first, quorum - 1);
        let lease = accept(&mut round, 2_000, last).unwrap().unwrap();
        assert_eq!((lease.epoch(), lease.header()), (Epoch::ZERO, world.first.hash()));
        let proof = round.proof();
        assert_eq!(proof.verify((&world.first, nonce(1)), &registry()), Ok(()));
    }
}

#[test]
fn a_weak_quorum_of_a_laggard_and_a_liar_proves_nothing() {
    // Settled point 4: A and B have ended the epoch; C, cut off, and the liar D still sign.
    let world = World::new(7, 1);
    let mut round = round(&world.first);
    for place in [2, 3] {
        assert_eq!(accept(&mut round, 2_000, vouch(&world, &world.first, place)), Ok(None));
    }
    let refused = Rejected::TooFewMembers { needed: 3, got: 2 };
    assert_eq!(round.proof().verify((&world.first, nonce(1)), &registry()), Err(refused));
}

#[test]
fn mem_5_a_member_that_answers_twice_counts_once() {
    let world = World::new(7, 1);
    let mut round = round(&world.first);
    let same = vouch(&world, &world.first, 0);
    assert_eq!(accept(&mut round, 2_000, same), Ok(None));
    for _ in 0..5 {
        let again = accept(&mut round, 2_000, same);
        assert_eq!(again, Err(Rejected::DuplicateMember), "MEM-5");
    }
    assert_eq!(round.silent().count(), 3);
}

#[test]
fn mem_2_a_lease_counts_from_the_send_time_whatever_the_answers_took() {
    let world = World::new(7, 1);
    for arrival in [1_000, 500_000, 999_999] {
        let mut round = round(&world.first);
        for place in 0..2 {
            accept(&mut round, arrival, vouch(&world, &world.first, place)).unwrap();
        }
        let lease = accept(&mut round, arrival, vouch(&world, &world.first, 2)).unwrap().unwrap();
        assert_eq!(lease.until(), Instant::from_micros(1_000 + 999_000), "MEM-2");
        assert!(lease.holds_at(Instant::from_micros(999_999)));
        assert!(!lease.holds_at(Instant::from_micros(1_000_000)));
    }
}

#[test]
fn mem_7_the_last_vouch_counts_only_while_the_lease_still_holds() {
    let world = World::new(7, 1);
    let mut round = round(&world.first);
    for place in 0..2 {
        accept(&mut round, 2_000, vouch(&world, &world.first, place)).unwrap();
    }
    let late = accept(&mut round, 1_000_000, vouch(&world, &world.first, 2));
    assert_eq!(late, Err(Rejected::LeaseOver), "MEM-7");
}

#[test]
fn an_answer_to_an_old_challenge_is_not_an_answer_to_this_one() {
    let world = World::new(7, 1);
    let mut round = round(&world.first);
    let member = world.group()[0];
    let old = Subject::of(&world.first, nonce(2));
    let replayed = Vouch::sign(old, member, &*world.signer(member, Epoch::ZERO));
    assert_eq!(accept(&mut round, 2_000, replayed), Err(Rejected::WrongNonce));
    let mut relabelled = replayed;
    relabelled.subject.nonce = nonce(1);
    assert_eq!(accept(&mut round, 2_000, relabelled), Err(Rejected::BadSignature));
}

#[test]
fn the_word_of_a_server_outside_the_group_does_not_count() {
    let world = World::new(7, 1);
    let mut round = round(&world.first);
    let members = &world.first.configuration().members;
    let outside = members.iter().find(|member| !world.group().contains(&member.id)).unwrap();
    let subject = Subject::of(&world.first, nonce(1));
    let signer = world.signer(outside.id, Epoch::ZERO);
    let own = Vouch::sign(subject, outside.id, &*signer);
    assert_eq!(accept(&mut round, 2_000, own), Err(Rejected::NotInGroup));
    let borrowed = Vouch::sign(subject, world.group()[0], &*signer);
    assert_eq!(accept(&mut round, 2_000, borrowed), Err(Rejected::BadSignature));
    let unknown = Vouch::sign(subject, NodeId::new([9; 32]), &*signer);
    assert_eq!(accept(&mut round, 2_000, unknown), Err(Rejected::NotInGroup));
}

#[test]
fn a_vouch_for_another_epoch_system_or_header_does_not_count() {
    let world = World::new(7, 1);
    let next = world.following(&world.first);
    let mut round = round(&next);
    let old = vouch(&world, &world.first, 0);
    assert_eq!(accept(&mut round, 2_000, old), Err(Rejected::WrongEpoch));
    let mut other = vouch(&world, &next, 0);
    other.subject.header = world.first.hash();
    assert_eq!(accept(&mut round, 2_000, other), Err(Rejected::WrongHeader));
    let mut foreign = vouch(&world, &next, 0);
    foreign.subject.system = quorate_types::SystemId::new([0; 32]);
    assert_eq!(accept(&mut round, 2_000, foreign), Err(Rejected::WrongSystem));
}

#[test]
fn a_key_of_the_epoch_before_vouches_for_nothing_in_this_one() {
    let world = World::new(7, 1);
    let next = world.following(&world.first);
    let mut round = round(&next);
    let member = world.group()[0];
    let subject = Subject::of(&next, nonce(1));
    let stale = Vouch::sign(subject, member, &*world.signer(member, Epoch::ZERO));
    assert_eq!(accept(&mut round, 2_000, stale), Err(Rejected::BadSignature));
}

#[test]
fn mem_5_a_proof_with_too_few_repeated_or_forged_vouches_is_refused() {
    let world = World::new(7, 1);
    let vouches: Vec<_> = (0..3).map(|place| vouch(&world, &world.first, place)).collect();
    let mut said: Vec<_> = vouches.iter().map(|vouch| (vouch.member, vouch.signature)).collect();
    said.sort_unstable();
    let proof = FreshnessProof { subject: vouches[0].subject, vouches: said };
    let verdict = |proof: &FreshnessProof| proof.verify((&world.first, nonce(1)), &registry());
    assert_eq!(decode::<FreshnessProof>(&encode(&proof)), Ok(proof.clone()));
    assert_eq!(verdict(&proof), Ok(()));
    assert_eq!(proof.verify((&world.first, nonce(2)), &registry()), Err(Rejected::WrongNonce));

    let mut short = proof.clone();
    short.vouches.pop();
    let refused = Rejected::TooFewMembers { needed: 3, got: 2 };
    assert_eq!(verdict(&short), Err(refused), "MEM-5");
    let mut twice = proof.clone();
    twice.vouches[1] = twice.vouches[0];
    assert_eq!(verdict(&twice), Err(Rejected::DuplicateMember), "MEM-5");
    let mut forged = proof;
    forged.vouches[1].1 = forged.vouches[0].1;
    assert_eq!(verdict(&forged), Err(Rejected::BadSignature));
}

#[test]
fn leases_follow_the_length_of_epochs_and_leave_time_for_a_hand_over() {
    let of_epoch = |seconds| LeaseRule::of_epoch(Duration::from_secs(seconds)).length();
    assert_eq!([3_600, 1_200].map(of_epoch), [Duration::from_secs(300); 2]);
    assert_eq!(of_epoch(60), Duration::from_secs(15), "the time in which no epoch ends");
    assert_eq!([20, 5, 0].map(of_epoch), [Duration::from_secs(5); 3], "never too short to renew");
}

#[test]
fn at_no_length_of_epochs_is_a_lease_longer_than_one_or_too_short_to_renew() {
    let margin = |rule: LeaseRule| rule.length_on_slow_clock().halved();
    // With the shortest epochs it is this, which is more than the time in which nobody vouches.
    let least = margin(LeaseRule::new(LEASE_MIN, CLOCK_DRIFT_PPM_DEFAULT).unwrap());
    for tenths in 50..=72_000 {
        let epoch = Duration::from_millis(100 * tenths);
        let (rule, lease) = (LeaseRule::of_epoch(epoch), LeaseRule::of_epoch(epoch).length());
        assert!(lease <= epoch.min(LEASE_DEFAULT), "{lease:?} of {epoch:?}");
        let quarter = Duration::from_micros(epoch.as_micros() / EARLIEST_END_PART);
        assert!(lease <= quarter.max(LEASE_MIN), "{lease:?} of {epoch:?}");
        assert!(margin(rule) >= least, "{:?} of {epoch:?}", margin(rule));
    }
}

#[test]
fn mem_2_the_drift_bound_only_shortens_a_lease_and_is_bounded_itself() {
    let length = Duration::from_micros(1_000_001);
    let short = LeaseRule::new(length, 1).unwrap().length_on_slow_clock();
    assert_eq!(short.as_micros(), 999_999, "MEM-2: rounded against the holder");
    assert_eq!(LeaseRule::new(length, 0).unwrap().length_on_slow_clock(), length);
    assert_eq!(LeaseRule::new(length, 500_001), None);
    let longest = LeaseRule::new(Duration::from_micros(u64::MAX), 500_000).unwrap();
    assert!(longest.length_on_slow_clock() < Duration::from_micros(u64::MAX / 2 + 2));
}
