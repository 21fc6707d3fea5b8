//! Every prefix and every changed byte of a hello is read without surprise.

use super::{
    Hello, Link, ParsedHello, PeerKind, RefuseCode, VersionRange, encode_refuse, parse_hello,
    parse_refuse,
};
use crate::identity::SystemId;
use crate::limits::{PROOF_BYTES_MAX, REFUSE_TEXT_BYTES_MAX};

const OURS: VersionRange = VersionRange { min: 2, max: 4 };

fn hello() -> Hello {
    Hello {
        versions: VersionRange { min: 1, max: 3 },
        system: SystemId::new([9; 32]),
        role: PeerKind::Client,
        link: Link::Bulk,
        session: 77,
        proof: Vec::new(),
    }
}

fn hello_of_node() -> Hello {
    Hello { role: PeerKind::Node, session: 0, proof: vec![5; 40], ..hello() }
}

#[test]
fn a_hello_comes_back_as_it_was_with_the_highest_common_version() {
    // NET-4.
    for hello in [hello(), hello_of_node()] {
        assert_eq!(parse_hello(&hello.encode(), OURS), ParsedHello::Hello(hello, 3));
    }
    assert_eq!(longest().len(), super::HELLO_BYTES + PROOF_BYTES_MAX);
    assert!(matches!(parse_hello(&longest(), OURS), ParsedHello::Hello(..)));
}

#[test]
fn a_hello_has_these_bytes_in_every_release_of_its_version() {
    let bytes = Hello { proof: vec![5, 6, 7], ..hello_of_node() }.encode();
    let expected = [&b"quorate\0"[..], &[1, 0, 3, 0], &[9; 32], &[0, 1], &[0; 8], &[3, 0, 5, 6, 7]];
    assert_eq!(bytes, expected.concat());
}

fn longest() -> Vec<u8> {
    Hello { proof: vec![5; PROOF_BYTES_MAX], ..hello_of_node() }.encode()
}

#[test]
fn a_proof_over_its_limit_or_of_a_client_is_malformed() {
    let over = Hello { proof: vec![5; PROOF_BYTES_MAX + 1], ..hello_of_node() };
    let of_client = Hello { proof: vec![5], ..hello() };
    for hello in [over, of_client] {
        let parsed = parse_hello(&hello.encode(), OURS);
        assert!(matches!(parsed, ParsedHello::Malformed(_)), "{parsed:?}");
    }
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
    for bytes in [hello().encode(), hello_of_node().encode()] {
        for length in 0..bytes.len() {
            let parsed = parse_hello(&bytes[..length], OURS);
            assert!(matches!(parsed, ParsedHello::Malformed(_)), "prefix of {length}: {parsed:?}");
        }
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
    let bytes = hello_of_node().encode();
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
