//! A disk that lies, fails and loses power on demand.
//!
//! Every file has live bytes, which reads see, and durable bytes, which survive a power cut. A
//! write changes the live bytes and waits in a list of 512-byte sectors until a sync; a power cut
//! keeps any subset of the waiting sectors. Names are durable after a sync of the directory; a
//! power cut keeps any number of the waiting changes of names, in their order.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use quorate_store::medium::{LogFile, Medium};

const SECTOR_BYTES: u64 = 512;

/// What a medium call does instead of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The power fails: nothing more works until [`FaultyMedium::power_cut`]. The effect of the
    /// call itself is among what the cut may keep.
    Crash,
    /// An input or output error; a failed sync loses what it should have made durable.
    Broken,
    /// The disk is full.
    Full,
}

/// Which of the unsynced sectors, in the order in which they were written, survive a power cut.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Survivors {
    None,
    All,
    Even,
    Odd,
    First,
    AllButFirst,
    Last,
    AllButLast,
    Random(u64),
}

impl Survivors {
    pub(crate) const TABLE: [Self; 12] = [
        Self::None,
        Self::All,
        Self::Even,
        Self::Odd,
        Self::First,
        Self::AllButFirst,
        Self::Last,
        Self::AllButLast,
        Self::Random(1),
        Self::Random(2),
        Self::Random(3),
        Self::Random(4),
    ];

    fn keeps(self, index: usize, count: usize) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Even => index.is_multiple_of(2),
            Self::Odd => !index.is_multiple_of(2),
            Self::First => index == 0,
            Self::AllButFirst => index != 0,
            Self::Last => index + 1 == count,
            Self::AllButLast => index + 1 != count,
            Self::Random(seed) => mix(seed, index as u64).is_multiple_of(2),
        }
    }
}

/// A fixed scrambling of two numbers.
pub(crate) fn mix(seed: u64, index: u64) -> u64 {
    let mut value = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(index);
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[derive(Clone, Debug, Default)]
struct Content {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Unsynced sectors: offset and bytes.
    waiting: Vec<(u64, Vec<u8>)>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Created(String, usize),
    Removed(String),
}

#[derive(Clone, Default)]
struct Disk {
    contents: Vec<Content>,
    live_names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    waiting_names: Vec<NameChange>,
    calls: u64,
    fault: Option<(u64, Fault)>,
    /// What every call since the crash is answered with.
    off: bool,
    removed_count: u64,
    created_count: u64,
    sync_count: u64,
}

/// A handle of the disk; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultyMedium {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug)]
pub(crate) struct FaultyFile {
    disk: Arc<Mutex<Disk>>,
    content: usize,
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Disk").field("calls", &self.calls).finish_non_exhaustive()
    }
}

fn lock(disk: &Mutex<Disk>) -> MutexGuard<'_, Disk> {
    disk.lock().expect("no test panics while it holds the disk")
}

