//! The membership group gets another size on the word of the authority, and keeps the key.
use quorate_types::{Epoch, Resilience, SystemId};

use super::harness::Town;
use crate::authority::{ResizeCertificate, ResizeGrant};
use crate::limits::MEMBERSHIP_F_MAX;
use crate::rotation::Rotation;
use crate::service::{MembershipOperation, MembershipReply, Refusal};
use crate::testing::epoch_signer;

const RECORDED: MembershipReply = MembershipReply::Recorded(Epoch::ZERO);

fn resize(town: &mut Town, f: u16) -> MembershipReply {
    let grant = town.resize_grant(f);
    town.resize(grant)
}

#[test]
fn the_group_grows_and_shrinks_and_the_key_stays() {
    let mut town = Town::new(11, 1);
    let system_key = town.sharing().public_key();
    for (f, size) in [(2, 7), (3, 10), (1, 4)] {
        assert_eq!(resize(&mut town, f), MembershipReply::Recorded(town.epoch()));
        town.live_an_epoch();
        assert_eq!(town.group().len(), size);
        assert_eq!(*town.configuration.header().system_key(), system_key, "THR-6");
    }
}

#[test]
fn another_size_after_the_freeze_comes_an_epoch_later() {
    let mut town = Town::new(8, 1);
    town.deposit_all();
    town.freeze();
    assert_eq!(resize(&mut town, 2), MembershipReply::Recorded(Epoch::new(1)), "MEM-22");
    let beacon = town.beacon();
    town.take(beacon).unwrap();
    let shares = town.finish();
    town.turn(shares);
    assert_eq!((town.group().len(), town.news().change_count), (4, 1));
    town.live_an_epoch();
    assert_eq!((town.group().len(), town.news().change_count), (7, 0));
}

#[test]
fn with_too_few_candidates_for_it_another_size_waits() {
    let mut town = Town::new(8, 1);
    assert_eq!(resize(&mut town, 2), RECORDED);
    let group = town.group();
    for id in &group {
        town.deposit(town.number_of(*id)).unwrap();
    }
    town.freeze();
    let beacon = town.beacon();
    town.take(beacon).unwrap();
    let shares = town.finish();
    town.turn(shares);
    assert_eq!(town.group(), group, "the old one, as it was");
    assert_eq!((town.reader().tally().waiting, town.news().change_count), (1, 0), "MEM-73");
    town.live_an_epoch();
    assert_eq!(town.group().len(), 7);
}

#[test]
fn mem_25_a_group_of_another_size_has_to_have_servers_now_and_later() {
    let mut town = Town::new(8, 1);
    assert_eq!(resize(&mut town, 3), MembershipReply::Refused(Refusal::TooFewServers), "MEM-25");
    assert_eq!(resize(&mut town, 2), RECORDED);
    assert_eq!(town.remove(0), RECORDED);
    assert_eq!(town.remove(1), MembershipReply::Refused(Refusal::TooFewServers), "MEM-25");
}

#[test]
fn mem_25_behind_done_the_size_that_was_decided_counts() {
    let mut town = Town::new(8, 1);
    assert_eq!(resize(&mut town, 2), RECORDED);
    town.prepare();
    let shares = town.finish();
    assert_eq!(town.remove(0), MembershipReply::Recorded(Epoch::new(1)));
    assert_eq!(town.remove(1), MembershipReply::Refused(Refusal::TooFewServers), "MEM-25");
    town.turn(shares);
    town.live_an_epoch();
    assert_eq!(town.servers().len(), 7);
}

#[test]
fn a_size_is_refused_for_which_the_pool_is_too_small() {
    let mut town = Town::new(8, 1);
    let pool = |town: &mut Town, count| {
        let members = town.configuration.configuration().members.iter();
        let pool = Some(members.take(count).map(|member| member.id).collect());
        town.rotation_grant(Rotation { pool, seats_max: None })
    };
    let grant = pool(&mut town, 6);
    assert_eq!(town.rotate(grant), RECORDED);
    assert_eq!(resize(&mut town, 2), MembershipReply::Refused(Refusal::NoGroup), "it waits");
    town.prepare();
    assert_eq!(resize(&mut town, 2), MembershipReply::Refused(Refusal::NoGroup), "it is fixed");
    let shares = town.finish();
    town.turn(shares);
    assert_eq!(resize(&mut town, 2), MembershipReply::Refused(Refusal::NoGroup), "it holds");
    let grant = pool(&mut town, 7);
    assert_eq!(town.rotate(grant), MembershipReply::Recorded(Epoch::new(1)));
    assert_eq!(resize(&mut town, 2), MembershipReply::Recorded(Epoch::new(1)));
    town.live_an_epoch();
    town.live_an_epoch();
    assert_eq!(town.group().len(), 7);
}

#[test]
fn mem_8_each_fault_of_a_certificate_of_a_size_has_its_reply_and_changes_nothing() {
    let mut town = Town::new(8, 1);
    let good = town.resize_grant(2);
    assert_eq!(town.resize(good), RECORDED);
    let next = town.resize_grant(1);
    let before = town.state.clone();
    let with = |change: &dyn Fn(&mut ResizeGrant)| {
        let mut grant = next;
        change(&mut grant);
        grant
    };
    let highest = good.validity.sequence;
    let table = [
        (with(&|it| it.system = SystemId::new([0; 32])), Refusal::Foreign),
        (with(&|it| it.validity.first_epoch = Epoch::new(1)), Refusal::NotYetValid),
        (good, Refusal::Replayed { highest }),
        (
            with(&|it| it.membership = Resilience::new(MEMBERSHIP_F_MAX + 1).unwrap()),
            Refusal::TooLarge,
        ),
    ];
    for (grant, refusal) in table {
        assert_eq!(town.resize(grant), MembershipReply::Refused(refusal));
        assert_eq!(town.state, before, "MEM-8: {refusal:?}");
    }
    let forged = ResizeCertificate::issue(next, &epoch_signer(0, Epoch::ZERO));
    let reply = town.ask(&MembershipOperation::Resize(forged));
    assert_eq!(reply, MembershipReply::Refused(Refusal::BadSignature));
    assert_eq!(town.state, before, "MEM-8");
    let mut young = Town::founding(7, 1);
    assert_eq!(resize(&mut young, 2), MembershipReply::Refused(Refusal::Founding));
}
