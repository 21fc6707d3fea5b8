//! What members and recipients may do to the others, and what comes of it.
use std::boxed::Box;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::vec::Vec;

use quorate_crypto::Signer;
use quorate_threshold::{
    CheckedDealing, Commitment, Dealer, Dealing, KeyShare, PUBLIC_KEY_BYTES, PartialSignature,
    PublicKey, SEALED_PREFIX_BYTES, Seed, ShareIndex, Sharing, Signature,
};
use quorate_types::{Digest, NodeId};

use super::super::Record;
use super::network::Network;
use super::{aborts, assert_handed_over, assert_one_dealing_each, drawn};
use crate::handover::attempt::{Attempt, Occasion};
use crate::handover::dealing::{CertifiedDealing, PublishedDealing};
use crate::handover::message::{Help, Message};
use crate::handover::operation::HandoverOperation;
use crate::handover::signed_dealing::SignedDealing;
use crate::handover::stage::Stage;
use crate::handover::vote::{Completion, ShareProof};
use crate::handover::word::{Word, Words};
use crate::monitor::{Accusation, Known};
use crate::testing::{decryption_key, registry};

/// What the dealing of a villain that cheats follows from.
pub(super) const CHEATING_SEED: [u8; 32] = [77; 32];

fn attempt(network: &Network) -> Attempt {
    let Stage::Dealing(underway) = &network.log.news.stage else { panic!("a group is drawn") };
    underway.attempt.clone()
}

/// A dealing of a member's true share with other randomness than its own.
fn dealing(network: &Network, villain: NodeId, seed: [u8; 32]) -> PublishedDealing {
    let configuration = network.world.first.configuration();
    let occasion = Occasion {
        system: configuration.system,
        epoch: configuration.epoch.next(),
        system_key: Some(network.world.founding.system_key),
    };
    let attempt = attempt(network);
    let (seed, session) = (Seed::new(seed), attempt.session(&occasion));
    let dealer = Dealer { seed: &seed, session, parameters: attempt.parameters() };
    let shares = &network.world.founding.shares;
    let bytes = shares.iter().find(|(node, _)| *node == villain).unwrap().1.encode();
    let dealt = dealer.deal_again(&KeyShare::decode(bytes.as_ref()).unwrap());
    let sealed = dealer.seal(&dealt, &attempt.encryption_keys().unwrap()).unwrap();
    PublishedDealing::new(&dealt.dealing, &sealed)
}

/// The same with the villain's signature.
fn signed(network: &Network, villain: NodeId, dealing: PublishedDealing) -> SignedDealing {
    let configuration = network.world.first.configuration();
    let (system, epoch) = (configuration.system, configuration.epoch);
    let signer = network.world.signer(villain, epoch);
    SignedDealing::sign(dealing, (system, epoch), &*signer)
}

/// What a founder deals that has seen the dealing of another: its own less that one, so that the
/// sum of the two is its own, which it knows. To the recipients it deals its own.
fn cancelling(
    network: &Network,
    villain: NodeId,
    other: &PublishedDealing,
) -> (SignedDealing, PublicKey) {
    let configuration = network.world.first.configuration();
    let occasion = Occasion {
        system: configuration.system,
        epoch: configuration.epoch.next(),
        system_key: None,
    };
    let attempt = attempt(network);
    let (session, parameters) = (attempt.session(&occasion), attempt.parameters());
    let check = |dealer: u16, commitment: Commitment| {
        let dealing = Dealing::new(session, ShareIndex::new(dealer).unwrap(), commitment);
        dealing.check_fresh(session, parameters).unwrap()
    };
    let sum = |dealings: Vec<CheckedDealing>| {
        Sharing::fresh(dealings).unwrap().group_key().commitment().clone()
    };
    let place = network.members().iter().position(|member| *member == villain).unwrap();
    let me = u16::try_from(place + 1).unwrap();
    let (seed, index) = (Seed::new([77; 32]), ShareIndex::new(me).unwrap());
    let dealer = Dealer { seed: &seed, session, parameters };
    let dealt = dealer.deal_fresh(index);
    let own = dealt.dealing.commitment().clone();

    // A compressed point has its sign in one bit.
    let mut minus = other.commitment.0.clone();
    minus.iter_mut().step_by(PUBLIC_KEY_BYTES).for_each(|byte| *byte ^= 0x20);
    let minus = Commitment::decode(&minus, parameters).unwrap();
    let less = sum(Vec::from([check(me, own.clone()), check(other.dealer, minus)]));
    let seen = Commitment::decode(&other.commitment.0, parameters).unwrap();
    let both = sum(Vec::from([check(me, less.clone()), check(other.dealer, seen)]));
    assert_eq!(both, own, "together they would be what the founder knows");

    let sealed = dealer.seal(&dealt, &attempt.encryption_keys().unwrap()).unwrap();
    let rogue = PublishedDealing::new(&Dealing::new(session, index, less), &sealed);
    (signed(network, villain, rogue), own.public_key())
}

