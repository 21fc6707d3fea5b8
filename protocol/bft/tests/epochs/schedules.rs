//! Random schedules over several epochs: messages are lost and overtake each other, one server at a
//! time is without power, and members end epochs when they like.

use quorate_bft::Output;
use quorate_types::Duration;

use crate::world::World;

/// Groups of one seed are drawn from so many servers.
const SERVERS: u64 = 9;
const EPOCHS: u64 = 3;
const SEEDS: u64 = 16;
/// Messages that arrive between two other things that happen.
const BURST: u64 = 20;
/// A message is overtaken by so many at most that were sent when it was, or later.
const REACH: usize = 40;
const LOST_ONE_IN: u64 = 50;

/// Numbers that follow from a seed (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn server(&mut self) -> u16 {
        u16::try_from(self.below(SERVERS)).expect("few")
    }

    /// Four servers, or seven.
    fn group(&mut self) -> Vec<u16> {
        let count = if self.below(3) == 0 { 7 } else { 4 };
        let mut group = Vec::new();
        while group.len() < count {
            let server = self.server();
            if !group.contains(&server) {
                group.push(server);
            }
        }
        group
    }
}

/// A message arrives, whichever, or is lost.
fn carry_any(world: &mut World, dice: &mut Dice) {
    let index = dice.below(world.queue.len().clamp(1, REACH) as u64);
    let mail = world.queue.remove(usize::try_from(index).expect("few"));
    let is_lost = dice.below(LOST_ONE_IN) == 0;
    mail.filter(|_| !is_lost).into_iter().for_each(|mail| world.carry(mail));
}

/// What a seed does while links and power are bad. Returns how many calls were made.
fn disturb(world: &mut World, dice: &mut Dice) -> u64 {
    let (mut calls, mut followed) = (0, 0);
    for _ in 0..1_000 {
        let newest = world.groups.len() as u64 - 1;
        match dice.below(100) {
            0..60 => (0..BURST).for_each(|_| carry_any(world, dice)),
            60..85 => world.tick(Duration::from_millis(1 + dice.below(20))),
            85..91 => {
                calls += 1;
                world.call(calls, &format!("call {calls}"));
            }
            91..93 if world.down.is_empty() => world.crash(dice.server()),
            93..97 => {
                for server in world.down.clone() {
                    world.boot(server);
                }
            }
            97 if newest > followed => {
                followed += 1;
                world.follow(followed);
            }
            98 if newest + 1 < EPOCHS => {
                let members = world.members(newest);
                let index = dice.below(members.len() as u64);
                let place = (newest, members[usize::try_from(index).expect("few")]);
                if world.runs(place) {
                    world.ask(place, quorate_bft::Request::Announce(b"END".to_vec()));
                }
            }
            _ => {}
        }
    }
    calls
}

/// Everything works again, and every epoch but the last one ends.
fn mend(world: &mut World) {
    for server in world.down.clone() {
        world.restart(server);
    }
    world.settle();
    world.pass(Duration::from_secs(4));
    for epoch in 0..EPOCHS - 1 {
        for server in world.members(epoch) {
            if world.end_of(epoch).is_none() {
                world.announce((epoch, server), "END");
                world.pass(Duration::from_secs(4));
            }
        }
        world.pass(Duration::from_secs(3));
    }
    for epoch in 1..EPOCHS {
        world.follow(epoch);
    }
    world.pass(Duration::from_secs(20));
}

/// No replica executed a slot of an epoch behind the one that ended it, and all ends are one.
fn ends_are_one(world: &World, seed: u64) {
    for epoch in 0..EPOCHS - 1 {
        let end = world.end_of(epoch).expect("it ended").statement;
        for ((of, server), output) in &world.outputs {
            let at = || format!("seed {seed}, epoch {epoch}, server {server}");
            match output {
                Output::Executed { slot, .. } if *of == epoch => {
                    assert!(*slot <= end.slot, "BFT-11: {}: {slot} behind {}", at(), end.slot);
                }
                Output::Executed { slot, .. } if *of == epoch + 1 => {
                    assert!(*slot > end.slot, "slots go on: {}", at());
                }
                Output::Concluded(told) if *of == epoch => assert_eq!(*told, end, "{}", at()),
                Output::Ended(certificate) if *of == epoch => {
                    assert_eq!(certificate.statement, end, "{}", at());
                    let group = world.group(epoch);
                    assert!(certificate.is_end(&group), "BFT-13: {}", at());
                }
                _ => {}
            }
        }
    }
}

#[test]
fn every_call_is_executed_once_over_all_epochs_after_any_schedule() {
    let mut restarts = 0;
    for seed in 1..=SEEDS {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let plan: Vec<Vec<u16>> = (0..EPOCHS).map(|_| dice.group()).collect();
        let groups: Vec<&[u16]> = plan.iter().map(Vec::as_slice).collect();
        let mut world = World::new(&groups);
        let calls = disturb(&mut world, &mut dice);
        mend(&mut world);
        ends_are_one(&world, seed);
        let last = EPOCHS - 1;
        let journal = world.journal((last, plan[plan.len() - 1][0]));
        for &server in &plan[plan.len() - 1] {
            assert_eq!(world.journal((last, server)), journal, "seed {seed}, server {server}");
        }
        for call in 1..=calls {
            let count = journal.matches(&format!("call {call};")).count();
            assert_eq!(count, 1, "seed {seed}, call {call}: {journal}");
            assert!(
                world.reply(call).is_some_and(|reply| reply.contains(&format!("call {call};")))
            );
        }
        restarts += world.mark("bft.restarted_behind_end");
    }
    assert!(restarts > 0, "some came back when their epoch was over");
}
