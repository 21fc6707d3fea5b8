//! Runs futures together on one thread; one that was not woken is not polled.
//!
//! With a thousand callers that each wait for their own answer, polling all of them at every
//! answer would cost more than the answers.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Which futures were woken, and whom to tell.
#[derive(Default)]
struct Woken {
    state: Mutex<(Vec<usize>, Option<Waker>)>,
}

impl Woken {
    fn lock(&self) -> MutexGuard<'_, (Vec<usize>, Option<Waker>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes one of the futures.
struct Bell {
    index: usize,
    woken: Arc<Woken>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let mut state = self.woken.lock();
        state.0.push(self.index);
        let waker = state.1.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A future on its way, with the waker that names it.
struct Member<F: Future> {
    future: Pin<Box<F>>,
    waker: Waker,
    output: Option<F::Output>,
}

impl<F: Future> Member<F> {
    fn new(index: usize, future: F, woken: &Arc<Woken>) -> Self {
        let waker = Waker::from(Arc::new(Bell { index, woken: Arc::clone(woken) }));
        Self { future: Box::pin(future), waker, output: None }
    }

    /// Polls the future unless it is done; true if it is done now.
    fn advance(&mut self) -> bool {
        if self.output.is_some() {
            return false;
        }
        match self.future.as_mut().poll(&mut Context::from_waker(&self.waker)) {
            Poll::Ready(output) => self.output = Some(output),
            Poll::Pending => {}
        }
        self.output.is_some()
    }
}

/// Runs the futures until all are done; the outputs are in their order.
pub(crate) async fn together<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let woken = Arc::new(Woken::default());
    let members = futures.into_iter().enumerate();
    let mut members: Vec<_> =
        members.map(|(index, future)| Member::new(index, future, &woken)).collect();
    let mut running = members.len();
    woken.lock().0.extend(0..running);
    std::future::poll_fn(|context| {
        let ready = {
            let mut state = woken.lock();
            state.1 = Some(context.waker().clone());
            std::mem::take(&mut state.0)
        };
        running -= ready.into_iter().filter(|index| members[*index].advance()).count();
        if running == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    members.into_iter().filter_map(|member| member.output).collect()
}

#[cfg(test)]
mod tests;
