//! What is known of each slot above the highest decided one, and the decided ones that are kept.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::Certificate;
use quorate_machine::{Plant, planted};
use quorate_types::{Digest, ReplicaId, Signature, Slot, View};

use crate::message::{
    CommitCertificate, HashedCut, PrePrepare, PrepareCertificate, Prepared, Vote,
};

/// The votes of one phase for one slot in the current view: the first of each replica counts.
#[derive(Debug, Default)]
pub struct Votes {
    by_replica: BTreeMap<ReplicaId, (Digest, Signature)>,
}

impl Votes {
    /// Takes a vote. Returns an earlier, different vote of the same replica.
    pub fn take(&mut self, vote: &Vote) -> Option<Vote> {
        match self.by_replica.get(&vote.from) {
            Some((digest, signature))
                if *digest != vote.digest || planted(Plant::RepetitionIsLie) =>
            {
                Some(Vote { digest: *digest, signature: *signature, ..*vote })
            }
            Some(_) => None,
            None => {
                self.by_replica.insert(vote.from, (vote.digest, vote.signature));
                None
            }
        }
    }

    /// Has the replica voted?
    #[must_use]
    pub fn has(&self, replica: ReplicaId) -> bool {
        self.by_replica.contains_key(&replica)
    }

    /// The vote of a replica.
    #[must_use]
    pub fn of(&self, replica: ReplicaId) -> Option<(Digest, Signature)> {
        self.by_replica.get(&replica).copied()
    }

    /// Who voted for this digest?
    pub fn voters(&self, digest: Digest) -> impl Iterator<Item = ReplicaId> + '_ {
        self.by_replica.iter().filter(move |(_, vote)| vote.0 == digest).map(|(voter, _)| *voter)
    }

    /// The digest for which at least `quorum` replicas voted, with their signatures.
    #[must_use]
    pub fn certificate(&self, quorum: usize) -> Option<(Digest, Certificate)> {
        let is_winner = |digest: &Digest| self.voters(*digest).count() >= quorum;
        let digest = self.by_replica.values().map(|vote| vote.0).find(is_winner)?;
        let matching = self.by_replica.iter().filter(|(_, vote)| vote.0 == digest);
        Some((digest, Certificate::new(matching.map(|(voter, vote)| (*voter, vote.1)))))
    }
}

/// What is known of a slot that is not decided here.
#[derive(Debug, Default)]
pub struct OpenSlot {
    /// The leader's proposal in the current view.
    pub proposal: Option<Arc<PrePrepare>>,
    /// The cut that this replica accepted, with the view of its prepare.
    pub accepted: Option<(View, HashedCut)>,
    /// The quorum of prepares of the highest view, with its cut.
    pub prepared: Option<Prepared>,
    /// Prepares of the current view.
    pub prepares: Votes,
    /// Commits of the current view.
    pub commits: Votes,
    /// The view in which this replica sent its commit.
    pub committed_in: Option<View>,
}

impl OpenSlot {
    /// The cuts that are known: proposed, accepted, prepared.
    pub fn cuts(&self) -> impl Iterator<Item = &HashedCut> {
        let proposed = self.proposal.as_ref().map(|proposal| &proposal.cut);
        let accepted = self.accepted.as_ref().map(|(_, cut)| cut);
        let prepared = self.prepared.as_ref().map(|prepared| &prepared.cut);
        [proposed, accepted, prepared].into_iter().flatten()
    }

    /// The cut with this digest, if it is known.
    #[must_use]
    pub fn cut(&self, digest: Digest) -> Option<&HashedCut> {
        self.cuts().find(|cut| cut.digest() == digest)
    }

    /// A quorum's prepares in this view, not yet used for a commit.
    #[must_use]
    pub fn fresh_prepares(
        &self,
        view: View,
        slot: Slot,
        quorum: usize,
    ) -> Option<PrepareCertificate> {
        if self.committed_in == Some(view) {
            return None;
        }
        let needed = quorum - usize::from(planted(Plant::ShortPrepared));
        let (digest, certificate) = self.prepares.certificate(needed)?;
        Some(PrepareCertificate { view, slot, digest, certificate })
    }

    /// Forgets what counts only within a view.
    pub fn leave_view(&mut self) {
        self.proposal = None;
        self.prepares = Votes::default();
        self.commits = Votes::default();
        self.committed_in = None;
    }
}

/// A decided slot.
#[derive(Debug, Clone)]
pub struct Decided {
    /// The cut.
    pub cut: HashedCut,
    /// Its own votes, if they are known; otherwise a later slot's prove it.
    pub certificate: Option<CommitCertificate>,
}

/// The slots of an epoch as this replica knows them.
#[derive(Debug)]
pub struct Slots {
    open: BTreeMap<Slot, OpenSlot>,
    decided: BTreeMap<Slot, Decided>,
    committed: HashedCut,
}

