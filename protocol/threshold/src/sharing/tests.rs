//! Handovers: the key stays (THR-6), shares fit (THR-7), sessions do not mix (THR-10).

use std::vec;
use std::vec::Vec;

use super::Sharing;
use crate::commitment::Commitment;
use crate::dealing::{CheckedDealing, Dealer, Dealing, Dealt, Subshare};
use crate::domain::Domain;
use crate::group::GroupKey;
use crate::parameters::{Parameters, ShareIndex};
use crate::point::KeyPoint;
use crate::rejected::Rejected;
use crate::scalar::Scalar;
use crate::testing::{
    Committee, GROUPS, assemble, committee, deal_fresh, index, parameters, seed, session,
    subshares_for,
};

/// The dealings of the old members with these numbers in the session with this byte.
fn deal_again(old: &Committee, members: &[u16], new: Parameters, byte: u8) -> Vec<Dealt> {
    let deal = |member: &u16| {
        let seed = seed(u8::try_from(100 + member).unwrap());
        let share = &old.shares[usize::from(member - 1)];
        Dealer { seed: &seed, session: session(byte), parameters: new }.deal_again(share)
    };
    members.iter().map(deal).collect()
}

fn check(old: &GroupKey, new: Parameters, dealt: &[Dealt], byte: u8) -> Vec<CheckedDealing> {
    let check = |dealt: &Dealt| dealt.dealing.clone().check_reshared(session(byte), new, old);
    dealt.iter().map(|dealt| check(dealt).unwrap()).collect()
}

fn hand_over(old: &Committee, members: &[u16], new: Parameters) -> Committee {
    let dealt = deal_again(old, members, new, 2);
    let sharing = Sharing::reshared(&old.group, check(&old.group, new, &dealt, 2)).unwrap();
    assemble(&sharing, &dealt)
}

/// The members with these numbers sign, and the result is a signature of the group.
fn sign(committee: &Committee, members: &[u16]) -> bool {
    let partial = |member: &u16| {
        committee.shares[usize::from(member - 1)].sign(Domain::Configuration, b"epoch")
    };
    let partials: Vec<_> = members.iter().map(partial).collect();
    let combined = committee.group.combine(Domain::Configuration, b"epoch", &partials);
    combined.is_ok_and(|combined| combined.bad.is_empty())
}

#[test]
fn thr_6_resharing_keeps_the_public_key_whatever_the_sizes() {
    for (old, dealers, new, signers) in [
        ((2, 4), vec![1, 3], (2, 4), vec![2, 4]),
        ((2, 4), vec![4, 2], (3, 7), vec![7, 1, 5]),
        ((3, 7), vec![2, 7, 5], (2, 4), vec![4, 1]),
    ] {
        let old = committee(old.0, old.1);
        let new = hand_over(&old, &dealers, parameters(new.0, new.1));
        assert_eq!(new.group.public_key(), old.group.public_key(), "THR-6");
        assert!(sign(&new, &signers));
    }
}

#[test]
fn a_secret_survives_a_chain_of_handovers_and_its_signature_is_the_same() {
    let first = committee(2, 4);
    let second = hand_over(&first, &[1, 2], parameters(3, 7));
    let third = hand_over(&second, &[1, 4, 7], parameters(5, 13));
    let fourth = hand_over(&third, &[2, 3, 5, 8, 13], parameters(2, 4));
    let signature = |committee: &Committee, count: usize| {
        let shares = committee.shares.iter().take(count);
        let partials: Vec<_> = shares.map(|share| share.sign(Domain::Beacon, b"7")).collect();
        committee.group.combine(Domain::Beacon, b"7", &partials).unwrap().signature
    };
    assert_eq!(signature(&first, 2), signature(&third, 5));
    assert_eq!(signature(&first, 2), signature(&fourth, 2));
}

#[test]
fn any_choice_of_dealers_keeps_the_key_but_choices_give_different_sharings() {
    let old = committee(2, 4);
    let left = hand_over(&old, &[1, 2], parameters(2, 4));
    let right = hand_over(&old, &[1, 3], parameters(2, 4));
    assert_eq!(left.group.public_key(), right.group.public_key());
    assert_ne!(left.group, right.group);
    // Settled point 5: members that used different choices could not sign together.
    let refused = Rejected::ShareMismatch { index: index(2) };
    assert_eq!(left.group.check_share(&right.shares[1]), Err(refused));
}

