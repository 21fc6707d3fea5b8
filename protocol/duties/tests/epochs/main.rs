//! Epochs end on servers that host the real machines: the ordering engine with the membership
//! service, the participant of the handover, the responder, and what orders their turns.
//!
//! Signatures of servers are ideal ones, the system's key is a real one.
mod tally;
mod town;

use std::collections::BTreeSet;

use quorate_membership::LeaseRule;
use quorate_types::{Duration, Epoch, NodeId};

use tally::Tally;
use town::Town;

#[test]
fn epochs_end_one_after_the_other_and_the_group_moves() {
    let mut town = Town::new(8, 3);
    let mut groups = BTreeSet::new();
    groups.insert(town.group());
    for number in 1..=4 {
        town.live_until(Epoch::new(number));
        groups.insert(town.group());
        town.assert_at_rest();
    }
    assert!(groups.len() >= 3, "the membership service moves: {groups:?}");
}

#[test]
fn a_silent_member_of_each_group_holds_no_epoch_up() {
    let mut town = Town::new(9, 5);
    for number in 1..=3 {
        let silent = town.group()[1];
        town.silence(Some(silent));
        town.live_until(Epoch::new(number));
        town.silence(None);
        town.settle();
        town.assert_at_rest();
    }
}

#[test]
fn what_was_ordered_in_one_epoch_is_known_to_the_group_of_the_next() {
    let mut town = Town::new(8, 7);
    let newcomer = town.add(20);
    town.live_until(Epoch::new(1));
    assert!(town.members().contains(&newcomer), "it was added, and is there");
    town.settle();
    let gone: NodeId = town.remove(2);
    town.live_until(Epoch::new(2));
    assert!(!town.active().contains(&gone));
    assert!(town.active().len() == 8);
}

/// What one end of an epoch costs in a system with a group of n members: of each step what the
/// specification of the resharing has, once, and nothing for which somebody waited in vain.
#[test]
fn an_end_of_an_epoch_costs_what_its_steps_need_and_nothing_twice() {
    for (server_count, f, n) in [(8, 1, 4), (12, 2, 7)] {
        let mut town = Town::of(server_count, f, 11);
        town.live_until(Epoch::new(1));
        town.settle();
        town.tally = Tally::default();
        town.live_until(Epoch::new(2));
        let tally = &town.tally;
        // Each member votes, signs the beacon and the header, and deals; each recipient
        // acknowledges each dealing, and completes. Whoever comes too late has nothing to do; who
        // hears of the choice before it has a dealing asks for it.
        let most = [
            ("end vote", n * (n - 1)),
            ("part", 2 * n * (n - 1)),
            ("fetch", n * n),
            ("dealing", n * n + tally.of("fetch")),
            ("acknowledgement", n * n),
            ("completion", n * n),
            ("abort vote", 0),
            ("grievance", 0),
            ("help", 0),
        ];
        for (kind, most) in most {
            assert!(tally.of(kind) <= most, "{kind}: {:?}", tally.messages);
        }
        assert!(tally.of("completion") >= (2 * usize::from(f) + 1) * (n - 1), "it ended");
        // n votes, 2 n parts, n acknowledgements of n dealings, n completions.
        let deposits = tally.of("deposit");
        assert!(tally.signed() <= n * n + 4 * n + deposits, "{} signed", tally.signed());
        // A recipient keeps the dealings and its share; everybody the header; a member that it
        // vouches no more.
        let kept = |machine| tally.records.get(machine).copied().unwrap_or(0);
        assert!(kept("handover") <= n * (n + 1) + usize::from(server_count), "{:?}", tally.records);
        assert!(kept("responder") <= n, "{:?}", tally.records);
    }
}

#[test]
fn nobody_vouches_for_less_than_a_client_can_wait_for_its_lease() {
    let shortest = LeaseRule::of_epoch(Duration::from_secs(5));
    let margin = shortest.length_on_slow_clock().halved().as_micros();
    for (server_count, f, epochs) in [(9, 1, 2), (12, 2, 1)] {
        let mut town = Town::of(server_count, f, 13);
        // Slower than any network: every message waits for all that were sent before it.
        town.slow(1_000);
        for number in 1..=epochs {
            town.silence(Some(town.group()[1]));
            town.live_until(Epoch::new(number));
            town.silence(None);
            town.settle();
        }
        let gap = town.longest_gap();
        assert!(0 < gap && gap < margin, "{gap} us without a quorum of vouches, of {margin}");
    }
}
