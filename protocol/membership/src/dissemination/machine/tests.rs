//! What liars achieve at one server: marks, and a bounded amount of work.
use std::boxed::Box;
use std::collections::BTreeSet;
use std::string::ToString;
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use quorate_machine::{Effect, Effects, Input, Machine, Recipients};
use quorate_threshold::SIGNATURE_BYTES;
use quorate_types::{Epoch, NodeId, Peer};
use quorate_wire::encode;

use super::{Disseminator, DisseminatorOutput, DisseminatorParameters, DisseminatorRequest};
use crate::VerifiedConfiguration;
use crate::delta::Delta;
use crate::dissemination::catching_up::{CatchingUp, Giver};
use crate::dissemination::{
    Checked, Chunk, Digest, EncodedDelta, GetDelta, GetLeaves, GetRecords, Leaves, Message, Records,
};
use crate::limits::{
    ANSWERED_ALL_BYTES_MAX, ANSWERED_BYTES_MAX, ASSEMBLIES_MAX, CHUNK_BYTES, CHUNKS_MAX,
    ONE_REPAIRS_MAX, PAGE_GIVERS, PAGE_REPAIRS_MAX, REPAIRS_MAX,
};
use crate::testing::{World, now, schemes};

const PEER: NodeId = NodeId::new([200; 32]);
const OTHER: NodeId = NodeId::new([201; 32]);

/// What one step did.
#[derive(Default)]
struct Did {
    sent: Vec<(NodeId, Message)>,
    adopted: Vec<VerifiedConfiguration>,
    marks: Vec<&'static str>,
}

struct Bench {
    world: World,
    machine: Disseminator,
    effects: Effects<Disseminator>,
}

impl Bench {
    fn new(servers: usize) -> Self {
        let world = World::new(servers, 1);
        // A server inside: the group has the epoch first, so it is none of them.
        let is_inside = |id: &NodeId| !world.group().contains(id);
        let mut ids = world.first.configuration().members.iter().map(|member| member.id);
        let me = ids.find(is_inside).unwrap();
        let follow = Arc::new(Checked { schemes: schemes(), fan_out: 2 });
        let parameters = DisseminatorParameters::new(me);
        let machine = Disseminator::new(parameters, world.first.clone(), follow);
        Self { world, machine, effects: Effects::new() }
    }

    fn step(&mut self, input: Input<Disseminator>) -> Did {
        self.machine.step(now(1), input, &mut self.effects);
        let mut did = Did::default();
        for effect in self.effects.drain() {
            match effect {
                Effect::Send { to: Recipients::One(Peer::Node(to)), message, .. } => {
                    did.sent.push((to, message));
                }
                Effect::Send { to: Recipients::Each(peers), message, .. } => {
                    for peer in peers.iter() {
                        let Peer::Node(to) = *peer else { panic!("no client") };
                        did.sent.push((to, message.clone()));
                    }
                }
                Effect::Emit(DisseminatorOutput::Adopted(one)) => did.adopted.push(one),
                Effect::Mark(mark) => did.marks.push(mark),
                Effect::Arm { .. } | Effect::Disarm(_) => {}
                Effect::Send { .. } | Effect::Persist(_) | Effect::Release(_) => {
                    panic!("nothing goes to clients, nothing is kept")
                }
            }
        }
        did
    }

    fn hear(&mut self, from: NodeId, message: Message) -> Did {
        self.step(Input::Deliver { from: Peer::Node(from), message })
    }

    fn next(&self) -> VerifiedConfiguration {
        self.world.after(&self.world.first, |members| members.push(self.world.newcomer(60)))
    }

    fn delta(&self, next: &VerifiedConfiguration) -> Delta {
        Delta::between(&self.world.first, next).unwrap()
    }
}

fn chunks(delta: &Delta) -> Vec<Message> {
    let encoded = EncodedDelta::of(delta).unwrap();
    encoded.chunks().iter().map(|chunk| Message::Chunk(Arc::clone(chunk))).collect()
}

