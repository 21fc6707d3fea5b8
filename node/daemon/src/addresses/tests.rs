//! Nobody waits for a name that does not resolve.
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use quorate_net::limits::PEERS_MAX;
use quorate_types::{Configuration, MemberRecord, NodeId};

use super::{Addresses, Lookup, Wanted, Whereabouts};
use crate::crowd::{CROWD_MIN, Crowd};
use crate::limits::LOOKUP_THREADS_MAX;

const SLOW: &str = "slow.example:1";
/// For what must come; on a machine with much else to do it takes a while.
const DEADLINE: Duration = Duration::from_secs(60);

fn here(host: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, host], 7_000))
}

/// A system whose first servers have these addresses, and all others literal ones.
fn system(addresses: &[&str]) -> Configuration {
    let count = u32::try_from(addresses.len()).unwrap().max(CROWD_MIN);
    let crowd = Crowd::new(count, here(9));
    let mut configuration = crowd.configuration().configuration().clone();
    for (member, address) in configuration.members.iter_mut().zip(addresses) {
        Arc::make_mut(member).address = (*address).to_owned();
    }
    configuration
}

/// A lookup that finds each name at one address, and lets the test answer for slow ones.
struct Names {
    asked: Receiver<String>,
    answers: SyncSender<Vec<SocketAddr>>,
}

fn names() -> (Lookup, Names) {
    let (asks, asked) = sync_channel(64);
    let (answers, answered) = sync_channel::<Vec<SocketAddr>>(64);
    let answered = Mutex::new(answered);
    let lookup = move |name: &str| {
        asks.send(name.to_owned()).expect("the test is there");
        if name.starts_with("slow") {
            return answered.lock().unwrap().recv().unwrap_or_default();
        }
        vec![here(1)]
    };
    (Arc::new(lookup), Names { asked, answers })
}

fn is_at(addresses: &Addresses, member: &MemberRecord, address: SocketAddr) -> bool {
    addresses.whereabouts(member) == Whereabouts::At(address)
}

#[test]
fn a_literal_address_is_known_at_once_and_no_thread_is_asked() {
    let configuration = system(&["127.0.0.1:5", "[::1]:5"]);
    let lookup: Lookup = Arc::new(|name| panic!("{name} is looked up"));
    let addresses = Addresses::new(lookup, || panic!("nothing changes"));
    addresses.follow(&configuration, Some(configuration.membership_group[0]));
    assert_eq!(addresses.next(), None, "nothing is ever to be done");
    assert_eq!(addresses.0.desk().threads, 0);
    let servers = addresses.servers(&configuration);
    assert_eq!(servers.len(), configuration.members.len());
    assert_eq!(servers[0].known.address, "127.0.0.1:5".parse().unwrap());
    assert_eq!(servers[1].known.address, "[::1]:5".parse().unwrap());
}

#[test]
fn who_is_gone_has_a_link_for_a_while_as_far_as_there_are_links() {
    let most = u32::try_from(PEERS_MAX).unwrap();
    for (count, links) in [(CROWD_MIN, CROWD_MIN + 1), (most, most)] {
        let configuration = Crowd::new(count, here(9)).configuration().configuration().clone();
        let mut gone = configuration.members[0].clone();
        let record = Arc::make_mut(&mut gone);
        record.id = NodeId::new([0x60; 32]);
        record.address = String::from("gone.example:1");
        let (lookup, names) = names();
        let addresses = Addresses::new(lookup, || {});
        let wanted = Wanted { configuration: &configuration, gone: std::slice::from_ref(&gone) };
        addresses.follow(wanted, None);
        addresses.settle(DEADLINE);
        assert_eq!(names.asked.try_recv().as_deref(), Ok("gone.example:1"));
        let servers = addresses.servers(wanted);
        assert_eq!(servers.len(), links as usize);
        assert_eq!(servers.iter().any(|server| server.id == gone.id), count < most);
        assert_eq!(addresses.servers(&configuration).len(), count as usize, "later");
    }
}

