//! MEM-72: how many roots are taken, whose come first, and that nobody waits for long.
use quorate_kes::IdealTree;
use quorate_types::limits::MEMBERS_MAX;
use quorate_types::{Digest, Epoch, IdentityRoot, LaterRoot, PublicKey, SystemId};

use super::{LATE_EPOCHS, RootNeed, RootQuota};
use crate::epoch_key::{EpochKeyCertificate, EpochKeyStatement};
use crate::identity::{Identity, IdentitySigner};
use crate::later_root::RootRule;
use crate::limits::{ROOT_REST_EPOCHS, ROOTS_MAX};
use crate::testing::identity;

/// The need of a server whose tree began with epoch 0 and whose root holds since then or later.
fn need(since: Option<u64>, epoch: u64) -> RootNeed {
    let identity: Identity<IdealTree> = identity(1);
    let (system, key) = (SystemId::new([1; 32]), PublicKey::new([2; 32]));
    let epoch = Epoch::new(epoch);
    let statement = EpochKeyStatement::of_system(system, identity.identity_key(), epoch, key);
    let certificate = EpochKeyCertificate::issue(statement, &identity);
    let root = IdentityRoot::new(*Digest::ZERO.as_bytes());
    let later = since.map(|since| LaterRoot { root, since: Epoch::new(since) });
    RootNeed::of(later, &certificate)
}

#[test]
fn mem_72_need_goes_by_the_age_of_the_tree_and_by_when_the_root_was_replaced() {
    assert_eq!(need(None, LATE_EPOCHS - 1), RootNeed::Early);
    assert_eq!(need(None, LATE_EPOCHS), RootNeed::Pressing);
    // A tree can look as old as its maker wants.
    let since = LATE_EPOCHS;
    assert_eq!(need(Some(since), since + ROOT_REST_EPOCHS - 1), RootNeed::Again);
    assert_eq!(need(Some(since), since + ROOT_REST_EPOCHS), RootNeed::Pressing);
    assert_eq!(need(Some(1), 1 + ROOT_REST_EPOCHS), RootNeed::Early);
}

#[test]
fn mem_72_an_epoch_takes_so_many_roots_and_keeps_most_for_those_that_need_them() {
    let quota = RootQuota::of(100_000);
    let taken = |need| (0..).take_while(|count| quota.takes(*count, need)).count() as u64;
    assert_eq!(taken(RootNeed::Pressing), ROOTS_MAX);
    assert_eq!(taken(RootNeed::Early), ROOTS_MAX / 2);
    assert_eq!(taken(RootNeed::Again), ROOTS_MAX / 16);
    assert_eq!(RootQuota::of(1 << 20).max, 1 << 13, "one in 128");
}

/// Epochs that the last of all good servers waits for its root, where a third is bad: these name
/// roots as often as they can, always before the others, of trees that look old, and began with it
/// all at once; good ones are all of an age, and whoever came last goes first.
fn longest_wait(server_count: u64) -> u64 {
    let (quota, bad) = (RootQuota::of(server_count), server_count / 3);
    let spread = u64::from(RootRule::default().epochs) / 6;
    let due = (server_count - bad).div_ceil(spread);
    let (mut rested, mut named_by_bad) = (bad, std::vec::Vec::new());
    let (mut waiting, mut longest) = (std::vec::Vec::new(), 0);
    for epoch in 0..4 * spread {
        let back = epoch.checked_sub(ROOT_REST_EPOCHS);
        rested += back.map_or(0, |back| named_by_bad[usize::try_from(back).unwrap()]);
        waiting.extend((epoch < spread).then_some((epoch, due)));
        let (mut named, mut by_bad) = (0, 0);
        while rested > by_bad && quota.takes(named, RootNeed::Pressing) {
            (named, by_bad) = (named + 1, by_bad + 1);
        }
        rested -= by_bad;
        named_by_bad.push(by_bad);
        while quota.takes(named, RootNeed::Pressing) {
            let Some((since, count)) = waiting.pop() else { break };
            (named, longest) = (named + 1, longest.max(epoch - since));
            waiting.extend((count > 1).then_some((since, count - 1)));
        }
    }
    assert!(waiting.is_empty(), "{} epochs with servers that wait", waiting.len());
    longest
}

#[test]
fn mem_72_bad_servers_keep_no_good_one_from_its_root_until_its_tree_ends() {
    let left = 512;
    for server_count in [1_500, 20_000, 100_000, 131_072, MEMBERS_MAX as u64] {
        let longest = longest_wait(server_count);
        assert!(longest < left / 4, "of {server_count} one waits {longest} epochs");
    }
}
