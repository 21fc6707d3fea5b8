//! What a server does not do, whatever it is told in which order. The whole way over several epochs
//! is in `tests/epochs`.

use std::sync::Arc;
use std::vec::Vec;

use quorate_membership::Schemes;
use quorate_threshold::Bls12381;
use quorate_types::Epoch;

use super::{Event, Order, Turnover};
use crate::tests::{configuration, registry};

const NOW: Epoch = Epoch::ZERO;

fn turnover(has_state: bool) -> Turnover {
    let configuration = configuration(7);
    let me = configuration.configuration().membership_group[0];
    let schemes = Schemes { threshold: Arc::new(Bls12381), signatures: Arc::new(registry()) };
    Turnover::new(me, configuration, has_state, schemes)
}

#[test]
fn a_replica_signs_its_end_only_upon_the_word_of_the_responder_dut_1() {
    let mut turnover = turnover(true);
    assert_eq!(turnover.start(), [Order::BeginParticipant(NOW)]);
    assert_eq!(turnover.on(Event::VouchesNoMore(NOW)), [], "DUT-1: the epoch goes on");
    assert_eq!(turnover.on(Event::Concluded(NOW)), [Order::EndVouching(NOW)], "DUT-1");
    assert_eq!(turnover.on(Event::VouchesNoMore(NOW)), [Order::Seal(NOW, Vec::new())], "DUT-1");
    assert_eq!(turnover.on(Event::Concluded(NOW.next())), [Order::EndVouching(NOW.next())]);
    assert_eq!(
        turnover.on(Event::VouchesNoMore(NOW.next())),
        [],
        "DUT-1: no replica of that epoch"
    );
}

#[test]
fn a_server_vouches_only_with_the_state_that_its_group_begins_with_dut_3() {
    let mut turnover = turnover(false);
    let get = Order::GetState { epoch: NOW, is_own: false };
    assert_eq!(turnover.start(), [Order::BeginParticipant(NOW), get]);
    assert_eq!(turnover.on(Event::Begun(NOW)), [], "DUT-3: nothing has begun");
    assert_eq!(turnover.on(Event::StateGot(NOW)), [Order::BeginReplica(NOW)]);
    assert_eq!(turnover.on(Event::StateGot(NOW)), [], "it begins once");
    assert_eq!(turnover.on(Event::Begun(NOW)), [Order::Vouch(NOW)], "DUT-3");
}

#[test]
fn a_configuration_that_is_not_later_changes_nothing_dut_4() {
    let mut turnover = turnover(true);
    let known = turnover.configuration().clone();
    assert_eq!(turnover.on(Event::Learned(known.clone())), [], "DUT-4");
    assert_eq!(turnover.configuration().epoch(), known.epoch());
    assert!(turnover.former().is_none());
}

#[test]
fn a_server_without_a_seat_erases_what_failed_attempts_may_have_left_it_dut_5() {
    let configuration = configuration(7);
    let (members, group) = (&configuration.configuration().members, &configuration.configuration());
    let outsider = members.iter().find(|it| !group.membership_group.contains(&it.id)).unwrap().id;
    let schemes = Schemes { threshold: Arc::new(Bls12381), signatures: Arc::new(registry()) };
    let mut turnover = Turnover::new(outsider, configuration.clone(), false, schemes);
    assert_eq!(turnover.start(), [Order::EraseShare(NOW), Order::BeginParticipant(NOW)], "DUT-5");
}
