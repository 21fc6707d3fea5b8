//! Whole clusters in which the hand-over itself is attacked: liars in the old group and in the new,
//! crashes between their words, keys and words of before, two configurations at once, an attempt
//! that failed (M08 to M12, R-15; scenarios 2, 5 and 9 of the specification, section 11).

use std::collections::{BTreeMap, BTreeSet};

use quorate_membership::handover::attempt::Occasion;
use quorate_membership::handover::message::Message as Handover;
use quorate_membership::handover::randomness::Draw;
use quorate_membership::handover::{News, Stage, Underway};
use quorate_types::{Digest, Epoch, UnixTime};

use super::setting::{FIVE, Setting, Story, freezes, redraws};
use crate::epochs::Name;
use crate::epochs::founding::Shape;
use crate::epochs::villains::{ATTEMPT_REPLAYER, EPOCH_BOASTER, FORKED_HERALD};
use crate::node::Node;
use crate::scenario::{FaultKind, Way};

/// Four members and two others.
const SIX: Shape = Shape { f: 1, servers: 6, layout: 3, length: 20, attempt_ms: 0 };
/// What two liars do, one of the first group and one outside.
const LIES: [&str; 2] = ["liar.vouched_late", "liar.epoch_replayed"];
/// How long those are down who lose their power.
const DOWN_US: u64 = 300_000;

fn is_dealt(news: &News, epoch: Epoch) -> bool {
    news.epoch == epoch && matches!(news.stage, Stage::Dealing(_))
}

fn is_done(news: &News, epoch: Epoch) -> bool {
    news.epoch == epoch && matches!(news.stage, Stage::Done(_))
}

/// The same, and these lose their power right behind this moment.
fn crashing(setting: &Setting, at_us: u64, nodes: impl IntoIterator<Item = usize>) -> Setting {
    let crash = |node| FaultKind::Crash { node: Node::at(node) };
    let all = nodes.into_iter().map(crash);
    all.fold(setting.clone(), |it, kind| it.failing((at_us + 1, DOWN_US), kind))
}

/// A liar among the members of the first group and one among the others, of twelve servers: of
/// several layouts the first in which no later group has both, and both come to lie.
fn with_two_liars(settled: impl Fn(Setting, &[usize]) -> Setting) -> (Setting, Story) {
    let made = (0..16).map(|layout| {
        let shape = Shape { f: 1, servers: 12, layout, length: 20, attempt_ms: 0 };
        let (members, others) = Setting::seats(shape);
        let setting = Setting::of(shape)
            .with(members[0], "late-voucher")
            .with(others[0], "epoch-replayer")
            .without_probes();
        let setting = settled(setting, &others[1..]);
        let story = setting.run();
        (setting, story)
    });
    let lies = |story: &Story| LIES.iter().all(|deed| story.hits(deed) > 0);
    let mut within = made.filter(|(_, story)| story.is_within_budget() && lies(story));
    within.next().expect("two of twelve are seldom drawn together")
}

#[test]
fn m08_liars_in_the_old_group_and_the_new_and_crashes_of_all_leave_one_configuration_each() {
    let (setting, first) = with_two_liars(|setting, _| setting.lasting(1));
    for deed in LIES {
        first.assert_withstood(deed);
    }
    let epoch = Epoch::ZERO;
    let moments = [
        first.when(|news| freezes(news, epoch)),
        first.when(|news| is_dealt(news, epoch)),
        first.when(|news| is_done(news, epoch)),
        first.seen.configurations.get(&epoch.next()).map(|(at_us, _)| (*at_us, Node::at(0))),
    ];
    // Of one server, and of all.
    let mut withstood = [0, 0];
    for moment in moments {
        let (at_us, node) = moment.expect("the first epoch ends");
        for (kind, nodes) in [vec![node.index()], (0..12).collect()].into_iter().enumerate() {
            let story = crashing(&setting, at_us, nodes).run();
            // Another course draws other groups.
            if story.is_within_budget() {
                story.assert_withstood("liar.epoch_replayed");
                assert!(story.report.counts.crashes > 0);
                withstood[kind] += 1;
            }
        }
    }
    assert!(withstood.iter().all(|runs| *runs >= 2), "at most f liars in a group: {withstood:?}");
}

