//! A message has one encoding.
use std::boxed::Box;
use std::vec;

use expect_test::expect_file;
use quorate_threshold::Signature as ThresholdSignature;
use quorate_types::{
    Digest, Epoch, IdentityKey, IdentityRoot, NodeId, PublicKey, Resilience, Signature, Slot,
    SystemId,
};
use quorate_wire::{DecodeError, decode, encode, vector};

use super::{DealingName, Grievance, Help, Message, Part};
use crate::handover::attempt::{Attempt, Seat, SeatKeys};
use crate::handover::dealing::{Acknowledgement, ChosenDealing, CommitmentBytes, PublishedDealing};
use crate::handover::deposit::{Deposit, EncryptionKeyBytes};
use crate::handover::randomness::Fixed;
use crate::handover::signed_dealing::SignedDealing;
use crate::handover::stage::{Decided, Frozen, News, Stage, Underway};
use crate::handover::vote::{AbortVote, Completion, EndReason, EndVote, ShareProof};
use crate::handover::word::Word;
use crate::testing::World;

const SYSTEM: SystemId = SystemId::new([1; 32]);
const NODE: NodeId = NodeId::new([2; 32]);
const SESSION: Digest = Digest::new([3; 32]);

fn word<T>(said: T) -> Word<T> {
    Word { said, by: NODE, signature: Signature::new([4; 64]) }
}

fn news(stage: Stage) -> Box<News> {
    let sharing = Some(CommitmentBytes(vec![5; 96]));
    let header = Digest::new([6; 32]);
    let epoch = Epoch::new(7);
    Box::new(News { system: SYSTEM, epoch, header, sharing, change_count: 8, awaited: 0, stage })
}

fn frozen() -> Frozen {
    let (previous, changes) = (Digest::new([6; 32]), Digest::new([9; 32]));
    let fixed = Fixed { system: SYSTEM, epoch: Epoch::new(8), previous, changes };
    Frozen { fixed, slot: Slot::new(10) }
}

fn attempt() -> Attempt {
    let keys = SeatKeys {
        epoch_key: PublicKey::new([12; 32]),
        encryption_key: EncryptionKeyBytes([13; 48]),
    };
    let seats = vec![Seat { node: NODE, keys: Some(keys) }, Seat { node: NODE, keys: None }];
    Attempt { number: 2, resilience: Resilience::new(1).unwrap(), seats }
}

fn chosen() -> ChosenDealing {
    let commitment = CommitmentBytes(vec![14; 96]);
    ChosenDealing { dealer: 3, commitment, sealed: Digest::new([15; 32]) }
}

fn underway() -> Box<Underway> {
    let (frozen, randomness) = (frozen(), Digest::new([16; 32]));
    Box::new(Underway { frozen, randomness, attempt: attempt(), dealings: vec![chosen()] })
}

fn decided(world: &World) -> Box<Decided> {
    let header = world.first.header().header().clone();
    let sharing = CommitmentBytes(vec![17; 96]);
    Box::new(Decided { header, attempt: attempt(), dealings: vec![chosen()], sharing })
}

fn deposit(world: &World) -> Deposit {
    let setup = crate::testing::deposit(world, 0, Epoch::new(1));
    assert_ne!(setup.identity_key(), IdentityKey::new([0; 32]));
    setup
}