#[test]
fn a_delta_is_told_to_the_node_and_passed_on_once() {
    let mut bench = Bench::new(40);
    let next = bench.next();
    let chunks = chunks(&bench.delta(&next));
    let did = bench.hear(PEER, chunks[0].clone());
    assert_eq!(did.adopted, std::slice::from_ref(&next));
    let trees = crate::dissemination::Trees::of(&bench.world.first, &next, 2);
    let children = trees.children(bench.machine.me());
    let told: Vec<_> = did.sent.iter().map(|(to, _)| *to).collect();
    assert_eq!(told, children);
    let again = bench.hear(OTHER, chunks[0].clone());
    assert_eq!(again.marks, ["dissemination: delta is not newer"], "MEM-3");
    assert!(again.sent.is_empty() && again.adopted.is_empty());
}

#[test]
fn the_node_of_a_member_of_the_old_group_starts_the_epoch() {
    let mut bench = Bench::new(40);
    let next = bench.next();
    let did = bench.step(Input::Request(DisseminatorRequest::Adopt(next.clone())));
    assert_eq!(did.adopted, std::slice::from_ref(&next));
    let trees = crate::dissemination::Trees::of(&bench.world.first, &next, 2);
    assert_eq!(did.sent.len(), trees.children(bench.machine.me()).len());
    let back = bench.step(Input::Request(DisseminatorRequest::Adopt(bench.world.first.clone())));
    assert_eq!(back.marks, ["dissemination: configuration is not newer"], "MEM-3");
    assert_eq!(bench.machine.newest(), &next);
}

#[test]
fn what_the_node_has_read_in_the_log_meanwhile_is_held_once() {
    let mut bench = Bench::new(40);
    let (came, read) = (bench.next(), bench.next());
    let is_held = |bench: &Bench, one: &VerifiedConfiguration| {
        core::ptr::eq(bench.machine.newest().configuration(), one.configuration())
    };
    bench.hear(PEER, chunks(&bench.delta(&came))[0].clone());
    assert_eq!(bench.machine.newest(), &read);
    assert!(!is_held(&bench, &read), "it has made one of its own");
    let did = bench.step(Input::Request(DisseminatorRequest::Adopt(read.clone())));
    assert!(is_held(&bench, &read), "the node's");
    assert!(did.sent.is_empty() && did.adopted.is_empty(), "nothing is news");
    bench.step(Input::Request(DisseminatorRequest::Adopt(bench.world.first.clone())));
    assert!(is_held(&bench, &read), "MEM-3");
}

#[test]
fn a_false_delta_is_neither_believed_nor_passed_on_and_a_good_one_still_is() {
    let mut bench = Bench::new(40);
    let next = bench.next();
    let good = bench.delta(&next);
    let mut forged = good.clone();
    forged.certified.signature = quorate_threshold::Signature::new([1; SIGNATURE_BYTES]);
    let mut moved = good.clone();
    moved.changed[0].address = "liar.example:1".to_string();
    for (number, false_delta) in [forged, moved].into_iter().enumerate() {
        let liar = NodeId::new([100 + u8::try_from(number).unwrap(); 32]);
        for chunk in chunks(&false_delta) {
            let did = bench.hear(liar, chunk);
            assert_eq!(did.marks, ["dissemination: a delta leads nowhere"]);
            assert!(did.sent.is_empty(), "MEM-63: nothing unchecked is passed on");
            assert!(did.adopted.is_empty(), "MEM-1");
        }
        let did = bench.hear(liar, chunks(&good)[0].clone());
        assert_eq!(did.marks, ["dissemination: chunk from a peer that was refused"]);
    }
    let garbage = Chunk { epoch: Epoch::new(1), ..chunk_of(&[7; 100], 1, 0) };
    let did = bench.hear(NodeId::new([99; 32]), Message::Chunk(Arc::new(garbage)));
    assert_eq!(did.marks, ["dissemination: a delta leads nowhere"], "the bytes are no delta");
    assert_eq!(bench.hear(PEER, chunks(&good)[0].clone()).adopted, [next]);
}

