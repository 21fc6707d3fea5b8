//! Alarms, refusals and answers that never come: a sweep always ends, and another begins.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each test looks at the effects that it is about"
)]

use std::vec;
use std::vec::Vec;

use quorate_machine::{Effect, Input};
use quorate_types::{Digest, Epoch, Instant, NodeId, Peer};

use crate::fixture::EPOCH;
use crate::limits::{SWEEP_PERIOD, SWEEP_SOON};
use crate::message::{Compare, Compared, Head, ListNames, Message, OperationId, Refusal, Refused};
use crate::object::{ContentKind, ObjectKey};
use crate::server::tests::{Bench, NODE};
use crate::server::{Server, ServerOutput, ServerRequest, ServerTimer, Ticket};

const PEER: NodeId = NodeId::new([32; 32]);

/// When the alarm of the sweep is set for.
fn alarm(effects: &[Effect<Server>]) -> Option<Instant> {
    effects.iter().rev().find_map(|effect| match effect {
        Effect::Arm { timer: ServerTimer::Sweep, at } => Some(*at),
        _ => None,
    })
}

fn listing(effects: &[Effect<Server>]) -> Option<Ticket> {
    effects.iter().find_map(|effect| match effect {
        Effect::Emit(ServerOutput::List { ticket, .. }) => Some(*ticket),
        _ => None,
    })
}

fn sent(effects: &[Effect<Server>]) -> Vec<Message> {
    let message = |effect: &Effect<Server>| match effect {
        Effect::Send { message, .. } => Some(message.clone()),
        _ => None,
    };
    effects.iter().filter_map(message).collect()
}

fn expire(bench: &mut Bench) -> Vec<Effect<Server>> {
    bench.step(Input::Expired(ServerTimer::Sweep))
}

fn listed(bench: &mut Bench, ticket: Ticket, is_there: bool) -> Vec<Effect<Server>> {
    let held = is_there.then(Vec::new);
    bench.step(Input::Request(ServerRequest::Listed { ticket, held }))
}

/// A server of an empty store that has compared with nobody yet.
fn comparing() -> (Bench, Vec<Message>) {
    let mut bench = Bench::new(4);
    bench.step(Input::Start);
    let effects = expire(&mut bench);
    let ticket = listing(&effects).expect("the store is listed first");
    let effects = listed(&mut bench, ticket, true);
    let asked = sent(&effects);
    assert_eq!(asked.len(), 3, "all others of the group are asked");
    (bench, asked)
}

#[test]
fn the_first_sweep_comes_soon_and_each_next_one_at_a_moment_around_the_period() {
    let mut bench = Bench::new(4);
    let first = alarm(&bench.step(Input::Start)).expect("an alarm");
    assert!(first <= Instant::ZERO.after(SWEEP_SOON));
    let (mut bench, _) = comparing();
    let next = alarm(&expire(&mut bench)).expect("nobody answered, and it rests");
    let (low, high) = (SWEEP_PERIOD.halved(), SWEEP_PERIOD.halved().times(3));
    assert!(Instant::ZERO.after(low) <= next && next <= Instant::ZERO.after(high));
}

#[test]
fn a_store_that_cannot_be_listed_or_never_answers_ends_the_sweep_and_not_the_sweeping() {
    for answers in [Some(false), None] {
        let mut bench = Bench::new(4);
        bench.step(Input::Start);
        let effects = expire(&mut bench);
        let ticket = listing(&effects).expect("the store is listed first");
        let effects = match answers {
            Some(is_there) => listed(&mut bench, ticket, is_there),
            None => expire(&mut bench),
        };
        assert!(sent(&effects).is_empty() && alarm(&effects).is_some());
        assert!(
            listed(&mut bench, ticket, true).iter().all(|effect| matches!(effect, Effect::Mark(_)))
        );
        assert!(listing(&expire(&mut bench)).is_some(), "the next one begins");
    }
}

#[test]
fn refusals_answers_of_a_wrong_length_and_of_strangers_count_for_nothing() {
    let (mut bench, asked) = comparing();
    let head = asked[0].head();
    let wrong = vec![Digest::new([1; 32]); 5];
    let stranger = Peer::Node(NodeId::new([99; 32]));
    let reply = |cells: Vec<Digest>| Message::Compared(Compared { head, cells });
    assert!(bench.deliver(stranger, reply(wrong.clone())).is_empty());
    let other = Head { operation: OperationId::new(77), ..head };
    let late = Message::Compared(Compared { head: other, cells: wrong.clone() });
    assert!(bench.deliver(Peer::Node(PEER), late).is_empty());
    bench.deliver(Peer::Node(PEER), reply(wrong));
    let refused = Message::Refused(Refused { head, refusal: Refusal::Busy });
    bench.deliver(Peer::Node(NodeId::new([48; 32])), refused.clone());
    let effects = bench.deliver(Peer::Node(NodeId::new([64; 32])), refused);
    assert!(sent(&effects).is_empty() && alarm(&effects).is_some(), "it rests");
}

