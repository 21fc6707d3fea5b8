//! What a replica's disk holds besides its log: the image of its state, and the way back to the
//! images before, for the disk of which an old copy returns.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use quorate_bft::{Image, Record};
use quorate_machine::RecordNumber;
use quorate_state::Map;

use super::knowledge::Shared;
use super::{OrderingMachine, Output, Replicated};
use crate::checker::{At, Checker, Verdict};

/// Steps that a disk can go back.
const STEPS_BACK_MAX: usize = 16;

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// The state of a replica as its disk holds it.
#[derive(Default, Debug)]
pub(crate) struct Disk {
    image: Option<Image>,
    entries: Entries,
    /// The last record that was applied.
    applied: u64,
    /// What leads to the images before, the latest last.
    back: VecDeque<StepBack>,
}

/// What one record changed.
#[derive(Debug)]
struct StepBack {
    image: Option<Image>,
    applied: u64,
    entries: EntriesBefore,
}

#[derive(Debug)]
enum EntriesBefore {
    /// The record replaced all of them.
    All(Entries),
    /// The record changed these.
    Some(Vec<(Vec<u8>, Option<Vec<u8>>)>),
}

impl Disk {
    /// Takes a record of the log, unless it was taken before.
    pub(crate) fn apply(&mut self, number: RecordNumber, record: &Record) {
        if number.get() <= self.applied {
            return;
        }
        let applied = std::mem::replace(&mut self.applied, number.get());
        let Some((image, change)) = record.image() else { return };
        let image = self.image.replace(image);
        let replaced = change.replaces_all().then(|| std::mem::take(&mut self.entries));
        let changed = change.entries().map(|(key, value)| {
            let before = match value {
                Some(value) => self.entries.insert(key.to_vec(), value.to_vec()),
                None => self.entries.remove(key),
            };
            (key.to_vec(), before)
        });
        let changed = changed.collect();
        let entries = replaced.map_or(EntriesBefore::Some(changed), EntriesBefore::All);
        self.back.push_back(StepBack { image, applied, entries });
        if self.back.len() > STEPS_BACK_MAX {
            self.back.pop_front();
        }
    }

    /// An old copy of the disk came back, whose log ends here.
    pub(super) fn go_back(&mut self, last: u64) {
        while self.applied > last {
            let Some(StepBack { image, applied, entries }) = self.back.pop_back() else {
                *self = Self::default();
                return;
            };
            (self.image, self.applied) = (image, applied);
            match entries {
                EntriesBefore::All(entries) => self.entries = entries,
                EntriesBefore::Some(changed) => self.undo(changed),
            }
        }
    }

    fn undo(&mut self, changed: Vec<(Vec<u8>, Option<Vec<u8>>)>) {
        // The latest change first: a record may change a key more than once.
        for (key, before) in changed.into_iter().rev() {
            match before {
                Some(before) => self.entries.insert(key, before),
                None => self.entries.remove(&key),
            };
        }
    }

    /// The image as a replica finds it when it starts.
    pub(crate) fn load(&self) -> Option<(Image, Map)> {
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

    fn on_durable(&mut self, at: &At, number: RecordNumber, record: &Arc<Record>) -> Verdict {
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
