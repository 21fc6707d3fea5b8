//! Hands work to a thread in batches: one lock and at most one wake-up, however much there is.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    abandoned: bool,
}

/// A queue in front of one or more threads. Its bound is the business of who fills it.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
}

impl<T> Mailbox<T> {
    pub(crate) const fn new() -> Self {
        let state = State { items: VecDeque::new(), abandoned: false };
        Self { state: Mutex::new(state), filled: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // No code of a caller runs under the lock, so a panic cannot leave half a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds all of it and wakes one thread.
    pub(crate) fn push_all(&self, items: impl IntoIterator<Item = T>) {
        let mut state = self.lock();
        state.items.extend(items);
        drop(state);
        self.filled.notify_one();
    }

    /// Adds one unless `max` wait already, and wakes one thread.
    pub(crate) fn try_push(&self, item: T, max: usize) -> Result<(), T> {
        let mut state = self.lock();
        if state.abandoned || state.items.len() >= max {
            return Err(item);
        }
        state.items.push_back(item);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Waits for work and takes as much of it as `take` counts. Nothing once the mailbox is
    /// abandoned.
    pub(crate) fn take(&self, take: impl FnOnce(&VecDeque<T>) -> usize) -> Option<Vec<T>> {
        let state = self.lock();
        let waits = |state: &mut State<T>| state.items.is_empty() && !state.abandoned;
        let waited = self.filled.wait_while(state, waits);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.items.is_empty() {
            return None;
        }
        let count = take(&state.items).clamp(1, state.items.len());
        Some(state.items.drain(..count).collect())
    }

    /// Lets the threads end after what they are doing now.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        state.items.clear();
        state.abandoned = true;
        drop(state);
        self.filled.notify_all();
    }
}
