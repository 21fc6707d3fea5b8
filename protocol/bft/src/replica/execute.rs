//! Execution: the difference between two cuts, in an order that is the same everywhere.
//!
//! Settled points 9, 13, 16, 25. A slot is executed completely, when it is decided and every body
//! is at hand. Failures of requests are deterministic results (P8); time and randomness are
//! functions of the cut (P11).

use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::{Domain, hash_of};
use quorate_machine::{Call, Caller, Class, Plant, Service, planted};
use quorate_state::Section;
use quorate_types::{ClientId, Digest, Peer, Slot, UnixTime};

use super::request::ENGINE_SECTION;
use super::{Executed, Output, Replica, Turn};
use crate::limits::REPLY_BYTES_MAX;
use crate::message::{
    Answer, Batch, Bundle, BundleBody, Message, Operation, Outcome, Reply, SessionId,
    operation_digest,
};
use crate::rules::{delta, slot_time};
use crate::sessions::{Sessions, Visit};
use crate::slots::Decided;

/// What is agreed about the slot that is being executed.
struct Running {
    slot: Slot,
    cut: Digest,
    time: UnixTime,
    bundle_index: u32,
    request_count: u64,
}

impl<S: Service> Replica<S> {
    /// Executes decided slots in order, as far as their bodies are at hand.
    pub(super) fn execute_ready(&mut self, turn: &mut Turn<'_, S>) {
        while let Some(decided) = self.next_to_execute() {
            let cut = decided.cut.clone();
            assert_eq!(
                cut.parent,
                self.executed.cut.digest(),
                "BFT-6: {} follows what was executed",
                cut.slot
            );
            let batches = delta(&self.group, &cut, &self.executed.cut.frontier());
            let is_missing = |digest: &&Digest| !self.bodies.contains_key(*digest);
            let missing: Vec<Digest> = batches.iter().filter(is_missing).copied().collect();
            if !missing.is_empty() {
                turn.mark("bft.body_missing");
                return self.want_batches_of(turn, &missing, &cut);
            }
            let agreed = slot_time(&self.group, &cut, self.executed.time);
            let time = if planted(Plant::OwnClock) { turn.now.wall } else { agreed };
            let running = Running {
                slot: cut.slot,
                cut: cut.digest(),
                time,
                bundle_index: 0,
                request_count: 0,
            };
            self.execute_slot(turn, running, &batches);
            if self.lanes.execute_upto(&cut.frontier()) {
                turn.mark("bft.lane_branch_left");
            }
            self.bodies_of.insert(cut.slot, batches);
            self.executed = Executed { cut, time };
            if self.conclude(turn) {
                return self.end_epoch(turn);
            }
            self.fill_lanes(turn);
            self.after_executing(turn);
        }
    }

    /// The next slot, if it is decided and not void.
    fn next_to_execute(&self) -> Option<&Decided> {
        let next = self.executed_slot().next();
        self.slots.decided(next).filter(|_| self.end.is_none())
    }

    fn execute_slot(&mut self, turn: &mut Turn<'_, S>, mut running: Running, batches: &[Digest]) {
        assert!(self.end.is_none(), "BFT-11: {} is behind the last slot", running.slot);
        for digest in batches {
            let batch: Arc<Batch> = Arc::clone(&self.bodies[digest]);
            self.execute_announcements(turn, &running, &batch);
            for bundle in &batch.contents.bundles {
                let reply = self.execute_bundle(&mut running, bundle);
                if matches!(
                    reply.answers[..],
                    [Answer { outcome: Outcome::NumberTaken { .. }, .. }]
                ) {
                    turn.mark("bft.opening_out_of_date");
                }
                self.requests.finish(bundle);
                turn.send(Peer::Client(bundle.client), Class::Ordered, Message::Reply(reply));
                running.bundle_index += 1;
            }
        }
        let Running { slot, cut, time, request_count: requests, .. } = running;
        turn.emit(Output::Executed { slot, cut, time, requests });
    }

    /// Executes what the owner of the batch asks for itself. A batch is executed once, and that is
    /// all: no session recalls it, and what the service answers goes nowhere.
    fn execute_announcements(
        &mut self,
        turn: &mut Turn<'_, S>,
        running: &Running,
        batch: &Arc<Batch>,
    ) {
        let owner = self.group.member(batch.header.header.lane).expect("the lane was checked");
        let caller = Caller::Member(owner.node);
        for (index, announcement) in (0_u32..).zip(&batch.contents.announcements) {
            let label = (running.cut, (batch.digest(), index));
            let randomness = hash_of(Domain::Randomness, &label);
            self.call(running, (caller, randomness), &announcement.operation);
            turn.mark("bft.announcement_executed");
        }
    }

    fn execute_bundle(&mut self, running: &mut Running, bundle: &Bundle) -> Reply {
        let view = self.views.view();
        match &bundle.body {
            BundleBody::Open { certificate, opening } => {
                let (epoch, slot) = (self.group.epoch, running.slot);
                let id = SessionId { epoch, slot, index: running.bundle_index };
                let opened = (id, running.time);
                let outcome = self.sessions(|table| table.open(certificate, *opening, opened));
                Reply::to_opening(view, *opening, outcome)
            }
            BundleBody::Invoke { session, ack_upto, operations } => {
                let mut visit = self.sessions(|table| table.enter(bundle.client, *session));
                self.sessions(|table| table.acknowledge(&mut visit, *ack_upto));
                let caller = bundle.client;
                let execute =
                    |operation| self.execute_once(running, (caller, &mut visit), operation);
                let answers = operations.iter().map(execute).collect();
                self.sessions(|table| table.leave(visit));
                Reply { view, session: Some(*session), answers }
            }
        }
    }

    /// Executes a request, unless it was executed before or may not be.
    fn execute_once(
        &mut self,
        running: &mut Running,
        (client, visit): (ClientId, &mut Visit),
        operation: &Operation,
    ) -> Answer {
        let recalled = self.sessions(|table| table.recall(visit, operation, running.time));
        if let Some(answer) = recalled {
            return answer;
        }
        let label = (running.cut, (client, operation.id));
        let randomness = hash_of(Domain::Randomness, &label);
        let reply = self.call(running, (Caller::Client(client), randomness), &operation.payload);
        running.request_count += 1;
        let answer = Answer {
            id: operation.id,
            operation: operation_digest(&operation.payload),
            outcome: Outcome::Executed(reply),
        };
        self.sessions(|table| table.record(visit, &answer));
        answer
    }

    /// Has the service execute an operation.
    fn call(
        &mut self,
        running: &Running,
        (caller, randomness): (Caller, Digest),
        operation: &[u8],
    ) -> Vec<u8> {
        let (slot, time, epoch) = (running.slot, running.time, self.group.epoch);
        let call = Call { caller, operation, epoch, slot, time, randomness };
        let (service, mut state) = self.service_state();
        let reply = service.execute(&call, &mut state);
        assert!(reply.len() <= REPLY_BYTES_MAX, "a service keeps its replies within the limit");
        reply
    }

    fn sessions<T>(&mut self, act: impl FnOnce(&mut Sessions<'_>) -> T) -> T {
        let mut section = Section::new(&mut self.state, ENGINE_SECTION);
        act(&mut Sessions::new(&mut section))
    }

    fn after_executing(&mut self, turn: &mut Turn<'_, S>) {
        self.progressed(turn);
        self.take_up_early(turn);
        if self.executed_slot().get().is_multiple_of(self.parameters.checkpoint_interval) {
            self.take_checkpoint(turn);
        }
    }
}
