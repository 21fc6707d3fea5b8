//! Tables and exhaustive checks of the quorum arithmetic.

use super::{ReplicaId, ReplicaSet, Resilience};
use crate::View;

#[test]
fn quorums_of_every_group_size_intersect_in_a_correct_replica() {
    for f in 1..=Resilience::F_MAX {
        let group = Resilience::new(f).unwrap();
        let overlap = 2 * group.quorum() - group.replicas();
        assert!(overlap > group.f(), "TYP-1: f = {f}");
        assert_eq!(group.weak_quorum(), group.f() + 1);
        assert_eq!(Resilience::of_group(group.replicas()), Ok(group));
    }
}

#[test]
fn group_sizes_that_are_not_three_f_plus_one_are_refused() {
    for replicas in [0, 1, 2, 3, 5, 6, 8, 65, 67, 70_000, usize::MAX] {
        assert!(Resilience::of_group(replicas).is_err(), "{replicas}");
    }
}

#[test]
fn leaders_rotate_through_the_group() {
    let group = Resilience::new(1).unwrap();
    let leaders: std::vec::Vec<u16> =
        (0..5).map(|view| group.leader(View::new(view)).get()).collect();
    assert_eq!(leaders, [0, 1, 2, 3, 0]);
    assert_eq!(group.leader(View::new(u64::MAX)).get(), 3);
}

#[test]
fn a_set_counts_each_replica_once_and_knows_excess_bits() {
    let group = Resilience::new(1).unwrap();
    let mut set = ReplicaSet::EMPTY;
    assert!(set.insert(ReplicaId::new(3)));
    assert!(!set.insert(ReplicaId::new(3)));
    assert!(set.is_within(group));
    assert!(!set.insert(ReplicaId::new(64)));
    assert!(!set.contains(ReplicaId::new(64)));
    assert!(set.insert(ReplicaId::new(4)));
    assert!(!set.is_within(group));
    assert_eq!(set.iter().map(ReplicaId::get).collect::<std::vec::Vec<_>>(), [3, 4]);
}
