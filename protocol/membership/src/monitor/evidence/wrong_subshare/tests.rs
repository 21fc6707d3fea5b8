//! A dealer that cheats is convicted by whom it cheats, and an honest one by nobody.
use std::boxed::Box;
use std::vec::Vec;

use quorate_crypto::Signer;
use quorate_threshold::{
    COMPLAINT_BYTES, Dealer, DecryptionKey, Opened, SCALAR_BYTES, SEALED_PREFIX_BYTES, Seed,
    Session, ShareIndex,
};
use quorate_types::{Epoch, NodeId, Resilience, SystemId};
use quorate_wire::{decode, encode};

use super::{Accused, Unfounded, WrongSubshare};
use crate::handover::attempt::{Attempt, Occasion, Seat, SeatKeys};
use crate::handover::dealing::PublishedDealing;
use crate::handover::deposit::EncryptionKeyBytes;
use crate::handover::signed_dealing::SignedDealing;
use crate::identity::IdentitySigner;
use crate::monitor::Evidence;
use crate::monitor::evidence::Misdeed;
use crate::testing::{decryption_key, epoch_signer, identity, registry};

const SYSTEM: SystemId = SystemId::new([1; 32]);
const EPOCH: Epoch = Epoch::new(3);
const DEALER: usize = 0;
/// Who is cheated, from 0.
const VICTIM: usize = 2;

fn attempt() -> Attempt {
    let seat = |place: usize| {
        let encryption_key = EncryptionKeyBytes(decryption_key(place).encryption_key().encode());
        let epoch_key = epoch_signer(place, EPOCH.next()).public_key();
        let node = NodeId::new([u8::try_from(place).unwrap(); 32]);
        Seat { node, keys: Some(SeatKeys { epoch_key, encryption_key }) }
    };
    Attempt {
        number: 1,
        resilience: Resilience::new(1).unwrap(),
        seats: (0..4).map(seat).collect(),
    }
}

fn session(attempt: &Attempt) -> Session {
    attempt.session(&Occasion { system: SYSTEM, epoch: EPOCH.next(), system_key: None })
}

/// What the dealer deals in this attempt, before it signs.
fn dealing(attempt: &Attempt) -> PublishedDealing {
    let (seed, session) = (Seed::new([7; 32]), session(attempt));
    let dealer = Dealer { seed: &seed, session, parameters: attempt.parameters() };
    let dealt = dealer.deal_fresh(ShareIndex::new(1).unwrap());
    let sealed = dealer.seal(&dealt, &attempt.encryption_keys().unwrap()).unwrap();
    PublishedDealing::new(&dealt.dealing, &sealed)
}

/// The same with the subshare of one recipient off.
fn cheat(attempt: &Attempt, place: usize) -> PublishedDealing {
    let mut dealing = dealing(attempt);
    dealing.sealed[SEALED_PREFIX_BYTES + SCALAR_BYTES * (place + 1) - 1] ^= 1;
    dealing
}

fn signed(dealing: PublishedDealing) -> SignedDealing {
    SignedDealing::sign(dealing, (SYSTEM, EPOCH), &epoch_signer(DEALER, EPOCH))
}

/// What a recipient with this key finds in its envelope.
fn open(
    attempt: &Attempt,
    dealing: &PublishedDealing,
    (place, key): (u16, &DecryptionKey),
) -> Opened {
    let parameters = attempt.parameters();
    let checked = dealing.chosen().checked((session(attempt), parameters), None).unwrap();
    let sealed = dealing.sealed(parameters).unwrap();
    key.open(&checked, &sealed, ShareIndex::new(place + 1).unwrap()).unwrap()
}

fn complaint(attempt: &Attempt, dealing: &PublishedDealing, place: u16) -> [u8; COMPLAINT_BYTES] {
    let key = decryption_key(usize::from(place));
    match open(attempt, dealing, (place, &key)) {
        Opened::Complaint(complaint) => complaint.encode(),
        Opened::Owed(_) => panic!("it was not cheated"),
    }
}

fn accused() -> Accused {
    Accused {
        system: SYSTEM,
        epoch: EPOCH,
        epoch_key: Some(epoch_signer(DEALER, EPOCH).public_key()),
        identity_key: identity(DEALER).identity_key(),
        root: identity(DEALER).root(),
    }
}

fn check(wrong: WrongSubshare) -> Result<(), Unfounded> {
    let misdeed = Misdeed::WrongSubshare(Box::new(wrong));
    let evidence = Evidence { server: NodeId::new([9; 32]), misdeed };
    assert_eq!(decode::<Evidence>(&encode(&evidence)), Ok(evidence.clone()));
    evidence.check(&accused(), &registry())
}

/// Evidence against a dealer that has cheated the victim.
fn proof() -> WrongSubshare {
    let attempt = attempt();
    let dealing = signed(cheat(&attempt, VICTIM));
    let complaint = complaint(&attempt, &dealing.dealing, 2);
    WrongSubshare { epoch: EPOCH, system_key: None, attempt, dealing, complaint }
}

