//! C2: what is executed was asked for by its client, and is executed once.

use quorate_machine::Input;

use super::{At, Broken, Checker, Executed, Lens, RequestKey, Verdict};
use crate::fast::FastMap;
use crate::host::Subject;

/// Follows every request from its client to its place among the executed ones.
#[derive(Debug)]
pub struct Integrity<L> {
    lens: L,
    /// What good clients asked for, and where it was executed.
    requests: FastMap<RequestKey, Option<(u64, u64)>>,
    /// By log and position: the request.
    places: FastMap<(u64, u64), RequestKey>,
    scratch: Vec<Executed>,
}

impl<L> Integrity<L> {
    /// Which checker this is.
    pub const ID: &'static str = "C2";

    /// A checker that has seen nothing.
    #[must_use]
    pub fn new(lens: L) -> Self {
        let (requests, places) = (FastMap::default(), FastMap::default());
        Self { lens, requests, places, scratch: Vec::new() }
    }

    fn judge(&mut self, at: &At, Executed { request, log, position }: Executed) -> Verdict {
        let place = (log, position);
        if at.bad.contains(request.client) {
            // A bad client may ask for the same thing under two names: only the order counts.
            return self.judge_place(at, place, request);
        }
        let Some(known) = self.requests.get_mut(&request) else {
            let what = format!("{:?} executed {request:?}, which nobody asked for", at.node);
            return Err(Broken::new(Self::ID, what));
        };
        let first = *known.get_or_insert(place);
        if first != place {
            let what = format!("{:?} executed {request:?} at {place:?} and {first:?}", at.node);
            return Err(Broken::new(Self::ID, what));
        }
        self.judge_place(at, place, request)
    }

    fn judge_place(&mut self, at: &At, place: (u64, u64), request: RequestKey) -> Verdict {
        let other = *self.places.entry(place).or_insert(request);
        if other != request {
            let what = format!("{:?} executed {request:?} at {place:?} of {other:?}", at.node);
            return Err(Broken::new(Self::ID, what));
        }
        Ok(())
    }
}

impl<M: Subject, L: Lens<M>> Checker<M> for Integrity<L> {
    fn id(&self) -> &'static str {
        Self::ID
    }

    fn on_input(&mut self, at: &At, input: &Input<M>) -> Verdict {
        if let Input::Request(request) = input
            && let Some(key) = self.lens.requested(at.node, request)
        {
            self.requests.entry(key).or_insert(None);
        }
        Ok(())
    }

    fn on_output(&mut self, at: &At, output: &M::Output) -> Verdict {
        if !at.is_good() {
            return Ok(());
        }
        let mut executed = std::mem::take(&mut self.scratch);
        self.lens.executed(at.node, output, &mut executed);
        let verdict = executed.drain(..).try_for_each(|one| self.judge(at, one));
        self.scratch = executed;
        verdict
    }
}
