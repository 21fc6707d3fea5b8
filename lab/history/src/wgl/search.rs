//! The search itself: place calls, remember what was tried, put back, and certify what was found.

use std::collections::HashSet;

use super::placed::{Placed, Snapshot};
use super::timeline::{Entry, Timeline};
use super::{CallOf, Model, Unexplained, Verdict};

/// Judges these calls, each with its position in the history.
///
/// # Panics
/// If a call returned before it was invoked.
pub(super) fn run<M: Model>(model: &M, history: &[(usize, &CallOf<M>)], steps_max: u64) -> Verdict {
    let mut calls = history.to_vec();
    calls.sort_by_key(|(_, call)| (call.answer.is_none(), call.invoked));
    for (position, call) in &calls {
        let is_sound = call.answer.as_ref().is_none_or(|answer| answer.at >= call.invoked);
        assert!(is_sound, "call #{position} returned before it was invoked: {}", call.explain());
    }
    let mut search = Search::new(model, &calls, steps_max);
    let verdict = search.run();
    assert!(search.steps <= steps_max, "HIS-4: {} steps, cap {steps_max}", search.steps);
    if verdict.is_ok() {
        search.certify();
    }
    verdict
}

struct Search<'a, M: Model> {
    model: &'a M,
    /// Those that returned first, then the pending ones; each part in the order of invocation.
    calls: &'a [(usize, &'a CallOf<M>)],
    steps: u64,
    steps_max: u64,
    timeline: Timeline,
    /// Calls that returned and are not placed.
    missing: usize,
    placed: Placed,
    state: M::State,
    /// The order so far, each call with the state before it.
    order: Vec<(usize, M::State)>,
    seen: HashSet<(Snapshot, M::State)>,
    /// The longest order that got stuck, and the call whose return stopped it.
    stuck: (usize, Option<usize>),
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a M, calls: &'a [(usize, &'a CallOf<M>)], steps_max: u64) -> Self {
        let missing = calls.iter().filter(|(_, call)| call.answer.is_some()).count();
        Self {
            model,
            calls,
            steps: 0,
            steps_max,
            timeline: Timeline::new(calls.iter().map(|(_, call)| *call)),
            missing,
            placed: Placed::new(calls.len(), missing),
            state: model.initial(),
            order: Vec::new(),
            seen: HashSet::new(),
            stuck: (0, None),
        }
    }

    fn run(&mut self) -> Verdict {
        let mut position = self.timeline.first();
        while self.missing > 0 {
            position = match self.timeline.entry(position) {
                Entry::Invocation(_) if self.steps == self.steps_max => {
                    return Verdict::Undecided { steps_max: self.steps_max };
                }
                Entry::Invocation(call) if self.try_place(call) => self.timeline.first(),
                Entry::Invocation(_) => self.timeline.after(position),
                Entry::Return(call) => {
                    self.note_stuck(call);
                    let Some(call) = self.put_back() else { return self.unexplained() };
                    self.timeline.after_invocation(call)
                }
                Entry::End => unreachable!("a call that returned is missing, so its return stands"),
            };
        }
        Verdict::Ok
    }

    /// Places the call next if the model gives its output, and the set and state are new.
    fn try_place(&mut self, call: usize) -> bool {
        self.steps += 1;
        let recorded = self.calls[call].1;
        let mut state = self.state.clone();
        let output = self.model.apply(&mut state, &recorded.input);
        match &recorded.answer {
            Some(answer) if answer.output != output => return false,
            // A pending call that changes nothing need not be placed.
            None if state == self.state => return false,
            Some(_) | None => {}
        }

        self.placed.insert(call);
        if !self.seen.insert((self.placed.snapshot(), state.clone())) {
            self.placed.remove(call);
            return false;
        }
        self.order.push((call, std::mem::replace(&mut self.state, state)));
        self.timeline.lift(call);
        self.missing -= usize::from(recorded.answer.is_some());
        true
    }

    /// Takes back the last call of the order; `None` if there is none.
    fn put_back(&mut self) -> Option<usize> {
        let (call, state) = self.order.pop()?;
        self.state = state;
        self.placed.remove(call);
        self.timeline.put_back(call);
        self.missing += usize::from(self.calls[call].1.answer.is_some());
        Some(call)
    }

    fn note_stuck(&mut self, call: usize) {
        if self.stuck.1.is_none() || self.order.len() > self.stuck.0 {
            self.stuck = (self.order.len(), Some(call));
        }
    }

    fn unexplained(&self) -> Verdict {
        let (placed_max, call) = self.stuck;
        let (position, call) = self.calls[call.expect("a search ends only where it was stuck")];
        Verdict::Violation(Unexplained {
            key: None,
            call: call.explain(),
            position,
            placed_max,
            calls: self.calls.len(),
        })
    }

    /// Replays the order found without the search's own bookkeeping.
    fn certify(&self) {
        let mut state = self.model.initial();
        let mut last_invoked = 0;
        let mut returned_count = 0;
        for (call, _) in &self.order {
            let call = self.calls[*call].1;
            let output = self.model.apply(&mut state, &call.input);
            if let Some(answer) = &call.answer {
                assert!(answer.output == output, "HIS-3: output differs: {}", call.explain());
                assert!(answer.at >= last_invoked, "HIS-3: out of order: {}", call.explain());
                returned_count += 1;
            }
            last_invoked = last_invoked.max(call.invoked);
        }
        let expected = self.calls.iter().filter(|(_, call)| call.answer.is_some()).count();
        assert_eq!(returned_count, expected, "HIS-3: a call that returned is not in the order");
    }
}
