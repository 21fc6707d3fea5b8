//! The thread that conducts the machines of a server, as the server holds it.

use std::thread::JoinHandle;

use quorate_runtime::OnDeath;

use super::{Happening, Told};
use crate::error::ServerError;

/// A thread that goes on until it is told to stop, or fails.
///
/// It holds the keys and the data of its server. So whatever the server ends with, this tells it to
/// stop and waits for it: nothing of the disk is in use behind that, and the server can start again
/// at once.
#[derive(Debug)]
pub(crate) struct Conducted<T> {
    told: Told,
    thread: Option<JoinHandle<Result<T, ServerError>>>,
}

impl<T: Send + 'static> Conducted<T> {
    /// Starts it; it hears that it has to stop where it hears everything else. `on_death` is called
    /// if it panics, which is our mistake: a server without it would serve an epoch for ever.
    ///
    /// # Errors
    /// [`ServerError::Runtime`] if there is no thread.
    pub(crate) fn start(
        name: &str,
        (told, on_death): (Told, OnDeath),
        work: impl FnOnce() -> Result<T, ServerError> + Send + 'static,
    ) -> Result<Self, ServerError> {
        let work = move || {
            let _will = Will(on_death);
            work()
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        let thread = thread.map_err(|source| ServerError::Runtime { source })?;
        Ok(Self { told, thread: Some(thread) })
    }
}

impl<T> Conducted<T> {
    /// Ends it, and says how it had ended if it had. It may wait for the node, which must have
    /// ended before: then it finds that out by itself.
    ///
    /// # Errors
    /// What it failed with.
    pub(crate) fn stop(mut self) -> Result<T, ServerError> {
        self.end().unwrap_or(Err(ServerError::ConductorDied))
    }

    fn end(&mut self) -> Option<Result<T, ServerError>> {
        let thread = self.thread.take()?;
        // This word may wait for room, unlike those of machines: the thread makes some. Whoever
        // hears it has ended if it hears it no more.
        drop(self.told.send(Happening::Stop.into()));
        thread.join().ok()
    }
}

impl<T> Drop for Conducted<T> {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.end() {
            tracing::error!(%error, "the server had failed before it was stopped");
        }
    }
}

/// Executed when the thread panics.
struct Will(OnDeath);

impl Drop for Will {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.0)();
        }
    }
}

#[cfg(test)]
mod tests {
    //! Nothing of a server is in use when its thread has gone, whatever it went with.
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, sync_channel};

    use quorate_types::{Digest, Epoch};

    use super::super::{Happening, Said};
    use super::{Conducted, OnDeath};
    use crate::error::ServerError;

    fn alive() -> OnDeath {
        Arc::new(|| panic!("it did not panic"))
    }

    /// A thread that holds something and takes its time to let go of it.
    fn holding(held: &Arc<()>) -> Conducted<()> {
        let (told, happenings) = sync_channel(1);
        let held = Arc::clone(held);
        let work = move || {
            until_stopped(&happenings);
            take_time();
            drop(held);
            Ok(())
        };
        Conducted::start("test", (told, alive()), work).expect("a thread")
    }

    fn take_time() {
        (0..1_000).for_each(|_| std::thread::yield_now());
    }

    fn until_stopped(happenings: &Receiver<Said>) {
        while !matches!(happenings.recv().map(Said::into_happening), Ok(Happening::Stop) | Err(_)) {
        }
    }

    #[test]
    fn what_the_thread_holds_is_free_when_it_was_dropped_or_stopped() {
        let held = Arc::new(());
        drop(holding(&held));
        assert_eq!(Arc::strong_count(&held), 1, "dropped");
        holding(&held).stop().expect("it did not fail");
        assert_eq!(Arc::strong_count(&held), 1, "stopped");
    }

    #[test]
    fn it_is_told_to_stop_though_there_is_no_room_for_a_word() {
        let (told, happenings) = sync_channel(1);
        told.try_send(Happening::Abandoned(Epoch::ZERO, Digest::ZERO).into())
            .expect("room for one");
        let work = move || {
            take_time();
            until_stopped(&happenings);
            Ok(())
        };
        let conducted = Conducted::start("test", (told, alive()), work).expect("a thread");
        conducted.stop().expect("it did not fail");
    }

    #[test]
    fn why_it_had_ended_before_is_said_when_it_is_stopped() {
        let (told, happenings) = sync_channel(1);
        drop(happenings);
        let failed = || Err::<(), _>(ServerError::Randomness);
        let conducted = Conducted::start("test", (told, alive()), failed).expect("a thread");
        let error = conducted.stop().expect_err("it failed");
        assert!(matches!(error, ServerError::Randomness), "{error}");
    }

    #[test]
    fn when_it_panics_the_node_is_stopped_and_the_server_says_so() {
        let (told, happenings) = sync_channel(1);
        let (stop, stopped) = sync_channel(1);
        let on_death: OnDeath = Arc::new(move || stop.send(()).expect("the node is there"));
        let mistaken = move || -> Result<(), ServerError> {
            drop(happenings);
            panic!("our mistake")
        };
        let conducted = Conducted::start("test", (told, on_death), mistaken).expect("a thread");
        // The last of those who could say it is gone if nobody said it.
        stopped.recv().expect("the node is told to stop");
        let error = conducted.stop().expect_err("it died");
        assert!(matches!(error, ServerError::ConductorDied), "{error}");
    }
}
