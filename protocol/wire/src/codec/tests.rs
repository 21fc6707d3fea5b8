//! Round trips, refusals by name, and hostile bytes.

use std::string::String;
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use proptest::prelude::{ProptestConfig, any, proptest};
use quorate_types::{
    Configuration, Digest, Epoch, FailureDomain, IdentityKey, MemberRecord, MemberStatus, NodeId,
    PublicKey, Resilience, SoftwareVersion, SystemId, UnixTime,
};

use super::{Decode, DecodeError, Limit, Reader, Writer, decode, encode};

const SMALL: Limit = Limit::new("small", 3);

fn member(byte: u8) -> MemberRecord {
    MemberRecord {
        id: NodeId::new([byte; 32]),
        identity_key: IdentityKey::new([1; 32]),
        later_root: None,
        epoch_key: Some(PublicKey::new([2; 32])),
        address: String::from("127.0.0.1:4000"),
        probe_port: 4001,
        failure_domain: FailureDomain(String::from("rack-7")),
        version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
        status: MemberStatus::Active,
        is_on_ring: true,
        is_in_pool: false,
    }
}

fn configuration(members: Vec<MemberRecord>) -> Configuration {
    Configuration {
        system: SystemId::new([9; 32]),
        epoch: Epoch::new(4),
        ring_epoch: Epoch::new(3),
        storage: Resilience::new(1).unwrap(),
        membership: Resilience::new(2).unwrap(),
        authority_key: PublicKey::new([8; 32]),
        membership_group: vec![NodeId::new([5; 32])],
        created: UnixTime::from_micros(77),
        members: members.into_iter().map(Arc::new).collect(),
    }
}

#[test]
fn a_configuration_reads_back_as_itself() {
    let original = configuration(vec![member(1), member(2)]);
    assert_eq!(decode::<Configuration>(&encode(&original)), Ok(original), "WIR-1");
}

#[test]
fn members_out_of_order_or_twice_are_not_canonical() {
    for members in [vec![member(2), member(1)], vec![member(1), member(1)]] {
        let bytes = encode(&configuration(members));
        let refused = DecodeError::NotCanonical { of: "Configuration" };
        assert_eq!(decode::<Configuration>(&bytes), Err(refused));
    }
}

#[test]
fn a_configuration_cut_short_anywhere_is_refused() {
    let bytes = encode(&configuration(vec![member(1)]));
    for end in 0..bytes.len() {
        assert!(decode::<Configuration>(&bytes[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn bytes_behind_the_value_are_refused() {
    let mut bytes = encode(&Epoch::new(1));
    bytes.push(0);
    assert_eq!(decode::<Epoch>(&bytes), Err(DecodeError::TrailingBytes { count: 1 }));
}

#[test]
fn a_sequence_over_its_limit_is_refused_by_name() {
    let mut writer = Writer::default();
    writer.sequence(&[1u8, 2, 3, 4]);
    let refused = Reader::new(writer.as_bytes()).sequence::<u8>(SMALL);
    assert_eq!(refused, Err(DecodeError::OverLimit { limit: SMALL, claimed: 4 }));
}

#[test]
fn a_claim_of_many_elements_allocates_nothing() {
    let limit = Limit::new("huge", usize::MAX);
    let refused = Reader::new(&[0xff; 4]).sequence::<Digest>(limit);
    assert_eq!(refused, Err(DecodeError::Truncated), "WIR-2");
}

#[test]
fn booleans_other_than_zero_and_one_are_refused() {
    assert!(matches!(decode::<bool>(&[2]), Err(DecodeError::UnknownTag { of: "bool", tag: 2 })));
    assert_eq!(decode::<Option<u8>>(&[1, 7]), Ok(Some(7)));
    assert!(decode::<Option<u8>>(&[2, 7]).is_err());
}

fn accepted_bytes_encode_back<T: Decode + crate::Encode>(bytes: &[u8]) {
    if let Ok(value) = decode::<T>(bytes) {
        assert_eq!(encode(&value), bytes, "WIR-1");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn hostile_bytes_never_panic_and_are_canonical_when_accepted(bytes in any::<Vec<u8>>()) {
        accepted_bytes_encode_back::<Configuration>(&bytes);
        accepted_bytes_encode_back::<MemberRecord>(&bytes);
        accepted_bytes_encode_back::<Option<u64>>(&bytes);
        accepted_bytes_encode_back::<Resilience>(&bytes);
    }
}
