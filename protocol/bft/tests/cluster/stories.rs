//! The executions of the settled points and the pitfalls of the literature, as stories.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_bft::message::{
    Batch, Checkpoint, CheckpointStatement, Contents, Message, Phase, SessionId, Slots,
};
use quorate_bft::{Output, Parameters};
use quorate_types::{Digest, Duration, Epoch, ReplicaId, Slot, View};

use crate::forge::tip_of;
use crate::schedules::Random;
use crate::support::Cluster;

const SECOND: Duration = Duration::from_secs(1);

/// No correct replica signs two different things for one place, in all its lives (C4; BFT-4 for
/// prepares).
fn assert_nobody_contradicts_itself(cluster: &Cluster) {
    let mut said: BTreeMap<(u8, u16, u64, u64), Digest> = BTreeMap::new();
    for (_, _, message) in &cluster.sent {
        let (place, digest) = match message {
            Message::Prepare(vote) => {
                ((1, vote.from.get(), vote.view.get(), vote.slot.get()), vote.digest)
            }
            Message::Commit(vote) => {
                ((2, vote.from.get(), vote.view.get(), vote.slot.get()), vote.digest)
            }
            Message::Batch(batch) => {
                let header = &batch.header.header;
                ((3, header.lane.get(), 0, header.seq.get()), batch.digest())
            }
            Message::PrePrepare(proposal) => {
                if let Some(inline) = &proposal.cut.inline {
                    let (lane, seq) = (inline.header.lane, inline.header.seq);
                    let known = said
                        .entry((3, lane.get(), 0, seq.get()))
                        .or_insert_with(|| inline.digest());
                    assert_eq!(*known, inline.digest(), "two batches at {seq:?} of {lane}");
                }
                let signed = &proposal.proposal;
                ((4, 0, signed.view.get(), signed.slot.get()), signed.digest)
            }
            _ => continue,
        };
        let known = said.entry(place).or_insert(digest);
        assert_eq!(*known, digest, "two statements at {place:?}");
    }
}

fn assert_all_hold(cluster: &Cluster, journal: &str) {
    for index in 0..4 {
        assert_eq!(cluster.journal(index), journal, "replica {index}");
    }
    assert_nobody_contradicts_itself(cluster);
}

#[test]
fn power_that_fails_after_any_effect_of_one_replica_loses_nothing_2a() {
    for index in 0..4 {
        for effects in 0..24 {
            let mut cluster = Cluster::new(1);
            cluster.invoke("a");
            cluster.crash_after(index, effects);
            let ticket = cluster.call("b");
            cluster.settle();
            cluster.pass(Duration::from_millis(200));
            cluster.crash(index);
            cluster.boot(index);
            cluster.pass(SECOND.times(8));
            assert_eq!(cluster.reply(ticket).as_deref(), Some("a;b;"), "{index} after {effects}");
            assert_all_hold(&cluster, "a;b;");
        }
    }
}

#[test]
fn power_that_fails_everywhere_in_the_middle_of_a_slot_loses_nothing_2c() {
    for effects in 0..24 {
        let mut cluster = Cluster::new(1);
        cluster.invoke("a");
        (0..4).for_each(|index| cluster.crash_after(index, effects));
        let ticket = cluster.call("b");
        cluster.settle();
        (0..4).for_each(|index| cluster.crash(index));
        (0..4).for_each(|index| cluster.boot(index));
        cluster.pass(SECOND.times(12));
        assert_eq!(cluster.reply(ticket).as_deref(), Some("a;b;"), "after {effects} effects");
        assert_all_hold(&cluster, "a;b;");
    }
}

