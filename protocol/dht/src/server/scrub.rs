//! Walking all objects in the order of their names, so that damage is found before it is asked
//! for.
//!
//! A server does so by itself all the time, one object after the other with a pause between them,
//! and faster when somebody asks for it, with pauses that leave the disk and the processor to
//! requests. A run that was asked for begins at the lowest name; whoever asks during it shares it.
//!
//! ```text
//! by itself   object, pause, object, pause ... rest
//! asked for   some objects, short pause, some objects ... report
//! ```

use alloc::collections::VecDeque;

use quorate_machine::Class;
use quorate_types::{Duration, Now};

use crate::limits::{
    SCRUB_IDLE_PAUSE, SCRUB_IDLE_REST, SCRUB_PAUSE, SCRUB_PORTION_BYTES, SCRUB_PORTION_OBJECTS,
    SCRUB_RUNS_MAX,
};
use crate::message::{Message, Refusal, Scrub, ScrubReport, ScrubState, Scrubbed};
use crate::object::ObjectKey;

use super::job::{Asker, Job};
use super::serve::Copy;
use super::{Found, Purpose, Server, ServerEffects, ServerOutput, ServerTimer, Ticket};

/// A walk that goes on.
#[derive(Debug, Default)]
struct Walk {
    at: Option<ObjectKey>,
    report: ScrubReport,
    /// Somebody waits for it.
    is_asked: bool,
    /// Objects and bytes since the last pause.
    objects: u64,
    bytes: u64,
}

/// What a server keeps about its scrubs.
#[derive(Debug, Default)]
pub(super) struct Scrubs {
    walk: Option<Walk>,
    /// Names of the runs that share the walk, or of the last ones that shared one.
    runs: VecDeque<u64>,
    /// What the last walk that was asked for found.
    last: ScrubReport,
}

impl Scrubs {
    fn state(&self) -> ScrubState {
        match self.walk.as_ref().filter(|walk| walk.is_asked) {
            Some(walk) => ScrubState {
                is_over: false,
                thousandths: walk.at.as_ref().map_or(0, thousandths),
                report: walk.report,
            },
            None => ScrubState { is_over: true, thousandths: 1000, report: self.last },
        }
    }
}

/// How much of the space of names lies below this one. Nearly all bytes are chunks', and ids are
/// spread evenly.
fn thousandths(key: &ObjectKey) -> u16 {
    let [high, low, ..] = *key.id().as_bytes();
    let below = u32::from(u16::from_be_bytes([high, low]));
    let (begin, width) = match key {
        ObjectKey::Chunk(_) => (0, 980),
        ObjectKey::Manifest(_) => (980, 10),
        ObjectKey::Register(_) => (990, 10),
    };
    u16::try_from(begin + below * width / 65_536).expect("at most 1000")
}

impl Server {
    /// Begins to check objects slowly, by itself.
    pub(super) fn start_idle_scrub(&self, now: Now, effects: &mut ServerEffects) {
        effects.arm(ServerTimer::Scrub, now.instant.after(SCRUB_IDLE_PAUSE));
    }

    /// Begins to check everything now.
    pub(super) fn start_scrub(&mut self, effects: &mut ServerEffects) {
        let is_loading = self.loads.values().any(|purpose| matches!(purpose, Purpose::Scrub));
        let is_asked = self.scrubs.walk.as_ref().is_some_and(|walk| walk.is_asked);
        if is_asked {
            return;
        }
        let is_repairing = self.is_mending_for_scrub();
        self.scrubs.walk = Some(Walk { is_asked: true, ..Walk::default() });
        effects.disarm(ServerTimer::Scrub);
        // What is loaded or mended for the slow walk comes back to this one.
        if !is_loading && !is_repairing {
            self.load_next(effects);
        }
    }

    /// Is the last object of the walk being mended?
    fn is_mending_for_scrub(&self) -> bool {
        let waits = |job: &Job| matches!(job, Job::Scrub);
        let at = self.scrubs.walk.as_ref().and_then(|walk| walk.at);
        let slot = at.and_then(|key| self.slots.get(&key));
        slot.is_some_and(|slot| slot.waiting.iter().any(waits))
    }