#[test]
fn m09_who_slept_through_epochs_is_reached_by_no_word_of_them_and_learns_the_newest() {
    let length_us = FIVE.length().as_micros();
    let (from_us, lasts_us) = (length_us / 2, 3 * length_us);
    let sleeps = |node| FaultKind::Isolate { node: Node::at(node), way: Way::Both };
    let (_, story) = with_two_liars(|setting, others| {
        let client = sleeps(12);
        let setting = setting.lasting(4).failing((from_us, lasts_us), client);
        setting.failing((from_us, lasts_us), sleeps(others[0]))
    });
    for deed in LIES {
        story.assert_withstood(deed);
    }
    // C3 watches that none of the leases is of an epoch that is over.
    let leases = &story.seen.leases;
    assert!(leases.is_sorted_by_key(|(_, epoch)| *epoch));
    let later = leases.iter().find(|(at_us, _)| *at_us > from_us + lasts_us);
    let (_, woken) = later.expect("it has a lease again");
    assert!(*woken >= Epoch::new(3), "{leases:?}");
}

#[test]
fn scenario_02_who_robs_every_server_behind_the_erasure_finds_no_share_of_an_epoch_before() {
    let story = Setting::of(FIVE).lasting(2).run();
    story.assert_withstood("handover.certified");
    let disks = story.disks.borrow();
    let mut robbed = 0;
    for disk in disks.iter() {
        let newest = disk.newest().epoch();
        assert!(newest >= Epoch::new(3), "epochs have ended");
        // Under whatever name it lies there: what a share, a seed or a key of dealings ever was.
        for text in disk.files.values().cloned().chain(disk.written()) {
            for (_, name) in story.seen.secrets.all(&text) {
                if let Name::Share(epoch) | Name::Dealing(epoch) | Name::Decryption(epoch) = name {
                    robbed += 1;
                    assert!(epoch >= newest, "{name:?} in epoch {newest}");
                }
            }
        }
    }
    assert!(robbed > 0, "there are shares of the present epoch");
}

#[test]
fn m10_two_configurations_for_two_halves_are_believed_by_neither() {
    let story = Setting::of(FIVE).with(0, FORKED_HERALD).run();
    story.assert_withstood("liar.forked");
    let refused = story.hits("dissemination: a delta leads nowhere");
    assert!(refused > 0, "{:?}", story.report.marks);
    let forged = UnixTime::from_micros(2);
    for configuration in story.later() {
        assert!(configuration.configuration().created > forged);
    }
}

/// What each attempt at the end of an epoch was, as members' logs say.
fn attempts_of(story: &Story, epoch: Epoch) -> Vec<&Underway> {
    let of_epoch = story.seen.news.iter().filter(|(.., news)| news.epoch == epoch);
    let attempts = of_epoch.filter_map(|(.., news)| match &news.stage {
        Stage::Dealing(underway) | Stage::Redrawing(underway) => Some(&**underway),
        Stage::Open | Stage::Frozen(_) | Stage::Done(_) => None,
    });
    attempts.collect()
}

/// A number names one attempt, and what good members signed at the end of an epoch is its lots and
/// the one configuration that it ended with, whatever was tried before.
fn assert_failed_attempts_left_nothing(story: &Story, epoch: Epoch) {
    let decided = &story.decisions()[&epoch];
    let system_key = Some(story.kit.system_key);
    let occasion = Occasion { system: decided.header.system, epoch: epoch.next(), system_key };
    let mut numbers: BTreeMap<u32, BTreeSet<[u8; 32]>> = BTreeMap::new();
    let mut lots = BTreeSet::new();
    for underway in attempts_of(story, epoch) {
        let session = underway.attempt.session(&occasion);
        numbers.entry(underway.attempt.number).or_default().insert(*session.as_bytes());
        let fixed = underway.frozen.fixed;
        lots.insert(Draw::Epoch(fixed).message());
        let later = 1..=decided.attempt.number;
        lots.extend(later.map(|number| Draw::Group(fixed, number).message()));
    }
    assert!(decided.attempt.number > 0, "no attempt failed at the end of epoch {epoch}");
    assert!(numbers.values().all(|sessions| sessions.len() == 1), "one group to a number");
    let of_epoch = story.seen.said.iter().filter(|(_, ended, _)| *ended == epoch);
    let parts = of_epoch.filter_map(|(.., said)| {
        let Handover::Part(part) = &**said else { return None };
        Some(part.message)
    });
    let signed: BTreeSet<Digest> = parts.collect();
    let header = decided.header.hash();
    let others: Vec<_> = signed.iter().filter(|it| **it != header && !lots.contains(it)).collect();
    assert!(others.is_empty(), "{others:?} was signed at the end of epoch {epoch}");
}

