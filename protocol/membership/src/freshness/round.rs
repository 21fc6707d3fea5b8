//! One challenge, and the vouches that answer it.
//!
//! Invariants: MEM-2, MEM-5, MEM-7.

use alloc::collections::BTreeMap;

use quorate_crypto::{Verifier, verify};
use quorate_machine::{Plant, planted};
use quorate_types::{Instant, NodeId, Signature};

use super::{Challenge, FreshnessProof, Lease, LeaseRule, Nonce, Subject, Vouch};
use crate::configuration::VerifiedConfiguration;
use crate::rejected::Rejected;

/// A challenge that was sent, with what came back.
#[derive(Clone, Debug)]
pub struct Round {
    configuration: VerifiedConfiguration,
    subject: Subject,
    sent_at: Instant,
    rule: LeaseRule,
    vouches: BTreeMap<NodeId, Signature>,
}

impl Round {
    /// A challenge to the group of `configuration` that is sent at `sent_at`, not earlier.
    #[must_use]
    pub fn new(
        configuration: VerifiedConfiguration,
        nonce: Nonce,
        sent_at: Instant,
        rule: LeaseRule,
    ) -> Self {
        let subject = Subject::of(&configuration, nonce);
        Self { configuration, subject, sent_at, rule, vouches: BTreeMap::new() }
    }

    /// What to send.
    #[must_use]
    pub const fn challenge(&self) -> Challenge {
        Challenge { nonce: self.subject.nonce }
    }

    /// When the challenge was sent.
    #[must_use]
    pub const fn sent_at(&self) -> Instant {
        self.sent_at
    }

    /// Members of the group that have not answered.
    pub fn silent(&self) -> impl Iterator<Item = NodeId> + '_ {
        let group = self.configuration.configuration().membership_group.iter().copied();
        group.filter(|member| !self.vouches.contains_key(member))
    }

    /// The proof so far; it is one as soon as [`Self::accept`] returned a lease.
    #[must_use]
    pub fn proof(&self) -> FreshnessProof {
        let vouches = self.vouches.iter().map(|(member, signature)| (*member, *signature));
        FreshnessProof { subject: self.subject, vouches: vouches.collect() }
    }

    /// Counts a vouch that arrived at `now`; returns the lease once a quorum has vouched.
    ///
    /// # Errors
    /// [`Rejected`] says why the vouch does not count. Nothing has changed then, except that no
    /// lease comes of this round any more after [`Rejected::LeaseOver`].
    pub fn accept(
        &mut self,
        now: Instant,
        vouch: Vouch,
        verifier: &dyn Verifier,
    ) -> Result<Option<Lease>, Rejected> {
        self.reject(now, &vouch)?;
        let checked = verify(vouch, &self.configuration, verifier);
        let vouch = checked.or(Err(Rejected::BadSignature))?;

        let earlier = self.vouches.insert(vouch.member, vouch.signature);
        assert!(earlier.is_none(), "MEM-5: a member counts once");

        Ok(self.lease(now))
    }

    /// All reasons that need no signature check, so that a liar's answers cost little.
    fn reject(&self, now: Instant, vouch: &Vouch) -> Result<(), Rejected> {
        if vouch.subject.nonce != self.subject.nonce && !planted(Plant::StaleFreshness) {
            return Err(Rejected::WrongNonce);
        }
        vouch.subject.reject(&self.configuration)?;
        if self.configuration.group_member(vouch.member).is_none() {
            return Err(Rejected::NotInGroup);
        }
        if self.vouches.contains_key(&vouch.member) {
            return Err(Rejected::DuplicateMember);
        }
        if now >= self.rule.end(self.sent_at) {
            return Err(Rejected::LeaseOver);
        }
        Ok(())
    }

    fn lease(&self, now: Instant) -> Option<Lease> {
        let servers = self.configuration.configuration();
        let is_short = planted(Plant::ShortFreshness);
        let resilience = servers.membership;
        let needed = if is_short { resilience.weak_quorum() } else { resilience.quorum() };
        if self.vouches.len() < needed {
            return None;
        }

        let until = self.rule.end(self.sent_at);
        let length = until.since(self.sent_at);
        assert!(length <= self.rule.length(), "MEM-2: the lease counts from the send time");
        assert!(now < until, "MEM-7: the lease holds when the last vouch is accepted");
        Some(Lease::new(servers.epoch, self.configuration.hash(), until))
    }
}