/// The first of many chunks that are all the same, under their root; `salt` makes the root another.
fn chunk_of(bytes: &[u8], count: usize, salt: usize) -> Chunk {
    use quorate_crypto::merkle;
    let mut leaves = vec![merkle::leaf(bytes); count];
    if salt > 0 {
        *leaves.last_mut().unwrap() = merkle::leaf(&salt.to_be_bytes());
    }
    let proof = merkle::prove(&leaves, 0).unwrap();
    Chunk { epoch: Epoch::new(1), root: merkle::root(&leaves), proof, bytes: bytes.to_vec() }
}

#[test]
fn an_endless_stream_of_chunks_takes_a_bounded_amount_of_memory() {
    let mut bench = Bench::new(40);
    let bytes = vec![1; CHUNK_BYTES];
    for salt in 1..60 {
        // Each liar begins many deltas, and there are more liars than there is room for.
        let liar = NodeId::new([u8::try_from(salt % 10).unwrap(); 32]);
        let did = bench.hear(liar, Message::Chunk(Arc::new(chunk_of(&bytes, 100, salt))));
        assert!(did.sent.is_empty());
    }
    assert_eq!(bench.machine.assemblies.bytes(), ASSEMBLIES_MAX * CHUNK_BYTES, "MEM-65");
    let too_many = chunk_of(&bytes, CHUNKS_MAX + 1, 1);
    let did = bench.hear(PEER, Message::Chunk(Arc::new(too_many)));
    assert_eq!(did.marks, ["dissemination: malformed chunk"]);

    // A server that was asked finds room, and its delta leads on.
    let next = bench.next();
    bench.machine.asked = Some(OTHER);
    let did = bench.hear(OTHER, chunks(&bench.delta(&next))[0].clone());
    assert_eq!(did.adopted, [next]);
    assert_eq!(bench.machine.assemblies.bytes(), 0);
}

#[test]
fn a_long_false_delta_without_an_end_keeps_nobody_from_the_good_one() {
    let mut bench = Bench::new(40);
    let next = bench.world.after(&bench.world.first, |members| {
        members.extend((300..800).map(|server| bench.world.newcomer(server)));
    });
    let good = chunks(&bench.delta(&next));
    assert!(good.len() > 1, "it has several chunks");
    bench.hear(PEER, good[0].clone());
    let liar = NodeId::new([90; 32]);
    for index in 0..CHUNKS_MAX - 1 {
        let chunk = chunk_at(index, CHUNKS_MAX);
        assert!(bench.hear(liar, Message::Chunk(Arc::new(chunk))).adopted.is_empty());
    }
    let mut everything = None;
    for _ in 0..3 {
        let asked = bench.step(Input::Expired(super::DisseminatorTimer::Repair)).sent;
        let [(peer, Message::GetDelta(ref wish))] = asked[..] else { panic!("{asked:?}") };
        everything = everything.or_else(|| wish.wanted.is_empty().then_some(peer));
    }
    let peer = everything.expect("somebody is asked for all of it");
    let adopted: Vec<_> =
        good.into_iter().flat_map(|chunk| bench.hear(peer, chunk).adopted).collect();
    assert_eq!(adopted, [next]);
}

/// A chunk of a delta that is none.
fn chunk_at(index: usize, count: usize) -> Chunk {
    use quorate_crypto::merkle;
    let bytes = |index: usize| vec![u8::try_from(index).unwrap(); CHUNK_BYTES];
    let leaves: Vec<_> = (0..count).map(|index| merkle::leaf(&bytes(index))).collect();
    let proof = merkle::prove(&leaves, index).unwrap();
    Chunk { epoch: Epoch::new(1), root: merkle::root(&leaves), proof, bytes: bytes(index) }
}

