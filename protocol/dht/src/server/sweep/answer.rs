//! The other side of a sweep: what a server answers to those that compare and list.
//!
//! It answers from digests that it has, after bringing them up to date if that is quick. Only
//! members of the same group are told what a server holds.

use quorate_machine::Class;
use quorate_types::{Now, Peer};

use crate::limits::SWEEP_WAIT;
use crate::message::{Compare, Compared, Held, ListNames, Message, Names, Refusal};

use super::super::job::Asker;
use super::super::{Purpose, Server, ServerEffects, ServerTimer};

impl Server {
    pub(in super::super) fn on_compare(
        &mut self,
        now: Now,
        (asker, compare): (Asker, &Compare),
        effects: &mut ServerEffects,
    ) {
        if !self.is_of_this_epoch(asker, effects) {
            return;
        }
        let node = match asker.peer {
            Peer::Node(node) if !self.sweep.summary.shared_with(node).is_empty() => node,
            Peer::Node(_) | Peer::Client(_) => {
                return self.refuse(asker, Refusal::NotResponsible, effects);
            }
        };

        if self.sweep.summary.is_current() {
            self.answer_compare(asker, compare, effects);
            return;
        }
        // One place for each peer: who asks again takes the place of its own question.
        self.sweep.waiters.insert(node, *compare);
        effects.arm(ServerTimer::Answer, now.instant.after(SWEEP_WAIT.halved()));
        self.begin_walk(now, effects);
    }

    /// The digests are up to date, or it takes too long to get them.
    pub(in super::super) fn answer_waiters(&mut self, effects: &mut ServerEffects) {
        if self.sweep.waiters.is_empty() {
            return;
        }
        effects.disarm(ServerTimer::Answer);
        for (node, compare) in core::mem::take(&mut self.sweep.waiters) {
            let asker = Asker { peer: Peer::Node(node), head: compare.head };
            if self.sweep.summary.is_complete() {
                self.answer_compare(asker, &compare, effects);
            } else {
                self.refuse(asker, Refusal::Busy, effects);
            }
        }
    }

    fn answer_compare(&self, asker: Asker, compare: &Compare, effects: &mut ServerEffects) {
        let Peer::Node(node) = asker.peer else { return };
        let (mut cells, root) = self.sweep.summary.digests(&self.sweep.summary.shared_with(node));
        if compare.root == root {
            cells.clear();
        }
        let reply = Message::Compared(Compared { head: self.reply_head(asker), cells });
        effects.send(asker.peer, Class::Bulk, reply);
    }

    pub(in super::super) fn on_list_names(
        &mut self,
        now: Now,
        (asker, list): (Asker, &ListNames),
        effects: &mut ServerEffects,
    ) {
        if !self.is_of_this_epoch(asker, effects) {
            return;
        }
        let cell = self.sweep.summary.cell_that_ends(&list.last);
        let is_shared = cell.is_some_and(|cell| {
            cell.holds(&list.first)
                && matches!(asker.peer, Peer::Node(node) if cell.is_shared_with(node))
        });
        if !is_shared {
            effects.mark("dht.sweep.not_shared");
            self.refuse(asker, Refusal::NotResponsible, effects);
            return;
        }
        if !self.take_on(now, asker, 0, effects) {
            return;
        }

        self.list_own((list.first, list.last), Purpose::PageFor(asker), effects);
    }

    /// A page of the own store, for somebody else.
    pub(in super::super) fn listed_for(
        &mut self,
        asker: Asker,
        held: Option<alloc::vec::Vec<Held>>,
        effects: &mut ServerEffects,
    ) {
        self.budget.give_back(asker.peer, 0);
        if !self.is_of_this_epoch(asker, effects) {
            return;
        }
        match held {
            Some(held) => {
                let reply = Message::Names(Names { head: self.reply_head(asker), held });
                effects.send(asker.peer, Class::Bulk, reply);
            }
            None => self.refuse(asker, Refusal::Busy, effects),
        }
    }
}
