//! What a server asks for when it lacks something, and what it does with the answers.
//!
//! One question at a time, to one peer, with an alarm: who sent a part of a delta comes first, then
//! others in turn. Deltas in turn while somebody may have them, otherwise the leaves and records of
//! the configuration whose signed header is ahead.
//!
//! Invariants: MEM-1, MEM-65.

use quorate_machine::{Class, Effects};
use quorate_types::{Duration, Instant, NodeId, Peer};

use super::{Disseminator, DisseminatorTimer};
use crate::configuration::VerifiedConfiguration;
use crate::dissemination::catching_up::{CatchingUp, Giver, Progress};
use crate::dissemination::message::{GetDelta, Message};
use crate::limits::{DELTAS_KEPT_MAX, ONE_REPAIRS_MAX, PAGE_GIVERS, PAGE_REPAIRS_MAX, REPAIRS_MAX};

impl Disseminator {
    /// Nobody answered in time, or not enough.
    pub(super) fn on_repair(&mut self, now: Instant, effects: &mut Effects<Self>) {
        let is_waiting = self.ahead.is_some() || !self.assemblies.is_empty();
        if !is_waiting || self.has_asked_enough() {
            // The next round finds out again whether there is something to wait for; then others
            // give all.
            self.one_count += u64::from(self.is_last_one());
            self.ahead = None;
            self.catching_up = None;
            self.assemblies.clear();
            self.asked = None;
            self.repair_count = 0;
            return;
        }
        effects.mark("dissemination: asked again");
        let peer = self.next_giver().unwrap_or_else(|| self.helper());
        self.ask(now, peer, effects);
    }

    /// Who is asked for a page that did not come: one of several gives way to the next, one that
    /// gives all is asked again; then another gives all.
    fn next_giver(&mut self) -> Option<NodeId> {
        let state = self.catching_up.as_mut()?;
        let patience = match state.giver() {
            Giver::Many(_) => PAGE_REPAIRS_MAX,
            Giver::One(_) => ONE_REPAIRS_MAX,
        };
        if self.repair_count < patience {
            state.pass_turn();
            let giver = state.giver();
            return Some(self.page_giver(giver));
        }
        self.trusts_many = false;
        self.repair_count = 0;
        Some(self.next_one())
    }

    /// Of one peer after the other that was to give all, the last was in vain too; or nobody knows
    /// anything.
    fn has_asked_enough(&self) -> bool {
        self.repair_count >= if self.is_last_one() { ONE_REPAIRS_MAX } else { REPAIRS_MAX }
    }

    /// Is the peer that is to give all the last of so many that are asked for it in turn?
    const fn is_last_one(&self) -> bool {
        self.one_count > 0 && self.one_count.is_multiple_of(PAGE_GIVERS)
    }

    /// Asks one peer for what is needed next.
    pub(super) fn ask(&mut self, now: Instant, peer: NodeId, effects: &mut Effects<Self>) {
        let message = self.wish(peer);
        self.asked = Some(peer);
        self.repair_count += 1;
        effects.send(Peer::Node(peer), Class::Control, message);
        let wait = self.parameters.repair.as_micros() << self.repair_count.min(4) >> 1;
        effects.arm(DisseminatorTimer::Repair, now.after(Duration::from_micros(wait)));
    }

    /// A delta as long as somebody may have it, otherwise the configuration that is ahead.
    fn wish(&mut self, peer: NodeId) -> Message {
        let next = self.newest.epoch().next();
        if let Some(ahead) = &self.ahead {
            let distance = ahead.header().epoch.get() - self.newest.epoch().get();
            let is_in_vain = if self.assemblies.is_empty() { 2 } else { 6 };
            let has_no_delta = self.repair_count >= is_in_vain;
            if distance > DELTAS_KEPT_MAX as u64 || has_no_delta || self.catching_up.is_some() {
                // MEM-65: who gives all has given everything that is there.
                let goes_on = |state: &CatchingUp| match state.giver() {
                    _ if state.header().hash() != ahead.hash() => false,
                    Giver::Many(_) => self.trusts_many,
                    Giver::One(giver) => giver == peer,
                };
                if !self.catching_up.as_ref().is_some_and(goes_on) {
                    let giver = if self.trusts_many { Giver::Many(0) } else { Giver::One(peer) };
                    self.catching_up = Some(CatchingUp::new(ahead.clone(), giver));
                    self.repair_count = if self.trusts_many { 0 } else { self.repair_count };
                }
            }
        }
        match &self.catching_up {
            Some(state) => state.request(),
            None => {
                // MEM-65: the delta of which most has come may be a liar's, so after one question
                // for its rest everything is asked for.
                let missing = self.assemblies.missing().filter(|_| self.repair_count < 2);
                let wanted = missing.map(|(missing, _)| missing).unwrap_or_default();
                Message::GetDelta(GetDelta { epoch: next, wanted })
            }
        }
    }

    /// Something came of the configuration that is ahead.
    pub(super) fn on_page(
        &mut self,
        (now, from): (Instant, NodeId),
        take: impl FnOnce(&mut CatchingUp, &VerifiedConfiguration) -> Progress,
        effects: &mut Effects<Self>,
    ) {
        let Some(state) = self.catching_up.as_mut().filter(|_| self.asked == Some(from)) else {
            return effects.mark("dissemination: page that nobody asked for");
        };
        match take(state, &self.newest) {
            Progress::More => {
                let giver = state.giver();
                let next = self.page_giver(giver);
                self.repair_count = 0;
                self.ask(now, next, effects);
            }
            Progress::Complete => self.complete((now, from), effects),
            Progress::Stale => effects.mark("dissemination: page that was not asked for last"),
            Progress::Wrong => {
                let giver = state.giver();
                self.start_over(giver, effects);
            }
        }
    }

    fn complete(&mut self, (now, from): (Instant, NodeId), effects: &mut Effects<Self>) {
        let Some(state) = self.catching_up.take() else { return };
        let giver = state.giver();
        let (header, members) = state.into_members();
        match VerifiedConfiguration::join_after(&self.newest, header, members) {
            Ok(configuration) => {
                effects.mark("dissemination: caught up");
                self.adopt((now, from), configuration, effects);
            }
            Err(rejected) => {
                effects.mark(rejected.mark());
                self.start_over(giver, effects);
            }
        }
    }

    /// The alarm is set: it asks somebody else, from the first leaf on, for everything. Who gave
    /// all is a liar; of several it may have been any.
    fn start_over(&mut self, giver: Giver, effects: &mut Effects<Self>) {
        effects.mark("dissemination: page that does not fit");
        self.trusts_many = false;
        self.repair_count = self.repair_count.max(ONE_REPAIRS_MAX);
        self.catching_up = self.ahead.clone().map(|ahead| CatchingUp::new(ahead, giver));
        self.asked = None;
        if let Giver::One(liar) = giver {
            self.refuse([liar]);
        }
    }
}
