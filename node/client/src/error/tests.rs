//! A cluster that is down is told apart from one that is another.

use super::ClientError;
use crate::explanation::Kind;

fn unconfigured(reached: usize, failure: Option<&str>) -> ClientError {
    let failure = failure.map(String::from);
    ClientError::NoConfiguration { seconds: 20, reached, contacts: 4, failure }
}

#[test]
fn servers_that_all_answer_and_give_no_configuration_are_of_another_system() {
    let told = unconfigured(4, None).explain();
    assert_eq!((told.kind, told.code), (Kind::Configuration, "other-system"));
    assert!(told.what.ends_with("(4 of 4 servers were reached)"), "{told}");
}

#[test]
fn a_cluster_that_is_not_reached_says_what_its_last_server_said() {
    let told = unconfigured(1, Some("127.0.0.1:4700: cannot connect")).explain();
    assert_eq!((told.kind, told.code), (Kind::NoQuorum, "no-configuration"));
    let end = "(1 of 4 servers were reached, the last failure is 127.0.0.1:4700: cannot connect)";
    assert!(told.what.ends_with(end), "{told}");
}