#[test]
fn who_asks_while_a_name_is_slow_gets_all_others_and_hears_when_it_is_found() {
    let (lookup, names) = names();
    let (tell, told) = sync_channel(1);
    let addresses = Addresses::new(lookup, move || _ = tell.try_send(()).is_ok());
    let configuration = system(&[SLOW, "quick.example:1"]);
    addresses.follow(&configuration, None);
    told.recv_timeout(DEADLINE).expect("the quick one is found while the slow one is awaited");
    assert!(addresses.take_change());
    let [slow, quick] = [&configuration.members[0], &configuration.members[1]];
    assert!(is_at(&addresses, quick, here(1)));
    assert_eq!(addresses.whereabouts(slow), Whereabouts::Unknown);
    let known = addresses.servers(&configuration);
    assert!(known.iter().all(|server| server.id != slow.id), "not called yet");
    assert_eq!(known.len(), configuration.members.len() - 1);

    names.answers.send(vec![here(2)]).unwrap();
    told.recv_timeout(DEADLINE).expect("the slow one is found");
    assert!(addresses.take_change());
    assert!(!addresses.take_change(), "told once");
    assert!(is_at(&addresses, slow, here(2)));
    assert_eq!(addresses.servers(&configuration).len(), configuration.members.len());
}

#[test]
fn a_configuration_is_followed_while_all_threads_are_at_slow_names() {
    let (lookup, names) = names();
    let addresses = Addresses::new(lookup, || {});
    let slow: Vec<String> = (0..20).map(|number| format!("slow{number}.example:1")).collect();
    let slow: Vec<&str> = slow.iter().map(String::as_str).collect();
    addresses.follow(&system(&slow), None);
    let asked: BTreeSet<_> = (0..LOOKUP_THREADS_MAX).map(|_| names.asked.recv().unwrap()).collect();
    assert_eq!(asked.len(), LOOKUP_THREADS_MAX, "each thread is at another one");
    assert_eq!(addresses.0.desk().threads, LOOKUP_THREADS_MAX, "and there are no more");
    // This returns, as does all that the thread of the epochs asks.
    let later = system(&["quick.example:1"]);
    addresses.follow(&later, None);
    addresses.look();
    assert_eq!(addresses.servers(&later).len(), later.members.len() - 1);
    names.answers.send(Vec::new()).unwrap();
    addresses.settle(DEADLINE);
    assert!(is_at(&addresses, &later.members[0], here(1)), "once a thread is free");
    assert_eq!(names.asked.try_iter().collect::<Vec<_>>(), ["quick.example:1"], "no other");
}

#[test]
fn whoever_settles_waits_for_the_first_lookups_and_not_for_ever() {
    let (lookup, names) = names();
    let addresses = Addresses::new(lookup, || {});
    let configuration = system(&["a.example:1", "b.example:1", "c.example:1"]);
    addresses.follow(&configuration, None);
    addresses.settle(DEADLINE);
    assert_eq!(addresses.servers(&configuration).len(), configuration.members.len());
    let configuration = system(&["a.example:1", SLOW]);
    addresses.follow(&configuration, None);
    addresses.settle(Duration::ZERO);
    assert_eq!(addresses.whereabouts(&configuration.members[1]), Whereabouts::Unknown);
    names.answers.send(Vec::new()).unwrap();
    addresses.settle(DEADLINE);
    assert_eq!(addresses.whereabouts(&configuration.members[1]), Whereabouts::Nowhere);
}

#[test]
fn a_thread_that_looks_up_for_nobody_ends_and_nobody_waits_for_it() {
    let (lookup, names) = names();
    let held = Arc::new(());
    let holding = Arc::clone(&held);
    let addresses = Addresses::new(lookup, move || drop(Arc::clone(&holding)));
    addresses.follow(&system(&["slow1.example:1"]), None);
    assert_eq!(names.asked.recv().unwrap(), "slow1.example:1");
    drop(addresses);
    assert_eq!(Arc::strong_count(&held), 1, "it holds nothing while it waits");
    names.answers.send(Vec::new()).unwrap();
    // The lookup goes with the last thread.
    assert_eq!(names.asked.recv_timeout(DEADLINE).ok(), None);
}

#[test]
fn of_more_servers_than_links_those_without_are_looked_up_by_whoever_probes_them() {
    let many = vec!["quick.example:1"; 1_030];
    let mut configuration = system(&many);
    // One that has no link.
    let linked: BTreeSet<_> =
        quorate_client::links::linked(&configuration).into_iter().map(|it| it.id).collect();
    let past = configuration.members.iter().position(|it| !linked.contains(&it.id)).unwrap();
    Arc::make_mut(&mut configuration.members[past]).address = String::from("past.example:1");
    let past = &configuration.members[past];
    let member = configuration.membership_group[0];
    for (me, found) in [(past.id, Whereabouts::Unknown), (member, Whereabouts::At(here(1)))] {
        let addresses = Addresses::new(Arc::new(|_| vec![here(1)]), || {});
        addresses.follow(&configuration, Some(me));
        addresses.settle(DEADLINE);
        assert_eq!(addresses.whereabouts(past), found);
    }
}
