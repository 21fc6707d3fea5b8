//! Combination with liars: named, passed over, and harmless when their errors cancel (THR-9).

use std::vec;
use std::vec::Vec;

use proptest::prelude::{prop_assert_eq, proptest};

use super::PartialSignature;
use crate::domain::Domain;
use crate::lagrange::weights_at_zero;
use crate::limits::PARTIALS_MAX;
use crate::point::SignaturePoint;
use crate::public::Signature;
use crate::rejected::Rejected;
use crate::scalar::Scalar;
use crate::sharing::Sharing;
use crate::testing::{Committee, GROUPS, committee, deal_fresh, index, parameters, session};

const DOMAIN: Domain = Domain::Configuration;
const MESSAGE: &[u8] = b"cluster, key, epoch, committee";

fn sign(committee: &Committee, members: &[u16]) -> Vec<PartialSignature> {
    let share = |member: &u16| &committee.shares[usize::from(member - 1)];
    members.iter().map(|member| share(member).sign(DOMAIN, MESSAGE)).collect()
}

fn point(partial: &PartialSignature) -> SignaturePoint {
    SignaturePoint::decode(partial.signature.as_bytes()).unwrap()
}

/// Any point of the group that has nothing to do with the message.
fn error(committee: &Committee) -> SignaturePoint {
    point(&committee.shares[0].sign(Domain::Beacon, b"an error"))
}

fn with_error(partial: &PartialSignature, error: &SignaturePoint) -> PartialSignature {
    PartialSignature::new(partial.index, Signature::of(&point(partial).add(error)))
}

/// Two partials with errors that cancel when exactly these two and `others` are interpolated.
fn cancel(
    committee: &Committee,
    liars: [u16; 2],
    others: &[u16],
) -> (PartialSignature, PartialSignature) {
    let indices: Vec<_> = liars.iter().chain(others).map(|member| index(*member)).collect();
    let weights = weights_at_zero(&indices).unwrap();
    let error = error(committee);
    let minus = Scalar::from_u16(0).sub(&weights[1].invert());
    let honest = sign(committee, &liars);
    let left = with_error(&honest[0], &error.mul(&weights[0].invert()));
    let right = with_error(&honest[1], &error.mul(&minus));
    (left, right)
}

#[test]
fn any_threshold_of_shares_makes_the_one_signature() {
    for (threshold, share_count) in GROUPS {
        let committee = committee(threshold, share_count);
        let members: Vec<_> = (1..=share_count).collect();
        let signatures = (0..members.len()).map(|from| {
            let chosen = members.iter().copied().cycle().skip(from);
            let chosen: Vec<_> = chosen.take(usize::from(threshold)).collect();
            committee.group.combine(DOMAIN, MESSAGE, &sign(&committee, &chosen)).unwrap().signature
        });
        let mut signatures: Vec<_> = signatures.collect();
        signatures.dedup();
        assert_eq!(signatures.len(), 1, "the signature is unique");
        let verified = committee.group.public_key().verify(DOMAIN, MESSAGE, &signatures[0]);
        assert_eq!(verified, Ok(()), "THR-9");
    }
}

#[test]
fn one_share_less_than_the_threshold_makes_no_signature() {
    for (threshold, share_count) in GROUPS {
        let committee = committee(threshold, share_count);
        let members: Vec<_> = (1..threshold).collect();
        let partials = sign(&committee, &members);
        let failure = committee.group.combine(DOMAIN, MESSAGE, &partials).unwrap_err();
        let (needed, got) = (usize::from(threshold), members.len());
        assert_eq!(failure.reason, Rejected::TooFewShares { needed, got });
        assert!(failure.bad.is_empty());

        let points: Vec<_> =
            partials.iter().map(|partial| (partial.index, point(partial))).collect();
        let short = Signature::of(&super::interpolate(&points));
        let refused = committee.group.public_key().verify(DOMAIN, MESSAGE, &short);
        assert_eq!(refused, Err(Rejected::SignatureInvalid));
    }
}

