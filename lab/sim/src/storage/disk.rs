//! The object store of a storage server, as its disk holds it.
//!
//! It is a map from names to bytes to which the server's durable records are applied. After amnesia
//! the store is made again from the records that the log still has: of the system `storage` all
//! that are left, of a server with other machines those that were not released. Damage stays over
//! a restart, as on a real disk.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};

use quorate_adversary::storage::Medium;
use quorate_dht::limits::LISTED_NAMES_MAX;
use quorate_dht::object::StoredObject;
use quorate_dht::{Found, Held, ObjectKey, Record};
use quorate_machine::RecordNumber;

/// Objects by their names.
#[derive(Default, Debug)]
pub struct Disk {
    objects: BTreeMap<ObjectKey, Vec<u8>>,
    /// The last record that was applied.
    applied: u64,
}

/// A disk that its server, its checkers and its villain look at.
#[derive(Clone, Default, Debug)]
pub struct SharedDisk(Arc<Mutex<Disk>>);

impl SharedDisk {
    /// The disk, for a moment.
    ///
    /// # Panics
    /// Never: a run is of one thread, and the lock is not kept.
    pub fn open(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().expect("a run is of one thread")
    }
}

impl Disk {
    /// A record has become durable.
    pub fn apply(&mut self, number: RecordNumber, record: &Record) {
        if number.get() <= self.applied {
            return;
        }
        self.applied = number.get();
        match record.bytes() {
            Some(bytes) => self.objects.insert(record.key(), bytes),
            None => self.objects.remove(&record.key()),
        };
    }

    /// The node starts again: its log ends with the record `last`, and these are the changes of
    /// the store that it holds.
    pub fn recover(&mut self, last: RecordNumber, records: &[(RecordNumber, Record)]) {
        if last.get() < self.applied {
            *self = Self::default();
        }
        for (number, record) in records {
            self.apply(*number, record);
        }
    }

    /// What a load of this object finds.
    #[must_use]
    pub fn find(&self, key: ObjectKey) -> Found {
        self.objects.get(&key).map_or(Found::Absent, |bytes| Found::Object(key, bytes.clone()))
    }

    /// What a load of the object with the lowest name above this one finds.
    #[must_use]
    pub fn find_next(&self, after: Option<ObjectKey>) -> Found {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.objects.range((from, Bound::Unbounded)).next();
        next.map_or(Found::Absent, |(key, bytes)| Found::Object(*key, bytes.clone()))
    }

    /// The lowest names of this range that are held, as many as a page has.
    #[must_use]
    pub fn list(&self, first: ObjectKey, last: ObjectKey) -> Vec<Held> {
        let names = self.objects.range(first..=last).take(LISTED_NAMES_MAX);
        names.map(|(key, bytes)| Held::read(*key, bytes)).collect()
    }

    /// Every object with its name, as far as it can be read.
    pub fn objects(&self) -> impl Iterator<Item = (ObjectKey, Option<StoredObject>)> {
        self.objects.iter().map(|(key, bytes)| (*key, quorate_wire::decode(bytes).ok()))
    }

    /// An object, if it is there and can be read.
    #[must_use]
    pub fn object(&self, key: ObjectKey) -> Option<StoredObject> {
        quorate_wire::decode(self.objects.get(&key)?).ok()
    }

    /// Number of objects.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Is there no object?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }
}

impl Medium for SharedDisk {
    fn names(&self) -> Vec<ObjectKey> {
        self.open().objects.keys().copied().collect()
    }

    fn bytes(&self, key: &ObjectKey) -> Option<Vec<u8>> {
        self.open().objects.get(key).cloned()
    }

    fn overwrite(&mut self, key: ObjectKey, bytes: Option<Vec<u8>>) {
        let objects = &mut self.open().objects;
        match bytes {
            Some(bytes) => objects.insert(key, bytes),
            None => objects.remove(&key),
        };
    }
}
