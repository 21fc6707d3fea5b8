//! M05: whoever speaks last about the randomness of an epoch has a choice of one.

use quorate_membership::handover::randomness::{Draw, Fixed, randomness};
use quorate_threshold::{
    Bls12381, Dealer, Dealt, GroupKey, KeyShare, Parameters, PartialSignature, Seed, Session,
    ShareIndex, Sharing, Subshare, ThresholdScheme,
};
use quorate_types::{Digest, Epoch};

use super::{SYSTEM, beacon};

const EPOCHS: u32 = 250;
/// One epoch in so many is one in which the last to speak tries what it can make of it.
const TRIED_ONE_IN: u32 = 10;
/// The statistic of 256 fair bits is larger once in a million times (chi-squared, 256 degrees of
/// freedom).
const CHI_SQUARED_MAX: i64 = 378;

/// A group of four, two of whose members sign.
struct Group {
    key: GroupKey,
    shares: Vec<KeyShare>,
}

impl Group {
    fn new() -> Self {
        let parameters = Parameters::new(2, 4).expect("two of four");
        let session = Session::new([2; 32]);
        let dealer = Dealer { seed: &Seed::new([3; 32]), session, parameters };
        let Dealt { dealing, subshares } =
            dealer.deal_fresh(ShareIndex::new(1).expect("it is not 0"));
        let checked = dealing.check_fresh(session, parameters).expect("it is honest");
        let sharing = Sharing::fresh(vec![checked]).expect("one dealing is enough");
        let share = |subshare: Subshare| {
            let recipient = subshare.recipient();
            sharing.assemble_share(recipient, &[subshare]).expect("it is of the dealing")
        };
        let shares = subshares.into_iter().map(share).collect();
        Self { key: sharing.group_key().clone(), shares }
    }

    /// The parts of two members.
    fn parts(&self, draw: &Draw) -> Vec<PartialSignature> {
        let part = |share: &KeyShare| share.sign(draw.domain(), draw.message().as_bytes());
        self.shares[..2].iter().map(part).collect()
    }

    /// The randomness that comes of these parts; none if they are too few.
    fn randomness(&self, draw: &Draw, parts: &[PartialSignature]) -> Option<Digest> {
        let message = draw.message();
        let combined = Bls12381.combine(&self.key, draw.domain(), message.as_bytes(), parts);
        Some(randomness(&combined.ok()?.signature))
    }
}

/// What is fixed of an epoch.
fn draw(epoch: u32) -> Draw {
    Draw::Epoch(Fixed {
        system: SYSTEM,
        epoch: Epoch::new(u64::from(epoch)),
        previous: beacon(epoch),
        changes: Digest::ZERO,
    })
}

/// Are the bits of these seeds those of fair coins?
fn are_fair(seeds: &[Digest]) -> bool {
    let count = i64::try_from(seeds.len()).expect("few seeds");
    let ones = |bit: usize| -> i64 {
        seeds.iter().map(|seed| i64::from(seed.as_bytes()[bit / 8] >> (bit % 8) & 1)).sum()
    };
    let sum: i64 = (0..256).map(|bit| (2 * ones(bit) - count).pow(2)).sum();
    sum < CHI_SQUARED_MAX * count
}

/// What the last of three to speak can make of an epoch: with its part, without it, and with a
/// wrong one.
fn outcomes(group: &Group, epoch: u32) -> [Option<Digest>; 3] {
    let draw = draw(epoch);
    let part = |place: usize, message: &Digest| {
        group.shares[place].sign(draw.domain(), message.as_bytes())
    };
    let message = draw.message();
    let [first, second, last] = [0, 1, 2].map(|place| part(place, &message));
    let wrong = part(2, &Digest::ZERO);
    let all = [vec![last, first], vec![first, second], vec![wrong, first, second]];
    all.map(|parts| group.randomness(&draw, &parts))
}

#[test]
fn m05_the_last_to_speak_has_no_choice_and_the_seeds_are_fair() {
    let group = Group::new();
    let mut seeds = Vec::new();
    for epoch in 0..EPOCHS {
        let seed = group.randomness(&draw(epoch), &group.parts(&draw(epoch)));
        if epoch % TRIED_ONE_IN == 0 {
            let outcomes = outcomes(&group, epoch);
            assert!(outcomes.iter().all(|it| *it == seed), "epoch {epoch}: {outcomes:?}");
        }
        seeds.push(seed.expect("two good parts are enough"));
    }
    assert!(are_fair(&seeds));
}

#[test]
fn m05_one_who_could_choose_among_two_would_be_seen() {
    let better = |epoch: u32| beacon(2 * epoch).min(beacon(2 * epoch + 1));
    assert!(!are_fair(&(0..2 * EPOCHS).map(better).collect::<Vec<_>>()));
}
