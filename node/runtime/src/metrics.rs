//! What happened so far, as plain counters that any thread may read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quorate_crypto::Rejected;
use quorate_net::{NetCounters, NetSnapshot};
use quorate_types::Peer;

use crate::cache::CachingVerifier;
use crate::limits::COMPLAINTS_MAX;

/// Upper bounds of the buckets of [`Histogram`]; a last bucket has no bound. From 64 to 2,048,
/// where the times of a disk lie, neighbours differ by an eighth to a quarter.
pub const BUCKETS: [u64; 31] = [
    16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 192, 224, 256, 288, 320, 384, 448, 512, 576, 640,
    768, 896, 1_024, 1_280, 1_536, 2_048, 4_096, 16_384, 65_536, 262_144, 1_048_576,
];

/// Counts values by size.
#[derive(Debug, Default)]
pub struct Histogram {
    counts: [AtomicU64; BUCKETS.len() + 1],
    sum: AtomicU64,
}

impl Histogram {
    pub(crate) fn add(&self, value: u64) {
        let bucket = BUCKETS.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(1, Relaxed);
        self.sum.fetch_add(value, Relaxed);
    }

    fn snapshot(&self) -> HistogramSnapshot {
        let counts = std::array::from_fn(|bucket| self.counts[bucket].load(Relaxed));
        HistogramSnapshot { counts, sum: self.sum.load(Relaxed) }
    }
}

/// A histogram at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistogramSnapshot {
    /// Values in each bucket; those above the last bound of [`BUCKETS`] in the last one.
    pub counts: [u64; BUCKETS.len() + 1],
    /// The sum of all values.
    pub sum: u64,
}

impl HistogramSnapshot {
    fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.sum += other.sum;
    }

    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The bound that this many thousandths of the values do not exceed; the greatest number if
    /// they fall into the last bucket. 0 without values.
    #[must_use]
    pub fn quantile(&self, thousandths: u64) -> u64 {
        let rank = u128::from(self.count()) * u128::from(thousandths.min(1_000));
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u128::from(*count);
            if *count > 0 && seen * 1_000 >= rank {
                return BUCKETS.get(bucket).copied().unwrap_or(u64::MAX);
            }
        }
        0
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters of one machine.
        #[derive(Debug, Default)]
        pub(crate) struct MachineMetrics {
            $(pub(crate) $name: AtomicU64,)*
            pub(crate) commit_micros: Histogram,
            pub(crate) group_records: Histogram,
            pub(crate) tick_frames: Histogram,
            marks: Mutex<BTreeMap<&'static str, u64>>,
            sent_bytes: Mutex<BTreeMap<&'static str, u64>>,
        }

        /// The counters of one machine at one moment.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct MachineSnapshot {
            /// The machine.
            pub name: &'static str,
            $($(#[$doc])* pub $name: u64,)*
            /// Time of each commit, in microseconds: for a log one write and one fdatasync.
            pub commit_micros: HistogramSnapshot,
            /// Records made durable by each commit.
            pub group_records: HistogramSnapshot,
            /// Frames that each tick with frames gave to the machine.
            pub tick_frames: HistogramSnapshot,
            /// How often the machine passed each of its marks.
            pub marks: BTreeMap<&'static str, u64>,
            /// Bytes of frames for peers, one time for each recipient, by the kind of the message.
            pub sent_bytes: BTreeMap<&'static str, u64>,
        }

        impl MachineSnapshot {
            /// Adds what another machine of the same name counted.
            fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
                self.commit_micros.add(&other.commit_micros);
                self.group_records.add(&other.group_records);
                self.tick_frames.add(&other.tick_frames);
                for (mark, count) in &other.marks {
                    *self.marks.entry(mark).or_insert(0) += count;
                }
                for (kind, bytes) in &other.sent_bytes {
                    *self.sent_bytes.entry(kind).or_insert(0) += bytes;
                }
            }
        }

        impl MachineMetrics {
            fn snapshot(&self, name: &'static str) -> MachineSnapshot {
                MachineSnapshot {
                    name,
                    $($name: self.$name.load(Relaxed),)*
                    commit_micros: self.commit_micros.snapshot(),
                    group_records: self.group_records.snapshot(),
                    tick_frames: self.tick_frames.snapshot(),
                    marks: lock(&self.marks).clone(),
                    sent_bytes: lock(&self.sent_bytes).clone(),
                }
            }
        }
    };
}

