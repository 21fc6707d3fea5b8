//! A certificate counts until it runs out, not longer and not shorter.

use quorate_dht::{CallId, ClientOutput, Failure};
use quorate_types::{ClientId, Digest, UnixTime};

use super::{FOR_EVER, Papers};
use crate::checker::{At, Checker};
use crate::clock::{ClockShape, WALL_BASE_US};
use crate::cluster::Output;
use crate::node::{Node, Nodes};
use crate::ordering;

/// Four servers, the clock of the first a second ahead, and two clients: the certificate of the
/// first runs out in the tenth second.
fn papers() -> Papers {
    let mut clocks = vec![ClockShape::EXACT; 6];
    clocks[0].wall_offset_us = 1_000_000;
    let until = vec![(ClientId::new([1; 32]), at_second(10)), (ClientId::new([2; 32]), FOR_EVER)];
    Papers::new(until, Nodes::range(0, 4), clocks)
}

const fn at_second(second: u64) -> UnixTime {
    UnixTime::from_micros(WALL_BASE_US + second * 1_000_000)
}

fn at(node: u16, time_us: u64) -> At {
    At { event: 1, time_us, node: Node::new(node), life: 1, bad: Nodes::EMPTY, is_healed: false }
}

fn served(client: u8, time: UnixTime) -> Output {
    let (client, reply) = (ClientId::new([client; 32]), Digest::ZERO);
    Output::KeyValue(ordering::Output::Served { client, number: 1, position: 1, time, reply })
}

#[test]
fn nobody_is_served_after_the_end_of_its_certificate() {
    let before = UnixTime::from_micros(at_second(10).as_micros() - 1);
    for (client, time, is_kept) in
        [(1, before, true), (1, at_second(10), false), (2, at_second(99), true)]
    {
        let verdict = papers().on_output(&at(0, 0), &served(client, time));
        assert_eq!(verdict.is_ok(), is_kept, "client {client} at {time:?}");
    }
    assert!(papers().on_output(&at(0, 0), &served(3, at_second(1))).is_err(), "who is that?");
}

#[test]
fn nobody_is_refused_before_the_end_of_its_certificate() {
    let (call, outcome) = (CallId::new(1), Err(Failure::NotAuthorised));
    let refused = Output::StorageClient(ClientOutput::Returned { call, outcome });
    for (client, time_us, is_kept) in
        [(4, 8_999_999, false), (4, 9_000_000, true), (5, 99_000_000, false)]
    {
        let verdict = papers().on_output(&at(client, time_us), &refused);
        assert_eq!(verdict.is_ok(), is_kept, "n{client} at {time_us} us");
    }
}
