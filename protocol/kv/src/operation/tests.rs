//! One operation has one encoding, and nothing else is one.
use std::format;
use std::vec;
use std::vec::Vec;

use quorate_wire::DecodeError;

use super::{KEY, KvOperation};
use crate::limits::{KEY_BYTES_MAX, KV_OPERATION_BYTES_MAX, VALUE_BYTES_MAX};

fn samples() -> Vec<KvOperation> {
    vec![
        KvOperation::Get { key: b"k".to_vec() },
        KvOperation::Put { key: b"k".to_vec(), value: b"value".to_vec() },
        KvOperation::CompareAndSwap { key: vec![], expected: None, new: Some(vec![7]) },
        KvOperation::CompareAndSwap { key: b"k".to_vec(), expected: Some(vec![]), new: None },
    ]
}

#[test]
fn every_operation_comes_back_from_its_bytes() {
    for operation in samples() {
        assert_eq!(KvOperation::from_bytes(&operation.to_bytes()), Ok(operation));
    }
}

#[test]
fn the_encoding_is_fixed() {
    let hex = |operation: &KvOperation| -> Vec<_> {
        operation.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let texts: Vec<_> = samples().iter().map(|operation| hex(operation).concat()).collect();
    assert_eq!(
        texts,
        [
            "01000000016b",
            "02000000016b0000000576616c7565",
            "030000000000010000000107",
            "03000000016b010000000000",
        ]
    );
}

#[test]
fn the_longest_operation_has_the_length_of_its_limit() {
    let longest = KvOperation::CompareAndSwap {
        key: vec![1; KEY_BYTES_MAX],
        expected: Some(vec![2; VALUE_BYTES_MAX]),
        new: Some(vec![3; VALUE_BYTES_MAX]),
    };
    assert_eq!(longest.to_bytes().len(), KV_OPERATION_BYTES_MAX);
    assert_eq!(KvOperation::from_bytes(&longest.to_bytes()), Ok(longest));
}

#[test]
fn a_key_above_the_limit_is_refused_by_name() {
    let claimed = KEY_BYTES_MAX + 1;
    let bytes = KvOperation::Get { key: vec![0; claimed] }.to_bytes();
    assert_eq!(
        KvOperation::from_bytes(&bytes),
        Err(DecodeError::OverLimit { limit: KEY, claimed })
    );
}

#[test]
fn a_prefix_and_an_extension_of_an_operation_are_refused() {
    for operation in samples() {
        let mut bytes = operation.to_bytes();
        for length in 0..bytes.len() {
            assert_eq!(KvOperation::from_bytes(&bytes[..length]), Err(DecodeError::Truncated));
        }
        bytes.push(0);
        let refused = DecodeError::TrailingBytes { count: 1 };
        assert_eq!(KvOperation::from_bytes(&bytes), Err(refused));
    }
}
