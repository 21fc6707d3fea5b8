//! Villains are found by their names, and what the bad give at a ceremony stops nobody.

use std::collections::BTreeMap;

use quorate_history::Prng;
use quorate_threshold::{
    Bls12381, Dealer, Domain, GroupKey, KeyShare, Parameters, Seed, Session, ShareIndex, Sharing,
    ThresholdScheme,
};

use super::ceremony::{Ceremony, Contribution};
use super::client_vice::CLIENT_VICES;
use super::{ClientVice, SERVER_VILLAINS, villain};

#[test]
fn every_villain_is_found_by_its_name() {
    let mut prng = Prng::from_seed(1);
    for name in SERVER_VILLAINS {
        assert_eq!(villain(name, &mut prng).map(|villain| villain.name()), Some(*name));
    }
    for name in CLIENT_VICES {
        assert!(ClientVice::named(name, &mut prng).is_some(), "{name}");
    }
}

/// Seven shares, any three of which sign.
fn shares() -> (GroupKey, Vec<KeyShare>) {
    let parameters = Parameters::new(3, 7).unwrap();
    let (session, seed) = (Session::new([3; 32]), Seed::new([4; 32]));
    let dealer = Dealer { seed: &seed, session, parameters };
    let dealt = dealer.deal_fresh(ShareIndex::new(1).unwrap());
    let checked = dealt.dealing.clone().check_fresh(session, parameters).unwrap();
    let sharing = Sharing::fresh(vec![checked]).unwrap();
    let assemble = |subshare: &quorate_threshold::Subshare| {
        let own = std::slice::from_ref(subshare);
        sharing.assemble_share(subshare.recipient(), own).unwrap()
    };
    let shares = dealt.subshares.iter().map(assemble).collect();
    (sharing.group_key().clone(), shares)
}

const BAD: [u16; 2] = [2, 5];

/// Signs with all shares, some of which are in bad hands; returns who was found to be bad.
fn sign(contribution: impl Fn(u16) -> Contribution) -> (Ceremony, Vec<u16>) {
    let (group, shares) = shares();
    let bad: BTreeMap<_, _> = BAD.into_iter().map(|index| (index, contribution(index))).collect();
    let ceremony = Ceremony::new(bad);
    let domain = Domain::Configuration;
    let partials: Vec<_> =
        shares.iter().map(|share| ceremony.sign_partial(share, domain, b"header")).collect();
    let combined = ceremony.combine(&group, domain, b"header", &partials).unwrap();
    Bls12381.verify(&group.public_key(), domain, b"header", &combined.signature).unwrap();
    (ceremony, combined.bad.iter().map(|index| index.get()).collect())
}

#[test]
fn wrong_partials_are_named_and_the_others_sign() {
    let (_, named) = sign(|_| Contribution::Wrong);
    assert_eq!(named, BAD);
}

#[test]
fn two_wrong_partials_that_cancel_make_the_true_signature_and_nobody_is_named() {
    let other = |index| if index == BAD[0] { BAD[1] } else { BAD[0] };
    let (ceremony, named) = sign(|index| Contribution::Cancelling { accomplice: other(index) });
    assert!(named.is_empty() && ceremony.had_cancelled());
}

#[test]
fn partials_that_never_come_are_not_needed() {
    let (_, named) = sign(|_| Contribution::Withheld);
    assert!(named.is_empty());
}
