//! Whole clusters with one bad member of the group: it vouches for what is over, ends epochs early,
//! or lies in the beacon (scenarios 1 and 4 of the specification, section 11).

use quorate_types::Epoch;

use super::setting::{FIVE, Setting, Story, freezes};

/// After so long a participant says again what is not settled.
const REPEAT_US: u64 = 200_000;

/// A run with a bad member of the first group, for so many epochs and two more.
fn with_bad_member(villain: &'static str, epochs: u64) -> Story {
    let bad = Setting::seats(FIVE).0[0];
    Setting::of(FIVE).with(bad, villain).lasting(epochs).run()
}

/// No epoch is shorter than it should be, by more than what its beginning took.
fn assert_epochs_last(story: &Story) {
    let begun: Vec<u64> = story.seen.configurations.values().map(|(at_us, _)| *at_us).collect();
    let length_us = FIVE.length().as_micros();
    for pair in begun.windows(2) {
        assert!(pair[1] - pair[0] >= length_us / 2, "epochs began at {begun:?}");
    }
}

#[test]
fn scenario_01_old_members_that_go_on_vouching_make_no_lease_of_an_epoch_that_is_over() {
    let story = with_bad_member("late-voucher", 3);
    story.assert_withstood("liar.vouched_late");
    // C3 judges when they came.
    let leases = &story.seen.leases;
    assert!(leases.len() > 2 && leases.is_sorted_by_key(|(_, epoch)| *epoch), "{leases:?}");
}

#[test]
fn scenario_04_one_member_ends_no_epoch_early() {
    let bad = Setting::seats(FIVE).0[0];
    let story = with_bad_member("early-ender", 3);
    story.assert_good();
    let begun = |epoch: &Epoch| story.seen.configurations.get(epoch).map(|(at_us, _)| *at_us);
    let half_us = FIVE.length().as_micros() / 2;
    let votes = story.seen.end_votes.iter();
    let early = votes.filter(|(at_us, _, epoch, _)| {
        begun(epoch).is_some_and(|begun_us| *at_us < begun_us + half_us)
    });
    let early: Vec<usize> = early.map(|(_, node, ..)| node.index()).collect();
    assert!(!early.is_empty(), "it asks for the end long before the time");
    assert!(early.iter().all(|node| *node == bad), "and nobody else does: {early:?}");
    assert_epochs_last(&story);
}

#[test]
fn scenario_04_one_member_gives_up_no_attempt() {
    let story = with_bad_member("early-aborter", 2);
    story.assert_withstood("handover.abort_voted");
    assert!(story.attempts().iter().all(|attempt| *attempt == 0), "{:?}", story.attempts());
}

#[test]
fn scenario_04_wrong_parts_of_the_beacon_change_nothing_and_delay_nobody() {
    let mut found = 0;
    for bad in Setting::seats(FIVE).0 {
        let story = Setting::of(FIVE).with(bad, "part-liar").lasting(1).run();
        story.assert_withstood("liar.part_wrong");
        found += story.hits("handover.part_bad");
        assert!(story.attempts().iter().all(|attempt| *attempt == 0), "{:?}", story.attempts());
        for configuration in story.later() {
            let former = Epoch::new(configuration.epoch().get() - 1);
            let frozen = story.when(|news| freezes(news, former)).map(|(at_us, _)| at_us);
            let (adopted_us, _) = story.seen.configurations[&configuration.epoch()];
            let lasted_us = adopted_us - frozen.expect("it was frozen");
            assert!(lasted_us < REPEAT_US, "somebody had to say something again: {lasted_us} us");
        }
    }
    assert!(found > 0, "who puts parts together has found the wrong one");
}
