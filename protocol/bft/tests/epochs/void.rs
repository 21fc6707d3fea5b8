//! What counts for nothing: slots behind the last one, late words of an epoch, too few signatures.

use std::sync::Arc;

use quorate_bft::message::{CheckpointCertificate, FetchSlots, FetchState, Message, StateChunk};
use quorate_bft::{Output, Succession};
use quorate_crypto::{Certificate, Rejected, verify};
use quorate_machine::{Effect, Effects, Input, Machine};
use quorate_types::{Duration, Instant, Now, Peer, Slot, UnixTime};

use crate::world::{Mail, World, member, node};

const SECOND: Duration = Duration::from_secs(1);
const FIRST: &[u16] = &[0, 1, 2, 3];

fn peer(server: u16) -> Peer {
    Peer::Node(node(server))
}

/// The end, signed by so many of the members that did.
fn signed_by(world: &World, count: usize) -> CheckpointCertificate {
    let end = world.end_of(0).expect("it ended");
    let certificate = Certificate::new(end.certificate.signatures().take(count));
    CheckpointCertificate { statement: end.statement, certificate }
}

/// A state under this certificate, as an old member would serve it.
fn chunk(world: &World, certificate: CheckpointCertificate) -> Message {
    let served = world.sent.iter().find_map(|mail| match &mail.message {
        Message::StateChunk(chunk) => Some(Arc::clone(chunk)),
        _ => None,
    });
    let served = served.expect("somebody got the state");
    let (cut, chunk) = (served.cut.clone(), served.chunk.clone());
    Message::StateChunk(Arc::new(StateChunk { certificate, cut, chunk }))
}

#[test]
fn a_certificate_for_a_void_slot_offered_to_a_laggard_moves_it_to_the_end_and_not_behind_9() {
    let mut world = World::new(&[FIRST, FIRST]);
    world.call(1, "a");
    world.settle();
    world.crash(3);
    // The votes on the last slot arrive when the one behind it is decided too: the leader has two
    // slots in flight, and nobody has executed yet.
    world.call(2, "b");
    world.settle();
    world.announce((0, 0), "END");
    let last = world.replica((0, 0)).executed_slot();
    let end = world.end_of(0).expect("three are a quorum");
    assert_eq!(end.statement.slot, last);
    // A liar signs with two others what a group without an end would have decided.
    let void = forge::behind(&world, last);
    world.restart(3);
    let to = peer(3);
    let slots = Message::Slots(Arc::new(void));
    for _ in 0..2 {
        world.deliver(Mail { from: peer(1), to, epoch: 0, message: slots.clone() });
        world.pass(SECOND);
    }
    assert_eq!(world.replica((0, 3)).executed_slot(), last, "BFT-11: nothing behind the last");
    assert_eq!(world.journal((0, 3)), "a;b;0:END;");
    let executed = world.outputs.iter().filter_map(|(place, output)| match output {
        Output::Executed { slot, .. } if place.0 == 0 => Some(*slot),
        _ => None,
    });
    assert_eq!(executed.max(), Some(last));
}

#[test]
fn who_has_ended_answers_no_fetch_of_void_slots_9() {
    let mut world = World::new(&[FIRST, FIRST]);
    world.announce((0, 0), "END");
    world.pass(SECOND);
    let above = world.replica((0, 1)).executed_slot();
    let fetch = |above| Message::FetchSlots(FetchSlots { above });
    world.queue.clear();
    world.deliver(Mail { from: peer(3), to: peer(1), epoch: 0, message: fetch(above) });
    assert!(world.queue.is_empty(), "there are none");
    let below = above.previous().expect("some");
    world.deliver(Mail { from: peer(3), to: peer(1), epoch: 0, message: fetch(below) });
    let answer = world.queue.pop_front().expect("the last slot is served");
    let Message::Slots(slots) = answer.message else { panic!("slots") };
    assert!(slots.cuts.iter().any(|cut| cut.slot == above));
}

#[test]
fn late_words_of_an_epoch_count_for_nothing_in_the_next_one() {
    let mut world = World::new(&[FIRST, FIRST]);
    world.call(1, "a");
    world.settle();
    let early: Vec<Mail> = world.sent.clone();
    world.announce((0, 0), "END");
    world.pass(SECOND);
    let mut refused = 0;
    for mail in early {
        let is_signed = !matches!(
            mail.message,
            Message::Request(_)
                | Message::Reply(_)
                | Message::Status(_)
                | Message::FetchBatches(_)
                | Message::FetchProposal(_)
                | Message::FetchSlots(_)
                | Message::FetchState(_)
        );
        if is_signed {
            assert!(!world.deliver(Mail { epoch: 1, ..mail }), "signed in another epoch");
            refused += 1;
        }
    }
    assert!(refused > 20, "{refused}");
}