#[test]
fn cells_are_listed_where_f_plus_1_differ_and_not_where_one_does_dht_13() {
    for (differing, asks) in [(1_u8, 0_usize), (2, 2), (3, 3)] {
        let (mut bench, asked) = comparing();
        let head = asked[0].head();
        let mut effects = Vec::new();
        for number in 0..3_u8 {
            let cells =
                if number < differing { vec![Digest::new([1; 32]); 3 * 260] } else { vec![] };
            let peer = Peer::Node(NodeId::new([32 + 16 * number; 32]));
            effects = bench.deliver(peer, Message::Compared(Compared { head, cells }));
        }
        // All that have answered are asked, also those that hold the same.
        let expected = if asks == 0 { 0 } else { 3 };
        let lists = sent(&effects);
        assert!(lists.iter().all(|message| matches!(message, Message::ListNames(_))));
        assert_eq!(lists.len(), expected, "DHT-13: {differing} differ");
    }
}

#[test]
fn whoever_asks_is_answered_only_about_what_both_hold() {
    let (mut bench, _) = comparing();
    let head = Head { epoch: EPOCH, operation: OperationId::new(1) };
    let compare = Message::Compare(Compare { head, root: Digest::new([5; 32]) });
    let refused = |effects: &[Effect<Server>]| {
        matches!(
            &sent(effects)[..],
            [Message::Refused(Refused { refusal: Refusal::NotResponsible, .. })]
        )
    };
    let client = Peer::Client(quorate_types::ClientId::new([5; 32]));
    assert!(refused(&bench.deliver(client, compare.clone())));
    assert!(refused(&bench.deliver(Peer::Node(NodeId::new([99; 32])), compare.clone())));
    let effects = bench.deliver(Peer::Node(PEER), compare);
    let [Message::Compared(reply)] = &sent(&effects)[..] else { panic!("{effects:?}") };
    assert!(reply.cells.len() > 700, "another root gets all digests");

    let first = ContentKind::Chunk.key_of(b"bytes");
    let half_a_cell = ListNames { head, first, last: first };
    assert!(refused(&bench.deliver(Peer::Node(PEER), Message::ListNames(half_a_cell))));
    let mut last = *first.id().as_bytes();
    last[1..].fill(255);
    // A border of a server may cut the cell of a first byte; this one is not cut.
    let list =
        ListNames { head, first, last: ObjectKey::Chunk(quorate_types::ObjectId::new(last)) };
    assert!(refused(&bench.deliver(client, Message::ListNames(list))));
    let effects = bench.deliver(Peer::Node(PEER), Message::ListNames(list));
    let ticket = listing(&effects).expect("the store is listed for it");
    let [Message::Names(_)] = &sent(&listed(&mut bench, ticket, true))[..] else {
        panic!("names are sent")
    };
    assert_eq!(bench.server.budget.jobs(), 0, "DHT-11: the request was given back");
}

#[test]
fn who_compares_before_the_store_was_listed_waits_and_is_told_in_time() {
    let mut bench = Bench::new(4);
    bench.step(Input::Start);
    let head = Head { epoch: EPOCH, operation: OperationId::new(1) };
    let compare = Message::Compare(Compare { head, root: Digest::new([5; 32]) });
    let effects = bench.deliver(Peer::Node(PEER), compare);
    assert!(sent(&effects).is_empty());
    let ticket = listing(&effects).expect("it brings its digests up to date first");
    let effects = bench.step(Input::Expired(ServerTimer::Answer));
    assert!(matches!(
        &sent(&effects)[..],
        [Message::Refused(Refused { refusal: Refusal::Busy, .. })]
    ));
    listed(&mut bench, ticket, true);
    let other = Head { epoch: Epoch::new(EPOCH.get() + 1), ..head };
    let compare = Message::Compare(Compare { head: other, root: Digest::new([5; 32]) });
    let effects = bench.deliver(Peer::Node(NODE), compare);
    assert!(matches!(
        &sent(&effects)[..],
        [Message::Refused(Refused { refusal: Refusal::Behind, .. })]
    ));
}