/// The first attempts fail: members give them so little time, and twice as much each time.
fn with_attempts_that_fail() -> Setting {
    Setting::of(FIVE).attempts_last(1)
}

/// When the log of an epoch first says that an attempt has failed.
fn failure(story: &Story, epoch: Epoch) -> (u64, Node) {
    story.when(|news| redraws(news, epoch)).expect("an attempt fails")
}

#[test]
fn m11_r15_a_member_that_crashes_behind_an_abort_goes_on_with_the_next_attempt() {
    let (setting, epoch) = (with_attempts_that_fail(), Epoch::new(1));
    let first = setting.run();
    first.assert_withstood("handover.abort_voted");
    assert_failed_attempts_left_nothing(&first, epoch);
    let (at_us, node) = failure(&first, epoch);
    // Whoever was told first, and all of them at once.
    for nodes in [vec![node.index()], (0..5).collect()] {
        let story = crashing(&setting, at_us, nodes).run();
        story.assert_withstood("handover.abort_voted");
        assert!(story.report.counts.crashes > 0);
        assert_failed_attempts_left_nothing(&story, epoch);
    }
}

#[test]
fn scenario_05_words_of_the_attempt_before_decide_nothing_in_the_next() {
    let bad = Setting::seats(FIVE).0[0];
    let story = with_attempts_that_fail().with(bad, ATTEMPT_REPLAYER).run();
    story.assert_withstood("liar.attempt_replayed");
    assert_failed_attempts_left_nothing(&story, Epoch::ZERO);
}

#[test]
fn scenario_05_where_done_and_abort_race_the_first_of_them_decides_for_all() {
    let mut attempts = Vec::new();
    for millis in [4, 8, 12, 16, 24, 32] {
        // C7 compares what each log decides.
        let story = Setting::of(FIVE).attempts_last(millis).lasting(1).run();
        story.assert_withstood("handover.certified");
        attempts.push((millis, story.attempts()));
    }
    let all: BTreeSet<u32> = attempts.iter().flat_map(|(_, attempts)| attempts).copied().collect();
    assert!(all.contains(&0) && all.len() > 1, "no race: {attempts:?}");
}

#[test]
fn m12_who_lies_about_its_epoch_leads_no_server_and_no_client_astray() {
    let members = Setting::seats(FIVE).0;
    let story = Setting::of(FIVE).with(members[0], EPOCH_BOASTER).run();
    story.assert_withstood("liar.epoch_wrong");
    let leases = &story.seen.leases;
    assert!(leases.len() > 1 && leases.is_sorted_by_key(|(_, epoch)| *epoch), "{leases:?}");
    for (node, epochs) in &story.seen.adopted {
        assert!(epochs.is_sorted_by(|left, right| left < right), "{node:?}: {epochs:?}");
    }
}

#[test]
fn scenario_09_a_server_that_misses_three_epochs_comes_back_into_the_newest() {
    let sleeper = Setting::seats(SIX).1[0];
    let setting = Setting::of(SIX).without_probes().lasting(4);
    let (from_us, lasts_us) = (setting.length_us() / 2, 3 * setting.length_us());
    let sleeps = FaultKind::Isolate { node: Node::at(sleeper), way: Way::Both };
    let story = setting.failing((from_us, lasts_us), sleeps).run();
    story.assert_withstood("handover.certified");
    let adopted = &story.seen.adopted[&Node::at(sleeper)];
    let newest = story.seen.configurations.keys().next_back();
    assert!(adopted.last().is_some_and(|last| newest.is_some_and(|it| last.next() >= *it)));
    let before_it_woke = story.seen.configurations.values();
    let missed = before_it_woke.filter(|(at_us, _)| (from_us..from_us + lasts_us).contains(at_us));
    assert!(missed.count() >= 3, "it missed three");
}
