//! Byzantine participant that carries too little or old things into a view, and that starts its
//! own views from chosen, stale and different view changes (B15).

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::message::{Base, NewView, Prepared, ViewChange};
use quorate_history::Prng;
use quorate_machine::Class;
use quorate_types::{ReplicaId, Slot, View};

use super::splits::Split;
use super::{Context, Deeds, Holdings, Sending, Villain};

/// View changes and prepared cuts that it remembers.
const REMEMBERED_MAX: usize = 64;

/// Plays with what survives into a view.
#[derive(Debug)]
pub(super) struct ViewChanger {
    split: Split,
    changes: BTreeMap<(View, ReplicaId), Arc<ViewChange>>,
    prepared: BTreeMap<(Slot, View), Prepared>,
}

impl ViewChanger {
    pub(super) fn new(prng: &mut Prng) -> Self {
        let split = Split::ALL[prng.index(Split::ALL.len())];
        Self { split, changes: BTreeMap::new(), prepared: BTreeMap::new() }
    }

    fn remember(&mut self, change: &Arc<ViewChange>) {
        self.changes.insert((change.view, change.from), Arc::clone(change));
        for prepared in &change.prepared {
            let place = (prepared.cut.slot, prepared.certificate.view);
            self.prepared.insert(place, prepared.clone());
        }
        while self.changes.len() > REMEMBERED_MAX {
            self.changes.pop_first();
        }
        while self.prepared.len() > REMEMBERED_MAX {
            self.prepared.pop_first();
        }
    }

    /// What it really carries, with something left out, or with old certificates of others.
    fn twisted(&self, context: &mut Context<'_>, honest: &ViewChange) -> ViewChange {
        let mut change = honest.clone();
        match context.prng.below(5) {
            0 => change.prepared.clear(),
            1 => {
                change.base = Base::Start;
                change.prepared.clear();
            }
            2 => {
                let base = change.base.slot_and_digest(context.group()).0;
                let mut oldest: BTreeMap<Slot, &Prepared> = BTreeMap::new();
                for ((slot, view), prepared) in &self.prepared {
                    if *slot > base && *view < change.view {
                        oldest.entry(*slot).or_insert(prepared);
                    }
                }
                change.prepared = oldest.into_values().take(8).cloned().collect();
            }
            3 => self.graft(&mut change),
            _ => {
                change.prepared.pop();
            }
        }
        ViewChange::sign(context.group(), change, context.signer())
    }

    /// Puts the oldest cut that it knows of the lowest slot under what was prepared behind it.
    fn graft(&self, change: &mut ViewChange) {
        let Some(lowest) = change.prepared.first_mut() else { return };
        let mut of_slot = self.prepared.range((lowest.cut.slot, View::ZERO)..);
        if let Some((_, oldest)) = of_slot.next().filter(|((slot, _), _)| *slot == lowest.cut.slot)
        {
            *lowest = oldest.clone();
        }
    }

    /// Starts of its own view: a different choice of view changes for each side.
    fn start(&self, context: &mut Context<'_>, honest: &NewView, deeds: &mut Deeds) -> bool {
        let view = honest.view;
        let known = self.changes.range((view, ReplicaId::new(0))..);
        let of_view = known.take_while(|((of, _), _)| *of == view);
        let mut changes: Vec<_> = of_view.map(|(_, change)| Arc::clone(change)).collect();
        let own = honest.changes.iter().find(|change| change.from == context.me());
        changes.extend(own.cloned());
        let quorum = context.group().resilience.quorum();
        if changes.len() < quorum {
            return false;
        }
        changes.sort_by_key(|change| change.from);
        changes.dedup_by_key(|change| change.from);
        let mut second: Vec<_> = changes.into_iter().rev().take(quorum).collect();
        if let Some(own) = second.iter_mut().find(|change| change.from == context.me()) {
            *own = Arc::new(self.twisted(context, own));
        }
        let stale = self.changes.values().find(|change| change.view < view);
        if let (true, Some(stale)) = (context.prng.chance(200), stale) {
            second[0] = Arc::clone(stale);
            deeds.mark("liar.view_started_stale");
        }
        second.sort_by_key(|change| change.from);
        let second = NewView::sign(context.group(), view, second, context.signer());
        let (left, right) = self.split.parts(context);
        deeds.mark("liar.view_started_twice");
        let first = Arc::new(honest.clone());
        deeds.send(&left, Class::Control, Message::NewView(first));
        deeds.send(&right, Class::Control, Message::NewView(Arc::new(second)));
        true
    }
}

impl Villain<Holdings> for ViewChanger {
    fn name(&self) -> &'static str {
        "view-changer"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        match &*sending.message {
            Message::ViewChange(honest) if honest.from == context.me() => {
                deeds.mark("liar.view_change_twisted");
                let twisted = Arc::new(self.twisted(context, honest));
                let to = super::peers(&sending.to);
                deeds.send(&to, sending.class, Message::ViewChange(twisted));
            }
            Message::NewView(honest) if context.leads(honest.view) => {
                if !self.start(context, honest, deeds) {
                    deeds.pass(sending);
                }
            }
            _ => deeds.pass(sending),
        }
    }

    fn overhear(&mut self, message: &Message) {
        match message {
            Message::ViewChange(change) => self.remember(change),
            Message::NewView(start) => start.changes.iter().for_each(|one| self.remember(one)),
            _ => {}
        }
    }
}
