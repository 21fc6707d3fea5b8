//! Cells cover what a server holds, exactly, and are the same for whoever shares them.

use std::collections::BTreeSet;
use std::vec::Vec;

use quorate_types::{NodeId, ObjectId};

use super::{Cell, cells, name_after};
use crate::object::ObjectKey;
use crate::ring::tests::ring_of;

fn check_cells(ring: &crate::ring::Ring, node: NodeId) {
    let cells = cells(ring, node);
    assert!(cells.is_sorted_by(|one, next| one.last < next.first), "apart and in order");
    assert!(cells.iter().all(|cell| cell.first <= cell.last));
    for byte in 0..=u8::MAX {
        for rest in [0, 1, 127, u8::MAX] {
            let mut bytes = [rest; 32];
            bytes[0] = byte;
            let id = ObjectId::new(bytes);
            let group = ring.group(id);
            for key in [ObjectKey::Chunk(id), ObjectKey::Manifest(id), ObjectKey::Register(id)] {
                let of: Vec<&Cell> = cells.iter().filter(|cell| cell.holds(&key)).collect();
                assert_eq!(of.len(), usize::from(group.place_of(node).is_some()));
                let others: BTreeSet<NodeId> =
                    of.iter().flat_map(|cell| cell.others.iter().copied()).collect();
                let members = group.members().iter().filter(|member| **member != node);
                assert!(of.is_empty() || others == members.copied().collect());
            }
        }
    }
}

#[test]
fn every_name_of_a_server_is_in_one_cell_whose_group_holds_it() {
    for count in [4, 5, 7, 12] {
        let ring = ring_of(count);
        ring.servers().iter().for_each(|node| check_cells(&ring, *node));
    }
}

#[test]
fn two_servers_share_the_same_cells_in_the_same_order() {
    let ring = ring_of(9);
    let shared = |one: NodeId, other: NodeId| -> Vec<(ObjectKey, ObjectKey)> {
        let cells = cells(&ring, one);
        let shared = cells.iter().filter(|cell| cell.is_shared_with(other));
        shared.map(|cell| (cell.first, cell.last)).collect()
    };
    for one in ring.servers() {
        for other in ring.servers().iter().filter(|other| *other != one) {
            let cells = shared(*one, *other);
            assert_eq!(cells, shared(*other, *one));
            assert!(cells.len() <= crate::limits::COMPARED_CELLS_MAX);
        }
    }
}

#[test]
fn the_name_after_another_is_the_next_one_and_the_kinds_follow_each_other() {
    let id = |last: u8| {
        let mut bytes = [0; 32];
        bytes[31] = last;
        ObjectId::new(bytes)
    };
    let highest = ObjectId::new([u8::MAX; 32]);
    let mut carried = [0; 32];
    carried[30] = 1;
    for (key, next) in [
        (ObjectKey::Chunk(id(3)), Some(ObjectKey::Chunk(id(4)))),
        (ObjectKey::Chunk(id(255)), Some(ObjectKey::Chunk(ObjectId::new(carried)))),
        (ObjectKey::Chunk(highest), Some(ObjectKey::Manifest(id(0)))),
        (ObjectKey::Manifest(highest), Some(ObjectKey::Register(id(0)))),
        (ObjectKey::Register(highest), None),
    ] {
        assert_eq!(name_after(key), next);
    }
}