#[test]
fn a_replica_that_left_a_view_votes_there_no_more_after_a_restart_2b() {
    let mut cluster = Cluster::silent(Parameters::default());
    (1..4).for_each(|index| cluster.crash(index));
    let batch = cluster.batch(0, cluster.origin_tip(0), "x");
    // Replica 0 leads view 0; the vote is on a proposal that it made before it forgot.
    let cut = cluster.cut_inline(&cluster.origin_cut(), &batch);
    let from = cluster.peer(1);
    cluster.deliver(from, 0, cluster.proposal(0, &cut, Some(batch)));
    for wisher in 1..4 {
        cluster.deliver(from, 0, cluster.wish(wisher, 1));
    }
    assert_eq!(cluster.replica(0).view(), (View::new(1), false));
    cluster.crash(0);
    cluster.boot(0);
    assert_eq!(cluster.replica(0).view(), (View::new(1), false), "BFT-7: the log knows");
    for voter in 1..4 {
        cluster.deliver(from, 0, Message::Prepare(cluster.vote(Phase::Prepare, voter, (0, &cut))));
        cluster.deliver(from, 0, Message::Commit(cluster.vote(Phase::Commit, voter, (0, &cut))));
    }
    cluster.settle();
    let commits = cluster.sent_by(0).filter(|(_, _, it)| matches!(it, Message::Commit(_))).count();
    assert_eq!(commits, 0, "BFT-5, BFT-7");
}

#[test]
fn a_laggard_in_a_view_change_executes_what_the_others_did_3a() {
    let parameters = Parameters { slots_in_flight: 4, ..Parameters::default() };
    let mut cluster = Cluster::with(1, parameters);
    cluster.invoke("0");
    cluster.isolate(2);
    for number in 1..30 {
        cluster.invoke(&number.to_string());
    }
    cluster.crash(0);
    cluster.heal();
    let ticket = cluster.call("end");
    cluster.settle();
    cluster.pass(SECOND.times(10));
    assert!(cluster.reply(ticket).is_some());
    cluster.boot(0);
    cluster.pass(SECOND.times(3));
    let journal = cluster.journal(1);
    assert!(journal.starts_with("0;1;2;") && journal.ends_with("29;end;"));
    assert_all_hold(&cluster, &journal);
}

#[test]
fn an_acknowledgement_is_for_life_13a() {
    let mut cluster = Cluster::silent(Parameters::default());
    (1..4).for_each(|index| cluster.crash(index));
    let origin = cluster.origin_tip(3);
    let (one, other) = (cluster.batch(3, origin, "x"), cluster.batch(3, origin, "y"));
    let from = cluster.peer(3);
    cluster.deliver(from, 0, Message::Batch(one.clone()));
    cluster.crash(0);
    cluster.boot(0);
    cluster.deliver(from, 0, Message::Batch(other));
    cluster.pass(SECOND.times(3));
    let tips = cluster.sent_by(0).filter_map(|(_, _, message)| match message {
        Message::AckVector(vector) => Some(vector.tips[3]),
        _ => None,
    });
    let mut tips: Vec<_> = tips.filter(|tip| *tip != origin).collect();
    tips.dedup();
    assert_eq!(tips, [tip_of(&one)], "BFT-1");
}

#[test]
fn an_owner_that_lost_its_last_sending_does_not_fork_its_lane_13c() {
    for effects in 0..8 {
        let mut cluster = Cluster::new(1);
        cluster.invoke("a");
        for payload in ["b", "c"] {
            let request = cluster.bundle_of_client(payload);
            cluster.crash_after(1, if payload == "b" { effects } else { usize::MAX });
            cluster.deliver(cluster.client_peer(), 1, Message::Request(request));
            cluster.settle();
            cluster.crash(1);
            cluster.boot(1);
        }
        let request = cluster.bundle_of_client("d");
        cluster.deliver(cluster.client_peer(), 1, Message::Request(request));
        cluster.pass(SECOND.times(3));
        assert!(cluster.journal(0).contains("d;"), "the lane lives");
        assert_nobody_contradicts_itself(&cluster);
    }
}

/// Loses proposals of view 0, or votes of one phase there.
fn lose_in_view_0(cluster: &mut Cluster, phase: Option<Phase>) {
    cluster.filter = Some(Box::new(move |_, _, message| match (message, phase) {
        (Message::PrePrepare(it), None) => it.proposal.view != View::ZERO,
        (Message::Prepare(vote), Some(Phase::Prepare))
        | (Message::Commit(vote), Some(Phase::Commit)) => vote.view != View::ZERO,
        _ => true,
    }));
}

