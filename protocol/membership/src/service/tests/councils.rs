//! So many keys of the council as it wants have to sign, from the moment at which it is appointed.
use std::vec;
use std::vec::Vec;

use quorate_crypto::Signer;
use quorate_types::{Epoch, IdentityKey, PublicKey};
use quorate_wire::encode;

use super::{RECORDED, Replica, appointed, refused, removed, replica, validity};
use crate::authority::{
    AddCertificate, Certificate, Council, CouncilCertificate, CouncilGrant, Grant, ResizeGrant,
};
use crate::identity::IdentitySigner;
use crate::limits::{COUNCIL_KEYS_MAX, PENDING_PAGE_MAX, REPLY_BYTES_MAX};
use crate::service::{MembershipOperation, MembershipReply, PendingPlace, Refusal, Terms};
use crate::testing::{authority, epoch_signer, identity};

const HOLDERS: [usize; 3] = [1, 2, 3];

fn signed<G: Grant>(grant: G, by: &[usize]) -> Certificate<G> {
    let mut certificate = Certificate::draft(grant);
    by.iter().for_each(|holder| certificate.endorse(&epoch_signer(*holder, Epoch::ZERO)));
    certificate
}

/// A replica whose council is two of three.
fn with_council() -> Replica {
    let mut replica = replica();
    let council = appointed(replica.appoint(&HOLDERS, validity(1, 0, 9)));
    assert_eq!(replica.execute(&council, 0), MembershipReply::Appointed(Epoch::ZERO));
    replica
}

fn terms(replica: &mut Replica, server: usize) -> Terms {
    let key = identity(server).identity_key();
    let reply = replica.execute(&MembershipOperation::GetTerms(key), 0);
    let MembershipReply::Terms(terms) = reply else { panic!("terms") };
    terms
}

#[test]
fn at_first_the_one_key_of_the_authority_signs() {
    let mut replica = replica();
    let first = terms(&mut replica, 20);
    assert_eq!(first.signed_by.council, Council::sole(authority().public_key()));
    assert_eq!((first.known, first.next_sequence()), (None, 1));
    let gone = removed(replica.remove(0, validity(6, 0, 9)));
    assert_eq!(replica.execute(&gone, 0), RECORDED);
    assert_eq!(terms(&mut replica, 0).next_sequence(), 7);
}

#[test]
fn two_of_three_are_needed_for_each_kind_of_certificate_and_the_one_key_counts_no_more() {
    let mut replica = with_council();
    let add = replica.add(20, validity(1, 0, 9));
    let remove = replica.remove(0, validity(1, 0, 9));
    let size = quorate_types::Resilience::new(2).unwrap();
    let resize = ResizeGrant { system: add.system, validity: validity(1, 0, 9), membership: size };
    let before = replica.state.clone();
    let operations = |by: &[usize]| {
        vec![
            MembershipOperation::Add(signed(add.clone(), by)),
            MembershipOperation::Remove(signed(remove, by)),
            MembershipOperation::Resize(signed(resize, by)),
        ]
    };
    let mut refusals: Vec<_> = [&[][..], &[1], &[1, 4], &[1, 2, 4]].map(operations).concat();
    refusals.push(MembershipOperation::Add(AddCertificate::issue(add.clone(), &authority())));
    for operation in &refusals {
        assert_eq!(replica.execute(operation, 0), refused(Refusal::BadSignature));
        assert_eq!(replica.state, before, "MEM-8");
    }
    for operation in &operations(&[1, 3]) {
        assert_eq!(replica.execute(operation, 0), RECORDED);
    }
}

#[test]
fn a_council_is_replaced_by_itself_alone_and_an_old_appointment_never_comes_back() {
    let mut replica = with_council();
    let next = replica.appoint(&[5, 6, 7], validity(2, 0, 9));
    let appoint = |grant: &CouncilGrant, by: &[usize]| {
        MembershipOperation::Appoint(signed(grant.clone(), by))
    };
    let by_the_authority = appointed(next.clone());
    let forged = refused(Refusal::BadSignature);
    assert_eq!(replica.execute(&by_the_authority, 0), forged);
    assert_eq!(replica.execute(&appoint(&next, &[5, 6]), 0), forged, "not by who comes");
    let expected = MembershipReply::Appointed(Epoch::new(3));
    assert_eq!(replica.execute(&appoint(&next, &[1, 2]), 3), expected);

    let old = replica.appoint(&HOLDERS, validity(1, 0, 9));
    let replayed = refused(Refusal::Replayed { highest: 2 });
    assert_eq!(replica.execute(&appoint(&old, &[5, 6]), 0), replayed, "MEM-4");
    assert_eq!(terms(&mut replica, 20).signed_by.council, next.council);
}

#[test]
fn mem_8_each_fault_of_an_appointment_has_its_reply_and_changes_nothing() {
    let mut replica = with_council();
    let good = replica.appoint(&[5, 6], validity(2, 1, 2));
    let before = replica.state.clone();
    let with = |change: &dyn Fn(&mut CouncilGrant)| {
        let mut grant = good.clone();
        change(&mut grant);
        MembershipOperation::Appoint(signed::<CouncilGrant>(grant, &[1, 2]))
    };
    let other = quorate_types::SystemId::new([0; 32]);
    let table = [
        (with(&|it| it.system = other), 1, Refusal::Foreign),
        (with(&|_| {}), 0, Refusal::NotYetValid),
        (with(&|_| {}), 3, Refusal::Expired),
        (with(&|it| it.council.threshold = 0), 1, Refusal::NoCouncil),
        (with(&|it| it.council.keys.reverse()), 1, Refusal::NoCouncil),
        (with(&|it| it.council.keys.clear()), 1, Refusal::NoCouncil),
    ];
    for (operation, epoch, refusal) in table {
        assert_eq!(replica.execute(&operation, epoch), refused(refusal));
        assert_eq!(replica.state, before, "MEM-8: {refusal:?}");
    }
    let draft = MembershipOperation::Appoint(CouncilCertificate::draft(good));
    assert_eq!(replica.execute(&draft, 1), refused(Refusal::BadSignature));
}

#[test]
fn a_full_page_of_the_longest_changes_under_the_largest_council_fits_a_reply() {
    let mut replica = replica();
    let holders: Vec<usize> = (0..COUNCIL_KEYS_MAX).collect();
    let keys = holders.iter().map(|holder| epoch_signer(*holder, Epoch::ZERO).public_key());
    let council = Council::new(1, keys.collect::<Vec<PublicKey>>()).unwrap();
    let grant = CouncilGrant { system: replica.system(), validity: validity(1, 0, 9), council };
    replica.execute(&appointed(grant), 0);
    for server in 20..21 + PENDING_PAGE_MAX {
        let mut add = replica.add(server, validity(1, 0, 9));
        let (host, domain) = (quorate_types::limits::ADDRESS_BYTES_MAX - 2, 63);
        add.server.address = std::format!("{}:1", "a".repeat(host));
        add.server.failure_domain.0 = "d".repeat(domain);
        let add = MembershipOperation::Add(signed(add, &holders));
        assert_eq!(replica.execute(&add, 0), RECORDED);
    }
    let from = PendingPlace { epoch: Epoch::ZERO, key: IdentityKey::new([0; 32]) };
    let reply = replica.execute(&MembershipOperation::GetPending(from), 0);
    let bytes = encode(&reply).len();
    assert!(bytes <= REPLY_BYTES_MAX && bytes > REPLY_BYTES_MAX * 3 / 4, "{bytes}");
}