#[test]
fn a_chunk_that_is_not_under_its_root_is_refused() {
    let mut bench = Bench::new(40);
    let mut chunk = chunk_of(&[1; CHUNK_BYTES], 3, 0);
    chunk.bytes[5] ^= 1;
    let did = bench.hear(PEER, Message::Chunk(Arc::new(chunk)));
    assert_eq!(did.marks, ["dissemination: malformed chunk"]);
    let mut short = chunk_of(&[1; 10], 3, 0);
    short.epoch = Epoch::new(1);
    let did = bench.hear(OTHER, Message::Chunk(Arc::new(short)));
    assert_eq!(did.marks, ["dissemination: malformed chunk"], "only the last may be short");
}

#[test]
fn who_asks_for_everything_all_the_time_gets_a_bounded_amount() {
    let mut bench = Bench::new(40);
    let next = bench.next();
    bench.step(Input::Request(DisseminatorRequest::Adopt(next.clone())));
    let mut sent = 0;
    let mut answers = |bench: &mut Bench, from: NodeId, message: Message| {
        let did = bench.hear(from, message);
        let bytes: usize = did.sent.iter().map(|(_, message)| encode(message).len()).sum();
        sent += bytes;
        bytes
    };
    let leaves = Message::GetLeaves(GetLeaves { hash: next.hash(), from: 0 });
    while answers(&mut bench, PEER, leaves.clone()) > 0 {}
    let everything = Message::GetDelta(GetDelta { epoch: next.epoch(), wanted: vec![] });
    for _ in 0..100 {
        answers(&mut bench, PEER, everything.clone());
    }
    assert!(answers(&mut bench, OTHER, leaves.clone()) > 0, "others still get theirs");
    assert!(sent <= ANSWERED_BYTES_MAX + 4096, "MEM-65: {sent} bytes in a round");
    let round = bench.step(Input::Expired(super::DisseminatorTimer::Round));
    assert!(!round.sent.is_empty());
    assert!(!bench.hear(PEER, leaves).sent.is_empty(), "in the next round it may ask again");
    const { assert!(ANSWERED_ALL_BYTES_MAX > ANSWERED_BYTES_MAX) };
}

#[test]
fn a_forged_header_moves_nothing_and_is_checked_once() {
    let mut bench = Bench::new(40);
    let next = bench.next();
    let mut certified = next.header().certified().clone();
    certified.header.epoch = Epoch::new(9);
    let forged = Message::Header(Box::new(certified));
    let did = bench.hear(PEER, forged.clone());
    assert_eq!(did.marks, ["membership: not signed under the pinned key"]);
    assert!(did.sent.is_empty());
    let did = bench.hear(PEER, forged);
    assert_eq!(did.marks, ["dissemination: header from a peer that was refused"]);
    let header = Message::Header(Box::new(bench.world.first.header().certified().clone()));
    assert_eq!(bench.hear(OTHER, header).marks, ["dissemination: header is not newer"], "MEM-3");
}

/// A server behind a configuration of which it has one delta less. All founders have keys of the
/// first epoch, so that all records differ from the second.
fn behind() -> (Bench, VerifiedConfiguration) {
    let mut bench = Bench::new(40);
    let second = bench.next();
    bench.step(Input::Request(DisseminatorRequest::Adopt(second.clone())));
    let next = bench.world.after(&second, |members| members.push(bench.world.newcomer(61)));
    (bench, next)
}

