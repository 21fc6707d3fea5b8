//! What all see, and what is copied from disk to disk, holds no secret: the log, the state that it
//! makes (which is the checkpoint and what the next group is given), and what a server journals
//! beside its keys.
use std::boxed::Box;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::vec::Vec;

use quorate_threshold::{Dealer, KeyShare, Seed, Session};
use quorate_wire::encode;

use super::network::{Network, dealing_seed};
use super::{Message, Record, aborts, assert_handed_over};
use crate::handover::PublishedDealing;
use crate::testing::decryption_seed;

/// Length of a seed, a scalar and a digest.
const BYTES: usize = 32;

type Needles = BTreeSet<[u8; BYTES]>;

/// What was dealt, and all that stood anywhere but among the keys while it was.
struct Seen {
    dealings: Rc<RefCell<Vec<PublishedDealing>>>,
    shares: Vec<Arc<KeyShare>>,
    images: Vec<Vec<u8>>,
}

/// The state, the log and the journals, but for the share, which is a file of its own.
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
    image
}

/// Runs to the end of the epoch; recipients are not heard until so many attempts have failed.
fn watch(network: &mut Network, failures: usize) -> Seen {
    let dealings: Rc<RefCell<Vec<PublishedDealing>>> = Rc::default();
    let seen = Rc::clone(&dealings);
    let listen = move |message: &Message| {
        if let Message::Dealing(signed) = message {
            seen.borrow_mut().push(signed.dealing.clone());
        }
    };
    let heard = listen.clone();
    network.rule = Box::new(move |_, _, message| {
        heard(&message);
        if matches!(message, Message::Completion(_)) { Vec::new() } else { Vec::from([message]) }
    });
    let (mut shares, mut images) = (Vec::new(), Vec::new());
    let mut length = 0;
    let mut look = |network: &Network| {
        let now = (network.log.executed.len(), network.shares().len());
        if core::mem::replace(&mut length, now.0 + now.1) != now.0 + now.1 {
            images.push(image(network));
            shares.extend(network.shares());
        }
    };
    while aborts(network) < failures {
        network.turn();
        look(network);
    }
    network.rule = Box::new(move |_, _, message| {
        listen(&message);
        Vec::from([message])
    });
    while !network.nodes.values().all(|node| node.certified.is_some()) {
        network.turn();
        look(network);
    }
    look(network);
    Seen { dealings, shares, images }
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
    let dealings = seen.dealings.borrow();
    for dealing in &*dealings {
        let member = network.members()[usize::from(dealing.dealer) - 1];
        let key = network.world.first.configuration().member(member).unwrap().identity_key;
        let seed = Seed::new(dealing_seed(network.world.number_of(key)));
        let dealer = Dealer {
            seed: &seed,
            session: Session::new(*dealing.session.as_bytes()),
            parameters: founding.commitment.parameters(),
        };
        let share = &founding.shares.iter().find(|(node, _)| *node == member).unwrap().1;
        let dealt =
            if is_founding { dealer.deal_fresh(share.index()) } else { dealer.deal_again(share) };
        assert_eq!(dealt.dealing.commitment().encode(), dealing.commitment.0, "it is this one");
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
        let seen = watch(&mut network, failures);
        assert_handed_over(&network);
        let secrets = secrets(&network, &seen, is_founding);
        let attempts = failures + 1;
        // At least two dealings of each attempt for four recipients, and the shares of two.
        assert!(secrets.len() >= attempts * (2 * 4 + 2), "{} secrets", secrets.len());
        assert_eq!(found(&seen.images, &secrets), Needles::new(), "MEM-70");
        // What is public of the same dealings is found.
        let dealings = seen.dealings.borrow();
        let public: Needles =
            dealings.iter().map(|dealing| *dealing.chosen().sealed.as_bytes()).collect();
        let chosen = found(&seen.images, &public).len();
        assert!(chosen >= 2 * attempts, "{chosen} of {} dealings are in the log", public.len());
    }
}
