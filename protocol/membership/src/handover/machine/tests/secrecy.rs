//! What all see, and what is copied from disk to disk, holds no secret: the log, the state that it
//! makes (which is the checkpoint and what the next group is given), and what a server journals
//! beside its keys.
use std::boxed::Box;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::vec::Vec;

use quorate_threshold::{Dealer, Dealt, KeyShare, Seed, Session};
use quorate_wire::encode;

use super::liars::{CHEATING_SEED, cheat};
use super::network::{Network, dealing_seed};
use super::{Message, Record, aborts, assert_handed_over};
use crate::handover::PublishedDealing;
use crate::testing::decryption_seed;

/// Length of a seed, a scalar and a digest.
const BYTES: usize = 32;

type Needles = BTreeSet<[u8; BYTES]>;

/// What was dealt, and all that stood anywhere but among the keys while it was.
struct Seen {
    dealings: Vec<PublishedDealing>,
    /// What was told to who was cheated.
    help: Needles,
    shares: Vec<Arc<KeyShare>>,
    images: Vec<Vec<u8>>,
}

/// What went over links.
#[derive(Default)]
struct Heard {
    dealings: Vec<PublishedDealing>,
    help: Needles,
}

/// The state, the log and the journals, but for the share, which is a file of its own, with the
/// proofs against who cheated: they go into the log.
fn image(network: &Network) -> Vec<u8> {
    let mut image = network.log.image();
    for operation in &network.log.executed {
        image.extend(encode(operation));
    }
    for record in network.nodes.keys().flat_map(|node| network.disk(*node)) {
        match record {
            Record::Dealing(signed) => image.extend(encode(&**signed)),
            Record::Certified(header) => image.extend(encode(&**header)),
            Record::Share { .. } => {}
        }
    }
    for proof in network.nodes.values().flat_map(|node| &node.cheats) {
        image.extend(encode(proof));
    }
    image
}

/// How much was written so far to where all may look, and of shares.
fn written(network: &Network) -> usize {
    let records: usize = network.nodes.keys().map(|node| network.disk(*node).count()).sum();
    let proofs: usize = network.nodes.values().map(|node| node.cheats.len()).sum();
    network.log.executed.len() + records + proofs
}

fn is_over(network: &Network) -> bool {
    network.nodes.values().all(|node| node.certified.is_some())
}

/// Runs until that is so; recipients are not heard until so many attempts have failed.
fn watch(network: &mut Network, failures: usize, is_over: impl Fn(&Network) -> bool) -> Seen {
    let (heard, is_deaf) = (Rc::new(RefCell::new(Heard::default())), Rc::new(Cell::new(true)));
    let (hears, deaf) = (Rc::clone(&heard), Rc::clone(&is_deaf));
    let mut rule = core::mem::replace(&mut network.rule, Box::new(|_, _, _| Vec::new()));
    network.rule = Box::new(move |from, to, message| {
        let mut messages = rule(from, to, message);
        for message in &messages {
            match message {
                Message::Dealing(it) => hears.borrow_mut().dealings.push(it.dealing.clone()),
                Message::Help(help) => {
                    hears.borrow_mut().help.insert(scalar(&help.subshare));
                }
                _ => {}
            }
        }
        messages.retain(|message| !deaf.get() || !matches!(message, Message::Completion(_)));
        messages
    });
    let (mut shares, mut images) = (Vec::new(), Vec::new());
    let mut length = 0;
    let mut look = |network: &Network| {
        let now = written(network);
        if core::mem::replace(&mut length, now) != now {
            images.push(image(network));
            shares.extend(network.shares());
        }
    };
    // What was dealt before is in the journals.
    for record in network.nodes.keys().flat_map(|node| network.disk(*node)) {
        if let Record::Dealing(signed) = record {
            heard.borrow_mut().dealings.push(signed.dealing.clone());
        }
    }
    while aborts(network) < failures {
        network.turn();
        look(network);
    }
    is_deaf.set(false);
    while !is_over(network) {
        network.turn();
        look(network);
    }
    let Heard { dealings, help } = heard.take();
    Seen { dealings, help, shares, images }
}

fn scalar(bytes: &[u8]) -> [u8; BYTES] {
    *bytes.last_chunk().unwrap()
}

