//! A thread beside the machines that does one thing over and over.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::spawn::Thread;

/// A thread that ends, and is waited for, when this is dropped.
#[derive(Debug)]
pub struct Background {
    stop: Arc<AtomicBool>,
    thread: Thread,
}

impl Background {
    /// Starts a thread that calls `round` until it is to stop; a round must end by itself, soon.
    ///
    /// # Errors
    /// What the operating system says if it has no thread.
    pub fn start(name: &str, mut round: impl FnMut() + Send + 'static) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let work = move || {
            while !told.load(Ordering::Acquire) {
                round();
            }
        };
        Ok(Self { stop, thread: Thread::start(name, None, work)? })
    }

    /// Whether it panicked: then nothing is done any more.
    #[must_use]
    pub fn died(&self) -> bool {
        self.thread.died()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // The thread is waited for when its handle is dropped, right after this.
        self.stop.store(true, Ordering::Release);
    }
}
