//! Sessions of clients: what opens one, what closes one, and what becomes of calls without a reply.

use std::sync::Arc;

use quorate_bft::client::CALLS_WAITING_MAX;
use quorate_bft::limits::{CLIENT_SESSIONS_MAX, EARLY_BUNDLES_MAX};
use quorate_bft::message::{
    Batch, BundleBody, Contents, Message, Opening, Outcome, Reply, Request, SessionId,
};
use quorate_types::{Duration, Epoch, Peer, ReplicaId, Slot, View};

use crate::support::Cluster;

const SECOND: Duration = Duration::from_secs(1);

/// Everything that opened a session, in order.
fn openings(cluster: &Cluster) -> Vec<Request> {
    let mut openings: Vec<Request> = Vec::new();
    for (_, _, message) in &cluster.sent {
        if let Message::Request(request) = message
            && matches!(request.bundle.body, BundleBody::Open { .. })
            && !openings.iter().any(|known| known.bundle == request.bundle)
        {
            openings.push(request.clone());
        }
    }
    openings
}

/// A cluster without its last replica, whose client had more sessions than it may have open, and
/// everything that opened one.
fn with_closed_sessions() -> (Cluster, Vec<Request>) {
    let mut cluster = Cluster::new(1);
    cluster.crash(3);
    for life in 2..10 {
        assert!(cluster.invoke("a").is_some());
        cluster.pass(SECOND);
        cluster.restart_client(life);
    }
    assert!(cluster.invoke("a").is_some());
    cluster.settle();
    let openings = openings(&cluster);
    assert!(openings.len() > 2 * CLIENT_SESSIONS_MAX, "some are closed");
    (cluster, openings)
}

/// The client goes on in the session that it has.
fn goes_on(cluster: &mut Cluster) {
    assert!(cluster.invoke("z").is_some_and(|reply| reply.contains('z')));
    assert_eq!(cluster.mark("bft.session_reopened"), 0, "the client has not lost its session");
}

#[test]
fn openings_that_come_again_are_answered_from_the_table_and_not_ordered_25() {
    let (mut cluster, openings) = with_closed_sessions();
    let executed = cluster.replica(0).executed_slot();
    for opening in &openings {
        for index in 0..3 {
            let (from, to) = (cluster.peer(3), cluster.peer(index));
            cluster.carry(from, to, Message::Request(opening.clone()));
        }
        cluster.settle();
    }
    cluster.pass(SECOND);
    assert_eq!(cluster.replica(0).executed_slot(), executed, "nothing was ordered");
    let repeated = usize::try_from(cluster.mark("bft.reply_repeated")).expect("few");
    assert_eq!(repeated, 3 * openings.len(), "all were answered");
    goes_on(&mut cluster);
}

#[test]
fn openings_of_closed_sessions_that_are_ordered_again_close_nothing_25() {
    let (mut cluster, openings) = with_closed_sessions();
    // They are in the lane of a liar, whose batches must be ordered.
    let bundles: Vec<_> = openings.into_iter().map(|opening| opening.bundle).collect();
    let tip = cluster.origin_tip(3);
    let place = (ReplicaId::new(3), tip.seq.next(), tip.digest);
    let batch = Arc::new(Batch::sign(
        &cluster.group,
        place,
        Contents::of_clients(bundles),
        &*cluster.signers[3],
    ));
    for index in 0..3 {
        let (from, to) = (cluster.peer(3), cluster.peer(index));
        cluster.carry(from, to, Message::Batch(Arc::clone(&batch)));
    }
    cluster.pass(SECOND);
    assert!(cluster.mark("bft.opening_out_of_date") > 0, "they were ordered");
    goes_on(&mut cluster);
}

#[test]
fn a_client_whose_clock_stands_still_is_told_the_number_above_which_to_open() {
    let mut cluster = Cluster::new(1);
    assert!(cluster.invoke("a").is_some());
    cluster.restart_client(2);
    cluster.pass(SECOND);
    assert_eq!(cluster.mark("bft.session_numbered_again"), 1);
    assert!(cluster.invoke("b").is_some_and(|reply| reply.contains('b')));
}

#[test]
fn replicas_that_know_different_numbers_agree_in_the_end() {
    let mut cluster = Cluster::new(1);
    cluster.filter = Some(Box::new(|_, to, _| matches!(to, Peer::Client(_))));
    cluster.restart_client(2);
    // While the client's other processes open sessions, one replica is ahead of the other.
    let told = |cluster: &mut Cluster, index, highest| {
        let opening = Opening { number: 0, nonce: 2 };
        let reply = Reply::to_opening(View::ZERO, opening, Outcome::NumberTaken { highest });
        cluster.carry(cluster.peer(index), cluster.client_peer(), Message::Reply(reply));
        cluster.mark("bft.session_numbered_again")
    };
    let far = u64::MAX - 9;
    assert_eq!(told(&mut cluster, 0, far), 0);
    assert_eq!(told(&mut cluster, 0, far), 0, "it said so before");
    assert_eq!(told(&mut cluster, 1, far + 1), 0);
    assert_eq!(told(&mut cluster, 2, far + 2), 0);
    assert_eq!(told(&mut cluster, 0, far + 2), 1, "two of them say the same now");
}

