//! What the end of an epoch is, and what begins behind it.

use quorate_bft::Output;
use quorate_bft::message::Message;
use quorate_types::{Duration, Slot, View};

use crate::world::{World, node};

const SECOND: Duration = Duration::from_secs(1);
const FIRST: &[u16] = &[0, 1, 2, 3];

/// An epoch with two calls, which a member ends.
fn ended(plan: &[&[u16]]) -> World {
    let mut world = World::new(plan);
    world.call(1, "a");
    world.settle();
    world.call(2, "b");
    world.settle();
    world.announce((0, 1), "END");
    world.pass(SECOND);
    world
}

/// Everybody of the epoch has the same journal, and runs.
fn agree(world: &World, epoch: u64) -> String {
    let members = world.members(epoch);
    let journal = world.journal((epoch, members[0]));
    for &server in &members {
        assert_eq!(world.journal((epoch, server)), journal, "server {server} in epoch {epoch}");
    }
    journal
}

/// The client goes on in an epoch.
fn goes_on(world: &mut World, (epoch, ticket): (u64, u64), operation: &str) -> String {
    world.follow(epoch);
    world.call(ticket, operation);
    world.pass(SECOND);
    world.reply(ticket).expect("the next group answers")
}

#[test]
fn the_same_members_go_on_in_the_next_epoch_with_their_state_and_their_client() {
    let mut world = ended(&[FIRST, FIRST]);
    assert_eq!(agree(&world, 0), "a;b;1:END;");
    let end = world.end_of(0).expect("it ended");
    assert_eq!(world.group(1).base_slot, end.statement.slot, "slots go on");
    assert_eq!(goes_on(&mut world, (1, 3), "c"), "a;b;1:END;c;");
    assert_eq!(agree(&world, 1), "a;b;1:END;c;");
    assert!(world.replica((1, 0)).executed_slot() > end.statement.slot);
    assert_eq!(world.replica((0, 0)).executed_slot(), end.statement.slot);
    assert_eq!(world.replica((1, 0)).view(), (View::ZERO, true), "views begin anew");
    assert_eq!(world.mark("bft.session_opened"), 1, "the session is the old one");
}

#[test]
fn other_members_get_the_state_from_the_old_ones() {
    let mut world = ended(&[FIRST, &[4, 5, 6, 7]]);
    assert_eq!(goes_on(&mut world, (1, 3), "c"), "a;b;1:END;c;");
    assert_eq!(agree(&world, 1), "a;b;1:END;c;");
    assert!(world.mark("bft.heir_served") >= 4);
}

#[test]
fn groups_of_another_size_that_share_members_go_on() {
    let larger: &[u16] = &[2, 3, 4, 5, 6, 7, 8];
    let mut world = ended(&[FIRST, larger, &[8, 1, 2, 0]]);
    assert_eq!(goes_on(&mut world, (1, 3), "c"), "a;b;1:END;c;");
    assert_eq!(agree(&world, 1), "a;b;1:END;c;");
    world.announce((1, 8), "END");
    world.pass(SECOND);
    assert_eq!(goes_on(&mut world, (2, 4), "d"), "a;b;1:END;c;8:END;d;");
    assert_eq!(agree(&world, 2), "a;b;1:END;c;8:END;d;");
    assert_eq!(world.mark("bft.session_opened"), 1);
}

#[test]
fn the_node_is_told_before_anything_is_signed_and_again_after_a_restart() {
    let mut world = World::new(&[FIRST, FIRST]);
    world.seals = false;
    world.announce((0, 0), "END");
    world.pass(SECOND);
    let told = |world: &World, server: u16| {
        let of = world.outputs.iter().filter(|((_, of), _)| *of == server);
        of.filter(|(_, output)| matches!(output, Output::Concluded(_))).count()
    };
    assert_eq!((0..4).map(|server| told(&world, server)).collect::<Vec<_>>(), [1, 1, 1, 1]);
    let is_signature =
        |message: &Message| matches!(message, Message::Checkpoint(said) if said.statement.is_last);
    assert!(!world.sent.iter().any(|mail| is_signature(&mail.message)), "BFT-12: nobody asked");
    assert!(world.end_of(0).is_none());
    world.crash(2);
    world.restart(2);
    assert_eq!(told(&world, 2), 2);
    // Two of four are no quorum.
    world.seal((0, 0));
    world.seal((0, 2));
    world.pass(SECOND);
    assert!(world.end_of(0).is_none(), "BFT-13: f + 1 end nothing");
    world.seal((0, 3));
    world.pass(SECOND);
    let ended = |world: &World, server| world.replica((0, server)).end_certificate().is_some();
    assert!((0..4).all(|server| ended(&world, server)), "the one that did not sign, too");
}

