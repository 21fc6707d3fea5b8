//! Threads that check signatures in batches.
//!
//! All messages of one peer go to one thread, and a thread works in order: so the messages of a
//! peer come back in their order, whatever the number of threads.

use std::io;
use std::sync::Arc;

use quorate_types::Peer;
use tokio::sync::Notify;

use crate::cache::CachingVerifier;
use crate::limits::POOL_THREADS_MAX;
use crate::mailbox::Mailbox;
use crate::spawn::Thread;

/// Checks signatures and puts the outcome where its machine finds it.
pub(crate) type PoolJob = Box<dyn FnOnce(&CachingVerifier) + Send>;

struct Lane {
    mailbox: Arc<Mailbox<PoolJob>>,
    thread: Thread,
}

/// The threads, shared by all machines of a node.
pub(crate) struct Pool {
    lanes: Vec<Lane>,
}

impl Pool {
    pub(crate) fn start(
        threads: usize,
        verifier: &Arc<CachingVerifier>,
        wake: &Arc<Notify>,
    ) -> io::Result<Self> {
        let mut pool = Self { lanes: Vec::new() };
        for _ in 0..threads.clamp(1, POOL_THREADS_MAX) {
            let mailbox: Arc<Mailbox<PoolJob>> = Arc::new(Mailbox::new());
            let (verifier, of_thread) = (Arc::clone(verifier), Arc::clone(&mailbox));
            let woken = Arc::clone(wake);
            let work = move || {
                while let Some(jobs) = of_thread.take(|_| 1) {
                    jobs.into_iter().for_each(|job| job(&verifier));
                    woken.notify_one();
                }
            };
            let thread = Thread::start("verify", Some(Arc::clone(wake)), work)?;
            pool.lanes.push(Lane { mailbox, thread });
        }
        Ok(pool)
    }

    /// The number of the thread that checks what this peer sends.
    pub(crate) fn lane_of(&self, peer: Peer) -> usize {
        let bytes = match &peer {
            Peer::Node(id) => id.as_bytes(),
            Peer::Client(id) => id.as_bytes(),
        };
        usize::from(bytes[0] ^ bytes[31]) % self.lanes.len()
    }

    pub(crate) const fn lane_count(&self) -> usize {
        self.lanes.len()
    }

    /// Hands jobs to a thread, in order.
    pub(crate) fn submit(&self, lane: usize, jobs: Vec<PoolJob>) {
        if !jobs.is_empty() {
            self.lanes[lane].mailbox.push_all(jobs);
        }
    }

    pub(crate) fn died(&self) -> bool {
        self.lanes.iter().any(|lane| lane.thread.died())
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.mailbox.abandon();
    }
}
