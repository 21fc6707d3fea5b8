//! What is said of servers that are not reached.

use quorate_runtime::LinkNews;
use quorate_types::{NodeId, Peer};

use super::{Awaited, Delay, Reach};

const REFUSED: &str = "cannot connect: refused; is the peer running and the address right?";

fn node(number: u8) -> NodeId {
    NodeId::new([number; 32])
}

/// Servers 1 to `count`, of which nothing was heard yet.
pub(crate) fn dialled(count: u8) -> Reach {
    let mut reach = Reach::default();
    reach.lead_to((1..=count).map(|number| (node(number), format!("host:{number:02}"))));
    reach
}

pub(crate) fn up(reach: &mut Reach, number: u8) {
    reach.note(LinkNews::Up(Peer::Node(node(number))));
}

pub(crate) fn refused(reach: &mut Reach, number: u8) {
    let address = ([127, 0, 0, 1], 1).into();
    let why = String::from(REFUSED);
    reach.note(LinkNews::Failed { node: Some(node(number)), address, why });
}

#[test]
fn each_server_that_is_not_reached_is_named_with_the_reason() {
    let mut reach = dialled(4);
    assert!(!reach.is_settled());
    up(&mut reach, 1);
    refused(&mut reach, 2);
    refused(&mut reach, 4);
    let told = "1 of 4 servers were reached, not host:02, host:04 (cannot connect: refused), nor \
                host:03 (no answer yet)";
    assert_eq!(reach.to_string(), told);
    reach.fail(node(3), "its name does not resolve");
    assert!(reach.is_settled() && !reach.is_complete());
    (2..=4).for_each(|number| up(&mut reach, number));
    assert!(reach.is_complete());
    assert_eq!(reach.to_string(), "4 of 4 servers were reached");
}

#[test]
fn a_server_whose_second_connection_fails_stays_reached_until_its_link_ends() {
    let mut reach = dialled(1);
    up(&mut reach, 1);
    refused(&mut reach, 1);
    assert!(reach.is_complete());
    reach.note(LinkNews::Down { peer: Peer::Node(node(1)), why: String::from("closed") });
    assert_eq!(reach.to_string(), "0 of 1 servers were reached, not host:01 (closed)");
}

#[test]
fn what_is_known_of_servers_that_stay_outlives_a_configuration() {
    let mut reach = dialled(2);
    up(&mut reach, 1);
    up(&mut reach, 2);
    reach.lead_to([(node(2), String::from("host:02")), (node(3), String::from("host:03"))]);
    assert_eq!(reach.reached(), [node(2)].into());
    assert_eq!(reach.to_string(), "1 of 2 servers were reached, not host:03 (no answer yet)");
}

#[test]
fn of_many_servers_some_are_named_and_the_others_counted() {
    let mut reach = dialled(12);
    (1..=12).for_each(|number| refused(&mut reach, number));
    let told = Delay { awaited: Awaited::Configuration, reach }.to_string();
    let start = "waiting up to 20 s for a server that gives a configuration: 0 of 12 servers were \
                 reached, not host:01, ";
    assert!(told.starts_with(start), "{told}");
    assert!(told.ends_with("host:08 and 4 more (cannot connect: refused)"), "{told}");
}
