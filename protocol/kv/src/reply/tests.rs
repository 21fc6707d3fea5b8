//! One reply has one encoding, and nothing else is one.
use std::vec;
use std::vec::Vec;

use quorate_wire::DecodeError;

use super::{KvReply, Part};

#[test]
fn every_reply_has_a_fixed_encoding_and_comes_back_from_it() {
    let table: [(KvReply, Vec<u8>); 9] = [
        (KvReply::Value(None), vec![1, 0]),
        (KvReply::Value(Some(vec![9])), vec![1, 1, 0, 0, 0, 1, 9]),
        (KvReply::Done, vec![2]),
        (KvReply::Swapped(false), vec![3, 0]),
        (KvReply::Swapped(true), vec![3, 1]),
        (KvReply::Malformed, vec![4]),
        (KvReply::TooLarge(Part::Key), vec![5, 1]),
        (KvReply::TooLarge(Part::Value), vec![5, 2]),
        (KvReply::NotAClient, vec![6]),
    ];
    for (reply, bytes) in table {
        assert_eq!(reply.to_bytes(), bytes);
        assert_eq!(KvReply::from_bytes(&bytes), Ok(reply));
    }
}

#[test]
fn what_is_no_reply_is_refused() {
    assert_eq!(KvReply::from_bytes(&[]), Err(DecodeError::Truncated));
    assert_eq!(KvReply::from_bytes(&[7]), Err(DecodeError::UnknownTag { of: "KvReply", tag: 7 }));
    assert_eq!(KvReply::from_bytes(&[2, 0]), Err(DecodeError::TrailingBytes { count: 1 }));
    assert_eq!(KvReply::from_bytes(&[5, 3]), Err(DecodeError::UnknownTag { of: "Part", tag: 3 }));
}
