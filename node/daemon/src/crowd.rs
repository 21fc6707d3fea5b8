//! A made-up system of any number of servers, all at one address: what probing costs is measured,
//! and shown to work, with one process that answers for all of them.
//!
//! Its keys follow from numbers, so that two processes make the same system; nothing of it is
//! secret, and no real system can contain any of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use quorate_crypto::real::{RealSigner, RealVerifier};
use quorate_crypto::{Domain, Hasher, Signer};
use quorate_kes::Blake3Tree;
use quorate_machine::{Call, Caller, Service};
use quorate_membership::dissemination::Trees;
use quorate_membership::handover::CommitmentBytes;
use quorate_membership::header::commitment_digest;
use quorate_membership::limits::FAN_OUT_DEFAULT;
use quorate_membership::monitor::{AnswerKey, Answerer, ProbeRule, Prober, Watch};
use quorate_membership::{
    CertifiedConfiguration, ConfigurationHeader, EpochKeyCertificate, EpochKeyStatement, Identity,
    IdentitySigner, Lineage, MembershipOperation, MembershipReply, MembershipService, Schemes,
    VerifiedConfiguration, read_members,
};
use quorate_state::{Map, Section, Snapshot, scan_section};
use quorate_store::error::StoreError;
use quorate_store::image::StateImage;
use quorate_threshold::{
    Bls12381, Dealer, KeyShare, Parameters, Rejected, Seed, Session, ShareIndex, Sharing,
};
use quorate_types::{
    Configuration, Digest, Epoch, FailureDomain, MemberRecord, MemberStatus, NodeId, PublicKey,
    Resilience, Slot, SoftwareVersion, SystemId, UnixTime,
};

use crate::keys::ServerIdentity;

const SYSTEM: SystemId = SystemId::new([0x5a; 32]);
/// Not the first, in which every record names a key.
const EPOCH: Epoch = Epoch::new(1);
/// The section of the map.
const SERVICE: u8 = 0;
/// Fewest servers: a group, and some that are in none.
pub const CROWD_MIN: u32 = 7;

/// A made-up system.
#[derive(Debug)]
pub struct Crowd {
    configuration: VerifiedConfiguration,
    sharing: CommitmentBytes,
}

/// What grows with the system in the memory of a member of the membership group during an epoch,
/// besides its prober and the configuration of the epoch.
#[derive(Debug)]
pub struct Holdings {
    /// The configuration of the epoch before.
    pub former: VerifiedConfiguration,
    /// The replicated map.
    pub map: Map,
    /// What of it the store keeps in memory.
    pub image: StateImage,
}

/// What there is besides when it has gone on to the next epoch, in whose group it is too. It still
/// serves the epoch that has ended.
#[derive(Debug)]
pub struct NextHoldings {
    /// The configuration of the next epoch.
    pub next: VerifiedConfiguration,
    /// The map before what the last slots wrote, as checkpoints keep it.
    pub checkpoint: Snapshot,
    /// The map with which the next group begins.
    pub map: Map,
    /// What of it the store keeps in memory.
    pub image: StateImage,
}

fn seed(role: u8, number: u32) -> [u8; 32] {
    let mut hasher = Hasher::new(Domain::Derivation);
    hasher.update(b"crowd").update(&[role]).update(&number.to_be_bytes());
    *hasher.finish().as_bytes()
}

fn signer(number: u32) -> RealSigner {
    RealSigner::from_seed(&seed(b'e', number))
}

/// Of two epochs only: there are many.
fn identity(number: u32) -> ServerIdentity {
    let seed = quorate_kes::Seed::new(seed(b'i', number));
    Identity::generate_short(Blake3Tree, seed, (EPOCH, 1))
}

fn id(number: u32) -> NodeId {
    NodeId::new(seed(b'n', number))
}

/// What answers probes for the servers with these numbers, with the certificates of their keys.
pub fn answerers(count: u32) -> impl Iterator<Item = Answerer> {
    (0..count).map(|number| {
        let (identity, signer) = (identity(number), signer(number));
        let key = signer.public_key();
        let statement = EpochKeyStatement::of_system(SYSTEM, identity.identity_key(), EPOCH, key);
        let certificate = Some(EpochKeyCertificate::issue(statement, &identity));
        let key = AnswerKey { epoch: EPOCH, signer: Arc::new(signer), certificate };
        Answerer::new(SYSTEM, id(number), key)
    })
}

