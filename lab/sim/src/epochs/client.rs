//! A client: follows the configurations, and holds a lease of each.

use std::sync::Arc;

use quorate_machine::{Effect, Effects, Input, Machine};
use quorate_membership::ConfigurationClient;
use quorate_types::Now;

use super::{EpochsMachine, Message, Output, Timer};

/// The machine of a client.
#[derive(Debug)]
pub struct ClientSeat {
    client: ConfigurationClient,
}

impl ClientSeat {
    pub(super) const fn new(client: ConfigurationClient) -> Self {
        Self { client }
    }

    /// What it knows.
    #[must_use]
    pub const fn client(&self) -> &ConfigurationClient {
        &self.client
    }

    pub(super) fn step(
        &mut self,
        now: Now,
        input: Input<EpochsMachine>,
        effects: &mut Effects<EpochsMachine>,
    ) {
        let input = match input {
            Input::Start => Input::Start,
            Input::Deliver { from, message: Message::Freshness(message) } => {
                Input::Deliver { from, message: Arc::unwrap_or_clone(message) }
            }
            Input::Expired(Timer::Client(timer)) => Input::Expired(timer),
            Input::Deliver { .. } | Input::Expired(_) | Input::Request(_) => return,
        };
        let mut own = Effects::new();
        self.client.step(now, input, &mut own);
        for effect in own.drain() {
            effects.push(match effect {
                Effect::Persist(never) => match never {},
                Effect::Release(number) => Effect::Release(number),
                Effect::Send { to, class, message } => {
                    Effect::Send { to, class, message: Message::Freshness(Arc::new(message)) }
                }
                Effect::Arm { timer, at } => Effect::Arm { timer: Timer::Client(timer), at },
                Effect::Disarm(timer) => Effect::Disarm(Timer::Client(timer)),
                Effect::Emit(output) => Effect::Emit(Output::Client(Box::new(output))),
                Effect::Mark(mark) => Effect::Mark(mark),
            });
        }
    }
}
