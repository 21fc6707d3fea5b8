//! The power of each server fails at every effect of the end and of what begins behind it.

use quorate_types::Duration;

use crate::world::{Place, World};

const SECOND: Duration = Duration::from_secs(1);

/// Calls, an end, and a call in the next epoch; one server loses its power after so many effects of
/// its replica in one of the epochs, and comes back a little later.
fn scene(plan: &[&[u16]], victim: Option<(Place, usize)>) -> World {
    let mut world = World::new(plan);
    world.call(1, "a");
    world.settle();
    if let Some((place, effects)) = victim {
        let done = if place.0 == 0 { world.effect_count(place) } else { 0 };
        world.crash_after(place, effects.saturating_sub(done));
    }
    world.call(2, "b");
    world.settle();
    world.announce((0, plan[0][0]), "END");
    world.settle();
    world.pass(SECOND);
    // The one that was to announce it may have lost it.
    world.announce((0, plan[0][1]), "END");
    world.pass(SECOND);
    for server in world.down.clone() {
        world.restart(server);
    }
    world.pass(Duration::from_secs(3));
    world.follow(1);
    world.call(3, "c");
    world.pass(Duration::from_secs(2));
    for server in world.down.clone() {
        world.restart(server);
    }
    world.pass(Duration::from_secs(3));
    world.spare();
    for server in world.down.clone() {
        world.restart(server);
    }
    world.pass(Duration::from_secs(3));
    world
}

fn judge(world: &World, at: (Place, usize)) {
    assert!(world.reply(3).is_some(), "{at:?}: the last call is answered");
    for epoch in [0, 1] {
        let members = world.members(epoch);
        let journal = world.journal((epoch, members[0]));
        for &server in &members {
            assert_eq!(world.journal((epoch, server)), journal, "{at:?}: server {server}");
        }
        for operation in ["a;", "b;", "END;"] {
            assert_eq!(journal.matches(operation).count(), 1, "{at:?}: {journal}");
        }
        let last = usize::from(epoch == 1);
        assert_eq!(journal.matches("c;").count(), last, "{at:?}: {journal}");
    }
}

fn at_every_effect(plan: &[&[u16]], place: Place) {
    let calm = scene(plan, None);
    judge(&calm, (place, usize::MAX));
    let effects = calm.effect_count(place);
    assert!(effects > 20, "there is something to crash at: {effects}");
    for effect in 0..effects {
        let world = scene(plan, Some((place, effect)));
        judge(&world, (place, effect));
    }
}

#[test]
fn an_inherited_state_whose_record_did_not_reach_the_log_is_begun_with_all_the_same() {
    let group: &[u16] = &[0, 1, 2, 3];
    let mut world = World::new(&[group, group]);
    world.crash_after((1, 2), 2);
    world.announce((0, 0), "END");
    assert!(world.down.contains(&2), "the power failed behind the first record");
    world.lose_log((1, 2));
    world.pass(SECOND);
    world.restart(2);
    world.follow(1);
    world.call(1, "c");
    world.pass(Duration::from_secs(3));
    assert_eq!(world.reply(1).as_deref(), Some("0:END;c;"));
    assert_eq!(world.journal((1, 2)), "0:END;c;");
}

#[test]
fn a_crash_of_the_leader_at_every_effect_of_its_last_epoch_loses_nothing() {
    at_every_effect(&[&[0, 1, 2, 3], &[0, 1, 2, 3]], (0, 0));
}

#[test]
fn a_crash_of_a_backup_at_every_effect_of_its_last_epoch_loses_nothing() {
    at_every_effect(&[&[0, 1, 2, 3], &[2, 3, 4, 5]], (0, 2));
}

#[test]
fn a_crash_of_a_member_of_both_at_every_effect_of_the_next_epoch_loses_nothing() {
    at_every_effect(&[&[0, 1, 2, 3], &[0, 1, 2, 3]], (1, 1));
}

#[test]
fn a_crash_of_a_new_member_at_every_effect_of_its_first_epoch_loses_nothing() {
    at_every_effect(&[&[0, 1, 2, 3], &[2, 3, 4, 5]], (1, 4));
}
