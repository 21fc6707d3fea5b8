//! Configurations of many servers, signed with the system's key, and a check that is done once for
//! all of them.
use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_crypto::ideal::IdealRegistry;
use quorate_crypto::{Domain, Signer, hash};
use quorate_kes::IdealTree;
use quorate_membership::dissemination::{
    Checked, EncodedDelta, Follow, Followed, LeadsNowhere, Trees,
};
use quorate_membership::election::elect;
use quorate_membership::{
    CertifiedConfiguration, ConfigurationHeader, Founding, Genesis, Identity, Lineage,
    NodeAdmission, Schemes, ServerDescription, Shortlist, VerifiedConfiguration,
};
use quorate_threshold::{Bls12381, GroupKey, Seed};
use quorate_types::{
    Configuration, Digest, Epoch, FailureDomain, IdentityKey, MemberRecord, MemberStatus, NodeId,
    PublicKey, Resilience, SoftwareVersion, UnixTime,
};

/// Bad servers that the membership group tolerates.
pub(crate) const F: u16 = 2;

/// Whoever holds the system's key, and the servers that there are.
pub(crate) struct Servers {
    founding: Founding,
    genesis: VerifiedConfiguration,
    pub(crate) schemes: Schemes,
    next_number: u64,
}

fn digest(label: &str, number: u64) -> Digest {
    hash(Domain::Derivation, format!("{label} {number}").as_bytes())
}

fn record(number: u64) -> MemberRecord {
    MemberRecord {
        id: NodeId::new(*digest("id", number).as_bytes()),
        identity_key: IdentityKey::new(*digest("identity", number).as_bytes()),
        later_root: None,
        epoch_key: None,
        address: format!("server-{number}.example.org:4700"),
        probe_port: 4701,
        failure_domain: FailureDomain(format!("rack-{}", number % 1000)),
        version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
        status: MemberStatus::Active,
        is_on_ring: true,
        is_in_pool: false,
    }
}

fn genesis(registry: &IdealRegistry) -> Genesis {
    let admission = |number: u8| {
        let (tree, seed) = (IdealTree(registry.clone()), quorate_kes::Seed::new([number; 32]));
        let identity = Identity::generate_short(tree, seed, (Epoch::ZERO, 1));
        let epoch = registry.signer(&[99 - number; 32]);
        let description = ServerDescription {
            address: format!("10.0.0.{number}:4700"),
            probe_port: 4701,
            failure_domain: FailureDomain(String::new()),
            version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
        };
        NodeAdmission::founding(description, &identity, epoch.public_key())
    };
    let mut admissions: Vec<_> = (0..7).map(admission).collect();
    admissions.sort_by_key(NodeAdmission::identity_key);
    Genesis {
        authority_key: registry.signer(&[200; 32]).public_key(),
        storage: Resilience::new(1).expect("f is in range"),
        membership: Resilience::new(F).expect("f is in range"),
        created: UnixTime::from_micros(1),
        randomness: Digest::new([3; 32]),
        admissions,
    }
}

impl Servers {
    pub(crate) fn new() -> Self {
        let registry = IdealRegistry::new([1; 32]);
        let schemes =
            Schemes { threshold: Arc::new(Bls12381), signatures: Arc::new(registry.clone()) };
        let checked = genesis(&registry).check(&registry).expect("every server signed");
        let founding = checked.found(&Seed::new([4; 32]), &Bls12381).expect("no share is zero");
        let genesis = founding.configuration.verify(&founding.system_key, &schemes);
        let genesis = genesis.expect("signed under the one key");
        Self { founding, genesis, schemes, next_number: 0 }
    }

    pub(crate) fn newcomers(&mut self, count: usize) -> Vec<Arc<MemberRecord>> {
        let begin = self.next_number;
        self.next_number += count as u64;
        (begin..self.next_number).map(record).map(Arc::new).collect()
    }

    /// A configuration of so many servers.
    pub(crate) fn first(&mut self, count: usize) -> VerifiedConfiguration {
        let members = self.newcomers(count);
        let genesis = self.genesis.clone();
        self.follow(&genesis, members)
    }

