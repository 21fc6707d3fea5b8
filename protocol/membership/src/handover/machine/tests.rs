//! An epoch ends, whatever gets lost, whoever crashes, and however some of them lie.
#![expect(clippy::wildcard_enum_match_arm, reason = "a villain changes one kind of message")]
mod costs;
mod liars;
mod log;
mod network;
mod secrecy;

use std::boxed::Box;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::vec::Vec;

use quorate_machine::Input;
use quorate_threshold::{Bls12381, Domain, KeyShare, PartialSignature, ThresholdScheme};
use quorate_types::{Duration, NodeId};

use self::network::{Network, POLICY};
use super::{Message, Record, Request};
use crate::handover::operation::HandoverOperation;
use crate::handover::stage::Stage;
use crate::limits::{DEPOSITS_AWAITED_MAX, EARLIEST_END_PART, ROOTS_EARLY_PART, ROOTS_MAX};
use crate::testing::deposit_naming;

/// The next group signs under the key that never changes, everybody that is up has the signed
/// header, and the shares of the old group are gone.
fn assert_handed_over(network: &Network) {
    let group_key = network.log.sharing();
    let domain = Domain::Configuration;
    let sign = |share: &_| Bls12381.sign_partial(share, domain, b"the next epoch");
    let partials: Vec<PartialSignature> =
        network.shares().iter().map(|share| sign(share)).collect();
    let combined = Bls12381.combine(&group_key, domain, b"the next epoch", &partials).unwrap();
    assert!(combined.bad.is_empty(), "{:?}", combined.bad);
    let system_key = group_key.public_key();
    system_key.verify(domain, b"the next epoch", &combined.signature).unwrap();
    for node in network.nodes.values().filter(|node| node.is_up) {
        let header = node.certified.as_ref().expect("every server has the header");
        header.verify(&system_key, &Bls12381).unwrap();
        assert_eq!(Some(header), node.handover.certified());
        assert!(!node.handover.holds_old_share(), "MEM-17: the old share is gone");
        let opens = node.handover.setup.next.as_ref().is_some_and(|it| it.decryption_key.is_some());
        assert!(
            !opens || node.handover.share().is_none(),
            "MEM-75: who has its share opens no more"
        );
    }
}

fn count(network: &Network, is_kind: impl Fn(&HandoverOperation) -> bool) -> usize {
    network.log.executed.iter().filter(|operation| is_kind(operation)).count()
}

fn aborts(network: &Network) -> usize {
    count(network, |operation| matches!(operation, HandoverOperation::Abort(_)))
}

#[test]
fn an_epoch_ends_and_the_next_group_signs_under_the_same_key() {
    for (server_count, f, seed) in [(4, 1, 1), (7, 1, 2), (12, 2, 3)] {
        let mut network = Network::new(server_count, f, seed);
        network.run();
        assert_handed_over(&network);
        assert_eq!(aborts(&network), 0);
        let deposits = count(&network, |it| matches!(it, HandoverOperation::Deposit(_)));
        assert!(deposits >= server_count, "everybody deposits its keys");
    }
}

#[test]
fn mem_69_who_is_not_on_the_list_brings_no_keys_and_its_group_does() {
    let mut network = Network::new(7, 1, 4);
    network.unlist();
    let members = network.members();
    let mut outsiders: Vec<NodeId> = network.nodes.keys().copied().collect();
    outsiders.retain(|id| !members.contains(id));
    // One brings its keys all the same.
    let setup = &network.nodes[&outsiders[0]].handover.setup;
    let uncalled = setup.next.as_ref().unwrap().deposit.clone();
    let uncalled = Box::new(uncalled.unwrap());
    network.deliver(outsiders[0], members[0], Message::Deposit(uncalled));
    while network.log.news.stage == Stage::Open {
        network.turn();
    }
    let configuration = network.world.first.configuration();
    let key_of = |id: &NodeId| configuration.member(*id).unwrap().identity_key;
    let deposited: BTreeSet<_> = network
        .log
        .executed
        .iter()
        .filter_map(|operation| match operation {
            HandoverOperation::Deposit(deposit) => Some(deposit.identity_key()),
            _ => None,
        })
        .collect();
    assert_eq!(deposited, members.iter().map(key_of).collect(), "MEM-69");
    assert_eq!(network.marks["handover.deposit_ignored"], 1);
}

