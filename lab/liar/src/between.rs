//! The villains of one liar, one before each of its machines.

use std::sync::Arc;

use quorate_adversary::Reception;
use quorate_adversary::ordering::{Holdings, Liar, REPLICA_VILLAINS, Seat, villain};
use quorate_bft::{Replica, Setup};
use quorate_daemon::server::{Between, Intermediary};
use quorate_history::Prng;
use quorate_kv::KeyValueService;
use quorate_machine::{Effect, Input, Service};
use quorate_membership::MembershipService;
use quorate_membership::handover::{Handover, Setup as HandoverSetup};
use quorate_runtime::Interceptor;
use quorate_types::Now;

use crate::handover::HandoverLiar;
use crate::storage::StorageLiar;

/// What a liar does with its machines.
#[derive(Debug)]
pub(crate) struct Lies {
    villain: String,
    prng: Prng,
}

impl Lies {
    /// The villain with this name, or any.
    pub(crate) fn new(name: Option<&str>) -> Result<Self, String> {
        let seed = getrandom::u64().map_err(|error| format!("no random numbers: {error}"))?;
        let mut prng = Prng::from_seed(seed);
        let drawn = REPLICA_VILLAINS[prng.index(REPLICA_VILLAINS.len())];
        let name = name.unwrap_or(drawn);
        if !REPLICA_VILLAINS.contains(&name) {
            return Err(format!("no villain {name}; there are: {}", REPLICA_VILLAINS.join(" ")));
        }
        Ok(Self { villain: name.to_owned(), prng })
    }

    fn seat<S: Service + 'static>(&mut self, setup: &Setup) -> Between<Replica<S>> {
        // Who has no key any more has nothing to lie with.
        let signer = Arc::clone(setup.signer.as_ref()?);
        let details = &mut self.prng.fork("details");
        let villain = villain(&self.villain, details)?;
        let group = Arc::clone(&setup.group);
        let holdings = Holdings::new(Seat::Replica(setup.me), group, signer);
        Some(Box::new(Seated(Liar::new(holdings, self.prng.fork("villain"), villain))))
    }
}

impl Intermediary for Lies {
    fn membership(&mut self, setup: &Setup) -> Between<Replica<MembershipService>> {
        self.seat(setup)
    }

    fn key_value(&mut self, setup: &Setup) -> Between<Replica<KeyValueService>> {
        self.seat(setup)
    }

    fn storage(&mut self) -> Between<quorate_dht::Server> {
        Some(Box::new(StorageLiar))
    }

    fn handover(&mut self, setup: &HandoverSetup) -> Between<Handover> {
        Some(Box::new(HandoverLiar::new(setup)))
    }
}

/// A villain in front of a replica.
struct Seated(Liar);

impl<S: Service> Interceptor<Replica<S>> for Seated {
    fn input(&mut self, now: Now, input: Input<Replica<S>>) -> Option<Input<Replica<S>>> {
        if let Input::Deliver { from, message } = &input
            && self.0.receive(now, *from, message) == Reception::Swallow
        {
            return None;
        }
        Some(input)
    }

    fn effects(&mut self, now: Now, effects: &mut Vec<Effect<Replica<S>>>) {
        self.0.twist(now, effects);
    }
}
