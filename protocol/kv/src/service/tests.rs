//! The service does what a map does, for every operation and for every byte sequence.
use std::collections::BTreeMap;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;
use quorate_machine::{Call, Caller, Service, ServiceState};
use quorate_types::{ClientId, Digest, Epoch, NodeId, Slot, UnixTime};

use super::KeyValueService;
use crate::limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::operation::KvOperation;
use crate::reply::{KvReply, Part};

#[derive(Clone, Default, PartialEq, Debug)]
struct MapState(BTreeMap<Vec<u8>, Vec<u8>>);

impl ServiceState for MapState {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key).cloned()
    }

    fn put(&mut self, key: &[u8], value: Vec<u8>) {
        self.0.insert(key.to_vec(), value);
    }

    fn remove(&mut self, key: &[u8]) {
        self.0.remove(key);
    }

    fn scan(&self, from: &[u8], count_max: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let range = self.0.range(from.to_vec()..).take(count_max);
        range.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

fn call(operation: &[u8], salt: u8) -> Call<'_> {
    Call {
        caller: Caller::Client(ClientId::new([salt; 32])),
        operation,
        epoch: Epoch::ZERO,
        slot: Slot::new(u64::from(salt)),
        time: UnixTime::from_micros(u64::from(salt)),
        randomness: Digest::new([salt; 32]),
    }
}

fn execute(operation: &[u8], state: &mut MapState) -> KvReply {
    let reply = KeyValueService.execute(&call(operation, 1), state);
    KvReply::from_bytes(&reply).unwrap()
}

#[test]
fn what_a_member_announces_is_refused_and_changes_nothing() {
    let operation = KvOperation::Put { key: b"key".to_vec(), value: b"value".to_vec() }.to_bytes();
    let (mut state, caller) = (MapState::default(), Caller::Member(NodeId::new([1; 32])));
    let reply = KeyValueService.execute(&Call { caller, ..call(&operation, 1) }, &mut state);
    assert_eq!(KvReply::from_bytes(&reply).unwrap(), KvReply::NotAClient);
    assert_eq!(state, MapState::default());
}

fn ask(operation: &KvOperation, state: &mut MapState) -> KvReply {
    execute(&operation.to_bytes(), state)
}

/// The specification: what an ordinary map would answer.
fn model(operation: &KvOperation, map: &mut BTreeMap<Vec<u8>, Vec<u8>>) -> KvReply {
    match operation {
        KvOperation::Get { key } => KvReply::Value(map.get(key).cloned()),
        KvOperation::Put { key, value } => {
            map.insert(key.clone(), value.clone());
            KvReply::Done
        }
        KvOperation::CompareAndSwap { key, expected, new } => {
            if map.get(key) != expected.as_ref() {
                return KvReply::Swapped(false);
            }
            map.remove(key);
            map.extend(new.clone().map(|value| (key.clone(), value)));
            KvReply::Swapped(true)
        }
    }
}

fn any_operation() -> impl Strategy<Value = KvOperation> {
    let key = || prop::collection::vec(0u8..2, 0..3);
    let value = || prop::collection::vec(0u8..2, 0..2);
    let get = key().prop_map(|key| KvOperation::Get { key });
    let put = (key(), value()).prop_map(|(key, value)| KvOperation::Put { key, value });
    let swap = (key(), prop::option::of(value()), prop::option::of(value()))
        .prop_map(|(key, expected, new)| KvOperation::CompareAndSwap { key, expected, new });
    prop_oneof![get, put, swap]
}

#[test]
fn what_was_put_is_got() {
    let mut state = MapState::default();
    let get = KvOperation::Get { key: b"k".to_vec() };
    assert_eq!(ask(&get, &mut state), KvReply::Value(None));
    let put = KvOperation::Put { key: b"k".to_vec(), value: b"v".to_vec() };
    assert_eq!(ask(&put, &mut state), KvReply::Done);
    assert_eq!(ask(&get, &mut state), KvReply::Value(Some(b"v".to_vec())));
}

#[test]
fn kvs_2_a_swap_of_another_value_than_expected_changes_nothing() {
    let mut state = MapState::default();
    state.put(b"k", b"old".to_vec());
    let before = state.clone();
    for expected in [None, Some(b"other".to_vec()), Some(vec![])] {
        let swap = KvOperation::CompareAndSwap { key: b"k".to_vec(), expected, new: None };
        assert_eq!(ask(&swap, &mut state), KvReply::Swapped(false));
        assert_eq!(state, before, "KVS-2");
    }
}

#[test]
fn an_absent_key_and_an_empty_value_are_not_the_same() {
    let mut state = MapState::default();
    let create = |value: &[u8]| KvOperation::CompareAndSwap {
        key: b"k".to_vec(),
        expected: None,
        new: Some(value.to_vec()),
    };
    assert_eq!(ask(&create(b""), &mut state), KvReply::Swapped(true));
    assert_eq!(ask(&create(b"again"), &mut state), KvReply::Swapped(false));
    assert_eq!(state.get(b"k"), Some(vec![]));
}

#[test]
fn kvs_2_what_is_too_large_is_refused_and_changes_nothing() {
    let mut state = MapState::default();
    let key = KvOperation::Put { key: vec![0; KEY_BYTES_MAX + 1], value: vec![] };
    assert_eq!(ask(&key, &mut state), KvReply::TooLarge(Part::Key));
    let value = KvOperation::Put { key: vec![], value: vec![0; VALUE_BYTES_MAX + 1] };
    assert_eq!(ask(&value, &mut state), KvReply::TooLarge(Part::Value));
    assert_eq!(state, MapState::default(), "KVS-2");
}

proptest! {
    #[test]
    fn every_history_is_that_of_a_map(
        operations in prop::collection::vec(any_operation(), 0..60)
    ) {
        let (mut state, mut map) = (MapState::default(), BTreeMap::new());
        for operation in &operations {
            prop_assert_eq!(ask(operation, &mut state), model(operation, &mut map));
            prop_assert_eq!(&state.0, &map);
        }
    }

    #[test]
    fn kvs_1_caller_slot_time_and_randomness_change_nothing(
        operations in prop::collection::vec(any_operation(), 0..20)
    ) {
        let (mut left, mut right) = (MapState::default(), MapState::default());
        for operation in &operations {
            let bytes = operation.to_bytes();
            let first = KeyValueService.execute(&call(&bytes, 1), &mut left);
            let second = KeyValueService.execute(&call(&bytes, 2), &mut right);
            prop_assert_eq!(first, second);
        }
        prop_assert_eq!(left, right);
    }

    #[test]
    fn kvs_3_every_byte_sequence_gets_a_reply_that_decodes(
        bytes in prop::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..40)
    ) {
        let mut state = MapState::default();
        let reply = execute(&bytes, &mut state);
        let is_operation = KvOperation::from_bytes(&bytes).is_ok();
        let is_refused = matches!(reply, KvReply::Malformed | KvReply::TooLarge(_));
        prop_assert_eq!(is_operation, !is_refused);
        prop_assert!(is_operation || state.0.is_empty(), "KVS-2");
    }
}
