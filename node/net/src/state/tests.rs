//! Places, phases and turns without sockets.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Admission, Candidate, Registered, State, Ticket};
use crate::config::Limits;
use crate::counters::NetCounters;
use crate::error::{DownReason, HandshakeError};
use crate::event::{Event, Sent};
use crate::frame::Class;
use crate::hello::{Link, PeerKind};
use crate::identity::PeerKey;
use crate::limits::{SESSIONS_PER_CLIENT_MAX, TURN_FRAMES_MAX};
use crate::peer::PeerId;
use crate::stop::Stop;

fn state(limits: Limits) -> State {
    State::new(limits, Arc::new(NetCounters::default()))
}

fn key(number: u8) -> PeerKey {
    PeerKey::new([number; 32])
}

fn candidate(id: PeerId, link: Link) -> Candidate {
    let (kind, stop) = (PeerKind::Client, Arc::new(Stop::default()));
    Candidate { id, kind, link, version: 1, stop, recognised: None }
}

fn seat(state: &mut State, id: PeerId, link: Link) -> Ticket {
    match state.register(&candidate(id, link), Instant::now()) {
        Registered::Done(ticket) => ticket,
        Registered::Wait(_) | Registered::Refused(_) => panic!("no place for {id:?}"),
    }
}

fn deliver(state: &mut State, ticket: &Ticket, class: Class, count: usize) {
    let frames = (0..count).map(|_| (class, vec![1_u8; 8])).collect();
    state.deliver(ticket, frames, 8 * count);
}

#[test]
fn a_newer_connection_waits_until_the_older_has_ended_and_its_frames_are_taken() {
    // NET-10, NET-11.
    let mut state = state(Limits::default());
    let id = (key(1), 5);
    let first = seat(&mut state, id, Link::Main);
    deliver(&mut state, &first, Class::Ordered, 3);
    let second = candidate(id, Link::Main);
    assert!(matches!(state.register(&second, Instant::now()), Registered::Wait(_)));
    state.deregister(&first, DownReason::Replaced);
    assert!(matches!(state.register(&second, Instant::now()), Registered::Wait(_)), "draining");
    assert!(matches!(state.next_event(), Some(Event::Up { .. })));
    assert!(matches!(state.next_event(), Some(Event::Frames(frames)) if frames.len() == 3));
    let down = state.next_event();
    assert!(matches!(down, Some(Event::Down { reason: DownReason::Replaced, .. })), "{down:?}");
    assert!(matches!(state.register(&second, Instant::now()), Registered::Done(_)));
    assert!(matches!(state.next_event(), Some(Event::Up { .. })));
    assert!(state.next_event().is_none());
}

#[test]
fn a_peer_with_few_frames_waits_for_one_turn_of_a_peer_with_many() {
    // NET-14.
    let mut state = state(Limits::default());
    let (greedy, modest) = (seat(&mut state, (key(1), 1), Link::Main), (key(2), 1));
    let modest = seat(&mut state, modest, Link::Main);
    deliver(&mut state, &greedy, Class::Control, 10 * TURN_FRAMES_MAX);
    deliver(&mut state, &modest, Class::Control, 1);
    deliver(&mut state, &greedy, Class::Control, 10 * TURN_FRAMES_MAX);
    let batch = state.take_batch();
    let position = batch.iter().position(|inbound| inbound.peer == key(2));
    assert_eq!(position, Some(TURN_FRAMES_MAX));
}

#[test]
fn a_batch_is_in_order_of_class_and_gives_every_class_a_share() {
    let mut state = state(Limits::default());
    let main = seat(&mut state, (key(1), 1), Link::Main);
    let bulk = seat(&mut state, (key(1), 1), Link::Bulk);
    deliver(&mut state, &bulk, Class::Bulk, 2);
    deliver(&mut state, &main, Class::Ordered, 2);
    deliver(&mut state, &main, Class::Control, 50_000);
    let classes: Vec<Class> = state.take_batch().iter().map(|inbound| inbound.class).collect();
    assert!(classes.is_sorted());
    assert!(classes.ends_with(&[Class::Ordered, Class::Ordered, Class::Bulk, Class::Bulk]));
}

#[test]
fn all_clients_together_keep_the_limit_of_their_queues() {
    // NET-12.
    let limits = Limits { clients_queue_bytes: 10_000, ..Limits::default() };
    let mut state = state(limits);
    let tickets: Vec<_> =
        (1..=5).map(|number| seat(&mut state, (key(number), 1), Link::Main)).collect();
    let body = Arc::new(vec![0_u8; 936]);
    let mut outcomes = Vec::new();
    for number in 1..=5 {
        outcomes.extend((0..4).map(|_| state.send(key(number), Class::Ordered, &body)));
    }
    let queued = outcomes.iter().filter(|outcome| **outcome == Sent::Queued).count();
    assert_eq!((queued, outcomes.last()), (10, Some(&Sent::Full)));
    state.deregister(&tickets[0], DownReason::PeerClosed);
    assert_eq!(state.send(key(5), Class::Ordered, &body), Sent::Queued, "room was given back");
}

#[test]
fn sessions_under_one_key_are_bounded() {
    let mut state = state(Limits::default());
    let session = |number: usize| (key(1), number as u64);
    for number in 1..=SESSIONS_PER_CLIENT_MAX {
        seat(&mut state, session(number), Link::Main);
    }
    let more = candidate(session(SESSIONS_PER_CLIENT_MAX + 1), Link::Main);
    let refused = state.register(&more, Instant::now());
    let full = HandshakeError::SessionsFull { max: SESSIONS_PER_CLIENT_MAX };
    assert!(
        matches!(&refused, Registered::Refused(error) if error.to_string() == full.to_string()),
        "{refused:?}"
    );
}

#[test]
fn a_client_that_is_gone_leaves_nothing_behind() {
    let mut state = state(Limits::default());
    let id = (key(1), 1);
    let (main, bulk) = (seat(&mut state, id, Link::Main), seat(&mut state, id, Link::Bulk));
    assert_eq!(state.send(key(1), Class::Bulk, &vec![0_u8; 100].into()), Sent::Queued);
    assert!(state.take_flush(&bulk, Vec::new()).is_ok());
    state.deregister(&main, DownReason::PeerClosed);
    deliver(&mut state, &bulk, Class::Bulk, 1);
    assert_eq!(state.counters.snapshot().dropped_inbound, 1, "after the end nothing is heard");
    state.deregister(&bulk, DownReason::PeerClosed);
    assert!(state.peers.is_empty());
    let now = state.counters.snapshot();
    assert_eq!((now.connections, now.client_connections, now.queue_bytes), (0, 0, 0));
}

#[test]
fn a_flood_of_one_stranger_pauses_all_strangers_and_not_who_was_vouched_for() {
    let start = Instant::now();
    let mut state = state(Limits::default());
    let flooder = seat(&mut state, (key(1), 1), Link::Main);
    let other = seat(&mut state, (key(2), 1), Link::Main);
    let friend = seat(&mut state, (key(3), 1), Link::Main);
    state.prove(key(3));
    state.charge(key(1), u64::MAX, start);
    for stranger in [&flooder, &other] {
        assert!(matches!(state.admission(stranger, start), Admission::Pause(_)));
    }
    assert!(matches!(state.admission(&friend, start), Admission::Open));
    state.prove(key(2));
    assert!(matches!(state.admission(&other, start), Admission::Open), "no stranger any more");
}
