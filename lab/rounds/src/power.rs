//! Power cuts for real: a whole cluster loses its disks' memory under load, and comes back.
//!
//! All servers have their data on one file system ([`Disk`]). At a moment of the plan it is shut
//! down without a flush, all servers are killed, the file system is mounted again (which replays
//! its journal) and the servers are started on what is left. Clients go on all the time. After
//! each cut they rest for a moment, in which every object is read, and every key and content that
//! was written since the last one: what had been acknowledged must be there (G9).

mod disk;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use quorate_client::cluster_file::ClusterFile;
use quorate_history::Prng;

use crate::cluster::{Cluster, Seat, Terms};
use crate::judge::{Demands, Effects, Summary, judge};
use crate::load::{Clients, MANY, Mark, Shared, read_back};
use crate::programs::Programs;
use crate::round::ports;
use crate::scratch::Scratch;
use crate::telling::tell;

pub use disk::{Disk, missing};

/// Servers: one group.
const SERVERS: usize = 4;
const CLIENTS: usize = 3;
/// Operations acknowledged between two cuts, at the least.
const OPERATIONS_MIN: usize = 40;
/// Longest time from then to the cut, milliseconds.
const LOAD_MS_MAX: u64 = 600;

/// What happens to the disk while it is out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meanwhile {
    /// Nothing.
    Nothing,
    /// Behind the last cut it goes back to what it was at the first one: a planted loss, which the
    /// judges must find.
    BackInTime,
}

/// Cuts the power of a cluster this many times, and judges what is left.
///
/// # Errors
/// What was lost, with the seed, and where logs and data are.
pub fn cuts(seed: u64, times: usize, meanwhile: Meanwhile) -> Result<Summary, String> {
    let mut scratch = Scratch::new("power")?;
    let outcome = Cuts::new(&scratch, seed).and_then(|cuts| cuts.run(times, meanwhile));
    if meanwhile == Meanwhile::BackInTime {
        // That it fails is expected, and no evidence.
        return outcome;
    }
    scratch.keep_if_failed(outcome.map_err(|error| format!("{error}\nseed {seed}")))
}

/// A cluster on a disk whose power is cut.
struct Cuts {
    // In the order of dropping: servers end before their disk is taken out.
    clients: Clients,
    cluster: Cluster,
    disk: Disk,
    shared: Arc<Shared>,
    prng: Prng,
}

impl Cuts {
    fn new(scratch: &Scratch, seed: u64) -> Result<Self, String> {
        let disk = Disk::new(scratch.path())?;
        let mut cluster = found_on(&disk, scratch, CLIENTS + 1)?;
        // Cuts are for what servers write; what the operator carried to them is on the disk.
        disk.sync()?;
        cluster.start_all()?;
        let shared = Shared::new(seed, MANY);
        let clients = Clients::start(&shared, &cluster.clients()[..CLIENTS]);
        Ok(Self { clients, cluster, disk, shared, prng: Prng::from_seed(seed) })
    }

    fn run(mut self, times: usize, meanwhile: Meanwhile) -> Result<Summary, String> {
        let copy = self.disk.image().with_extension("copy");
        for number in 1..=times {
            let since = self.shared.mark();
            self.cut_under_load()?;
            if meanwhile == Meanwhile::BackInTime {
                self.disk.unmount()?;
                let image = self.disk.image();
                let (from, to) = if number == 1 { (&image, &copy) } else { (&copy, &image) };
                copy_disk(from, to)?;
                self.disk.mount()?;
            }
            self.come_back(since)?;
            let count = self.shared.recorder.history().acknowledged();
            tell(&format!("power cut {number} of {times}: {count} operations so far"));
        }
        self.shared.resume();
        let reader = self.reader().clone();
        self.clients.finish();
        read_back(&self.shared, &reader, Mark::default())?;
        let acknowledged = times * OPERATIONS_MIN;
        let demands = Demands {
            acknowledged,
            registers: acknowledged / 4,
            key_value: acknowledged / 5,
            contents: acknowledged / 20,
            effects: Effects::default(),
        };
        judge(&self.shared.recorder.history(), Effects::default(), &demands)
    }

    fn cut_under_load(&mut self) -> Result<(), String> {
        let before = self.shared.recorder.history().acknowledged();
        self.shared.await_acknowledged(before + OPERATIONS_MIN)?;
        std::thread::sleep(Duration::from_millis(self.prng.below(LOAD_MS_MAX)));
        self.disk.prepare()?;
        self.disk.cut()?;
        self.cluster.kill_all();
        self.disk.unmount()?;
        self.disk.mount()?;
        self.disk.check_cut()
    }

    /// Starts the servers on what is left, and reads what had been acknowledged since the mark.
    fn come_back(&mut self, since: Mark) -> Result<(), String> {
        self.cluster.start_all()?;
        self.shared.pause();
        read_back(&self.shared, self.reader(), since)?;
        self.shared.resume();
        Ok(())
    }

    /// Who reads what is left. A client of its own: servers that went back in time may give it a
    /// session that they gave to another one before, and what that one still asks for in it must
    /// not be taken for the reader's.
    fn reader(&self) -> &ClusterFile {
        &self.cluster.clients()[CLIENTS]
    }
}

/// Founds a system of four servers, of which one may be bad, with all their data on this disk.
///
/// # Errors
/// What a command complained about.
pub fn found_on(disk: &Disk, scratch: &Scratch, clients: usize) -> Result<Cluster, String> {
    let seat = |(number, pair): (usize, &[std::net::SocketAddr])| Seat {
        folder: disk.path().join(format!("server-{number}")),
        listen: pair[0],
        address: pair[0],
        metrics: pair[1],
        namespace: None,
    };
    let seats = ports(2 * SERVERS)?.chunks_exact(2).enumerate().map(seat).collect();
    Cluster::found(&Programs::beside_this()?, scratch.path(), (Terms::default(), seats), clients)
}

/// Copies a disk without filling its holes.
fn copy_disk(from: &Path, to: &Path) -> Result<(), String> {
    let words = ["--sparse=always".as_ref(), from.as_os_str(), to.as_os_str()];
    let status = Command::new("cp").args(words).status();
    let status = status.map_err(|error| format!("cp: {error}"))?;
    status.success().then_some(()).ok_or_else(|| String::from("the disk could not be copied"))
}
