//! What the order of the log decides: settled points 1, 5, 9, 10 and 32.
use std::vec::Vec;

use quorate_types::{Digest, Epoch};

use super::harness::Town;
use crate::handover::randomness::Draw;
use crate::handover::{HandoverOperation, Stage};
use crate::service::{
    HandoverRefusal, MembershipOperation, MembershipReply, PendingPlace, Refusal,
};

fn quorum(town: &Town) -> usize {
    town.configuration.configuration().membership.quorum()
}

#[test]
fn mem_20_an_abort_that_stands_before_done_wins() {
    let mut town = Town::new(7, 1);
    town.prepare();
    town.deal_all();
    let complete = town.complete(&town.recipients());
    town.give_up();
    assert_eq!(town.take(complete), Err(HandoverRefusal::ChoiceOpen), "MEM-20");
    assert_eq!(town.underway().attempt.number, 1);
    let shares = town.finish();
    town.turn(shares);
    assert_eq!(town.configuration.header().header().lineage.attempt, 1);
}

#[test]
fn mem_20_a_done_that_stands_before_an_abort_wins() {
    let mut town = Town::new(7, 1);
    town.prepare();
    let abort = town.abort(&town.group()[..quorum(&town)], 0);
    let again = Draw::Epoch(town.underway().frozen.fixed);
    let again = HandoverOperation::Beacon(town.draw(&again));
    let shares = town.finish();
    assert_eq!(town.take(abort), Err(HandoverRefusal::NotNow), "MEM-20");
    for step in [town.end(&town.group()), again] {
        assert_eq!(town.take(step), Err(HandoverRefusal::NotNow), "MEM-24: nothing counts behind");
    }
    town.turn(shares);
}

#[test]
fn what_a_group_completed_in_an_aborted_attempt_starts_nothing() {
    // Settled point 10, execution (b): the statements exist, the abort is first in the log.
    let mut town = Town::new(7, 1);
    town.prepare();
    town.deal_all();
    let complete = town.complete(&town.recipients());
    town.give_up();
    town.deal_all();
    assert_eq!(town.take(complete), Err(HandoverRefusal::OtherSubject), "another session");
    assert!(matches!(town.stage(), Stage::Dealing(_)));
}

#[test]
fn a_dealing_of_one_attempt_is_none_of_another() {
    let mut town = Town::new(7, 1);
    town.prepare();
    let dealer = town.group()[0];
    let published = town.publish(dealer, 1);
    let certified = town.certified(&published, &town.recipients());
    town.give_up();
    let step = HandoverOperation::Dealt(certified.into());
    assert_eq!(town.take(step), Err(HandoverRefusal::OtherSubject));
}

#[test]
fn mem_21_the_first_certified_dealings_are_the_choice_and_stay_it() {
    let mut town = Town::new(7, 1);
    town.prepare();
    let group = town.group();
    for dealer in [group[2], group[0]] {
        town.deal(dealer).unwrap();
    }
    let chosen = town.underway().dealings;
    assert_eq!(chosen.iter().map(|dealing| dealing.dealer).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(town.deal(group[1]), Err(HandoverRefusal::NotNow), "MEM-21");
    assert_eq!(town.underway().dealings, chosen, "MEM-21");
}

#[test]
fn mem_21_completions_of_another_choice_do_not_count() {
    let mut town = Town::new(7, 1);
    town.prepare();
    town.deal_all();
    let proof = |id| town.completion(&town.share_proof(id));
    let by = town.recipients();
    let other = |id| {
        let mut said = proof(id);
        said.choice = Digest::new([1; 32]);
        said
    };
    let words = town.words(&by, town.epoch().next(), other);
    let step = HandoverOperation::Complete(words);
    assert_eq!(town.take(step), Err(HandoverRefusal::OtherSubject), "MEM-21");
}

#[test]
fn mem_22_a_change_after_the_freeze_takes_effect_an_epoch_later_and_is_not_lost() {
    // Settled point 10, execution (a).
    let mut town = Town::new(8, 1);
    let (gone, moved) = (town.number_of(town.group()[0]), town.number_of(town.group()[1]));
    town.add(moved);
    let first = town.record_of(moved).unwrap().probe_port;
    town.deposit_all();
    town.freeze();
    assert_eq!(town.news().change_count, 0, "none waits behind the freeze");
    let later = MembershipReply::Recorded(Epoch::new(1));
    assert_eq!(town.remove_as(gone, true), later, "MEM-22");
    assert_eq!(town.remove_as(moved, true), later, "MEM-22: the fixed one is not overwritten");
    assert_eq!(town.news().change_count, 2);
    assert_eq!(pages(&mut town, 0), (1, true));
    assert_eq!(pages(&mut town, 1), (2, false));

    let beacon = town.beacon();
    town.take(beacon).unwrap();
    let shares = town.finish();
    town.turn(shares);
    assert!(town.record_of(gone).is_some());
    assert_ne!(town.record_of(moved).unwrap().probe_port, first, "the fixed change");
    assert_eq!(town.news().change_count, 2);
    assert_eq!(pages(&mut town, 0), (0, false));

    town.live_an_epoch();
    assert_eq!((town.record_of(gone), town.record_of(moved)), (None, None), "MEM-22");
}

fn pages(town: &mut Town, epoch: u64) -> (usize, bool) {
    let key = quorate_types::IdentityKey::new([0; 32]);
    let from = PendingPlace { epoch: Epoch::new(epoch), key };
    let reply = town.ask(&MembershipOperation::GetPending(from));
    let MembershipReply::Pending(page) = reply else { panic!("{reply:?}") };
    (page.changes.len(), page.is_frozen)
}

#[test]
fn a_change_behind_done_in_the_same_slot_counts_for_the_next_epoch() {
    // Settled point 9: the whole slot is executed, also behind the end.
    let mut town = Town::new(7, 1);
    let member = town.servers()[0];
    town.prepare();
    let shares = town.finish();
    let next = MembershipReply::Recorded(Epoch::new(1));
    assert_eq!(town.remove(member), next);
    assert_eq!(town.add(30), next);
    town.turn(shares);
    assert!(town.record_of(member).is_some());
    assert_eq!(town.news().change_count, 2);
    town.live_an_epoch();
    assert_eq!(town.record_of(member), None);
    assert!(town.record_of(30).is_some());
}

#[test]
fn a_certificate_of_the_past_counts_in_no_later_epoch() {
    // Settled point 32, over real epochs.
    let mut town = Town::new(7, 1);
    let gone = town.servers()[6];
    town.remove(gone);
    let last_epoch = Epoch::new(1);
    for _ in 0..2 {
        assert_eq!(town.add(gone), MembershipReply::Refused(Refusal::Removed { last_epoch }));
        town.live_an_epoch();
    }
    assert_eq!(town.record_of(gone), None);
    assert_eq!(town.add(gone), MembershipReply::Recorded(Epoch::new(2)), "the removal ran out");
    town.live_an_epoch();
    assert!(town.record_of(gone).is_some());
}

#[test]
fn two_services_that_are_fed_the_same_log_have_the_same_map() {
    let (mut left, mut right) = (Town::new(7, 1), Town::new(7, 1));
    for town in [&mut left, &mut right] {
        town.add(20);
        town.prepare();
        town.give_up();
        let shares = town.finish();
        town.turn(shares);
    }
    assert_eq!(left.state, right.state);
    assert_eq!(left.configuration, right.configuration, "MEM-24");
}
