//! The end of an epoch: what the last slot is, what becomes void, and how everybody learns of it.
//!
//! Specs/ordering-engine 5.7 and settled points 4, 9, 10. The service says after a slot that it was
//! the last: the leader orders batches without looking into them, so slots behind it may be decided
//! already. They are void, whatever certificates exist.
//!
//! ```text
//! last slot executed -> checkpoint durable -> Concluded -> node: durably vouches no more
//!   -> Seal -> signature to all -> a quorum of them: Ended, the end certificate
//! ```
//!
//! # Protocol
//! Upon the last slot: vote, acknowledge, propose and suspect no more; make the state durable, and
//! tell the node. Upon its word: sign the end and tell the others. Upon a quorum of equal
//! signatures: keep them, and fall silent. From the last slot on answer whoever is not there yet:
//! with the end certificate, or this replica's own signature, with the slots up to the last, and
//! with the state; and let the servers that the node named have the state, too.
//!
//! # Invariants
//! - BFT-11: nothing is executed behind the last slot of an epoch.
//! - BFT-12: a replica signs the end of an epoch only when its node has asked for it, and when the
//!   state after the last slot is durable.
//! - BFT-13: an epoch has ended, and the next one can begin, where a quorum signed the same end.
//! - BFT-16: a replica that has the end certificate holds no key of the epoch any more, and needs
//!   none: what it still serves is signed.
//!
//! # Deviations from the notes
//! - Where a replica knows the last slot to be decided by votes on a void one alone, it serves the
//!   cuts up to those votes: as the proof of the last slot. Nobody executes them.
//! - Votes that come late are dropped and not answered: their senders' status is.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_machine::{Class, Conclusion, Plant, Service, planted};
use quorate_types::{NodeId, Peer, ReplicaId};

use super::fetch::Fetching;
use super::request::Requests;
use super::{Output, Replica, Timer, Turn};
use crate::limits::{HEIRS_MAX, NEWS_BYTES_MAX};
use crate::message::{CheckpointCertificate, CheckpointStatement, FetchSlots, Message, Status};
use crate::succession::Inheritance;

/// What a replica of an ended epoch was asked by its node.
#[derive(Debug, Default)]
pub(super) struct End {
    /// Who may have the state besides the members.
    heirs: BTreeSet<NodeId>,
}

impl<S: Service> Replica<S> {
    /// Tells the node what the service has to say. Was the last executed slot the last of the
    /// epoch?
    pub(super) fn conclude(&mut self, turn: &mut Turn<'_, S>) -> bool {
        let epoch = self.group.epoch;
        let (service, section) = self.service_state();
        let Conclusion { news, is_last } = service.conclude(epoch, &section);
        if news != self.told {
            let length = news.as_ref().map_or(0, Vec::len);
            assert!(length <= NEWS_BYTES_MAX, "a service keeps its news within the limit");
            news.iter().cloned().for_each(|news| turn.emit(Output::News(news)));
            self.told = news;
        }
        let next = self.executed_slot().next();
        let goes_on = planted(Plant::ExecutesBehindEnd) && self.slots.decided(next).is_some();
        is_last && !goes_on
    }

    /// The last slot was executed.
    pub(super) fn end_epoch(&mut self, turn: &mut Turn<'_, S>) {
        turn.mark("bft.epoch_ended");
        self.retire(turn);
        self.take_checkpoint(turn);
        let own = self.checkpoints.own.get(&self.executed_slot());
        let statement = own.expect("BFT-12: it was taken just now").statement;
        self.conclude_epoch(turn, statement);
    }

    /// The state after the last slot is durable.
    pub(super) fn conclude_epoch(
        &mut self,
        turn: &mut Turn<'_, S>,
        statement: CheckpointStatement,
    ) {
        self.retire(turn);
        turn.emit(Output::Concluded(statement));
        if planted(Plant::SealsUnasked) {
            self.sign_checkpoint(turn, statement.slot);
        }
        // A quorum may have signed it before this replica came there.
        self.certify(turn, statement.slot);
        self.await_certificate(turn);
    }

    /// Leaves everything that is of the epoch's order: what waits is asked again in the next one.
    fn retire(&mut self, turn: &mut Turn<'_, S>) {
        self.end.get_or_insert_default();
        self.slots.end_at(&self.executed.cut);
        self.requests = Requests::default();
        self.fetching = Fetching::default();
        self.transfer = None;
        let timers = [Timer::Acknowledge, Timer::Progress, Timer::Suspicion, Timer::Fetch];
        timers.into_iter().for_each(|timer| turn.disarm(timer));
        turn.disarm(Timer::Transfer);
    }

    /// Says again how far this replica is, until it has the end certificate: then others ask.
    pub(super) fn await_certificate(&self, turn: &mut Turn<'_, S>) {
        if self.end_certificate().is_none() {
            turn.arm(Timer::Status, turn.now.instant.after(self.parameters.status_interval_busy));
        } else {
            turn.disarm(Timer::Status);
        }
    }

    /// The signatures of a quorum on the end of the epoch, once this replica has them.
    #[must_use]
    pub fn end_certificate(&self) -> Option<&CheckpointCertificate> {
        let stable = self.checkpoints.stable.as_ref().map(|stable| &stable.certificate);
        stable.filter(|certificate| certificate.statement.is_last && self.end.is_some())
    }

    /// What the next group begins with, once the epoch has ended: for the replica that this server
    /// runs there.
    #[must_use]
    pub fn inheritance(&self) -> Option<Inheritance> {
        let end = self.end_certificate()?.clone();
        let own = self.checkpoints.own.get(&end.statement.slot)?;
        Some(Inheritance::of_own(&self.group, end, &own.snapshot))
    }