counters! {
    /// Inputs taken by the machine.
    steps,
    /// Frames that came for the machine.
    frames,
    /// Messages that the machine needed no more: dropped before their signatures were checked.
    useless,
    /// Messages checked on the thread of the machines.
    settled_inline,
    /// Messages checked by the pool.
    settled_pooled,
    /// Jobs given to the pool.
    pool_jobs,
    /// Messages that wait in the pool now.
    pool_waiting,
    /// Records handed to the disk.
    records,
    /// Records durable.
    records_durable,
    /// Successful commits.
    commits,
    /// Effects that wait for the disk now.
    effects_waiting,
    /// Bytes of the effects that wait for the disk now.
    effects_waiting_bytes,
    /// Frames sent, one for each recipient.
    sent,
    /// Frames not sent: the queue of the peer is full.
    unsent_full,
    /// Frames not sent: the peer is not connected, or not known.
    unsent_down,
    /// Frames not sent: larger than any queue.
    unsent_too_large,
    /// Alarms that went off.
    alarms,
    /// Alarms that are set now.
    alarms_set,
    /// Requests taken.
    requests,
    /// What the machine told its node.
    outputs,
}

impl MachineMetrics {
    /// Counts marks, and forgets them.
    pub(crate) fn count_marks(&self, marks: &mut Vec<&'static str>) {
        if marks.is_empty() {
            return;
        }
        let mut counts = lock(&self.marks);
        for mark in marks.drain(..) {
            *counts.entry(mark).or_insert(0) += 1;
        }
    }
}

impl MachineMetrics {
    /// Counts bytes that left, and forgets them.
    pub(crate) fn count_sent(&self, sent: &mut Vec<(&'static str, usize)>) {
        if sent.is_empty() {
            return;
        }
        let mut counts = lock(&self.sent_bytes);
        for (kind, bytes) in sent.drain(..) {
            *counts.entry(kind).or_insert(0) += bytes as u64;
        }
    }
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// Adds some.
pub(crate) fn add(counter: &AtomicU64, amount: usize) {
    counter.fetch_add(amount as u64, Relaxed);
}

/// Sets a gauge.
pub(crate) fn set(gauge: &AtomicU64, value: usize) {
    gauge.store(value as u64, Relaxed);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a peer sent that no correct peer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Complaint {
    /// It is a node that this node does not know.
    UnknownPeer,
    /// No machine has the channel.
    UnknownChannel,
    /// The bytes are no message.
    Undecodable,
    /// The message is wrong.
    Rejected(Rejected),
}

impl Complaint {
    /// A label for metrics, in snake case.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::UnknownPeer => "unknown_peer",
            Self::UnknownChannel => "unknown_channel",
            Self::Undecodable => "undecodable",
            Self::Rejected(reason) => match reason {
                Rejected::BadSignature => "bad_signature",
                Rejected::UnknownSigner => "unknown_signer",
                Rejected::ShortCertificate { .. } => "short_certificate",
                Rejected::ExcessBits => "excess_bits",
                Rejected::SignatureCount => "signature_count",
                Rejected::DuplicateSigner => "duplicate_signer",
                Rejected::WrongEpoch => "wrong_epoch",
                Rejected::WrongGroup => "wrong_group",
                Rejected::Inconsistent => "inconsistent",
                Rejected::WrongLength => "wrong_length",
                Rejected::NotAuthorised => "not_authorised",
            },
        }
    }
}

/// Whom a complaint is about: nobody in particular once there are too many.
type Accused = Option<Peer>;

/// The counters of one node.
#[derive(Debug)]
pub struct Metrics {
    pub(crate) ticks: AtomicU64,
    pub(crate) pauses: AtomicU64,
    pub(crate) clock_jumps: Arc<AtomicU64>,
    machines: Mutex<Vec<(&'static str, Arc<MachineMetrics>)>>,
    complaints: Mutex<BTreeMap<(Accused, &'static str), u64>>,
    verifier: Arc<CachingVerifier>,
    links: Arc<NetCounters>,
}

/// The counters of one node at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Rounds of the loop.
    pub ticks: u64,
    /// Waits in which no frame is taken because a disk or the pool is behind.
    pub pauses: u64,
    /// Jumps of the wall clock.
    pub clock_jumps: u64,
    /// Signatures that were known to be good.
    pub checks_known: u64,
    /// Signatures that were checked.
    pub checks_made: u64,
    /// The machines, in the order in which they were hosted.
    pub machines: Vec<MachineSnapshot>,
    /// Peer (none: peers beyond [`COMPLAINTS_MAX`]), reason, count.
    pub complaints: Vec<(Option<Peer>, &'static str, u64)>,
    /// The links.
    pub links: NetSnapshot,
}

impl Snapshot {
    /// The machines, those of one name together: the replicas of a group in two epochs are one to
    /// whoever looks from outside.
    #[must_use]
    pub fn machines_by_name(&self) -> Vec<MachineSnapshot> {
        let mut all: Vec<MachineSnapshot> = Vec::new();
        for machine in &self.machines {
            match all.iter_mut().find(|one| one.name == machine.name) {
                Some(one) => one.add(machine),
                None => all.push(machine.clone()),
            }
        }
        all
    }
}

impl Metrics {
    pub(crate) fn new(verifier: Arc<CachingVerifier>, links: Arc<NetCounters>) -> Self {
        Self {
            ticks: AtomicU64::new(0),
            pauses: AtomicU64::new(0),
            clock_jumps: Arc::default(),
            machines: Mutex::default(),
            complaints: Mutex::default(),
            verifier,
            links,
        }
    }

    /// The counters of a machine: whoever comes after one of the same name goes on with them.
    pub(crate) fn machine(&self, name: &'static str) -> Arc<MachineMetrics> {
        let mut machines = lock(&self.machines);
        let is_left = |(known, metrics): &&(&'static str, Arc<MachineMetrics>)| {
            *known == name && Arc::strong_count(metrics) == 1
        };
        if let Some((_, left)) = machines.iter().find(is_left) {
            return Arc::clone(left);
        }
        let metrics = Arc::new(MachineMetrics::default());
        machines.push((name, Arc::clone(&metrics)));
        drop(machines);
        metrics
    }

    pub(crate) fn complain(&self, peer: Peer, complaint: Complaint) {
        let mut complaints = lock(&self.complaints);
        let label = complaint.label();
        let is_counted = complaints.contains_key(&(Some(peer), label));
        let by_itself = is_counted || complaints.len() < COMPLAINTS_MAX;
        *complaints.entry((by_itself.then_some(peer), label)).or_insert(0) += 1;
    }

    /// All counters now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (checks_known, checks_made) = self.verifier.counts();
        let machines = lock(&self.machines);
        let complaints = lock(&self.complaints);
        Snapshot {
            ticks: self.ticks.load(Relaxed),
            pauses: self.pauses.load(Relaxed),
            clock_jumps: self.clock_jumps.load(Relaxed),
            checks_known,
            checks_made,
            machines: machines.iter().map(|(name, one)| one.snapshot(name)).collect(),
            complaints: complaints.iter().map(|((peer, why), n)| (*peer, *why, *n)).collect(),
            links: self.links.snapshot(),
        }
    }
}

#[cfg(test)]
mod tests {
    //! Histograms and complaints are bounded and lose nothing.
    use std::sync::Arc;