#[test]
fn a_leader_whose_proposals_cannot_be_accepted_is_replaced_16() {
    let mut cluster = Cluster::new(1);
    cluster.invoke("a");
    let accepter = cluster.peer(1);
    cluster.filter = Some(Box::new(move |_, to, message| match message {
        Message::PrePrepare(it) => it.proposal.view != View::ZERO || to == accepter,
        _ => true,
    }));
    let ticket = cluster.call("b");
    cluster.settle();
    cluster.pass(SECOND.times(8));
    assert_eq!(cluster.reply(ticket).as_deref(), Some("a;b;"));
    assert_ne!(cluster.replica(1).view().0, View::ZERO);
    assert_all_hold(&cluster, "a;b;");
}

#[test]
fn one_that_suspects_alone_goes_on_voting_17() {
    let mut cluster = Cluster::new(1);
    cluster.invoke("a");
    cluster.crash(3);
    let deaf = cluster.peer(1);
    cluster.filter = Some(Box::new(move |_, to, message| {
        to != deaf || !matches!(message, Message::Commit(_) | Message::Slots(_))
    }));
    cluster.invoke("b");
    cluster.pass(SECOND);
    assert!(cluster.mark("bft.leader_suspected") > 0, "it suspects");
    cluster.filter = None;
    let ticket = cluster.call("c");
    cluster.settle();
    cluster.pass(SECOND);
    assert_eq!(cluster.reply(ticket).as_deref(), Some("a;b;c;"), "with its vote");
    assert_eq!(cluster.replica(0).view(), (View::ZERO, true));
}

#[test]
fn wishes_of_different_days_do_not_add_up_17() {
    let mut cluster = Cluster::new(1);
    let from = cluster.peer(3);
    for wisher in [1, 2, 3] {
        cluster.deliver(from, 0, cluster.wish(wisher, 1));
        cluster.pass(SECOND.times(2));
    }
    assert_eq!(cluster.replica(0).view(), (View::ZERO, true));
    for wisher in [1, 2, 3] {
        cluster.deliver(from, 0, cluster.wish(wisher, 1));
    }
    assert_eq!(cluster.replica(0).view(), (View::new(1), false), "of one day they do");
}

#[test]
fn an_inline_batch_that_a_view_change_drops_is_not_forked_19a() {
    let mut cluster = Cluster::new(1);
    cluster.invoke("a");
    lose_in_view_0(&mut cluster, None);
    let ticket = cluster.call("b");
    cluster.settle();
    cluster.pass(SECOND.times(8));
    assert_eq!(cluster.reply(ticket).as_deref(), Some("a;b;"));
    cluster.invoke("c");
    cluster.pass(SECOND.times(3));
    assert_all_hold(&cluster, "a;b;c;");
}

#[test]
fn what_another_leader_prepared_long_ago_is_proposed_again_and_executed_19e_20() {
    let mut cluster = Cluster::new(1);
    cluster.invoke("a");
    lose_in_view_0(&mut cluster, Some(Phase::Commit));
    let ticket = cluster.call("b");
    cluster.settle();
    cluster.isolate(1);
    cluster.pass(SECOND.times(40));
    cluster.heal();
    cluster.pass(SECOND.times(30));
    assert_eq!(cluster.reply(ticket).as_deref(), Some("a;b;"));
    assert!(cluster.mark("bft.prepared_again") > 0);
    assert_all_hold(&cluster, "a;b;");
}

