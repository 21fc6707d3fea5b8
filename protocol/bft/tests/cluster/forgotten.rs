//! What is forgotten, and when: slots, bodies and records up to the stable checkpoint before the
//! last, and what nobody executes here any more once a state was got from others. No more than
//! that, for others may have to get it from here (BFT-8).

use std::sync::Arc;

use quorate_bft::limits::CLIENT_BUNDLES_MAX;
use quorate_bft::message::{Batch, Cut, HashedCut, Message};
use quorate_bft::{Parameters, Record};
use quorate_types::{Digest, Duration, Peer, Slot};

use crate::follower::{Beyond, Follower, Fork, ME, OTHERS, every};
use crate::forge::tip_of;
use crate::support::Cluster;

#[test]
fn what_lies_above_the_stable_checkpoint_before_the_last_is_kept_and_no_more_35() {
    let mut story = Follower::new(every(2));
    let batches: Vec<Digest> = (0..4).map(|_| story.slot().digest()).collect();
    assert_eq!(story.cluster.mark("bft.checkpoint_stable"), 2, "after the slots 2 and 4");
    assert_eq!(story.slots_above(2), [3, 4], "BFT-8");
    assert_eq!(story.slots_above(1), [0; 0]);
    let is_served: Vec<bool> = batches.into_iter().map(|digest| story.serves(digest)).collect();
    assert_eq!(is_served, [false, false, true, true], "BFT-8");
    let first = match story.first_record() {
        Record::Checkpoint { statement, .. } => Some(statement.slot),
        _ => None,
    };
    assert_eq!(first, Some(Slot::new(2)), "the log begins with the checkpoint before the last");
}

/// Three batches of lane 1, which the replica acknowledges.
fn three_batches(story: &mut Follower) -> [Arc<Batch>; 3] {
    let mut tip = story.cluster.origin_tip(1);
    [(); 3].map(|()| {
        let batch = story.cluster.batch(1, tip, "x");
        tip = tip_of(&batch);
        story.say(Message::Batch(Arc::clone(&batch)));
        batch
    })
}

#[test]
fn bodies_that_others_executed_are_forgotten_with_the_slots_that_were_skipped() {
    let mut story = Follower::new(every(2));
    let executed = story.slot().digest();
    let batches = three_batches(&mut story);
    let mut tips = story.last.frontier();
    tips[1] = tip_of(&batches[0]);
    let held = story.cluster.replica(ME).live_items();
    story.install(&story.distant(8, &tips));
    let [skipped, waiting, last] = batches.map(|batch| story.serves(batch.digest()));
    assert!(!skipped, "nobody executes it here");
    assert!(waiting && last, "they are acknowledged and not ordered");
    assert!(story.serves(executed), "BFT-8: its slot lies above every stable checkpoint but one");
    assert_eq!(story.cluster.replica(ME).live_items(), held - 1);
}

/// The owner of a lane shows the replica one branch, and has another one ordered.
#[test]
fn bodies_of_a_branch_that_nobody_orders_are_forgotten_when_they_bind_no_more() {
    let mut story = Follower::new(every(2));
    let Fork { end, taken } = story.fork();
    let mut tip = tip_of(&taken);
    let mut ordered = vec![taken];
    for _ in 0..3 {
        let batch = story.cluster.batch(1, tip, "y");
        tip = tip_of(&batch);
        ordered.push(batch);
    }
    let mut is_served = Vec::new();
    for batch in ordered {
        let cut = story.cut(&story.last.clone(), &batch);
        story.decide(vec![cut]);
        story.say(Message::Batch(batch));
        story.certify();
        is_served.push(story.serves(end.digest()));
    }
    assert_eq!(story.executed(), Slot::new(4));
    assert_eq!(is_served, [true, false, false, false], "BFT-1: it binds up to its own position");
}

