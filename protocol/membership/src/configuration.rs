//! A configuration that anybody can check with the system's one key.
//!
//! TDSC'12 section V.A. Who serves it matters as little as how it arrived: it proves itself.
//!
//! Invariants: MEM-1.

use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::merkle;
use quorate_machine::{Plant, planted};
use quorate_threshold as threshold;
use quorate_types::limits::MEMBERS_MAX;
use quorate_types::{Configuration, Digest, Epoch, MemberRecord, MemberStatus, NodeId, PublicKey};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer, encode};

use crate::header::{CertifiedHeader, ConfigurationHeader, VerifiedHeader, member_leaves};
use crate::limits::PIECE_BYTES;
use crate::member_proof::MemberProof;
use crate::page::ConfigurationPage;
use crate::rejected::Rejected;
use crate::schemes::Schemes;

const MEMBERS: Limit = Limit::new("members", MEMBERS_MAX);

/// A certified header with the members that it names by their root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertifiedConfiguration {
    /// The signed part.
    pub certified: CertifiedHeader,
    /// The members in ascending order of id.
    pub members: Vec<Arc<MemberRecord>>,
}

impl CertifiedConfiguration {
    /// Decodes one of which most is held already: a record that is read as it is held is that, and
    /// is not in memory twice, not even until the whole is compared.
    ///
    /// # Errors
    /// As any decoding.
    pub fn decode_beside(bytes: &[u8], held: &VerifiedConfiguration) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let certified = Decode::decode(&mut reader)?;
        let (count, mut outcome) = (reader.count(MEMBERS)?, Ok(()));
        let records = (0..count).map_while(|_| {
            let read = MemberRecord::decode(&mut reader);
            read.map_err(|error| outcome = Err(error)).ok()
        });
        let members = held_or_new(&held.configuration().members, records).collect();
        outcome?;
        reader.finish()?;
        Ok(Self { certified, members })
    }

    /// Checks everything: the signature under the one key, the root and the rules. That an epoch
    /// key is certified by the identity key beside it was checked when it was taken: by the
    /// authority for a founder, by the log for a deposit. The one key vouches for the record.
    ///
    /// # Errors
    /// [`Rejected`] says why it is not believed.
    pub fn verify(
        &self,
        system_key: &threshold::PublicKey,
        schemes: &Schemes,
    ) -> Result<VerifiedConfiguration, Rejected> {
        let header = self.certified.verify(system_key, &*schemes.threshold)?;
        VerifiedConfiguration::join(header, self.members.clone())
    }

    /// [`Self::verify`] for who has another configuration of the system, best the one before: the
    /// records that are in both are hashed and kept once.
    ///
    /// # Errors
    /// [`Rejected`] says why it is not believed.
    pub fn verify_after(
        self,
        base: &VerifiedConfiguration,
        schemes: &Schemes,
    ) -> Result<VerifiedConfiguration, Rejected> {
        let header = self.certified.verify(base.header().system_key(), &*schemes.threshold)?;
        VerifiedConfiguration::join_after(base, header, self.members)
    }
}

fn check_members(
    header: &ConfigurationHeader,
    members: &[Arc<MemberRecord>],
    leaves: &[Digest],
) -> Result<(), Rejected> {
    let (expected, got) = (header.member_count as usize, members.len());
    if expected != got {
        return Err(Rejected::MemberCount { expected, got });
    }
    if !members.is_sorted_by(|left, right| left.id < right.id) {
        return Err(Rejected::MemberOrder);
    }
    if !planted(Plant::MembersNotCompared) && merkle::root(leaves) != header.member_root {
        return Err(Rejected::MemberRoot);
    }
    let mut identities: Vec<_> = members.iter().map(|member| member.identity_key).collect();
    identities.sort_unstable();
    if identities.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Rejected::DuplicateIdentity);
    }
    check_active(header, members)
}

