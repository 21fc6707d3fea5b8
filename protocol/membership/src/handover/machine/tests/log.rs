//! The log of the old group as the tests of the machine have it: one list, whose operations mean
//! what they mean to the service, without its checks of signatures.
use std::boxed::Box;
use std::collections::BTreeMap;
use std::vec::Vec;

use quorate_threshold::GroupKey;
use quorate_types::{Digest, MemberRecord, NodeId, Slot, UnixTime};

use crate::election::elect;
use crate::handover::attempt::{Attempt, Occasion, Seat, SeatKeys};
use crate::handover::dealing::{CommitmentBytes, sharing};
use crate::handover::operation::HandoverOperation;
use crate::handover::randomness::{Draw, Fixed, randomness};
use crate::handover::stage::{Decided, Frozen, News, Stage, Underway};
use crate::header::{ConfigurationHeader, Lineage, commitment_digest};
use crate::testing::World;

/// The log, executed.
pub(super) struct Log {
    pub(super) news: News,
    pub(super) executed: Vec<HandoverOperation>,
    deposits: BTreeMap<NodeId, SeatKeys>,
    group_key: Option<GroupKey>,
}

impl Log {
    pub(super) fn new(world: &World) -> Self {
        let sharing = CommitmentBytes(world.founding.commitment.encode());
        let configuration = world.first.configuration();
        let news = News {
            system: configuration.system,
            epoch: configuration.epoch,
            header: world.first.hash(),
            sharing: Some(sharing),
            change_count: 0,
            stage: Stage::Open,
        };
        let group_key = GroupKey::new(world.founding.commitment.clone()).ok();
        Self { news, executed: Vec::new(), deposits: BTreeMap::new(), group_key }
    }

    /// The log in which a system is founded: its group deals a key that nobody has yet.
    pub(super) fn of_founding(world: &World, keys: &BTreeMap<NodeId, SeatKeys>) -> Self {
        let mut log = Self::new(world);
        (log.news.sharing, log.group_key) = (None, None);
        let resilience = world.first.configuration().membership;
        let seat = |node: &NodeId| Seat { node: *node, keys: keys.get(node).copied() };
        let seats = world.group().iter().map(seat).collect();
        let attempt = Attempt { number: 0, resilience, seats };
        let (frozen, randomness) = (log.frozen(), Digest::new([5; 32]));
        let underway = Underway { frozen, randomness, attempt, dealings: Vec::new() };
        log.news.stage = Stage::Dealing(Box::new(underway));
        log
    }

    /// Executes an operation; does it change anything?
    pub(super) fn execute(&mut self, world: &World, operation: &HandoverOperation) -> bool {
        let next = self.next(world, operation);
        let is_deposit = matches!(operation, HandoverOperation::Deposit(_));
        if next.is_some() || is_deposit {
            self.executed.push(operation.clone());
        }
        let is_changed = next.is_some();
        if let Some(stage) = next {
            self.news.stage = stage;
        }
        is_changed
    }

