//! The end of an epoch as the log takes it: one step after the other, each proved by itself.
//!
//! TDSC'12 section VI.D; settled points 1, 5, 10, 14, 27. A step looks at the map, and either names
//! the reason against it or says what it makes of the map; writing comes last, in one place. Who
//! asks does not matter, and asking again changes nothing.
//!
//! ```text
//!            deposit        dealt, deposit   complete
//!             (_)            (_)        +---------------> Done
//!   Open ------------> Frozen -----> Dealing
//!            end        beacon        ^   | abort: once more the same group, or the old one
//!                                     |(_)| abort: another group
//!                               redraw|   v
//!                                    Redrawing
//! ```
//!
//! # Invariants
//! - MEM-20: the first of DONE and ABORTED in the log decides an attempt.
//! - MEM-21: the choice of dealings is the first `f + 1` certified ones in the log, and nothing
//!   changes it afterwards.
//! - MEM-22: a change that is recorded after the freeze takes effect an epoch later, and is not
//!   lost.
//! - MEM-23: the randomness of an epoch binds every change that takes effect with it, and every
//!   deposit from which its group is drawn; what a member of the old group deposits later counts
//!   only in draws from randomness that nobody knew then.

use alloc::boxed::Box;

use quorate_machine::Call;
use quorate_threshold::{PublicKey as SystemKey, Session};
use quorate_types::{IdentityKey, IdentityRoot, NodeId, PublicKey};

use super::next::Next;
use super::table::{Reader, Table};
use crate::handover::attempt::Occasion;
use crate::handover::word::{Said, check_words};
use crate::handover::{Attempt, Frozen, HandoverOperation, SeatKeys, Stage, Word};
use crate::header::ConfigurationHeader;
use crate::schemes::Schemes;

mod abort;
mod beacon;
mod complete;
mod dealt;
mod deposit;
mod draw;
mod end;
mod redraw;
mod refusal;
pub use refusal::HandoverRefusal;

/// What a step is judged by.
pub(super) struct Step<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) reader: Reader<'a>,
    pub(super) schemes: &'a Schemes,
}

/// What a step makes of the map.
pub(super) enum Outcome {
    /// The keys of a server lie there, and the root that its identity gets with the next epoch, if
    /// it gets another.
    Deposited {
        /// The identity.
        key: IdentityKey,
        /// Its keys of the next epoch.
        keys: SeatKeys,
        /// Its other root.
        successor: Option<IdentityRoot>,
        /// MEM-72: whether it is asked for its keys, or brings them for the sake of that alone.
        is_asked: bool,
    },
    /// The changes of the epoch are fixed.
    Frozen(Frozen),
    /// The end of the epoch has come this far.
    Reached(Stage),
    /// DONE.
    Done(Box<Next>),
}

impl Step<'_> {
    /// Judges a step.
    pub(super) fn take(&self, operation: HandoverOperation) -> Result<Outcome, HandoverRefusal> {
        match operation {
            HandoverOperation::Deposit(deposit) => self.deposit(&deposit),
            HandoverOperation::End(votes) => self.end(&votes.0),
            HandoverOperation::Beacon(signature) => self.beacon(&signature),
            HandoverOperation::Dealt(certified) => self.dealt(*certified),
            HandoverOperation::Complete(completions) => self.complete(&completions.0),
            HandoverOperation::Abort(votes) => self.abort(&votes.0),
            HandoverOperation::Redraw(signature) => self.redraw(&signature),
        }
    }

    /// The system's key, unless it is being made.
    fn system_key(&self) -> Option<SystemKey> {
        self.reader.sharing().map(|sharing| sharing.public_key())
    }

    /// What names an attempt of this epoch's end.
    fn session(&self, attempt: &Attempt) -> Session {
        let header = self.reader.header();
        attempt.session(&Occasion {
            system: header.system,
            epoch: header.epoch.next(),
            system_key: self.system_key(),
        })
    }

    /// The key of this epoch of a member of its group.
    fn group_key(&self, header: &ConfigurationHeader, node: NodeId) -> Option<PublicKey> {
        let is_in_group = header.membership_group.contains(&node);
        is_in_group.then(|| self.reader.member(node)?.epoch_key).flatten()
    }

    /// Do enough servers say something, and all of them what is asked?
    fn reject_words<T: Said>(
        &self,
        words: &[Word<T>],
        needed: usize,
        is_asked: impl Fn(&T) -> bool,
        key_of: impl Fn(NodeId) -> Option<PublicKey>,
    ) -> Result<(), HandoverRefusal> {
        if !words.iter().all(|word| is_asked(&word.said)) {
            return Err(HandoverRefusal::OtherSubject);
        }
        let checked = check_words(words, needed, key_of, &*self.schemes.signatures);
        checked.map_err(HandoverRefusal::of_words)
    }
}

impl Outcome {
    /// Writes it.
    pub(super) fn record(self, table: &mut Table<'_>) {
        match self {
            Self::Deposited { key, keys, successor, is_asked } => {
                if !is_asked {
                    let tally = table.reader().tally();
                    let roots = tally.roots + 1;
                    table.put_tally(super::table::Tally { roots, ..tally });
                }
                table.put_deposit(key, &keys);
                successor.into_iter().for_each(|root| table.put_successor(key, root));
            }
            Self::Frozen(frozen) => {
                // MEM-22: from here on changes are counted for the next freeze.
                let tally = table.reader().tally();
                table.put_tally(super::table::Tally { waiting: 0, fresh: 0, ..tally });
                table.put_stage(&Stage::Frozen(frozen));
            }
            Self::Reached(stage) => table.put_stage(&stage),
            Self::Done(next) => next.record(table),
        }
    }
}

#[cfg(test)]
mod tests;
