//! A cluster that is down is told apart from one that is another.

use super::ClientError;
use crate::explanation::Kind;
use crate::reach::tests::{dialled, refused, up};

#[test]
fn servers_that_all_answer_and_give_no_configuration_are_of_another_system() {
    let mut reach = dialled(4);
    (1..=4).for_each(|number| up(&mut reach, number));
    let told = ClientError::NoConfiguration { seconds: 20, reach }.explain();
    assert_eq!((told.kind, told.code), (Kind::Configuration, "other-system"));
    assert!(told.what.ends_with(": 4 of 4 servers were reached"), "{told}");
}

#[test]
fn a_cluster_that_is_not_reached_says_which_servers_and_why() {
    let mut reach = dialled(3);
    up(&mut reach, 1);
    refused(&mut reach, 2);
    refused(&mut reach, 3);
    let told = ClientError::NoConfiguration { seconds: 20, reach }.explain();
    assert_eq!((told.kind, told.code), (Kind::NoQuorum, "no-configuration"));
    let end = ": 1 of 3 servers were reached, not host:02, host:03 (cannot connect: refused)";
    assert!(told.what.ends_with(end), "{told}");
}