    use quorate_crypto::ideal::IdealRegistry;
    use quorate_types::{ClientId, Peer};

    use super::{BUCKETS, COMPLAINTS_MAX, CachingVerifier, Complaint, Histogram, Metrics, add};

    #[test]
    fn a_value_is_in_the_first_bucket_that_bounds_it() {
        let histogram = Histogram::default();
        assert_eq!(histogram.snapshot().quantile(500), 0);
        [0, 16, 17, 64, u64::from(u32::MAX)].into_iter().for_each(|value| histogram.add(value));
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.counts[..4], [2, 1, 0, 1]);
        assert_eq!(snapshot.counts[BUCKETS.len()], 1);
        assert_eq!(snapshot.count(), 5);
        assert_eq!((snapshot.quantile(400), snapshot.quantile(600)), (16, 32));
        assert_eq!(snapshot.quantile(1_000), u64::MAX);
    }

    #[test]
    fn machines_of_one_name_are_counted_together_while_both_are_there_and_afterwards() {
        let verifier = Arc::new(IdealRegistry::new([1; 32]));
        let metrics = Metrics::new(Arc::new(CachingVerifier::new(verifier)), Arc::default());
        let [old, new, other] = ["group", "group", "other"].map(|name| metrics.machine(name));
        for (machine, count) in [(&old, 3), (&new, 2), (&other, 1)] {
            add(&machine.steps, count);
            machine.commit_micros.add(16);
            machine.count_marks(&mut vec!["mark"; count]);
        }
        drop(old);
        let told = metrics.snapshot().machines_by_name();
        let told = told.iter().map(|one| {
            (
                one.name,
                one.steps,
                one.commit_micros.count(),
                one.commit_micros.sum,
                one.marks["mark"],
            )
        });
        assert_eq!(told.collect::<Vec<_>>(), [("group", 5, 2, 32, 5), ("other", 1, 1, 16, 1)]);
    }

    #[test]
    fn complaints_about_too_many_peers_are_counted_together() {
        let verifier = Arc::new(IdealRegistry::new([1; 32]));
        let metrics = Metrics::new(Arc::new(CachingVerifier::new(verifier)), Arc::default());
        for number in 0..COMPLAINTS_MAX + 10 {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&(number as u64).to_be_bytes());
            metrics.complain(Peer::Client(ClientId::new(id)), Complaint::Undecodable);
        }
        let complaints = metrics.snapshot().complaints;
        assert_eq!(complaints.len(), COMPLAINTS_MAX + 1);
        assert_eq!(complaints[0], (None, "undecodable", 10));
    }
}