/// The log takes this dealing of a villain with the acknowledgements of recipients that hold what
/// they are owed, before any other dealing.
pub(super) fn cheat(seed: u64, victim_place: usize) -> (Network, NodeId) {
    let (mut network, seats) = drawn(7, seed);
    let villain = network.members()[0];
    let others: Vec<_> = seats.iter().filter(|node| **node != villain).copied().collect();
    let victim = others[victim_place];
    let mut published = dealing(&network, villain, CHEATING_SEED);
    let slot = SEALED_PREFIX_BYTES + 32 * seats.iter().position(|node| *node == victim).unwrap();
    published.sealed[slot + 31] ^= 1;
    let acknowledged = Rc::new(RefCell::new(BTreeMap::new()));
    let (known, bad) = (Rc::clone(&acknowledged), signed(&network, villain, published.clone()));
    network.rule = Box::new(move |from, to, message| match message {
        Message::Dealing(it) if from == villain && it.dealing.session == bad.dealing.session => {
            Vec::from([Message::Dealing(Box::new(bad.clone()))])
        }
        Message::Acknowledgement(word) if to == villain => {
            known.borrow_mut().insert(word.by, word);
            Vec::new()
        }
        // Until the villain's stands in the log, nobody else's is acknowledged.
        Message::Acknowledgement(word) if known.borrow().len() >= 3 => {
            Vec::from([Message::Acknowledgement(word)])
        }
        Message::Acknowledgement(_) => Vec::new(),
        message => Vec::from([message]),
    });
    let own = published.clone();
    let needed = if seats.contains(&villain) { 2 } else { 3 };
    while acknowledged.borrow().len() < needed {
        network.turn();
    }
    if needed == 2 {
        let word = acknowledge(&network, villain, &own);
        acknowledged.borrow_mut().insert(villain, word);
    }
    let words = acknowledged.borrow().values().cloned().collect();
    let (session, chosen) = (published.session, published.chosen());
    let certified = CertifiedDealing { session, dealing: chosen, acknowledgements: Words(words) };
    network.put(&HandoverOperation::Dealt(Box::new(certified)));
    (network, victim)
}

/// The villain acknowledges its own dealing.
fn acknowledge(
    network: &Network,
    villain: NodeId,
    published: &PublishedDealing,
) -> Word<crate::handover::Acknowledgement> {
    let signer = network.world.signer(villain, network.log.news.epoch.next());
    let said = crate::handover::Acknowledgement {
        session: published.session,
        dealer: published.dealer,
        digest: published.digest(),
    };
    Word::sign(said, villain, &*signer)
}

#[test]
fn a_recipient_that_a_dealer_cheats_is_made_whole_by_the_others() {
    for (seed, victim_place) in [(3, 0), (4, 1), (8, 2)] {
        let (mut network, victim) = cheat(seed, victim_place);
        let villain = network.members()[0];
        network.run();
        assert_handed_over(&network);
        let is_whole = network.nodes[&victim].handover.share().is_some();
        for _ in 0..2_000 {
            if network.nodes[&victim].handover.share().is_some() {
                break;
            }
            network.turn();
        }
        assert!(network.nodes[&victim].handover.share().is_some(), "{is_whole}");
        assert!(network.marks["handover.repaired"] >= 1);
        let finders = network.nodes.iter().filter(|(_, node)| !node.cheats.is_empty());
        let finders: Vec<_> = finders.map(|(id, _)| *id).collect();
        assert!(finders.contains(&victim) && finders.len() >= 2, "and whoever helps");
        assert_exposed(&network, villain);
        assert_one_dealing_each(&network);
    }
}

