//! Clients of `quorate-client` that write and read without pause, and record what they saw.
//!
//! Every written value is unique, so that a read names its write. Keys of the ordered service are
//! used for a while and then left for new ones: that keeps the search of the judge short.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use quorate_client::cluster::{Cluster, Credentials, with_cluster};
use quorate_client::cluster_file::ClusterFile;
use quorate_client::error::ClientError;
use quorate_client::objects::{RealSigner, Signer, register_id};
use quorate_history::{Kind, Prng};
use quorate_types::ObjectId;

use crate::recorder::{KvInput, Recorder};

mod perform;

use perform::{perform_key_value, read_content, store_content};
pub use perform::{perform_register, read_back};

/// Public-key objects that are written by all clients, and keys of the ordered service in use at a
/// time: few, so that operations meet.
pub const FEW: Breadth = Breadth { registers: 4, keys: 6 };
/// Many, so that most were not being written at any one moment, and what a read finds is what had
/// been acknowledged.
pub const MANY: Breadth = Breadth { registers: 40, keys: 40 };
/// Calls of the ordered service after which new keys are used.
const CALLS_PER_GENERATION: u64 = 240;
/// Operations after which a client connects anew.
const OPERATIONS_PER_SESSION: u64 = 400;
/// Longest time in which a cluster must come to serve.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// How many places are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Breadth {
    /// Public-key objects.
    pub registers: usize,
    /// Keys of the ordered service at a time.
    pub keys: usize,
}

/// How long a history was at some moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Mark {
    calls: usize,
    contents: usize,
}

/// What all clients of a round share.
pub struct Shared {
    /// Where they record.
    pub recorder: Recorder,
    seed: u64,
    breadth: Breadth,
    /// Who owns the public-key objects.
    owners: Vec<Arc<dyn Signer>>,
    /// Operations under way.
    active: AtomicU64,
    /// Set while no operation may begin.
    is_paused: AtomicBool,
    /// Set when the clients are to come to an end.
    stop: AtomicBool,
    calls: AtomicU64,
    values: AtomicU64,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shared({:?}, seed {})", self.breadth, self.seed)
    }
}

impl Shared {
    /// Nothing recorded yet.
    #[must_use]
    pub fn new(seed: u64, breadth: Breadth) -> Arc<Self> {
        Self::with_objects(seed, breadth, |_| true)
    }

    /// As [`Self::new`], with objects that are wanted, such as those that a liar stores: where few
    /// servers share a ring unevenly, it may hold none of a few.
    #[must_use]
    pub fn with_objects(
        seed: u64,
        breadth: Breadth,
        is_wanted: impl Fn(ObjectId) -> bool,
    ) -> Arc<Self> {
        let mut prng = Prng::from_seed(seed).fork("owners");
        let mut draw = || {
            let bytes = [(); 4].map(|()| prng.next_u64().to_be_bytes()).concat();
            RealSigner::from_seed(&bytes.try_into().expect("four times eight bytes"))
        };
        let mut owners: Vec<Arc<dyn Signer>> = Vec::new();
        while owners.len() < breadth.registers {
            let owner = draw();
            if is_wanted(register_id(&owner.public_key())) {
                owners.push(Arc::new(owner));
            }
        }
        let (active, is_paused, stop, calls, values) = Default::default();
        let recorder = Recorder::default();
        Arc::new(Self { recorder, seed, breadth, owners, active, is_paused, stop, calls, values })
    }

    /// How long the history is now.
    pub fn mark(&self) -> Mark {
        let history = self.recorder.history();
        Mark { calls: history.key_value.len(), contents: history.contents.len() }
    }