#[test]
fn mem_72_a_member_passes_so_many_roots_on_and_no_more() {
    let mut network = Network::new(7, 1, 4);
    network.unlist();
    let members = network.members();
    let mut outsiders = network.nodes.keys().copied().collect::<Vec<_>>();
    outsiders.retain(|id| !members.contains(id));
    let configuration = network.world.first.configuration();
    let (epoch, first) = (configuration.epoch.next(), members[0]);
    let naming = |id: &NodeId| {
        let record = configuration.member(*id).unwrap();
        let number = network.world.number_of(record.identity_key);
        (*id, Box::new(deposit_naming(&network.world, number, epoch)))
    };
    let deposits: Vec<_> = outsiders[..3].iter().map(naming).collect();
    let early = usize::try_from(ROOTS_MAX / ROOTS_EARLY_PART).unwrap();
    let numbered = |number: usize| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
        NodeId::new(bytes)
    };
    network.nodes.get_mut(&first).unwrap().handover.roots = (1..early).map(numbered).collect();
    let passed =
        |network: &Network| count(network, |it| matches!(it, HandoverOperation::Deposit(_)));
    let before = passed(&network);
    for (id, deposit) in &deposits {
        network.deliver(*id, first, Message::Deposit(deposit.clone()));
    }
    assert_eq!(passed(&network), before + 1, "MEM-72");
    assert_eq!(network.marks["handover.root_refused"], 2);
}

#[test]
fn mem_52_a_risk_ends_an_epoch_early_and_not_at_once_and_f_members_end_none() {
    let lasts = |warned: usize| {
        let mut network = Network::new(7, 1, 5);
        let members = network.members();
        network.warn(&members[..warned]);
        while network.log.news.stage == Stage::Open {
            network.turn();
        }
        let age = network.age();
        network.run();
        assert_handed_over(&network);
        age
    };
    let length = Duration::from_secs(60);
    let early = lasts(2);
    assert!(early >= Duration::from_secs(15) && early < length, "MEM-52: {early:?}");
    assert!(lasts(1) >= length, "MEM-52: f members hurry nobody");
}

#[test]
fn so_many_changes_end_an_epoch_before_its_time_and_one_fewer_does_not() {
    let lasts = |changes: u32| {
        let mut network = Network::new(7, 1, 5);
        network.admit(usize::try_from(changes).unwrap());
        while network.log.news.stage == Stage::Open {
            network.turn();
        }
        let age = network.age();
        network.run();
        assert_handed_over(&network);
        age
    };
    let needed = POLICY.change_count_max;
    let early = lasts(needed);
    assert!(early >= Duration::from_secs(15) && early < POLICY.length, "MEM-52: {early:?}");
    assert!(lasts(needed - 1) >= POLICY.length, "there were too few");
    assert!(lasts(needed + 1) < POLICY.length, "more are enough, too");
}

#[test]
fn mem_57_an_epoch_that_is_over_when_it_begins_lasts_until_all_could_deposit() {
    for seed in 0..4 {
        let mut network = Network::overdue(5, 1, seed);
        let begun = network.age();
        while network.log.news.stage == Stage::Open {
            network.turn();
        }
        let lasted = network.age().as_micros() - begun.as_micros();
        let awaited = DEPOSITS_AWAITED_MAX.as_micros();
        assert!((awaited..2 * awaited).contains(&lasted), "MEM-57: {lasted} us");
        let deposited = network.log.executed.iter().filter_map(|operation| match operation {
            HandoverOperation::Deposit(deposit) => Some(deposit.identity_key()),
            _ => None,
        });
        assert_eq!(deposited.collect::<BTreeSet<_>>().len(), 5, "all servers");
        network.run();
        assert_handed_over(&network);
    }
}

