//! What an operation costs the group: messages, bytes, signatures, barriers of the disk, memory.
//!
//! Time is not measured here. These numbers are the same on every machine, so that who makes the
//! engine do more for an operation sees it; each is exact, or bounded where the load decides how
//! requests gather. `docs/benchmarks.md` says what they come to.

use std::collections::BTreeSet;

use quorate_bft::Message;
use quorate_crypto::{SignatureCheck, Verifiable};
use quorate_types::{Duration, Peer};
use quorate_wire::encode;

use crate::support::Cluster;

/// What happened while some calls were made.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
struct Cost {
    /// Messages between replicas, and between replicas and the client.
    messages: usize,
    /// Bytes of these messages.
    bytes: usize,
    /// Signatures that were made: the client's and the replicas'.
    signed: usize,
    /// Signatures that were checked, each once by each replica, and only in messages that the
    /// replica still had a use for.
    checked: usize,
    /// Records that were made durable, over all replicas.
    records: usize,
    /// How often the replicas asked for memory in their steps.
    allocations: u64,
}

/// How often four replicas may ask for memory for one operation by itself: the collections of the
/// standard library have a say in it.
const LONE_ALLOCATIONS_MAX: u64 = 380;
/// What 512 operations at once may cost: eight bundles, over all lanes.
const LOAD_COST_MAX: Cost = Cost {
    messages: 400,
    bytes: 410_000,
    signed: 130,
    checked: 340,
    records: 100,
    allocations: 38_000,
};

impl Cost {
    const fn is_within(self, max: Self) -> bool {
        self.messages <= max.messages
            && self.bytes <= max.bytes
            && self.signed <= max.signed
            && self.checked <= max.checked
            && self.records <= max.records
            && self.allocations <= max.allocations
    }

    fn record_count(cluster: &Cluster) -> usize {
        (0..4).map(|index| cluster.records(index).count()).sum()
    }

    /// The cost of what `act` does.
    fn of(cluster: &mut Cluster, act: impl FnOnce(&mut Cluster)) -> Self {
        cluster.sent.clear();
        cluster.useless.clear();
        let (records_before, allocations) = (Self::record_count(cluster), cluster.allocations);
        act(cluster);
        let checks = |message: &Message| {
            let mut checks = Vec::new();
            message.checks(&cluster.group, &mut checks).expect("a correct one's message");
            checks
        };
        let mut signed: BTreeSet<SignatureCheck> = BTreeSet::new();
        let mut checked: BTreeSet<(Peer, SignatureCheck)> = BTreeSet::new();
        for (_, to, message) in &cluster.sent {
            checked.extend(checks(message).into_iter().map(|check| (*to, check)));
        }
        let all = || cluster.sent.iter().chain(&cluster.useless).map(|(_, _, message)| message);
        all().for_each(|message| signed.extend(checks(message)));
        Self {
            messages: all().count(),
            bytes: all().map(|message| encode(message).len()).sum(),
            signed: signed.len(),
            checked: checked.len(),
            records: Self::record_count(cluster) - records_before,
            allocations: cluster.allocations - allocations,
        }
    }
}

/// A cluster whose session is open, whose agreed time is fresh, and in which nothing is under way.
fn opened() -> Cluster {
    let mut cluster = Cluster::new(1);
    cluster.drops_useless = true;
    for _ in 0..3 {
        cluster.invoke("#");
        cluster.pass(Duration::from_millis(1));
    }
    cluster
}

fn operation() -> String {
    format!("#{:99}", 7)
}

#[test]
fn one_operation_by_itself_takes_three_phases_and_two_records_of_each_replica() {
    let mut cluster = opened();
    let cost = Cost::of(&mut cluster, |cluster| {
        assert_eq!(cluster.invoke(&operation()).as_deref(), Some("ok"));
    });
    // Request 1, proposal 3, prepares 9, commits 12, replies 4: the leader's proposal is its
    // prepare. The client, the leader's batch, and two votes of each replica are signed. A replica
    // checks the client's signature; a backup those on the leader's batch and prepare and one
    // prepare more, the leader two; each two commits of others. Each makes the cut durable before
    // it prepares, and the quorum before it commits.
    let allocations = cost.allocations;
    let known =
        Cost { messages: 29, bytes: 5917, signed: 10, checked: 23, records: 8, allocations };
    assert_eq!(cost, known);
    assert!((1..=LONE_ALLOCATIONS_MAX).contains(&allocations), "{allocations}");
}

#[test]
fn bundles_under_load_share_what_ordering_costs() {
    let mut cluster = opened();
    let cost = Cost::of(&mut cluster, |cluster| {
        let tickets: Vec<u64> = (0..512).map(|_| cluster.call(&operation())).collect();
        cluster.settle();
        cluster.pass(Duration::from_millis(50));
        assert!(tickets.iter().all(|ticket| cluster.reply(*ticket).is_some()));
    });
    assert!(cost.is_within(LOAD_COST_MAX), "{cost:?}");
}
