//! Bad servers and clients of a cluster: a villain in each of the groups that it is in.

use std::sync::Arc;

use quorate_adversary::membership::{self, ceremony::Contribution};
use quorate_adversary::ordering::Liar as OrderingLiar;
use quorate_adversary::storage::Liar as StorageLiar;
use quorate_adversary::{Adversary, Reception};
use quorate_bft::Message as OrderedMessage;
use quorate_crypto::Verified;
use quorate_kv::KeyValueService;
use quorate_machine::{Effect, Input, Machine};
use quorate_membership::{FreshnessResponder, MembershipService};
use quorate_types::{Instant, Now};

use super::within::Hosted;
use super::{ClusterMachine, KeyValueMachine, MembershipMachine, Message, Received};
use crate::ordering::OrderingMachine;
use crate::part::Part;
use crate::storage::seat::{ClientSeat as StorageClient, ServerSeat as StorageServer};

/// What a bad server is made of.
#[derive(Debug, Default)]
pub(super) struct Roles {
    pub(super) membership: Option<OrderingLiar>,
    pub(super) key_value: Option<OrderingLiar>,
    pub(super) responder: Option<membership::Liar>,
    pub(super) storage: Option<StorageLiar>,
    /// What it gave at the founding.
    pub(super) contribution: Option<Contribution>,
}

/// A bad server.
#[derive(Debug)]
pub(super) struct ServerVillain {
    name: &'static str,
    roles: Roles,
}

impl ServerVillain {
    pub(super) const fn new(name: &'static str, roles: Roles) -> Self {
        Self { name, roles }
    }
}

/// The effect as the part's own machine wants it, if it is one of its messages.
fn taken<P>(
    effect: Effect<ClusterMachine>,
    own: fn(Message) -> Result<P::Outbound, Message>,
) -> Taken<P>
where
    P: Part<ClusterMachine>,
{
    let Effect::Send { to, class, message } = effect else { return Err(Box::new(effect)) };
    match own(message) {
        Ok(message) => Ok(Effect::Send { to, class, message }),
        Err(message) => Err(Box::new(Effect::Send { to, class, message })),
    }
}

type Taken<P> = Result<Effect<P>, Box<Effect<ClusterMachine>>>;

/// Hands what a villain left of its machine's effects to the node.
fn give_back<P: Part<ClusterMachine>>(
    changed: Vec<Effect<P>>,
    effects: &mut Vec<Effect<ClusterMachine>>,
) {
    for effect in changed {
        match effect {
            Effect::Send { to, class, message } => {
                effects.push(Effect::Send { to, class, message: P::message(message) });
            }
            Effect::Mark(mark) => effects.push(Effect::Mark(mark)),
            Effect::Persist(_)
            | Effect::Release(_)
            | Effect::Arm { .. }
            | Effect::Disarm(_)
            | Effect::Emit(_) => unreachable!("a villain is shown messages, and adds marks"),
        }
    }
}

fn twist<P: Part<ClusterMachine>>(
    effects: &mut Vec<Effect<ClusterMachine>>,
    own: fn(Message) -> Result<P::Outbound, Message>,
    mut twist: impl FnMut(&mut Vec<Effect<P>>),
) {
    let mut changed = Vec::with_capacity(effects.len());
    for effect in effects.drain(..) {
        match taken::<P>(effect, own) {
            Ok(effect) => {
                let mut one = vec![effect];
                twist(&mut one);
                give_back(one, &mut changed);
            }
            Err(effect) => changed.push(*effect),
        }
    }
    // What was done upon the input.
    let mut done = Vec::new();
    twist(&mut done);
    give_back(done, &mut changed);
    *effects = changed;
}

fn of_membership(message: Message) -> Result<<MembershipMachine as Machine>::Outbound, Message> {
    if let Message::Membership(message) = message { Ok(message) } else { Err(message) }
}

fn of_key_value(message: Message) -> Result<<KeyValueMachine as Machine>::Outbound, Message> {
    if let Message::KeyValue(message) = message { Ok(message) } else { Err(message) }
}

fn of_responder(message: Message) -> Result<<FreshnessResponder as Machine>::Outbound, Message> {
    if let Message::Configuration(message) = message {
        Ok(Arc::unwrap_or_clone(message))
    } else {
        Err(message)
    }
}

fn of_storage(message: Message) -> Result<<StorageServer as Machine>::Outbound, Message> {
    if let Message::Storage(message) = message { Ok(message) } else { Err(message) }
}

fn alarm<S: Hosted>(liar: Option<&OrderingLiar>) -> Option<Instant> {
    liar.and_then(<OrderingLiar as Adversary<OrderingMachine<S>>>::alarm)
}

fn on_alarm<S: Hosted>(
    (liar, now): (Option<&mut OrderingLiar>, Now),
    machine: &ClusterMachine,
    effects: &mut Vec<Effect<ClusterMachine>>,
) where
    OrderingMachine<S>:
        Part<ClusterMachine, Inbound = Verified<OrderedMessage>, Outbound = Arc<OrderedMessage>>,
{
    if let (Some(liar), Some(machine)) = (liar, S::machine(machine)) {
        let mut done = Vec::new();
        liar.on_alarm(now, machine, &mut done);
        give_back(done, effects);
    }
}

