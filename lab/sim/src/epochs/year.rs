//! A year of epochs with real shares and keys, and somebody who steals (G6).
//!
//! The servers are those of the system `epochs`, without faults; their keys are production's:
//! shares of the system's key, identities of full depth, keys of one epoch that sign and that open
//! what is sealed. In each epoch a thief takes all files of keys that some servers have, from their
//! disks and as their processes hold them, and the shares in their machines, of as many servers as
//! the membership service tolerates; it has recorded every message. It searches their logs and
//! states for every secret that was ever in such a file of any server. Then it tries what it has:
//! it opens what was sealed with every key that it ever got, takes the share of a dealer from its
//! seed and a part that it could open, puts together every set of `f + 1` shares, of one sharing
//! and of several, where `f` is 1 or 2; it signs with every key for the epochs before. Nothing of
//! it may verify: that is what the thief checks after each epoch.
//!
//! The budget is the one of the membership service: at most `f` members of a group are bad until
//! the last good one has erased its share. Whoever was robbed counts as bad in the group of the
//! next epoch too, for which its keys were made already. A server that is just going on to an epoch
//! is robbed when what it erases is gone: until then it is one of the epoch before.
//!
//! # Not here
//! Parts of shares that came to machines. That they hold none of an epoch that is over, or where
//! the server has no seat in the group, is judged by the checkers of the system `epochs`, here too.
//!
//! The files of production: that they are overwritten, and that nothing of them is left in any
//! other file, is shown by the tests of the daemon and of its keys.

use std::cell::RefCell;
use std::rc::Rc;

use quorate_kes::IDENTITY_DEPTH;
use quorate_membership::RootRule;

use super::EpochsMachine;
use super::checkers::{Custody, History};
use super::disk::Storekeeper;
use super::founding::Shape;
use super::host::EpochsHost;
use super::keys::Keys;
use crate::checker::Checker;
use crate::clock::ClockShape;
use crate::node::Nodes;
use crate::report::Violation;
use crate::scenario::{DiskShape, Group, NetworkShape, Profile, Scenario};
use crate::simulation::Simulation;
use crate::system::{Limits, Run};

mod field;
mod floor;
mod loot;
mod pairs;
pub(in crate::epochs) mod secrets;
#[cfg(test)]
mod tests;
mod thief;
mod triples;

pub use thief::Tally;
use thief::Thief;

const SECOND_US: u64 = 1_000_000;
/// What ends a run in which nothing is broken: there is no other way to end one early.
const OVER: &str = "OVER";
/// Tenths of a second that an epoch lasts.
const LENGTH: u64 = 10;
/// Longest time that the end of an epoch takes besides.
const END_US: u64 = 2 * SECOND_US;

/// What is to be lived through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Epochs.
    pub epochs: u64,
    /// Servers.
    pub servers: u16,
    /// Bad members tolerated in the membership group.
    pub f: u16,
    /// Servers that the thief robs in each epoch; more than `f` show that it can find the key.
    pub robbed: usize,
    /// What everything that is drawn follows from.
    pub seed: u64,
    /// When identities get another root.
    pub rule: RootRule,
    /// When the thief comes.
    pub moment: Moment,
}

/// When in an epoch servers are robbed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// Some time.
    Any,
    /// At the end: another group has the key already, and the old shares are not erased.
    BeforeErasure,
}

impl Plan {
    /// A plan for so many epochs, as the gate has it.
    #[must_use]
    pub fn of(epochs: u64) -> Self {
        let rule = RootRule::default();
        Self { epochs, servers: 6, f: 1, robbed: 1, seed: 1, rule, moment: Moment::Any }
    }
}

/// How a year has ended.
#[derive(Debug)]
pub struct Year {
    /// What the thief took and tried.
    pub tally: Tally,
    /// What was broken.
    pub violation: Option<Violation>,
    /// Events.
    pub events: u64,
}

fn scenario(plan: &Plan) -> Scenario {
    let shape = Shape {
        f: plan.f,
        servers: plan.servers,
        layout: plan.seed % 256,
        length: LENGTH,
        attempt_ms: 0,
    };
    let end_us = plan.epochs * (LENGTH * SECOND_US / 10 + END_US) + 10 * SECOND_US;
    let node_count = plan.servers + 1;
    Scenario {
        seed: plan.seed,
        profile: Profile::Calm,
        variant: shape.variant(),
        node_count,
        groups: vec![Group { members: Nodes::range(0, plan.servers), f: usize::from(plan.f) }],
        core: Nodes::range(0, node_count),
        judges_liveness: false,
        heal_us: 0,
        end_us,
        delta_us: 1_000,
        network: NetworkShape {
            base_us_max: 200,
            jitter_us_max: 100,
            tail_per_1024: 0,
            tail_us_max: 1,
            is_fifo: true,
        },
        disk: DiskShape {
            sync_us_min: 50,
            sync_us_jitter: 1,
            is_grouped: true,
            segment_records: 16,
        },
        clocks: vec![ClockShape::EXACT; usize::from(node_count)],
        faults: Vec::new(),
        ops: Vec::new(),
    }
}

/// Lives through a year, and tells of each epoch.
#[must_use]
pub fn live(plan: &Plan, tell: Box<dyn FnMut(&Tally)>) -> Year {
    let scenario = scenario(plan);
    let host = EpochsHost::with_keys(&scenario, Keys::real(IDENTITY_DEPTH, plan.rule));
    let kit = host.kit();
    let tally = Rc::new(RefCell::new(Tally::default()));
    let thief = Thief::new(plan, &host, (Rc::clone(&tally), tell));
    let checkers: Vec<Box<dyn Checker<EpochsMachine>>> = vec![
        Box::new(Storekeeper(host.disks())),
        Box::new(History::new(kit.system_key, &kit.first)),
        Box::new(Custody::new((host.servers().to_vec(), host.disks()))),
        Box::new(thief),
    ];
    let report = Simulation::new(scenario, host, checkers).run(&Limits::NONE);
    let tally = tally.borrow().clone();
    let violation = report.violation.filter(|violation| violation.broken.invariant != OVER);
    Year { tally, violation, events: report.events }
}
