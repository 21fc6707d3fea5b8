//! The way from the rest of the program to a machine.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quorate_machine::Machine;
use tokio::sync::Notify;

use crate::limits::REQUESTS_MAX;

/// A look at a machine between two steps.
type Look<M> = Box<dyn FnOnce(&M) + Send>;

/// What somebody wants of a machine.
pub(crate) enum Wish<M: Machine> {
    Request(M::Request),
    Look(Look<M>),
}

struct State<M: Machine> {
    wishes: VecDeque<Wish<M>>,
    closed: bool,
}

/// The bounded queue of wishes of one machine.
pub(crate) struct Inbox<M: Machine> {
    state: Mutex<State<M>>,
    wake: Arc<Notify>,
    /// Told when there is room again, and when there never will be.
    room: Notify,
}

impl<M: Machine> Inbox<M> {
    pub(crate) const fn new(wake: Arc<Notify>) -> Self {
        let state = State { wishes: VecDeque::new(), closed: false };
        Self { state: Mutex::new(state), wake, room: Notify::const_new() }
    }

    fn lock(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, wish: Wish<M>) -> Result<(), (Refusal, Wish<M>)> {
        let mut state = self.lock();
        if state.closed {
            return Err((Refusal::Stopped, wish));
        }
        if state.wishes.len() >= REQUESTS_MAX {
            return Err((Refusal::Full, wish));
        }
        state.wishes.push_back(wish);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// Takes up to `count_max` wishes, oldest first.
    pub(crate) fn take(&self, count_max: usize) -> Vec<Wish<M>> {
        let mut state = self.lock();
        let (waiting, count) = (state.wishes.len(), state.wishes.len().min(count_max));
        let taken = state.wishes.drain(..count).collect();
        drop(state);
        if waiting >= REQUESTS_MAX {
            self.room.notify_waiters();
        }
        taken
    }

    /// Refuses everything from now on, and forgets what waits.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let forgotten = std::mem::take(&mut state.wishes);
        drop(state);
        drop(forgotten);
        self.room.notify_waiters();
    }
}

#[derive(Debug, Clone, Copy)]
enum Refusal {
    Full,
    Stopped,
}

/// Why a request was not taken; it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError<R> {
    /// Too many wait already; ask again later.
    #[error("{REQUESTS_MAX} requests wait already; ask again later")]
    Full(R),
    /// The node has stopped.
    #[error("the node has stopped")]
    Stopped(R),
}

/// Asks things of one machine, from any thread. Cheap to clone.
pub struct Handle<M: Machine> {
    pub(crate) inbox: Arc<Inbox<M>>,
}

impl<M: Machine> Clone for Handle<M> {
    fn clone(&self) -> Self {
        Self { inbox: Arc::clone(&self.inbox) }
    }
}

impl<M: Machine> std::fmt::Debug for Handle<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl<M: Machine> Handle<M> {
    /// Asks the machine for something. Requests are taken in order; never waits.
    ///
    /// # Errors
    /// Gives the request back if too many wait, or if the node has stopped.
    pub fn request(&self, request: M::Request) -> Result<(), RequestError<M::Request>> {
        match self.inbox.push(Wish::Request(request)) {
            Err((Refusal::Full, Wish::Request(back))) => Err(RequestError::Full(back)),
            Err((Refusal::Stopped, Wish::Request(back))) => Err(RequestError::Stopped(back)),
            Ok(()) | Err((_, Wish::Look(_))) => Ok(()),
        }
    }

    /// As [`Handle::request`], and waits for room where too many requests wait. Cancel safe.
    ///
    /// # Errors
    /// Gives the request back if the node has stopped.
    pub async fn ask(&self, mut request: M::Request) -> Result<(), RequestError<M::Request>> {
        loop {
            let mut room = std::pin::pin!(self.inbox.room.notified());
            // What makes room from here on is not missed.
            room.as_mut().enable();
            match self.request(request) {
                Err(RequestError::Full(back)) => request = back,
                asked => return asked,
            }
            room.await;
        }
    }

    /// Lets `look` see the machine between two of its steps, for a page of status. It must be
    /// quick. False if too many wait, or if the node has stopped; if the node stops later, `look`
    /// is dropped without having run.
    #[must_use]
    pub fn look(&self, look: impl FnOnce(&M) + Send + 'static) -> bool {
        self.inbox.push(Wish::Look(Box::new(look))).is_ok()
    }
}