#[test]
fn a_bundle_that_comes_before_the_opening_of_its_session_waits_for_it() {
    let mut cluster = Cluster::new(1);
    cluster.crash(3);
    assert!(cluster.invoke("a").is_some());
    cluster.cut_links.clear();
    cluster.isolate(3);
    cluster.boot(3);
    let (request, live) = (cluster.bundle_of_client("b"), cluster.replica(3).live_items());
    assert!(cluster.deliver(cluster.client_peer(), 3, Message::Request(request)));
    assert_eq!(cluster.mark("bft.request_early"), 1);
    assert_eq!(cluster.replica(3).live_items(), live + 1);

    cluster.heal();
    cluster.pass(Duration::from_secs(10));
    for index in 0..4 {
        assert_eq!(cluster.journal(index).matches('b').count(), 1, "replica {index}");
    }
}

#[test]
fn what_names_no_open_session_is_never_ordered_and_takes_little_room() {
    let mut cluster = Cluster::new(1);
    assert!(cluster.invoke("a").is_some());
    cluster.pass(SECOND);
    let (executed, live) = (cluster.replica(0).executed_slot(), cluster.replica(0).live_items());
    for number in 0..10 * EARLY_BUNDLES_MAX as u64 {
        // A session of somebody else, one that never was, and one of the far future.
        for (slot, index) in [(1, 0), (1, 7), (1 << 40, 0)] {
            let session = SessionId { epoch: Epoch::ZERO, slot: Slot::new(slot), index };
            let bundle = cluster.bundle_in(201, session, (number + 1, "stranger"));
            let request = Message::Request(Request { bundle, is_retry: false });
            assert!(cluster.deliver(cluster.client_peer(), 0, request));
        }
        cluster.settle();
    }
    assert!(cluster.replica(0).live_items() <= live + EARLY_BUNDLES_MAX);
    cluster.pass(SECOND);
    assert_eq!(cluster.replica(0).executed_slot(), executed, "nothing was ordered");
    assert!(cluster.mark("bft.reply_repeated") > 0, "who can be told that there is no session is");
}

#[test]
fn a_call_without_a_reply_is_given_up_and_does_not_execute_after_later_calls() {
    let mut cluster = Cluster::new(1);
    assert!(cluster.invoke("a").is_some());
    let held = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let keeps = std::rc::Rc::clone(&held);
    cluster.filter = Some(Box::new(move |from, to, message| {
        let is_request = matches!(message, Message::Request(_));
        if is_request {
            keeps.borrow_mut().push((from, to, message.clone()));
        }
        !is_request
    }));
    let ticket = cluster.call_for("late", SECOND.times(3));
    cluster.pass(SECOND.times(2));
    assert_eq!(cluster.reply(ticket), None);
    cluster.pass(SECOND.times(2));
    assert_eq!(cluster.reply(ticket).as_deref(), Some("TimedOut"));
    assert_eq!(cluster.mark("bft.call_given_up"), 1);

    cluster.filter = None;
    for operation in ["b", "c"] {
        assert!(cluster.invoke(operation).is_some_and(|reply| reply.contains(operation)));
    }
    for (from, to, message) in held.take() {
        cluster.carry(from, to, message);
    }
    cluster.pass(SECOND);
    for index in 0..4 {
        assert!(!cluster.journal(index).contains("late"), "it was acknowledged: nobody waits");
    }
}

#[test]
fn calls_that_wait_for_an_absent_group_are_bounded_and_all_given_up() {
    let mut cluster = Cluster::new(1);
    assert!(cluster.invoke("a").is_some());
    for index in 0..4 {
        cluster.isolate(index);
    }
    // The first calls leave in bundles; the others wait, up to their bound.
    let tickets: Vec<u64> =
        (0..CALLS_WAITING_MAX + 1_000).map(|_| cluster.call_for("x", SECOND)).collect();
    let busy = |cluster: &Cluster| {
        let is_busy = |ticket: &&u64| cluster.reply(**ticket).as_deref() == Some("Busy");
        tickets.iter().filter(is_busy).count()
    };
    let refused = busy(&cluster);
    assert!((400..1_000).contains(&refused), "{refused} were refused as too many");
    cluster.pass(SECOND.times(2));
    assert!(tickets.iter().all(|ticket| cluster.reply(*ticket).is_some()), "none waits for ever");
    assert_eq!(busy(&cluster), refused);

    cluster.heal();
    cluster.pass(SECOND.times(10));
    assert!(cluster.invoke("b").is_some_and(|reply| reply.contains('b')));
}
