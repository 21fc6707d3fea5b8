//! Everybody is reached, soon, and nobody bears much more than others.
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::vec::Vec;

use quorate_types::{MemberStatus, NodeId};

use super::{TREES, Trees};
use crate::VerifiedConfiguration;
use crate::testing::World;

const FAN_OUT: usize = 4;

/// A step in which servers came, went, fell silent and changed, from `count` of them.
fn step(count: usize) -> (World, VerifiedConfiguration, VerifiedConfiguration) {
    let world = World::new(7, 2);
    let many = world.after(&world.first, |members| {
        members.extend((100..100 + count).map(|server| world.newcomer(server)));
    });
    let next = world.after(&many, |members| {
        let gone: BTreeSet<_> = (100..103).map(|server| world.newcomer(server).id).collect();
        members.retain(|member| !gone.contains(&member.id));
        for member in members.iter_mut().filter(|member| member.address.ends_with("7.example:4700"))
        {
            if !world.group().contains(&member.id) {
                member.status = MemberStatus::Inactive;
            }
        }
        members.extend((9000..9005).map(|server| world.newcomer(server)));
    });
    (world, many, next)
}

/// How many hops each server is away from the sources in one tree.
fn depths(trees: &Trees, tree: usize, sources: &[NodeId]) -> BTreeMap<NodeId, usize> {
    let mut depths: BTreeMap<_, _> = sources.iter().map(|source| (*source, 0)).collect();
    let mut queue: VecDeque<_> = sources.iter().copied().collect();
    while let Some(id) = queue.pop_front() {
        let depth = depths[&id] + 1;
        for child in trees.children_in(tree, id) {
            depths.entry(child).or_insert_with(|| {
                queue.push_back(child);
                depth
            });
        }
    }
    depths
}

#[test]
fn everybody_is_told_in_both_trees_after_few_hops() {
    let (world, old, new) = step(400);
    let trees = Trees::of(&old, &new, FAN_OUT);
    let ids = |configuration: &VerifiedConfiguration| -> BTreeSet<NodeId> {
        configuration.configuration().members.iter().map(|member| member.id).collect()
    };
    let everybody: BTreeSet<_> = ids(&old).union(&ids(&new)).copied().collect();
    assert!(ids(&old).difference(&ids(&new)).count() == 3, "some went");
    assert!(ids(&new).difference(&ids(&old)).count() == 5, "some came");
    assert_eq!(trees.servers().collect::<BTreeSet<_>>(), everybody);
    for tree in 0..TREES {
        let depths = depths(&trees, tree, world.group());
        assert_eq!(depths.keys().copied().collect::<BTreeSet<_>>(), everybody, "MEM-66: {tree}");
        // 7 tops, then four times as many at each hop: 7, 28, 112, 448.
        assert!(depths.values().all(|depth| *depth <= 4), "{:?}", depths.values().max());
    }
}

#[test]
fn nobody_but_the_sources_passes_on_in_both_trees_or_to_more_than_the_fan_out() {
    // With less than 60, so many are new or out that those who pass on take more than the fan-out.
    for count in [0, 3, 12, 60, 400] {
        let (world, old, new) = step(count);
        let trees = Trees::of(&old, &new, FAN_OUT);
        for id in trees.servers() {
            let loads: Vec<_> = (0..TREES).map(|tree| trees.children_in(tree, id).len()).collect();
            if world.group().contains(&id) {
                continue;
            }
            assert!(loads.contains(&0), "MEM-64: {id:?} passes on {loads:?} of {count}");
            assert!(count < 60 || loads.iter().sum::<usize>() <= FAN_OUT, "{loads:?} of {count}");
        }
    }
}

#[test]
fn each_top_is_fed_by_two_members_of_the_old_group() {
    let (world, old, new) = step(60);
    let trees = Trees::of(&old, &new, FAN_OUT);
    for tree in 0..TREES {
        let mut feeds: BTreeMap<NodeId, usize> = BTreeMap::new();
        for source in world.group() {
            for top in trees.children_in(tree, *source) {
                *feeds.entry(top).or_default() += 1;
            }
        }
        assert_eq!(feeds.len(), 7, "fan-out times sources, by two feeds in two trees");
        assert!(feeds.values().all(|count| *count == 2), "{feeds:?}");
    }
}

#[test]
fn who_is_new_inactive_or_gone_passes_nothing_on() {
    let (world, old, new) = step(60);
    let trees = Trees::of(&old, &new, FAN_OUT);
    let is_active = |configuration: &VerifiedConfiguration, id| {
        let member = configuration.configuration().member(id);
        member.is_some_and(|member| member.status == MemberStatus::Active)
    };
    let idle = |id: &NodeId| !is_active(&old, *id) || !is_active(&new, *id);
    let idle: Vec<_> = trees.servers().filter(idle).collect();
    assert!(idle.len() > 8, "some are new, some inactive, some gone: {}", idle.len());
    for id in idle {
        assert_eq!(trees.children(id), [], "{id:?}");
        assert!(!world.group().contains(&id));
    }
}

#[test]
fn the_order_is_another_in_another_epoch() {
    let (_, old, new) = step(60);
    let again = Trees::of(&old, &new, FAN_OUT);
    assert_eq!(again, Trees::of(&old, &new, FAN_OUT), "the same at all servers");
    let (world, ..) = step(60);
    let later = world.after(&new, |_| {});
    let ids: Vec<_> = again.servers().collect();
    let moved = Trees::of(&new, &later, FAN_OUT);
    assert!(ids.iter().any(|id| again.children(*id) != moved.children(*id)));
}