#[test]
fn an_operation_that_the_leader_drops_is_executed_all_the_same_26() {
    let mut cluster = Cluster::new(1);
    cluster.invoke("a");
    let leader = cluster.peer(0);
    cluster.filter = Some(Box::new(move |_, to, message| {
        to != leader || !matches!(message, Message::Request(_))
    }));
    let ticket = cluster.call("b");
    cluster.settle();
    cluster.pass(SECOND.times(2));
    assert_eq!(cluster.reply(ticket).as_deref(), Some("a;b;"));
    assert_eq!(
        cluster.replica(1).view(),
        (View::ZERO, true),
        "through a lane, with no view change"
    );
}

#[test]
fn a_replica_cut_off_again_and_again_is_not_starved_by_garbage_collection_35() {
    let parameters = Parameters { checkpoint_interval: 2, ..Parameters::default() };
    let mut cluster = Cluster::with(1, parameters);
    for round in 0..4 {
        cluster.isolate(2);
        for number in 0..12 {
            cluster.invoke(&format!("{round}.{number}"));
        }
        cluster.heal();
        cluster.pass(SECOND.times(3));
    }
    cluster.crash(3);
    let ticket = cluster.call("end");
    cluster.settle();
    cluster.pass(SECOND);
    assert!(cluster.reply(ticket).is_some(), "replica 2 is needed, and is there");
    assert_eq!(cluster.journal(2), cluster.journal(0), "BFT-8: what it needs is kept");
}

#[test]
fn a_replica_that_was_cut_off_catches_up_with_a_group_that_never_rests_35() {
    let parameters = Parameters {
        checkpoint_interval: 2,
        laggard_patience: Duration::from_micros(0),
        ..Parameters::default()
    };
    let mut cluster = Cluster::with(1, parameters);
    cluster.isolate(2);
    for number in 0..40 {
        cluster.invoke(&format!("before.{number}"));
    }
    cluster.heal();
    // Between two of its timers the others forget many times what it would ask for.
    for number in 0..200 {
        cluster.invoke(&format!("after.{number}"));
        cluster.pass(Duration::from_millis(10));
    }
    let (ahead, behind) = (cluster.replica(0).executed_slot(), cluster.replica(2).executed_slot());
    assert!(ahead.since(behind) <= 4, "{behind:?} is within two checkpoints of {ahead:?}");
}

#[test]
fn any_order_of_arrival_within_a_slot_decides_it_r01() {
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let mut cluster = Cluster::new(1);
        let ticket = cluster.call("a");
        while !cluster.queue.is_empty() {
            let index = random.below(cluster.queue.len());
            let (from, to, message) = cluster.queue.remove(index).expect("within");
            cluster.carry(from, to, message);
        }
        assert_eq!(cluster.reply(ticket).as_deref(), Some("a;"), "seed {seed}: no timer is needed");
        assert_all_hold(&cluster, "a;");
    }
}

/// How long replica 1 has patience with the leaders of the next views, when none of them can start
/// its view: the times between the moments in which it enters them, in milliseconds.
fn patience_with_leaders_that_do_nothing(cluster: &mut Cluster, views: usize) -> Vec<u64> {
    cluster.filter = Some(Box::new(|_, _, message| !matches!(message, Message::NewView(_))));
    let (mut view, mut entered) = (cluster.replica(1).view().0, Vec::new());
    while entered.len() <= views {
        cluster.pass(Duration::from_millis(10));
        let now = cluster.replica(1).view().0;
        if now != view {
            entered.push(cluster.now);
            view = now;
        }
    }
    cluster.filter = None;
    entered.windows(2).map(|pair| pair[1].since(pair[0]).as_micros() / 1_000).collect()
}

