//! How the system of a run is founded: with a key that is dealt, as only tests do, and with members
//! that sign badly where the scenario has them. Those who make the key themselves are in `epochs`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use quorate_adversary::membership::ceremony::{Ceremony, Contribution};
use quorate_crypto::ideal::IdealRegistry;
use quorate_crypto::real::{RealSigner, RealVerifier};
use quorate_crypto::{Domain, Signer, Verifier, hash_of};
use quorate_kes::{Blake3Tree, IdealTree};
use quorate_membership::handover::CommitmentBytes;
use quorate_membership::{
    CertifiedConfiguration, CheckedGenesis, Genesis, Identity, IdentitySigner, NodeAdmission,
    Schemes, ServerDescription, VerifiedConfiguration,
};
use quorate_threshold::{
    Bls12381, Domain as Purpose, PublicKey, Rejected, Seed, Signature, ThresholdScheme,
};
use quorate_types::{
    Configuration, Epoch, FailureDomain, NodeId, Resilience, SoftwareVersion, UnixTime,
};

use crate::clock::WALL_BASE_US;

const SECOND_US: u64 = 1_000_000;
/// Epochs of an identity, as a power of two: few, since every run makes all keys anew.
const IDENTITY_HEIGHT: usize = 2;

/// What a scenario's variant says of the system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shape {
    /// Bad servers tolerated in the membership group.
    pub(super) f_membership: u16,
    /// Bad servers tolerated in each storage group.
    pub(super) f_storage: u16,
    pub(super) servers: u16,
    /// Which randomness the system is founded with, and so who stands where.
    pub(super) layout: u64,
    pub(super) is_real: bool,
    /// The second of a run in which the certificate of the first client runs out, by a clock
    /// that is right; 0 if it does not.
    pub(super) certificate_ends_s: u64,
}

impl Shape {
    pub(super) fn variant(self) -> u64 {
        u64::from(self.f_membership)
            | (u64::from(self.f_storage) << 8)
            | (u64::from(self.servers) << 16)
            | (self.layout << 24)
            | (u64::from(self.is_real) << 40)
            | (self.certificate_ends_s << 48)
    }

    pub(super) fn of(variant: u64) -> Self {
        let byte = |at: u32| u16::try_from((variant >> at) & 0xff).expect("a byte");
        Self {
            f_membership: byte(0),
            f_storage: byte(8),
            servers: byte(16),
            layout: u64::from(byte(24)),
            is_real: (variant >> 40) & 1 == 1,
            certificate_ends_s: u64::from(byte(48)),
        }
    }

    /// When the certificate of the client with this index runs out.
    pub(super) const fn certificate_expires(self, index: usize) -> UnixTime {
        if index > 0 || self.certificate_ends_s == 0 {
            return UnixTime::from_micros(u64::MAX);
        }
        UnixTime::from_micros(WALL_BASE_US + self.certificate_ends_s * SECOND_US)
    }
}

/// Whose key it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    Identity,
    Epoch,
    Client,
    Authority,
    Impostor,
    /// Of objects.
    Owner,
}

/// The keys of a run: ideal ones, or real ones.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    registry: IdealRegistry,
    is_real: bool,
}

impl Keys {
    pub(super) fn new(is_real: bool) -> Self {
        Self { registry: IdealRegistry::new([7; 32]), is_real }
    }

    /// The identity of a server in epoch 0, of production's scheme; a run has no more epochs than
    /// its key.
    pub(super) fn identity(&self, index: usize) -> Box<dyn IdentitySigner> {
        let seed = quorate_kes::Seed::new(seed(Role::Identity, index));
        let epochs = (Epoch::ZERO, IDENTITY_HEIGHT);
        if self.is_real {
            Box::new(Identity::generate_short(Blake3Tree, seed, epochs))
        } else {
            Box::new(Identity::generate_short(IdealTree(self.registry.clone()), seed, epochs))
        }
    }

    pub(super) fn signer(&self, role: Role, index: usize) -> Arc<dyn Signer> {
        let seed = seed(role, index);
        if self.is_real {
            Arc::new(RealSigner::from_seed(&seed))
        } else {
            Arc::new(self.registry.signer(&seed))
        }
    }

    pub(super) fn verifier(&self) -> Arc<dyn Verifier> {
        if self.is_real { Arc::new(RealVerifier) } else { Arc::new(self.registry.clone()) }
    }
}