#[test]
fn who_is_behind_asks_for_the_delta_and_then_compares_leaves_and_is_not_misled() {
    let (mut bench, next) = behind();
    let header = Message::Header(Box::new(next.header().certified().clone()));
    let did = bench.hear(PEER, header);
    let epoch = next.epoch();
    assert_eq!(did.sent, [(PEER, Message::GetDelta(GetDelta { epoch, wanted: vec![] }))]);
    let asked = bench.step(Input::Expired(super::DisseminatorTimer::Repair)).sent;
    assert!(matches!(asked[..], [(_, Message::GetDelta(_) | Message::GetLeaves(_))]), "{asked:?}");
    let asked = bench.step(Input::Expired(super::DisseminatorTimer::Repair)).sent;
    let [(helper, Message::GetLeaves(wish))] = asked[..] else { panic!("{asked:?}") };
    assert_eq!(wish, GetLeaves { hash: next.hash(), from: 0 });

    // Whoever was not asked is not heard; whoever lies is left.
    let leaves: Vec<_> = next.leaves().iter().map(super::super::catching_up::short).collect();
    let page = Leaves { hash: next.hash(), from: 0, leaves };
    let did = bench.hear(PEER, Message::Leaves(page.clone()));
    assert_eq!(did.marks, ["dissemination: page that nobody asked for"]);
    let short = Leaves { leaves: page.leaves[1..].to_vec(), ..page.clone() };
    let did = bench.hear(helper, Message::Leaves(short));
    assert_eq!(did.marks, ["dissemination: page that was not asked for last"]);
    let asked = bench.step(Input::Expired(super::DisseminatorTimer::Repair)).sent;
    let [(second, Message::GetLeaves(_))] = asked[..] else { panic!("{asked:?}") };
    assert_ne!(second, helper, "somebody else is asked");

    let asked = bench.hear(second, Message::Leaves(page)).sent;
    let [(third, Message::GetRecords(ref wish))] = asked[..] else { panic!("{asked:?}") };
    assert_eq!(wish.positions.len(), 5, "one that came, and the keys of the group: {wish:?}");
    let members = &next.configuration().members;
    let record = |position: &u32| (*position, members[*position as usize].clone());
    let records: Vec<_> = wish.positions.iter().map(record).collect();
    let did = bench.hear(third, Message::Records(Records { hash: next.hash(), records }));
    assert_eq!(did.adopted, [next]);
}

/// Asks for what is ahead as long as nobody answers, up to the leaves; who is asked for them.
fn asks_for_leaves(bench: &mut Bench, next: &VerifiedConfiguration) -> NodeId {
    let header = Message::Header(Box::new(next.header().certified().clone()));
    let mut asked = bench.hear(PEER, header).sent;
    loop {
        match asked[..] {
            [(peer, Message::GetLeaves(_))] => return peer,
            [(_, Message::GetDelta(_))] => {}
            _ => panic!("{asked:?}"),
        }
        asked = bench.step(Input::Expired(super::DisseminatorTimer::Repair)).sent;
    }
}

fn pages(next: &VerifiedConfiguration) -> (Message, impl Fn(&GetRecords) -> Message + use<>) {
    let (hash, members) = (next.hash(), next.configuration().members.clone());
    let leaves = next.leaves().iter().map(super::super::catching_up::short).collect();
    let records = move |wish: &GetRecords| {
        let record = |position: &u32| (*position, members[*position as usize].clone());
        let records = wish.positions.iter().map(record).collect();
        Message::Records(Records { hash, records })
    };
    (Message::Leaves(Leaves { hash, from: 0, leaves }), records)
}

