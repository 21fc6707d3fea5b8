//! Who is bad in a cluster: what the bad gave at the founding, and the villains of their machines.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_adversary::membership::ceremony::Contribution;
use quorate_adversary::{membership, ordering, storage};
use quorate_dht::{ClientIdentity, WriterId};
use quorate_duties::{Duties, Seat};
use quorate_history::Prng;
use quorate_types::NodeId;

use super::ClusterHost;
use super::seats::Client;
use crate::cluster::founding::Role;
use crate::cluster::villains::Roles;
use crate::node::{Node, Nodes};
use crate::scenario::{FaultKind, Scenario};

/// Chance in 1,000 that two bad members work together at the founding.
const CANCELLING_PER_MILLE: u64 = 700;

/// What a bad member of the membership group gives at the founding, by its index: two bad ones may
/// work together.
pub(super) fn contributions(bad: &[u16], prng: &mut Prng) -> BTreeMap<u16, Contribution> {
    if let [first, second] = *bad
        && prng.chance(CANCELLING_PER_MILLE)
    {
        let cancelling = |accomplice| Contribution::Cancelling { accomplice };
        return BTreeMap::from([(first, cancelling(second)), (second, cancelling(first))]);
    }
    let mut given = BTreeMap::new();
    for index in bad {
        match prng.below(3) {
            0 => given.insert(*index, Contribution::Wrong),
            1 => given.insert(*index, Contribution::Withheld),
            _ => None,
        };
    }
    given
}

/// Names of the Byzantine nodes of a scenario.
pub(super) fn villains(scenario: &Scenario) -> BTreeMap<Node, &'static str> {
    let mut named = BTreeMap::new();
    for fault in &scenario.faults {
        if let FaultKind::Byzantine { node, adversary } = fault.kind {
            named.insert(node, adversary);
        }
    }
    named
}

/// Members of a group that lie, by their index from 1: not those whose only fault is their disk.
pub(super) fn liars(
    group: &[NodeId],
    servers: &[NodeId],
    villains: &BTreeMap<Node, &'static str>,
) -> Vec<u16> {
    let is_liar = |id: &NodeId| {
        let node = servers.iter().position(|server| server == id).map(Node::at);
        let name = node.and_then(|node| villains.get(&node));
        name.is_some_and(|name| *name != storage::ROT)
    };
    (1..).zip(group).filter(|(_, id)| is_liar(id)).map(|(index, _)| index).collect()
}

/// Those whose only fault is their disk.
pub(super) fn rotten(villains: &BTreeMap<Node, &'static str>) -> Nodes {
    let is_rotten = |(_, name): &(&Node, &&str)| **name == storage::ROT;
    villains.iter().filter(is_rotten).map(|(node, _)| *node).collect()
}

impl ClusterHost {
    /// What a bad server gave at the founding; errors that did not cancel are merely wrong.
    fn contribution(&self, server: NodeId) -> Option<Contribution> {
        let given = self.contributions.get(&server).copied()?;
        let is_alone = !self.foundation.had_cancelled;
        let cancels = matches!(given, Contribution::Cancelling { .. });
        Some(if cancels && is_alone { Contribution::Wrong } else { given })
    }

    /// Who is between a bad client's storage client and the world, if anybody.
    pub(super) fn storage_villain(&self, index: usize, name: &str) -> Option<storage::Liar> {
        let prng = self.prng.fork(&format!("bad client/{index}"));
        let villain = storage::villain(name, &mut prng.fork("shape"))?;
        let Client { signer, certificate, .. } = &self.clients[index];
        let (signer, certificate) = (Arc::clone(signer), certificate.clone());
        let identity = ClientIdentity { certificate, signer, writer: WriterId::new([0xbd; 16]) };
        let (ring, owners) = (self.scene.ring.clone(), self.scene.owners.clone());
        let holdings = storage::Holdings { ring, identity: Some(identity), owners, disk: None };
        Some(storage::Liar::new(holdings, prng.fork("deeds"), villain))
    }

    /// Who is between the machines of a bad server and the world.
    pub(super) fn server_villain(&self, node: Node, name: &str) -> Roles {
        let prng = self.prng.fork(&format!("adversary/{}", node.index()));
        let (shape, deeds) = (|| prng.fork("shape"), |group| prng.fork("deeds").fork(group));
        let (me, signer) =
            (self.servers[node.index()], self.keys.signer(Role::Epoch, node.index()));
        let duties = Duties::of(&self.foundation.configuration, me);
        let duties = duties.expect("there are enough servers");
        let in_group = |seat: Option<Seat>, prng| {
            let Seat { group, me } = seat?;
            let villain = ordering::villain(name, &mut shape())?;
            let (seat, signer) = (ordering::Seat::Replica(me), Arc::clone(&signer));
            let holdings = ordering::Holdings::new(seat, group, signer);
            Some(ordering::Liar::new(holdings, prng, villain))
        };
        let configuration = self.foundation.configuration.clone();
        let responder = membership::villain(name, &mut shape()).map(|villain| {
            let signer = Arc::clone(&signer);
            let holdings = membership::Holdings { me, configuration, signer };
            membership::Liar::new(holdings, deeds("responder"), villain)
        });
        let storage = storage::villain(name, &mut shape()).map(|villain| {
            let disk = Box::new(self.scene.servers[node.index()].2.clone());
            let ring = self.scene.ring.clone();
            let holdings =
                storage::Holdings { ring, identity: None, owners: Vec::new(), disk: Some(disk) };
            storage::Liar::new(holdings, deeds("storage"), villain)
        });
        Roles {
            storage,
            membership: in_group(duties.membership(), deeds("membership")),
            key_value: in_group(duties.key_value(), deeds("key-value")),
            responder,
            contribution: self.contribution(me),
        }
    }
}
