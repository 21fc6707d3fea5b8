//! The group is drawn from whom the authority says, and no more of it changes than it says.
use std::vec::Vec;

use quorate_types::{Epoch, NodeId, SystemId};

use super::harness::Town;
use crate::authority::RotationCertificate;
use crate::rotation::Rotation;
use crate::service::{MembershipOperation, MembershipReply, Refusal};
use crate::testing::epoch_signer;

const RECORDED: MembershipReply = MembershipReply::Recorded(Epoch::ZERO);

fn rotate(town: &mut Town, rotation: Rotation) -> MembershipReply {
    let grant = town.rotation_grant(rotation);
    town.rotate(grant)
}

/// The first servers, in the order of their ids.
fn pool(town: &Town, count: usize) -> Rotation {
    let members = town.configuration.configuration().members.iter();
    let servers: Vec<NodeId> = members.take(count).map(|member| member.id).collect();
    Rotation { pool: Some(servers), seats_max: None }
}

fn seats(count: u16) -> Rotation {
    Rotation { pool: None, seats_max: Some(count) }
}

#[test]
fn only_servers_of_the_pool_are_drawn() {
    let mut town = Town::new(12, 1);
    let pool = pool(&town, 5);
    assert_eq!(rotate(&mut town, pool.clone()), RECORDED);
    for _ in 0..4 {
        town.live_an_epoch();
        assert!(town.group().iter().all(|node| pool.admits(*node)));
    }
    assert_eq!(rotate(&mut town, Rotation::default()), MembershipReply::Recorded(town.epoch()));
    let mut drawn = 0;
    for _ in 0..6 {
        town.live_an_epoch();
        drawn += town.group().iter().filter(|node| !pool.admits(**node)).count();
    }
    assert!(
        drawn > 0,
        "all of them again: for six epochs without, chance is below one in a million"
    );
}

#[test]
fn no_more_seats_change_hands_than_may() {
    let mut town = Town::new(12, 2);
    assert_eq!(rotate(&mut town, seats(2)), RECORDED);
    let mut changed = 0;
    for _ in 0..6 {
        let before = town.group();
        town.live_an_epoch();
        let others = town.group().iter().filter(|node| !before.contains(node)).count();
        assert!(others <= 2, "{others} seats changed hands");
        changed += others;
    }
    assert!(changed > 0, "two seats are drawn among eight servers, six times");
}

#[test]
fn members_that_leave_give_up_their_seats_whatever_the_rule_says() {
    let mut town = Town::new(12, 1);
    assert_eq!(rotate(&mut town, seats(1)), RECORDED);
    let before = town.group();
    for node in &before[..3] {
        let number = town.number_of(*node);
        assert_eq!(town.remove_as(number, true), RECORDED);
    }
    town.live_an_epoch();
    assert!(town.group().iter().all(|node| !before[..3].contains(node)));
    assert!(town.group().contains(&before[3]), "the one that can stay does");
}

#[test]
fn a_pool_with_too_few_candidates_leaves_the_group_as_it_is() {
    let mut town = Town::new(12, 1);
    let four = pool(&town, 4);
    let lost = town.number_of(four.pool.as_ref().unwrap()[0]);
    assert_eq!(rotate(&mut town, four), RECORDED);
    assert_eq!(town.remove(lost), RECORDED);
    let before = town.group();
    town.live_an_epoch();
    assert_eq!(town.group(), before);
}

