//! Each question has one answer, computed once, and no more are kept than the bound says. What is
//! known of signatures changes no answer.

use std::cell::Cell;

use quorate_threshold::{
    Bls12381, Commitment, Domain, GroupKey, KeyShare, Parameters, PartialSignature, ThresholdScheme,
};
use quorate_types::Epoch;

use super::{ANSWERS_MAX, Memory, RememberedScheme, named};
use crate::epochs::Name;
use crate::epochs::cabinet::share_in;
use crate::epochs::founding::{Shape, install_ideal};

#[test]
fn a_question_is_answered_once_and_another_by_itself() {
    let (memory, computed) = (Memory::new(), Cell::new(0));
    let ask = |question: &[&[u8]]| {
        memory.recall(question, || {
            computed.set(computed.get() + 1);
            question.concat()
        })
    };
    assert_eq!((ask(&[b"ab", b"c"]), computed.get()), (b"abc".to_vec(), 1));
    assert_eq!((ask(&[b"ab", b"c"]), computed.get()), (b"abc".to_vec(), 1));
    assert_eq!((ask(&[b"a", b"bc"]), computed.get()), (b"abc".to_vec(), 2));
    assert_ne!(named(&[b"ab", b"c"]), named(&[b"abc"]));
}

#[test]
fn a_memory_that_is_full_begins_anew() {
    let memory = Memory::new();
    for number in 0..=ANSWERS_MAX {
        assert_eq!(memory.recall(&[&number.to_be_bytes()], || number), number);
    }
    assert_eq!(memory.lock().len(), 1);
}

/// A group of four, of which two sign, and its shares in their order.
fn group() -> (GroupKey, Vec<KeyShare>) {
    let (kit, servers) =
        install_ideal(Shape { f: 1, servers: 5, layout: 3, length: 10, attempt_ms: 0 });
    let file = Name::Share(Epoch::ZERO);
    let shares = servers.iter().filter_map(|(_, disk)| Some(share_in(disk.files.get(&file)?).1));
    let mut shares: Vec<_> = shares.collect();
    shares.sort_by_key(KeyShare::index);
    let parameters = Parameters::new(2, 4).expect("two of four sign");
    let commitment = Commitment::decode(&kit.sharing.0, parameters).expect("the founding made it");
    (GroupKey::new(commitment).expect("the founding checked it"), shares)
}

/// All that is asked of these, twice: the second time the first is remembered.
fn assert_same_answers(group: &GroupKey, message: &[u8], partials: &[PartialSignature]) {
    let (real, domain) = (Bls12381, Domain::Beacon);
    for _ in 0..2 {
        for partial in partials {
            let is_right = group.verify_partial(domain, message, partial).is_ok();
            let wrong = RememberedScheme.wrong_partials(group, domain, message, &[*partial]);
            assert_eq!(wrong.is_empty(), is_right);
            let (key, signature) = (group.public_key(), partial.signature());
            let expected = real.verify(&key, domain, message, signature);
            assert_eq!(RememberedScheme.verify(&key, domain, message, signature), expected);
        }
        let expected = real.wrong_partials(group, domain, message, partials);
        let said = RememberedScheme.wrong_partials(group, domain, message, partials);
        assert_eq!(said, expected);
        let expected = real.combine(group, domain, message, partials);
        assert_eq!(RememberedScheme.combine(group, domain, message, partials), expected);
        if let Ok(combined) = expected {
            let (key, signature) = (group.public_key(), combined.signature);
            assert_eq!(RememberedScheme.verify(&key, domain, message, &signature), Ok(()));
            let other = RememberedScheme.verify(&key, domain, b"another", &signature);
            assert_eq!(other, real.verify(&key, domain, b"another", &signature));
        }
    }
}

#[test]
fn what_is_known_of_signatures_changes_no_answer() {
    let (group, shares) = group();
    let message = b"what is known of signatures";
    let sign = |share| RememberedScheme.sign_partial(share, Domain::Beacon, message);
    let good: Vec<_> = shares.iter().map(sign).collect();
    assert_eq!(good[0], Bls12381.sign_partial(&shares[0], Domain::Beacon, message));
    let of_another = PartialSignature::new(shares[1].index(), *good[0].signature());
    let elsewhere = RememberedScheme.sign_partial(&shares[2], Domain::Beacon, b"elsewhere");
    assert_same_answers(&group, message, &good[..1]);
    assert_same_answers(&group, message, &[of_another, elsewhere]);
    assert_same_answers(&group, message, &good[..2]);
    assert_same_answers(&group, message, &good[1..]);
    assert_same_answers(&group, message, &[good[3], good[3], good[0]]);
    assert_same_answers(&group, message, &[good[2], of_another, good[3]]);
    assert_same_answers(&group, message, &[of_another, elsewhere, good[0], good[3]]);
    assert_same_answers(&group, message, &[good[3], good[3]]);
}