impl Slots {
    /// Everything up to this cut is decided.
    #[must_use]
    pub const fn new(base: HashedCut) -> Self {
        Self { open: BTreeMap::new(), decided: BTreeMap::new(), committed: base }
    }

    /// The cut of the highest slot that is known decided together with all before it.
    #[must_use]
    pub const fn committed(&self) -> &HashedCut {
        &self.committed
    }

    /// What is known of a slot above the decided ones.
    #[must_use]
    pub fn open(&self, slot: Slot) -> Option<&OpenSlot> {
        self.open.get(&slot)
    }

    /// What is known of a slot above the decided ones.
    pub fn open_mut(&mut self, slot: Slot) -> &mut OpenSlot {
        assert!(slot > self.committed.slot, "a decided slot is not opened again");
        self.open.entry(slot).or_default()
    }

    /// Every slot above the decided ones of which something is known, in order.
    pub fn all_open(&self) -> impl Iterator<Item = (Slot, &OpenSlot)> {
        self.open.iter().map(|(slot, open)| (*slot, open))
    }

    /// Forgets what counts only within a view.
    pub fn leave_view(&mut self) {
        self.open.values_mut().for_each(OpenSlot::leave_view);
    }

    /// A decided slot that is still kept.
    #[must_use]
    pub fn decided(&self, slot: Slot) -> Option<&Decided> {
        self.decided.get(&slot)
    }

    /// The decided slots above one, in order.
    pub fn decided_above(&self, slot: Slot) -> impl Iterator<Item = &Decided> {
        self.decided.range(slot.next()..).map(|(_, decided)| decided)
    }

    /// The lowest decided slot that is kept.
    #[must_use]
    pub fn first_decided(&self) -> Slot {
        self.decided.keys().next().copied().unwrap_or_else(|| self.committed.slot.next())
    }

    /// The next slots in order, each the parent of the next, are decided by the votes on the last.
    pub fn decide(&mut self, cuts: &[HashedCut], certificate: CommitCertificate) {
        for cut in cuts {
            assert!(
                cut.slot == self.committed.slot.next() && cut.parent == self.committed.digest(),
                "BFT-6: decided cuts form one chain"
            );
            self.decided.insert(cut.slot, Decided { cut: cut.clone(), certificate: None });
            self.committed = cut.clone();
        }
        assert_eq!(certificate.digest, self.committed.digest(), "the votes are on the last cut");
        if let Some(last) = self.decided.get_mut(&self.committed.slot) {
            last.certificate = Some(certificate);
        }
        self.open = self.open.split_off(&self.committed.slot.next());
    }

    /// Everything up to this cut is decided, by a checkpoint: older slots are not known.
    pub fn restart_at(&mut self, cut: HashedCut) {
        self.decided.clear();
        self.open = self.open.split_off(&cut.slot.next());
        self.committed = cut;
    }

    /// A slot below the highest decided one is decided too, as the log shows.
    pub fn remember(&mut self, cut: HashedCut, certificate: Option<CommitCertificate>) {
        assert!(cut.slot <= self.committed.slot, "BFT-6: the slots of a log are decided");
        self.decided.insert(cut.slot, Decided { cut, certificate });
    }

    /// Nothing behind this decided cut counts any more. Where no votes on the cut itself are known,
    /// those on a later one prove it, and the cuts up to there are kept for that: as the way to the
    /// votes, and not as slots.
    pub fn end_at(&mut self, cut: &HashedCut) {
        self.open.clear();
        let mut behind = self.decided.range(cut.slot..);
        let proof = behind.find(|(_, decided)| decided.certificate.is_some());
        let last = proof.map_or(cut.slot, |(slot, _)| *slot);
        self.decided.split_off(&last.next());
        self.committed = cut.clone();
    }

    /// Keeps no decided slot up to this one.
    pub fn forget_upto(&mut self, slot: Slot) {
        self.decided = self.decided.split_off(&slot.next());
    }

    /// The cuts from the one behind the committed slot to `digest` at `slot`, following parents
    /// among known open cuts; nothing if one is missing.
    #[must_use]
    pub fn chain_to(&self, slot: Slot, digest: Digest) -> Option<Vec<HashedCut>> {
        let mut cuts = Vec::new();
        let (mut slot, mut digest) = (slot, digest);
        while slot > self.committed.slot {
            let cut = self.open.get(&slot)?.cut(digest)?.clone();
            (slot, digest) = (slot.previous()?, cut.parent);
            cuts.push(cut);
        }
        cuts.reverse();
        (digest == self.committed.digest()).then_some(cuts)
    }
}

#[cfg(test)]
mod tests;