#[test]
fn a_patience_that_grew_in_bad_times_shrinks_in_good_ones_p04() {
    let parameters = Parameters {
        checkpoint_interval: 2,
        progress_timeout_min: Duration::from_millis(500),
        progress_timeout_max: Duration::from_millis(4_000),
        ..Parameters::default()
    };
    let mut cluster = Cluster::with(1, parameters);
    cluster.invoke("a");
    let leader = cluster.replica(1).view().0.get() % 4;
    cluster.isolate(u16::try_from(leader).expect("below 4"));
    let ticket = cluster.call("b");
    cluster.settle();
    let grown = patience_with_leaders_that_do_nothing(&mut cluster, 6);
    let is_about = |waits: &[u64], expected: &[u64]| {
        let near = |(wait, expected): (&u64, &u64)| (*expected..expected + 60).contains(wait);
        waits.len() == expected.len() && waits.iter().zip(expected).all(near)
    };
    assert!(is_about(&grown, &[500, 1_000, 2_000, 4_000, 4_000, 4_000]), "{grown:?}");

    cluster.heal();
    cluster.pass(SECOND.times(60));
    assert!(cluster.reply(ticket).is_some(), "it is ordered after all");
    for number in 0..20 {
        cluster.invoke(&number.to_string());
    }
    let leader = cluster.replica(1).view().0.get() % 4;
    cluster.isolate(u16::try_from(leader).expect("below 4"));
    cluster.call("end");
    cluster.settle();
    let shrunk = patience_with_leaders_that_do_nothing(&mut cluster, 2);
    assert!(is_about(&shrunk, &[500, 1_000]), "{shrunk:?}: from the shortest again");
}

#[test]
fn a_large_state_travels_in_many_parts_p05() {
    let parameters = Parameters {
        checkpoint_interval: 4,
        laggard_patience: Duration::from_micros(0),
        ..Parameters::default()
    };
    let mut cluster = Cluster::with(1, parameters);
    cluster.isolate(3);
    // Each reply that is kept holds the whole journal: the table is larger than one part.
    for number in 0..160 {
        let bundle = cluster.bundle_of_client(&format!("{number:060}"));
        cluster.deliver(cluster.client_peer(), 0, Message::Request(bundle));
        cluster.settle();
    }
    cluster.heal();
    cluster.pass(SECOND.times(5));
    let parts = cluster.mark("bft.state_served");
    assert!(parts > 2, "{parts} parts");
    assert_eq!(cluster.journal(3), cluster.journal(0));
}

#[test]
fn slots_are_numbered_on_over_views_p07() {
    let mut cluster = Cluster::new(1);
    cluster.invoke("a");
    let before = cluster.replica(1).executed_slot();
    cluster.crash(0);
    cluster.call("b");
    cluster.settle();
    cluster.pass(SECOND.times(5));
    assert_eq!(cluster.replica(1).executed_slot(), before.next());
    let slots = cluster.outputs.iter().filter_map(|(replica, output)| match output {
        Output::Executed { slot, .. } if replica.get() == 1 => Some(slot.get()),
        _ => None,
    });
    let slots: Vec<u64> = slots.collect();
    assert!(slots.windows(2).all(|pair| pair[1] == pair[0] + 1), "BFT-6");
}

#[test]
fn an_operation_that_fails_fails_alike_everywhere_p08() {
    // No correct replica has an operation of an unknown session ordered, so a liar's lane does.
    let mut cluster = Cluster::new(1);
    cluster.crash(3);
    let unknown = SessionId { epoch: Epoch::ZERO, slot: Slot::new(77), index: 0 };
    let bundle = cluster.bundle_in(200, unknown, (1, "never"));
    let tip = cluster.origin_tip(3);
    let place = (ReplicaId::new(3), tip.seq.next(), tip.digest);
    let batch = Arc::new(Batch::sign(
        &cluster.group,
        place,
        Contents::of_clients(vec![bundle]),
        &*cluster.signers[3],
    ));
    for index in 0..3 {
        assert!(cluster.deliver(cluster.peer(3), index, Message::Batch(Arc::clone(&batch))));
    }
    cluster.pass(SECOND);
    cluster.invoke("a");
    for index in 0..3 {
        assert_eq!(cluster.journal(index), "a;", "replica {index}");
    }
    assert_nobody_contradicts_itself(&cluster);
    assert_eq!(cluster.replica(0).executed_slot(), Slot::new(3), "ordered, and refused then");
}

