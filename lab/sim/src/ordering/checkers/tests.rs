//! Who was bad and is good again is judged by what it does now, and not by what it said then.

use std::sync::Arc;

use quorate_bft::Output as ReplicaOutput;
use quorate_bft::message::{Checkpoint, CheckpointStatement, Message, Vote};
use quorate_machine::Recipients;
use quorate_types::{
    Digest, Epoch, GroupConfiguration, GroupId, GroupMember, NodeId, PublicKey, ReadMode,
    ReplicaId, Resilience, Signature, Slot, SystemId, UnixTime, View,
};

use super::{Durability, Endings};
use crate::checker::{At, Checker, Verdict};
use crate::node::{Node, Nodes};
use crate::ordering::knowledge::{Knowledge, Shared};
use crate::ordering::service::Ledger;
use crate::ordering::{OrderingMachine, Output};

const CUT: Digest = Digest::new([7; 32]);
const NOBODYS: Signature = Signature::new([0; Signature::BYTES]);

pub(super) fn group() -> Arc<GroupConfiguration> {
    let member =
        |place| GroupMember { node: NodeId::new([place; 32]), key: PublicKey::new([place; 32]) };
    Arc::new(GroupConfiguration {
        system: SystemId::new([1; 32]),
        group: GroupId::new([2; 32]),
        epoch: Epoch::ZERO,
        members: (0..4).map(member).collect(),
        resilience: Resilience::new(1).expect("it is not 0"),
        authority_key: PublicKey::new([9; 32]),
        read_mode: ReadMode::Ordered,
        base_slot: Slot::ZERO,
        base_digest: Digest::new([9; 32]),
    })
}

fn at(node: u16, bad: &[u16]) -> At {
    let bad = Nodes::from_iter(bad.iter().map(|node| Node::new(*node)));
    At { event: 1, time_us: 1, node: Node::new(node), life: 1, bad, is_healed: false }
}

type Judge<'a> = &'a mut dyn Checker<OrderingMachine<Ledger>>;

fn signs_the_end(checker: Judge<'_>, node: u16) -> Verdict {
    let statement = CheckpointStatement {
        slot: Slot::new(3),
        cut: CUT,
        time: UnixTime::from_micros(1),
        root: CUT,
        is_last: true,
    };
    let said = Checkpoint { statement, from: ReplicaId::new(node), signature: NOBODYS };
    let to = Recipients::Each([].into());
    checker.on_send(&at(node, &[]), &to, &Arc::new(Message::Checkpoint(said)))
}

#[test]
fn c7_who_renounced_while_it_lied_does_it_again_before_it_signs_the_end() {
    let endings: Judge<'_> = &mut Endings::new(group());
    endings.on_output(&at(2, &[2]), &Output::Renounced).expect("nothing is wrong with that");
    assert!(signs_the_end(endings, 2).is_err(), "what a liar says is no word of its node");
    endings.on_output(&at(2, &[]), &Output::Renounced).expect("nothing is wrong with that");
    assert_eq!(signs_the_end(endings, 2), Ok(()));
    assert!(signs_the_end(endings, 1).is_err(), "another one vouches still");
}

fn executes(checker: Judge<'_>, (slot, bad): (u64, &[u16])) -> Verdict {
    let (slot, time) = (Slot::new(slot), UnixTime::from_micros(1));
    let executed = ReplicaOutput::Executed { slot, cut: CUT, time, requests: 1 };
    checker.on_output(&at(0, bad), &Output::Replica(executed))
}

fn holding(nodes: &[usize], slot: u64) -> Shared {
    let knowledge = Knowledge::new(&group());
    for node in nodes {
        knowledge.borrow_mut().ever[*node].accepted.insert(slot, (0, CUT));
    }
    knowledge
}

fn votes(checker: Judge<'_>, (node, bad): (u16, &[u16]), slot: u64) {
    let (slot, from) = (Slot::new(slot), ReplicaId::new(node));
    let vote = Vote { view: View::ZERO, slot, digest: CUT, from, signature: NOBODYS };
    let to = Recipients::Each([].into());
    checker.on_send(&at(node, bad), &to, &Arc::new(Message::Commit(vote))).expect("C8 counts it");
}

#[test]
fn c8_what_a_liar_voted_for_may_be_lacking_on_its_disk_when_it_is_good_again() {
    let durability: Judge<'_> = &mut Durability::new(holding(&[0, 1], 2), group().resilience);
    votes(durability, (3, &[3]), 2);
    assert!(executes(durability, (1, &[3])).is_err(), "nobody holds it");
    assert_eq!(executes(durability, (2, &[])), Ok(()), "its vote was one of three");
}

#[test]
fn c8_who_was_bad_holds_what_it_did_not_vote_for_then() {
    let durability: Judge<'_> = &mut Durability::new(holding(&[0, 1], 2), group().resilience);
    votes(durability, (3, &[3]), 1);
    votes(durability, (3, &[]), 2);
    assert!(executes(durability, (2, &[])).is_err(), "it was good when it voted for this one");
}
