//! Of the votes of a replica in one phase the first counts; what is behind the end of an epoch is
//! gone.

use std::vec::Vec;

use quorate_crypto::Certificate;
use quorate_types::{Digest, ReplicaId, Slot, View};

use super::{Slots, Votes};
use crate::fixtures::Fixture;
use crate::message::{CommitCertificate, HashedCut, Phase, Vote};

#[test]
fn a_second_vote_of_a_replica_is_reported_and_counts_for_nothing() {
    let fixture = Fixture::new();
    let vote = |from: u16, value: u8| {
        let choice = (View::ZERO, Slot::new(1), Digest::new([value; 32]));
        let voter: (ReplicaId, &dyn quorate_crypto::Signer) =
            (ReplicaId::new(from), &fixture.signers[usize::from(from)]);
        Vote::sign((Phase::Prepare, &fixture.group), choice, voter)
    };
    let mut votes = Votes::default();
    assert_eq!(votes.take(&vote(0, 1)), None);
    assert_eq!(votes.take(&vote(0, 1)), None, "the same vote again is no lie");
    assert_eq!(votes.take(&vote(1, 2)), None);
    assert_eq!(votes.take(&vote(2, 2)), None);
    assert_eq!(votes.take(&vote(0, 2)), Some(vote(0, 1)), "the earlier vote is told");
    assert_eq!(votes.of(ReplicaId::new(0)).map(|(digest, _)| digest), Some(Digest::new([1; 32])));
    assert_eq!(votes.certificate(3), None);
    assert_eq!(votes.take(&vote(3, 2)), None);
    let (digest, certificate) = votes.certificate(3).expect("three agree");
    assert_eq!(digest, Digest::new([2; 32]));
    assert!(!certificate.signers().contains(ReplicaId::new(0)));
}

/// Decides four slots, with votes on some of them, and lets the epoch end with the second. Returns
/// the slots that are kept.
fn ended(voted: &[u64]) -> (Slots, Vec<u64>) {
    let fixture = Fixture::new();
    let origin = fixture.origin();
    let mut slots = Slots::new(origin.clone());
    let mut cuts: Vec<HashedCut> = Vec::new();
    let mut waiting: Vec<HashedCut> = Vec::new();
    for slot in 1..=4 {
        let parent = cuts.last().unwrap_or(&origin);
        let cut = HashedCut::new(fixture.cut(parent, (0, &[]), Vec::new()));
        cuts.push(cut.clone());
        waiting.push(cut.clone());
        if voted.contains(&slot) {
            let (view, digest, certificate) =
                (View::ZERO, cut.digest(), Certificate::new(std::iter::empty()));
            let certificate = CommitCertificate { view, slot: cut.slot, digest, certificate };
            slots.decide(&waiting, certificate);
            waiting.clear();
        }
    }
    slots.open_mut(Slot::new(5));
    slots.end_at(&cuts[1]);
    let kept = slots.decided_above(Slot::ZERO).map(|decided| decided.cut.slot.get()).collect();
    (slots, kept)
}

#[test]
fn slots_behind_the_end_of_an_epoch_are_gone_9() {
    let (slots, kept) = ended(&[1, 2, 3, 4]);
    assert_eq!(kept, [1, 2]);
    assert_eq!(slots.committed().slot, Slot::new(2));
    assert_eq!(slots.all_open().count(), 0);
}

#[test]
fn a_void_slot_stays_where_the_votes_on_it_are_all_that_proves_the_last_one() {
    let (slots, kept) = ended(&[1, 3, 4]);
    assert_eq!(kept, [1, 2, 3], "up to the first votes, and no further");
    assert_eq!(slots.committed().slot, Slot::new(2), "it counts for nothing else");
}