#[test]
fn votes_for_slots_far_ahead_take_no_memory_p09() {
    let mut cluster = Cluster::new(1);
    let before = cluster.replica(0).live_items();
    let from = cluster.peer(3);
    for slot in (2..200).chain([u64::MAX - 1, u64::MAX]) {
        for phase in [Phase::Prepare, Phase::Commit] {
            let choice = (View::ZERO, Slot::new(slot), Digest::ZERO);
            let voter = (ReplicaId::new(3), &*cluster.signers[3]);
            let vote = quorate_bft::message::Vote::sign((phase, &cluster.group), choice, voter);
            let vote = match phase {
                Phase::Prepare => Message::Prepare(vote),
                Phase::Commit => Message::Commit(vote),
            };
            cluster.deliver(from, 0, vote);
        }
    }
    let kept = cluster.replica(0).live_items() - before;
    assert!(kept <= usize::try_from(quorate_bft::limits::SLOTS_AHEAD_MAX).expect("small"));
}

#[test]
fn the_agreed_randomness_is_the_same_everywhere_and_another_for_each_request_p11() {
    let mut cluster = Cluster::new(1);
    // The last of them wait for a place and come in one bundle, and so in one slot.
    let count = 2 * quorate_bft::client::BUNDLES_UNDER_WAY_MAX;
    let tickets: Vec<u64> = (0..count).map(|_| cluster.call("?")).collect();
    cluster.settle();
    cluster.pass(SECOND);
    assert!(cluster.executed_requests(0) > cluster.replica(0).executed_slot().get());
    // A client takes a reply only if a weak quorum gives the same one.
    let told = tickets.iter().map(|ticket| cluster.reply(*ticket).expect("an answer"));
    assert_eq!(told.collect::<std::collections::BTreeSet<_>>().len(), count);
}

#[test]
fn nobody_commits_a_slot_before_its_parent_r02() {
    // BFT-5, with two slots in flight: replica 3 hears no vote on the first of them.
    let parameters = Parameters { slots_in_flight: 2, ..Parameters::default() };
    let mut cluster = Cluster::with(1, parameters);
    cluster.invoke("a");
    let first = cluster.replica(0).executed_slot().next();
    let to_three = cluster.peer(3);
    cluster.filter = Some(Box::new(move |_, to, message| match message {
        Message::Prepare(vote) => to != to_three || vote.slot != first,
        Message::Commit(_) => to != to_three,
        _ => true,
    }));
    cluster.sent.clear();
    let tickets = ["b", "c"].map(|operation| {
        let ticket = cluster.call(operation);
        cluster.settle();
        ticket
    });
    assert!(tickets.iter().all(|ticket| cluster.reply(*ticket).is_some()), "three decide");
    let votes_of_three = |phase: fn(&Message) -> Option<Slot>| -> Vec<Slot> {
        cluster.sent_by(3).filter_map(|(_, _, message)| phase(message)).collect()
    };
    let prepared = votes_of_three(|message| match message {
        Message::Prepare(vote) => Some(vote.slot),
        _ => None,
    });
    assert!(prepared.contains(&first.next()), "it accepted the second: {prepared:?}");
    let committed = votes_of_three(|message| match message {
        Message::Commit(vote) => Some(vote.slot),
        _ => None,
    });
    assert_eq!(committed, [], "and commits neither");
}

#[test]
fn a_statement_about_a_state_between_checkpoints_is_ignored() {
    let mut cluster =
        Cluster::with(1, Parameters { checkpoint_interval: 4, ..Parameters::default() });
    let before = cluster.replica(0).live_items();
    for slot in [1, 2, 3, 5, 1_001] {
        let (cut, time, root) = (Digest::ZERO, quorate_types::UnixTime::ZERO, Digest::ZERO);
        let statement =
            CheckpointStatement { slot: Slot::new(slot), cut, time, root, is_last: false };
        let signer = (ReplicaId::new(3), &*cluster.signers[3]);
        let checkpoint = Checkpoint::sign(&cluster.group, statement, signer);
        assert!(cluster.deliver(cluster.peer(3), 0, Message::Checkpoint(checkpoint)));
    }
    assert_eq!(cluster.mark("bft.checkpoint_ignored"), 5);
    assert_eq!(cluster.replica(0).live_items(), before);
}

