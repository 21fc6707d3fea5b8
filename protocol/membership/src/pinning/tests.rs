//! What founders say of the key counts when enough of them say it and the genesis agrees.
use std::boxed::Box;
use std::vec::Vec;

use quorate_machine::{Effect, Effects, Input, Machine};
use quorate_threshold::{Bls12381, Seed};
use quorate_types::{Duration, NodeId, Peer};

use super::Pinning;
use crate::configuration::VerifiedConfiguration;
use crate::header::Lineage;
use crate::message::{Founding, Message};
use crate::testing::{World, genesis, now, registry, schemes};

/// The configuration of epoch 1, as it follows on the genesis of this system.
fn first(world: &World) -> VerifiedConfiguration {
    let mut configuration = world.following(&world.first).configuration().clone();
    configuration.ring_epoch = configuration.epoch;
    let previous = world.genesis.unsigned().header().hash();
    let lineage = Lineage { previous, ..world.first.header().header().lineage };
    let certified = world.certify(configuration, lineage);
    certified.verify(&world.founding.system_key, &schemes()).unwrap()
}

fn told(configuration: &VerifiedConfiguration) -> Message {
    let system_key = *configuration.header().system_key();
    Message::Founding(Box::new(Founding {
        system_key,
        configuration: configuration.to_certified(),
    }))
}

struct Asker(Pinning);

impl Asker {
    fn new(world: &World) -> Self {
        Self(Pinning::new(world.genesis.unsigned(), Duration::from_secs(1), schemes()))
    }

    fn step(&mut self, input: Input<Pinning>) -> Vec<Effect<Pinning>> {
        let mut effects = Effects::new();
        self.0.step(now(5), input, &mut effects);
        effects.drain().collect()
    }

    /// What is found when a server says this.
    fn hear(&mut self, from: NodeId, message: Message) -> Option<VerifiedConfiguration> {
        let effects = self.step(Input::Deliver { from: Peer::Node(from), message });
        effects.into_iter().find_map(|effect| {
            let Effect::Emit(found) = effect else { return None };
            Some(found)
        })
    }
}

#[test]
fn all_members_of_the_group_of_the_genesis_are_asked() {
    let world = World::new(7, 1);
    let effects = Asker::new(&world).step(Input::Start);
    let asked = effects
        .iter()
        .filter(|effect| matches!(effect, Effect::Send { message: Message::GetFounding(_), .. }));
    assert_eq!(asked.count(), 4);
}

#[test]
fn mem_13_a_key_is_believed_when_f_plus_1_members_of_the_group_say_it() {
    let world = World::new(7, 1);
    let (first, group) = (first(&world), world.group());
    let mut asker = Asker::new(&world);
    assert_eq!(asker.hear(group[0], told(&first)), None);
    assert_eq!(asker.hear(group[0], told(&first)), None, "MEM-13: it is one member");
    let members = world.first.configuration().members.iter().map(|member| member.id);
    for stranger in members.filter(|id| !group.contains(id)) {
        assert_eq!(asker.hear(stranger, told(&first)), None, "MEM-13: not of the group");
    }
    assert_eq!(asker.0.told_count(), 1);
    assert_eq!(asker.hear(group[2], told(&first)), Some(first.clone()));
    assert_eq!(asker.hear(group[3], told(&first)), None, "it is found once");
}

#[test]
fn mem_13_another_key_of_f_liars_is_not_believed_and_hinders_nobody() {
    let world = World::new(7, 1);
    // Who has the genesis can make a key of its own, and sign whatever it likes.
    let founding = world.genesis.found(&Seed::new([66; 32]), &Bls12381).unwrap();
    let verified = founding.configuration.verify(&founding.system_key, &schemes()).unwrap();
    let mut liar = World::new(7, 1);
    (liar.founding, liar.first) = (founding, verified);
    let (group, right) = (world.group(), first(&world));
    let mut asker = Asker::new(&world);
    assert_eq!(asker.hear(group[0], told(&first(&liar))), None, "MEM-13");
    assert_eq!(asker.hear(group[1], told(&right)), None);
    assert_eq!(asker.hear(group[2], told(&right)), Some(right));
}

#[test]
fn mem_13_what_does_not_follow_on_the_genesis_is_not_believed_whoever_says_it() {
    let world = World::new(7, 1);
    let mut other = genesis(7, 1);
    other.created = quorate_types::UnixTime::from_micros(77);
    let other = other.check(&registry()).unwrap();
    let mut asker = Asker(Pinning::new(other.unsigned(), Duration::from_secs(1), schemes()));
    for member in other.unsigned().configuration().membership_group.clone() {
        assert_eq!(asker.hear(member, told(&first(&world))), None, "MEM-13: another system");
        let later = world.following(&first(&world));
        assert_eq!(asker.hear(member, told(&later)), None, "MEM-13: a later epoch");
    }
    assert_eq!(asker.0.told_count(), 0);
}
