//! The thief is one that would find the key, and does not.
use std::rc::Rc;

use quorate_machine::RecordNumber;
use quorate_threshold::KeyShare;

use super::field::{Number, Weights, interpolate};
use super::loot::Share;
use super::pairs::Pairs;
use super::thief::Thief;
use super::triples::Triples;
use super::{Moment, Plan, live, scenario};
use crate::checker::{At, Checker};
use crate::epochs::cabinet::{leak, share_in};
use crate::epochs::disk::Disk;
use crate::epochs::founding::{Shape, install};
use crate::epochs::host::EpochsHost;
use crate::epochs::keys::Keys;
use crate::epochs::{Name, Record};
use crate::node::{Node, Nodes};
use quorate_membership::RootRule;
use quorate_types::Epoch;

#[test]
fn numbers_of_the_field_add_multiply_and_invert() {
    let (seven, three) = (Number::small(7), Number::small(3));
    assert_eq!(seven.sub(three).add(three), seven);
    assert_eq!(three.sub(seven).add(seven), three, "a difference below zero");
    assert_eq!(seven.mul(three), Number::small(21));
    assert_eq!(seven.inverse().mul(seven), Number::ONE);
    let large = Number::ZERO.sub(Number::ONE);
    assert_eq!(large.mul(large), Number::ONE, "minus one, squared");
    assert_eq!(Number::read(&large.write()), large);
}

#[test]
fn as_many_shares_as_sign_are_the_key_and_fewer_are_not() {
    let shape = Shape { f: 1, servers: 5, layout: 3, length: 10, attempt_ms: 0 };
    let (kit, servers) = install(shape, Keys::ideal());
    let shares = servers.iter().filter_map(|(_, disk)| {
        let (_, share) = share_in(disk.files.get(&Name::Share(Epoch::ZERO))?);
        let value = Number::read(share.encode().last_chunk()?);
        Some((share.index().get(), value))
    });
    let shares: Vec<_> = shares.collect();
    assert_eq!(shares.len(), 4);
    let is_key = |points: &[(u16, Number)]| {
        let encoded = [&[0, 1], &interpolate(points, &mut Weights::new()).write()[..]].concat();
        KeyShare::decode(&encoded).expect("it is no zero").public_share() == kit.system_key
    };
    assert!(is_key(&shares[..2]) && is_key(&shares[1..3]) && is_key(&shares[..3]));
    assert!(!is_key(&shares[..1]));
}

#[test]
fn a_thief_of_f_servers_in_each_epoch_finds_nothing() {
    let year = live(&Plan { seed: 5, ..Plan::of(3) }, Box::new(|_| {}));
    assert!(year.violation.is_none(), "{:?}", year.violation);
    assert_eq!(year.tally.epochs, 3);
    assert_eq!(year.tally.lacking(&Plan::of(3)), Vec::<String>::new(), "{:?}", year.tally);
}

#[test]
fn the_seed_of_a_dealer_and_a_part_that_it_dealt_tell_its_share() {
    let year = live(&Plan { seed: 5, ..Plan::of(8) }, Box::new(|_| {}));
    assert!(year.violation.is_none(), "{:?}", year.violation);
    assert!(year.tally.unmasked > 0, "it can find a share in that way: {:?}", year.tally);
}

#[test]
fn a_thief_of_one_more_finds_the_key() {
    let plan = Plan { robbed: 2, seed: 5, ..Plan::of(3) };
    let year = live(&plan, Box::new(|_| {}));
    let violation = year.violation.expect("two of four shares make the key");
    assert!(violation.broken.detail.contains("make the system's key"), "{violation:?}");
}