#[test]
fn f_plus_1_signatures_end_nothing_10() {
    let mut world = World::new(&[FIRST, &[4, 5, 6, 7]]);
    world.announce((0, 0), "END");
    world.pass(SECOND);
    let few = signed_by(&world, 2);
    let judged = |certificate: CheckpointCertificate| {
        let message = Message::Ended(Arc::new(certificate));
        verify(message, &*world.group(0), &world.registry).map(|_| ())
    };
    assert!(matches!(judged(few.clone()), Err(Rejected::ShortCertificate { .. })));
    assert_eq!(judged(signed_by(&world, 3)), Ok(()));
    // A state under f + 1 signatures is good enough for members, and not for heirs.
    let state = chunk(&world, few);
    let group = world.group(0);
    let mut heir = Succession::new(Arc::clone(&group), 0, SECOND);
    let mut effects: Effects<Succession> = Effects::new();
    let now = Now { instant: Instant::ZERO, wall: UnixTime::ZERO };
    heir.step(now, Input::Start, &mut effects);
    effects.drain().for_each(drop);
    let give = |heir: &mut Succession, effects: &mut Effects<Succession>, message: Message| {
        let message = verify(message, &*group, &world.registry).expect("f + 1 signed it");
        heir.step(now, Input::Deliver { from: peer(0), message }, effects);
        let effects: Vec<Effect<Succession>> = effects.drain().collect();
        effects.into_iter().any(|effect| matches!(effect, Effect::Emit(_)))
    };
    assert!(!give(&mut heir, &mut effects, state), "BFT-13: f + 1 let nobody begin");
    let state = chunk(&world, signed_by(&world, 3));
    assert!(give(&mut heir, &mut effects, state), "2f + 1 do");
}

#[test]
fn a_stable_state_that_is_not_the_last_lets_nobody_begin() {
    let mut world = World::new(&[FIRST, &[4, 5, 6, 7]]);
    for ticket in 1..10 {
        world.call(ticket, "x");
        world.settle();
    }
    let stable = world.outputs.iter().find_map(|(_, output)| match output {
        Output::Stable(statement) => Some(*statement),
        _ => None,
    });
    assert!(stable.is_some_and(|statement| !statement.is_last));
    let fetch = FetchState { slot_min: Slot::new(1), after: None };
    let message = Message::FetchState(fetch);
    world.deliver(Mail { from: peer(3), to: peer(1), epoch: 0, message });
    let served = world.queue.pop_front().expect("a member gets it");
    let Message::StateChunk(chunk) = &served.message else { panic!("a state") };
    assert!(!chunk.certificate.is_end(&world.group(0)));
    let mut heir = Succession::new(world.group(0), 1, SECOND);
    let mut effects: Effects<Succession> = Effects::new();
    let now = Now { instant: Instant::ZERO, wall: UnixTime::ZERO };
    heir.step(now, Input::Start, &mut effects);
    let message = verify(served.message, &*world.group(0), &world.registry).expect("signed");
    heir.step(now, Input::Deliver { from: peer(1), message }, &mut effects);
    let effects: Vec<Effect<Succession>> = effects.drain().collect();
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Emit(_))));
    // And strangers get nothing at all before the end, heirs or not.
    world.queue.clear();
    let message = Message::FetchState(FetchState { slot_min: Slot::new(1), after: None });
    world.deliver(Mail { from: peer(4), to: peer(1), epoch: 0, message });
    assert!(world.queue.is_empty());
}

#[test]
fn only_heirs_get_the_final_state_and_only_the_state() {
    let mut world = World::new(&[FIRST, &[4, 5, 6, 7]]);
    world.announce((0, 0), "END");
    world.pass(SECOND);
    world.queue.clear();
    let fetch = || Message::FetchState(FetchState { slot_min: Slot::new(1), after: None });
    let asked = |world: &mut World, server: u16, message: Message| {
        world.deliver(Mail { from: peer(server), to: peer(1), epoch: 0, message });
        world.queue.drain(..).count()
    };
    assert_eq!(asked(&mut world, 4, fetch()), 1);
    assert_eq!(asked(&mut world, 9, fetch()), 0, "a server that is in no group");
    let slots = Message::FetchSlots(FetchSlots { above: Slot::ZERO });
    assert_eq!(asked(&mut world, 4, slots), 0);
    let of_client = Mail { from: world.client_peer(), to: peer(1), epoch: 0, message: fetch() };
    world.deliver(of_client);
    assert!(world.queue.is_empty());
}

