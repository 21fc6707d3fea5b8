//! Of the votes of a replica in one phase the first counts.

use quorate_types::{Digest, ReplicaId, Slot, View};

use super::Votes;
use crate::fixtures::Fixture;
use crate::message::{Phase, Vote};

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
    assert_eq!(votes.take(&vote(0, 2)), Some(Digest::new([1; 32])), "the earlier vote is told");
    assert_eq!(votes.of(ReplicaId::new(0)).map(|(digest, _)| digest), Some(Digest::new([1; 32])));
    assert_eq!(votes.certificate(3), None);
    assert_eq!(votes.take(&vote(3, 2)), None);
    let (digest, certificate) = votes.certificate(3).expect("three agree");
    assert_eq!(digest, Digest::new([2; 32]));
    assert!(!certificate.signers().contains(ReplicaId::new(0)));
}