/// Everything that only some may know.
fn secrets(network: &Network, seen: &Seen, is_founding: bool) -> Needles {
    let founding = &network.world.founding;
    let old = founding.shares.iter().map(|(_, share)| share);
    let mut secrets: Needles =
        old.chain(seen.shares.iter().map(|it| &**it)).map(|it| scalar(&*it.encode())).collect();
    for place in 0..network.nodes.len() {
        secrets.extend([dealing_seed(place), decryption_seed(place)]);
    }
    for dealing in &seen.dealings {
        let member = network.members()[usize::from(dealing.dealer) - 1];
        let key = network.world.first.configuration().member(member).unwrap().identity_key;
        let (session, parameters) =
            (Session::new(*dealing.session.as_bytes()), founding.commitment.parameters());
        let share = &founding.shares.iter().find(|(node, _)| *node == member).unwrap().1;
        let deal = |seed: [u8; BYTES]| {
            let dealer = Dealer { seed: &Seed::new(seed), session, parameters };
            if is_founding { dealer.deal_fresh(share.index()) } else { dealer.deal_again(share) }
        };
        let own = dealing_seed(network.world.number_of(key));
        let dealt = [own, CHEATING_SEED].map(deal);
        let is_this = |it: &&Dealt| it.dealing.commitment().encode() == dealing.commitment.0;
        let dealt = dealt.iter().find(is_this).expect("it is one of these");
        secrets.extend(dealt.subshares.iter().map(|it| scalar(&*it.encode())));
    }
    secrets
}

fn found(images: &[Vec<u8>], needles: &Needles) -> Needles {
    let windows = images.iter().flat_map(|image| image.windows(BYTES));
    windows.filter_map(|window| needles.get(window)).copied().collect()
}

#[test]
fn mem_70_no_state_log_or_journal_holds_a_secret_at_any_moment_of_any_attempt() {
    for (is_founding, failures) in [(false, 0), (false, 2), (true, 1)] {
        let mut network = if is_founding { Network::founding(1, 3) } else { Network::new(7, 1, 3) };
        let seen = watch(&mut network, failures, is_over);
        assert_handed_over(&network);
        let secrets = secrets(&network, &seen, is_founding);
        let attempts = failures + 1;
        // At least two dealings of each attempt for four recipients, and the shares of two.
        assert!(secrets.len() >= attempts * (2 * 4 + 2), "{} secrets", secrets.len());
        assert_eq!(found(&seen.images, &secrets), Needles::new(), "MEM-70");
        assert_public_found(&seen, attempts);
    }
}

/// What is public of the same dealings is found.
fn assert_public_found(seen: &Seen, attempts: usize) {
    let public: Needles =
        seen.dealings.iter().map(|dealing| *dealing.chosen().sealed.as_bytes()).collect();
    let chosen = found(&seen.images, &public).len();
    assert!(chosen >= 2 * attempts, "{chosen} of {} dealings are in the log", public.len());
}

#[test]
fn mem_70_what_is_told_to_who_was_cheated_is_in_no_state_log_journal_or_proof() {
    for (seed, victim_place) in [(3, 0), (4, 1), (8, 2)] {
        let (mut network, victim) = cheat(seed, victim_place);
        let is_whole = |network: &Network| network.nodes[&victim].handover.share().is_some();
        let seen = watch(&mut network, 0, |network| is_over(network) && is_whole(network));
        assert_handed_over(&network);
        assert!(network.marks["handover.repaired"] >= 1);
        assert!(network.nodes.values().any(|node| !node.cheats.is_empty()), "there are proofs");
        let mut secrets = secrets(&network, &seen, false);
        // f + 1 others tell theirs, and they are what the cheating dealer has dealt.
        assert!(seen.help.len() >= 2, "{} have helped", seen.help.len());
        assert!(seen.help.is_subset(&secrets), "what helps is a subshare of that dealing");
        let share = network.nodes[&victim].handover.share().expect("it is whole");
        secrets.insert(scalar(&*share.encode()));
        assert_eq!(found(&seen.images, &secrets), Needles::new(), "MEM-70");
        assert_public_found(&seen, 1);
    }
}