#[test]
fn mem_57_members_that_start_again_more_often_than_a_risk_may_end_an_epoch_hold_up_no_end() {
    let mut network = Network::overdue(4, 1, 3);
    let pause = DEPOSITS_AWAITED_MAX.as_micros() + 2_000_000;
    assert!(pause < POLICY.length.as_micros() / EARLIEST_END_PART);
    let mut restarts = network.age().as_micros() + pause;
    for _ in 0..8 {
        while network.log.news.stage == Stage::Open && network.age().as_micros() < restarts {
            network.turn();
        }
        network.members().into_iter().for_each(|id| network.restart(id));
        restarts += pause;
    }
    assert_ne!(network.log.news.stage, Stage::Open, "MEM-57");
}

#[test]
fn a_system_is_founded_without_a_dealer() {
    for seed in 0..3 {
        let mut network = Network::founding(1, seed);
        network.run();
        assert_handed_over(&network);
    }
}

#[test]
fn a_founding_waits_for_a_founder_that_is_not_there_and_then_does_without_it() {
    let mut network = Network::founding_without(1, 4, 1);
    network.run();
    assert!(network.passed() >= POLICY.patience, "it was waited for");
    assert_handed_over(&network);

    let mut late = Network::founding_without(1, 5, 1);
    let missing = late.members()[3];
    while late.log.news.awaited > 1 {
        late.turn();
    }
    late.nodes.get_mut(&missing).unwrap().is_up = true;
    late.restart(missing);
    late.run();
    assert!(late.passed() < POLICY.patience, "it goes on as soon as the last one is there");
    assert_handed_over(&late);
}

#[test]
fn a_founder_that_crashes_anywhere_goes_on_where_its_disk_says() {
    let whom = |network: &Network| network.members()[1];
    let mut quiet = Network::founding(1, 11);
    let begun = quiet.effects[&whom(&quiet)];
    quiet.run();
    let total = quiet.effects[&whom(&quiet)] - begun;
    for run in 0..10 {
        let mut network = Network::founding(1, 11);
        network.crash = Some((whom(&network), run * total / 10));
        network.run();
        assert_handed_over(&network);
        assert!(network.crash.is_none(), "the crash came");
    }
}

#[test]
fn messages_that_are_lost_are_said_again() {
    for seed in 0..4 {
        let mut network = Network::new(7, 1, seed);
        let mut sent = 0_u64;
        network.rule = Box::new(move |_, _, message| {
            sent += 1;
            if sent.wrapping_mul(0x9E37_79B9).wrapping_add(seed) % 10 < 3 {
                return Vec::new();
            }
            Vec::from([message])
        });
        network.run();
        assert_handed_over(&network);
    }
}

#[test]
fn f_silent_members_and_f_silent_recipients_hold_nothing_up() {
    for seed in 0..3 {
        let mut network = Network::new(7, 1, seed);
        let silent = network.members()[usize::try_from(seed).unwrap()];
        network.nodes.get_mut(&silent).unwrap().is_up = false;
        network.run();
        assert_handed_over(&network);
        assert_eq!(aborts(&network), 0, "one silent server is no reason to give up");
    }
}

/// Runs until the group of the first attempt is drawn.
fn drawn(server_count: usize, seed: u64) -> (Network, Vec<NodeId>) {
    let mut network = Network::new(server_count, 1, seed);
    while !matches!(network.log.news.stage, Stage::Dealing(_)) {
        network.turn();
    }
    let Stage::Dealing(underway) = &network.log.news.stage else { unreachable!() };
    let seats = underway.attempt.seats.iter().map(|seat| seat.node).collect();
    (network, seats)
}