/// What a framer holds of an honest dealer, with a complaint about another.
fn framed() -> WrongSubshare {
    let proof = proof();
    let dealing = signed(dealing(&proof.attempt));
    WrongSubshare { dealing, ..proof }
}

#[test]
fn a_dealer_is_convicted_by_whom_it_cheated_mem_54() {
    assert_eq!(check(proof()), Ok(()));
}

#[test]
fn a_signature_is_all_that_a_dealing_has_become_longer_by() {
    let proof = proof();
    let unsigned = encode(&proof.dealing.dealing).len();
    assert_eq!(encode(&proof.dealing).len(), unsigned + 64);
    // Two points, and four subshares under one more, with the proof of its maker.
    assert_eq!(unsigned, 90 - 48 + 2 * 48 + 48 + 64 + 4 * 32);
    let misdeed = Misdeed::WrongSubshare(Box::new(proof));
    let evidence = Evidence { server: NodeId::new([9; 32]), misdeed };
    assert_eq!(encode(&evidence).len(), 1_060, "in a group of four, without a key of the system");
}

#[test]
fn a_complaint_about_another_dealing_convicts_nobody_mem_54() {
    assert_eq!(check(framed()), Err(Unfounded::NotCheated), "a replayed complaint");
    let garbage = WrongSubshare { complaint: [0; COMPLAINT_BYTES], ..framed() };
    assert_eq!(check(garbage), Err(Unfounded::Malformed));
    let mut for_another = proof();
    for_another.complaint[1] = 2;
    assert_eq!(check(for_another), Err(Unfounded::NotCheated), "it was not recipient 2");
    let mut forged = proof();
    forged.complaint[COMPLAINT_BYTES - 1] ^= 1;
    assert_eq!(check(forged), Err(Unfounded::NotCheated));
}

#[test]
fn a_framer_that_changes_what_was_dealt_has_no_signature_for_it_mem_54() {
    let mut changed = framed();
    changed.dealing.dealing = cheat(&changed.attempt, VICTIM);
    changed.complaint = complaint(&changed.attempt, &changed.dealing.dealing, 2);
    assert_eq!(check(changed), Err(Unfounded::BadSignature));
}

#[test]
fn a_framer_that_shows_another_key_than_was_sealed_for_shows_another_attempt_mem_54() {
    let honest = framed();
    let own = DecryptionKey::derive(&Seed::new([66; 32]));
    // With a key of its own an envelope for somebody else opens to something else.
    let Opened::Complaint(complaint) = open(&honest.attempt, &honest.dealing.dealing, (2, &own))
    else {
        panic!("it was not sealed for that key")
    };
    let mut attempt = honest.attempt.clone();
    let keys = attempt.seats[VICTIM].keys.as_mut().unwrap();
    keys.encryption_key = EncryptionKeyBytes(own.encryption_key().encode());
    let complaint = complaint.encode();
    let with_real_keys = WrongSubshare { complaint, ..honest.clone() };
    assert_eq!(check(with_real_keys), Err(Unfounded::NotCheated));
    let with_own_key = WrongSubshare { attempt, complaint, ..honest };
    assert_eq!(check(with_own_key), Err(Unfounded::WrongAttempt));
}

#[test]
fn what_was_dealt_in_another_epoch_or_system_convicts_nobody_mem_54() {
    let later = WrongSubshare { epoch: EPOCH.next(), ..proof() };
    assert_eq!(check(later), Err(Unfounded::WrongEpoch));
    let foreign = Accused { system: SystemId::new([2; 32]), ..accused() };
    let misdeed = Misdeed::WrongSubshare(Box::new(proof()));
    let evidence = Evidence { server: NodeId::new([9; 32]), misdeed };
    assert_eq!(evidence.check(&foreign, &registry()), Err(Unfounded::WrongAttempt));
    let unknown = Accused { epoch_key: None, ..accused() };
    assert_eq!(evidence.check(&unknown, &registry()), Err(Unfounded::NoKey));
}

#[test]
fn a_dealer_that_signs_a_hash_of_nonsense_stops_nobody() {
    let mut attempt = attempt();
    let commitment = dealing(&attempt).commitment;
    attempt.seats.truncate(1);
    let nonsense = PublishedDealing {
        session: quorate_types::Digest::new(*session(&attempt).as_bytes()),
        dealer: 1,
        commitment,
        sealed: Vec::new(),
    };
    let wrong = WrongSubshare { attempt, dealing: signed(nonsense), ..proof() };
    assert_eq!(check(wrong), Err(Unfounded::Malformed));
}

#[test]
fn a_recipient_without_a_key_was_owed_nothing() {
    let mut attempt = attempt();
    attempt.seats[VICTIM].keys = None;
    let dealing = signed(dealing(&attempt));
    let wrong = WrongSubshare { attempt, dealing, ..proof() };
    assert_eq!(check(wrong), Err(Unfounded::NotCheated));
}

#[test]
fn the_dealing_that_is_judged_is_of_its_session_alone() {
    let (proof, attempt) = (proof(), attempt());
    let of_another = Attempt { number: 2, ..attempt };
    let wrong = WrongSubshare { attempt: of_another, ..proof };
    assert_eq!(check(wrong), Err(Unfounded::WrongAttempt));
}
