//! Epochs and leases: each phase inside one epoch, nothing believed without a lease.

use quorate_dht::{Answer, Failure, Message, Operation, Value};
use quorate_types::{Duration, Instant, Peer};

use crate::contents::store;
use crate::network::{Network, TIMEOUT};

const OWNER: u8 = 100;

fn write(network: &Network, text: &str) -> Operation {
    let value = Value::Data(quorate_dht::Body::new(text.as_bytes().to_vec()));
    Operation::WriteObject { owner: network.owner(OWNER), value }
}

#[test]
fn a_client_of_an_old_epoch_is_told_the_new_one_and_goes_on_in_it() {
    let mut network = Network::new(1, 1, 0);
    let client = network.add_client(60);
    network.write(client, OWNER, "old").unwrap();
    network.next_epoch();
    let call = network.invoke(client, write(&network, "new"));
    network.run_until(|network| !network.clients[client].newer.is_empty());
    assert_eq!(network.clients[client].newer[0].as_bytes(), 2_u64.to_be_bytes());
    network.reconfigure_client(client);
    network.run_until(|network| network.outcome(call).is_some());
    assert!(network.outcome(call).unwrap().is_ok());
    assert_eq!(network.read(client, OWNER).as_deref(), Some("new"));
    assert!(network.mark_count("dht.client.wrong_epoch") > 0);
}

#[test]
fn a_write_whose_phases_fall_into_two_epochs_completes_in_the_second() {
    let mut network = Network::new(2, 1, 0);
    let client = network.add_client(60);
    let call = network.invoke(client, write(&network, "text"));
    // The stamps have been read in epoch 1; what is written in it meets servers of epoch 2.
    network.run_until(|network| network.mark_count("dht.client.late_reply") > 0);
    assert!(network.outcome(call).is_none());
    network.next_epoch();
    network.run_for(Duration::from_secs(1));
    assert!(network.outcome(call).is_none(), "acknowledged by servers of another epoch");
    network.reconfigure_client(client);
    network.run_until(|network| network.outcome(call).is_some());
    assert!(network.outcome(call).unwrap().is_ok());
    assert_eq!(network.read(client, OWNER).as_deref(), Some("text"));
}

#[test]
fn replies_of_two_epochs_never_count_together_dht_4() {
    let mut network = Network::new(3, 1, 0);
    let client = network.add_client(60);
    network.write(client, OWNER, "text").unwrap();
    let members: Vec<_> = (0..4).map(|index| network.node(index)).collect();
    network.configuration.epoch = network.configuration.epoch.next();
    network.configuration.ring_epoch = network.configuration.epoch;
    for node in &members[..2] {
        network.reconfigure_server(*node);
    }
    let id = quorate_dht::object::register_id(&network.owner(OWNER).public_key());
    let failure = network.perform(client, Operation::ReadObject(id)).unwrap_err();
    let Failure::NoQuorum { needed, answered, .. } = failure else { panic!("{failure:?}") };
    assert_eq!((needed, answered), (3, members[2..].to_vec()), "DHT-4");

    network.reconfigure_client(client);
    let failure = network.perform(client, Operation::ReadObject(id)).unwrap_err();
    let Failure::NoQuorum { answered, .. } = failure else { panic!("{failure:?}") };
    assert_eq!(answered, members[..2].to_vec(), "DHT-4: the others are still behind");
    network.reconfigure_server(members[2]);
    assert_eq!(network.read(client, OWNER).as_deref(), Some("text"));
}

#[test]
fn a_lease_that_ran_out_before_the_last_reply_makes_the_phase_void_dht_9() {
    let mut network = Network::new(5, 1, 0);
    let client = network.add_client(60);
    let key = store(&mut network, client, b"bytes");
    let other = network.add_client_until(61, quorate_types::UnixTime::from_micros(u64::MAX));
    let soon = network.now().instant.after(Duration::from_micros(150));
    network.lease(other, soon);
    let call = network.invoke(other, Operation::GetContent(key));
    network.run_until(|network| network.clients[other].lease_expired > 0);
    assert!(network.outcome(call).is_none(), "DHT-9: the reply came after the lease");
    network.run_for(Duration::from_secs(2));
    assert!(network.outcome(call).is_none(), "it waits for a lease");
    network.lease(other, Instant::from_micros(u64::MAX));
    network.run_until(|network| network.outcome(call).is_some());
    assert!(matches!(network.outcome(call), Some(Ok(Answer::Content(_)))));
}

#[test]
fn a_client_without_a_lease_sends_nothing_and_says_why() {
    let mut network = Network::new(6, 1, 0);
    let client = network.add_client_until(60, quorate_types::UnixTime::from_micros(u64::MAX));
    let id = Peer::Client(network.clients[client].id);
    network.filter = Some(Box::new(move |from, _, message: &Message| {
        assert!(from != id, "DHT-9: a client without a lease sent {message:?}");
        true
    }));
    let outcome = network.write(client, OWNER, "text");
    assert_eq!(outcome, Err(Failure::LeaseExpired));
    network.run_for(TIMEOUT);
}

#[test]
fn a_server_that_is_behind_says_so_and_counts_when_it_has_caught_up() {
    let mut network = Network::new(7, 1, 0);
    let client = network.add_client(60);
    network.configuration.epoch = network.configuration.epoch.next();
    network.configuration.ring_epoch = network.configuration.epoch;
    network.reconfigure_client(client);
    let call = network.invoke(client, write(&network, "text"));
    network.run_for(Duration::from_secs(1));
    assert!(network.outcome(call).is_none());
    assert!(network.mark_count("dht.server.behind") > 0);
    for index in 0..3 {
        network.reconfigure_server(network.node(index));
    }
    network.run_until(|network| network.outcome(call).is_some());
    assert!(network.outcome(call).unwrap().is_ok());
}