/// Whatever was found out is proof against the villain and nobody else.
fn assert_exposed(network: &Network, villain: NodeId) {
    let proofs: Vec<_> = network.nodes.values().flat_map(|node| &node.cheats).collect();
    assert!(!proofs.is_empty());
    let configuration = network.world.first.configuration();
    for proof in proofs {
        assert_eq!(proof.server, villain);
        let record = configuration.member(villain).unwrap();
        let known =
            Known { system: configuration.system, epoch: configuration.epoch, former_key: None };
        let accusation = Accusation { evidence: proof.clone(), certificate: None };
        assert_eq!(accusation.check(record, &known, &registry()), Ok(()), "MEM-54");
    }
}

#[test]
fn r22_a_founder_that_deals_last_gets_no_acknowledgement_for_what_cancels_the_others() {
    let mut network = Network::founding(1, 5);
    while !matches!(network.log.news.stage, Stage::Dealing(_)) {
        network.turn();
    }
    let villain = network.members()[2];
    let seen: Rc<RefCell<Option<PublishedDealing>>> = Rc::default();
    let rogue: Rc<RefCell<Option<SignedDealing>>> = Rc::default();
    let told: Rc<RefCell<BTreeSet<NodeId>>> = Rc::default();
    let acknowledged: Rc<RefCell<BTreeSet<NodeId>>> = Rc::default();
    let (first, bad) = (Rc::clone(&seen), Rc::clone(&rogue));
    let (reached, believed) = (Rc::clone(&told), Rc::clone(&acknowledged));
    network.rule = Box::new(move |from, to, message| match message {
        Message::Dealing(_) if from == villain => {
            let Some(bad) = bad.borrow().clone() else { return Vec::new() };
            reached.borrow_mut().insert(to);
            Vec::from([Message::Dealing(Box::new(bad))])
        }
        Message::Dealing(dealt) => {
            first.borrow_mut().get_or_insert_with(|| dealt.dealing.clone());
            Vec::from([Message::Dealing(dealt)])
        }
        Message::Acknowledgement(word) if to == villain => {
            believed.borrow_mut().insert(word.by);
            Vec::new()
        }
        // One dealing that it has seen is certified, and the place of the other is free for it.
        Message::Acknowledgement(word) => {
            let of_first = first.borrow().as_ref().is_some_and(|it| it.dealer == word.said.dealer);
            let is_free = of_first || reached.borrow().len() == 3;
            if is_free { Vec::from([Message::Acknowledgement(word)]) } else { Vec::new() }
        }
        message => Vec::from([message]),
    });
    while seen.borrow().is_none() {
        network.turn();
    }
    let other = seen.borrow().clone().unwrap();
    let (dealing, known_key) = cancelling(&network, villain, &other);
    *rogue.borrow_mut() = Some(dealing);
    network.run();

    assert_handed_over(&network);
    assert_eq!(told.borrow().len(), 3, "all the others were told");
    assert!(acknowledged.borrow().is_empty(), "{acknowledged:?}: none holds what it is owed");
    assert_ne!(network.log.sharing().public_key(), known_key);
    assert_exposed(&network, villain);
}

#[test]
fn help_that_is_wrong_is_found_out_and_other_help_is_enough() {
    let (mut network, victim) = cheat(3, 0);
    let liar = Rc::new(RefCell::new(None));
    network.rule = Box::new(move |from, to, message| match message {
        Message::Help(mut help) if to == victim => {
            let is_liar = *liar.borrow_mut().get_or_insert(from) == from;
            help.subshare[35] ^= u8::from(is_liar);
            Vec::from([Message::Help(Help { ..help })])
        }
        message => Vec::from([message]),
    });
    network.run();
    for _ in 0..3_000 {
        if network.nodes[&victim].handover.share().is_some() {
            break;
        }
        network.turn();
    }
    assert!(network.nodes[&victim].handover.share().is_some());
    assert!(network.marks["handover.help_rejected"] >= 1);
    assert_handed_over(&network);
}

#[test]
fn a_dealer_that_deals_twice_is_acknowledged_at_most_once_by_each_mem_14() {
    let (mut network, seats) = drawn(7, 6);
    let villain = network.members()[0];
    let second = signed(&network, villain, dealing(&network, villain, [99; 32]));
    let half: Vec<_> = seats.iter().take(2).copied().collect();
    network.rule = Box::new(move |from, to, message| match message {
        Message::Dealing(it) if from == villain && it.dealing.session == second.dealing.session => {
            let second = Message::Dealing(Box::new(second.clone()));
            let first = Message::Dealing(it);
            if half.contains(&to) { Vec::from([second, first]) } else { Vec::from([first, second]) }
        }
        message => Vec::from([message]),
    });
    network.run();
    assert_handed_over(&network);
    assert_one_dealing_each(&network);
    assert_exposed(&network, villain);
}