#[test]
fn a_group_that_does_not_answer_is_tried_twice_and_then_another_one_is_drawn() {
    let (mut network, seats) = drawn(12, 5);
    let members = network.members();
    // More than the next group can bear, and no more than the old one can.
    let mut silent: Vec<_> = seats.iter().collect();
    silent.sort_by_key(|node| members.contains(node));
    silent.truncate(2);
    assert!(silent.iter().filter(|node| members.contains(node)).count() <= 1);
    for node in &silent {
        network.nodes.get_mut(node).unwrap().is_up = false;
    }
    network.run();
    assert_handed_over(&network);
    assert!(aborts(&network) >= 2);
    assert!(count(&network, |it| matches!(it, HandoverOperation::Redraw(_))) >= 1);
    let Stage::Done(decided) = &network.log.news.stage else { panic!("it ended") };
    assert_eq!(decided.header.lineage.attempt, decided.attempt.number);
}

#[test]
fn a_share_of_an_attempt_that_failed_is_forgotten() {
    let (mut network, seats) = drawn(7, 3);
    let kept_out: Vec<_> = seats[..2].to_vec();
    // Two of four recipients complete; nobody hears of it, so the members give up.
    network.rule = Box::new(move |_, to, message| match message {
        Message::Completion(_) => Vec::new(),
        Message::Dealing(_) if kept_out.contains(&to) => Vec::new(),
        message => Vec::from([message]),
    });
    while aborts(&network) == 0 {
        network.turn();
    }
    let first: Vec<_> = network.shares();
    network.rule = Box::new(|_, _, message| Vec::from([message]));
    network.run();
    assert_handed_over(&network);
    let group_key = network.log.sharing();
    for share in first {
        let is_of_the_group = group_key.check_share(&share).is_ok();
        assert!(!is_of_the_group, "shares of two attempts are of two sharings");
    }
}

#[test]
fn mem_71_who_has_no_seat_in_the_end_forgets_what_it_got_in_attempts_that_failed() {
    // Two attempts of a first group fail when it has its shares; then another one is drawn.
    let (mut network, seats) = drawn(12, 5);
    network.rule = Box::new(|_, _, message| match message {
        Message::Completion(_) => Vec::new(),
        message => Vec::from([message]),
    });
    let mut held = 0;
    while aborts(&network) < 2 {
        network.turn();
        held = held.max(network.shares().len());
    }
    assert_eq!(held, seats.len(), "enough of them would be the key");
    network.rule = Box::new(|_, _, message| Vec::from([message]));
    network.run();
    assert_handed_over(&network);
    let Stage::Done(decided) = &network.log.news.stage else { panic!("it ended") };
    let heirs: BTreeSet<_> = decided.attempt.seats.iter().map(|seat| seat.node).collect();
    let lost: Vec<_> = seats.iter().filter(|node| !heirs.contains(node)).collect();
    assert!(lost.len() >= 2, "as many as could have the key between them");
    for node in lost {
        assert!(network.nodes[node].handover.share().is_none(), "MEM-71");
        network.restart(*node);
        assert!(network.nodes[node].handover.share().is_none(), "MEM-71: also behind a crash");
    }
}

/// The number of dealings that the log has taken of a member.
fn dealings_of(network: &Network, member: NodeId) -> usize {
    let place = network.members().iter().position(|it| *it == member).unwrap() + 1;
    count(network, |it| match it {
        HandoverOperation::Dealt(dealt) => usize::from(dealt.dealing.dealer) == place,
        _ => false,
    })
}

/// The share that a member begins with; it has none any more.
fn take_share(network: &mut Network, member: NodeId) -> Arc<KeyShare> {
    let mut share = None;
    network.restart_with(member, |setup| share = setup.member.as_mut().unwrap().share.take());
    share.unwrap()
}

#[test]
fn mem_76_a_share_that_a_failed_attempt_left_is_used_for_nothing_and_is_given_up() {
    let mut network = Network::new(4, 1, 3);
    let left = network.members()[1];
    let share = Arc::new(KeyShare::decode(&[&[0, 2][..], &[7; 32]].concat()).unwrap());
    let unfit = share.public_share();
    network.restart_with(left, |setup| setup.member.as_mut().unwrap().share = Some(share));
    assert_eq!(network.nodes[&left].unfit, [unfit], "MEM-76");
    network.run();
    assert_handed_over(&network);
    assert_eq!(dealings_of(&network, left), 0, "MEM-76: nothing is dealt of it");
    let others = network.nodes.iter().filter(|(id, _)| **id != left);
    assert!(others.into_iter().all(|(_, node)| node.unfit.is_empty()), "theirs are good");
}

