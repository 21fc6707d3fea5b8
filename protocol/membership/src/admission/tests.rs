//! A server's own words hold only as it said them.
use quorate_types::FailureDomain;
use quorate_wire::{decode, encode};

use super::{AdmissionError, NodeAdmission};
use crate::identity::IdentitySigner;
use crate::testing::{admission, identity, registry};

#[test]
fn an_admission_comes_back_from_its_bytes_and_checks() {
    let admission = admission(1);
    let read: NodeAdmission = decode(&encode(&admission)).unwrap();
    assert_eq!(read, admission);
    assert_eq!(read.check(&registry()), Ok(()));
}

#[test]
fn whatever_is_changed_on_the_way_is_found() {
    let good = admission(1);
    let verdict = |admission: NodeAdmission| admission.check(&registry());

    let mut moved = good.clone();
    moved.server.address = "elsewhere.example:4700".into();
    assert_eq!(verdict(moved), Err(AdmissionError::Possession));
    let mut stolen = good.clone();
    stolen.certificate.statement.identity_key = identity(2).identity_key();
    assert_eq!(verdict(stolen), Err(AdmissionError::EpochKey));
    let mut other = good.clone();
    other.certificate.statement.epoch_key = admission(2).epoch_key();
    assert_eq!(verdict(other), Err(AdmissionError::EpochKey));
    let mut silly = good;
    silly.server.failure_domain = FailureDomain("x".repeat(64));
    assert_eq!(verdict(silly), Err(AdmissionError::FailureDomain));
}

#[test]
fn an_address_is_a_host_and_a_port() {
    let long = std::format!("{}:1", "a".repeat(254));
    for address in ["", "host", ":1", "host:", "host:0", "host:65536", "host:x", &long] {
        let mut server = crate::testing::description(1);
        server.address = address.into();
        assert_eq!(server.check(), Err(AdmissionError::Address), "{address}");
    }
    for address in ["127.0.0.1:1", "[::1]:65535", "host.example:4700"] {
        let mut server = crate::testing::description(1);
        server.address = address.into();
        assert_eq!(server.check(), Ok(()), "{address}");
    }
}
