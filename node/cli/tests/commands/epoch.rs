//! A chain of configurations, verified with nothing but the key.

use std::sync::Arc;

use quorate_crypto::Signer;
use quorate_crypto::ideal::{IdealRegistry, IdealSigner};
use quorate_kes::IdealTree;
use quorate_membership::delta::{Chain, Delta};
use quorate_membership::{
    CertifiedConfiguration, ConfigurationHeader, Founding, Genesis, Identity, Lineage,
    NodeAdmission, Schemes, ServerDescription, VerifiedConfiguration,
};
use quorate_threshold::{Bls12381, GroupKey, Seed};
use quorate_types::{
    Digest, Epoch, FailureDomain, MemberRecord, MemberStatus, Resilience, SoftwareVersion, UnixTime,
};
use quorate_wire::encode;
use serde_json::Value;

use crate::support::Scratch;

/// A system whose key the test holds.
struct System(Founding);

fn signer(number: u8) -> IdealSigner {
    IdealRegistry::new([1; 32]).signer(&[number; 32])
}

impl System {
    #[expect(clippy::disallowed_methods, reason = "a test may have all shares of a key")]
    fn new() -> Self {
        let admission = |number: u8| {
            let description = ServerDescription {
                address: format!("10.0.0.{number}:4700"),
                probe_port: 4701,
                failure_domain: FailureDomain(String::new()),
                version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
            };
            let seed = quorate_kes::Seed::new([number; 32]);
            let tree = IdealTree(IdealRegistry::new([1; 32]));
            let identity = Identity::generate_short(tree, seed, (Epoch::ZERO, 1));
            NodeAdmission::founding(description, &identity, signer(100 + number).public_key())
        };
        let mut admissions: Vec<_> = (0..6).map(admission).collect();
        admissions.sort_by_key(NodeAdmission::identity_key);
        let genesis = Genesis {
            authority_key: signer(200).public_key(),
            storage: Resilience::new(1).expect("f is in range"),
            membership: Resilience::new(1).expect("f is in range"),
            created: UnixTime::from_micros(1),
            randomness: Digest::new([3; 32]),
            admissions,
        };
        let checked = genesis.check(&IdealRegistry::new([1; 32])).expect("every server signed");
        Self(checked.found(&Seed::new([4; 32]), &Bls12381).expect("no share is zero"))
    }

