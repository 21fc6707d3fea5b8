//! C3: once a member of the group of an epoch vouches, nobody can gather a quorum for the epoch
//! before any more: so many good members have made durable that they vouch for it no more that the
//! others, all bad ones among them, are too few. And a lease of an epoch never answers a challenge
//! that was sent after the next one vouched. And no good member vouches for an epoch before it has
//! the state that its group begins with (DUT-3).

use std::collections::{BTreeMap, BTreeSet};

use quorate_machine::{Recipients, RecordNumber};
use quorate_membership::{ClientOutput, Message as Freshness, VerifiedConfiguration};
use quorate_types::{Epoch, NodeId};

use crate::checker::{At, Broken, Checker, Verdict};
use crate::epochs::disk::Disks;
use crate::epochs::{EpochsMachine, Message, Output, Record};
use crate::node::Node;

const ID: &str = "C3";

/// Counts who has ended which epoch.
#[derive(Debug)]
pub(in crate::epochs) struct Vouching {
    /// The servers, in the order of the nodes.
    servers: Vec<NodeId>,
    /// By epoch: members of its group, and how many make a quorum.
    groups: BTreeMap<Epoch, (Vec<NodeId>, usize)>,
    /// By epoch: who has ended it, durably.
    ended: BTreeMap<Epoch, BTreeSet<Node>>,
    /// Which state each server has, durably.
    disks: Disks,
    /// By epoch: when a good member first vouched for it.
    vouched_us: BTreeMap<Epoch, u64>,
    /// When each client sent its last challenge of each nonce.
    challenged_us: BTreeMap<Node, u64>,
}

impl Vouching {
    pub(in crate::epochs) fn new(
        (servers, disks): (Vec<NodeId>, Disks),
        first: &VerifiedConfiguration,
    ) -> Self {
        let mut vouching = Self {
            servers,
            groups: BTreeMap::new(),
            ended: BTreeMap::new(),
            disks,
            vouched_us: BTreeMap::new(),
            challenged_us: BTreeMap::new(),
        };
        vouching.note(first);
        vouching
    }

    fn note(&mut self, configuration: &VerifiedConfiguration) {
        let said = configuration.configuration();
        let group = (said.membership_group.clone(), said.membership.quorum());
        self.groups.entry(configuration.epoch()).or_insert(group);
    }

    /// Is the state with which the group of an epoch begins on the disk of a server?
    fn has_state(&self, node: Node, epoch: Epoch) -> bool {
        let disks = self.disks.borrow();
        disks.get(node.index()).is_some_and(|disk| disk.begun.contains_key(&epoch))
    }

    /// Those who could still vouch for an epoch: bad members, and good ones that have not ended it.
    fn left(&self, at: &At, epoch: Epoch) -> Option<(usize, usize)> {
        let (members, quorum) = self.groups.get(&epoch)?;
        let ended = self.ended.get(&epoch);
        let could = |member: &&NodeId| {
            let place = self.servers.iter().position(|server| server == *member);
            let node = place.map(Node::at);
            let has_ended = node.is_some_and(|node| ended.is_some_and(|it| it.contains(&node)));
            node.is_some_and(|node| at.bad.contains(node)) || !has_ended
        };
        Some((members.iter().filter(could).count(), *quorum))
    }
}

impl Checker<EpochsMachine> for Vouching {
    fn id(&self) -> &'static str {
        ID
    }

    fn on_durable(&mut self, at: &At, _: RecordNumber, record: &Record) -> Verdict {
        match record {
            Record::Ended(epoch) => {
                for (_, ended) in self.ended.range_mut(..epoch) {
                    ended.insert(at.node);
                }
                self.ended.entry(*epoch).or_default().insert(at.node);
            }
            Record::Adopted(configuration) if at.is_good() => self.note(configuration),
            Record::Ordered(..)
            | Record::Begun(..)
            | Record::Handover(..)
            | Record::Adopted(_)
            | Record::File(..)
            | Record::Erased(_)
            | Record::Forgotten(_) => {}
        }
        Ok(())
    }

    fn on_send(&mut self, at: &At, _: &Recipients, message: &Message) -> Verdict {
        let Message::Freshness(message) = message else { return Ok(()) };
        if let Freshness::Challenge(_) = &**message {
            self.challenged_us.insert(at.node, at.time_us);
        }
        let Freshness::Vouch(vouch) = &**message else { return Ok(()) };
        if !at.is_good() {
            return Ok(());
        }
        let epoch = vouch.subject.epoch;
        self.vouched_us.entry(epoch).or_insert(at.time_us);
        if self.ended.get(&epoch).is_some_and(|ended| ended.contains(&at.node)) {
            let what = format!("{:?} vouches for epoch {epoch}, which it has ended", at.node);
            return Err(Broken::new(ID, what));
        }
        if epoch != Epoch::ZERO && !self.has_state(at.node, epoch) {
            let what = format!("{:?} vouches for epoch {epoch} without the state of it", at.node);
            return Err(Broken::new(ID, what));
        }
        let former = epoch.get().checked_sub(1).map(Epoch::new);
        let Some((left, quorum)) = former.and_then(|former| self.left(at, former)) else {
            return Ok(());
        };
        if left >= quorum {
            let what = format!("{:?} vouches for epoch {epoch}, and {left} could", at.node);
            return Err(Broken::new(ID, format!("{what} for the one before")));
        }
        Ok(())
    }

    fn on_output(&mut self, at: &At, output: &Output) -> Verdict {
        let Output::Client(told) = output else { return Ok(()) };
        let ClientOutput::Lease { configuration, .. } = &**told else { return Ok(()) };
        let epoch = configuration.epoch();
        let next_us = self.vouched_us.get(&epoch.next());
        let challenged_us = self.challenged_us.get(&at.node);
        if let (Some(next_us), Some(challenged_us)) = (next_us, challenged_us)
            && next_us < challenged_us
        {
            let what = format!("{:?} has a lease of epoch {epoch} upon a challenge", at.node);
            let when = format!("of {challenged_us} us; the next epoch vouched at {next_us} us");
            return Err(Broken::new(ID, format!("{what} {when}")));
        }
        Ok(())
    }
}
