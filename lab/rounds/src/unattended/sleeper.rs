//! A client that sleeps through all of it.
//!
//! It connects at the founding and reads. Then its thread, on which all of it runs, stands still,
//! as a process does that is stopped: its timers, its connections and what it knows of the system
//! are as they were when it wakes.
//!
//! Who slept through more than one epoch reaches nobody with the connection that it had: servers
//! prove keys of epochs of which it has not heard (MEM-11), and it acts on nothing without a lease
//! (MEM-2). So a read then fails, or what it finds is judged with all the others; and the client
//! connects anew, with no more than the file that it had.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use quorate_client::cluster::Cluster;
use quorate_client::cluster_file::ClusterFile;
use quorate_history::Kind;
use quorate_types::Epoch;

use crate::load::{Shared, perform_register, session};

/// The client among those that read and write, and the object that it reads.
const PLACE: (u64, usize) = (2_000, 0);

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slept {
    /// The epoch in which it fell asleep.
    pub from: Epoch,
    /// Whether the connection that it had went on.
    pub goes_on: bool,
    /// The epoch that it knows since it woke.
    pub to: Epoch,
}

impl fmt::Display for Slept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, goes_on, to) = (self.from.get(), self.goes_on, self.to.get());
        let with = if goes_on { "the connection that it had" } else { "a new connection" };
        write!(f, "a client slept from epoch {from} on and reads in epoch {to} with {with}")
    }
}

/// A client that is asleep.
pub(super) struct Sleeper {
    shared: Arc<Shared>,
    file: ClusterFile,
    wake: SyncSender<()>,
    thread: JoinHandle<Result<Slept, String>>,
}

impl Sleeper {
    /// Connects, reads, and falls asleep.
    ///
    /// # Errors
    /// Why it could not.
    pub(super) fn new(shared: &Arc<Shared>, file: &ClusterFile) -> Result<Self, String> {
        let (wake, woken) = sync_channel(1);
        let (tell, asleep) = sync_channel(1);
        let (shared, file) = (Arc::clone(shared), file.clone());
        let thread = {
            let (shared, file) = (Arc::clone(&shared), file.clone());
            std::thread::spawn(move || sleep((&shared, &file), &tell, &woken))
        };
        let sleeper = Self { shared, file, wake, thread };
        match asleep.recv() {
            Ok(()) => Ok(sleeper),
            // It has come to its end, or to grief.
            Err(_gone) => Err(sleeper.end().err().unwrap_or_else(|| String::from("no sleep"))),
        }
    }

    /// Wakes it: it reads with the connection that it had, or with a new one.
    ///
    /// # Errors
    /// Why it can read with neither, or that it knows no later epoch than when it fell asleep.
    pub(super) fn wake(self) -> Result<Slept, String> {
        self.wake.send(()).or(Err("nobody is asleep"))?;
        let (shared, file) = (Arc::clone(&self.shared), self.file.clone());
        let slept = self.end()?;
        let again = async |cluster: Cluster| {
            let has_read = perform_register(&shared, &cluster, PLACE, Kind::Read(None)).await;
            has_read.then(|| cluster.configuration().epoch())
        };
        let to = session(&file, again)?.ok_or("the client that slept cannot read")?;
        let slept = Slept { to: slept.to.max(to), ..slept };
        match slept.from < to && to == slept.to {
            true => Ok(slept),
            false => Err(format!("the new connection knows epoch {} only: {slept}", to.get())),
        }
    }

    fn end(self) -> Result<Slept, String> {
        self.thread.join().expect("a client does not panic")
    }
}

/// One connection, with a sleep in it.
fn sleep(
    (shared, file): (&Shared, &ClusterFile),
    asleep: &SyncSender<()>,
    woken: &Receiver<()>,
) -> Result<Slept, String> {
    let read =
        async |cluster: &Cluster| perform_register(shared, cluster, PLACE, Kind::Read(None)).await;
    let work = async |cluster: Cluster| {
        if !read(&cluster).await {
            return Err(String::from("the client that is to sleep cannot read"));
        }
        let from = cluster.configuration().epoch();
        asleep.send(()).or(Err("nobody waits for it to sleep"))?;
        // Not awaited: nothing of this client happens until it is woken, or left alone.
        woken.recv().or(Err("nobody woke it"))?;
        let goes_on = read(&cluster).await;
        Ok(Slept { from, goes_on, to: cluster.configuration().epoch() })
    };
    session(file, work)?
}
