//! Attacks on freshness: everything that a liar in the membership group can answer.
use std::boxed::Box;
use std::vec::Vec;

use quorate_types::{Digest, Epoch, NodeId};

use super::SECOND;
use super::network::{Lie, Network};
use crate::configuration::VerifiedConfiguration;
use crate::freshness::{Nonce, Subject, Vouch};
use crate::message::Message;
use crate::testing::World;

/// What a liar answers to a challenge.
type Forgery = Box<dyn Fn(Nonce) -> Vec<Vouch>>;

/// A liar that serves the right configuration, and answers a challenge with what `forge` makes.
fn liar(
    configuration: &VerifiedConfiguration,
    forge: impl Fn(Nonce) -> Vec<Vouch> + 'static,
) -> Lie {
    let configuration = configuration.clone();
    Box::new(move |message| match message {
        Message::Challenge(challenge) => {
            forge(challenge.nonce).into_iter().map(Message::Vouch).collect()
        }
        Message::GetConfiguration(request) => {
            Vec::from([Message::Configuration(Box::new(configuration.page(request.from)))])
        }
        Message::Configuration(_)
        | Message::Vouch(_)
        | Message::GetFounding(_)
        | Message::Founding(_) => Vec::new(),
    })
}

/// A signer of a member that signs whatever it likes.
fn signing(
    world: &World,
    id: NodeId,
    subject: impl Fn(Nonce) -> Subject + 'static,
) -> impl Fn(Nonce) -> Vec<Vouch> + 'static {
    let signer = world.signer(id, Epoch::ZERO);
    move |nonce| Vec::from([Vouch::sign(subject(nonce), id, &*signer)])
}

#[test]
fn one_liar_blocks_nothing_whatever_it_answers() {
    let world = World::new(7, 1);
    let id = world.group()[0];
    let good = world.first.clone();
    let of = move |nonce| Subject::of(&good, nonce);
    let honest = signing(&world, id, of.clone());
    let wrong = |change: fn(&mut Subject)| {
        let of = of.clone();
        signing(&world, id, move |nonce| {
            let mut subject = of(nonce);
            change(&mut subject);
            subject
        })
    };
    let old_nonce = wrong(|subject| subject.nonce = Nonce::new(Digest::new([1; 32])));
    let epoch = wrong(|subject| subject.epoch = Epoch::new(9));
    let header = wrong(|subject| subject.header = Digest::ZERO);
    let twice = move |nonce| [honest(nonce), honest(nonce)].concat();
    let unsigned = signing(&world, world.group()[1], of);
    let borrowed = move |nonce| {
        let mut vouches = unsigned(nonce);
        vouches[0].member = id;
        vouches
    };
    let table: [(&str, Forgery); 5] = [
        ("membership: wrong nonce", Box::new(old_nonce)),
        ("membership: wrong epoch", Box::new(epoch)),
        ("membership: wrong header", Box::new(header)),
        ("membership: duplicate vouch", Box::new(twice)),
        ("membership: bad signature", Box::new(borrowed)),
    ];
    for (mark, forge) in table {
        let mut network = Network::new(&world);
        network.corrupt(id, liar(&world.first, forge));
        network.start();
        network.run(60 * SECOND);
        assert_eq!(network.usable(), Some(&world.first), "{mark}");
        assert_eq!(network.losses(), [], "{mark}");
        assert!(network.ignored(mark) > 0, "{mark}");
    }
}

#[test]
fn a_liar_that_speaks_for_others_is_ignored() {
    let world = World::new(7, 1);
    let [liar_id, victim, ..] = *world.group() else { panic!("a group") };
    let good = world.first.clone();
    let relayed = signing(&world, victim, move |nonce| Subject::of(&good, nonce));
    let mut network = Network::new(&world);
    network.corrupt(liar_id, liar(&world.first, relayed));
    network.start();
    network.run(SECOND);
    assert!(network.ignored("membership: vouch in another's name") > 0);
    assert_eq!(network.usable(), Some(&world.first));
}

#[test]
fn mem_5_a_liar_and_a_member_that_was_cut_off_keep_no_epoch_alive() {
    // Settled point 4 with f = 1: A and B have ended the epoch, C has not heard, D lies.
    let world = World::new(7, 1);
    let [a, b, _, d] = *world.group() else { panic!("a group of four") };
    let good = world.first.clone();
    let lie = signing(&world, d, move |nonce| Subject::of(&good, nonce));
    let mut network = Network::new(&world);
    network.corrupt(d, liar(&world.first, lie));
    network.end_epoch(&[a, b]);
    network.start();
    network.run(60 * SECOND);
    assert_eq!(network.leases(), 0, "MEM-5");
    assert_eq!(network.usable(), None);
}

#[test]
fn liars_and_silent_members_that_are_more_than_f_produce_no_lease() {
    let world = World::new(7, 2);
    let mut network = Network::new(&world);
    for id in &world.group()[..2] {
        let good = world.first.clone();
        let lie = signing(&world, *id, move |nonce| Subject::of(&good, nonce));
        network.corrupt(*id, liar(&world.first, move |nonce| lie(nonce).repeat(9)));
    }
    let ended: Vec<_> = world.group()[2..5].to_vec();
    network.end_epoch(&ended);
    network.start();
    network.run(60 * SECOND);
    assert_eq!(network.leases(), 0, "MEM-5");
    assert!(network.ignored("membership: duplicate vouch") > 0);
}

#[test]
fn mem_7_vouches_that_come_after_the_end_of_the_lease_give_none() {
    let world = World::new(7, 1);
    let mut network = Network::running(&world);
    network.silence_group(4);
    network.run(10 * SECOND);
    assert_eq!(network.usable(), None);
    let before = network.leases();
    // Old answers of the whole group, to a challenge that is long over.
    for id in world.group() {
        let subject = Subject::of(&world.first, Nonce::new(Digest::new([1; 32])));
        let vouch = Vouch::sign(subject, *id, &*world.signer(*id, Epoch::ZERO));
        network.deliver(*id, Message::Vouch(vouch));
    }
    assert_eq!(network.leases(), before, "MEM-7");
    assert_eq!(network.usable(), None);
}

#[test]
fn vouches_without_a_challenge_and_questions_are_ignored() {
    let world = World::new(7, 1);
    let mut network = Network::new(&world);
    let id = world.group()[0];
    let subject = Subject::of(&world.first, Nonce::new(Digest::ZERO));
    let vouch = Vouch::sign(subject, id, &*world.signer(id, Epoch::ZERO));
    network.deliver(id, Message::Vouch(vouch));
    assert_eq!(network.ignored("membership: vouch without a challenge"), 1);
    let challenge = crate::freshness::Challenge { nonce: Nonce::new(Digest::ZERO) };
    network.deliver(id, Message::Challenge(challenge));
    assert_eq!(network.ignored("membership: question to a client"), 1);
}