#[test]
fn pages_come_from_several_peers_and_from_one_if_they_do_not_fit_mem_65() {
    let (mut bench, next) = behind();
    let (leaves, records) = pages(&next);
    let first = asks_for_leaves(&mut bench, &next);
    let asked = bench.hear(first, leaves.clone()).sent;
    let [(other, Message::GetRecords(ref wish))] = asked[..] else { panic!("{asked:?}") };
    assert_ne!(other, first, "nobody gives everything");
    let Message::Records(mut page) = records(wish) else { panic!("records") };
    Arc::make_mut(&mut page.records[0].1).address.push('x');
    let did = bench.hear(other, Message::Records(page));
    assert_eq!(did.marks, ["dissemination: page that does not fit"]);

    // Any of them may have lied, so nobody is refused, and one gives all; pages that come twice,
    // since they were late and asked for again, are no lie.
    let asked = bench.step(Input::Expired(super::DisseminatorTimer::Repair)).sent;
    assert!(matches!(asked[..], [(PEER, Message::GetLeaves(_))]), "who told of it: {asked:?}");
    let asked = bench.hear(PEER, leaves.clone()).sent;
    let [(PEER, Message::GetRecords(ref wish))] = asked[..] else { panic!("{asked:?}") };
    let again = bench.hear(PEER, leaves.clone());
    assert_eq!(again.marks, ["dissemination: page that was not asked for last"]);
    let asked = bench.step(Input::Expired(super::DisseminatorTimer::Repair)).sent;
    assert_eq!(asked, [(PEER, Message::GetRecords(wish.clone()))], "it gives all, and slowly");

    // Who gave all that does not fit has lied: another gives all, from the first leaf on.
    let Message::Records(mut page) = records(wish) else { panic!("records") };
    Arc::make_mut(&mut page.records[0].1).address.push('x');
    let did = bench.hear(PEER, Message::Records(page));
    assert_eq!(did.marks, ["dissemination: page that does not fit"]);
    let asked = bench.step(Input::Expired(super::DisseminatorTimer::Repair)).sent;
    let [(one, Message::GetLeaves(_))] = asked[..] else { panic!("{asked:?}") };
    assert_ne!(one, PEER, "MEM-65");
    let asked = bench.hear(one, leaves).sent;
    let [(giver, Message::GetRecords(ref wish))] = asked[..] else { panic!("{asked:?}") };
    assert_eq!(giver, one);
    assert_eq!(bench.hear(one, records(wish)).adopted, [next]);
}

/// Two liars that give everything but the last page, in turn, are each asked once.
#[test]
fn who_was_to_give_all_and_did_not_is_not_asked_again_before_others() {
    let (mut bench, next) = behind();
    let (leaves, _) = pages(&next);
    asks_for_leaves(&mut bench, &next);
    let mut givers = Vec::new();
    for _ in 0..PAGE_REPAIRS_MAX + 4 * ONE_REPAIRS_MAX {
        let asked = bench.step(Input::Expired(super::DisseminatorTimer::Repair)).sent;
        let [(giver, Message::GetLeaves(_))] = asked[..] else { continue };
        let asked = bench.hear(giver, leaves.clone()).sent;
        let [(next, Message::GetRecords(_))] = asked[..] else { panic!("{asked:?}") };
        if next == giver && givers.last() != Some(&giver) {
            givers.push(giver);
        }
    }
    let distinct: BTreeSet<_> = givers.iter().collect();
    assert_eq!(givers.first(), Some(&PEER), "who told of it");
    assert_eq!((givers.len(), distinct.len()), (4, 4), "each of them once: {givers:?}");
}

/// Lets everybody who is asked be silent until nobody is asked any more: who was to give all in
/// turn, and how often each was asked.
fn givers_of_all(bench: &mut Bench) -> Vec<(NodeId, u32)> {
    let mut givers: Vec<(NodeId, u32)> = Vec::new();
    // Of each bound as much as there can be, and once more.
    let one_max = u32::try_from(PAGE_GIVERS).unwrap() * ONE_REPAIRS_MAX;
    for _ in 0..=REPAIRS_MAX + PAGE_REPAIRS_MAX + one_max {
        let asked = bench.step(Input::Expired(super::DisseminatorTimer::Repair)).sent;
        let Some(&(giver, ref message)) = asked.first() else { return givers };
        let is_one = bench.machine.catching_up.as_ref().map(CatchingUp::giver);
        if is_one != Some(Giver::One(giver)) {
            continue;
        }
        assert!(matches!(message, Message::GetLeaves(_)), "{message:?}");
        match givers.last_mut().filter(|(last, _)| *last == giver) {
            Some((_, count)) => *count += 1,
            None => givers.push((giver, 1)),
        }
    }
    panic!("it asks for ever: {givers:?}");
}

