//! Whole clusters in which a member deals badly, or not to everybody, or brings a key that is not
//! its own (M06, M07, R-22): epochs end in their first attempt all the same, under the one key, and
//! nobody is convicted but who cheats.

use std::collections::BTreeSet;

use quorate_membership::handover::message::Message as Handover;
use quorate_types::{Epoch, NodeId};

use super::setting::{FIVE, Setting, Story};
use crate::epochs::founding::Shape;
use crate::epochs::villains::{
    COPYIST, GRUDGE_DEALER, HALVES_DEALER, KEY_BENDER, ROGUE_DEPOSITOR, TALL_DEALER,
};

/// Seven members of eight servers, two of which may be bad.
const EIGHT: Shape = Shape { f: 2, servers: 8, layout: 1, length: 20, attempt_ms: 0 };

/// A member of the first group.
fn member(shape: Shape) -> usize {
    Setting::seats(shape).0[0]
}

/// A run with a bad member.
fn with_bad_member(villain: &'static str) -> (Story, NodeId) {
    let place = member(FIVE);
    let story = Setting::of(FIVE).with(place, villain).run();
    let name = story.servers[place];
    (story, name)
}

/// Who has said to have a share of the group of an epoch.
fn completed(story: &Story, epoch: Epoch) -> BTreeSet<usize> {
    let of_epoch = story.seen.said.iter().filter(|(_, ended, _)| ended.next() == epoch);
    let have = of_epoch.filter(|(.., said)| matches!(**said, Handover::Completion(_)));
    have.map(|(at, ..)| at.node.index()).collect()
}

/// All good members of each group that was dealt to have their shares, the grudged one too.
fn assert_all_have_shares(story: &Story, bad: &[usize]) {
    for configuration in story.later() {
        let epoch = configuration.epoch();
        let have = completed(story, epoch);
        let place = |id: &NodeId| story.servers.iter().position(|server| server == id);
        let group = configuration.configuration().membership_group.iter().filter_map(place);
        let lacking: Vec<_> = group.filter(|it| !bad.contains(it) && !have.contains(it)).collect();
        assert_eq!(lacking, Vec::<usize>::new(), "without a share of epoch {epoch}");
    }
}

#[test]
fn m06_who_is_withheld_from_by_all_bad_members_has_its_share_in_the_first_attempt() {
    for (shape, f) in [(FIVE, 1), (EIGHT, 2)] {
        // All of them grudge the first server.
        let members = Setting::seats(shape).0;
        let bad: Vec<usize> = members.into_iter().filter(|place| *place != 0).take(f).collect();
        let setting = bad.iter().fold(Setting::of(shape), |it, bad| it.with(*bad, GRUDGE_DEALER));
        let story = setting.lasting(1).run();
        story.assert_withstood("liar.grudged");
        assert!(story.attempts().iter().all(|attempt| *attempt == 0), "{:?}", story.attempts());
        assert_all_have_shares(&story, &bad);
    }
}

#[test]
fn m06_a_member_that_gives_nothing_of_itself_holds_up_no_end() {
    let (story, _) = with_bad_member("share-withholder");
    story.assert_withstood("liar.share_withheld");
    assert!(story.attempts().iter().all(|attempt| *attempt == 0), "{:?}", story.attempts());
}

#[test]
fn m07_a_subshare_that_does_not_fit_its_commitment_convicts_its_dealer_and_nobody_else() {
    let (story, dealer) = with_bad_member("bad-dealer");
    story.assert_withstood("liar.certified_badly");
    let cheats: BTreeSet<NodeId> = story.seen.cheats.iter().map(|(_, cheat)| *cheat).collect();
    assert_eq!(cheats, BTreeSet::from([dealer]));
    assert!(story.hits("epochs.liar_convicted") > 0);
}

#[test]
fn m07_a_dealer_of_two_sealed_texts_is_convicted_and_nobody_else() {
    let (story, dealer) = with_bad_member("two-faced-dealer");
    story.assert_withstood("liar.dealt_twice");
    let cheats: BTreeSet<NodeId> = story.seen.cheats.iter().map(|(_, cheat)| *cheat).collect();
    assert_eq!(cheats, BTreeSet::from([dealer]));
}

#[test]
fn m07_a_polynomial_of_another_degree_is_of_no_dealing_that_is_chosen() {
    assert_never_chosen(TALL_DEALER);
}

#[test]
fn m07_two_commitments_of_one_dealer_leave_all_with_one_choice() {
    let (story, dealer) = with_bad_member(HALVES_DEALER);
    story.assert_withstood("liar.dealt_badly");
    // C7 compares what the logs decide. Whoever holds the other dealing gets the chosen one.
    assert_all_have_shares(&story, &[member(FIVE)]);
    assert!(story.seen.cheats.iter().all(|(_, cheat)| *cheat == dealer));
    assert!(story.attempts().iter().all(|attempt| *attempt == 0), "{:?}", story.attempts());
}

#[test]
fn m07_who_seals_with_the_point_of_another_dealer_gets_no_complaint_out_of_anybody() {
    let (story, _) = with_bad_member(COPYIST);
    story.assert_withstood("liar.copied_a_point");
    assert!(story.hits("handover.dealing_rejected") > 0);
    assert_eq!(story.seen.cheats, BTreeSet::new(), "a proof would show what the other dealt");
    assert_all_have_shares(&story, &[member(FIVE)]);
}

#[test]
fn m07_complaints_without_cause_convict_nobody() {
    let (story, _) = with_bad_member("false-complainer");
    story.assert_withstood("liar.complained");
    assert_eq!(story.seen.cheats, BTreeSet::new());
    assert!(
        story.hits("handover.grievance_unfounded") + story.hits("handover.grievance_ignored") > 0
    );
    assert!(story.attempts().iter().all(|attempt| *attempt == 0), "{:?}", story.attempts());
}

#[test]
fn r22_a_dealing_of_another_secret_than_the_share_moves_no_key() {
    assert_never_chosen(KEY_BENDER);
}

/// What it deals is refused by all that read it, and the others' dealings are taken.
fn assert_never_chosen(villain: &'static str) {
    let (story, dealer) = with_bad_member(villain);
    story.assert_withstood("liar.dealt_badly");
    assert!(story.hits("handover.dealing_rejected") > 0);
    for (epoch, decided) in story.decisions() {
        let group = &story.seen.configurations[&epoch].1.configuration().membership_group;
        let place = group.iter().position(|it| *it == dealer);
        let is_own = |index: u16| place.is_some_and(|place| place + 1 == usize::from(index));
        assert!(!decided.dealings.iter().any(|it| is_own(it.dealer)), "end of epoch {epoch}");
        assert_eq!(decided.attempt.number, 0);
    }
}

#[test]
fn r22_a_key_without_proof_of_its_secret_is_not_deposited() {
    let outsider = Setting::seats(FIVE).1[0];
    let story = Setting::of(FIVE).with(outsider, ROGUE_DEPOSITOR).run();
    story.assert_withstood("liar.deposited_badly");
    assert!(story.hits("handover.deposit_rejected") > 0);
    let rogue = story.servers[outsider];
    for configuration in story.later() {
        let said = configuration.configuration();
        assert_eq!(said.member(rogue).expect("it stays a server").epoch_key, None);
        assert!(!said.membership_group.contains(&rogue), "nobody can seal to it");
    }
}
