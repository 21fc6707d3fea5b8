//! Every prefix and every changed byte of a hello is read without surprise.

use super::{
    Hello, Link, ParsedHello, PeerKind, RefuseCode, VersionRange, encode_refuse, parse_hello,
    parse_refuse,
};
use crate::identity::SystemId;
use crate::limits::REFUSE_TEXT_BYTES_MAX;

const OURS: VersionRange = VersionRange { min: 2, max: 4 };

fn hello() -> Hello {
    Hello {
        versions: VersionRange { min: 1, max: 3 },
        system: SystemId::new([9; 32]),
        role: PeerKind::Client,
        link: Link::Bulk,
        session: 77,
    }
}

#[test]
fn a_hello_comes_back_as_it_was_with_the_highest_common_version() {
    // NET-4.
    assert_eq!(parse_hello(&hello().encode(), OURS), ParsedHello::Hello(hello(), 3));
}

#[test]
fn the_highest_common_version_is_the_same_from_both_sides() {
    // NET-4.
    let ranges = (0..5).flat_map(|min| (min..5).map(move |max| VersionRange { min, max }));
    let ranges: Vec<_> = ranges.collect();
    for a in &ranges {
        for b in &ranges {
            let naive =
                (0..5).rev().find(|v| (a.min..=a.max).contains(v) && (b.min..=b.max).contains(v));
            assert_eq!(a.highest_common(*b), naive);
            assert_eq!(b.highest_common(*a), naive);
        }
    }
}

#[test]
fn every_prefix_of_a_hello_is_malformed() {
    let bytes = hello().encode();
    for length in 0..bytes.len() {
        let parsed = parse_hello(&bytes[..length], OURS);
        assert!(matches!(parsed, ParsedHello::Malformed(_)), "prefix of {length}: {parsed:?}");
    }
}

#[test]
fn a_hello_of_the_future_is_foreign_and_not_malformed() {
    let versions = VersionRange { min: 9, max: 12 };
    let mut bytes = Hello { versions, ..hello() }.encode();
    bytes.extend_from_slice(b"and fields that we cannot know");
    assert_eq!(parse_hello(&bytes, OURS), ParsedHello::Foreign(versions));
}

#[test]
fn no_changed_byte_makes_the_hello_parser_panic() {
    let bytes = hello().encode();
    for position in 0..bytes.len() {
        for value in 0..=u8::MAX {
            let mut changed = bytes.clone();
            changed[position] = value;
            if let ParsedHello::Hello(hello, version) = parse_hello(&changed, OURS) {
                assert!((OURS.min..=OURS.max).contains(&version));
                assert_eq!(hello.encode(), changed, "one hello, one encoding");
            }
        }
    }
}

#[test]
fn every_refusal_comes_back_and_its_text_is_harmless() {
    for byte in 0..=u8::MAX {
        let code = RefuseCode::from_byte(byte);
        assert_eq!(parse_refuse(&encode_refuse(code, "why")), (code, "why".to_owned()));
    }
    let (_, text) = parse_refuse(&[1, b'a', 0x1b, b'\n', 0xff, b'b']);
    assert_eq!(text, "a???b");
    let long = encode_refuse(RefuseCode::Role, &"x".repeat(10_000));
    assert_eq!(long.len(), 1 + REFUSE_TEXT_BYTES_MAX);
    assert_eq!(parse_refuse(&[]), (RefuseCode::Other(0), String::new()));
}
