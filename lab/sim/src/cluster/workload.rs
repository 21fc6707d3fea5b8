//! What the clients of a cluster ask for: each operation is a function of its number, which can be
//! read from its bytes again.

use std::sync::Arc;

use quorate_crypto::{Domain, Signer, hash_of};
use quorate_kv::{KeyValueService, KvOperation};
use quorate_membership::{
    AddCertificate, AddGrant, MembershipOperation, MembershipService, PendingPlace,
    RemoveCertificate, RemoveGrant, ServerDescription, Validity,
};
use quorate_types::{Epoch, FailureDomain, IdentityKey, NodeId, SoftwareVersion, SystemId};

use super::Ask;
use crate::ordering::Replicated;

/// Servers that the authority grants places to.
const CANDIDATES: u64 = 12;
/// Keys of the key-value service that are written.
const KEYS: u64 = 8;

/// What is asked for in a run.
#[derive(Debug)]
pub(super) struct Workload {
    system: SystemId,
    authority: Arc<dyn Signer>,
    /// Signs what the true authority did not say.
    impostor: Arc<dyn Signer>,
}

/// Bytes that begin with a number.
fn numbered(number: u64) -> [u8; 32] {
    let mut bytes = *hash_of(Domain::Derivation, &number).as_bytes();
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn number_in(bytes: &[u8]) -> u64 {
    bytes.get(..8).and_then(|first| first.try_into().ok()).map_or(0, u64::from_be_bytes)
}

/// The server that a certificate of this number is about.
fn candidate(number: u64) -> IdentityKey {
    IdentityKey::new(*hash_of(Domain::Node, &(number % CANDIDATES)).as_bytes())
}

const fn validity(number: u64) -> Validity {
    Validity { sequence: number, first_epoch: Epoch::ZERO, last_epoch: Epoch::new(1_000) }
}

/// Is the certificate of this number signed by somebody else than the authority?
pub(super) const fn is_forged(number: u64) -> bool {
    number % 35 == 5
}

impl Workload {
    pub(super) const fn new(
        system: SystemId,
        authority: Arc<dyn Signer>,
        impostor: Arc<dyn Signer>,
    ) -> Self {
        Self { system, authority, impostor }
    }

    /// The operation with this number.
    pub(super) fn ask(&self, number: u64) -> Ask {
        match number % 5 {
            0 => Ask::Membership(quorate_wire::encode(&self.change(number))),
            1 => Ask::Membership(quorate_wire::encode(&Self::question(number))),
            2 | 3 => Ask::KeyValue(Self::write(number).to_bytes()),
            _ => Ask::KeyValue(KvOperation::Get { key: numbered(number)[..8].to_vec() }.to_bytes()),
        }
    }

    fn signer(&self, number: u64) -> &dyn Signer {
        if is_forged(number) { &*self.impostor } else { &*self.authority }
    }

    fn change(&self, number: u64) -> MembershipOperation {
        let (system, identity_key) = (self.system, candidate(number));
        let validity = validity(number);
        if number % 15 == 10 {
            let grant = RemoveGrant { system, identity_key, validity, may_exceed_cap: false };
            return MembershipOperation::Remove(RemoveCertificate::issue(
                grant,
                self.signer(number),
            ));
        }
        let server = ServerDescription {
            address: format!("server-{number}.example:4700"),
            probe_port: 4701,
            failure_domain: FailureDomain(String::from("rack")),
            version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
        };
        let grant = AddGrant { system, identity_key, validity, server };
        MembershipOperation::Add(AddCertificate::issue(grant, self.signer(number)))
    }

    fn question(number: u64) -> MembershipOperation {
        match number / 5 % 3 {
            0 => MembershipOperation::GetMember(NodeId::new(numbered(number))),
            1 => MembershipOperation::GetPending(PendingPlace {
                epoch: Epoch::ZERO,
                key: IdentityKey::new(numbered(number)),
            }),
            _ => MembershipOperation::GetConfiguration(NodeId::new(numbered(number))),
        }
    }

    fn write(number: u64) -> KvOperation {
        let key = (number % KEYS).to_be_bytes().to_vec();
        let value = number.to_be_bytes().to_vec();
        if number % 5 == 2 {
            return KvOperation::Put { key, value };
        }
        let expected = number.saturating_sub(1).to_be_bytes().to_vec();
        KvOperation::CompareAndSwap { key, expected: Some(expected), new: Some(value) }
    }
}

impl Replicated for MembershipService {
    fn number(operation: &[u8]) -> u64 {
        match quorate_wire::decode(operation) {
            Ok(MembershipOperation::Add(certificate)) => certificate.grant.validity.sequence,
            Ok(MembershipOperation::Remove(certificate)) => certificate.grant.validity.sequence,
            Ok(
                MembershipOperation::GetMember(id)
                | MembershipOperation::GetConfiguration(id)
                | MembershipOperation::GetFindings(id)
                | MembershipOperation::GetConviction(id),
            ) => number_in(id.as_bytes()),
            Ok(MembershipOperation::GetPending(from)) => number_in(from.key.as_bytes()),
            Ok(MembershipOperation::Resize(certificate)) => certificate.grant.validity.sequence,
            Ok(MembershipOperation::Rotate(certificate)) => certificate.grant.validity.sequence,
            Ok(MembershipOperation::GetGroup(epoch)) => epoch.get(),
            Ok(MembershipOperation::Appoint(certificate)) => certificate.grant.validity.sequence,
            Ok(MembershipOperation::GetTerms(key)) => number_in(key.as_bytes()),
            Ok(
                MembershipOperation::Handover(_)
                | MembershipOperation::Observe(_)
                | MembershipOperation::Rebut(_)
                | MembershipOperation::Accuse(_),
            )
            | Err(_) => 0,
        }
    }
}

impl Replicated for KeyValueService {
    fn number(operation: &[u8]) -> u64 {
        match KvOperation::from_bytes(operation) {
            Ok(KvOperation::Get { key }) => number_in(&key),
            Ok(
                KvOperation::Put { value, .. }
                | KvOperation::CompareAndSwap { new: Some(value), .. },
            ) => number_in(&value),
            Ok(KvOperation::CompareAndSwap { new: None, .. }) | Err(_) => 0,
        }
    }
}