    fn next(&mut self, world: &World, operation: &HandoverOperation) -> Option<Stage> {
        match (self.news.stage.clone(), operation) {
            (Stage::Open, HandoverOperation::Deposit(deposit)) => {
                let (epoch_key, encryption_key) = (deposit.epoch_key(), deposit.encryption_key);
                let members = &world.first.configuration().members;
                let is_owner = |it: &&MemberRecord| it.identity_key == deposit.identity_key();
                let owner = members.iter().find(is_owner)?.id;
                self.deposits.entry(owner).or_insert(SeatKeys { epoch_key, encryption_key });
                None
            }
            (Stage::Open, HandoverOperation::End(_)) => Some(Stage::Frozen(self.frozen())),
            (Stage::Frozen(frozen), HandoverOperation::Beacon(signature)) => {
                let message = Draw::Epoch(frozen.fixed).message();
                let key = world.founding.system_key;
                let domain = Draw::Epoch(frozen.fixed).domain();
                key.verify(domain, message.as_bytes(), signature).unwrap();
                Some(self.draw(world, frozen, (randomness(signature), randomness(signature)), 0))
            }
            (Stage::Dealing(mut underway), HandoverOperation::Dealt(certified)) => {
                let needed = world.first.configuration().membership.weak_quorum();
                let is_new =
                    |it: &crate::handover::ChosenDealing| it.dealer != certified.dealing.dealer;
                let is_taken = underway.dealings.len() < needed
                    && underway.dealings.iter().all(is_new)
                    && certified.acknowledgements.0.len() >= underway.attempt.resilience.quorum();
                underway.dealings.push(certified.dealing.clone());
                is_taken.then_some(Stage::Dealing(underway))
            }
            (Stage::Dealing(underway), HandoverOperation::Complete(_)) => {
                Some(self.decide(world, *underway))
            }
            (Stage::Dealing(mut underway), HandoverOperation::Abort(_)) => {
                underway.dealings.clear();
                if underway.attempt.number % 2 == 1 {
                    return Some(Stage::Redrawing(underway));
                }
                underway.attempt.number += 1;
                Some(Stage::Dealing(underway))
            }
            (Stage::Redrawing(underway), HandoverOperation::Redraw(signature)) => {
                let attempt = underway.attempt.number + 1;
                let draws = (underway.randomness, randomness(signature));
                Some(self.draw(world, underway.frozen, draws, attempt))
            }
            _ => None,
        }
    }

    fn frozen(&self) -> Frozen {
        let fixed = Fixed {
            system: self.news.system,
            epoch: self.news.epoch.next(),
            previous: self.news.header,
            changes: Digest::new([1; 32]),
        };
        Frozen { fixed, slot: Slot::new(7), time: UnixTime::from_micros(9_000_000) }
    }

    fn draw(
        &self,
        world: &World,
        frozen: Frozen,
        (randomness, of_group): (Digest, Digest),
        number: u32,
    ) -> Stage {
        let resilience = world.first.configuration().membership;
        let drawn = elect((of_group, number), self.deposits.keys().copied(), resilience).unwrap();
        let seat = |node: NodeId| Seat { node, keys: self.deposits.get(&node).copied() };
        let seats = drawn.into_iter().map(seat).collect();
        let attempt = Attempt { number, resilience, seats };
        Stage::Dealing(Box::new(Underway { frozen, randomness, attempt, dealings: Vec::new() }))
    }

    fn decide(&self, world: &World, underway: Underway) -> Stage {
        let mut configuration = world.first.configuration().clone();
        configuration.epoch = configuration.epoch.next();
        let seats = underway.attempt.seats.iter();
        configuration.membership_group = seats.map(|seat| seat.node).collect();
        let occasion = Occasion {
            system: configuration.system,
            epoch: configuration.epoch,
            system_key: self.group_key.as_ref().map(GroupKey::public_key),
        };
        let place = (underway.attempt.session(&occasion), underway.attempt.parameters());
        let made = sharing(&underway.dealings, place, self.group_key.as_ref()).unwrap();
        let commitment = made.group_key().commitment();
        let lineage = Lineage {
            previous: self.news.header,
            attempt: underway.attempt.number,
            randomness: underway.randomness,
            commitments: commitment_digest(commitment),
        };
        let header = ConfigurationHeader::of(&configuration, lineage);
        let sharing = CommitmentBytes(commitment.encode());
        let Underway { attempt, dealings, .. } = underway;
        Stage::Done(Box::new(Decided { header, attempt, dealings, sharing }))
    }

    /// The public side of what came out.
    pub(super) fn sharing(&self) -> GroupKey {
        let Stage::Done(decided) = &self.news.stage else { panic!("not decided yet") };
        let parameters = decided.attempt.parameters();
        let sharing = quorate_threshold::Commitment::decode(&decided.sharing.0, parameters);
        let key = GroupKey::new(sharing.unwrap()).unwrap();
        if let Some(old) = &self.group_key {
            assert_eq!(key.public_key(), old.public_key(), "the system's key stays");
        }
        key
    }
}
