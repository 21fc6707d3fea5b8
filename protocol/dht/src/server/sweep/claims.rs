//! What the names that several servers list say about what this one lacks.
//!
//! Pages are read up to the lowest name at which one of them ends. A liar can end its pages early
//! to slow this down; whoever holds up the others too often is left out.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use quorate_machine::{Plant, planted};
use quorate_types::NodeId;

use crate::cell::name_after;
use crate::limits::LISTED_NAMES_MAX;
use crate::message::Held;
use crate::object::{ObjectKey, Stamp};

/// The pages of the others: what each says that it holds from one name on.
pub(super) type Pages = BTreeMap<NodeId, Vec<Held>>;

/// An object that this server lacks, or holds in an earlier version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Want {
    pub(super) key: ObjectKey,
    /// The lowest version that will do.
    pub(super) stamp: Option<Stamp>,
    /// Who says that it holds this, or something higher.
    pub(super) holders: Vec<NodeId>,
}

/// What pages say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Reading {
    pub(super) wanted: VecDeque<Want>,
    /// Where the next pages begin; nothing at the end of the cell.
    pub(super) next: Option<ObjectKey>,
}

/// Is this a page of the piece from `first` to `last`?
pub(super) fn is_page(held: &[Held], (first, last): (ObjectKey, ObjectKey)) -> bool {
    let is_in_order = held.is_sorted_by(|one, next| one.key < next.key);
    let is_inside = held.iter().all(|one| first <= one.key && one.key <= last);
    let is_of_kind = |one: &Held| one.stamp.is_none() || one.key.content_kind().is_none();
    is_in_order && is_inside && held.iter().all(is_of_kind)
}

/// The highest name about which a page says something.
fn end_of(held: &[Held], last: ObjectKey) -> ObjectKey {
    held.get(LISTED_NAMES_MAX - 1).map_or(last, |one| one.key)
}

/// Who ends its page before the `enough` that come furthest do, so that all wait for it.
pub(super) fn behind(pages: &Pages, last: ObjectKey, enough: usize) -> Vec<NodeId> {
    let mut ends: Vec<ObjectKey> = pages.values().map(|held| end_of(held, last)).collect();
    ends.sort_unstable_by(|one, other| other.cmp(one));
    let Some(far) = ends.get(enough - 1) else { return Vec::new() };
    let is_behind = |(_, held): &(&NodeId, &Vec<Held>)| end_of(held, last) < *far;
    pages.iter().filter(is_behind).map(|(node, _)| *node).collect()
}

/// What `enough` others hold and the server does not, up to where all pages reach.
pub(super) fn read(own: &[Held], pages: &Pages, last: ObjectKey, enough: usize) -> Reading {
    let all = pages.values().map(Vec::as_slice).chain([own]);
    let end = all.map(|held| end_of(held, last)).min().unwrap_or(last);
    let mut claims: BTreeMap<ObjectKey, Vec<(NodeId, Option<Stamp>)>> = BTreeMap::new();
    for (node, held) in pages {
        for one in held.iter().take_while(|one| one.key <= end) {
            claims.entry(one.key).or_default().push((*node, one.stamp));
        }
    }
    let own: BTreeMap<ObjectKey, Option<Stamp>> =
        own.iter().map(|held| (held.key, held.stamp)).collect();
    let wanted = claims.iter().filter_map(|(key, claims)| want(*key, &own, claims, enough));
    let next = name_after(end).filter(|next| *next <= last);
    Reading { wanted: wanted.collect(), next }
}

/// DHT-13: wanted is only what `enough` others hold.
fn want(
    key: ObjectKey,
    own: &BTreeMap<ObjectKey, Option<Stamp>>,
    claims: &[(NodeId, Option<Stamp>)],
    enough: usize,
) -> Option<Want> {
    if key.content_kind().is_some() {
        let is_wanted = claims.len() >= enough && !own.contains_key(&key);
        let holders = claims.iter().map(|(node, _)| *node).collect();
        return is_wanted.then_some(Want { key, stamp: None, holders });
    }
    let mut stamps: Vec<Stamp> = claims.iter().filter_map(|(_, stamp)| *stamp).collect();
    stamps.sort_unstable_by(|one, other| other.cmp(one));
    // At least one correct server holds this or something higher.
    let stamp = stamps.get(enough - 1).copied();
    let held = own.get(&key).copied().flatten();
    let is_higher = stamp > held;
    let is_other = planted(Plant::RepairRollsBack) && stamp.is_some() && stamp != held;
    let holders = claims.iter().filter(|(_, claimed)| *claimed >= stamp);
    let holders = holders.map(|(node, _)| *node).collect();
    (is_higher || is_other).then_some(Want { key, stamp, holders })
}

#[cfg(test)]
mod tests;