#[test]
fn a_key_that_was_erased_is_found_in_the_log_in_which_it_was_left() {
    let plan = Plan::of(3);
    let host = EpochsHost::with_keys(&scenario(&plan), Keys::ideal());
    let mut thief = Thief::new(&plan, &host, (Rc::default(), Box::new(|_| {})));
    let (epoch, seed) = (Epoch::new(5), [7; 32]);
    let mut disk = Disk::default();
    disk.apply(RecordNumber::new(1), &leak(epoch, &seed));
    assert_eq!(thief.search(&disk), Ok(()), "nobody ever had it");
    let (node, bad) = (Node::new(4), Nodes::EMPTY);
    let at = At { event: 1, time_us: 0, node, life: 1, bad, is_healed: true };
    let file = Record::File(Name::Signing(epoch), seed.to_vec());
    for record in [file, Record::Erased(Name::Signing(epoch))] {
        assert_eq!(thief.on_durable(&at, RecordNumber::new(1), &record), Ok(()));
    }
    let found = thief.search(&disk).expect_err("it was in a file once");
    assert!(found.detail.contains("of server 4 stands in a log"), "{found:?}");
}

#[test]
fn each_pair_of_shares_is_tried_with_all_that_were_taken_before() {
    let secret = Number::small(12);
    let line = |slope: u64, place: u16| -> Share {
        let value = secret.add(Number::small(slope).mul(Number::small(u64::from(place))));
        (Epoch::new(slope), place, value)
    };
    let mut pairs = Pairs::of(secret);
    assert_eq!(pairs.put(line(5, 1)), (0, None));
    assert_eq!(pairs.put(line(6, 2)), (1, None), "of another line");
    assert_eq!(pairs.put(line(7, 2)), (1, None), "at a place, none is tried with another there");
    assert_eq!(pairs.put(line(6, 4)), (3, Some((Epoch::new(6), 2))));
}

#[test]
fn each_set_of_three_shares_is_tried_with_all_that_were_taken_before() {
    let secret = Number::small(12);
    let curve = |bend: u64, place: u16| -> Share {
        let at = Number::small(u64::from(place));
        let value = secret.add(at).add(Number::small(bend).mul(at).mul(at));
        (Epoch::new(bend), place, value)
    };
    let mut triples = Triples::of(secret);
    assert_eq!(triples.put(curve(5, 1)), (0, None));
    assert_eq!(triples.put(curve(5, 2)), (0, None), "two of one curve are not enough");
    assert_eq!(triples.put(curve(6, 2)), (0, None), "at a place, none is tried with another there");
    assert_eq!(triples.put(curve(7, 4)), (2, None), "of three curves, and of two");
    let (tried, found) = triples.put(curve(5, 7));
    let found = found.map(|mut others| {
        others.sort_unstable();
        others
    });
    // Places 1 and 2, 1 and 4, 2 and 4.
    assert_eq!((tried, found), (2 + 1 + 2, Some([(Epoch::new(5), 1), (Epoch::new(5), 2)])));
}

#[test]
fn a_year_goes_on_behind_the_end_of_the_first_trees() {
    let rule = RootRule { epochs: 3 };
    let year = live(&Plan { seed: 5, rule, ..Plan::of(4) }, Box::new(|_| {}));
    assert!(year.violation.is_none(), "{:?}", year.violation);
    assert!(year.tally.roots == 6 && year.tally.old_trees > 0, "{:?}", year.tally);
}

#[test]
fn robbed_between_the_decision_and_the_erasure_f_members_are_not_enough_and_one_more_is() {
    // Scenario 3 of the specification, section 11.
    let plan = Plan { moment: Moment::BeforeErasure, seed: 5, ..Plan::of(3) };
    let year = live(&plan, Box::new(|_| {}));
    assert!(year.violation.is_none(), "{:?}", year.violation);
    assert!(year.tally.between >= 1, "{:?}", year.tally);
    let year = live(&Plan { robbed: 2, ..plan }, Box::new(|_| {}));
    let violation = year.violation.expect("two shares that are not erased make the key");
    assert!(violation.broken.detail.contains("make the system's key"), "{violation:?}");
}
