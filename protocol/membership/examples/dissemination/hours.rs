//! Hours of churn: epochs that spread one after the other over servers that come and go.
use std::collections::BTreeSet;
use std::sync::Arc;

use quorate_membership::dissemination::{Checked, EncodedDelta, Follow, Trees};
use quorate_membership::limits::FAN_OUT_DEFAULT;
use quorate_membership::{Delta, VerifiedConfiguration};
use quorate_types::{Epoch, NodeId};
use quorate_wire::encode;

use super::network::{Network, WIDE};
use super::servers::{F, Once, Servers};
use super::{SECOND, processor_micros};

const HOURS: usize = 3;
const HOUR_SECONDS: f64 = 3600.0;
/// After so long everybody has the epoch, who was silent too.
const SETTLING_SECONDS: u64 = 30;
/// How long the servers only compare, to see what that takes.
const IDLE_SECONDS: u64 = 20;

/// How an epoch reached the servers, and what an hour with it costs them.
pub(crate) struct Hour {
    pub(crate) delta_bytes: usize,
    pub(crate) key_count: usize,
    /// Processor time of the check of a delta, in microseconds.
    pub(crate) check: u64,
    pub(crate) speaking: usize,
    /// When servers got it, in microseconds, in order.
    pub(crate) moments: Vec<u64>,
    pub(crate) messages: f64,
    /// Bytes per second over the hour.
    pub(crate) average: f64,
    pub(crate) idle: f64,
    pub(crate) busiest_sent: f64,
    pub(crate) busiest_both: f64,
}

impl Hour {
    /// When this share of the servers has it, in seconds.
    pub(crate) fn reached(&self, percent: usize) -> f64 {
        let rank = (self.speaking * percent).div_ceil(100);
        self.moments.get(rank - 1).map_or(f64::INFINITY, |at| *at as f64 / SECOND as f64)
    }
}

/// Lets epochs spread over so many servers, of whom one in a hundred goes each hour and as many
/// come; who brings keys is decided as servers decide it.
pub(crate) fn live(count: usize) -> Vec<Hour> {
    let mut servers = Servers::new();
    let mut newest = servers.first(count);
    let follow: Arc<dyn Follow> = Once::new(servers.schemes.clone(), FAN_OUT_DEFAULT);
    let mut network = Network::new(WIDE, ids(&newest), &newest, &follow);
    let mut hours = Vec::new();
    for _ in 0..HOURS {
        let next = servers.churned(&newest);
        hours.push(spread((&servers, &follow), &mut network, (&newest, &next)));
        newest = next;
    }
    hours
}

fn ids(configuration: &VerifiedConfiguration) -> BTreeSet<NodeId> {
    configuration.configuration().members.iter().map(|member| member.id).collect()
}

/// What one server computes for one epoch, in microseconds; twice, since the first warms up.
fn check(servers: &Servers, old: &VerifiedConfiguration, delta: &EncodedDelta) -> u64 {
    let checked = Checked { schemes: servers.schemes.clone(), fan_out: FAN_OUT_DEFAULT };
    checked.follow(old, delta.clone()).expect("a good delta");
    let start = processor_micros();
    checked.follow(old, delta.clone()).expect("a good delta");
    processor_micros() - start
}

fn spread(
    (servers, follow): (&Servers, &Arc<dyn Follow>),
    network: &mut Network,
    (old, new): (&VerifiedConfiguration, &VerifiedConfiguration),
) -> Hour {
    let delta = Delta::between(old, new).expect("one follows the other");
    let encoded = EncodedDelta::of(&delta).expect("it is short enough");
    network.conditions.check = check(servers, old, &encoded);
    let trees = Trees::of(old, new, FAN_OUT_DEFAULT);
    let (before, after) = (ids(old), ids(new));
    after.difference(&before).for_each(|id| network.join(*id, old, follow));

    let sources = old.configuration().membership_group.clone();
    network.silence(|id| !sources.contains(&id) && !trees.children(id).is_empty());
    sources.iter().take(usize::from(F)).for_each(|source| network.server(*source).is_silent = true);
    let is_there = |server: &&super::network::Server| !server.is_asleep;
    let there = network.servers.iter().filter(is_there).count();
    let speaking = network.servers.iter().filter(is_there).filter(|it| !it.is_silent).count();
    network.count_anew();
    let begin = network.now;
    sources.iter().for_each(|source| network.adopt(*source, new));
    let moments = network.run_until_all(new.epoch(), begin + 120 * SECOND);
    let moments = moments.into_iter().map(|at| at - begin).collect();
    // Who was silent speaks again, and who was removed is switched off; what is still on its way,
    // or is made up for, counts for the epoch.
    network.run_until(network.now + 5 * SECOND);
    let silent = network.servers.iter_mut().filter(|server| !server.is_asleep);
    silent.for_each(|server| server.is_silent = false);
    for id in before.difference(&after) {
        let gone = network.server(*id);
        (gone.is_silent, gone.is_asleep) = (true, true);
    }
    network.run_until(network.now + SETTLING_SECONDS * SECOND);
    assert_all_have(network, new.epoch());
    let spread = Traffic::of(network, there);
    network.count_anew();
    network.run_until(network.now + IDLE_SECONDS * SECOND);
    let idle = Traffic::of(network, after.len());
    let hourly = |spread: f64, idle: f64| spread / HOUR_SECONDS + idle / IDLE_SECONDS as f64;
    Hour {
        delta_bytes: encode(&delta).len(),
        key_count: delta.keys.len(),
        check: network.conditions.check,
        speaking,
        moments,
        messages: spread.messages,
        average: hourly(spread.sent, idle.sent),
        idle: idle.sent / IDLE_SECONDS as f64,
        busiest_sent: hourly(spread.busiest_sent, idle.busiest_sent),
        busiest_both: hourly(spread.busiest_both, idle.busiest_both),
    }
}

/// An hour ends with everybody in its epoch, who was silent too.
fn assert_all_have(network: &Network, epoch: Epoch) {
    let there = network.servers.iter().filter(|server| !server.is_asleep);
    let behind = there.filter(|server| server.machine.newest().epoch() < epoch).count();
    assert_eq!(behind, 0, "servers without the epoch after {SETTLING_SECONDS} s");
}

/// Bytes of all servers.
struct Traffic {
    sent: f64,
    messages: f64,
    busiest_sent: f64,
    busiest_both: f64,
}

impl Traffic {
    fn of(network: &Network, count: usize) -> Self {
        let sum = |number: fn(&super::network::Server) -> u64| -> f64 {
            network.servers.iter().map(number).sum::<u64>() as f64 / count as f64
        };
        let most = |number: fn(&super::network::Server) -> u64| -> f64 {
            network.servers.iter().map(number).max().unwrap_or_default() as f64
        };
        Self {
            sent: sum(|server| server.sent_bytes),
            messages: sum(|server| server.sent_count),
            busiest_sent: most(|server| server.sent_bytes),
            busiest_both: most(|server| server.sent_bytes + server.received_bytes),
        }
    }
}