#[test]
fn who_has_the_certificate_helps_laggards_and_heirs_without_a_key_bft_16() {
    let mut world = World::new(&[FIRST, &[4, 5, 6, 7]]);
    world.down.extend(3..8);
    world.call(1, "a");
    world.announce((0, 1), "END");
    world.pass(SECOND);
    assert!((0..3).all(|server| !world.replica((0, server)).holds_key()), "BFT-16");
    for server in 0..3 {
        world.crash(server);
        world.restart(server);
        assert!(!world.replica((0, server)).holds_key(), "BFT-16: erased is erased");
    }
    (3..8).for_each(|server| world.restart(server));
    world.pass(Duration::from_secs(3));
    assert_eq!(agree(&world, 0), "a;1:END;");
    assert!(!world.replica((0, 3)).holds_key(), "BFT-16: it has it from the others");
    assert_eq!(goes_on(&mut world, (1, 2), "b"), "a;1:END;b;");
}

#[test]
fn a_seal_before_the_end_signs_nothing() {
    let mut world = World::new(&[FIRST]);
    world.seal((0, 0));
    world.settle();
    assert_eq!(world.mark("bft.sealed_too_early"), 1);
    world.call(1, "a");
    world.settle();
    assert_eq!(world.reply(1).as_deref(), Some("a;"));
}

#[test]
fn the_news_are_told_when_they_change_and_again_after_a_restart() {
    let mut world = ended(&[FIRST, FIRST]);
    let news = |world: &World, place| {
        let of = world.outputs.iter().filter(|(of, _)| *of == place);
        of.filter(|(_, output)| *output == Output::News(b"0 is over".to_vec())).count()
    };
    assert_eq!(news(&world, (0, 3)), 1);
    assert_eq!(news(&world, (1, 3)), 0, "they are of the epoch");
    world.crash(3);
    world.restart(3);
    assert_eq!(news(&world, (0, 3)), 2);
}

#[test]
fn an_end_asked_for_twice_in_a_slot_counts_once_and_the_whole_slot_is_executed_9() {
    let mut world = World::new(&[FIRST, FIRST]);
    // All of it in one batch, and so in one slot.
    world.down.insert(3);
    world.filter = Some(Box::new(|mail| !matches!(mail.message, Message::AckVector(_))));
    for operation in ["first", "END", "END", "behind"] {
        world.announce((0, 1), operation);
    }
    world.filter = None;
    world.down.remove(&3);
    world.pass(SECOND);
    let journal = agree(&world, 0);
    assert_eq!(journal.matches("END").count(), 1, "{journal}");
    assert!(journal.ends_with("1:END;1:behind;"), "{journal}");
    assert_eq!(goes_on(&mut world, (1, 1), "c"), format!("{journal}c;"));
}

#[test]
fn an_ended_group_is_quiet_until_somebody_is_behind() {
    let mut world = ended(&[FIRST]);
    for server in 0..4 {
        assert_eq!(world.timers((0, server)), 0, "server {server} waits for nothing");
    }
    world.sent.clear();
    world.pass(Duration::from_secs(60));
    let is_old = |from| (0..4).any(|server| from == quorate_types::Peer::Node(node(server)));
    assert!(!world.sent.iter().any(|mail| is_old(mail.from)));
}