#[test]
fn a_copy_of_a_partial_does_not_count_twice() {
    let committee = committee(3, 7);
    let partials = sign(&committee, &[1, 2, 1, 2, 2]);
    let failure = committee.group.combine(DOMAIN, MESSAGE, &partials).unwrap_err();
    assert_eq!(failure.reason, Rejected::TooFewShares { needed: 3, got: 2 });
    assert!(failure.bad.is_empty());
}

#[test]
fn liars_are_named_and_passed_over() {
    let committee = committee(3, 7);
    let mut partials = sign(&committee, &[1, 2, 3, 4, 5]);
    let error = error(&committee);
    partials[0] = with_error(&partials[0], &error);
    partials[2] = with_error(&partials[2], &error);
    let combined = committee.group.combine(DOMAIN, MESSAGE, &partials).unwrap();
    assert_eq!(combined.bad, [index(1), index(3)]);
    let verified = committee.group.public_key().verify(DOMAIN, MESSAGE, &combined.signature);
    assert_eq!(verified, Ok(()), "THR-9");

    let failure = committee.group.combine(DOMAIN, MESSAGE, &partials[..4]).unwrap_err();
    assert_eq!(failure.reason, Rejected::TooFewShares { needed: 3, got: 2 });
    assert_eq!(failure.bad, [index(1), index(3)]);
}

#[test]
fn bad_shares_that_cancel_in_the_sum_give_the_true_signature() {
    let committee = committee(3, 7);
    let (left, right) = cancel(&committee, [2, 5], &[7]);
    for (liar, partial) in [(2, &left), (5, &right)] {
        let refused = committee.group.verify_partial(DOMAIN, MESSAGE, partial);
        assert_eq!(refused, Err(Rejected::PartialInvalid { index: index(liar) }));
    }
    let together = vec![left, right, sign(&committee, &[7])[0]];
    let combined = committee.group.combine(DOMAIN, MESSAGE, &together).unwrap();
    let honest = committee.group.combine(DOMAIN, MESSAGE, &sign(&committee, &[1, 2, 3])).unwrap();
    assert_eq!(combined.signature, honest.signature, "THR-9: the signature is unique");
    assert!(combined.bad.is_empty(), "the sum is right, so nobody was looked at");
}

#[test]
fn bad_shares_that_cancel_for_one_subset_are_named_in_every_other() {
    let committee = committee(3, 7);
    let honest = committee.group.combine(DOMAIN, MESSAGE, &sign(&committee, &[1, 2, 3])).unwrap();
    let (left, right) = cancel(&committee, [2, 5], &[7]);

    // In the place of the member with whom the errors cancel, any other: they do not.
    for third in [1, 3, 4, 6] {
        let rest: Vec<_> = [third, 7, 1, 3].into();
        let mut partials = vec![left, right];
        partials.extend(sign(&committee, &rest));
        let combined = committee.group.combine(DOMAIN, MESSAGE, &partials).unwrap();
        assert_eq!(combined.bad, [index(2), index(5)]);
        assert_eq!(combined.signature, honest.signature, "THR-9");
    }
    // One of the two alone is an error like any other.
    let mut partials = vec![left];
    partials.extend(sign(&committee, &[7, 1, 3]));
    let combined = committee.group.combine(DOMAIN, MESSAGE, &partials).unwrap();
    assert_eq!(combined.bad, [index(2)]);
}

#[test]
fn bad_shares_whose_plain_sum_cancels_are_named() {
    // Without weights the sum of the two is right; a check of the mere sum would pass them.
    let committee = committee(2, 4);
    let error = error(&committee);
    let minus = Scalar::from_u16(0).sub(&Scalar::from_u16(1));
    let mut partials = sign(&committee, &[1, 2, 3, 4]);
    let sum = point(&partials[0]).add(&point(&partials[1]));
    partials[0] = with_error(&partials[0], &error);
    partials[1] = with_error(&partials[1], &error.mul(&minus));
    assert_eq!(point(&partials[0]).add(&point(&partials[1])), sum);
    let combined = committee.group.combine(DOMAIN, MESSAGE, &partials).unwrap();
    assert_eq!(combined.bad, [index(1), index(2)]);
}