    /// The first step of a replica that had ended before a crash.
    pub(super) fn start_behind_end(&self, turn: &mut Turn<'_, S>) {
        let own = self.checkpoints.own.get(&self.executed_slot());
        let statement = own.expect("BFT-12: the end is in the image").statement;
        turn.mark("bft.restarted_behind_end");
        turn.emit(Output::Concluded(statement));
        if let Some(certificate) = self.end_certificate() {
            turn.emit(Output::Ended(certificate.clone()));
        }
        self.await_certificate(turn);
    }

    /// The node vouches for the epoch no more.
    ///
    /// BFT-12: this signs the end, and the record of the state went before the word to the node.
    pub(super) fn seal(&mut self, turn: &mut Turn<'_, S>, heirs: Vec<NodeId>) {
        let Some(end) = &mut self.end else { return turn.mark("bft.sealed_too_early") };
        end.heirs = heirs.into_iter().take(HEIRS_MAX).collect();
        if self.end_certificate().is_none() {
            turn.mark("bft.sealed");
            self.sign_checkpoint(turn, self.executed_slot());
        }
    }

    /// A quorum signed the end.
    pub(super) fn certified(&mut self, turn: &mut Turn<'_, S>, certificate: CheckpointCertificate) {
        let is_end = certificate.is_end(&self.group) || planted(Plant::ShortEnd);
        assert!(is_end, "BFT-13: a quorum signed the end at {}", certificate.statement.slot);
        turn.mark("bft.end_certified");
        // BFT-16: its record goes before the word to the node, which erases the key upon it.
        self.signer = None;
        turn.emit(Output::Ended(certificate));
        self.await_certificate(turn);
    }

    /// Somebody has the end certificate.
    pub(super) fn on_ended(
        &mut self,
        turn: &mut Turn<'_, S>,
        sender: ReplicaId,
        certificate: &CheckpointCertificate,
    ) {
        if certificate.statement.slot <= self.checkpoints.stable_slot() {
            return turn.mark("bft.end_known");
        }
        turn.mark("bft.end_learned");
        self.on_certificate(turn, certificate.clone());
        if self.checkpoints.end_beyond(self.executed_slot()).is_some() {
            let fetch = FetchSlots { above: self.committed_slot() };
            turn.send(self.peer(sender), Class::Ordered, Message::FetchSlots(fetch));
        }
    }

    /// Only the servers of the next epoch have business here, and only when this one has ended.
    pub(super) fn on_message_of_stranger(
        &mut self,
        turn: &mut Turn<'_, S>,
        from: Peer,
        message: &Message,
    ) {
        let heirs = self.end.as_ref().map(|end| &end.heirs);
        let is_heir = match from {
            Peer::Node(node) => heirs.is_some_and(|heirs| heirs.contains(&node)),
            Peer::Client(_) => false,
        };
        let may_ask = is_heir && self.end_certificate().is_some();
        if let (Message::FetchState(fetch), true) = (message, may_ask) {
            turn.mark("bft.heir_served");
            self.on_fetch_state(turn, from, fetch);
        } else {
            turn.mark("bft.stranger_ignored");
        }
    }

    /// What a member says to a replica that has ended.
    pub(super) fn on_message_behind_end(
        &mut self,
        turn: &mut Turn<'_, S>,
        sender: ReplicaId,
        message: Message,
    ) {
        match message {
            Message::Checkpoint(checkpoint) => self.on_checkpoint(turn, sender, checkpoint),
            Message::Ended(certificate) => self.on_ended(turn, sender, &certificate),
            Message::FetchBatches(fetch) => self.on_fetch_batches(turn, sender, &fetch),
            Message::FetchSlots(fetch) => self.on_fetch_slots(turn, sender, fetch),
            Message::FetchState(fetch) => self.on_fetch_state(turn, self.peer(sender), &fetch),
            Message::StateChunk(chunk) => self.on_state_chunk(turn, sender, &chunk),
            Message::Status(status) => self.on_status_behind_end(turn, sender, &status),
            Message::Request(_) | Message::Reply(_) | Message::Slots(_) => {
                turn.mark("bft.reply_ignored");
            }
            Message::Batch(_)
            | Message::AckVector(_)
            | Message::PrePrepare(_)
            | Message::Prepare(_)
            | Message::Commit(_)
            | Message::NewLeader(_)
            | Message::NewLeaderProof(_)
            | Message::Accusation(_)
            | Message::ViewChange(_)
            | Message::NewView(_)
            | Message::FetchProposal(_) => self.tell_end(turn, sender),
        }
    }

    /// Who has the certificate says so, and is not answered.
    fn on_status_behind_end(&self, turn: &mut Turn<'_, S>, sender: ReplicaId, status: &Status) {
        if status.stable < self.executed_slot() {
            self.tell_end(turn, sender);
            if self.end_certificate().is_some() {
                // This replica gossips no more: whoever is behind has to know what it can serve.
                let own = Message::Status(self.status());
                turn.send(self.peer(sender), Class::Control, own);
            }
        }
    }

    /// Tells a member that the epoch is over: the certificate, or what this replica signed of it.
    fn tell_end(&self, turn: &mut Turn<'_, S>, sender: ReplicaId) {
        let share = || self.checkpoints.own_message(self.executed_slot());
        let answer = match self.end_certificate() {
            Some(certificate) => Some(Message::Ended(Arc::new(certificate.clone()))),
            None => share().map(Message::Checkpoint),
        };
        if let Some(answer) = answer {
            turn.mark("bft.end_told");
            turn.send(self.peer(sender), Class::Control, answer);
        }
    }
}