#[test]
fn who_is_to_give_all_and_is_silent_is_asked_a_few_times_and_no_more() {
    let (mut bench, next) = behind();
    asks_for_leaves(&mut bench, &next);
    let givers = givers_of_all(&mut bench);
    assert!(!givers.is_empty());
    let held = |(_, count): &(NodeId, u32)| *count == ONE_REPAIRS_MAX;
    assert!(givers.iter().all(held), "{givers:?}");
}

#[test]
fn where_so_many_were_to_give_all_and_were_silent_nobody_is_asked_any_more() {
    let (mut bench, next) = behind();
    asks_for_leaves(&mut bench, &next);
    let givers = givers_of_all(&mut bench);
    assert_eq!(givers.len() as u64, PAGE_GIVERS, "{givers:?}");
    assert!(bench.machine.catching_up.is_none() && bench.machine.asked.is_none());
    assert!(bench.step(Input::Expired(super::DisseminatorTimer::Repair)).sent.is_empty());
}

/// Found as a server that asked one peer to give all in each later round, the same every time.
#[test]
fn where_all_who_were_to_give_all_were_silent_others_are_asked_in_a_later_round() {
    let (mut bench, next) = behind();
    let mut asked = BTreeSet::new();
    for _ in 0..3 {
        asks_for_leaves(&mut bench, &next);
        let givers = givers_of_all(&mut bench);
        assert_eq!(givers.len() as u64, PAGE_GIVERS, "{givers:?}");
        asked.extend(givers.into_iter().map(|(giver, _)| giver));
        bench.step(Input::Expired(super::DisseminatorTimer::Round));
    }
    assert!(asked.len() as u64 > 2 * PAGE_GIVERS, "{asked:?}");
}

#[test]
fn where_several_are_silent_whoever_told_of_the_configuration_gives_all_of_it() {
    let (mut bench, next) = behind();
    let (leaves, records) = pages(&next);
    let first = asks_for_leaves(&mut bench, &next);
    let mut asked = bench.hear(first, leaves.clone()).sent;
    let mut silent = BTreeSet::new();
    while !matches!(asked[..], [(PEER, _)]) {
        let [(giver, Message::GetRecords(_))] = asked[..] else { panic!("{asked:?}") };
        assert!(silent.insert(giver), "each of them is asked once: {silent:?}");
        asked = bench.step(Input::Expired(super::DisseminatorTimer::Repair)).sent;
    }
    assert_eq!(silent.len(), 3);
    let [(_, Message::GetLeaves(_))] = asked[..] else { panic!("{asked:?}") };
    let asked = bench.hear(PEER, leaves).sent;
    let [(PEER, Message::GetRecords(ref wish))] = asked[..] else { panic!("{asked:?}") };
    assert_eq!(bench.hear(PEER, records(wish)).adopted, [next]);
}

#[test]
fn epochs_are_compared_and_who_is_behind_gets_the_header() {
    let mut bench = Bench::new(40);
    let first = bench.world.first.clone();
    let behind = Message::Digest(Digest { epoch: first.epoch(), hash: first.hash() });
    assert!(bench.hear(PEER, behind.clone()).sent.is_empty(), "both have the same");
    let ahead = Message::Digest(Digest { epoch: Epoch::new(5), hash: first.hash() });
    assert_eq!(bench.hear(PEER, ahead).sent, [(PEER, behind.clone())]);
    let next = bench.next();
    bench.step(Input::Request(DisseminatorRequest::Adopt(next.clone())));
    let header = Message::Header(Box::new(next.header().certified().clone()));
    assert_eq!(bench.hear(PEER, behind).sent, [(PEER, header)]);
}