/// What a key is made from.
fn seed(role: Role, index: usize) -> [u8; 32] {
    *hash_of(Domain::Derivation, &(role as u8, index as u64)).as_bytes()
}

/// What the system begins with.
///
/// # Panics
/// Never: these servers are enough and signed for themselves.
pub(super) fn genesis(shape: Shape, keys: &Keys) -> CheckedGenesis {
    let admission = |server: u16| {
        let description = ServerDescription {
            address: format!("server-{server}.example:4700"),
            probe_port: 4701,
            failure_domain: FailureDomain(String::from("rack")),
            version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
        };
        let index = usize::from(server);
        let epoch_key = keys.signer(Role::Epoch, index).public_key();
        NodeAdmission::founding(description, &*keys.identity(index), epoch_key)
    };
    let mut admissions: Vec<_> = (0..shape.servers).map(admission).collect();
    admissions.sort_by_key(NodeAdmission::identity_key);
    let genesis = Genesis {
        authority_key: keys.signer(Role::Authority, 0).public_key(),
        storage: Resilience::new(shape.f_storage).expect("f is 1 or 2"),
        membership: Resilience::new(shape.f_membership).expect("f is 1 or 2"),
        created: UnixTime::from_micros(1_000_000),
        randomness: hash_of(Domain::Derivation, &shape.layout),
        admissions,
    };
    genesis.check(&*keys.verifier()).expect("there are enough servers")
}

/// The ids of the servers, in the order of the nodes.
pub(super) fn server_ids(configuration: &Configuration, shape: Shape, keys: &Keys) -> Vec<NodeId> {
    let id = |server: u16| {
        let key = keys.identity(usize::from(server)).identity_key();
        let member = configuration.members.iter().find(|member| member.identity_key == key);
        member.expect("every server is a member").id
    };
    (0..shape.servers).map(id).collect()
}

/// A system that was founded.
#[derive(Debug)]
pub(super) struct Foundation {
    /// What every server and client is installed with.
    pub(super) system_key: PublicKey,
    /// What came out of the ceremony.
    pub(super) certified: CertifiedConfiguration,
    /// The public side of the sharing of the system's key.
    pub(super) sharing: CommitmentBytes,
    /// As servers have verified it.
    pub(super) configuration: VerifiedConfiguration,
    pub(super) schemes: Schemes,
    /// Did wrong partial signatures cancel?
    pub(super) had_cancelled: bool,
}

impl Foundation {
    /// Founds the system; `bad` are members of the membership group by the index of their share.
    ///
    /// # Panics
    /// If the good members do not come to a configuration that verifies.
    pub(super) fn new(shape: Shape, keys: &Keys, bad: BTreeMap<u16, Contribution>) -> Self {
        let ceremony = Ceremony::new(bad);
        let founding = genesis(shape, keys).found(&Seed::new([9; 32]), &ceremony);
        let founding = founding.expect("C3: a quorum of good partial signatures is enough");
        let schemes = Schemes { threshold: Arc::new(Memo::default()), signatures: keys.verifier() };
        let (certified, system_key) = (founding.configuration, founding.system_key);
        let configuration = certified.verify(&system_key, &schemes);
        Self {
            configuration: configuration.expect("C3: what the ceremony certifies verifies"),
            had_cancelled: ceremony.had_cancelled(),
            certified,
            sharing: CommitmentBytes::of(&founding.commitment),
            system_key,
            schemes,
        }
    }
}

/// A key, a purpose and a message, and the signature on them.
type Checked = (Vec<u8>, Signature);

/// The real scheme, which checks each signature once: pairings are a thousand times dearer than
/// all else in a run.
#[derive(Default, Debug)]
struct Memo {
    known: Mutex<BTreeMap<Checked, Result<(), Rejected>>>,
}

impl ThresholdScheme for Memo {
    fn verify(
        &self,
        key: &PublicKey,
        domain: Purpose,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), Rejected> {
        let statement = [key.as_bytes().as_slice(), &[domain as u8], message].concat();
        let mut known = self.known.lock().expect("a run is of one thread");
        *known
            .entry((statement, *signature))
            .or_insert_with(|| Bls12381.verify(key, domain, message, signature))
    }
}
