//! A perfect disk: the log of a replica, and the image of its state.

use std::collections::BTreeMap;

use quorate_bft::message::CheckpointStatement;
use quorate_bft::{Image, Record};
use quorate_machine::RecordNumber;
use quorate_state::Map;

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;
/// What a replica finds.
pub(crate) type Found = (Option<(Image, Map)>, Vec<(RecordNumber, Record)>);

#[derive(Default)]
pub(crate) struct Disk {
    records: Vec<(RecordNumber, Record)>,
    image: Option<(Image, Entries)>,
    last: u64,
}

impl Disk {
    pub(crate) fn append(&mut self, record: Record) {
        if let Some((image, change)) = record.image() {
            let mut entries = match self.image.take() {
                Some((_, entries)) if !change.replaces_all() => entries,
                _ => BTreeMap::new(),
            };
            for (key, value) in change.entries() {
                match value {
                    Some(value) => entries.insert(key.to_vec(), value.to_vec()),
                    None => entries.remove(key),
                };
            }
            self.image = Some((image, entries));
        }
        self.last += 1;
        self.records.push((RecordNumber::new(self.last), record));
    }

    pub(crate) fn release(&mut self, number: RecordNumber) {
        self.records.retain(|(known, _)| *known >= number);
    }

    /// What a crash leaves that came between the image and the log.
    pub(crate) fn lose_log(&mut self) {
        self.records.clear();
        self.last = 0;
    }

    pub(crate) const fn has_image(&self) -> bool {
        self.image.is_some()
    }

    /// Is this the state that the image holds?
    pub(crate) fn holds_state(&self, statement: &CheckpointStatement) -> bool {
        self.image.as_ref().is_some_and(|(image, _)| image.statement == *statement)
    }

    pub(crate) fn load(&self) -> Found {
        let loaded = self.image.clone().map(|(image, entries)| {
            let mut map = Map::new();
            entries.iter().for_each(|(key, value)| map.insert(key, value));
            (image, map)
        });
        (loaded, self.records.clone())
    }
}