impl Adversary<ClusterMachine> for ServerVillain {
    fn name(&self) -> &'static str {
        self.name
    }

    fn on_input(
        &mut self,
        now: Now,
        _: &ClusterMachine,
        input: &Input<ClusterMachine>,
    ) -> Reception {
        let Input::Deliver { from, message } = input else { return Reception::Pass };
        let roles = &mut self.roles;
        let pass = Reception::Pass;
        match message {
            Received::Membership(message) => {
                roles.membership.as_mut().map_or(pass, |liar| liar.receive(now, *from, message))
            }
            Received::KeyValue(message) => {
                roles.key_value.as_mut().map_or(pass, |liar| liar.receive(now, *from, message))
            }
            Received::Configuration(message) => {
                roles.responder.as_mut().map_or(pass, |liar| liar.receive(now, *from, message))
            }
            Received::Storage(message) => {
                roles.storage.as_mut().map_or(pass, |liar| liar.receive(now, *from, message))
            }
        }
    }

    fn on_effects(
        &mut self,
        now: Now,
        _: &ClusterMachine,
        effects: &mut Vec<Effect<ClusterMachine>>,
    ) {
        let Roles { membership, key_value, responder, storage, contribution } = &mut self.roles;
        if let Some(contribution) = contribution.take() {
            effects.push(Effect::Mark(contribution.mark()));
        }
        if let Some(liar) = membership {
            twist::<MembershipMachine>(effects, of_membership, |one| liar.twist(now, one));
        }
        if let Some(liar) = key_value {
            twist::<KeyValueMachine>(effects, of_key_value, |one| liar.twist(now, one));
        }
        if let Some(liar) = responder {
            twist::<FreshnessResponder>(effects, of_responder, |one| liar.twist(now, one));
        }
        if let Some(liar) = storage {
            twist::<StorageServer>(effects, of_storage, |one| liar.twist(now, one));
        }
    }

    fn alarm(&self) -> Option<Instant> {
        let membership = alarm::<MembershipService>(self.roles.membership.as_ref());
        let key_value = alarm::<KeyValueService>(self.roles.key_value.as_ref());
        let storage = self.roles.storage.as_ref();
        let storage = storage.and_then(<StorageLiar as Adversary<StorageServer>>::alarm);
        membership.into_iter().chain(key_value).chain(storage).min()
    }

    fn on_alarm(
        &mut self,
        now: Now,
        machine: &ClusterMachine,
        effects: &mut Vec<Effect<ClusterMachine>>,
    ) {
        let Roles { membership, key_value, storage, .. } = &mut self.roles;
        on_alarm::<MembershipService>((membership.as_mut(), now), machine, effects);
        on_alarm::<KeyValueService>((key_value.as_mut(), now), machine, effects);
        if let (Some(liar), ClusterMachine::Server(seat)) = (storage, machine) {
            let mut done = Vec::new();
            liar.on_alarm(now, seat.storage(), &mut done);
            give_back(done, effects);
        }
    }

    fn on_restart(&mut self) {
        let liars = [self.roles.membership.as_mut(), self.roles.key_value.as_mut()];
        for liar in liars.into_iter().flatten() {
            <OrderingLiar as Adversary<MembershipMachine>>::on_restart(liar);
        }
        if let Some(liar) = &mut self.roles.storage {
            <StorageLiar as Adversary<StorageServer>>::on_restart(liar);
        }
    }
}

/// A bad client: its machine is honest, and was given what it should not have, or has a villain of
/// storage between its storage client and the world.
#[derive(Debug)]
pub(super) struct ClientVillain {
    name: &'static str,
    storage: Option<StorageLiar>,
}

impl ClientVillain {
    pub(super) const fn new(name: &'static str, storage: Option<StorageLiar>) -> Self {
        Self { name, storage }
    }
}

impl Adversary<ClusterMachine> for ClientVillain {
    fn name(&self) -> &'static str {
        self.name
    }

    fn on_input(
        &mut self,
        now: Now,
        _: &ClusterMachine,
        input: &Input<ClusterMachine>,
    ) -> Reception {
        match (&mut self.storage, input) {
            (Some(liar), Input::Deliver { from, message: Received::Storage(message) }) => {
                liar.receive(now, *from, message)
            }
            _ => Reception::Pass,
        }
    }

    fn on_effects(
        &mut self,
        now: Now,
        _: &ClusterMachine,
        effects: &mut Vec<Effect<ClusterMachine>>,
    ) {
        if let Some(liar) = &mut self.storage {
            twist::<StorageClient>(effects, of_storage, |one| liar.twist(now, one));
        }
    }

    fn alarm(&self) -> Option<Instant> {
        self.storage.as_ref().and_then(<StorageLiar as Adversary<StorageClient>>::alarm)
    }

    fn on_alarm(
        &mut self,
        now: Now,
        machine: &ClusterMachine,
        effects: &mut Vec<Effect<ClusterMachine>>,
    ) {
        if let (Some(liar), ClusterMachine::Client(seat)) = (&mut self.storage, machine)
            && let Some(client) = seat.storage()
        {
            let mut done = Vec::new();
            liar.on_alarm(now, client, &mut done);
            give_back(done, effects);
        }
    }

    fn on_restart(&mut self) {
        if let Some(liar) = &mut self.storage {
            <StorageLiar as Adversary<StorageClient>>::on_restart(liar);
        }
    }
}
