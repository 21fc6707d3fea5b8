//! C4: a good node never states two conflicting things, in all its lives.
//!
//! It catches a wrong order of persisting and sending before it becomes disagreement.

use quorate_machine::Recipients;
use quorate_types::Digest;

use super::{At, Broken, Checker, Lens, Statement, Verdict};
use crate::fast::FastMap;
use crate::host::Subject;
use crate::node::Node;

/// Remembers what each node said about each topic.
#[derive(Debug)]
pub struct Statements<L> {
    lens: L,
    said: FastMap<(Node, [u64; 4]), (u64, Digest)>,
    scratch: Vec<Statement>,
}

impl<L> Statements<L> {
    /// Which checker this is.
    pub const ID: &'static str = "C4";

    /// A checker that has seen nothing.
    #[must_use]
    pub fn new(lens: L) -> Self {
        Self { lens, said: FastMap::default(), scratch: Vec::new() }
    }

    fn judge(&mut self, at: &At, Statement { topic, value }: Statement) -> Verdict {
        let (event, before) = *self.said.entry((at.node, topic)).or_insert((at.event, value));
        if before == value {
            return Ok(());
        }
        let what = format!("{value:?} after {before:?} at event {event} on {topic:?}");
        Err(Broken::new(Self::ID, format!("{:?} states {what}", at.node)))
    }
}

impl<M: Subject, L: Lens<M>> Checker<M> for Statements<L> {
    fn id(&self) -> &'static str {
        Self::ID
    }

    fn on_send(&mut self, at: &At, _to: &Recipients, message: &M::Outbound) -> Verdict {
        if !at.is_good() {
            return Ok(());
        }
        let mut statements = std::mem::take(&mut self.scratch);
        self.lens.stated(at.node, message, &mut statements);
        let verdict = statements.drain(..).try_for_each(|one| self.judge(at, one));
        self.scratch = statements;
        verdict
    }
}