impl Crowd {
    /// A system of so many servers, at least [`CROWD_MIN`], that answer probes at this address. Of
    /// those that are not in the membership group the configuration names no key.
    ///
    /// # Panics
    /// With fewer servers.
    #[must_use]
    pub fn new(count: u32, address: SocketAddr) -> Self {
        assert!(count >= CROWD_MIN, "a crowd has at least {CROWD_MIN} servers");
        let resilience = Resilience::new(1).expect("one bad server");
        let membership_group: Vec<_> = (0..4).map(id).collect();
        let mut members: Vec<_> =
            (0..count).map(|number| Arc::new(record(number, address))).collect();
        members.sort_unstable_by_key(|record| record.id);
        let configuration = Configuration {
            system: SYSTEM,
            ring_epoch: Epoch::ZERO,
            epoch: EPOCH,
            storage: resilience,
            membership: resilience,
            authority_key: PublicKey::new([0; 32]),
            membership_group,
            created: UnixTime::ZERO,
            members,
        };
        let certified = certify(configuration, None);
        let (configuration, sharing) = certified.expect("what is made up fits");
        Self { configuration, sharing }
    }

    /// Its servers.
    #[must_use]
    pub const fn configuration(&self) -> &VerifiedConfiguration {
        &self.configuration
    }

    /// The prober of a member of its membership group.
    #[must_use]
    pub fn prober(&self, rule: ProbeRule, secret: Digest) -> Prober {
        let watch = Watch {
            configuration: self.configuration.clone(),
            member: id(0),
            signer: Arc::new(signer(0)),
        };
        Prober::new(watch, rule, (Arc::new(RealVerifier), secret))
    }

    /// What a member of its membership group holds. The image is written to this directory, which
    /// nobody else uses.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn holdings(&self, directory: &Path) -> Result<Holdings, StoreError> {
        let (founded, sharing) = (self.configuration.clone(), self.sharing.clone());
        let mut service = MembershipService::founded(founded, sharing, Schemes::real());
        let mut map = Map::new();
        look_up(&mut service, &mut map);
        map.discard_changes();
        let image = StateImage::open(&directory.join("image"))?;
        image.replace_all(pairs(&map), b"current")?;
        // The epoch is the first with certificates, so the one before is made of a later one.
        Ok(Holdings { former: following(&self.configuration), map, image })
    }

    /// The end of the epoch, in the order in which a server takes its steps: what it needs on the
    /// way is gone on return, but was in memory.
    ///
    /// # Errors
    /// What the disk reports.
    ///
    /// # Panics
    /// If the members in the map are not those of the configuration.
    pub fn end_epoch(
        &self,
        holdings: &mut Holdings,
        directory: &Path,
    ) -> Result<NextHoldings, StoreError> {
        let (current, map) = (&self.configuration, &mut holdings.map);
        // DONE, as the service executes it: all members by id, and then in a sequence.
        let by_id: BTreeMap<_, _> = members(current.configuration(), map)
            .into_iter()
            .map(|member| (member.id, member))
            .collect();
        let decided = self.next_of(by_id.into_values().collect());
        let lineage = current.header().header().lineage;
        let root = ConfigurationHeader::of(&decided, lineage).member_root;
        assert_eq!(root, current.header().header().member_root, "its members are those in the map");
        // It writes those that changed, on copies of the way to them.
        let checkpoint = map.snapshot();
        let changed: Vec<_> = pairs(map).step_by(CHANGED_ONE_IN).collect();
        changed.iter().for_each(|(key, value)| map.insert(key, value));
        drop((decided, changed));
        let end = map.snapshot();

        // The signed header comes back; the state says who the members are.
        let next = certify(self.next_of(members(current.configuration(), map)), Some(current));
        let next = next.expect("what is made up fits").0;
        // The node makes it durable, and passes it on.
        let path = directory.join("configuration");
        std::fs::write(&path, next.to_bytes()).map_err(|source| StoreError::Io {
            operation: "write",
            path,
            source,
        })?;
        drop(Trees::of(current, &next, FAN_OUT_DEFAULT));

        // The next group's replica begins with a record of the state, which becomes its image.
        let map = Map::from_snapshot(&end);
        let image = StateImage::open(&directory.join("next-image"))?;
        image.replace_all(pairs(&map), b"next")?;
        Ok(NextHoldings { next, checkpoint, map, image })
    }

    /// The configuration of the next epoch, with these members.
    fn next_of(&self, members: Vec<Arc<MemberRecord>>) -> Configuration {
        let current = self.configuration.configuration();
        let membership_group = current.membership_group.clone();
        Configuration { epoch: current.epoch.next(), membership_group, members, ..*current }
    }
}

