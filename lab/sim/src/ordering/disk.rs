//! What the replicas' disks hold besides their logs: the images of their states.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use quorate_bft::{Image, Record};
use quorate_machine::RecordNumber;
use quorate_state::Map;

use super::knowledge::Shared;
use super::{OrderingMachine, Output, Replicated};
use crate::checker::{At, Checker, Verdict};

/// Older images that a disk may come back with.
const OLD_IMAGES_MAX: usize = 16;

/// What a replica's disk holds besides its log.
#[derive(Default, Debug)]
pub(super) struct Disk {
    image: StoredImage,
    /// What it held before, oldest first.
    older: VecDeque<StoredImage>,
}

impl Disk {
    pub(super) fn apply(&mut self, number: RecordNumber, record: &Record) {
        if number.get() <= self.image.applied {
            return;
        }
        if record.image().is_some() {
            self.older.push_back(self.image.clone());
            if self.older.len() > OLD_IMAGES_MAX {
                self.older.pop_front();
            }
        }
        self.image.apply(number, record);
    }

    /// The state that it holds, if any.
    pub(super) fn load(&self) -> Option<(Image, Map)> {
        self.image.load()
    }

    /// An old copy of the disk came back, whose log ends here.
    pub(super) fn go_back(&mut self, last: u64) {
        while self.image.applied > last {
            self.image = self.older.pop_back().unwrap_or_default();
        }
    }
}

/// The state of a replica as its disk holds it.
#[derive(Clone, Default, Debug)]
struct StoredImage {
    image: Option<Image>,
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    applied: u64,
}

impl StoredImage {
    fn apply(&mut self, number: RecordNumber, record: &Record) {
        self.applied = number.get();
        let Some((image, changes)) = record.image() else { return };
        if record.replaces_image() {
            self.entries.clear();
        }
        for (key, value) in changes {
            match value {
                Some(value) => self.entries.insert(key.to_vec(), value.to_vec()),
                None => self.entries.remove(&key.to_vec()),
            };
        }
        self.image = Some(image);
    }

    fn load(&self) -> Option<(Image, Map)> {
        let image = self.image.clone()?;
        let mut map = Map::new();
        self.entries.iter().for_each(|(key, value)| map.insert(key, value));
        Some((image, map))
    }
}

/// The disks of all replicas of a group.
pub(super) type Images = Rc<RefCell<Vec<Disk>>>;

/// Watches records become durable, and keeps the images that a real store would keep.
pub(super) struct Storekeeper(pub(super) Images, pub(super) Shared);

impl<S: Replicated> Checker<OrderingMachine<S>> for Storekeeper {
    fn id(&self) -> &'static str {
        "STORE"
    }

    fn on_durable(&mut self, at: &At, number: RecordNumber, record: &Record) -> Verdict {
        self.0.borrow_mut()[at.node.index()].apply(number, record);
        self.1.borrow_mut().note(at.node.index(), record);
        Ok(())
    }

    fn on_output(&mut self, at: &At, output: &Output) -> Verdict {
        if let Output::Replica(quorate_bft::Output::Executed { cut, .. }) = output {
            self.1.borrow_mut().executed[at.node.index()] = *cut;
        }
        Ok(())
    }
}
