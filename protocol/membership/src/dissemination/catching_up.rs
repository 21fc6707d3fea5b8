//! To the newest configuration over any number of epochs, with the records that differ.
//!
//! MD 2.3 (Merkle trees to find what differs), 9 point 10. The header comes first and is checked
//! under the one key; then the leaves of the tree under its root, then the records whose leaves
//! this server does not have. Leaves are compared as a set: with one server more at the front every
//! position moves, so inner nodes of two trees have nothing in common.
//!
//! Over `k` epochs that takes 16 bytes per member and about 115 per changed record, where deltas in
//! turn take all changes of all epochs: up to [`crate::limits::DELTAS_KEPT_MAX`] epochs deltas are
//! less, beyond them leaves.
//!
//! Pages come from several peers in turn, so that nobody gives all of them. If what they gave does
//! not fit together, nobody knows whose page was false; if they are silent, they may all be gone.
//! Then one peer gives all, from the first leaf on, so that who gave what does not fit has lied.
//!
//! Invariants: MEM-1, MEM-65.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::merkle;
use quorate_types::{Digest, MemberRecord, NodeId};
use quorate_wire::encode;

use crate::configuration::VerifiedConfiguration;
use crate::dissemination::message::{GetLeaves, GetRecords, Leaf, Leaves, Message, Records};
use crate::header::VerifiedHeader;
use crate::limits::{LEAVES_MAX, RECORDS_MAX};

/// The part of a leaf that finds a record.
pub(super) fn short(leaf: &Digest) -> Leaf {
    let mut short = Leaf::default();
    short.copy_from_slice(&leaf.as_bytes()[..size_of::<Leaf>()]);
    short
}

/// What has come of a configuration whose header is known.
#[derive(Clone, Debug)]
pub(super) struct CatchingUp {
    header: VerifiedHeader,
    leaves: Vec<Leaf>,
    members: Vec<Option<Arc<MemberRecord>>>,
    /// Positions of the records that this server does not have, the next one last.
    missing: Vec<u32>,
    giver: Giver,
}

/// Who gives the pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Giver {
    /// Several peers; whose turn it is.
    Many(u64),
    /// This one gives all.
    One(NodeId),
}

/// What a page did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// There is more to ask for.
    More,
    /// Nothing is missing any more.
    Complete,
    /// It is not the page that was asked for last: another one, or one that came twice. Nothing
    /// changes.
    Stale,
    /// It is false.
    Wrong,
}

impl CatchingUp {
    pub(super) const fn new(header: VerifiedHeader, giver: Giver) -> Self {
        Self { header, leaves: Vec::new(), members: Vec::new(), missing: Vec::new(), giver }
    }

    /// Who gives the next page.
    pub(super) const fn giver(&self) -> Giver {
        self.giver
    }

    /// It is somebody else's turn, if several give pages.
    pub(super) const fn pass_turn(&mut self) {
        if let Giver::Many(turn) = &mut self.giver {
            *turn += 1;
        }
    }

    /// The header of the configuration.
    pub(super) const fn header(&self) -> &VerifiedHeader {
        &self.header
    }

    fn member_count(&self) -> usize {
        self.header.header().member_count as usize
    }

    /// What to ask for now.
    pub(super) fn request(&self) -> Message {
        let hash = self.header.hash();
        if self.leaves.len() < self.member_count() {
            let from = u32::try_from(self.leaves.len()).expect("at most 2^20 members");
            return Message::GetLeaves(GetLeaves { hash, from });
        }
        let positions = self.missing.iter().rev().take(RECORDS_MAX).copied().collect();
        Message::GetRecords(GetRecords { hash, positions })
    }

    /// Takes the next leaves; behind the last it finds the records that `base` has already.
    pub(super) fn on_leaves(&mut self, base: &VerifiedConfiguration, page: &Leaves) -> Progress {
        let rest = self.member_count() - self.leaves.len();
        let is_next = page.hash == self.header.hash() && page.from as usize == self.leaves.len();
        if !is_next || rest == 0 || page.leaves.len() != rest.min(LEAVES_MAX) {
            return Progress::Stale;
        }

        self.leaves.extend_from_slice(&page.leaves);
        self.pass_turn();
        if self.leaves.len() < self.member_count() {
            return Progress::More;
        }
        self.find_known(base)
    }

    fn find_known(&mut self, base: &VerifiedConfiguration) -> Progress {
        let members = &base.configuration().members;
        let known: BTreeMap<Leaf, &Arc<MemberRecord>> =
            base.leaves().iter().map(short).zip(members).collect();
        self.members = self
            .leaves
            .iter()
            .map(|leaf| known.get(leaf).map(|member| Arc::clone(member)))
            .collect();
        let positions = (0_u32..).zip(&self.members).filter(|(_, member)| member.is_none());
        self.missing = positions.map(|(position, _)| position).collect();
        self.missing.reverse();
        if self.missing.is_empty() { Progress::Complete } else { Progress::More }
    }

    /// Takes the records that were asked for, in the order in which they were.
    pub(super) fn on_records(&mut self, page: Records) -> Progress {
        let asked = self.missing.iter().rev().take(RECORDS_MAX);
        let is_asked = asked.eq(page.records.iter().map(|(position, _)| position));
        if page.hash != self.header.hash() || page.records.is_empty() || !is_asked {
            return Progress::Stale;
        }
        self.pass_turn();
        for (position, record) in page.records {
            let leaf = short(&merkle::leaf(&encode(&record)));
            if self.leaves.get(position as usize) != Some(&leaf) {
                return Progress::Wrong;
            }
            self.members[position as usize] = Some(record);
            self.missing.pop();
        }
        if self.missing.is_empty() { Progress::Complete } else { Progress::More }
    }

    /// All records; to be checked against the root.
    pub(super) fn into_members(self) -> (VerifiedHeader, Vec<Arc<MemberRecord>>) {
        (self.header, self.members.into_iter().flatten().collect())
    }
}
