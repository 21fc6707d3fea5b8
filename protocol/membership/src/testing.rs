//! A small system for the tests of this crate: keys, a genesis, the epochs that follow.
use std::collections::BTreeMap;
use std::format;
use std::string::ToString;
use std::sync::Arc;
use std::vec::Vec;

use quorate_crypto::ideal::{IdealRegistry, IdealSigner};
use quorate_crypto::{Domain, Signer, hash_of};
use quorate_kes::IdealTree;
use quorate_machine::ServiceState;
use quorate_threshold::{Bls12381, DecryptionKey, GroupKey, Seed};
use quorate_types::{
    Configuration, Digest, Epoch, FailureDomain, IdentityKey, Instant, MemberRecord, MemberStatus,
    NodeId, Now, Resilience, SoftwareVersion, UnixTime,
};

use crate::admission::{NodeAdmission, ServerDescription};
use crate::configuration::{CertifiedConfiguration, VerifiedConfiguration};
use crate::election::node_id;
use crate::epoch_key::{EpochKeyCertificate, EpochKeyStatement};
use crate::genesis::{CheckedGenesis, Founding, Genesis};
use crate::handover::deposit::Deposit;
use crate::header::{ConfigurationHeader, Lineage};
use crate::identity::{Identity, IdentitySigner};
use crate::later_root::RootProof;
use crate::schemes::Schemes;

pub(crate) fn registry() -> IdealRegistry {
    IdealRegistry::new([7; 32])
}

pub(crate) fn schemes() -> Schemes {
    Schemes { threshold: Arc::new(Bls12381), signatures: Arc::new(registry()) }
}

/// The signer of a role, a number of a server and an epoch.
fn signer(role: u8, server: usize, epoch: Epoch) -> IdealSigner {
    let mut seed = [role; 32];
    seed[0..8].copy_from_slice(&(server as u64).to_be_bytes());
    seed[8..16].copy_from_slice(&epoch.get().to_be_bytes());
    registry().signer(&seed)
}

pub(crate) fn authority() -> IdealSigner {
    signer(b'a', 0, Epoch::ZERO)
}

/// The epochs of an identity here, as a power of two.
const IDENTITY_HEIGHT: usize = 4;

/// The identity of a server in epoch 0.
pub(crate) fn identity(server: usize) -> Identity<IdealTree> {
    let mut seed = [b'i'; 32];
    seed[0..8].copy_from_slice(&(server as u64).to_be_bytes());
    let (tree, seed) = (IdealTree(registry()), quorate_kes::Seed::new(seed));
    Identity::generate_short(tree, seed, (Epoch::ZERO, IDENTITY_HEIGHT))
}

/// The identity of a server in an epoch up to 15.
pub(crate) fn identity_in(server: usize, epoch: Epoch) -> Identity<IdealTree> {
    let mut identity = identity(server);
    while identity.epoch() < epoch {
        identity.evolve().unwrap();
    }
    identity
}

/// The tree of this seed that is to follow in the identity of a server, in its first epoch.
pub(crate) fn successor(server: usize, seed: u8, first_epoch: Epoch) -> Identity<IdealTree> {
    let (tree, seed) = (IdealTree(registry()), quorate_kes::Seed::new([seed; 32]));
    let of = (identity(server).identity_key(), first_epoch, IDENTITY_HEIGHT);
    Identity::generate_short_successor(tree, seed, of)
}

pub(crate) fn epoch_signer(server: usize, epoch: Epoch) -> IdealSigner {
    signer(b'e', server, epoch)
}

pub(crate) fn description(server: usize) -> ServerDescription {
    ServerDescription {
        address: format!("server-{server}.example:4700"),
        probe_port: 4701,
        failure_domain: FailureDomain("rack".to_string()),
        version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
    }
}

pub(crate) fn admission(server: usize) -> NodeAdmission {
    let epoch_key = epoch_signer(server, Epoch::ZERO).public_key();
    NodeAdmission::founding(description(server), &identity(server), epoch_key)
}

pub(crate) fn genesis(server_count: usize, f_membership: u16) -> Genesis {
    let mut admissions: Vec<_> = (0..server_count).map(admission).collect();
    admissions.sort_by_key(NodeAdmission::identity_key);
    Genesis {
        authority_key: authority().public_key(),
        storage: Resilience::new(1).unwrap(),
        membership: Resilience::new(f_membership).unwrap(),
        created: UnixTime::from_micros(1_000_000),
        randomness: Digest::new([5; 32]),
        admissions,
    }
}

/// A founded system.
pub(crate) struct World {
    pub(crate) genesis: CheckedGenesis,
    pub(crate) founding: Founding,
    pub(crate) first: VerifiedConfiguration,
    server_count: usize,
}

impl World {
    pub(crate) fn new(server_count: usize, f_membership: u16) -> Self {
        let genesis = genesis(server_count, f_membership).check(&registry()).unwrap();
        let founding = genesis.found(&Seed::new([9; 32]), &Bls12381).unwrap();
        let first = founding.configuration.verify(&founding.system_key, &schemes()).unwrap();
        Self { genesis, founding, first, server_count }
    }

    /// The number of the server with this identity key.
    pub(crate) fn number_of(&self, key: IdentityKey) -> usize {
        let found = (0..self.server_count).find(|server| identity(*server).identity_key() == key);
        found.unwrap()
    }

    /// The key with which a member signs in an epoch.
    pub(crate) fn signer(&self, id: NodeId, epoch: Epoch) -> Arc<dyn Signer> {
        let key = self.first.configuration().member(id).unwrap().identity_key;
        Arc::new(epoch_signer(self.number_of(key), epoch))
    }

