//! A key that is dealt, and the configuration of epoch 0 signed with it: for tests and for the
//! simulator, which may know every key. Servers make the key of their system with each other, from
//! the genesis alone; no program that anybody runs deals one.

use alloc::vec::Vec;

use quorate_crypto::{Domain, Hasher};
use quorate_threshold::{
    Commitment, Dealer, Dealt, KeyShare, Parameters, PublicKey, Rejected, Seed, Session,
    ShareIndex, Sharing, ThresholdScheme,
};
use quorate_types::{Configuration, Digest, NodeId};

use super::CheckedGenesis;
use crate::configuration::CertifiedConfiguration;
use crate::header::{ConfigurationHeader, Lineage, commitment_digest};

/// What comes out of dealing a key.
#[derive(Debug)]
pub struct Founding {
    /// For all: the configuration of epoch 0.
    pub configuration: CertifiedConfiguration,
    /// For all: the key that everybody pins, the same for ever.
    pub system_key: PublicKey,
    /// For the membership group: the public side of the sharing.
    pub commitment: Commitment,
    /// Secret: the share of each member of the membership group, for that member alone.
    pub shares: Vec<(NodeId, KeyShare)>,
}

impl CheckedGenesis {
    /// For tests and for the simulator alone: deals the key from the seed, so that whoever has that
    /// knows every share, and signs the configuration of epoch 0 with it. What servers run may not
    /// call it, which clippy checks in `node/`.
    ///
    /// # Errors
    /// What the threshold crate refuses, with a chance of about 2^-250: take another seed.
    pub fn found(&self, seed: &Seed, scheme: &dyn ThresholdScheme) -> Result<Founding, Rejected> {
        let configuration = self.configuration();
        let (sharing, dealt) = deal(&configuration, seed)?;
        let key = sharing.group_key();
        let lineage = Lineage {
            previous: Digest::ZERO,
            attempt: 0,
            randomness: self.genesis().randomness,
            commitments: commitment_digest(key.commitment()),
        };
        let header = ConfigurationHeader::of(&configuration, lineage);
        let shares = assemble(&configuration, &sharing, &dealt)?;
        let partials: Vec<_> =
            shares.iter().map(|(_, share)| header.sign_partial(share, scheme)).collect();
        let certified = header.certify(key, &partials, scheme).map_err(|failure| failure.reason)?;
        let members = configuration.members;
        Ok(Founding {
            configuration: CertifiedConfiguration { certified: certified.0, members },
            system_key: key.public_key(),
            commitment: key.commitment().clone(),
            shares,
        })
    }
}

fn session(configuration: &Configuration) -> Session {
    let mut hasher = Hasher::new(Domain::Group);
    hasher.update(b"dealing of genesis").update(configuration.system.as_bytes());
    for member in &configuration.membership_group {
        hasher.update(member.as_bytes());
    }
    Session::new(*hasher.finish().as_bytes())
}

fn deal(configuration: &Configuration, seed: &Seed) -> Result<(Sharing, Dealt), Rejected> {
    let resilience = configuration.membership;
    let threshold = u16::try_from(resilience.weak_quorum()).expect("f is at most 21");
    let share_count = u16::try_from(resilience.replicas()).expect("3f + 1 is at most 64");
    let parameters = Parameters::new(threshold, share_count)?;
    let session = session(configuration);
    let dealt = Dealer { seed, session, parameters }.deal_fresh(ShareIndex::new(1)?);
    let checked = dealt.dealing.clone().check_fresh(session, parameters)?;
    Ok((Sharing::fresh(alloc::vec![checked])?, dealt))
}

fn assemble(
    configuration: &Configuration,
    sharing: &Sharing,
    dealt: &Dealt,
) -> Result<Vec<(NodeId, KeyShare)>, Rejected> {
    let members = configuration.membership_group.iter().zip(&dealt.subshares);
    members
        .map(|(member, subshare)| {
            let own = core::slice::from_ref(subshare);
            Ok((*member, sharing.assemble_share(subshare.recipient(), own)?))
        })
        .collect()
}
