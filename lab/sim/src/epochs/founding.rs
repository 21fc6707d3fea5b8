//! How the servers of a run are installed: what all of them know, and what each holds.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use quorate_bft::Parameters;
use quorate_crypto::hash;
use quorate_duties::Duties;
use quorate_membership::handover::CommitmentBytes;
use quorate_membership::{
    CertifiedConfiguration, EpochKeyCertificate, EpochKeyStatement, Genesis, IdentitySigner,
    MembershipService, NodeAdmission, Schemes, ServerDescription, VerifiedConfiguration,
};
use quorate_threshold::{PublicKey, Seed};
use quorate_types::{
    Digest, Duration, Epoch, FailureDomain, GroupConfiguration, IdentityKey, NodeId, Resilience,
    SoftwareVersion, UnixTime,
};

use super::cabinet::Name;
use super::disk::Disk;
use super::keys::{Keys, derived};
use crate::clock::WALL_BASE_US;

/// What a scenario's variant says of the system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shape {
    /// Bad servers tolerated in the membership group.
    pub(super) f: u16,
    pub(super) servers: u16,
    /// Which randomness the system is founded with, and so who stands where.
    pub(super) layout: u64,
    /// How long an epoch lasts, in tenths of a second.
    pub(super) length: u64,
    /// How long members give a first attempt, in milliseconds; 0 is as long as elsewhere.
    pub(super) attempt_ms: u64,
}

impl Shape {
    pub(super) fn variant(self) -> u64 {
        u64::from(self.f)
            | (u64::from(self.servers) << 8)
            | (self.layout << 16)
            | (self.length << 24)
            | (self.attempt_ms << 32)
    }

    pub(super) fn of(variant: u64) -> Self {
        let byte = |at: u32| u16::try_from((variant >> at) & 0xff).expect("a byte");
        Self {
            f: byte(0),
            servers: byte(8),
            layout: u64::from(byte(16)),
            length: u64::from(byte(24)),
            attempt_ms: variant >> 32,
        }
    }

    /// How long an epoch lasts.
    pub(super) const fn length(self) -> Duration {
        Duration::from_millis(self.length * 100)
    }
}

/// What all servers and clients know.
#[derive(Debug)]
pub(super) struct Kit {
    pub(super) keys: Keys,
    pub(super) schemes: Schemes,
    pub(super) system_key: PublicKey,
    pub(super) first: VerifiedConfiguration,
    pub(super) parameters: Parameters,
    pub(super) sharing: CommitmentBytes,
}

impl Kit {
    /// The first membership group.
    pub(super) fn first_group(&self) -> Arc<GroupConfiguration> {
        self.duties().groups().membership.clone()
    }

    /// What it replicates.
    pub(super) fn first_service(&self) -> MembershipService {
        self.duties().membership_service(self.sharing.clone(), self.schemes.clone())
    }

    fn duties(&self) -> Duties {
        let any = self.first.configuration().members[0].id;
        Duties::of(&self.first, any).expect("there are enough servers")
    }
}

/// How a server describes itself.
pub(super) fn description(number: u64) -> ServerDescription {
    ServerDescription {
        address: format!("server-{number}.example:4700"),
        probe_port: 4701,
        failure_domain: FailureDomain(String::from("rack")),
        version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
    }
}

/// The last system that a thread has installed with ideal keys.
type Installed = (Shape, Rc<Kit>, Vec<(NodeId, Files)>);

thread_local! {
    static LAST: RefCell<Option<Installed>> = const { RefCell::new(None) };
}

/// As [`install`] with ideal keys. The runs of an enumeration are of one system, so it is installed
/// once for all of them that a thread runs: it is a function of its shape.
pub(super) fn install_ideal(shape: Shape) -> (Rc<Kit>, Vec<(NodeId, Disk)>) {
    LAST.with_borrow_mut(|last| {
        if last.as_ref().is_none_or(|(known, ..)| *known != shape) {
            let (kit, servers) = found(shape, Keys::ideal());
            *last = Some((shape, Rc::new(kit), servers));
        }
        let (_, kit, servers) = last.as_ref().expect("it was installed just now");
        (Rc::clone(kit), with_disks(kit, servers.clone()))
    })
}

