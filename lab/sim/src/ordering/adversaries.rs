//! The adversaries of the ordering engine, by name.

use std::sync::Arc;

use quorate_adversary::Adversary;
use quorate_bft::message::{Message, Phase, Vote};
use quorate_crypto::Signer;
use quorate_machine::{Effect, Recipients};
use quorate_types::{Digest, GroupConfiguration, Now, ReplicaId};

use super::OrderingMachine;

/// Names of all adversaries.
pub const ADVERSARIES: &[&str] = &["mute", "naysayer", "selective"];

/// The adversary with this name.
pub(super) fn adversary(
    name: &str,
    (me, group): (ReplicaId, Arc<GroupConfiguration>),
    signer: Arc<dyn Signer>,
) -> Box<dyn Adversary<OrderingMachine>> {
    match name {
        "naysayer" => Box::new(Naysayer { me, group, signer }),
        "selective" => Box::new(Selective),
        _ => Box::new(Mute),
    }
}

/// Sends nothing (B03).
#[derive(Debug)]
struct Mute;

impl Adversary<OrderingMachine> for Mute {
    fn name(&self) -> &'static str {
        "mute"
    }

    fn on_effects(
        &mut self,
        _: Now,
        _: &OrderingMachine,
        effects: &mut Vec<Effect<OrderingMachine>>,
    ) {
        effects.retain(|effect| !matches!(effect, Effect::Send { .. }));
    }
}

/// Votes for what nobody proposed (B02).
#[derive(Debug)]
struct Naysayer {
    me: ReplicaId,
    group: Arc<GroupConfiguration>,
    signer: Arc<dyn Signer>,
}

impl Adversary<OrderingMachine> for Naysayer {
    fn name(&self) -> &'static str {
        "naysayer"
    }

    fn on_effects(
        &mut self,
        _: Now,
        _: &OrderingMachine,
        effects: &mut Vec<Effect<OrderingMachine>>,
    ) {
        for effect in effects {
            let Effect::Send { message, .. } = effect else { continue };
            let forged = |phase, vote: &Vote| {
                let digest = Digest::new([vote.slot.get().to_be_bytes()[7]; 32]);
                let choice = (vote.view, vote.slot, digest);
                Vote::sign((phase, &self.group), choice, (self.me, &*self.signer))
            };
            match &**message {
                Message::Prepare(vote) => {
                    *message = Arc::new(Message::Prepare(forged(Phase::Prepare, vote)));
                }
                Message::Commit(vote) => {
                    *message = Arc::new(Message::Commit(forged(Phase::Commit, vote)));
                }
                _ => {}
            }
        }
    }
}

/// Sends what goes to all only to the first half of them (B06).
#[derive(Debug)]
struct Selective;

impl Adversary<OrderingMachine> for Selective {
    fn name(&self) -> &'static str {
        "selective"
    }

    fn on_effects(
        &mut self,
        _: Now,
        _: &OrderingMachine,
        effects: &mut Vec<Effect<OrderingMachine>>,
    ) {
        for effect in effects {
            if let Effect::Send { to: Recipients::Each(peers), .. } = effect {
                *peers = peers[..peers.len().div_ceil(2)].into();
            }
        }
    }
}
