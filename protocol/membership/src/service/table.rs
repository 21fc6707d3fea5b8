//! How the service's state lies in the replicated map.
//!
//! ```text
//! "c"              number of identity keys with a record
//! "h"              the certified header
//! "k" + key        KeyRecord of an identity key
//! "m" + id         MemberRecord
//! "p" + key        PendingChange of an identity key
//! ```
//! Only this module writes these keys, so what stands under one always decodes.

use alloc::vec::Vec;

use quorate_machine::ServiceState;
use quorate_types::{Epoch, IdentityKey, MemberRecord, NodeId};
use quorate_wire::{Decode, Encode, decode, encode};

use super::change::PendingChange;
use crate::configuration::VerifiedConfiguration;
use crate::header::{CertifiedHeader, ConfigurationHeader};
use crate::limits::PAGE_MEMBERS_MAX;
use crate::page::ConfigurationPage;

const COUNT: &[u8] = b"c";
const HEADER: &[u8] = b"h";
const KEY: u8 = b'k';
const MEMBER: u8 = b'm';
const PENDING: u8 = b'p';

/// What is kept of an identity key for as long as the system lives.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct KeyRecord {
    /// Highest number of a certificate about it that was executed; none: a founder without one.
    pub highest_sequence: Option<u64>,
    /// If it was removed: the last epoch in which nothing brings it back.
    pub removed_until: Option<Epoch>,
    /// Its id, if it is a member.
    pub member: Option<NodeId>,
}

quorate_wire::fields!(KeyRecord { highest_sequence, removed_until, member });

fn place(kind: u8, name: &[u8; 32]) -> Vec<u8> {
    let mut key = Vec::with_capacity(33);
    key.push(kind);
    key.extend_from_slice(name);
    key
}

fn read<T: Decode>(bytes: &[u8]) -> T {
    decode(bytes).expect("the service wrote what stands under its keys")
}

/// Reads the state.
pub(super) struct Reader<'a>(&'a dyn ServiceState);

impl<'a> Reader<'a> {
    pub(super) const fn new(state: &'a dyn ServiceState) -> Self {
        Self(state)
    }

    fn certified(&self) -> CertifiedHeader {
        read(&self.0.get(HEADER).expect("the first request filled the state"))
    }

    pub(super) fn header(&self) -> ConfigurationHeader {
        self.certified().header
    }

    pub(super) fn known_keys(&self) -> u64 {
        self.0.get(COUNT).map_or(0, |bytes| read(&bytes))
    }

    pub(super) fn key_record(&self, key: IdentityKey) -> Option<KeyRecord> {
        self.0.get(&place(KEY, key.as_bytes())).map(|bytes| read(&bytes))
    }

    pub(super) fn member(&self, id: NodeId) -> Option<MemberRecord> {
        self.0.get(&place(MEMBER, id.as_bytes())).map(|bytes| read(&bytes))
    }

    pub(super) fn page(&self, from: NodeId) -> ConfigurationPage {
        let members = self.values(&place(MEMBER, from.as_bytes()), PAGE_MEMBERS_MAX);
        ConfigurationPage { certified: self.certified(), from, members }
    }

    pub(super) fn pending(&self, from: IdentityKey, count_max: usize) -> Vec<PendingChange> {
        self.values(&place(PENDING, from.as_bytes()), count_max)
    }

    /// Values under keys of the same kind as `from`, not below it.
    fn values<T: Decode>(&self, from: &[u8], count_max: usize) -> Vec<T> {
        let entries = self.0.scan(from, count_max).into_iter();
        let of_kind = entries.take_while(|(key, _)| key.first() == from.first());
        of_kind.map(|(_, value)| read(&value)).collect()
    }
}

/// Changes the state.
pub(super) struct Table<'a>(&'a mut dyn ServiceState);

impl<'a> Table<'a> {
    pub(super) fn new(state: &'a mut dyn ServiceState) -> Self {
        Self(state)
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        Reader(self.0)
    }

    /// Writes the founding configuration, unless there is one.
    pub(super) fn fill_if_empty(&mut self, founding: &VerifiedConfiguration) {
        let servers = founding.configuration();
        if self.0.get(HEADER).is_some() {
            let system = self.reader().header().system;
            assert!(system == servers.system, "MEM-1: the state belongs to another system");
            return;
        }
        self.0.put(HEADER, encode(founding.header().certified()));
        for member in &servers.members {
            self.put(MEMBER, member.id.as_bytes(), member);
            let record = KeyRecord { member: Some(member.id), ..KeyRecord::default() };
            self.put_key_record(member.identity_key, record, false);
        }
    }

    pub(super) fn put_key_record(&mut self, key: IdentityKey, record: KeyRecord, is_known: bool) {
        if !is_known {
            let count = self.reader().known_keys() + 1;
            self.0.put(COUNT, encode(&count));
        }
        self.put(KEY, key.as_bytes(), &record);
    }

    pub(super) fn put_pending(&mut self, key: IdentityKey, change: &PendingChange) {
        self.put(PENDING, key.as_bytes(), change);
    }

    fn put<T: Encode>(&mut self, kind: u8, name: &[u8; 32], value: &T) {
        self.0.put(&place(kind, name), encode(value));
    }
}