#[test]
fn a_dealing_that_its_dealer_has_not_signed_is_as_good_as_none_mem_53() {
    let (mut network, _) = drawn(7, 6);
    let villain = network.members()[0];
    let forger = network.members()[1];
    let of_villain = dealing(&network, villain, [99; 32]);
    // Another member's word on it, which the villain passes on as if it were its own.
    let forged = signed(&network, forger, of_villain);
    network.rule = Box::new(move |from, _, message| match message {
        Message::Dealing(it) if from == villain && it.dealing.session == forged.dealing.session => {
            Vec::from([Message::Dealing(Box::new(forged.clone()))])
        }
        message => Vec::from([message]),
    });
    network.run();
    assert_handed_over(&network);
    assert!(network.marks["handover.dealing_unsigned"] >= 1);
    let is_held = |record: &Record| matches!(record, Record::Dealing(it) if it.dealing.dealer == 1);
    let others = network.nodes.keys().filter(|id| **id != villain);
    assert!(others.clone().all(|id| !network.disk(*id).any(is_held)), "MEM-53");
    assert!(network.nodes.values().all(|node| node.cheats.is_empty()), "it proves nothing");
}

#[test]
fn a_recipient_whose_key_is_not_the_one_that_it_deposited_accuses_nobody_mem_54() {
    let (mut network, seats) = drawn(7, 6);
    let confused = network.nodes.get_mut(&seats[0]).unwrap();
    confused.handover.setup.next.as_mut().unwrap().decryption_key = Some(decryption_key(77));
    network.run();
    assert!(network.marks["handover.proof_unfounded"] >= 1, "no envelope opens with that key");
    assert!(network.nodes.values().all(|node| node.cheats.is_empty()), "MEM-54");
}

#[test]
fn parts_that_are_wrong_are_named_and_the_others_suffice() {
    for (seed, is_point) in [(0, true), (1, true), (2, true), (0, false), (1, false)] {
        let mut network = Network::new(4, 1, seed);
        let place = u16::try_from(seed).unwrap();
        let villain = network.members()[usize::from(place)];
        let wrong = network.world.founding.shares[0].1.sign(quorate_threshold::Domain::Group, b"");
        let signature = if is_point { *wrong.signature() } else { Signature::new([7; 96]) };
        let index = ShareIndex::new(place + 1).unwrap();
        let wrong = PartialSignature::new(index, signature).encode();
        network.rule = Box::new(move |from, _, message| match message {
            Message::Part(mut part) if from == villain => {
                part.partial = wrong;
                Vec::from([Message::Part(part)])
            }
            message => Vec::from([message]),
        });
        network.run();
        assert_handed_over(&network);
    }
}

/// A recipient shows something else than its share, and another one is late, so that a quorum is
/// there only with the liar.
fn assert_found_out(lie: impl Fn(&mut Word<Completion>, &dyn Signer) + 'static) {
    let (mut network, seats) = drawn(10, 3);
    // A member takes its own word as it is.
    let members = network.members();
    let strangers: Vec<_> = seats.into_iter().filter(|seat| !members.contains(seat)).collect();
    let [villain, late, ..] = strangers[..] else { panic!("two recipients are no members") };
    let signer = network.world.signer(villain, network.world.first.epoch().next());
    let mut lost = BTreeSet::new();
    network.rule = Box::new(move |from, to, message| match message {
        Message::Completion(_) if from == late && lost.insert(to) => Vec::new(),
        Message::Completion(mut word) if from == villain => {
            lie(&mut word, &*signer);
            Vec::from([Message::Completion(word)])
        }
        message => Vec::from([message]),
    });
    network.run();
    assert!(network.marks["handover.completion_rejected"] >= 1);
    let mut completed = network.log.executed.iter().filter_map(|operation| match operation {
        HandoverOperation::Complete(words) => Some(words),
        _ => None,
    });
    let is_honest = |words: &Words<Completion>| words.0.iter().all(|word| word.by != villain);
    assert!(completed.all(is_honest), "members bring only what they found right");
    assert_eq!(aborts(&network), 0, "the honest ones are enough");
    assert_handed_over(&network);
}

