//! The villains of a handover do what their names say.
use std::sync::Arc;

use quorate_history::Prng;
use quorate_machine::{Class, Recipients};
use quorate_membership::handover::message::{Message, Part};
use quorate_membership::handover::{CommitmentBytes, PublishedDealing, SignedDealing};
use quorate_threshold::{
    PARTIAL_SIGNATURE_BYTES, PUBLIC_KEY_BYTES, SCALAR_BYTES, SEALED_PREFIX_BYTES,
};
use quorate_types::{Digest, Epoch, Instant, NodeId, Now, Peer, Signature, UnixTime};

use super::{Context, Deeds, Holdings, Letter, NAMES, Sending, villain};

const TO: Peer = Peer::Node(NodeId::new([1; 32]));

fn dealing() -> Message {
    let dealing = PublishedDealing {
        session: Digest::new([3; 32]),
        dealer: 1,
        commitment: CommitmentBytes(vec![1; 2 * PUBLIC_KEY_BYTES]),
        sealed: vec![5; SEALED_PREFIX_BYTES + 4 * SCALAR_BYTES],
    };
    Message::Dealing(Box::new(SignedDealing { dealing, signature: Signature::new([7; 64]) }))
}

fn part() -> Message {
    Message::Part(Part { message: Digest::new([4; 32]), partial: [6; PARTIAL_SIGNATURE_BYTES] })
}

/// What a villain makes of a message that its machine sends.
fn twisted(name: &str, message: &Message) -> Deeds {
    let mut prng = Prng::from_seed(1);
    let mut villain = villain(name, &mut prng).expect("it is in the table");
    let mut holdings = Holdings { others: vec![TO] };
    let now = Now { instant: Instant::ZERO, wall: UnixTime::from_micros(1) };
    let mut context = Context { holdings: &mut holdings, now, prng: &mut prng };
    let letter = Letter { epoch: Epoch::new(2), message: message.clone() };
    let sending =
        Sending { to: Recipients::One(TO), class: Class::Control, message: Arc::new(letter) };
    let mut deeds = Deeds::default();
    villain.on_send(&mut context, sending, &mut deeds);
    deeds
}

#[test]
fn a_dealer_with_two_faces_changes_what_it_seals_and_not_what_it_commits_to() {
    let deeds = twisted("two-faced-dealer", &dealing());
    let Message::Dealing(told) = &deeds.sendings[0].message.message else {
        panic!("it sends no dealing")
    };
    let Message::Dealing(honest) = dealing() else { panic!("it is one") };
    let (told, honest) = (&told.dealing, &honest.dealing);
    assert_eq!(told.commitment, honest.commitment);
    let changed = told.sealed.iter().zip(&honest.sealed).filter(|(left, right)| left != right);
    assert_eq!(changed.count(), 1);
    assert_eq!(deeds.marks, ["liar.dealt_twice"]);
}

#[test]
fn who_withholds_sends_no_part_and_who_lies_sends_another() {
    assert!(twisted("share-withholder", &part()).sendings.is_empty());
    let deeds = twisted("part-liar", &part());
    assert_ne!(deeds.sendings[0].message.message, part());
}

#[test]
fn villains_let_pass_what_is_not_their_concern() {
    for name in NAMES.iter().filter(|name| !["part-liar", "share-withholder"].contains(name)) {
        let deeds = twisted(name, &part());
        assert_eq!(deeds.sendings.len(), 1, "{name}");
        assert_eq!(deeds.sendings[0].message.message, part(), "{name}");
    }
}
