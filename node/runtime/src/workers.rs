//! Threads for the blocking work of a node that is no record: loading objects, reading files.
//!
//! A job that has an answer gives it to a machine with [`crate::Handle::request`].

use std::io;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::limits::JOBS_MAX;
use crate::mailbox::Mailbox;
use crate::spawn::Thread;

/// Blocking work.
pub type Job = Box<dyn FnOnce() + Send>;

/// A fixed number of threads with one bounded queue. Dropping it ends them after the jobs that
/// they are at; what waits is forgotten.
pub struct Workers {
    mailbox: Arc<Mailbox<Job>>,
    threads: Vec<Thread>,
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workers").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

impl Workers {
    /// Starts this many threads, at least one; `wake` is told if one of them panics.
    pub(crate) fn start(name: &str, count: usize, wake: &Arc<Notify>) -> io::Result<Self> {
        let mut workers = Self { mailbox: Arc::new(Mailbox::new()), threads: Vec::new() };
        for _ in 0..count.max(1) {
            let mailbox = Arc::clone(&workers.mailbox);
            let work = move || {
                while let Some(jobs) = mailbox.take(|_| 1) {
                    jobs.into_iter().for_each(|job| job());
                }
            };
            workers.threads.push(Thread::start(name, Some(Arc::clone(wake)), work)?);
        }
        Ok(workers)
    }

    /// Whether a thread panicked.
    pub(crate) fn died(&self) -> bool {
        self.threads.iter().any(Thread::died)
    }

    /// Queues a job.
    ///
    /// # Errors
    /// Gives the job back if [`JOBS_MAX`] wait already.
    pub fn submit(&self, job: Job) -> Result<(), Job> {
        self.mailbox.try_push(job, JOBS_MAX)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.mailbox.abandon();
    }
}
