//! The one place of the program that starts tasks and threads.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use quorate_net::{Spawner, Task};
use tokio::sync::Notify;

/// Runs a future, and all tasks that it starts, on this thread.
///
/// # Errors
/// What the operating system says if it has no descriptor for waiting on sockets.
pub fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(future))
}

/// Starts a task beside the machines, on their thread: it must never block.
///
/// # Panics
/// Outside of a runtime.
#[expect(clippy::disallowed_methods, reason = "the one place that starts tasks")]
pub fn spawn(task: Task) {
    drop(tokio::spawn(task));
}

/// How a transport starts its tasks here.
#[must_use]
pub fn spawner() -> Spawner {
    Arc::new(spawn)
}

/// A thread whose death is noticed, and whose end is waited for when this is dropped.
#[derive(Debug)]
pub(crate) struct Thread {
    died: Arc<AtomicBool>,
    handle: Option<JoinHandle<()>>,
}

/// Set however the thread ends, unless it ended in order.
struct Obituary {
    died: Arc<AtomicBool>,
    wake: Option<Arc<Notify>>,
}

impl Drop for Obituary {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.died.store(true, Ordering::Release);
            if let Some(wake) = &self.wake {
                wake.notify_one();
            }
        }
    }
}

impl Thread {
    /// Starts a thread; if it panics, `wake` is told.
    pub(crate) fn start(
        name: &str,
        wake: Option<Arc<Notify>>,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let died = Arc::new(AtomicBool::new(false));
        let obituary = Obituary { died: Arc::clone(&died), wake };
        let body = move || {
            let obituary = obituary;
            work();
            drop(obituary);
        };
        let handle = std::thread::Builder::new().name(name.to_owned()).spawn(body)?;
        Ok(Self { died, handle: Some(handle) })
    }

    /// Whether it panicked.
    pub(crate) fn died(&self) -> bool {
        self.died.load(Ordering::Acquire)
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            // A panic has been reported by the thread itself and is seen in `died`.
            drop(handle.join());
        }
    }
}
