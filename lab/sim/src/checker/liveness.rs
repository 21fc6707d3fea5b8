//! C9: after the heal every request completes within a bound of virtual time.

use std::collections::BTreeMap;

use quorate_machine::Input;

use super::{At, Broken, Checker, End, Lens, RequestKey, Verdict};
use crate::host::Subject;

/// Knows what is outstanding and until when.
#[derive(Debug)]
pub struct Liveness<L> {
    lens: L,
    heal_us: u64,
    bound_us: u64,
    /// When each request was made that did not complete.
    outstanding: BTreeMap<RequestKey, u64>,
    scratch: Vec<RequestKey>,
}

impl<L> Liveness<L> {
    /// Which checker this is.
    pub const ID: &'static str = "C9";

    /// A checker for a run that heals at `heal_us`, after which a request takes up to `bound_us`.
    #[must_use]
    pub const fn new(lens: L, heal_us: u64, bound_us: u64) -> Self {
        Self { lens, heal_us, bound_us, outstanding: BTreeMap::new(), scratch: Vec::new() }
    }

    /// When a request that was made at this time must be complete.
    fn deadline_us(&self, made_us: u64) -> u64 {
        made_us.max(self.heal_us) + self.bound_us
    }

    fn judge(&mut self, at: &At, key: RequestKey) -> Verdict {
        let Some(made_us) = self.outstanding.remove(&key) else {
            return Ok(());
        };
        if at.time_us <= self.deadline_us(made_us) {
            return Ok(());
        }
        let what = format!("{key:?} of {made_us} us completed at {} us", at.time_us);
        Err(Broken::new(Self::ID, what))
    }
}

impl<M: Subject, L: Lens<M>> Checker<M> for Liveness<L> {
    fn id(&self) -> &'static str {
        Self::ID
    }

    fn on_input(&mut self, at: &At, input: &Input<M>) -> Verdict {
        if let Input::Request(request) = input
            && at.is_good()
            && let Some(key) = self.lens.requested(at.node, request)
        {
            self.outstanding.entry(key).or_insert(at.time_us);
        }
        Ok(())
    }

    fn on_output(&mut self, at: &At, output: &M::Output) -> Verdict {
        let mut completed = std::mem::take(&mut self.scratch);
        self.lens.completed(at.node, output, &mut completed);
        let verdict = completed.drain(..).try_for_each(|key| self.judge(at, key));
        self.scratch = completed;
        verdict
    }

    /// A client that crashed owes nobody its requests.
    fn on_crash(&mut self, at: &At) -> Verdict {
        self.outstanding.retain(|key, _| key.client != at.node);
        Ok(())
    }

    fn on_end(&mut self, end: &End<'_, M>) -> Verdict {
        let mut late = self.outstanding.iter().filter(|&(key, &made_us)| {
            end.scenario.core.contains(key.client) && self.deadline_us(made_us) < end.time_us
        });
        let Some((key, made_us)) = late.next() else {
            return Ok(());
        };
        let what = format!("{key:?} of {made_us} us never completed, as {} others", late.count());
        Err(Broken::new(Self::ID, what))
    }
}