/// Installs a system: what all know, and in the order of the nodes each server's name and disk.
///
/// # Panics
/// Never: these servers are enough and signed for themselves.
pub(super) fn install(shape: Shape, keys: Keys) -> (Rc<Kit>, Vec<(NodeId, Disk)>) {
    let (kit, servers) = found(shape, keys);
    let disks = with_disks(&kit, servers);
    (Rc::new(kit), disks)
}

fn with_disks(kit: &Kit, servers: Vec<(NodeId, Files)>) -> Vec<(NodeId, Disk)> {
    let disk = |(id, files)| (id, Disk::installed(files, kit.first.clone()));
    servers.into_iter().map(disk).collect()
}

/// What all know, and each server's name and files.
fn found(shape: Shape, keys: Keys) -> (Kit, Vec<(NodeId, Files)>) {
    let cabinets: Vec<_> = (0..usize::from(shape.servers)).map(|it| cabinet(&keys, it)).collect();
    let mut admissions: Vec<_> = cabinets.iter().map(|(admission, _)| admission.clone()).collect();
    admissions.sort_by_key(NodeAdmission::identity_key);
    let genesis = Genesis {
        authority_key: keys.authority().public_key(),
        // As many as may be bad can be evicted, wherever on the ring they stand.
        storage: Resilience::new(shape.f).expect("f is 1 or 2"),
        membership: Resilience::new(shape.f).expect("f is 1 or 2"),
        created: UnixTime::from_micros(WALL_BASE_US),
        randomness: hash(quorate_crypto::Domain::Derivation, &shape.layout.to_be_bytes()),
        admissions,
    };
    let schemes = keys.schemes();
    let genesis = genesis.check(&*schemes.signatures).expect("there are enough servers");
    let founding = genesis.found(&Seed::new([9; 32]), &*schemes.threshold);
    let founding = founding.expect("the seed is a good one");
    let first = verified(&founding.configuration, &founding.system_key, &schemes);
    let shares: BTreeMap<NodeId, _> = founding.shares.into_iter().collect();
    let servers = cabinets.into_iter().map(|(admission, mut files)| {
        let id = id_of(&first, admission.identity_key());
        if let Some(share) = shares.get(&id) {
            let bytes = [&Digest::ZERO.as_bytes()[..], &share.encode()[..]].concat();
            files.insert(Name::Share(Epoch::ZERO), bytes);
        }
        (id, files)
    });
    let servers = servers.collect();
    let parameters = Parameters {
        checkpoint_interval: 16,
        progress_timeout_max: Duration::from_secs(4),
        ..Parameters::default()
    };
    let (system_key, sharing) = (founding.system_key, CommitmentBytes::of(&founding.commitment));
    (Kit { keys, schemes, system_key, first, parameters, sharing }, servers)
}

fn verified(
    configuration: &CertifiedConfiguration,
    key: &PublicKey,
    schemes: &Schemes,
) -> VerifiedConfiguration {
    configuration.verify(key, schemes).expect("the dealer's signature verifies")
}

fn id_of(configuration: &VerifiedConfiguration, key: IdentityKey) -> NodeId {
    let mut members = configuration.configuration().members.iter();
    members.find(|member| member.identity_key == key).expect("every server is a member").id
}

type Files = BTreeMap<Name, Vec<u8>>;

/// The keys that a server is installed with: as `quorate node new` makes them.
fn cabinet(keys: &Keys, server: usize) -> (NodeAdmission, Files) {
    let mut identity = keys.new_identity(server);
    let seed = derived("epoch 0", server as u64);
    let key = keys.signer(&seed).public_key();
    let admission = NodeAdmission::founding(description(server as u64), &identity, key);
    let statement = EpochKeyStatement::founding(identity.identity_key(), key);
    let certificate = EpochKeyCertificate::issue(statement, &identity);
    identity.evolve().expect("an identity has more than one epoch");
    let files = [
        (Name::Signing(Epoch::ZERO), seed.to_vec()),
        (Name::Decryption(Epoch::ZERO), derived("decryption 0", server as u64).to_vec()),
        (Name::Certificate(Epoch::ZERO), quorate_wire::encode(&certificate)),
        (Name::Identity(identity.epoch()), identity.to_bytes().to_vec()),
    ];
    (admission, files.into())
}