#[test]
fn who_missed_the_end_gets_there_when_all_others_have_ended_and_some_restarted() {
    let mut world = World::new(&[FIRST, &[4, 5, 6, 7]]);
    world.call(1, "a");
    world.settle();
    world.crash(3);
    for ticket in 2..12 {
        world.call(ticket, "x");
        world.settle();
    }
    world.announce((0, 0), "END");
    world.pass(SECOND);
    assert!(world.end_of(0).is_some());
    world.crash(0);
    world.crash(1);
    world.restart(0);
    world.restart(1);
    world.restart(3);
    world.pass(Duration::from_secs(5));
    agree(&world, 0);
    assert!(world.replica((0, 3)).end_certificate().is_some());
    assert_eq!(world.timers((0, 3)), 0);
}

#[test]
fn one_that_executed_the_end_and_crashed_alone_ends_it_for_all() {
    // Only server 0 sees the votes on the last slot; what it knows, the others fetch from it.
    let mut world = World::new(&[FIRST, FIRST]);
    world.call(1, "a");
    world.settle();
    world.filter = Some(Box::new(|mail| {
        !matches!(mail.message, Message::Commit(_)) || mail.to == quorate_types::Peer::Node(node(0))
    }));
    world.announce((0, 0), "END");
    assert!(world.replica((0, 0)).executed_slot() > world.replica((0, 1)).executed_slot());
    world.crash(0);
    world.filter = None;
    world.queue.clear();
    world.restart(0);
    world.pass(Duration::from_secs(5));
    assert_eq!(agree(&world, 0), "a;0:END;");
    assert_eq!(goes_on(&mut world, (1, 2), "c"), "a;0:END;c;");
}

#[test]
fn what_was_ordered_but_not_executed_is_asked_again_and_executed_once() {
    let mut world = World::new(&[FIRST, FIRST]);
    world.call(1, "a");
    world.settle();
    world.announce((0, 2), "END");
    // The call comes to replicas that have ended.
    world.call(2, "late");
    world.pass(SECOND);
    assert_eq!(world.reply(2), None, "nobody answers for what is void");
    assert!(world.mark("bft.request_void") > 0);
    world.follow(1);
    world.pass(SECOND);
    assert_eq!(world.reply(2).as_deref(), Some("a;2:END;late;"));
    assert_eq!(agree(&world, 1), "a;2:END;late;");
}

#[test]
fn what_the_old_group_executed_the_next_one_answers_from_the_table() {
    let mut world = World::new(&[FIRST, &[4, 5, 6, 7]]);
    world.call(1, "a");
    world.settle();
    // The replies of the old group are lost.
    world.filter = Some(Box::new(|mail| !matches!(mail.message, Message::Reply(_))));
    world.call(2, "once");
    world.settle();
    world.announce((0, 0), "END");
    world.pass(SECOND);
    assert_eq!(world.reply(2), None);
    world.filter = None;
    world.follow(1);
    world.pass(SECOND);
    assert_eq!(world.reply(2).as_deref(), Some("a;once;"), "the reply that it got then");
    assert_eq!(agree(&world, 1), "a;once;0:END;");
    assert!(world.mark("bft.reply_repeated") > 0);
}

#[test]
fn a_client_follows_its_own_group_forwards_only() {
    let mut world = ended(&[FIRST, FIRST]);
    world.follow(1);
    world.follow(1);
    assert_eq!((world.mark("bft.client_followed"), world.mark("bft.client_stays")), (1, 1));
}

#[test]
fn lanes_and_views_begin_anew_and_slots_go_on() {
    let mut world = ended(&[FIRST, FIRST]);
    goes_on(&mut world, (1, 3), "c");
    let first = world.sent.iter().find_map(|mail| match &mail.message {
        Message::PrePrepare(proposal) if mail.epoch == 1 => Some(proposal.cut.clone()),
        _ => None,
    });
    let cut = first.expect("a proposal of the second epoch");
    assert_eq!(cut.slot, world.group(1).base_slot.next());
    assert_eq!(cut.parent, world.group(1).base_digest);
    assert!(cut.frontier().iter().all(|tip| tip.seq.get() <= 1), "lanes count from the start");
    assert_ne!(world.group(1).base_slot, Slot::ZERO);
}