#[test]
fn a_pool_is_refused_that_is_too_small_for_the_size_that_waits() {
    let mut town = Town::new(8, 1);
    let (small, large) = (pool(&town, 6), pool(&town, 7));
    let grant = town.resize_grant(2);
    assert_eq!(town.resize(grant), RECORDED);
    town.deposit_all();
    assert_eq!(rotate(&mut town, small.clone()), MembershipReply::Refused(Refusal::NoGroup));
    town.freeze();
    let fixed = rotate(&mut town, small.clone());
    assert_eq!(fixed, MembershipReply::Refused(Refusal::NoGroup), "the size is fixed");
    let beacon = town.beacon();
    town.take(beacon).unwrap();
    let shares = town.finish();
    let decided = rotate(&mut town, small.clone());
    assert_eq!(decided, MembershipReply::Refused(Refusal::NoGroup), "the size is decided");
    town.turn(shares);
    let grant = town.resize_grant(1);
    assert_eq!(town.resize(grant), MembershipReply::Recorded(Epoch::new(1)));
    assert_eq!(rotate(&mut town, small), MembershipReply::Recorded(Epoch::new(1)), "both at once");
    let grant = town.resize_grant(2);
    assert_eq!(town.resize(grant), MembershipReply::Refused(Refusal::NoGroup));
    assert_eq!(rotate(&mut town, large), MembershipReply::Recorded(Epoch::new(1)));
    town.live_an_epoch();
    assert_eq!(town.group().len(), 4);
}

#[test]
fn mem_22_a_rule_that_comes_after_the_freeze_chooses_no_group_of_this_epoch() {
    let mut town = Town::new(12, 1);
    town.deposit_all();
    town.freeze();
    let late = pool(&town, 4);
    let reply = rotate(&mut town, late.clone());
    assert_eq!(reply, MembershipReply::Recorded(Epoch::new(1)), "MEM-22");
    let beacon = town.beacon();
    town.take(beacon).unwrap();
    let shares = town.finish();
    town.turn(shares);
    assert!(town.group().iter().any(|node| !late.admits(*node)), "drawn among all twelve");
    town.live_an_epoch();
    assert!(town.group().iter().all(|node| late.admits(*node)));
}

#[test]
fn mem_8_each_fault_of_a_certificate_of_a_rule_has_its_reply_and_changes_nothing() {
    let mut town = Town::new(8, 1);
    let good = town.rotation_grant(seats(2));
    assert_eq!(town.rotate(good.clone()), RECORDED);
    let next = town.rotation_grant(seats(1));
    let small = pool(&town, 3);
    let before = town.state.clone();
    let highest = good.validity.sequence;
    let (mut foreign, mut early, mut none, mut few) =
        (next.clone(), next.clone(), next.clone(), next.clone());
    foreign.system = SystemId::new([0; 32]);
    early.validity.first_epoch = Epoch::new(1);
    none.rotation = seats(0);
    few.rotation = small;
    let table = [
        (foreign, Refusal::Foreign),
        (early, Refusal::NotYetValid),
        (good, Refusal::Replayed { highest }),
        (none, Refusal::NoGroup),
        (few, Refusal::NoGroup),
    ];
    for (grant, refusal) in table {
        assert_eq!(town.rotate(grant), MembershipReply::Refused(refusal));
        assert_eq!(town.state, before, "MEM-8: {refusal:?}");
    }
    let forged = RotationCertificate::issue(next, &epoch_signer(0, Epoch::ZERO));
    let reply = town.ask(&MembershipOperation::Rotate(forged));
    assert_eq!(reply, MembershipReply::Refused(Refusal::BadSignature));
    assert_eq!(town.state, before, "MEM-8");
    let mut young = Town::founding(7, 1);
    assert_eq!(rotate(&mut young, seats(1)), MembershipReply::Refused(Refusal::Founding));
}

#[test]
fn who_asks_is_told_of_the_group_that_begins_behind_an_epoch() {
    let mut town = Town::new(8, 1);
    let asked = |town: &mut Town, epoch| {
        let asked = MembershipOperation::GetGroup(Epoch::new(epoch));
        let MembershipReply::Group(terms) = town.ask(&asked) else { panic!("no terms") };
        terms.rotation
    };
    assert_eq!(asked(&mut town, 0), Rotation::default());
    assert_eq!(rotate(&mut town, seats(2)), RECORDED);
    assert_eq!(asked(&mut town, 0), seats(2));
    town.live_an_epoch();
    town.live_an_epoch();
    assert_eq!(asked(&mut town, 2), seats(2), "it stays");
}