    fn key(&self) -> String {
        self.0.system_key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn first(&self) -> VerifiedConfiguration {
        let first = self.0.configuration.verify(&self.0.system_key, &Schemes::real());
        first.expect("signed under the one key")
    }

    /// The epoch after, in which the two servers outside the group are as `change` leaves them.
    fn after(
        &self,
        old: &VerifiedConfiguration,
        change: impl Fn([&mut MemberRecord; 2]),
    ) -> VerifiedConfiguration {
        let mut configuration = old.configuration().clone();
        configuration.epoch = old.epoch().next();
        let group = configuration.membership_group.clone();
        let mut free = configuration.members.iter_mut().filter(|one| !group.contains(&one.id));
        let pair = [free.next(), free.next()].map(|one| one.expect("two are outside"));
        change(pair.map(Arc::make_mut));
        let lineage = Lineage { previous: old.hash(), ..old.header().header().lineage };
        let header = ConfigurationHeader::of(&configuration, lineage);
        let shares = self.0.shares.iter();
        let parts: Vec<_> =
            shares.map(|(_, share)| header.sign_partial(share, &Bls12381)).collect();
        let group = GroupKey::new(self.0.commitment.clone()).expect("a commitment");
        let (certified, _) = header.certify(&group, &parts, &Bls12381).expect("all signed");
        let certified = CertifiedConfiguration { certified, members: configuration.members };
        certified.verify(&self.0.system_key, &Schemes::real()).expect("signed under the one key")
    }

    fn chain(&self) -> Chain {
        let first = self.first();
        let second = self.after(&first, |[member, _]| member.status = MemberStatus::Inactive);
        let third = self.after(&second, |[member, other]| {
            member.address = String::from("10.9.9.9:1");
            (other.status, other.epoch_key) = (MemberStatus::Removed, None);
        });
        let delta = |old, new| Delta::between(old, new).expect("one follows the other");
        let deltas = vec![delta(&first, &second), delta(&second, &third)];
        Chain { first: first.to_certified(), deltas }
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn a_chain_is_verified_shown_and_compared_with_the_key_alone() {
    let (scratch, system) = (Scratch::new(), System::new());
    std::fs::write(scratch.join("chain"), encode(&system.chain())).expect("a file");
    let key = system.key();
    let call = |what: &[&str]| {
        let fixed = ["--system-key", &key];
        scratch.succeed(&[&["epoch"], what, &fixed].concat())
    };

    let text = call(&["verify", "chain"]);
    assert!(
        text.starts_with("verified under the key of the system: 3 configurations, epochs 0 to 2")
    );
    let verified = json(&call(&["verify", "chain", "--json"]));
    assert_eq!(verified["is_verified"], Value::Bool(true));
    assert_eq!((&verified["epoch"], &verified["configurations"]), (&2.into(), &3.into()));

    let listed = json(&call(&["list", "chain", "--json"]));
    let inactive = |index: usize| listed["epochs"][index]["inactive"].as_u64();
    assert_eq!([inactive(0), inactive(1), inactive(2)], [Some(0), Some(1), Some(1)]);
    assert_eq!(call(&["list", "chain"]).lines().count(), 3);

    let shown = json(&call(&["show", "chain", "--json"]));
    assert_eq!(shown["epoch"], 2);
    assert_eq!(shown["members"].as_array().map(Vec::len), Some(6));
    assert_eq!(json(&call(&["show", "chain", "--epoch", "1", "--json"]))["epoch"], 1);
    assert!(call(&["show", "chain"]).contains("4 active, 1 inactive, 1 removed:"));
    assert!(shown["age_seconds"].as_u64() > Some(1_000_000_000), "it was made in 1970: {shown}");

    let changed = json(&call(&["diff", "chain", "0", "2", "--json"]));
    let what = |index: usize| changed["changes"][index]["what"].as_str();
    let expected = [Some("made inactive"), Some("moved"), Some("removed"), None];
    assert_eq!([what(0), what(1), what(2), what(3)], expected);
    let told = call(&["diff", "chain", "1", "2"]);
    assert!(told.contains(" to 10.9.9.9:1") && told.contains(" and still holds objects"), "{told}");
}

#[test]
fn a_chain_that_somebody_changed_breaks_where_it_was_changed() {
    let (scratch, system) = (Scratch::new(), System::new());
    let key = system.key();
    let complaint = |chain: &[u8], what: &[&str]| {
        std::fs::write(scratch.join("chain"), chain).expect("a file");
        scratch.fail(&[&["epoch"], what, &["--system-key", &key]].concat())
    };
    let mut forged = system.chain();
    forged.deltas[1].changed[0].address = String::from("10.6.6.6:6");
    let (code, text) = complaint(&encode(&forged), &["verify", "chain"]);
    assert_eq!(code, 4, "{text}");
    assert!(text.starts_with("error[chain-broken]: epoch 2 is not believed: the members are not"));
    assert!(text.contains("the 2 epochs before it are good"), "{text}");

    let good = encode(&system.chain());
    let (_, text) = complaint(&good[..good.len() - 1], &["verify", "chain"]);
    assert!(text.starts_with("error[chain-damaged]: "), "{text}");
    let (_, text) = complaint(b"something else", &["list", "chain"]);
    assert!(text.starts_with("error[no-chain]: "), "{text}");
    let (_, text) = complaint(&good, &["show", "chain", "--epoch", "7"]);
    assert!(text.starts_with("error[no-epoch]: there is no epoch 7, the newest is 2"), "{text}");
    let (code, text) = complaint(&good, &["diff", "chain", "2", "1"]);
    assert_eq!(code, 2, "{text}");
    let (code, text) = scratch.fail(&["epoch", "verify", "chain"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("no key to verify with"), "{text}");
}
