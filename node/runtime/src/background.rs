//! A thread beside the machines that does one thing over and over.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::spawn::Thread;

/// What is done when a thread panics.
pub type OnDeath = Arc<dyn Fn() + Send + Sync>;

/// Executed when the thread panics.
struct Will {
    died: Arc<AtomicBool>,
    on_death: OnDeath,
}

impl Drop for Will {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Whoever is told can see it.
            self.died.store(true, Ordering::Release);
            (self.on_death)();
        }
    }
}

/// A thread that ends, and is waited for, when this is dropped.
#[derive(Debug)]
pub struct Background {
    stop: Arc<AtomicBool>,
    died: Arc<AtomicBool>,
    _thread: Thread,
}

impl Background {
    /// Starts a thread that calls `round` until it is to stop; a round must end by itself, soon.
    /// If it panics, which is our mistake, `on_death` is called from there: what depends on it must
    /// not go on as if it were done.
    ///
    /// # Errors
    /// What the operating system says if it has no thread.
    pub fn start(
        name: &str,
        on_death: OnDeath,
        mut round: impl FnMut() + Send + 'static,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let died = Arc::new(AtomicBool::new(false));
        let will = Will { died: Arc::clone(&died), on_death };
        let work = move || {
            let _will = will;
            while !told.load(Ordering::Acquire) {
                round();
            }
        };
        Ok(Self { stop, died, _thread: Thread::start(name, None, work)? })
    }

    /// Whether it panicked: then nothing is done any more.
    #[must_use]
    pub fn died(&self) -> bool {
        self.died.load(Ordering::Acquire)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // The thread is waited for when its handle is dropped, right after this.
        self.stop.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    //! A thread goes on until it is dropped, and its death is told.
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::sync::mpsc::sync_channel;

    use super::Background;

    #[test]
    fn a_thread_goes_on_until_it_is_dropped_and_not_after() {
        let rounds = Arc::new(AtomicU64::new(0));
        let (sender, receiver) = sync_channel(1);
        let counted = Arc::clone(&rounds);
        let round = move || {
            counted.fetch_add(1, Ordering::SeqCst);
            // It is full while nobody listens.
            let _is_full = sender.try_send(()).is_err();
        };
        let thread = Background::start("rounds", Arc::new(|| {}), round).unwrap();
        receiver.recv().unwrap();
        receiver.recv().unwrap();
        drop(thread);
        let last = rounds.load(Ordering::SeqCst);
        assert!(last >= 2);
        assert!(receiver.try_iter().count() <= 1);
        assert_eq!(rounds.load(Ordering::SeqCst), last);
    }

    #[test]
    fn the_death_of_a_thread_is_told() {
        let told = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = sync_channel(1);
        let heard = Arc::clone(&told);
        let on_death = move || {
            heard.store(true, Ordering::SeqCst);
            sender.send(()).unwrap();
        };
        let thread = Background::start("mortal", Arc::new(on_death), || panic!("our mistake"));
        let thread = thread.unwrap();
        receiver.recv().unwrap();
        assert!(told.load(Ordering::SeqCst));
        assert!(thread.died(), "whoever is told can see it");
    }
}
