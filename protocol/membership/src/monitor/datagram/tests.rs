//! A datagram has one encoding, a question is as long as its answer may be, and garbage is garbage.
use std::boxed::Box;
use std::vec::Vec;

use expect_test::expect_file;
use proptest::prelude::*;
use quorate_types::{Digest, Epoch, NodeId, Signature, Slot};
use quorate_wire::{DecodeError, decode, encode, vector};

use super::{
    Answer, CERTIFIED_BYTES, PLAIN_ANSWER_BYTES, PLAIN_QUESTION_BYTES, Proof, Question,
    SIGNED_BYTES, Shown, Ticket, Wanted,
};
use crate::epoch_key::{EpochKeyCertificate, EpochKeyStatement};
use crate::freshness::Nonce;
use crate::identity::IdentitySigner;
use crate::testing::{epoch_signer, identity};

use quorate_crypto::Signer;

fn questions() -> Vec<(&'static str, Question)> {
    let nonce = Nonce::new(Digest::new([3; 32]));
    let slot = Slot::new(17);
    let wanted = [
        ("plain", Wanted::Plain),
        ("signed", Wanted::Signed { nonce, certificate: false }),
        ("certified", Wanted::Signed { nonce, certificate: true }),
        ("accused", Wanted::Accused { slot, certificate: false }),
        ("accused_certified", Wanted::Accused { slot, certificate: true }),
    ];
    let ticket = Ticket { place: 5, token: 6 };
    let to = NodeId::new([2; 32]);
    let question = |wanted| Question { to, epoch: Epoch::new(4), ticket, wanted };
    wanted.map(|(name, wanted)| (name, question(wanted))).to_vec()
}

fn answers() -> Vec<(&'static str, Answer)> {
    let key = epoch_signer(0, Epoch::ZERO).public_key();
    let statement = EpochKeyStatement::founding(identity(0).identity_key(), key);
    let certificate = Some(Box::new(EpochKeyCertificate::issue(statement, &identity(0))));
    let signature = Signature::new([7; 64]);
    let ticket = Ticket { place: 5, token: 6 };
    let answer = |shown| Answer { ticket, epoch: Epoch::new(4), shown };
    [
        ("life", answer(Shown::Life)),
        ("signature", answer(Shown::Signature(Proof { signature, certificate: None }))),
        ("certified", answer(Shown::Signature(Proof { signature, certificate }))),
        ("rebuttal", answer(Shown::Rebuttal(Proof { signature, certificate: None }))),
    ]
    .to_vec()
}

#[test]
fn every_datagram_has_its_golden_bytes() {
    let asked = questions().into_iter().map(|(name, one)| vector(name, &one));
    let shown = answers().into_iter().map(|(name, one)| vector(name, &one));
    let vectors: Vec<_> = asked.chain(shown).collect();
    expect_file!["golden/datagrams.txt"].assert_eq(&vectors.concat());
}

#[test]
fn a_question_has_the_length_that_is_promised_and_comes_back_from_its_bytes() {
    let lengths =
        [PLAIN_QUESTION_BYTES, SIGNED_BYTES, CERTIFIED_BYTES, SIGNED_BYTES, CERTIFIED_BYTES];
    for ((_, question), length) in questions().into_iter().zip(lengths) {
        let mut bytes = encode(&question);
        assert_eq!(bytes.len(), length);
        assert_eq!(question.bytes(), length);
        assert_eq!(decode::<Question>(&bytes), Ok(question));
        for shorter in 0..length {
            assert!(decode::<Question>(&bytes[..shorter]).is_err(), "{shorter} of {length}");
        }
        bytes.push(0);
        assert_eq!(decode::<Question>(&bytes), Err(DecodeError::TrailingBytes { count: 1 }));
    }
}

#[test]
fn what_fills_a_question_is_zero() {
    let (_, accused) = questions()[3];
    let mut bytes = encode(&accused);
    *bytes.last_mut().unwrap() = 1;
    assert_eq!(decode::<Question>(&bytes), Err(DecodeError::NotCanonical { of: "Question" }));
}

#[test]
fn an_answer_comes_back_from_its_bytes() {
    for (_, answer) in answers() {
        let bytes = encode(&answer);
        assert_eq!(decode::<Answer>(&bytes), Ok(answer));
        for length in 0..bytes.len() {
            assert!(decode::<Answer>(&bytes[..length]).is_err());
        }
    }
    assert_eq!(encode(&answers()[0].1).len(), PLAIN_ANSWER_BYTES);
    assert_eq!(encode(&answers()[1].1).len(), SIGNED_BYTES);
}

#[test]
fn mem_41_no_kind_of_answer_is_longer_than_its_question() {
    let longest_proof = SIGNED_BYTES + EpochKeyCertificate::BYTES_MAX;
    for (_, question) in questions() {
        let longest = match question.wanted {
            Wanted::Plain => PLAIN_ANSWER_BYTES,
            Wanted::Signed { certificate, .. } | Wanted::Accused { certificate, .. } => {
                if certificate {
                    longest_proof
                } else {
                    SIGNED_BYTES
                }
            }
        };
        assert!(longest <= encode(&question).len());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_datagram_or_an_error_and_never_two_datagrams(
        bytes in proptest::collection::vec(any::<u8>(), 0..1400),
        kind in 0_u8..5,
    ) {
        let mut bytes = bytes;
        // Most bytes would end at the first one.
        if bytes.len() > 1 {
            (bytes[0], bytes[1]) = (1, kind);
        }
        if let Ok(question) = decode::<Question>(&bytes) {
            prop_assert_eq!(encode(&question), bytes.clone());
        }
        if let Ok(answer) = decode::<Answer>(&bytes) {
            prop_assert_eq!(encode(&answer), bytes);
        }
    }
}