    /// Lets operations under way come to their outcome, and no other begin.
    pub fn pause(&self) {
        self.is_paused.store(true, Ordering::SeqCst);
        while self.active.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    /// Lets operations begin again.
    pub fn resume(&self) {
        self.is_paused.store(false, Ordering::SeqCst);
    }

    /// Waits until this many operations were acknowledged.
    ///
    /// # Errors
    /// If that takes too long.
    pub fn await_acknowledged(&self, count: usize) -> Result<(), String> {
        let end = Instant::now() + LOAD_TIMEOUT;
        while self.recorder.history().acknowledged() < count {
            if Instant::now() > end {
                let failures = self.recorder.history().failures.clone();
                return Err(format!("the cluster does not serve: {failures:#?}"));
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// A value that nobody wrote before.
    fn value(&self) -> u64 {
        self.values.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn owner(&self, register: usize) -> Arc<dyn Signer> {
        Arc::clone(&self.owners[register])
    }

    fn refused(&self, what: &str, error: &ClientError) {
        self.recorder.history().failures.push(format!("{what}: {error}"));
    }

    fn impossible(&self, what: String) {
        self.recorder.history().impossible.push(what);
    }
}

/// Running clients.
#[derive(Debug)]
pub struct Clients {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Clients {
    /// Starts a client for each of these files, with a thread and a key of its own.
    #[must_use]
    pub fn start(shared: &Arc<Shared>, files: &[ClusterFile]) -> Self {
        let start = |(number, file): (usize, &ClusterFile)| {
            let (shared, file) = (Arc::clone(shared), file.clone());
            std::thread::spawn(move || client(&shared, number, &file))
        };
        let threads = files.iter().enumerate().map(start).collect();
        Self { shared: Arc::clone(shared), threads }
    }

    /// Lets every operation under way come to its outcome, and ends the clients.
    ///
    /// # Panics
    /// If a client did.
    pub fn finish(mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().expect("a client does not panic");
        }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // After a failure nobody waits for operations that cannot succeed.
    }
}

/// What a client proves itself with.
///
/// # Errors
/// What is wrong with its files.
pub fn credentials(file: &ClusterFile) -> Result<Credentials, String> {
    let identity = file.client_identity().map_err(|error| error.to_string())?;
    Ok(Credentials { seed: *identity.seed, certificate: identity.certificate })
}

/// Connects as this client, does the work, and disconnects.
///
/// # Errors
/// Why there is no connection.
pub fn session<T>(file: &ClusterFile, work: impl AsyncFnOnce(Cluster) -> T) -> Result<T, String> {
    let connected = quorate_client::block_on(with_cluster(file, &credentials(file)?, work));
    connected.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

/// Sessions of one client, one after the other; three operations at a time in each.
fn client(shared: &Shared, number: usize, file: &ClusterFile) {
    let credentials = credentials(file).expect("the files were made just now");
    let mut session = 0;
    while !shared.is_stopped() {
        session += 1;
        let work = async |cluster: Cluster| {
            let worker = |worker: u64| {
                let process = number as u64 * 10 + worker;
                let prng = Prng::from_seed(shared.seed).fork(&format!("{process}/{session}"));
                Worker { shared, cluster: &cluster, process, prng, seen: None }
            };
            tokio::join!(worker(0).run(), worker(1).run(), worker(2).run());
        };
        match quorate_client::block_on(with_cluster(file, &credentials, work)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => shared.refused("connect", &error),
            Err(error) => shared.impossible(format!("no event loop: {error}")),
        }
    }
}

/// One row of operations of a client.
struct Worker<'a> {
    shared: &'a Shared,
    cluster: &'a Cluster,
    process: u64,
    prng: Prng,
    /// The last key and value that were seen, for compare-and-swap.
    seen: Option<(String, Option<u64>)>,
}

impl Worker<'_> {
    async fn run(mut self) {
        for _ in 0..OPERATIONS_PER_SESSION / 3 {
            if self.shared.is_stopped() {
                return;
            }
            self.shared.active.fetch_add(1, Ordering::SeqCst);
            if self.shared.is_paused.load(Ordering::SeqCst) {
                self.shared.active.fetch_sub(1, Ordering::SeqCst);
                tokio::time::sleep(LOOK_INTERVAL).await;
                continue;
            }
            match self.prng.below(10) {
                0..4 => self.key_value().await,
                4..8 => self.register().await,
                _ => self.content().await,
            }
            self.shared.active.fetch_sub(1, Ordering::SeqCst);
        }
    }

    async fn register(&mut self) {
        let register = self.prng.index(self.shared.breadth.registers);
        let kind = match self.prng.chance(500) {
            true => Kind::Write(self.shared.value()),
            false => Kind::Read(None),
        };
        perform_register(self.shared, self.cluster, (self.process, register), kind).await;
    }

    async fn key_value(&mut self) {
        let calls = self.shared.calls.fetch_add(1, Ordering::Relaxed);
        let generation = calls / CALLS_PER_GENERATION;
        let key = format!("{generation}/{}", self.prng.index(self.shared.breadth.keys));
        let value = Some(self.shared.value());
        let input = match (self.prng.below(10), self.seen.take()) {
            (0..4, _) => KvInput::Get { key },
            (4..7, Some((key, expected))) => KvInput::CompareAndSwap { key, expected, value },
            _ => KvInput::Put { key, value },
        };
        self.seen = perform_key_value(self.shared, self.cluster, self.process, input).await;
    }

    async fn content(&mut self) {
        let known = {
            let history = self.shared.recorder.history();
            let count = history.contents.len();
            (count > 0).then(|| history.contents[self.prng.index(count)].clone())
        };
        match known {
            Some(known) if self.prng.chance(500) => {
                read_content(self.shared, self.cluster, &known, false).await;
            }
            Some(_) | None => store_content(self.shared, self.cluster, self.prng.next_u64()).await,
        }
    }
}