#[test]
fn nobody_can_displace_the_partial_of_another() {
    let committee = committee(2, 4);
    let honest = sign(&committee, &[1, 2]);
    let forged = with_error(&honest[1], &error(&committee));
    let partials = [honest[0], forged, honest[1]];
    let combined = committee.group.combine(DOMAIN, MESSAGE, &partials).unwrap();
    assert_eq!(combined.bad, [index(2)]);
}

#[test]
fn partials_that_are_no_points_or_of_no_member_are_named() {
    let small = committee(2, 4);
    let large = committee(3, 7);
    let mut partials = vec![PartialSignature::new(index(3), Signature::new([7; 96]))];
    partials.push(sign(&large, &[6])[0]);
    partials.extend(sign(&small, &[1, 4]));
    let combined = small.group.combine(DOMAIN, MESSAGE, &partials).unwrap();
    assert_eq!(combined.bad, [index(3), index(6)]);
    let refused = small.group.verify_partial(DOMAIN, MESSAGE, &partials[1]);
    assert_eq!(refused, Err(Rejected::IndexTooLarge { index: 6, max: 4 }));
}

#[test]
fn a_partial_for_another_domain_or_message_is_named() {
    let committee = committee(2, 4);
    let mut partials = vec![committee.shares[0].sign(Domain::Group, MESSAGE)];
    partials.push(committee.shares[1].sign(DOMAIN, b"another message"));
    partials.extend(sign(&committee, &[3, 4]));
    let combined = committee.group.combine(DOMAIN, MESSAGE, &partials).unwrap();
    assert_eq!(combined.bad, [index(1), index(2)]);
}

#[test]
fn more_partials_than_the_bound_are_refused_unseen() {
    let committee = committee(2, 4);
    let partials = vec![sign(&committee, &[1])[0]; PARTIALS_MAX + 1];
    let failure = committee.group.combine(DOMAIN, MESSAGE, &partials).unwrap_err();
    let refused = Rejected::TooManyPartials { max: PARTIALS_MAX, got: PARTIALS_MAX + 1 };
    assert_eq!(failure.reason, refused);
}

fn wrong(committee: &Committee, partials: &[PartialSignature]) -> Vec<u16> {
    let wrong = committee.group.wrong_partials(DOMAIN, MESSAGE, partials);
    wrong.iter().map(|index| index.get()).collect()
}

#[test]
fn thr_15_partials_that_are_right_are_right_together() {
    for (threshold, share_count) in GROUPS {
        let committee = committee(threshold, share_count);
        let mut all = sign(&committee, &(1..=share_count).collect::<Vec<_>>());
        all.push(all[0]);
        let group = &committee.group;
        let statement = super::Statement { group, domain: DOMAIN, message: MESSAGE };
        for count in 0..=all.len() {
            assert_eq!(wrong(&committee, &all[..count]), [], "{count}");
            assert_eq!(statement.hold_together(&all[..count]), count > 0, "one pairing check");
        }
    }
}

#[test]
fn thr_15_all_that_are_wrong_are_named() {
    let committee = committee(3, 7);
    let good = sign(&committee, &[1, 2, 3, 4, 5]);
    let mut identity = [0; 96];
    identity[0] = 0xc0;
    for place in 0..good.len() {
        let own = good[place].index;
        let others = [
            with_error(&good[place], &error(&committee)),
            PartialSignature::new(index(6), *good[place].signature()),
            PartialSignature::new(index(8), *good[place].signature()),
            PartialSignature::new(own, Signature::new([7; 96])),
            PartialSignature::new(own, Signature::new(identity)),
            committee.shares[place].sign(DOMAIN, b"another message"),
            committee.shares[place].sign(Domain::Group, MESSAGE),
        ];
        for other in others {
            let mut partials = good.clone();
            partials[place] = other;
            assert_eq!(wrong(&committee, &partials), [other.index.get()]);
            partials.push(good[place]);
            assert_eq!(wrong(&committee, &partials), [other.index.get()], "beside the right one");
        }
    }
    let elsewhere = committee.group.wrong_partials(Domain::Group, MESSAGE, &good);
    assert_eq!(elsewhere, good.iter().map(PartialSignature::index).collect());
}

