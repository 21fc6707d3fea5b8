//! A dealing is checked whole: session, degree, constant term, and each subshare.

use std::format;
use std::vec::Vec;

use proptest::prelude::{prop_assert_eq, proptest};

use super::{Dealer, Dealing, Dealt, Subshare};
use crate::rejected::Rejected;
use crate::scalar::Scalar;
use crate::sizes::SUBSHARE_BYTES;
use crate::testing::naive::{Number, interpolate};
use crate::testing::{GROUPS, committee, deal_fresh, index, parameters, seed, session};

fn altered(subshare: &Subshare) -> Subshare {
    let value = subshare.value().add(&Scalar::from_u16(1));
    Subshare { dealer: subshare.dealer, recipient: subshare.recipient, value }
}

fn number(subshare: &Subshare) -> Number {
    Number::from_bytes(subshare.value().encode().as_ref())
}

#[test]
fn any_threshold_of_subshares_reconstructs_the_secret_by_schoolbook() {
    for (threshold, share_count) in GROUPS {
        let Dealt { dealing, subshares } = deal_fresh(parameters(threshold, share_count), 1);
        let take = usize::from(threshold);
        let points = |from: usize, count: usize| -> Vec<_> {
            let chosen = subshares.iter().cycle().skip(from).take(count);
            chosen.map(|subshare| (subshare.recipient().get(), number(subshare))).collect()
        };
        let secret = interpolate(&points(0, take));
        let scalar = Scalar::decode(secret.to_bytes().as_slice().try_into().unwrap()).unwrap();
        assert_eq!(crate::point::KeyPoint::of(&scalar), *dealing.commitment().constant_term());
        for from in 1..usize::from(share_count) {
            assert_eq!(interpolate(&points(from, take)), secret);
            if take > 1 {
                assert_ne!(interpolate(&points(from, take - 1)), secret);
            }
        }
    }
}

#[test]
fn every_recipient_accepts_what_an_honest_dealer_deals() {
    let Dealt { dealing, subshares } = deal_fresh(parameters(3, 7), 1);
    let checked = dealing.check_fresh(session(1), parameters(3, 7)).unwrap();
    for subshare in &subshares {
        assert_eq!(checked.check_subshare(subshare.recipient(), subshare), Ok(()));
    }
}

#[test]
fn the_same_seed_and_session_deal_the_same_again() {
    let again = || {
        let seed = seed(5);
        let share = &committee(2, 4).shares[1];
        Dealer { seed: &seed, session: session(3), parameters: parameters(3, 7) }.deal_again(share)
    };
    let (first, second) = (again(), again());
    assert_eq!(first.dealing, second.dealing);
    for (left, right) in first.subshares.iter().zip(&second.subshares) {
        assert_eq!(left.encode(), right.encode());
    }
}

#[test]
fn a_dealing_of_another_session_degree_or_size_is_refused() {
    let dealing = deal_fresh(parameters(3, 7), 1).dealing;
    let check = |session, parameters| dealing.clone().check_fresh(session, parameters).err();
    let refused = Rejected::WrongSession { dealer: index(1) };
    assert_eq!(check(session(2), parameters(3, 7)), Some(refused));
    let refused = Rejected::WrongDegree { expected: 2, got: 3 };
    assert_eq!(check(session(1), parameters(2, 7)), Some(refused));
    let refused = Rejected::WrongShareCount { expected: 4, got: 7 };
    assert_eq!(check(session(1), parameters(3, 4)), Some(refused));
    assert_eq!(check(session(1), parameters(3, 7)), None);
}

#[test]
fn a_resharing_of_any_secret_but_the_dealers_own_share_is_refused() {
    let old = committee(2, 4);
    let new = parameters(3, 7);
    let seed = seed(5);
    let dealer = Dealer { seed: &seed, session: session(3), parameters: new };
    let check = |dealing: Dealing| dealing.check_reshared(session(3), new, &old.group).err();

    let honest = dealer.deal_again(&old.shares[1]).dealing;
    assert_eq!(check(honest.clone()), None);
    let mismatch = Some(Rejected::ConstantTermMismatch { dealer: index(2) });
    assert_eq!(check(dealer.deal_fresh(index(2)).dealing), mismatch);
    let of_another = dealer.deal_again(&old.shares[2]).dealing.commitment().clone();
    assert_eq!(check(Dealing::new(session(3), index(2), of_another)), mismatch);
    let of_a_stranger = Dealing::new(session(3), index(5), honest.commitment().clone());
    assert_eq!(check(of_a_stranger), Some(Rejected::IndexTooLarge { index: 5, max: 4 }));
}

#[test]
fn a_subshare_that_is_wrong_or_for_another_is_refused() {
    let Dealt { dealing, subshares } = deal_fresh(parameters(3, 7), 1);
    let checked = dealing.check_fresh(session(1), parameters(3, 7)).unwrap();
    let check = |recipient, subshare: &Subshare| checked.check_subshare(index(recipient), subshare);

    let refused = Rejected::SubshareMismatch { dealer: index(1), recipient: index(2) };
    assert_eq!(check(2, &altered(&subshares[1])), Err(refused));
    let refused = Rejected::WrongSubshare { dealer: index(1), recipient: index(2) };
    assert_eq!(check(3, &subshares[1]), Err(refused));
    let refused = Rejected::WrongSubshare { dealer: index(2), recipient: index(2) };
    assert_eq!(check(2, &deal_fresh(parameters(3, 7), 2).subshares[1]), Err(refused));
    let refused = Rejected::IndexTooLarge { index: 8, max: 7 };
    assert_eq!(check(8, &subshares[1]), Err(refused));
}

#[test]
fn a_subshare_shows_no_secret_and_comes_back_from_its_bytes() {
    let subshare = &deal_fresh(parameters(2, 4), 1).subshares[2];
    assert_eq!(format!("{subshare:?}"), "Subshare(i1 to i3, redacted)");
    let bytes = subshare.encode();
    assert_eq!(Subshare::decode(bytes.as_ref()).unwrap().encode(), bytes);
    assert_eq!(Subshare::decode(&[0; SUBSHARE_BYTES]).err(), Some(Rejected::IndexZero));
    assert_eq!(format!("{:?} {:?}", seed(1), subshare.value()), "Seed(redacted) Scalar(redacted)");
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes: Vec<u8>) {
        if let Ok(subshare) = Subshare::decode(&bytes) {
            prop_assert_eq!(subshare.encode().to_vec(), bytes);
        }
    }
}