#[test]
fn an_heir_passes_over_old_members_that_are_silent_or_serve_badly() {
    let mut world = World::new(&[FIRST, &[4, 5, 6, 7]]);
    world.call(1, "a");
    world.settle();
    // Whoever an heir asks first says nothing, and the next one gives a part of another state.
    let good = quorate_state::Map::new().snapshot().chunk(None, 10);
    world.filter = Some(Box::new(|mail| {
        !(matches!(mail.message, Message::StateChunk(_)) && mail.from == peer(0))
    }));
    world.announce((0, 0), "END");
    let end = world.end_of(0).expect("it ended");
    for heir in 4..8 {
        let cut = quorate_bft::message::HashedCut::origin(&world.group(0));
        let (certificate, chunk) = (end.clone(), good.clone());
        let bad = Message::StateChunk(Arc::new(StateChunk { certificate, cut, chunk }));
        let from = peer(heir % 4);
        world.deliver(Mail { from, to: peer(heir), epoch: 0, message: bad });
    }
    world.pass(Duration::from_secs(3));
    assert!((4..8).all(|server| world.runs((1, server))));
    assert!(world.mark("bft.succession_switched") > 0);
    assert_eq!(world.journal((1, 4)), "a;0:END;");
}

#[test]
fn a_liar_that_signs_ends_of_its_own_ends_nothing() {
    let mut world = World::new(&[FIRST, FIRST]);
    world.call(1, "a");
    world.settle();
    let group = world.group(0);
    let slot = world.replica((0, 0)).executed_slot();
    for ahead in 0..20 {
        let statement = quorate_bft::message::CheckpointStatement {
            slot: slot.plus(ahead),
            cut: quorate_types::Digest::new([5; 32]),
            time: UnixTime::ZERO,
            root: quorate_types::Digest::new([6; 32]),
            is_last: true,
        };
        let signer = world.signer((0, 3));
        let me = member(&world, (0, 3));
        let lie = quorate_bft::message::Checkpoint::sign(&group, statement, (me, &*signer));
        for to in 0..3 {
            let (from, to) = (peer(3), peer(to));
            let message = Message::Checkpoint(lie);
            assert!(world.deliver(Mail { from, to, epoch: 0, message }));
        }
    }
    world.call(2, "b");
    world.pass(SECOND);
    assert_eq!(world.reply(2).as_deref(), Some("a;b;"));
    assert!(world.end_of(0).is_none());
}

/// Slots that nobody should believe in.
mod forge {
    use quorate_bft::message::{CommitCertificate, Cut, HashedCut, Phase, Slots, Vote};
    use quorate_crypto::Certificate;
    use quorate_types::{Slot, View};

    use crate::world::{World, member};

    /// The last slot and one behind it, under votes on the one behind it.
    pub(super) fn behind(world: &World, last: Slot) -> Slots {
        let proposals = world.sent.iter().filter_map(|mail| match &mail.message {
            quorate_bft::Message::PrePrepare(proposal) => Some(proposal.cut.clone()),
            _ => None,
        });
        let end: HashedCut = { proposals }.find(|cut| cut.slot == last).expect("it was proposed");
        let tips = end.frontier();
        let links = vec![Vec::new(); tips.len()];
        let (epoch, slot, parent) = (end.epoch, last.next(), end.digest());
        let void = Cut { epoch, slot, parent, tips, links, rows: Vec::new(), inline: None };
        let void = HashedCut::new(void);
        let (group, view) = (world.group(0), View::ZERO);
        let votes = [0, 1, 2].map(|server| {
            let (signer, me) = (world.signer((0, server)), member(world, (0, server)));
            let choice = (view, slot, void.digest());
            let vote = Vote::sign((Phase::Commit, &group), choice, (me, &*signer));
            (vote.from, vote.signature)
        });
        let certificate = Certificate::new(votes);
        let digest = void.digest();
        let certificate = CommitCertificate { view, slot, digest, certificate };
        Slots { cuts: vec![end, void], certificate }
    }
}
