//! Byzantine participant that says old things again, its own and others', from before its restart
//! too (B07).

use std::sync::Arc;

use quorate_bft::Message;
use quorate_machine::Class;
use quorate_types::{Duration, Peer};

use super::{Context, Deeds, Holdings, Sending, Villain};
use crate::Reception;

/// Messages that it remembers of each kind of source.
const REMEMBERED_MAX: usize = 256;
/// One in so many messages of others is remembered.
const SAMPLE: u64 = 8;
const PERIOD: Duration = Duration::from_millis(40);

/// Remembers messages, and sends them again at random.
#[derive(Default, Debug)]
pub(super) struct Replayer {
    own: Vec<Arc<Message>>,
    foreign: Vec<Arc<Message>>,
}

fn remember(context: &mut Context<'_>, store: &mut Vec<Arc<Message>>, message: Arc<Message>) {
    if store.len() < REMEMBERED_MAX {
        return store.push(message);
    }
    // Old ones stay for long: each new one displaces a random one now and then.
    if context.prng.chance(100) {
        let index = context.prng.index(REMEMBERED_MAX);
        store[index] = message;
    }
}

impl Villain<Holdings> for Replayer {
    fn name(&self) -> &'static str {
        "replayer"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        remember(context, &mut self.own, Arc::clone(&sending.message));
        deeds.pass(sending);
    }

    fn on_receive(
        &mut self,
        context: &mut Context<'_>,
        _: Peer,
        message: &Message,
        _: &mut Deeds,
    ) -> Reception {
        if context.prng.below(SAMPLE) == 0 {
            remember(context, &mut self.foreign, Arc::new(message.clone()));
        }
        Reception::Pass
    }

    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn on_alarm(&mut self, context: &mut Context<'_>, deeds: &mut Deeds) {
        for store in [&self.own, &self.foreign] {
            if store.is_empty() {
                continue;
            }
            let message = Arc::clone(&store[context.prng.index(store.len())]);
            deeds.mark("liar.replayed");
            deeds.share(context.others(), Class::Control, message);
        }
    }
}