#[test]
fn a_recipient_that_shows_no_share_of_its_own_is_found_out_by_every_member() {
    let show = |index: fn(u16) -> u16, signature: [u8; 96]| {
        move |word: &mut Word<Completion>, signer: &dyn Signer| {
            let index = index(word.said.proof.partial().unwrap().index().get());
            let index = ShareIndex::new(index).unwrap();
            let partial = PartialSignature::new(index, Signature::new(signature));
            let said = Completion { proof: ShareProof::new(&partial), ..word.said.clone() };
            *word = Word::sign(said, word.by, signer);
        }
    };
    let (network, _) = drawn(7, 3);
    let of_another = network.world.founding.shares[0].1.sign(quorate_threshold::Domain::Share, b"");
    let of_another = *of_another.signature().as_bytes();
    assert_found_out(show(|own| own, of_another));
    assert_found_out(show(|own| own, [7; 96]));
    assert_found_out(show(|own| own % 4 + 1, of_another));
    assert_found_out(|word, signer| word.signature = signer.sign(&Digest::ZERO));
}

#[test]
fn what_f_members_tell_a_recipient_of_the_log_is_not_believed() {
    let (mut network, _) = drawn(7, 3);
    let members = network.members();
    let stranger = *network.nodes.keys().find(|node| !members.contains(node)).unwrap();
    let mut lie = network.log.news.clone();
    let Stage::Dealing(underway) = &mut lie.stage else { panic!("a group is drawn") };
    underway.attempt.number = 7;
    underway.randomness = Digest::new([9; 32]);
    for _ in 0..3 {
        network.deliver(members[0], stranger, Message::News(Box::new(lie.clone())));
    }
    assert!(!network.knows(stranger, &lie), "one of f + 1 says so");
    network.deliver(members[1], stranger, Message::News(Box::new(lie.clone())));
    assert!(network.knows(stranger, &lie), "with f + 1 one of them is correct");
}

#[test]
fn no_part_of_the_next_header_leaves_before_the_log_has_decided_mem_15_mem_16() {
    let mut network = Network::new(7, 1, 4);
    let seen = Rc::new(RefCell::new(Vec::new()));
    let known = Rc::clone(&seen);
    network.rule = Box::new(move |_, _, message| {
        if let Message::Part(part) = &message {
            known.borrow_mut().push(part.message);
        }
        Vec::from([message])
    });
    let mut messages_before = Vec::new();
    while !matches!(network.log.news.stage, Stage::Done(_)) {
        network.turn();
        messages_before.clone_from(&seen.borrow());
    }
    let Stage::Done(decided) = network.log.news.stage.clone() else { unreachable!() };
    let early = messages_before.contains(&decided.header.hash());
    assert!(!early, "MEM-15: a part of the header before DONE");
    assert!(!messages_before.is_empty(), "MEM-16: the beacon was signed, after the freeze");
    network.run();
    assert!(seen.borrow().contains(&decided.header.hash()));
    assert_handed_over(&network);
}

#[test]
fn a_founder_that_deals_wrong_shares_to_some_keeps_nobody_from_the_key() {
    for (seed, cheated_count) in [(1, 1), (2, 2), (3, 3)] {
        let mut network = Network::founding(1, seed);
        let villain = network.members()[0];
        let cheated: Vec<_> = network.members().into_iter().skip(1).take(cheated_count).collect();
        let configuration = network.world.first.configuration();
        let place = (configuration.system, configuration.epoch);
        let signer = network.world.signer(villain, place.1);
        network.rule = Box::new(move |from, to, message| match message {
            Message::Dealing(it) if from == villain && cheated.contains(&to) => {
                let mut dealing = it.dealing;
                // Every envelope: whichever is this recipient's opens to something else.
                dealing.sealed[SEALED_PREFIX_BYTES..].iter_mut().for_each(|byte| *byte ^= 1);
                let dealing = SignedDealing::sign(dealing, place, &*signer);
                Vec::from([Message::Dealing(Box::new(dealing))])
            }
            message => Vec::from([message]),
        });
        network.run();
        assert_handed_over(&network);
        assert_exposed(&network, villain);
    }
}
