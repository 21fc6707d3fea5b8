//! What a prober says, and in which order where that is more than it may say in one period.
//!
//! # Protocol
//! Upon a statement that is due: make it, if none of its kind waits and the period has room for
//! it; otherwise it waits.
//! Upon each turn: of those that wait make as many as the part of the period that is over has room
//! for, by the places of their servers, on from where that stopped; `Alive` comes before `Suspect`.
//! Upon an answer or a miss that makes a statement untrue: it waits no longer.
//! Upon the end of a period in which the prober was cut off: no `Suspect` waits any longer.
//! While the log has found a server silent: state no `Suspect` of it but the one that takes back
//! an `Alive` of this member.
//! Once the log has a proof that a server lied: state nothing of it.
//!
//! # Invariants
//! - MEM-74: while a server waits to be spoken of, of no other is the same said twice.

use alloc::collections::BTreeSet;

use quorate_machine::Effects;

use super::{Prober, ProberOutput};
use crate::limits::{STATEMENTS_ALIKE_PER_ROUND_MAX, STATEMENTS_PER_ROUND_MAX};
use crate::monitor::observation::{Claim, Observation, Verdict};

/// Those of whom one and the same is to be said; no more than there are servers.
#[derive(Clone, Default, Debug)]
struct Line {
    places: BTreeSet<u32>,
    /// Where it goes on: behind the last that had its turn.
    next: u32,
}

impl Line {
    /// Whose turn it is, and no longer waits.
    fn take(&mut self) -> Option<u32> {
        // MEM-74: around all places, so nobody is met twice before all others are.
        let place = self.places.range(self.next..).chain(&self.places).next().copied()?;
        self.places.remove(&place);
        self.next = place.saturating_add(1);
        Some(place)
    }
}

/// Those who wait to be spoken of.
#[derive(Clone, Default, Debug)]
pub(super) struct Unsaid {
    alive: Line,
    silent: Line,
}

impl Unsaid {
    pub(super) fn count(&self) -> u64 {
        (self.alive.places.len() + self.silent.places.len()) as u64
    }

    const fn line(&mut self, verdict: Verdict) -> &mut Line {
        match verdict {
            Verdict::Alive => &mut self.alive,
            Verdict::Suspect => &mut self.silent,
        }
    }

    /// There is nothing of the kind to say of it any more.
    pub(super) fn drop_verdict(&mut self, place: u32, verdict: Verdict) {
        self.line(verdict).places.remove(&place);
    }

    /// There is nothing to say of it any more.
    pub(super) fn drop_place(&mut self, place: u32) {
        self.drop_verdict(place, Verdict::Alive);
        self.drop_verdict(place, Verdict::Suspect);
    }

    /// Nobody is suspected any more.
    pub(super) fn drop_suspicions(&mut self) {
        self.silent.places.clear();
    }

    /// A new epoch: nobody waits, and the order goes on, since an epoch may be over before all had
    /// their turn.
    pub(super) fn drop_all(&mut self) {
        self.alive.places.clear();
        self.silent.places.clear();
    }
}

/// What was said in one round.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Said {
    alive: usize,
    silent: usize,
}

impl Said {
    const fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Alive => self.alive += 1,
            Verdict::Suspect => self.silent += 1,
        }
    }

    const fn all(&self) -> usize {
        self.alive + self.silent
    }

    /// Neither kind takes all: who is there can say so while hundreds are not, and whoever makes
    /// members call it alive all the time hides nobody.
    const fn has_room(&self, verdict: Verdict) -> bool {
        let alike = match verdict {
            Verdict::Alive => self.alive,
            Verdict::Suspect => self.silent,
        };
        alike < STATEMENTS_ALIKE_PER_ROUND_MAX && self.all() < STATEMENTS_PER_ROUND_MAX
    }
}

/// Stating.
impl Prober {
    /// Says something of a server now, or when there is room, unless the log has no use for it or
    /// it is we who are cut off.
    pub(super) fn state(&mut self, place: u32, verdict: Verdict, effects: &mut Effects<Self>) {
        if self.is_pointless(place, verdict) {
            return;
        }
        if verdict == Verdict::Suspect && self.last_round.is_cut_off() {
            effects.mark("membership: a prober that is cut off suspects nobody");
            return;
        }
        let has_room = self.round.said.has_room(verdict);
        let line = self.unsaid.line(verdict);
        // MEM-74: who waits comes first.
        if has_room && line.places.is_empty() {
            self.say(place, verdict, effects);
        } else {
            line.places.insert(place);
            effects.mark("membership: a finding of the prober waits");
        }
    }

    /// Does the log refuse it anyway? It hears nothing of who was proved to lie (MEM-48), and no
    /// suspicion of whom it has found silent, unless that takes back what this member said since.
    fn is_pointless(&self, place: u32, verdict: Verdict) -> bool {
        let row = &self.rows[place as usize];
        let is_found = self.accused.contains_key(&place) && row.said != Some(Verdict::Alive);
        row.is_convicted || (verdict == Verdict::Suspect && is_found)
    }

    /// The turn of a place is over: those who wait are spoken of evenly over the period, so that
    /// neither the log nor the way to it gets everything at once.
    pub(super) fn state_waiting(&mut self, place: u32, effects: &mut Effects<Self>) {
        let passed = STATEMENTS_PER_ROUND_MAX * (place as usize + 1) / self.rows.len();
        while self.round.said.all() < passed {
            let Some((place, verdict)) = self.take_unsaid() else { return };
            self.say(place, verdict, effects);
        }
    }

    fn take_unsaid(&mut self) -> Option<(u32, Verdict)> {
        let kinds = [Verdict::Alive, Verdict::Suspect];
        let mut kinds = kinds.into_iter().filter(|verdict| self.round.said.has_room(*verdict));
        kinds.find_map(|verdict| Some((self.unsaid.line(verdict).take()?, verdict)))
    }

    fn say(&mut self, place: u32, verdict: Verdict, effects: &mut Effects<Self>) {
        self.round.said.count(verdict);
        let row = &mut self.rows[place as usize];
        row.heard = None;
        row.stated = row.missed.max(row.answered);
        row.said = Some(verdict);
        let configuration = self.watch.configuration.configuration();
        let server = configuration.members[place as usize].id;
        let observation = Observation {
            system: configuration.system,
            epoch: configuration.epoch,
            slot: self.executed,
            claim: Claim { server, verdict },
        };
        let said = observation.sign(self.watch.member, &*self.watch.signer);
        effects.emit(ProberOutput::State(said));
    }
}

#[cfg(test)]
mod tests;