    pub(crate) fn group(&self) -> &[NodeId] {
        &self.first.configuration().membership_group
    }

    /// Signs whatever it is given, as the holders of the shares could.
    pub(crate) fn certify(
        &self,
        configuration: Configuration,
        lineage: Lineage,
    ) -> CertifiedConfiguration {
        let header = ConfigurationHeader::of(&configuration, lineage);
        let shares = self.founding.shares.iter();
        let partials: Vec<_> =
            shares.map(|(_, share)| header.sign_partial(share, &Bls12381)).collect();
        let group = GroupKey::new(self.founding.commitment.clone()).unwrap();
        let (certified, bad) = header.certify(&group, &partials, &Bls12381).unwrap();
        assert!(bad.is_empty());
        CertifiedConfiguration { certified, members: configuration.members }
    }

    /// The configuration of the epoch after, with the members as `change` leaves them, given
    /// without keys; the servers of the group get theirs afterwards.
    pub(crate) fn after(
        &self,
        old: &VerifiedConfiguration,
        change: impl FnOnce(&mut Vec<MemberRecord>),
    ) -> VerifiedConfiguration {
        let mut configuration = old.configuration().clone();
        configuration.epoch = old.epoch().next();
        let without_key =
            |member: &Arc<MemberRecord>| MemberRecord { epoch_key: None, ..(**member).clone() };
        let mut members: Vec<_> = configuration.members.iter().map(without_key).collect();
        change(&mut members);
        members.sort_by_key(|member| member.id);
        for member in &mut members {
            if configuration.membership_group.contains(&member.id) {
                let server = self.number_of(member.identity_key);
                member.epoch_key = Some(epoch_signer(server, configuration.epoch).public_key());
            }
        }
        configuration.members = members.into_iter().map(Arc::new).collect();
        let randomness = hash_of(Domain::EpochRandomness, &old.hash());
        let lineage = Lineage { previous: old.hash(), randomness, ..old.header().header().lineage };
        let certified = self.certify(configuration, lineage);
        certified.verify(&self.founding.system_key, &schemes()).unwrap()
    }

    /// The record of a server that was not there before, without a key.
    pub(crate) fn newcomer(&self, server: usize) -> MemberRecord {
        let identity_key = identity(server).identity_key();
        let description = description(server);
        MemberRecord {
            id: node_id(self.first.configuration().system, identity_key, Digest::new([5; 32])),
            identity_key,
            later_root: None,
            epoch_key: None,
            address: description.address,
            probe_port: description.probe_port,
            failure_domain: description.failure_domain,
            version: description.version,
            status: MemberStatus::Active,
            is_on_ring: false,
            is_in_pool: false,
        }
    }

    /// The configuration of the epoch after, with the same servers.
    pub(crate) fn following(&self, old: &VerifiedConfiguration) -> VerifiedConfiguration {
        let mut configuration = old.configuration().clone();
        configuration.epoch = old.epoch().next();
        for member in configuration.members.iter_mut().map(Arc::make_mut) {
            let server = self.number_of(member.identity_key);
            member.epoch_key = Some(epoch_signer(server, configuration.epoch).public_key());
        }
        let lineage = Lineage { previous: old.hash(), ..old.header().header().lineage };
        let certified = self.certify(configuration, lineage);
        certified.verify(&self.founding.system_key, &schemes()).unwrap()
    }
}

/// The keys of an epoch that a server deposits, and what opens what is sealed for it.
pub(crate) fn deposit(world: &World, server: usize, epoch: Epoch) -> Deposit {
    let signer = epoch_signer(server, epoch);
    let system = world.first.configuration().system;
    let identity_key = identity(server).identity_key();
    let statement = EpochKeyStatement::of_system(system, identity_key, epoch, signer.public_key());
    let certificate = EpochKeyCertificate::issue(statement, &identity_in(server, statement.epoch));
    Deposit::new(certificate, &signer, &decryption_key(server))
}

/// The same, where another root is named.
pub(crate) fn deposit_naming(world: &World, server: usize, epoch: Epoch) -> Deposit {
    let mut heir = successor(server, b'x', epoch);
    let (root, system) = (heir.root(), world.first.configuration().system);
    let statement = deposit(world, server, epoch).certificate.statement.naming(Some(root));
    let certificate = EpochKeyCertificate::issue(statement, &identity_in(server, epoch));
    let signer = epoch_signer(server, epoch);
    let proof = RootProof::give(system, &mut heir).unwrap();
    Deposit::new(certificate, &signer, &decryption_key(server)).proving(Some(proof))
}

/// What opens the subshares that are sealed for a server.
pub(crate) fn decryption_key(server: usize) -> DecryptionKey {
    DecryptionKey::derive(&Seed::new(decryption_seed(server)))
}

pub(crate) fn decryption_seed(server: usize) -> [u8; 32] {
    let mut seed = [b'k'; 32];
    seed[..8].copy_from_slice(&(server as u64).to_be_bytes());
    seed
}

pub(crate) fn now(micros: u64) -> Now {
    Now { instant: Instant::from_micros(micros), wall: UnixTime::from_micros(micros) }
}

/// The replicated map as a plain one.
#[derive(Clone, Default, PartialEq, Debug)]
pub(crate) struct MapState(pub(crate) BTreeMap<Vec<u8>, Vec<u8>>);

impl ServiceState for MapState {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key).cloned()
    }

    fn put(&mut self, key: &[u8], value: Vec<u8>) {
        self.0.insert(key.to_vec(), value);
    }

    fn remove(&mut self, key: &[u8]) {
        self.0.remove(key);
    }

    fn scan(&self, from: &[u8], count_max: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let range = self.0.range(from.to_vec()..).take(count_max);
        range.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}
