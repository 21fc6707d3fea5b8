//! Byzantine participant that is several at once: what one of them sends goes through the next.

use quorate_history::Prng;
use quorate_types::{Duration, Peer};

use super::{Context, Entry, Holdings, Villain};
use crate::Reception;
use crate::deeds::{Deeds, Sending};

/// What it is called; the last entry of its table.
const NAME: &str = "legion";

/// Two or three villains in a row.
pub(crate) struct Legion<H> {
    villains: Vec<Box<dyn Villain<H>>>,
    period: Duration,
}

impl<H: Holdings> Legion<H> {
    /// Some of the others in the table whose last entry this one is, all woken this often.
    pub(crate) fn new(table: &[Entry<H>], period: Duration, prng: &mut Prng) -> Self {
        let count = 2 + prng.index(2);
        let others = &table[..table.len() - 1];
        let villains = (0..count).map(|_| (others[prng.index(others.len())].1)(prng)).collect();
        Self { villains, period }
    }
}

impl<H: Holdings> Villain<H> for Legion<H> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn on_send(
        &mut self,
        context: &mut Context<'_, H>,
        sending: Sending<H::Message>,
        deeds: &mut Deeds<H::Message>,
    ) {
        let mut sendings = vec![sending];
        for villain in &mut self.villains {
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
        context: &mut Context<'_, H>,
        from: Peer,
        message: &H::Message,
        deeds: &mut Deeds<H::Message>,
    ) -> Reception {
        for villain in &mut self.villains {
            if villain.on_receive(context, from, message, deeds) == Reception::Swallow {
                return Reception::Swallow;
            }
        }
        Reception::Pass
    }

    fn period(&self) -> Option<Duration> {
        Some(self.period)
    }

    fn on_alarm(&mut self, context: &mut Context<'_, H>, deeds: &mut Deeds<H::Message>) {
        for villain in self.villains.iter_mut().filter(|villain| villain.period().is_some()) {
            villain.on_alarm(context, deeds);
        }
    }
}
