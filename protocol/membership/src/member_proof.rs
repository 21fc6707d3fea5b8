//! Proof that one server is a member of an epoch, for whoever has only the header.

use alloc::sync::Arc;

use quorate_crypto::merkle::{self, MerkleProof};
use quorate_types::{Digest, MemberRecord, NodeId};
use quorate_wire::encode;

use crate::header::VerifiedHeader;
use crate::rejected::Rejected;

/// A member's record with its path to the root in the header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberProof {
    /// The record.
    pub member: MemberRecord,
    /// The path.
    pub path: MerkleProof,
}

quorate_wire::fields!(MemberProof { member, path });

impl MemberProof {
    /// The proof of a server out of all members in ascending order of id, with their leaves.
    pub(crate) fn of(members: &[Arc<MemberRecord>], leaves: &[Digest], id: NodeId) -> Option<Self> {
        let index = members.binary_search_by_key(&id, |member| member.id).ok()?;
        let path = merkle::prove(leaves, index)?;
        Some(Self { member: members.get(index)?.as_ref().clone(), path })
    }

    /// The record, if the header names it.
    ///
    /// # Errors
    /// [`Rejected::MemberCount`], [`Rejected::MemberRoot`].
    pub fn verify(&self, header: &VerifiedHeader) -> Result<&MemberRecord, Rejected> {
        let header = header.header();
        if self.path.leaf_count != u64::from(header.member_count) {
            let got = usize::try_from(self.path.leaf_count).unwrap_or(usize::MAX);
            return Err(Rejected::MemberCount { expected: header.member_count as usize, got });
        }
        if self.path.root(merkle::leaf(&encode(&self.member))) != Some(header.member_root) {
            return Err(Rejected::MemberRoot);
        }
        Ok(&self.member)
    }
}