/// One of each, and of the news one of each stage.
fn messages(world: &World) -> [(&'static str, Message); 16] {
    let epoch = Epoch::new(7);
    let about = DealingName { session: SESSION, dealer: 3 };
    let end = EndVote { system: SYSTEM, epoch, reason: EndReason::WindowAtRisk };
    let abort = AbortVote { system: SYSTEM, epoch, attempt: 2 };
    let acknowledgement = Acknowledgement { session: SESSION, dealer: 3, digest: SESSION };
    let completion = Completion {
        session: SESSION,
        choice: Digest::new([18; 32]),
        commitments: Digest::new([19; 32]),
        proof: decode::<ShareProof>(&[20; 98]).unwrap(),
    };
    let dealing = PublishedDealing {
        session: SESSION,
        dealer: 3,
        commitment: CommitmentBytes(vec![14; 96]),
        sealed: vec![21; 176],
    };
    let dealing = SignedDealing { dealing, signature: Signature::new([25; 64]) };
    let certified = Box::new(world.first.header().certified().clone());
    [
        ("open", Message::News(news(Stage::Open))),
        ("frozen", Message::News(news(Stage::Frozen(frozen())))),
        ("dealing_stage", Message::News(news(Stage::Dealing(underway())))),
        ("redrawing", Message::News(news(Stage::Redrawing(underway())))),
        ("done", Message::News(news(Stage::Done(decided(world))))),
        ("deposit", Message::Deposit(Box::new(deposit(world)))),
        ("end_vote", Message::EndVote(word(end))),
        ("abort_vote", Message::AbortVote(word(abort))),
        ("part", Message::Part(Part { message: SESSION, partial: [22; 98] })),
        ("dealing", Message::Dealing(Box::new(dealing))),
        ("acknowledgement", Message::Acknowledgement(word(acknowledgement))),
        ("fetch_dealing", Message::FetchDealing(about)),
        ("grievance", Message::Grievance(Grievance { about, complaint: [23; 114] })),
        ("help", Message::Help(Help { about, subshare: [24; 36] })),
        ("completion", Message::Completion(word(completion))),
        ("certified", Message::Certified(certified)),
    ]
}

#[test]
fn every_message_has_its_golden_bytes() {
    let world = World::new(4, 1);
    let vectors = messages(&world).map(|(name, message)| vector(name, &message));
    expect_file!["golden/messages.txt"].assert_eq(&vectors.concat());
}

#[test]
fn every_message_comes_back_from_its_bytes_and_from_no_others() {
    let world = World::new(4, 1);
    for (name, message) in messages(&world) {
        let mut bytes = encode(&message);
        assert_eq!(decode::<Message>(&bytes).as_ref(), Ok(&message), "{name}");
        for length in 0..bytes.len() {
            assert!(decode::<Message>(&bytes[..length]).is_err(), "{name}");
        }
        bytes.push(0);
        assert_eq!(decode::<Message>(&bytes), Err(DecodeError::TrailingBytes { count: 1 }));
    }
    let unknown = DecodeError::UnknownTag { of: "Message", tag: 13 };
    assert_eq!(decode::<Message>(&[13]), Err(unknown));
}

#[test]
fn a_deposit_counts_for_its_server_its_epoch_and_its_system_alone() {
    use crate::handover::deposit::DepositRefused;
    let world = World::new(4, 1);
    let schemes = crate::testing::schemes();
    let (system, epoch) = (world.first.configuration().system, Epoch::ZERO);
    let good = deposit(&world);
    let root = good.identity_key().first_root();
    assert_eq!(good.check((system, epoch), root, &schemes), Ok(()));
    let refused = |deposit: &Deposit, place| deposit.check(place, root, &schemes).unwrap_err();
    let of_another = good.check((system, epoch), IdentityRoot::new([1; 32]), &schemes);
    assert_eq!(of_another, Err(DepositRefused::BadSignature), "MEM-18");
    assert_eq!(refused(&good, (SYSTEM, epoch)), DepositRefused::OtherSystem);
    assert_eq!(refused(&good, (system, Epoch::new(1))), DepositRefused::OtherEpoch);
    let other = crate::testing::deposit(&world, 1, Epoch::new(1));
    let stolen = Deposit { encryption_key: other.encryption_key, ..good.clone() };
    assert_eq!(refused(&stolen, (system, epoch)), DepositRefused::BadSignature);
    let unproved = Deposit { possession: ThresholdSignature::new([0; 96]), ..good.clone() };
    let reason = refused(&unproved, (system, epoch));
    assert!(matches!(reason, DepositRefused::Possession(_)), "{reason}");
    let borrowed = Deposit { possession: other.possession, ..good };
    let reason = refused(&borrowed, (system, epoch));
    assert!(matches!(reason, DepositRefused::Possession(_)), "{reason}");
}