#[test]
fn a_share_that_comes_when_the_participant_is_there_is_used_at_the_end_of_its_epoch() {
    let mut network = Network::new(4, 1, 3);
    let [late, gone, lost, _] = network.members()[..] else { panic!("four members") };
    let share = take_share(&mut network, late);
    drop([gone, lost].map(|member| take_share(&mut network, member)));
    for _ in 0..2_000 {
        network.turn();
    }
    assert!(network.nodes.values().all(|node| node.certified.is_none()), "one share is too few");
    network.step(late, Input::Request(Request::Share(share)));
    network.run();
    assert_handed_over(&network);
    assert_eq!(dealings_of(&network, late), 1);
}

/// The news of the epoch come last: its replica begins when the one before has ended.
#[test]
fn a_share_that_comes_late_takes_the_place_of_one_that_a_failed_attempt_left() {
    let mut network = Network::new(4, 1, 3);
    let late = network.members()[1];
    let share = take_share(&mut network, late);
    let left = Arc::new(KeyShare::decode(&[&[0, 2][..], &[7; 32]].concat()).unwrap());
    let handover = &mut network.nodes.get_mut(&late).unwrap().handover;
    let (known, group_key) = (handover.known.take(), handover.group_key.take());
    handover.setup.member.as_mut().unwrap().share = Some(left);
    network.step(late, Input::Request(Request::Share(Arc::clone(&share))));
    let handover = &mut network.nodes.get_mut(&late).unwrap().handover;
    assert!(known.is_some() && group_key.is_some() && handover.known.is_none());
    let news = Box::new(network.log.news.clone());
    network.step(late, Input::Request(Request::News(news)));
    let node = &network.nodes[&late];
    assert_eq!(node.unfit, [], "MEM-76");
    let held = node.handover.setup.member.as_ref().unwrap().share.as_ref().unwrap();
    assert_eq!(held.public_share(), share.public_share());
}

/// Crashes a server behind one of its effects after the other, evenly over all of them.
fn crash_everywhere(whom: impl Fn(&Network) -> NodeId, runs: u64) {
    let mut quiet = Network::new(5, 1, 11);
    quiet.run();
    let total = quiet.effects[&whom(&quiet)];
    assert!(total >= runs, "{total} effects");
    for run in 0..runs {
        let mut network = Network::new(5, 1, 11);
        network.crash = Some((whom(&network), run * total / runs));
        network.run();
        assert_handed_over(&network);
        assert!(network.crash.is_none(), "the crash came");
    }
}

#[test]
fn a_member_that_crashes_anywhere_goes_on_where_its_disk_says() {
    crash_everywhere(|network| network.members()[1], 12);
}

#[test]
fn a_recipient_that_crashes_anywhere_goes_on_where_its_disk_says() {
    let stranger = |network: &Network| {
        let members = network.members();
        *network.nodes.keys().find(|node| !members.contains(node)).unwrap()
    };
    crash_everywhere(stranger, 8);
}

#[test]
fn all_crash_together_at_any_stage() {
    for moment in [5_u64, 30, 60, 90, 120, 150, 200, 260] {
        let mut network = Network::new(5, 1, 21);
        for _ in 0..moment {
            network.turn();
        }
        let all: Vec<NodeId> = network.nodes.keys().copied().collect();
        for node in all {
            network.restart(node);
        }
        network.run();
        assert_handed_over(&network);
    }
}

/// MEM-14, on the disks: what each recipient acknowledged of each dealer in each attempt.
fn assert_one_dealing_each(network: &Network) {
    for node in network.nodes.keys() {
        let mut known = BTreeMap::new();
        for record in network.disk(*node) {
            let Record::Dealing(published) = record else { continue };
            let name = (published.dealing.session, published.dealing.dealer);
            let before = known.insert(name, published.dealing.digest());
            assert!(before.is_none(), "MEM-14: two dealings of one dealer");
        }
    }
}
