//! Drawing the list of faults: who is bad for good, and what happens to whom for a while.

use quorate_history::Prng;

use super::{
    Blueprint, CrashPoint, Fault, FaultKind, Group, MILLISECOND_US, Node, Nodes, SECOND_US,
    Scenario, Way, signed,
};
use crate::scenario::MESSAGE_KINDS;

/// Mean time between faults of one kind is drawn between these.
const SPACING_US: (u64, u64) = (SECOND_US, 20 * SECOND_US);
/// Crashes at exact effects in one scenario.
const AMBUSHES_MAX: u64 = 12;
/// A wall clock jumps by up to a year.
const JUMP_US: [u64; 3] = [3_600 * SECOND_US, 86_400 * SECOND_US, 31_536_000 * SECOND_US];
/// Chance in 1,000 that a node outside the budget's use stays broken after the heal.
const OUTSIDE_CORE_PER_MILLE: u64 = 300;

/// Fills the list of faults and the core of the scenario.
pub(super) fn draw(scenario: &mut Scenario, blueprint: &Blueprint<'_>, prng: &Prng) {
    draw_bad(scenario, blueprint, &mut prng.fork("bad"));
    draw_outsiders(scenario, &mut prng.fork("outsiders"));
    let mut swarm = prng.fork("kinds");
    for (name, make) in KINDS {
        if swarm.chance(500) {
            draw_kind(scenario, &mut prng.fork(name), *make);
        }
    }
    if swarm.chance(500) {
        draw_ambushes(scenario, &mut prng.fork("crash-at"));
    }
    scenario.faults.sort_by_key(|fault| fault.at_us);
}

/// Chance in 1,000 that a group at feud has as many liars as it can bear.
const FEUD_LIARS_PER_MILLE: u64 = 300;
/// Chance in 1,000 that the members of a group have peace for one period of their feud.
const TRUCE_PER_MILLE: u64 = 100;
/// By kind of message: chances in 1,000, of which one is taken, that a link loses it in a period.
/// Votes most of all, so that a quorum is known to one and not to another.
const FEUD_PER_MILLE: [[u64; 2]; MESSAGE_KINDS as usize] =
    [[0, 50], [0, 250], [300, 500], [400, 700], [100, 300], [300, 600]];

/// Fills the list of faults with feuds: in each period every link between two members loses some
/// kinds of messages, so that now one of them and now another knows what nobody else does.
pub(super) fn draw_feud(scenario: &mut Scenario, blueprint: &Blueprint<'_>, prng: &Prng) {
    let mut prng = prng.fork("feud");
    let period_us = [700, 1_500][prng.index(2)] * MILLISECOND_US;
    let loss_per_mille: Vec<u64> = FEUD_PER_MILLE.iter().map(|of| of[prng.index(2)]).collect();
    for group in blueprint.groups {
        if !blueprint.adversaries.is_empty() && prng.chance(FEUD_LIARS_PER_MILLE) {
            draw_liars(scenario, (blueprint, group), &mut prng);
        }
        for at_us in (0..scenario.heal_us).step_by(usize::try_from(period_us).expect("short")) {
            if prng.chance(TRUCE_PER_MILLE) {
                continue;
            }
            let lasts_us = period_us.min(scenario.heal_us - at_us);
            let links = group.members.iter().flat_map(|from| {
                let others = group.members.without(Nodes::from_iter([from]));
                others.iter().map(move |to| (from, to))
            });
            for ((from, to), kind) in
                links.flat_map(|link| (0..MESSAGE_KINDS).map(move |k| (link, k)))
            {
                let per_mille = loss_per_mille[usize::from(kind)];
                if prng.chance(per_mille) {
                    let kind = FaultKind::Muffle { from, to, kind };
                    scenario.faults.push(Fault { at_us, lasts_us, kind });
                }
            }
        }
    }
}