/// Of so many entries of the map one is written in an epoch: above 1 % of churn and the keys of
/// the shortlist.
const CHANGED_ONE_IN: usize = 40;

/// The entries of a map, copied.
fn pairs(map: &Map) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + '_ {
    map.iter().map(|(key, value)| (key.to_vec(), value.to_vec()))
}

/// The members in the map of the service.
fn members(held: &Configuration, map: &Map) -> Vec<Arc<MemberRecord>> {
    read_members(&held.members, |from, count| scan_section(map, SERVICE, (from, count)))
}

/// The first request of a group fills its map.
fn look_up(service: &mut MembershipService, map: &mut Map) {
    let operation = quorate_wire::encode(&MembershipOperation::GetMember(id(0)));
    let call = Call {
        caller: Caller::Member(id(0)),
        operation: &operation,
        epoch: EPOCH,
        slot: Slot::ZERO,
        time: UnixTime::ZERO,
        randomness: Digest::new(seed(b'r', 1)),
    };
    let reply = service.execute(&call, &mut Section::new(map, SERVICE));
    let found = quorate_wire::decode(&reply);
    assert!(matches!(found, Ok(MembershipReply::Member(Some(_)))), "the first server is a member");
}

fn record(number: u32, address: SocketAddr) -> MemberRecord {
    MemberRecord {
        id: id(number),
        identity_key: identity(number).identity_key(),
        later_root: None,
        epoch_key: (number < 4).then(|| signer(number).public_key()),
        address: address.to_string(),
        probe_port: address.port(),
        failure_domain: FailureDomain(String::from("crowd")),
        version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
        status: MemberStatus::Active,
        is_on_ring: true,
        is_in_pool: false,
    }
}

/// The configuration of the epoch after, with the same servers and keys.
pub(crate) fn following(old: &VerifiedConfiguration) -> VerifiedConfiguration {
    let mut configuration = old.configuration().clone();
    configuration.epoch = old.epoch().next();
    certify(configuration, Some(old)).expect("what is made up fits").0
}

/// Signs a configuration, which follows another one unless it is the first.
fn certify(
    configuration: Configuration,
    base: Option<&VerifiedConfiguration>,
) -> Result<(VerifiedConfiguration, CommitmentBytes), Rejected> {
    let session = Session::new(seed(b's', 0));
    let parameters = Parameters::new(2, 4)?;
    let secret = Seed::new(seed(b'd', 0));
    let dealt = Dealer { seed: &secret, session, parameters }.deal_fresh(ShareIndex::new(1)?);
    let sharing = Sharing::fresh(vec![dealt.dealing.clone().check_fresh(session, parameters)?])?;
    let key = sharing.group_key();
    let first = || Digest::new(seed(b'p', 0));
    let lineage = Lineage {
        previous: base.map_or_else(first, VerifiedConfiguration::hash),
        attempt: 0,
        randomness: Digest::new(seed(b'r', 0)),
        commitments: commitment_digest(key.commitment()),
    };
    let header = ConfigurationHeader::of(&configuration, lineage);
    let assemble = |subshare: &quorate_threshold::Subshare| {
        sharing.assemble_share(subshare.recipient(), std::slice::from_ref(subshare))
    };
    let shares = dealt.subshares.iter().map(assemble).collect::<Result<Vec<KeyShare>, _>>()?;
    let sign = |share| header.sign_partial(share, &Bls12381);
    let partials: Vec<_> = shares.iter().map(sign).collect();
    let (certified, _) =
        header.certify(key, &partials, &Bls12381).map_err(|failure| failure.reason)?;
    let certified = CertifiedConfiguration { certified, members: configuration.members };
    let verified = match base {
        Some(base) => certified.verify_after(base, &Schemes::real()),
        None => certified.verify(&key.public_key(), &Schemes::real()),
    };
    let sharing = CommitmentBytes::of(key.commitment());
    Ok((verified.expect("what was just signed verifies"), sharing))
}