    pub(super) fn on_scrub(
        &mut self,
        now: Now,
        (asker, scrub): (Asker, &Scrub),
        effects: &mut ServerEffects,
    ) {
        if !self.is_of_this_epoch(asker, effects) {
            return;
        }
        if !scrub.certificate.holds_at(now.wall) {
            effects.mark("dht.server.not_authorised");
            self.refuse(asker, Refusal::NotAuthorised, effects);
            return;
        }

        if !self.scrubs.runs.contains(&scrub.run) {
            effects.mark("dht.scrub.asked");
            while self.scrubs.runs.len() >= SCRUB_RUNS_MAX {
                self.scrubs.runs.pop_front();
            }
            self.scrubs.runs.push_back(scrub.run);
            self.start_scrub(effects);
        }
        let reply = Scrubbed { head: self.reply_head(asker), state: self.scrubs.state() };
        effects.send(asker.peer, Class::Ordered, Message::Scrubbed(reply));
    }

    /// The pause is over.
    pub(super) fn scrub_on(&mut self, effects: &mut ServerEffects) {
        self.scrubs.walk.get_or_insert_default();
        self.load_next(effects);
    }

    fn load_next(&mut self, effects: &mut ServerEffects) {
        let after = self.scrubs.walk.as_ref().and_then(|walk| walk.at);
        let ticket = Ticket(self.take_number());
        self.loads.insert(ticket, Purpose::Scrub);
        effects.emit(ServerOutput::LoadNext { ticket, after });
    }

    pub(super) fn scrub_found(&mut self, now: Now, found: Found, effects: &mut ServerEffects) {
        let Some(walk) = &mut self.scrubs.walk else { return };
        let (key, bytes) = match &found {
            Found::Object(key, bytes) if Some(*key) > walk.at => (*key, bytes.len() as u64),
            Found::Damaged(key) if Some(*key) > walk.at => (*key, 0),
            Found::Unreadable(key) => return self.scrub_unread(now, *key, effects),
            // The end; a store that walks backwards would never come to it.
            Found::Absent | Found::Object(..) | Found::Damaged(_) => {
                return self.scrub_over(now, effects);
            }
        };
        walk.at = Some(key);
        walk.report.checked += 1;
        walk.report.bytes += bytes;
        walk.objects += 1;
        walk.bytes += bytes;
        effects.mark("dht.scrub.checked");
        if matches!(self.inspect(key, found), Copy::Damaged) {
            effects.mark("dht.server.scrub_damaged");
            self.enqueue(now, key, Job::Scrub, effects);
        } else {
            self.scrub_after_pause(now, effects);
        }
    }

    /// The store failed: at one object, which is passed over, or at its names, which ends the walk.
    fn scrub_unread(&mut self, now: Now, key: Option<ObjectKey>, effects: &mut ServerEffects) {
        let Some(walk) = &mut self.scrubs.walk else { return };
        walk.report.unread += 1;
        effects.mark("dht.scrub.unread");
        match key.filter(|key| Some(*key) > walk.at) {
            Some(key) => {
                walk.at = Some(key);
                walk.objects += 1;
                self.scrub_after_pause(now, effects);
            }
            None => self.scrub_over(now, effects),
        }
    }

    fn scrub_over(&mut self, now: Now, effects: &mut ServerEffects) {
        let Some(walk) = self.scrubs.walk.take() else { return };
        effects.mark("dht.scrub.over");
        if walk.is_asked {
            self.scrubs.last = walk.report;
            effects.emit(ServerOutput::Scrubbed(walk.report));
        }
        effects.arm(ServerTimer::Scrub, now.instant.after(SCRUB_IDLE_REST));
    }

    /// Goes on behind a damaged object; says whether it is whole now.
    pub(super) fn scrub_next(&mut self, now: Now, is_repaired: bool, effects: &mut ServerEffects) {
        let Some(walk) = &mut self.scrubs.walk else { return };
        walk.report.damaged += 1;
        walk.report.repaired += u64::from(is_repaired);
        effects.mark(if is_repaired { "dht.scrub.repaired" } else { "dht.scrub.unrepaired" });
        self.scrub_after_pause(now, effects);
    }

    /// Goes on, after a pause if it is time for one.
    fn scrub_after_pause(&mut self, now: Now, effects: &mut ServerEffects) {
        let Some(walk) = &mut self.scrubs.walk else { return };
        let is_full = walk.objects >= SCRUB_PORTION_OBJECTS || walk.bytes >= SCRUB_PORTION_BYTES;
        let pause: Option<Duration> = match walk.is_asked {
            true => is_full.then_some(SCRUB_PAUSE),
            false => Some(SCRUB_IDLE_PAUSE),
        };
        match pause {
            Some(pause) => {
                (walk.objects, walk.bytes) = (0, 0);
                effects.arm(ServerTimer::Scrub, now.instant.after(pause));
            }
            None => self.load_next(effects),
        }
    }
}