/// Makes members Byzantine, as many as their group can bear.
fn draw_liars(
    scenario: &mut Scenario,
    (blueprint, group): (&Blueprint<'_>, &Group),
    prng: &mut Prng,
) {
    let mut candidates: Vec<Node> = group.members.and(blueprint.corruptible).iter().collect();
    prng.shuffle(&mut candidates);
    for node in candidates.into_iter().take(group.f) {
        let adversary = blueprint.adversaries[prng.index(blueprint.adversaries.len())];
        let kind = FaultKind::Byzantine { node, adversary };
        scenario.core.remove(node);
        scenario.faults.push(Fault { at_us: 0, lasts_us: u64::MAX, kind });
    }
}

/// Uses a part of each group's budget.
fn draw_bad(scenario: &mut Scenario, blueprint: &Blueprint<'_>, prng: &mut Prng) {
    for group in blueprint.groups {
        let mut candidates: Vec<Node> = group.members.and(blueprint.corruptible).iter().collect();
        prng.shuffle(&mut candidates);
        let bad_count = prng.index(group.f + 1);
        for node in candidates.into_iter().take(bad_count) {
            if !has_room(scenario, node) {
                continue;
            }
            let is_byzantine = !blueprint.adversaries.is_empty() && prng.chance(700);
            let fault = if is_byzantine {
                let adversary = blueprint.adversaries[prng.index(blueprint.adversaries.len())];
                Fault {
                    at_us: 0,
                    lasts_us: u64::MAX,
                    kind: FaultKind::Byzantine { node, adversary },
                }
            } else {
                let keep_per_mille = [0, prng.below(1_000)][prng.index(2)];
                let kind = FaultKind::Amnesia { node, keep_per_mille };
                Fault { at_us: prng.below(scenario.heal_us), lasts_us: lasting(prng), kind }
            };
            scenario.core.remove(node);
            scenario.faults.push(fault);
        }
    }
}

/// Groups may overlap, so a node is taken out of the core only if each of its groups can spare it.
fn has_room(scenario: &Scenario, node: Node) -> bool {
    let mut groups = scenario.groups.iter().filter(|group| group.members.contains(node));
    let can_spare = |group: &Group| group.members.without(scenario.core).len() < group.f;
    scenario.core.contains(node) && groups.all(can_spare)
}

/// Leaves some good nodes broken for ever, as many as the groups can spare.
fn draw_outsiders(scenario: &mut Scenario, prng: &mut Prng) {
    for group in scenario.groups.clone() {
        let bad_count = group.members.without(scenario.core).len();
        let mut candidates: Vec<Node> = group.members.and(scenario.core).iter().collect();
        prng.shuffle(&mut candidates);
        for node in candidates.into_iter().take(group.f.saturating_sub(bad_count)) {
            if !has_room(scenario, node) || !prng.chance(OUTSIDE_CORE_PER_MILLE) {
                continue;
            }
            let kind = if prng.chance(500) {
                FaultKind::Crash { node }
            } else {
                FaultKind::Isolate { node, way: way(prng) }
            };
            scenario.core.remove(node);
            let at_us = prng.below(scenario.heal_us);
            scenario.faults.push(Fault { at_us, lasts_us: u64::MAX, kind });
        }
    }
}

/// Crashes at exact effects, most of them early: between a record and what it permits.
fn draw_ambushes(scenario: &mut Scenario, prng: &mut Prng) {
    for _ in 0..=prng.below(AMBUSHES_MAX) {
        let magnitude = 6 + prng.below(10);
        let effect = prng.below(1 << magnitude);
        let point = [CrashPoint::Before, CrashPoint::After, CrashPoint::Torn][prng.index(3)];
        let (node, others) = (node(scenario, prng), Nodes::EMPTY);
        let kind = FaultKind::CrashAt { node, effect, point, others };
        scenario.faults.push(Fault { at_us: 0, lasts_us: lasting(prng), kind });
    }
}

type Make = fn(&Scenario, &mut Prng) -> FaultKind;

/// Every kind that the swarm switches on and off; a flapping partition is a burst of cuts.
const KINDS: &[(&str, Make)] = &[
    ("crash", |scenario, prng| FaultKind::Crash { node: node(scenario, prng) }),
    ("pause", |scenario, prng| FaultKind::Pause { node: node(scenario, prng) }),
    ("isolate", |scenario, prng| FaultKind::Isolate { node: node(scenario, prng), way: way(prng) }),
    ("split", |scenario, prng| FaultKind::Split { side: side(scenario, prng), way: way(prng) }),
    ("cut", |scenario, prng| {
        let (from, to) = link(scenario, prng);
        FaultKind::Cut { from, to }
    }),
    ("clog", |scenario, prng| {
        let (from, to) = link(scenario, prng);
        FaultKind::Clog { from, to }
    }),
    ("loss", |_, prng| FaultKind::Loss { per_mille: 1 + prng.below(300) }),
    ("duplicate", |_, prng| FaultKind::Duplicate { per_mille: 1 + prng.below(500) }),
    ("corrupt", |_, prng| FaultKind::Corrupt { per_mille: 1 + prng.below(50) }),
    ("wall-jump", |scenario, prng| {
        let max_us = JUMP_US[prng.index(JUMP_US.len())];
        FaultKind::WallJump { node: node(scenario, prng), by_us: signed(prng, max_us) }
    }),
    ("slow-disk", |scenario, prng| FaultKind::SlowDisk {
        node: node(scenario, prng),
        times: 2 + prng.below(50),
    }),
];

fn draw_kind(scenario: &mut Scenario, prng: &mut Prng, make: Make) {
    let spacing_us = SPACING_US.0 + prng.below(SPACING_US.1 - SPACING_US.0);
    let mut at_us = prng.below(spacing_us);
    while at_us < scenario.heal_us {
        let burst = if prng.chance(100) { 2 + prng.below(10) } else { 1 };
        let kind = make(scenario, prng);
        let lasts_us = lasting(prng) / burst;
        for repetition in 0..burst {
            let at_us = at_us + 2 * repetition * lasts_us;
            if at_us < scenario.heal_us {
                let lasts_us = lasts_us.min(scenario.heal_us - at_us);
                scenario.faults.push(Fault { at_us, lasts_us, kind });
            }
        }
        at_us += 1 + prng.below(2 * spacing_us);
    }
}

/// How long a fault lasts: mostly short, now and then long.
fn lasting(prng: &mut Prng) -> u64 {
    let max_us = [20 * MILLISECOND_US, SECOND_US, 10 * SECOND_US][prng.index(3)];
    1 + prng.below(max_us)
}

fn node(scenario: &Scenario, prng: &mut Prng) -> Node {
    Node::at(prng.index(usize::from(scenario.node_count)))
}

fn link(scenario: &Scenario, prng: &mut Prng) -> (Node, Node) {
    (node(scenario, prng), node(scenario, prng))
}

fn side(scenario: &Scenario, prng: &mut Prng) -> Nodes {
    scenario.nodes().iter().filter(|_| prng.chance(500)).collect()
}

fn way(prng: &mut Prng) -> Way {
    [Way::Out, Way::In, Way::Both][prng.index(3)]
}