#[test]
fn old_and_new_shares_together_sign_nothing() {
    let old = committee(2, 4);
    let new = hand_over(&old, &[1, 3], parameters(2, 4));
    let partials = [
        old.shares[0].sign(Domain::Configuration, b"epoch"),
        new.shares[1].sign(Domain::Configuration, b"epoch"),
    ];
    let failure = new.group.combine(Domain::Configuration, b"epoch", &partials).unwrap_err();
    assert_eq!(failure.bad, [index(1)]);
    let failure = old.group.combine(Domain::Configuration, b"epoch", &partials).unwrap_err();
    assert_eq!(failure.bad, [index(2)]);
}

#[test]
fn the_sum_of_several_fresh_dealings_is_a_sharing() {
    let size = parameters(2, 4);
    let dealt: Vec<_> = [1, 2, 4].map(|dealer| deal_fresh(size, dealer)).into();
    let checked = |dealt: &Dealt| dealt.dealing.clone().check_fresh(session(1), size).unwrap();
    let sharing = Sharing::fresh(dealt.iter().map(checked).collect()).unwrap();
    let committee = assemble(&sharing, &dealt);
    assert!(sign(&committee, &[3, 1]));
    for dealt in &dealt {
        assert_ne!(committee.group.public_key(), dealt.dealing.commitment().public_key());
    }
}

/// The coefficients of the polynomial that is 1 at zero and zero at the first so many indices.
fn vanishing(count: u16) -> Vec<Scalar> {
    let zero = || Scalar::from_u16(0);
    let times = |old: Vec<Scalar>, index: u16| {
        let part = Scalar::from_u16(index).invert();
        let moved = core::iter::once(zero()).chain(old.iter().map(|it| it.mul(&part)));
        let moved: Vec<_> = moved.collect();
        let kept = old.into_iter().chain([zero()]);
        kept.zip(&moved).map(|(kept, moved)| kept.sub(moved)).collect()
    };
    (1..=count).fold(vec![Scalar::from_u16(1)], times)
}

/// The constant term is a key of the dealer less the keys of others, so that it does not know the
/// secret of it; but it can choose what the polynomial is at one index fewer than shares sign.
#[test]
fn r22_a_dealing_that_cancels_others_can_serve_fewer_recipients_than_sign() {
    for (threshold, share_count) in GROUPS {
        let size = parameters(threshold, share_count);
        let own = deal_fresh(size, 1).dealing.commitment().clone();
        let check =
            |dealer| deal_fresh(size, dealer).dealing.check_fresh(session(1), size).unwrap();
        let others: Vec<_> = (2..=threshold).map(check).collect();
        let minus = Scalar::from_u16(0).sub(&Scalar::from_u16(1));
        let less = |sum: KeyPoint, other: &CheckedDealing| {
            sum.add(&other.dealing().commitment().constant_term().mul(&minus))
        };
        let constant = others.iter().fold(*own.constant_term(), less);

        // Known to the dealer: what it adds to the multiples of a term that it does not know.
        let chosen: Vec<_> = (0..threshold).map(|it| Scalar::from_u16(it * 1_000)).collect();
        let vanishing = vanishing(threshold - 1);
        let points = vanishing.iter().zip(&chosen).map(|(part, own)| {
            let known = KeyPoint::of(own);
            if own.is_zero() { constant.mul(part) } else { constant.mul(part).add(&known) }
        });
        let bytes: Vec<u8> = points.flat_map(|point| point.encode()).collect();
        let commitment = Commitment::decode(&bytes, size).unwrap();
        let rogue = Dealing::new(session(1), index(1), commitment);
        let rogue = rogue.check_fresh(session(1), size).expect("nothing is seen on it");
        let all = vec![rogue.clone()].into_iter().chain(others).collect();
        let sharing = Sharing::fresh(all).unwrap();
        assert_eq!(sharing.group_key().public_key(), own.public_key(), "it would have the key");

        let is_served = |recipient: &ShareIndex| {
            let place = Scalar::from_u16(recipient.get());
            let add = |value: Scalar, it: &Scalar| value.mul(&place).add(it);
            let value = chosen.iter().rev().fold(Scalar::from_u16(0), add);
            rogue.check_subshare(*recipient, &Subshare::new(index(1), *recipient, value)).is_ok()
        };
        let served: Vec<_> = size.indices().filter(is_served).map(ShareIndex::get).collect();
        assert_eq!(
            served,
            (1..threshold).collect::<Vec<_>>(),
            "a quorum has one more that is correct"
        );
    }
}

