//! C3: every configuration that a good client believes is verified again, naively and by other
//! code than the membership service's: the signature with a pairing, the members one by one; and
//! there is one configuration in an epoch.

use std::collections::BTreeMap;

use quorate_crypto::{Domain, hash};
use quorate_membership::{CertifiedConfiguration, ClientOutput, VerifiedConfiguration};
use quorate_threshold::{Bls12381, Domain as Purpose, PublicKey, ThresholdScheme};
use quorate_types::Digest;
use quorate_wire::encode;

use crate::checker::{At, Broken, Checker, Verdict};
use crate::cluster::{ClusterMachine, Output};

/// Verifies again.
#[derive(Debug)]
pub(in crate::cluster) struct Views {
    system_key: PublicKey,
    founded: CertifiedConfiguration,
    /// By epoch: the header that somebody believed first.
    believed: BTreeMap<u64, Digest>,
}

/// The top of the Merkle tree over some leaves, by the definition: the largest power of two below
/// their number stands on the left.
fn top(leaves: &[Digest]) -> Digest {
    if let [leaf] = leaves {
        return *leaf;
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let pair = [*top(left).as_bytes(), *top(right).as_bytes()].concat();
    hash(Domain::MerkleNode, &pair)
}

/// The root binds the number of leaves.
fn root(leaves: &[Digest]) -> Digest {
    let count = (leaves.len() as u64).to_be_bytes();
    hash(Domain::MerkleRoot, &[count.as_slice(), top(leaves).as_bytes()].concat())
}

impl Views {
    pub(in crate::cluster) const fn new(
        system_key: PublicKey,
        founded: CertifiedConfiguration,
    ) -> Self {
        Self { system_key, founded, believed: BTreeMap::new() }
    }

    fn prove(&self, configuration: &VerifiedConfiguration) -> Result<(), String> {
        let given = configuration.to_certified();
        let header = &given.certified.header;
        let name = hash(Domain::ConfigurationHeader, &encode(header));
        let (purpose, signature) = (Purpose::Configuration, &given.certified.signature);
        Bls12381
            .verify(&self.system_key, purpose, name.as_bytes(), signature)
            .map_err(|reason| format!("a header that the system did not sign: {reason:?}"))?;
        let leaves: Vec<Digest> =
            given.members.iter().map(|member| hash(Domain::MerkleLeaf, &encode(member))).collect();
        if leaves.is_empty() || root(&leaves) != header.member_root {
            return Err(String::from("members that the header does not name"));
        }
        if given != self.founded {
            return Err(String::from("another configuration than the one of the founding"));
        }
        Ok(())
    }

    fn judge(&mut self, at: &At, configuration: &VerifiedConfiguration) -> Verdict {
        let name = configuration.hash();
        let epoch = configuration.epoch().get();
        let first = self.believed.get(&epoch).copied();
        if first == Some(name) && configuration.configuration().members == self.founded.members {
            return Ok(());
        }
        if first.is_some() {
            let what = format!("{:?} believes a second configuration of epoch {epoch}", at.node);
            return Err(Broken::new("C3", what));
        }
        self.prove(configuration)
            .map_err(|what| Broken::new("C3", format!("{:?} believes {what}", at.node)))?;
        self.believed.insert(epoch, name);
        Ok(())
    }
}

impl Checker<ClusterMachine> for Views {
    fn id(&self) -> &'static str {
        "C3"
    }

    fn on_output(&mut self, at: &At, output: &Output) -> Verdict {
        let Output::Configuration(told) = output else { return Ok(()) };
        if !at.is_good() {
            return Ok(());
        }
        match &**told {
            ClientOutput::Configuration(configuration)
            | ClientOutput::Lease { configuration, .. } => self.judge(at, configuration),
            ClientOutput::LeaseLost { .. } => Ok(()),
        }
    }
}
