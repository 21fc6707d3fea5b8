//! A part of the map under one byte: the engine keeps its tables under one, the service another.

use alloc::vec::Vec;
use core::ops::Bound;

use quorate_machine::ServiceState;

use crate::Map;

/// The entries of a map whose keys begin with one byte, seen without it. Writing a key longer than
/// [`crate::limits::SECTION_KEY_BYTES_MAX`] or a value longer than
/// [`crate::limits::VALUE_BYTES_MAX`] panics: the service refuses such requests.
#[derive(Debug)]
pub struct Section<'a> {
    map: &'a mut Map,
    prefix: u8,
}

impl<'a> Section<'a> {
    /// The entries under a prefix.
    #[must_use]
    pub const fn new(map: &'a mut Map, prefix: u8) -> Self {
        Self { map, prefix }
    }

    fn full(&self, key: &[u8]) -> Vec<u8> {
        full(self.prefix, key)
    }
}

fn full(prefix: u8, key: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(1 + key.len());
    full.push(prefix);
    full.extend_from_slice(key);
    full
}

/// Entries of a section without its prefix, from a key on: for who may only read.
#[must_use]
pub fn scan_section(
    map: &Map,
    prefix: u8,
    (from, count_max): (&[u8], usize),
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let lower = full(prefix, from);
    let entries = map.iter_from(Bound::Included(&lower)).take(count_max);
    entries
        .map_while(|(key, value)| {
            let (found, key) = key.split_first()?;
            (*found == prefix).then(|| (key.to_vec(), value.to_vec()))
        })
        .collect()
}

impl ServiceState for Section<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.map.get(&self.full(key)).map(<[u8]>::to_vec)
    }

    fn put(&mut self, key: &[u8], value: Vec<u8>) {
        self.map.insert_shared(&self.full(key), value.into());
    }

    fn remove(&mut self, key: &[u8]) {
        self.map.remove(&self.full(key));
    }

    fn scan(&self, from: &[u8], count_max: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        scan_section(self.map, self.prefix, (from, count_max))
    }
}