    /// What follows when one server of a hundred goes and as many come.
    pub(crate) fn churned(&mut self, old: &VerifiedConfiguration) -> VerifiedConfiguration {
        let members = &old.configuration().members;
        let (count, salt) = (members.len() / 100, old.epoch().get());
        let mut by_lot: Vec<_> = members
            .iter()
            .map(|member| (digest(&format!("{:?}", member.id), salt), member))
            .collect();
        by_lot.sort_by_key(|(lot, _)| *lot);
        let mut members: Vec<_> =
            by_lot.into_iter().skip(count).map(|(_, member)| member.clone()).collect();
        members.extend(self.newcomers(count));
        self.follow(old, members)
    }

    /// The configuration of the next epoch with these members; whoever was on the shortlist of the
    /// epoch before has a key.
    pub(crate) fn follow(
        &self,
        old: &VerifiedConfiguration,
        mut members: Vec<Arc<MemberRecord>>,
    ) -> VerifiedConfiguration {
        members.sort_by_key(|member| member.id);
        let epoch = old.epoch().next();
        let randomness = digest("randomness", epoch.get());
        let (resilience, ids) = (old.configuration().membership, members.iter().map(|m| m.id));
        let group = elect((randomness, 0), ids, resilience).expect("there are enough");
        let list = Shortlist::of(old.header().header(), &old.configuration().members);
        for (index, member) in members.iter_mut().enumerate() {
            let was_there = old.configuration().member(member.id).is_some();
            let has_key = was_there && list.has(member) || group.contains(&member.id);
            let key = PublicKey::new(*digest(&format!("key {index}"), epoch.get()).as_bytes());
            let key = has_key.then_some(key);
            // Whoever has what it had is the same record.
            if member.epoch_key != key {
                Arc::make_mut(member).epoch_key = key;
            }
        }
        let configuration = Configuration {
            epoch,
            membership_group: group,
            members,
            ..old.configuration().clone()
        };
        let lineage = Lineage { previous: old.hash(), randomness, ..old.header().header().lineage };
        self.certify(configuration, lineage)
    }

    fn certify(&self, configuration: Configuration, lineage: Lineage) -> VerifiedConfiguration {
        let header = ConfigurationHeader::of(&configuration, lineage);
        let partials: Vec<_> = self
            .founding
            .shares
            .iter()
            .map(|(_, share)| header.sign_partial(share, &Bls12381))
            .collect();
        let group = GroupKey::new(self.founding.commitment.clone()).expect("a commitment");
        let (certified, _) = header.certify(&group, &partials, &Bls12381).expect("all signed");
        let certified = CertifiedConfiguration { certified, members: configuration.members };
        certified
            .verify(&self.founding.system_key, &self.schemes)
            .expect("signed under the one key")
    }
}

type Steps = BTreeMap<(Digest, Option<Digest>), Result<Followed, LeadsNowhere>>;

/// Checks each step once, whoever asks: the check is a function of its arguments.
#[derive(Debug)]
#[expect(clippy::disallowed_types, reason = "one table for all servers of one test")]
pub(crate) struct Once {
    checked: Checked,
    steps: std::sync::Mutex<Steps>,
    all_trees: std::sync::Mutex<BTreeMap<Digest, Arc<Trees>>>,
}

impl Once {
    pub(crate) fn new(schemes: Schemes, fan_out: usize) -> Arc<Self> {
        Arc::new(Self {
            checked: Checked { schemes, fan_out },
            steps: Default::default(),
            all_trees: Default::default(),
        })
    }
}

impl Follow for Once {
    fn follow(
        &self,
        base: &VerifiedConfiguration,
        delta: EncodedDelta,
    ) -> Result<Followed, LeadsNowhere> {
        let name = (base.hash(), delta.root());
        let mut steps = self.steps.lock().expect("nobody panicked");
        steps.entry(name).or_insert_with(|| self.checked.follow(base, delta)).clone()
    }

    fn trees(&self, old: &VerifiedConfiguration, new: &VerifiedConfiguration) -> Arc<Trees> {
        let mut trees = self.all_trees.lock().expect("nobody panicked");
        Arc::clone(trees.entry(new.hash()).or_insert_with(|| self.checked.trees(old, new)))
    }

    fn schemes(&self) -> &Schemes {
        self.checked.schemes()
    }
}
