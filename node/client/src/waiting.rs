//! Operations that wait for their outcome.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Operations that wait for their outcome, by the number that they were given. An entry lives as
/// long as somebody waits at it.
pub(crate) struct Waiting<T>(Mutex<(u64, BTreeMap<u64, oneshot::Sender<T>>)>);

impl<T> std::fmt::Debug for Waiting<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting")
    }
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self(Mutex::new((0, BTreeMap::new())))
    }
}

impl<T> Waiting<T> {
    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, oneshot::Sender<T>>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for an operation, with a number of its own.
    pub(crate) fn enter(self: &Arc<Self>) -> Place<T> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        waiting.0 += 1;
        let number = waiting.0;
        waiting.1.insert(number, sender);
        Place { waiting: Arc::clone(self), number, receiver }
    }

    /// The operation with this number is over.
    pub(crate) fn leave(&self, number: u64, outcome: T) {
        if let Some(sender) = self.lock().1.remove(&number) {
            // Whoever does not wait any more does not want the outcome.
            drop(sender.send(outcome));
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().1.len()
    }
}

/// Where the outcome of one operation comes. Dropping it, as a timeout does, forgets the operation.
#[derive(Debug)]
pub(crate) struct Place<T> {
    waiting: Arc<Waiting<T>>,
    number: u64,
    receiver: oneshot::Receiver<T>,
}

impl<T> Place<T> {
    /// The number of the operation.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// The outcome; nothing if whoever had to give it is gone.
    pub(crate) async fn outcome(&mut self) -> Option<T> {
        (&mut self.receiver).await.ok()
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        self.waiting.lock().1.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    //! Nobody is kept who does not wait.
    use std::sync::Arc;
    use std::time::Duration;

    use super::Waiting;

    #[test]
    fn an_operation_that_nobody_waits_for_any_more_is_forgotten() {
        let waiting: Arc<Waiting<u8>> = Arc::default();
        let places: Vec<_> = (0..100).map(|_| waiting.enter()).collect();
        assert_eq!(waiting.len(), 100);
        drop(places);
        assert_eq!(waiting.len(), 0);
        waiting.leave(7, 1);
    }

    #[tokio::test]
    async fn a_timeout_forgets_its_operation_and_an_outcome_comes_to_its_own() {
        let waiting: Arc<Waiting<u8>> = Arc::default();
        let (mut first, mut second) = (waiting.enter(), waiting.enter());
        waiting.leave(second.number(), 2);
        assert_eq!(second.outcome().await, Some(2));
        let waited = tokio::time::timeout(Duration::ZERO, first.outcome()).await;
        assert!(waited.is_err());
        drop(first);
        assert_eq!(waiting.len(), 0);
    }
}