/// Errors of two that cancel in the sum with these weights.
fn cancelling(
    committee: &Committee,
    honest: &[PartialSignature],
    weights: [&Scalar; 2],
) -> Vec<PartialSignature> {
    let (error, minus) = (error(committee), Scalar::from_u16(0).sub(&weights[1].invert()));
    let mut partials = honest.to_vec();
    partials[0] = with_error(&honest[0], &error.mul(&weights[0].invert()));
    partials[1] = with_error(&honest[1], &error.mul(&minus));
    partials
}

#[test]
fn thr_15_errors_do_not_cancel() {
    let committee = committee(3, 7);
    let honest = sign(&committee, &[1, 2, 3, 4, 5]);
    let statement = super::Statement { group: &committee.group, domain: DOMAIN, message: MESSAGE };
    let one = Scalar::from_u16(1);
    let of_honest: Vec<_> = statement.weights(&honest).collect();
    let plain = cancelling(&committee, &honest, [&one, &one]);
    let of_plain: Vec<_> = statement.weights(&plain).collect();
    // What cancels with equal weights, and with those of what others or the liars showed before.
    for weights in [[&one, &one], [&of_honest[0], &of_honest[1]], [&of_plain[0], &of_plain[1]]] {
        let partials = cancelling(&committee, &honest, weights);
        assert!(!statement.hold_together(&partials), "THR-15");
        assert_eq!(wrong(&committee, &partials), [1, 2], "THR-15");
    }
}

#[test]
fn thr_15_weights_follow_from_all_that_is_checked() {
    let (first, smaller) = (committee(3, 7), committee(3, 6));
    let dealt = deal_fresh(parameters(3, 7), 2);
    let checked = dealt.dealing.check_fresh(session(1), parameters(3, 7)).unwrap();
    let second = Sharing::fresh(vec![checked]).unwrap();
    let partials = sign(&first, &[1, 2, 3]);
    let weights = |group, domain, message, partials: &[_]| -> Vec<_> {
        let statement = super::Statement { group, domain, message };
        statement.weights(partials).map(|weight| weight.encode()).collect()
    };
    let expected = weights(&first.group, DOMAIN, MESSAGE, &partials);
    assert_eq!(expected, weights(&first.group, DOMAIN, MESSAGE, &partials));
    let mut other = partials.clone();
    other[2] = with_error(&other[2], &error(&first));
    let others = [
        weights(&first.group, DOMAIN, MESSAGE, &other),
        weights(&first.group, DOMAIN, b"another message", &partials),
        weights(&first.group, Domain::Group, MESSAGE, &partials),
        weights(&smaller.group, DOMAIN, MESSAGE, &partials),
        weights(second.group_key(), DOMAIN, MESSAGE, &partials),
    ];
    for other in others {
        let are_apart = expected.iter().all(|weight| !other.contains(weight));
        assert!(are_apart, "THR-15");
    }
    assert!(expected.windows(2).all(|pair| pair[0] != pair[1]), "each has its own");
}

#[test]
fn a_partial_signature_comes_back_from_its_bytes() {
    let partial = sign(&committee(2, 4), &[3])[0];
    assert_eq!(PartialSignature::decode(&partial.encode()), Ok(partial));
    let mut bytes = partial.encode();
    bytes[1] = 0;
    assert_eq!(PartialSignature::decode(&bytes), Err(Rejected::IndexZero));
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes: Vec<u8>) {
        if let Ok(partial) = PartialSignature::decode(&bytes) {
            prop_assert_eq!(partial.encode().to_vec(), bytes);
        }
    }
}
