//! Walking all objects in the order of their names, so that damage is found before it is asked
//! for.

use quorate_types::Now;

use crate::object::ObjectKey;

use super::job::Job;
use super::serve::Copy;
use super::{Found, Purpose, Server, ServerEffects, ServerOutput, Ticket};

/// What a walk over all objects found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ScrubReport {
    /// Objects that were there.
    pub checked: u64,
    /// Of these, damaged ones.
    pub damaged: u64,
    /// Of these, mended ones, with those that were never completely written and are dropped.
    pub repaired: u64,
}

/// A walk that goes on.
#[derive(Debug, Default)]
pub(super) struct Scrub {
    at: Option<ObjectKey>,
    report: ScrubReport,
}

impl Server {
    pub(super) fn start_scrub(&mut self, effects: &mut ServerEffects) {
        if self.scrub.is_none() {
            self.scrub = Some(Scrub::default());
            self.load_next(effects);
        }
    }

    fn load_next(&mut self, effects: &mut ServerEffects) {
        let after = self.scrub.as_ref().and_then(|scrub| scrub.at);
        let ticket = Ticket(self.take_number());
        self.loads.insert(ticket, Purpose::Scrub);
        effects.emit(ServerOutput::LoadNext { ticket, after });
    }

    pub(super) fn scrub_found(&mut self, now: Now, found: Found, effects: &mut ServerEffects) {
        let Some(scrub) = &mut self.scrub else { return };
        let key = match &found {
            Found::Object(key, _) | Found::Damaged(key) if Some(*key) > scrub.at => *key,
            // The end; a store that walks backwards would never come to it.
            Found::Absent | Found::Object(..) | Found::Damaged(_) => {
                effects.emit(ServerOutput::Scrubbed(scrub.report));
                self.scrub = None;
                return;
            }
        };
        scrub.at = Some(key);
        scrub.report.checked += 1;
        let is_damaged = matches!(self.inspect(key, found), Copy::Damaged);
        if is_damaged {
            effects.mark("dht.server.scrub_damaged");
            self.enqueue(now, key, Job::Scrub, effects);
        } else {
            self.load_next(effects);
        }
    }

    /// Goes on behind a damaged object; says whether it is whole now.
    pub(super) fn scrub_next(&mut self, is_repaired: bool, effects: &mut ServerEffects) {
        let Some(scrub) = &mut self.scrub else { return };
        scrub.report.damaged += 1;
        scrub.report.repaired += u64::from(is_repaired);
        self.load_next(effects);
    }
}
