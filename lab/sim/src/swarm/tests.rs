//! Scenarios are functions of their seeds, and keep the budget.

use super::{Blueprint, draw};
use crate::node::Nodes;
use crate::scenario::{FaultKind, Group, Profile, Scenario};

fn drawn(seed: u64, profile: Profile) -> Scenario {
    let groups = [Group { members: Nodes::range(0, 4), f: 1 }];
    let members = Nodes::range(0, 4);
    let blueprint = Blueprint {
        groups: &groups,
        clients: Nodes::range(4, 5),
        corruptible: members,
        adversaries: &["liar"],
        ..Blueprint::EXAMPLE
    };
    draw(seed, profile, &blueprint)
}

#[test]
fn a_seed_is_a_scenario() {
    assert_eq!(drawn(3, Profile::Swarm), drawn(3, Profile::Swarm));
    assert_ne!(drawn(3, Profile::Swarm).faults, drawn(4, Profile::Swarm).faults);
}

#[test]
fn a_calm_scenario_has_no_fault() {
    let calm = drawn(3, Profile::Calm);
    assert!(calm.faults.is_empty() && !calm.ops.is_empty());
    assert_eq!(calm.core, calm.nodes());
}

#[test]
fn the_core_keeps_a_quorum_and_is_unharmed_after_the_heal() {
    for seed in 0..300 {
        let scenario = drawn(seed, Profile::Swarm);
        let members = Nodes::range(0, 4);
        assert!(members.without(scenario.core).len() <= 1, "seed {seed}");
        for fault in &scenario.faults {
            let lasts_for_ever = fault.ends_us() > scenario.heal_us;
            let outside = |node| !scenario.core.contains(node);
            if let FaultKind::Byzantine { node, .. } | FaultKind::Amnesia { node, .. } = fault.kind
            {
                assert!(outside(node), "seed {seed}: {fault}");
            } else if let FaultKind::Crash { node } | FaultKind::Isolate { node, .. } = fault.kind {
                assert!(!lasts_for_ever || outside(node), "seed {seed}: {fault}");
            } else {
                assert!(!lasts_for_ever, "seed {seed}: {fault}");
            }
        }
    }
}

#[test]
fn no_group_has_too_many_bad_nodes_where_groups_overlap() {
    let window = |first| Group { members: Nodes::range(first, first + 4), f: 1 };
    let groups = [window(0), window(2), window(3)];
    let corruptible = Nodes::range(0, 7);
    let blueprint = Blueprint {
        node_count: 7,
        groups: &groups,
        corruptible,
        adversaries: &["liar"],
        ..Blueprint::EXAMPLE
    };
    let mut most = 0;
    for seed in 0..200 {
        let scenario = draw(seed, Profile::Swarm, &blueprint);
        for group in groups {
            assert!(group.members.without(scenario.core).len() <= group.f, "seed {seed}");
        }
        most = most.max(corruptible.without(scenario.core).len());
    }
    assert_eq!(most, 2, "nodes of different groups fail in one run");
}

#[test]
fn the_swarm_reaches_every_kind_and_leaves_each_out() {
    let mut seen = [0; FaultKind::NAMES.len()];
    for seed in 0..200 {
        let mut kinds = [0; FaultKind::NAMES.len()];
        for fault in drawn(seed, Profile::Swarm).faults {
            kinds[fault.kind.index()] = 1;
        }
        seen.iter_mut().zip(kinds).for_each(|(seen, kind)| *seen += kind);
    }
    // The one is drawn by feuds alone, the other by the enumeration of crashes.
    let elsewhere = ["muffle", "write-fails"];
    let drawn = FaultKind::NAMES.iter().zip(seen);
    for (name, seeds) in drawn.filter(|(name, _)| !elsewhere.contains(name)) {
        assert!((10..190).contains(&seeds), "{name} is in {seeds} of 200 seeds");
    }
}

#[test]
fn requests_come_at_their_rate_and_leave_time_to_complete() {
    let scenario = drawn(1, Profile::Swarm);
    assert!(scenario.ops.is_sorted_by_key(|op| op.at_us));
    assert!((500..700).contains(&scenario.ops.len()), "{}", scenario.ops.len());
}