/// A slot is decided of which the replica has one body, off the chain that it holds, and lacks
/// another.
#[test]
fn a_body_of_a_decided_slot_is_kept_until_the_slot_can_be_executed() {
    let mut story = Follower::new(every(1));
    let Fork { taken, .. } = story.fork();
    let (cut, batch) = story.next_slot(&story.last.clone());
    story.decide(vec![cut]);
    story.say(Message::Batch(batch));
    let (cut, batch) = story.next_slot(&story.last.clone());
    let mut cut = Cut::clone(&cut);
    cut.tips[1] = tip_of(&taken);
    cut.links[1] = vec![taken.header.header.body];
    cut.rows = OTHERS.map(|from| story.cluster.vector(from, &cut.tips)).to_vec();
    story.decide(vec![HashedCut::new(cut)]);
    story.say(Message::Batch(Arc::clone(&taken)));
    story.certify();
    assert_eq!(story.cluster.mark("bft.checkpoint_stable"), 1, "after the first slot");
    assert!(story.serves(taken.digest()));
    story.say(Message::Batch(batch));
    assert_eq!(story.executed(), Slot::new(2));
}

#[test]
fn what_binds_the_replica_is_kept_when_slots_are_skipped() {
    let mut story = Follower::new(every(2));
    let [_, promised, _] = story.promise_behind_a_gap();
    let tips = story.cluster.origin_tips();
    story.install(&story.distant(8, &tips));
    assert!(story.serves(promised.digest()), "BFT-1: promised behind a gap");

    let mut story = Follower::new(every(2));
    let Fork { end, taken } = story.fork();
    let mut tips = story.cluster.origin_tips();
    tips[1] = tip_of(&taken);
    story.install(&story.distant(8, &tips));
    assert!(story.serves(end.digest()), "BFT-1: acknowledged on a branch that was left");

    let mut story = Follower::new(Parameters { slots_in_flight: 4, ..every(1) });
    let Beyond { cuts, inline, .. } = story.accept_beyond_the_window();
    story.start_view_1();
    story.install(&cuts[2]);
    assert!(story.serves(inline.digest()), "BFT-1: inside a cut that it voted for");
}

#[test]
fn of_a_clients_requests_those_that_others_executed_leave_room_and_the_others_stay_under_way() {
    let parameters = Parameters { laggard_patience: Duration::from_micros(0), ..every(4) };
    let mut cluster = Cluster::with(1, parameters);
    cluster.invoke("a");
    let deaf = cluster.peer(ME);
    // The replica hears of no decision, and the others order its batches without it.
    cluster.filter = Some(Box::new(move |from, to, message| {
        to != deaf || matches!(from, Peer::Client(_)) || matches!(message, Message::AckVector(_))
    }));
    for number in 1..CLIENT_BUNDLES_MAX {
        let request = cluster.bundle_of_client(&number.to_string());
        cluster.deliver(cluster.client_peer(), ME, Message::Request(request));
        cluster.settle();
        cluster.pass(Duration::from_millis(5));
    }
    (0..40).for_each(|_| drop(cluster.invoke("#")));
    let last = format!("{};", CLIENT_BUNDLES_MAX - 1);
    assert!(cluster.journal(0).contains(&last), "{}", cluster.journal(0));
    // Now it hears, and nobody gets the batch with its last request.
    cluster.filter = Some(Box::new(move |from, _, message| {
        from != deaf || !matches!(message, Message::Batch(_) | Message::PrePrepare(_))
    }));
    let waiting = Message::Request(cluster.bundle_of_client("waiting"));
    cluster.deliver(cluster.client_peer(), ME, waiting.clone());
    cluster.pass(Duration::from_secs(3));
    assert!(cluster.mark("bft.state_installed") > 0);
    let marks = |cluster: &Cluster| {
        ["bft.request_under_way", "bft.request_over_limit"].map(|mark| cluster.mark(mark))
    };
    let [under_way, over_limit] = marks(&cluster);
    cluster.deliver(cluster.client_peer(), ME, waiting);
    assert_eq!(marks(&cluster), [under_way + 1, over_limit], "it is in the replica's lane");
    let request = Message::Request(cluster.bundle_of_client("after"));
    cluster.deliver(cluster.client_peer(), ME, request);
    assert_eq!(marks(&cluster), [under_way + 1, over_limit], "the others are done");
    cluster.filter = None;
    cluster.pass(Duration::from_secs(3));
    assert!(["waiting;", "after;"].iter().all(|one| cluster.journal(0).contains(one)));
}