#[test]
fn the_agreed_time_is_the_same_everywhere_p11() {
    let mut cluster = Cluster::new(1);
    for operation in ["a", "b", "c"] {
        cluster.invoke(operation);
        cluster.pass(SECOND);
    }
    let mut times: BTreeMap<Slot, quorate_types::UnixTime> = BTreeMap::new();
    for (_, output) in &cluster.outputs {
        if let Output::Executed { slot, time, .. } = output {
            assert_eq!(times.entry(*slot).or_insert(*time), time);
        }
    }
    assert!(times.values().is_sorted_by(|left, right| left < right), "and moves on");
}

#[test]
fn a_request_signed_badly_moves_nobody_p02() {
    let mut cluster = Cluster::new(1);
    cluster.invoke("a");
    let bundle = cluster.bundle(200, 900, "forged");
    let forged = quorate_bft::message::Bundle {
        signature: quorate_types::Signature::new([1; 64]),
        ..quorate_bft::message::Bundle::clone(&bundle)
    };
    let request = quorate_bft::message::Request { bundle: Arc::new(forged), is_retry: true };
    for index in 0..4 {
        let from = cluster.client_peer();
        assert!(!cluster.deliver(from, index, Message::Request(request.clone())), "refused by all");
    }
    cluster.pass(SECOND.times(5));
    assert_eq!(cluster.mark("bft.leader_suspected"), 0, "no storm of view changes");
}

#[test]
fn one_number_for_two_operations_executes_one_of_them_everywhere_p12() {
    let mut cluster = Cluster::new(1);
    let session = SessionId { epoch: Epoch::ZERO, slot: Slot::new(1), index: 0 };
    for (index, payload) in [(0, "left"), (1, "right"), (2, "left")] {
        let bundle = cluster.bundle_in(200, session, (700, payload));
        let request = quorate_bft::message::Request { bundle, is_retry: false };
        cluster.deliver(cluster.client_peer(), index, Message::Request(request));
    }
    cluster.settle();
    cluster.pass(SECOND.times(2));
    let journal = cluster.journal(0);
    assert!(journal == "left;" || journal == "right;", "one of them: {journal}");
    assert_all_hold(&cluster, &journal);
}

#[test]
fn an_inline_batch_that_leaves_a_hole_is_not_accepted_19c() {
    let mut cluster = Cluster::silent(Parameters::default());
    [0, 2, 3].iter().for_each(|index| cluster.crash(*index));
    let first = cluster.batch(0, cluster.origin_tip(0), "x");
    let second = cluster.batch(0, tip_of(&first), "y");
    let hole = cluster.cut_inline(&cluster.origin_cut(), &second);
    let from = cluster.peer(0);
    cluster.deliver(from, 1, cluster.proposal(0, &hole, Some(second)));
    assert_eq!(cluster.mark("bft.cut_rejected_inline"), 1);
    assert_eq!(cluster.mark("bft.accepted"), 0);
}

#[test]
fn a_decision_of_slots_that_do_not_follow_is_of_no_use() {
    let mut cluster = Cluster::silent(Parameters::default());
    [0, 2, 3].iter().for_each(|index| cluster.crash(*index));
    let first = cluster.batch(0, cluster.origin_tip(0), "x");
    let one = cluster.cut_inline(&cluster.origin_cut(), &first);
    let two = cluster.cut_inline(&one, &cluster.batch(0, tip_of(&first), "y"));
    let certificate = cluster.committed(&[0, 2, 3], (0, &two));
    let (cuts, from) = (vec![two], cluster.peer(0));
    let slots = Slots { cuts, certificate };
    cluster.deliver(from, 1, Message::Slots(Arc::new(slots)));
    assert_eq!(cluster.mark("bft.slots_useless"), 1);
    assert_eq!(cluster.replica(1).executed_slot(), Slot::ZERO);
}
