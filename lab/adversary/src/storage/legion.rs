//! Byzantine server that is several at once: what one of them sends goes through the next.

use quorate_dht::Message;
use quorate_history::Prng;
use quorate_types::{Duration, Peer};

use super::{Context, Deeds, SERVERS, Sending, Villain};
use crate::Reception;

const PERIOD: Duration = Duration::from_millis(400);

/// Two or three villains in a row.
pub(super) struct Legion(Vec<Box<dyn Villain>>);

impl Legion {
    pub(super) fn new(prng: &mut Prng) -> Self {
        let count = 2 + prng.index(2);
        // The last entry is this one.
        let others = &SERVERS[..SERVERS.len() - 1];
        Self((0..count).map(|_| (others[prng.index(others.len())].1)(prng)).collect())
    }
}

impl Villain for Legion {
    fn name(&self) -> &'static str {
        "legion"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let mut sendings = vec![sending];
        for villain in &mut self.0 {
            let mut next = Deeds::default();
            for sending in sendings {
                villain.on_send(context, sending, &mut next);
            }
            deeds.marks.append(&mut next.marks);
            sendings = next.sendings;
        }
        deeds.sendings.append(&mut sendings);
    }

    fn on_receive(
        &mut self,
        context: &mut Context<'_>,
        (from, message): (Peer, &Message),
        deeds: &mut Deeds,
    ) -> Reception {
        for villain in &mut self.0 {
            if villain.on_receive(context, (from, message), deeds) == Reception::Swallow {
                return Reception::Swallow;
            }
        }
        Reception::Pass
    }

    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn on_alarm(&mut self, context: &mut Context<'_>, deeds: &mut Deeds) {
        for villain in self.0.iter_mut().filter(|villain| villain.period().is_some()) {
            villain.on_alarm(context, deeds);
        }
    }
}
