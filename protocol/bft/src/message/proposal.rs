//! The leader's proposal, and the proof that a leader proposed twice.

use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::{Domain, Rejected, SignatureCheck, Signer};
use quorate_types::{Digest, GroupConfiguration, Signature, Slot, View};

use super::{Batch, HashedCut, member_check, statement};

/// What a leader signs: its choice for a slot in a view.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SignedProposal {
    /// The leader's view.
    pub view: View,
    /// The slot.
    pub slot: Slot,
    /// Digest of the cut.
    pub digest: Digest,
    /// The signature of the view's leader.
    pub signature: Signature,
}

quorate_wire::fields!(SignedProposal { view, slot, digest, signature });

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
    /// Signs a choice.
    #[must_use]
    pub fn sign(
        group: &GroupConfiguration,
        (view, slot, digest): (View, Slot, Digest),
        signer: &dyn Signer,
    ) -> Self {
        let signed = statement(Domain::PrePrepare, group, &(view, (slot, digest)));
        Self { view, slot, digest, signature: signer.sign(&signed) }
    }

    fn check(&self, group: &GroupConfiguration) -> Result<SignatureCheck, Rejected> {
        let content = (self.view, (self.slot, self.digest));
        let digest = statement(Domain::PrePrepare, group, &content);
        member_check(group, group.resilience.leader(self.view), (digest, self.signature))
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
        if self.proposal.digest != self.cut.digest() || self.proposal.slot != self.cut.slot {
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
