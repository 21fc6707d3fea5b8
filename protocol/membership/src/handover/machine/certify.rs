//! The signed header of the next epoch: the order to erase what belongs to the one that ends.
//!
//! Settled point 1. Whoever holds it durably drops its share; whoever still speaks of the epoch
//! that is over is answered with it.

use alloc::boxed::Box;

use quorate_machine::{Plant, planted};
use quorate_threshold::{Commitment, PublicKey};
use quorate_types::NodeId;

use super::{Handover, Output, Record, Turn};
use crate::handover::attempt::parameters;
use crate::handover::message::Message;
use crate::handover::stage::Stage;
use crate::header::CertifiedHeader;

impl Handover {
    /// Keeps the signed header, and forgets the share that it replaces.
    pub(super) fn certify(&mut self, turn: &mut Turn<'_>, header: &CertifiedHeader) {
        if self.certified.is_some() {
            return;
        }
        let header = Box::new(header.clone());
        turn.mark("handover.certified");
        self.persist(turn, Record::Certified(header.clone()));
        self.certified = Some(header.clone());
        // MEM-17: the header is durable before the share goes.
        self.forget_share();
        self.forget_failed_attempts();
        turn.effects.emit(Output::Certified(header.clone()));
        let seats = self.attempt().into_iter().flat_map(|attempt| &attempt.seats);
        let mut told: alloc::vec::Vec<NodeId> = seats.map(|seat| seat.node).collect();
        told.extend(self.other_members());
        told.sort_unstable();
        told.dedup();
        for node in told.into_iter().filter(|node| *node != self.setup.me) {
            turn.send(node, Message::Certified(header.clone()));
        }
        self.arm_repeat(turn);
    }

    /// Forgets the share, the seed of its dealings, which with one of them would tell it, and the
    /// key of the epoch.
    pub(super) fn forget_share(&mut self) {
        self.setup.member = None;
        self.dealt = None;
    }

    // MEM-71: it was dealt the same key, and counts no more among those of whom few may be bad.
    /// Whoever has no seat in the next group forgets what it got in attempts that failed, and what
    /// opens it.
    pub(super) fn forget_failed_attempts(&mut self) {
        let Some(header) = &self.certified else { return };
        let has_seat = header.header.membership_group.contains(&self.setup.me);
        if !has_seat && !planted(Plant::FailedAttemptHeld) {
            self.setup.next = None;
            self.receiving.forget();
        }
    }

    pub(super) fn on_certified(&mut self, turn: &mut Turn<'_>, header: &CertifiedHeader) {
        if self.certified.is_some() {
            return;
        }
        let configuration = &self.setup.configuration;
        let said = &header.header;
        let is_next =
            said.system == configuration.system && said.epoch == configuration.epoch.next();
        let follows = |previous| said.lineage.previous == previous;
        let is_next = is_next && self.known.as_ref().is_none_or(|known| follows(known.header));
        let scheme = &*self.setup.schemes.threshold;
        let is_signed =
            self.key_to_be_kept().is_some_and(|key| header.verify(&key, scheme).is_ok());
        if !is_next || !is_signed {
            return turn.mark("handover.header_rejected");
        }

        self.certify(turn, header);
    }

    /// The system's key; while the system is being founded, the one that the log has decided on.
    fn key_to_be_kept(&self) -> Option<PublicKey> {
        self.setup.system_key.or_else(|| {
            let Stage::Done(decided) = self.stage()? else { return None };
            let parameters = parameters(decided.attempt.resilience);
            Some(Commitment::decode(&decided.sharing.0, parameters).ok()?.public_key())
        })
    }

    /// Whoever speaks of the epoch that is over gets the header instead of an answer; recipients
    /// that lack something for their share are still helped.
    pub(super) fn answer_with_header(
        &mut self,
        turn: &mut Turn<'_>,
        from: NodeId,
        message: &Message,
    ) -> bool {
        let Some(header) = &self.certified else { return false };
        let is_answered = match message {
            Message::Deposit(_)
            | Message::EndVote(_)
            | Message::AbortVote(_)
            | Message::Part(_)
            | Message::Acknowledgement(_)
            | Message::Completion(_) => true,
            Message::News(_)
            | Message::Dealing(_)
            | Message::FetchDealing(_)
            | Message::Grievance(_)
            | Message::Help(_)
            | Message::Certified(_) => false,
        };
        if is_answered && from != self.setup.me {
            turn.send(from, Message::Certified(header.clone()));
        }
        is_answered
    }
}
