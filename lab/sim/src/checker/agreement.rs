//! C1: good nodes decide the same at each position, and each in ascending order.

use quorate_types::Digest;

use super::{At, Broken, Checker, Decision, Lens, Verdict};
use crate::fast::FastMap;
use crate::host::Subject;
use crate::node::Node;

/// Compares every decision with the first one at its position.
#[derive(Debug)]
pub struct Agreement<L> {
    lens: L,
    first: FastMap<(u64, u64), (Node, Digest)>,
    /// By node and log: the life and the position of the latest decision.
    latest: FastMap<(Node, u64), (u32, u64)>,
    scratch: Vec<Decision>,
}

impl<L> Agreement<L> {
    /// Which checker this is.
    pub const ID: &'static str = "C1";

    /// A checker that has seen nothing.
    #[must_use]
    pub fn new(lens: L) -> Self {
        let (first, latest) = (FastMap::default(), FastMap::default());
        Self { lens, first, latest, scratch: Vec::new() }
    }

    fn judge(&mut self, at: &At, decision: Decision) -> Verdict {
        let Decision { log, position, value } = decision;
        let place = (log, position);
        let (node, first) = *self.first.entry(place).or_insert((at.node, value));
        if first != value {
            let both = format!("{node:?} decided {first:?} and {:?} {value:?}", at.node);
            return Err(Broken::new(Self::ID, format!("at {position} of log {log} {both}")));
        }
        let latest = self.latest.insert((at.node, log), (at.life, position));
        if let Some((life, before)) = latest
            && life == at.life
            && before >= position
        {
            let what = format!("{:?} decided {position} of log {log} after {before}", at.node);
            return Err(Broken::new(Self::ID, what));
        }
        Ok(())
    }
}

impl<M: Subject, L: Lens<M>> Checker<M> for Agreement<L> {
    fn id(&self) -> &'static str {
        Self::ID
    }

    fn on_output(&mut self, at: &At, output: &M::Output) -> Verdict {
        if !at.is_good() {
            return Ok(());
        }
        let mut decisions = std::mem::take(&mut self.scratch);
        self.lens.decided(at.node, output, &mut decisions);
        let verdict = decisions.drain(..).try_for_each(|decision| self.judge(at, decision));
        self.scratch = decisions;
        verdict
    }
}