fn check_active(
    header: &ConfigurationHeader,
    members: &[Arc<MemberRecord>],
) -> Result<(), Rejected> {
    let is_active = |member: &&Arc<MemberRecord>| member.status == MemberStatus::Active;
    let (needed, got) = (header.storage.replicas(), members.iter().filter(is_active).count());
    if got < needed {
        return Err(Rejected::TooFewActive { needed, got });
    }
    let is_nothing =
        |member: &Arc<MemberRecord>| member.status == MemberStatus::Removed && !member.is_on_ring;
    let on_ring = members.iter().filter(|member| member.is_on_ring).count();
    if on_ring < needed || members.iter().any(is_nothing) {
        return Err(Rejected::Ring);
    }
    let is_active_member = |id: &NodeId| {
        let place = members.binary_search_by_key(id, |member| member.id);
        place.is_ok_and(|place| is_active(&&members[place]))
    };
    if !header.membership_group.iter().all(is_active_member) {
        return Err(Rejected::GroupMember);
    }
    check_keys(header, members)
}

/// Whoever has a duty of signing has a key: all founders, since the groups of the storage's ring
/// are among them, and of the members of the group all but those that can be bad. A group that
/// stays for want of another may have members that deposited nothing.
fn check_keys(header: &ConfigurationHeader, members: &[Arc<MemberRecord>]) -> Result<(), Rejected> {
    let keyless = members.iter().filter(|member| member.epoch_key.is_none());
    let in_group = keyless.clone().filter(|member| header.membership_group.contains(&member.id));
    let is_first = header.epoch == Epoch::ZERO;
    if is_first && keyless.count() > 0 || in_group.count() > header.membership.f() {
        return Err(Rejected::NoEpochKey);
    }
    Ok(())
}

#[derive(PartialEq, Eq, Debug)]
struct Inner {
    header: VerifiedHeader,
    configuration: Configuration,
    /// Of the Merkle tree over the members: kept, since what follows has most of them too.
    leaves: Vec<Digest>,
}

/// These records in ascending order of id; where the same one is held already, that.
pub(crate) fn held_or_new(
    held: &[Arc<MemberRecord>],
    records: impl Iterator<Item = MemberRecord>,
) -> impl Iterator<Item = Arc<MemberRecord>> {
    let mut held = held.iter().peekable();
    records.map(move |record| {
        while held.next_if(|it| it.id < record.id).is_some() {}
        match held.peek() {
            Some(same) if ***same == record => Arc::clone(same),
            Some(_) | None => Arc::new(record),
        }
    })
}

/// These members with their leaves, and where a record stayed, both taken from `base`. Whatever the
/// order of the members is, each leaf is the one of its record.
fn shared_with(
    base: &VerifiedConfiguration,
    members: Vec<Arc<MemberRecord>>,
) -> (Vec<Arc<MemberRecord>>, Vec<Digest>) {
    let mut old = base.configuration().members.iter().zip(base.leaves()).peekable();
    let shared = |member: Arc<MemberRecord>| {
        while old.next_if(|(before, _)| before.id < member.id).is_some() {}
        match old.peek() {
            Some((before, leaf)) if **before == member => (Arc::clone(before), **leaf),
            _ => {
                let leaf = merkle::leaf(&encode(&member));
                (member, leaf)
            }
        }
    };
    members.into_iter().map(shared).unzip()
}

/// MEM-1: a configuration that proved itself; only [`CertifiedConfiguration::verify`] makes one.
/// Shared, so that copies cost nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedConfiguration(Arc<Inner>);

impl VerifiedConfiguration {
    /// Puts members to the header that names them.
    pub(crate) fn join(
        header: VerifiedHeader,
        members: Vec<Arc<MemberRecord>>,
    ) -> Result<Self, Rejected> {
        let leaves = member_leaves(&members);
        Self::join_leaves(header, members, leaves)
    }

    /// The same, of which most was hashed for the configuration before, and is kept for it.
    pub(crate) fn join_after(
        base: &Self,
        header: VerifiedHeader,
        members: Vec<Arc<MemberRecord>>,
    ) -> Result<Self, Rejected> {
        let (members, leaves) = shared_with(base, members);
        Self::join_leaves(header, members, leaves)
    }

