//! The leader's proposal, and the proof that a leader proposed twice.
//!
//! A proposal with an inline batch leaves when the batch, and with it the cut, is on the leader's
//! disk: the leader could send its prepare in the same moment. So it signs the prepare instead of
//! a proposal, and sends one message: that signature is a proposal for whoever reads it as one,
//! and part of the certificate like every other prepare. Both say the same of the leader, that it
//! stands for one cut in this slot and view (BFT-4), so two of them that differ convict it. A
//! proposal without an inline batch leaves before anything is on the disk, and is no vote.

use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::{Domain, Rejected, SignatureCheck, Signer};
use quorate_types::{Digest, GroupConfiguration, Signature, Slot, View};

use super::{Batch, HashedCut, Phase, Vote, member_check, statement};
use crate::contradiction::SignedWord;

/// What a leader signs: its choice for a slot in a view.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SignedProposal {
    /// The leader's view.
    pub view: View,
    /// The slot.
    pub slot: Slot,
    /// Digest of the cut.
    pub digest: Digest,
    /// Is it the leader's prepare? So it is if the cut has an inline batch.
    pub is_vote: bool,
    /// The signature of the view's leader: on the prepare, if it is one.
    pub signature: Signature,
}

quorate_wire::fields!(SignedProposal { view, slot, digest, is_vote, signature });

/// A proposal with all that is needed to judge it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PrePrepare {
    /// The leader's choice.
    pub proposal: SignedProposal,
    /// The cut itself.
    pub cut: HashedCut,
    /// Body of the cut's inline batch, where the sender adds it.
    pub inline: Option<Arc<Batch>>,
}

quorate_wire::fields!(PrePrepare { proposal, cut, inline });

/// Two choices of one leader for one slot in one view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accusation {
    /// One choice.
    pub first: SignedProposal,
    /// Another choice.
    pub second: SignedProposal,
}

quorate_wire::fields!(Accusation { first, second });

impl SignedProposal {
    /// Signs the choice of a cut.
    #[must_use]
    pub fn sign(
        group: &GroupConfiguration,
        (view, cut): (View, &HashedCut),
        signer: &dyn Signer,
    ) -> Self {
        let (slot, digest, is_vote) = (cut.slot, cut.digest(), cut.inline.is_some());
        let unsigned = Self { view, slot, digest, is_vote, signature: Signature::new([0; 64]) };
        Self { signature: signer.sign(&unsigned.statement(group)), ..unsigned }
    }

    fn statement(&self, group: &GroupConfiguration) -> Digest {
        let choice = (self.view, self.slot, self.digest);
        match self.is_vote {
            true => Phase::Prepare.statement(group, choice),
            false => statement(Domain::PrePrepare, group, &(choice.0, (choice.1, choice.2))),
        }
    }

    fn check(&self, group: &GroupConfiguration) -> Result<SignatureCheck, Rejected> {
        let leader = group.resilience.leader(self.view);
        member_check(group, leader, (self.statement(group), self.signature))
    }

    /// What the leader signed.
    #[must_use]
    pub fn word(&self, group: &GroupConfiguration) -> SignedWord {
        let choice = (self.view, (self.slot, self.digest));
        let domain = if self.is_vote { Phase::Prepare.domain() } else { Domain::PrePrepare };
        SignedWord::new((domain, group), &choice, self.signature)
    }

    /// The leader's prepare, if this is one.
    #[must_use]
    pub fn vote(&self, group: &GroupConfiguration) -> Option<Vote> {
        let Self { view, slot, digest, is_vote, signature } = *self;
        let from = group.resilience.leader(view);
        is_vote.then_some(Vote { view, slot, digest, from, signature })
    }
}

impl PrePrepare {
    /// Lists the signatures of the leader, the rows and the inline batch.
    ///
    /// # Errors
    /// [`Rejected`] if the parts do not belong together.
    pub fn checks(
        &self,
        group: &GroupConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        let signed = &self.proposal;
        let is_of_cut = signed.digest == self.cut.digest() && signed.slot == self.cut.slot;
        if !is_of_cut || signed.is_vote != self.cut.inline.is_some() {
            return Err(Rejected::Inconsistent);
        }
        checks.push(self.proposal.check(group)?);
        self.cut.checks(group, checks)?;
        let Some(batch) = &self.inline else { return Ok(()) };
        if self.cut.inline != Some(batch.header) {
            return Err(Rejected::Inconsistent);
        }
        batch.checks(group, checks)
    }

    /// The same proposal without the body of its inline batch.
    #[must_use]
    pub fn without_body(&self) -> Self {
        Self { proposal: self.proposal, cut: self.cut.clone(), inline: None }
    }
}

impl Accusation {
    /// Lists the leader's two signatures.
    ///
    /// # Errors
    /// [`Rejected`] if the choices are for different slots or views, or equal.
    pub fn checks(
        &self,
        group: &GroupConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        let (first, second) = (&self.first, &self.second);
        let is_same_place = first.view == second.view && first.slot == second.slot;
        if !is_same_place || first.digest == second.digest {
            return Err(Rejected::Inconsistent);
        }
        checks.push(first.check(group)?);
        checks.push(second.check(group)?);
        Ok(())
    }
}