impl Disk {
    /// Counts a call and returns the fault it meets.
    fn call(&mut self) -> Result<(), Fault> {
        self.calls += 1;
        if self.off {
            return Err(Fault::Crash);
        }
        match self.fault {
            Some((at, fault)) if at == self.calls => {
                self.off = fault == Fault::Crash;
                Err(fault)
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn error_of(fault: Fault) -> io::Error {
    match fault {
        Fault::Crash => io::Error::other("the power is off"),
        Fault::Broken => io::Error::from_raw_os_error(5),
        Fault::Full => io::Error::from_raw_os_error(28),
    }
}

impl FaultyMedium {
    /// A copy of the disk as it is now, with a life of its own.
    pub(crate) fn fork(&self) -> Self {
        Self { disk: Arc::new(Mutex::new(lock(&self.disk).clone())) }
    }

    /// The `call`-th call from now on (1 is the next one) meets `fault`.
    pub(crate) fn arm(&self, call: u64, fault: Fault) {
        let mut disk = lock(&self.disk);
        disk.fault = Some((disk.calls + call, fault));
    }

    pub(crate) fn calls(&self) -> u64 {
        lock(&self.disk).calls
    }

    pub(crate) fn sync_count(&self) -> u64 {
        lock(&self.disk).sync_count
    }

    pub(crate) fn created_count(&self) -> u64 {
        lock(&self.disk).created_count
    }

    pub(crate) fn removed_count(&self) -> u64 {
        lock(&self.disk).removed_count
    }

    pub(crate) fn is_off(&self) -> bool {
        lock(&self.disk).off
    }

    /// Cuts the power and turns it on again: what was not synced survives in part.
    pub(crate) fn power_cut(&self, survivors: Survivors) {
        let mut disk = lock(&self.disk);
        let disk = &mut *disk;
        for content in &mut disk.contents {
            let waiting = std::mem::take(&mut content.waiting);
            let count = waiting.len();
            for (index, (offset, bytes)) in waiting.iter().enumerate() {
                if survivors.keeps(index, count) {
                    overwrite(&mut content.durable, *offset, bytes);
                }
            }
            content.live = content.durable.clone();
        }
        let changes = std::mem::take(&mut disk.waiting_names);
        let kept = (0..changes.len()).filter(|index| survivors.keeps(*index, changes.len()));
        for change in changes.iter().take(kept.count()) {
            apply(&mut disk.durable_names, change);
        }
        disk.live_names = disk.durable_names.clone();
        disk.fault = None;
        disk.off = false;
    }

    /// Ends the process that used the disk; the page cache lives on.
    pub(crate) fn restart(&self) {
        let mut disk = lock(&self.disk);
        disk.fault = None;
        disk.off = false;
    }

    pub(crate) fn names(&self) -> Vec<String> {
        lock(&self.disk).live_names.keys().cloned().collect()
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        let disk = lock(&self.disk);
        disk.contents[disk.live_names[name]].live.clone()
    }

    /// Does any file hold these bytes, or did one that was removed and not overwritten?
    pub(crate) fn holds(&self, bytes: &[u8]) -> bool {
        let is_in = |content: &[u8]| content.windows(bytes.len()).any(|window| window == bytes);
        let disk = lock(&self.disk);
        disk.contents.iter().any(|content| is_in(&content.live) || is_in(&content.durable))
    }

    /// Changes bytes behind the back of the log, durably.
    pub(crate) fn damage(&self, name: &str, offset: u64, bytes: &[u8]) {
        let mut disk = lock(&self.disk);
        let content = disk.live_names[name];
        overwrite(&mut disk.contents[content].live, offset, bytes);
        overwrite(&mut disk.contents[content].durable, offset, bytes);
    }

    /// Loses a file behind the back of the log, durably.
    pub(crate) fn lose(&self, name: &str) {
        let mut disk = lock(&self.disk);
        disk.live_names.remove(name);
        disk.durable_names.remove(name);
    }
}

fn apply(names: &mut BTreeMap<String, usize>, change: &NameChange) {
    match change {
        NameChange::Created(name, content) => names.insert(name.clone(), *content),
        NameChange::Removed(name) => names.remove(name),
    };
}

fn overwrite(target: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let offset = usize::try_from(offset).expect("test files are small");
    let end = offset + bytes.len();
    if target.len() < end {
        target.resize(end, 0);
    }
    target[offset..end].copy_from_slice(bytes);
}

impl Medium for FaultyMedium {
    type File = FaultyFile;

    fn list(&self) -> io::Result<Vec<String>> {
        let mut disk = lock(&self.disk);
        disk.call().map_err(error_of)?;
        Ok(disk.live_names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<FaultyFile> {
        let mut disk = lock(&self.disk);
        disk.call().map_err(error_of)?;
        let content = *disk.live_names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(FaultyFile { disk: Arc::clone(&self.disk), content })
    }

    fn create(&self, name: &str) -> io::Result<FaultyFile> {
        let mut disk = lock(&self.disk);
        disk.call().map_err(error_of)?;
        let content = disk.contents.len();
        disk.contents.push(Content::default());
        disk.live_names.insert(name.to_string(), content);
        disk.waiting_names.push(NameChange::Created(name.to_string(), content));
        disk.created_count += 1;
        Ok(FaultyFile { disk: Arc::clone(&self.disk), content })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut disk = lock(&self.disk);
        disk.call().map_err(error_of)?;
        disk.live_names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        disk.waiting_names.push(NameChange::Removed(name.to_string()));
        disk.removed_count += 1;
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut disk = lock(&self.disk);
        disk.call().map_err(error_of)?;
        let disk = &mut *disk;
        for change in disk.waiting_names.drain(..) {
            apply(&mut disk.durable_names, &change);
        }
        Ok(())
    }

    fn display(&self, name: &str) -> String {
        name.to_string()
    }
}

impl LogFile for FaultyFile {
    fn length(&self) -> io::Result<u64> {
        let mut disk = lock(&self.disk);
        disk.call().map_err(error_of)?;
        Ok(disk.contents[self.content].live.len() as u64)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut disk = lock(&self.disk);
        if disk.off {
            return disk.call().map_err(error_of);
        }
        let called = disk.call();
        let content = &mut disk.contents[self.content];
        let take = match called {
            Ok(()) | Err(Fault::Crash) => bytes.len(),
            // The first half arrives.
            Err(Fault::Broken | Fault::Full) => bytes.len() / 2,
        };
        let mut written = 0;
        while written < take {
            let at = offset + written as u64;
            let room = usize::try_from(SECTOR_BYTES - at % SECTOR_BYTES).expect("below 512");
            let length = room.min(take - written);
            let sector = &bytes[written..written + length];
            content.waiting.push((at, sector.to_vec()));
            overwrite(&mut content.live, at, sector);
            written += length;
        }
        called.map_err(error_of)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let mut disk = lock(&self.disk);
        disk.call().map_err(error_of)?;
        let live = &disk.contents[self.content].live;
        let start = usize::try_from(offset).expect("test files are small").min(live.len());
        let count = bytes.len().min(live.len() - start);
        bytes[..count].copy_from_slice(&live[start..start + count]);
        Ok(count)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = lock(&self.disk);
        let called = disk.call();
        disk.sync_count += 1;
        let content = &mut disk.contents[self.content];
        if called == Err(Fault::Crash) {
            return called.map_err(error_of);
        }
        // After a failure the page cache calls the pages clean although they were never written.
        for (offset, bytes) in content.waiting.drain(..) {
            if called.is_ok() {
                overwrite(&mut content.durable, offset, &bytes);
            }
        }
        called.map_err(error_of)
    }
}
