//! The bytes of every step, of the stages and of the news.
use std::string::String;
use std::vec::Vec;

use expect_test::expect_file;
use quorate_wire::{Decode, Encode, decode, encode, vector};

use super::harness::Town;
use crate::handover::{HandoverOperation, News, Stage};
use crate::service::MembershipOperation;

#[test]
fn steps_stages_and_news_have_their_golden_bytes_and_come_back_from_them() {
    let mut town = Town::new(4, 1);
    let mut vectors = Vec::new();
    let step = |step: HandoverOperation, town: &mut Town, vectors: &mut Vec<String>| {
        let operation = MembershipOperation::Handover(step.clone().into());
        vectors.push(golden("operation", &operation));
        town.take(step).unwrap();
        vectors.push(golden::<Stage>("stage", &town.stage()));
    };
    for server in town.servers() {
        let deposit = HandoverOperation::Deposit(town.deposit_of(server).into());
        step(deposit, &mut town, &mut vectors);
    }
    let end = town.end(&town.group()[..2]);
    step(end, &mut town, &mut vectors);
    let beacon = town.beacon();
    step(beacon, &mut town, &mut vectors);
    for attempt in 0..2 {
        let abort = town.abort(&town.group()[..3], attempt);
        step(abort, &mut town, &mut vectors);
    }
    let redraw = town.redraw();
    step(redraw, &mut town, &mut vectors);
    vectors.push(golden::<News>("news", &town.news()));
    let published = town.publish(town.group()[0], 1);
    let certified = town.certified(&published, &town.recipients());
    step(HandoverOperation::Dealt(certified.into()), &mut town, &mut vectors);
    vectors.push(golden("dealing", &published));
    town.give_up();
    town.deal_all();
    let complete = town.complete(&town.recipients());
    step(complete, &mut town, &mut vectors);
    expect_file!["../golden/handover.txt"].assert_eq(&vectors.concat());
}

/// The line of a value, which comes back from its bytes.
fn golden<T: Encode + Decode + PartialEq + std::fmt::Debug>(name: &str, value: &T) -> String {
    assert_eq!(decode::<T>(&encode(value)).as_ref(), Ok(value));
    vector(name, value)
}