    fn join_leaves(
        header: VerifiedHeader,
        members: Vec<Arc<MemberRecord>>,
        leaves: Vec<Digest>,
    ) -> Result<Self, Rejected> {
        check_members(header.header(), &members, &leaves)?;
        let said = header.header();
        let configuration = Configuration {
            system: said.system,
            epoch: said.epoch,
            ring_epoch: said.ring_epoch,
            storage: said.storage,
            membership: said.membership,
            authority_key: said.authority_key,
            membership_group: said.membership_group.clone(),
            created: said.created,
            members,
        };
        Ok(Self(Arc::new(Inner { header, configuration, leaves })))
    }

    /// The leaves of the tree whose root the header names, one per member.
    #[must_use]
    pub fn leaves(&self) -> &[Digest] {
        &self.0.leaves
    }

    /// The servers of the epoch.
    #[must_use]
    pub fn configuration(&self) -> &Configuration {
        &self.0.configuration
    }

    /// The signed header.
    #[must_use]
    pub fn header(&self) -> &VerifiedHeader {
        &self.0.header
    }

    /// The name of the configuration.
    #[must_use]
    pub fn hash(&self) -> Digest {
        self.0.header.hash()
    }

    /// The epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.0.configuration.epoch
    }

    /// The record of a server, if it is in the membership group and has a key there.
    #[must_use]
    pub fn group_member(&self, id: NodeId) -> Option<&MemberRecord> {
        let is_in_group = self.0.configuration.membership_group.contains(&id);
        let record = is_in_group.then(|| self.0.configuration.member(id)).flatten();
        record.filter(|record| record.epoch_key.is_some())
    }

    /// The key that a member of the membership group signs with in the epoch, if it has one.
    #[must_use]
    pub fn group_key(&self, id: NodeId) -> Option<PublicKey> {
        self.group_member(id)?.epoch_key
    }

    /// The configuration as it is stored and sent.
    #[must_use]
    pub fn to_certified(&self) -> CertifiedConfiguration {
        CertifiedConfiguration {
            certified: self.0.header.certified().clone(),
            members: self.0.configuration.members.clone(),
        }
    }

    /// The encoding of [`Self::to_certified`], without a copy of the members.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(256);
        self.0.header.certified().encode(&mut writer);
        writer.sequence(&self.0.configuration.members);
        writer.into_bytes()
    }

    /// Gives away [`Self::to_bytes`] piece by piece: of 100,000 members they are 10 MB, which are
    /// nowhere in one place then. A piece has at most [`PIECE_BYTES`] and one record.
    ///
    /// # Errors
    /// The first one of whoever takes them; there is no piece after it.
    pub fn give_bytes<E>(&self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut writer = Writer::with_capacity(PIECE_BYTES);
        self.0.header.certified().encode(&mut writer);
        writer.count(self.0.configuration.members.len());
        for member in &self.0.configuration.members {
            if writer.as_bytes().len() >= PIECE_BYTES {
                take(writer.as_bytes())?;
                writer.clear();
            }
            member.encode(&mut writer);
        }
        take(writer.as_bytes())
    }

    /// The page that begins with the first member not below `from`.
    #[must_use]
    pub fn page(&self, from: NodeId) -> ConfigurationPage {
        ConfigurationPage::cut(self.0.header.certified(), &self.0.configuration.members, from)
    }

    /// Proof for a light client that a server has this record in the epoch.
    #[must_use]
    pub fn prove(&self, id: NodeId) -> Option<MemberProof> {
        MemberProof::of(&self.0.configuration.members, &self.0.leaves, id)
    }
}

impl Encode for CertifiedConfiguration {
    fn encode(&self, writer: &mut Writer) {
        self.certified.encode(writer);
        writer.sequence(&self.members);
    }
}

impl Decode for CertifiedConfiguration {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { certified: Decode::decode(reader)?, members: reader.sequence(MEMBERS)? })
    }
}

#[cfg(test)]
mod tests;
