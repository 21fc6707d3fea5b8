//! The links: what becomes of a message between two nodes.
//!
//! Every link has its own delays, drawn with the seed. Faults add loss, duplication, cuts and
//! clogs. After the heal the links inside the core lose nothing and are timely, whatever else is
//! going on. Bandwidth is unlimited.
//!
//! # Invariants
//! - SIM-3: after the heal, what a node of the core sends to another arrives once, within delta.

use quorate_history::Prng;

use crate::node::{Node, Nodes};
use crate::scenario::{MESSAGE_KINDS, NetworkShape, Scenario};

#[cfg(test)]
mod tests;

#[derive(Clone, Copy, Default, Debug)]
struct Link {
    base_us: u64,
    jitter_us: u64,
    /// Number of faults that cut it.
    cuts: u16,
    /// By kind of message: number of faults that lose it.
    muffles: [u16; MESSAGE_KINDS as usize],
    /// Keeps everything back until then.
    clogged_until_us: u64,
    /// Arrival of the latest message, for links that keep the order.
    latest_us: u64,
}

/// The arrivals of one message: none, one or two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Lost,
    Once(u64),
    Twice(u64, u64),
}

/// What now happens on every link, in 1,000 messages each.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Rates {
    pub(crate) loss: u64,
    pub(crate) duplicate: u64,
    pub(crate) corrupt: u64,
}

#[derive(Debug)]
pub(crate) struct Network {
    shape: NetworkShape,
    node_count: usize,
    links: Vec<Link>,
    senders: Vec<Prng>,
    core: Nodes,
    delta_us: u64,
    is_healed: bool,
    pub(crate) rates: Rates,
}

impl Network {
    pub(crate) fn new(scenario: &Scenario, prng: &Prng) -> Self {
        let node_count = usize::from(scenario.node_count);
        let shape = scenario.network;
        let mut draws = prng.fork("links");
        let mut draw = |max| if max == 0 { 0 } else { draws.below(max) };
        let link = |_| Link {
            base_us: 1 + draw(shape.base_us_max),
            jitter_us: draw(shape.jitter_us_max),
            ..Link::default()
        };
        Self {
            shape,
            node_count,
            links: (0..node_count * node_count).map(link).collect(),
            senders: (0..node_count).map(|node| prng.fork(&format!("sender/{node}"))).collect(),
            core: scenario.core,
            delta_us: scenario.delta_us,
            is_healed: false,
            rates: Rates::default(),
        }
    }

    pub(crate) const fn heal(&mut self) {
        self.is_healed = true;
    }

    /// Is this a link inside the core, after the heal?
    pub(crate) const fn is_timely(&self, from: Node, to: Node) -> bool {
        self.is_healed && self.core.contains(from) && self.core.contains(to)
    }

    const fn index(&self, from: Node, to: Node) -> usize {
        from.index() * self.node_count + to.index()
    }

    /// One more fault cuts the link, or one less.
    pub(crate) fn cut(&mut self, from: Node, to: Node, begins: bool) {
        let index = self.index(from, to);
        let link = &mut self.links[index];
        link.cuts = if begins { link.cuts + 1 } else { link.cuts - 1 };
    }

    /// One more fault loses this kind of message on the link, or one less.
    pub(crate) fn muffle(&mut self, (from, to): (Node, Node), kind: u8, begins: bool) {
        let index = self.index(from, to);
        let muffles = &mut self.links[index].muffles[usize::from(kind)];
        *muffles = if begins { *muffles + 1 } else { *muffles - 1 };
    }

    /// Does the link lose this kind of message now?
    pub(crate) fn muffles(&self, (from, to): (Node, Node), kind: u8) -> bool {
        let link = &self.links[self.index(from, to)];
        link.muffles[usize::from(kind)] > 0 && !self.is_timely(from, to)
    }

    pub(crate) fn clog(&mut self, from: Node, to: Node, until_us: u64) {
        let index = self.index(from, to);
        let link = &mut self.links[index];
        link.clogged_until_us = link.clogged_until_us.max(until_us);
    }

    /// Does corruption strike this message?
    pub(crate) fn corrupts(&mut self, from: Node, to: Node) -> bool {
        let rate = self.rates.corrupt;
        rate > 0 && !self.is_timely(from, to) && self.senders[from.index()].chance(rate)
    }

    /// The randomness of what goes wrong with messages of this sender.
    pub(crate) fn prng(&mut self, from: Node) -> &mut Prng {
        &mut self.senders[from.index()]
    }

    /// Sends a message.
    pub(crate) fn send(&mut self, from: Node, to: Node, now_us: u64) -> Fate {
        let index = self.index(from, to);
        if self.is_timely(from, to) {
            return Fate::Once(self.timely_arrival(index, from, now_us));
        }
        let prng = &mut self.senders[from.index()];
        let Rates { loss, duplicate, .. } = self.rates;
        if self.links[index].cuts > 0 || (loss > 0 && prng.chance(loss)) {
            return Fate::Lost;
        }
        let again = duplicate > 0 && prng.chance(duplicate);
        let first_us = self.arrival(index, from, now_us);
        if again {
            Fate::Twice(first_us, self.arrival(index, from, now_us))
        } else {
            Fate::Once(first_us)
        }
    }

    fn arrival(&mut self, index: usize, from: Node, now_us: u64) -> u64 {
        let link = &mut self.links[index];
        let bits = self.senders[from.index()].next_u64();
        let mut delay_us = link.base_us + (((bits >> 32) * link.jitter_us) >> 32);
        if bits & 1_023 < self.shape.tail_per_1024 && self.shape.tail_us_max > 0 {
            delay_us += self.senders[from.index()].below(self.shape.tail_us_max);
        }
        let mut at_us = now_us.max(link.clogged_until_us) + delay_us;
        if self.shape.is_fifo {
            at_us = at_us.max(link.latest_us);
            link.latest_us = at_us;
        }
        at_us
    }

    fn timely_arrival(&mut self, index: usize, from: Node, now_us: u64) -> u64 {
        let link = &mut self.links[index];
        let bits = self.senders[from.index()].next_u64();
        let delay_us = link.base_us + (((bits >> 32) * link.jitter_us) >> 32);
        let mut at_us = now_us + delay_us.clamp(1, self.delta_us);
        if self.shape.is_fifo {
            // What was sent before the heal may still be on its way; it holds nothing up.
            at_us = at_us.max(link.latest_us.min(now_us + self.delta_us));
            link.latest_us = at_us;
        }
        assert!(at_us <= now_us + self.delta_us, "SIM-3: a message of the core is late");
        at_us
    }
}
