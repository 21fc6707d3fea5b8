//! What survives into a view: the rule of NEW-VIEW.
//!
//! Settled points 3. Every replica applies it to the view changes inside the NEW-VIEW and finds
//! the same. The base is the highest slot that one of them proves decided. From there slot by
//! slot: of the prepared cuts whose parent is what was chosen before, the one of the highest view;
//! the first slot without one ends the list, and everything above is dropped.
//!
//! # Safety argument
//! Call a cut X at slot s *decided in view u* when f+1 correct replicas sent COMMIT(u, s, X). By
//! the rule of commits (BFT-5) every ancestor of a decided cut is decided. Any quorum of view
//! changes contains one of those f+1 replicas; it shows either a prepare certificate at s of a view
//! not below u, or a base at or above s. By induction over views, every prepare certificate at s
//! of a view not below u is for X: in u by quorum intersection, in a later view because its leader
//! could propose nothing else at s. By induction over slots the scan reaches s: every ancestor is
//! decided too, so a certificate for it is shown or the base is above it, and parents match.

use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_machine::{Plant, planted};
use quorate_types::GroupConfiguration;

use crate::message::{Base, HashedCut, Prepared, ViewChange};

/// What a quorum of view changes makes of a view.
#[derive(Debug)]
pub struct Choice<'a> {
    /// The highest slot that is proven decided.
    pub base: &'a Base,
    /// What is proposed again behind it, in ascending order of slot.
    pub proposed_again: Vec<&'a Prepared>,
}

/// Of two cuts that were prepared in one slot, the one of the higher view wins.
fn rank(prepared: &&Prepared) -> u64 {
    let view = prepared.certificate.view.get();
    if planted(Plant::ChoiceLowestView) { u64::MAX - view } else { view }
}

/// Applies the rule to the view changes of a NEW-VIEW.
///
/// # Panics
/// If there is no view change: a NEW-VIEW that verified has a quorum of them.
#[must_use]
pub fn choose<'a>(group: &GroupConfiguration, changes: &'a [Arc<ViewChange>]) -> Choice<'a> {
    let highest = |change: &&Arc<ViewChange>| change.base.slot_and_digest(group).0;
    let base = &changes.iter().max_by_key(highest).expect("a quorum of view changes").base;
    let (mut slot, mut digest) = base.slot_and_digest(group);
    let mut proposed_again = Vec::new();
    while !planted(Plant::ChoiceDropsPrepared) {
        slot = slot.next();
        let follows =
            |cut: &HashedCut| cut.parent == digest || planted(Plant::ChoiceIgnoresParents);
        let is_next = |prepared: &&Prepared| prepared.cut.slot == slot && follows(&prepared.cut);
        let shown = changes.iter().flat_map(|change| &change.prepared).filter(is_next);
        let Some(chosen) = shown.max_by_key(rank) else { break };
        digest = chosen.cut.digest();
        proposed_again.push(chosen);
    }
    Choice { base, proposed_again }
}

#[cfg(test)]
mod tests;