#[test]
fn too_few_too_many_or_repeated_dealings_are_refused() {
    let old = committee(2, 4);
    let new = parameters(2, 4);
    let reshare = |members: &[u16]| {
        let dealt = deal_again(&old, members, new, 2);
        Sharing::reshared(&old.group, check(&old.group, new, &dealt, 2)).err()
    };
    let refused = |got| Some(Rejected::WrongDealingCount { expected: 2, got });
    assert_eq!(reshare(&[]), refused(0));
    assert_eq!(reshare(&[1]), refused(1));
    assert_eq!(reshare(&[1, 2, 3]), refused(3));
    assert_eq!(reshare(&[3, 3]), Some(Rejected::DuplicateIndex { index: index(3) }));

    let fresh = deal_fresh(new, 1).dealing.check_fresh(session(1), new).unwrap();
    let twice = Sharing::fresh(vec![fresh.clone(), fresh]).err();
    assert_eq!(twice, Some(Rejected::DuplicateIndex { index: index(1) }));
    let none = Sharing::fresh(Vec::new()).err();
    assert_eq!(none, Some(Rejected::WrongDealingCount { expected: 1, got: 0 }));
}

#[test]
fn thr_10_dealings_of_different_attempts_are_not_put_together() {
    let old = committee(2, 4);
    let new = parameters(2, 4);
    let mut mixed = check(&old.group, new, &deal_again(&old, &[1], new, 2), 2);
    mixed.extend(check(&old.group, new, &deal_again(&old, &[3], new, 3), 3));
    let refused = Rejected::WrongSession { dealer: index(3) };
    assert_eq!(Sharing::reshared(&old.group, mixed).err(), Some(refused));
}

#[test]
fn dealings_checked_against_another_group_or_for_another_size_are_refused() {
    let old = committee(2, 4);
    let size = parameters(2, 4);
    let fresh = |dealer| deal_fresh(size, dealer).dealing.check_fresh(session(1), size).unwrap();
    let refused = Rejected::ConstantTermMismatch { dealer: index(1) };
    assert_eq!(Sharing::reshared(&old.group, vec![fresh(1), fresh(2)]).err(), Some(refused));

    let other = parameters(3, 4);
    let larger = deal_fresh(other, 2).dealing.check_fresh(session(1), other).unwrap();
    let refused = Rejected::WrongDegree { expected: 2, got: 3 };
    assert_eq!(Sharing::fresh(vec![fresh(1), larger]).err(), Some(refused));
}

#[test]
fn thr_7_a_share_is_assembled_only_from_the_right_subshares_of_every_chosen_dealing() {
    let old = committee(2, 4);
    let new = parameters(3, 7);
    let dealt = deal_again(&old, &[1, 2, 3], new, 2);
    let chosen = check(&old.group, new, &dealt[..2], 2);
    let sharing = Sharing::reshared(&old.group, chosen).unwrap();

    // The subshare of dealer 3 is there, and ignored: it is not of the choice.
    let own = subshares_for(index(6), &dealt);
    let share = sharing.assemble_share(index(6), &own).unwrap();
    assert_eq!(sharing.group_key().check_share(&share), Ok(()), "THR-7");

    let missing = sharing.assemble_share(index(6), &own[..1]).err();
    assert_eq!(missing, Some(Rejected::TooFewShares { needed: 2, got: 1 }));
    let foreign = sharing.assemble_share(index(5), &own).err();
    let refused = Rejected::WrongSubshare { dealer: index(1), recipient: index(6) };
    assert_eq!(foreign, Some(refused));
    // The same dealer, another attempt: a right subshare of a wrong dealing.
    let mut mixed = subshares_for(index(6), &deal_again(&old, &[1], new, 3));
    mixed.extend(own.into_iter().skip(1));
    let refused = Rejected::SubshareMismatch { dealer: index(1), recipient: index(6) };
    assert_eq!(sharing.assemble_share(index(6), &mixed).err(), Some(refused));
}
