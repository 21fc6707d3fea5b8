//! Second half of a sweep: cell by cell, page by page, what do the others hold that is lacking?
//!
//! The others list first and this server last, so that what is being written at this moment is not
//! taken for lost. Whoever does not answer in time is not asked again in the same sweep.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use quorate_machine::Class;
use quorate_types::{Duration, NodeId, Now, Peer};

use crate::limits::{SWEEP_PAGES_BEHIND_MAX, SWEEP_PERIOD, SWEEP_WAIT};
use crate::message::{Head, Held, ListNames, Message, Names, OperationId};
use crate::object::ObjectKey;

use super::super::job::Asker;
use super::super::{Purpose, Server, ServerEffects, ServerTimer};
use super::Round;
use super::claims::{self, Pages};
use super::fetch::Fetches;

/// A look into the cells that differ, one after the other.
#[derive(Debug)]
pub(super) struct Visit {
    cells: VecDeque<usize>,
    /// Who has answered up to now.
    helpful: BTreeSet<NodeId>,
    /// How long to rest afterwards.
    rest: Duration,
    stage: Stage,
    /// Pages by which a peer held up the listing of this cell.
    behind: BTreeMap<NodeId, u32>,
    pub(super) fetches: Fetches,
}

/// What is being done about a page.
#[derive(Debug)]
enum Stage {
    Between,
    /// The others list.
    Asking {
        page: Page,
        operation: OperationId,
        waiting: BTreeSet<NodeId>,
    },
    /// This server lists.
    Reading(Page),
    /// What was missing is fetched; the next page begins here.
    Fetching(Option<Piece>),
}

/// A piece from this name to the end of its cell.
#[derive(Clone, Copy, Debug)]
struct Piece {
    place: usize,
    first: ObjectKey,
}

#[derive(Debug)]
struct Page {
    piece: Piece,
    pages: Pages,
}

impl Visit {
    pub(super) fn new(cells: VecDeque<usize>, helpful: BTreeSet<NodeId>, rest: Duration) -> Self {
        let (stage, behind, fetches) = (Stage::Between, BTreeMap::new(), Fetches::new());
        Self { cells, helpful, rest, stage, behind, fetches }
    }

    /// Was a listing asked under this number?
    pub(super) fn has_asked(&self, wanted: OperationId) -> bool {
        matches!(&self.stage, Stage::Asking { operation, .. } if *operation == wanted)
    }
}

impl Server {
    pub(super) fn visit(&mut self) -> Option<&mut Visit> {
        match &mut self.sweep.round {
            Round::Visiting(visit) => Some(visit),
            Round::Resting | Round::Walking | Round::Comparing(_) => None,
        }
    }

    pub(super) fn visit_next_cell(&mut self, now: Now, effects: &mut ServerEffects) {
        let Some(visit) = self.visit() else { return };
        visit.behind.clear();
        let rest = visit.rest;
        match visit.cells.pop_front() {
            Some(place) => {
                let first = self.sweep.summary.cell(place).first;
                self.ask_names(now, Piece { place, first }, effects);
            }
            None => self.end_sweep(now, rest, effects),
        }
    }

    fn ask_names(&mut self, now: Now, piece: Piece, effects: &mut ServerEffects) {
        let operation = OperationId::new(self.take_number());
        let head = Head { epoch: self.ring.epoch, operation };
        let cell = self.sweep.summary.cell(piece.place);
        let (last, others) = (cell.last, cell.others.clone());
        let enough = self.ring.resilience().weak_quorum();
        let Some(visit) = self.visit() else { return };
        let waiting: BTreeSet<NodeId> =
            others.iter().copied().filter(|node| visit.helpful.contains(node)).collect();
        if waiting.len() < enough {
            effects.mark("dht.sweep.too_few");
            return self.end_sweep(now, SWEEP_PERIOD, effects);
        }
        for node in &waiting {
            let message = Message::ListNames(ListNames { head, first: piece.first, last });
            effects.send(Peer::Node(*node), Class::Bulk, message);
        }
        let page = Page { piece, pages: Pages::new() };
        visit.stage = Stage::Asking { page, operation, waiting };
        effects.arm(ServerTimer::Sweep, now.instant.after(SWEEP_WAIT));
    }

    /// A peer has listed; nothing if it refused.
    pub(in super::super) fn names(
        &mut self,
        now: Now,
        (asker, reply): (Asker, Option<Names>),
        effects: &mut ServerEffects,
    ) {
        if asker.head.epoch != self.ring.epoch {
            return;
        }
        let Round::Visiting(visit) = &mut self.sweep.round else { return };
        let Stage::Asking { page, operation, waiting } = &mut visit.stage else { return };
        let Peer::Node(node) = asker.peer else { return };
        if *operation != asker.head.operation || !waiting.remove(&node) {
            return;
        }
        let last = self.sweep.summary.cell(page.piece.place).last;
        match reply {
            Some(reply) if claims::is_page(&reply.held, (page.piece.first, last)) => {
                page.pages.insert(node, reply.held);
            }
            Some(_) | None => {
                effects.mark("dht.sweep.wrong_answer");
                visit.helpful.remove(&node);
            }
        }
        if waiting.is_empty() {
            self.listing_over(now, effects);
        }
    }

    /// The alarm of a visit: the others have had their time, or the next objects may be fetched.
    pub(super) fn listing_over(&mut self, now: Now, effects: &mut ServerEffects) {
        let Some(visit) = self.visit() else { return };
        match core::mem::replace(&mut visit.stage, Stage::Between) {
            Stage::Asking { page, waiting, .. } => {
                visit.helpful.retain(|node| !waiting.contains(node));
                self.list_own_page(now, page, effects);
            }
            Stage::Fetching(next) => {
                visit.stage = Stage::Fetching(next);
                self.fetch_more(now, effects);
            }
            Stage::Reading(_) | Stage::Between => self.end_sweep(now, SWEEP_PERIOD, effects),
        }
    }

    fn list_own_page(&mut self, now: Now, mut page: Page, effects: &mut ServerEffects) {
        let last = self.sweep.summary.cell(page.piece.place).last;
        let enough = self.ring.resilience().weak_quorum();
        let Some(visit) = self.visit() else { return };
        for node in claims::behind(&page.pages, last, enough) {
            let pages = visit.behind.entry(node).or_default();
            *pages += 1;
            if *pages > SWEEP_PAGES_BEHIND_MAX {
                effects.mark("dht.sweep.left_behind");
                visit.helpful.remove(&node);
                page.pages.remove(&node);
            }
        }
        let first = page.piece.first;
        visit.stage = Stage::Reading(page);
        self.list_own((first, last), Purpose::OwnPage, effects);
        effects.arm(ServerTimer::Sweep, now.instant.after(SWEEP_WAIT.times(8)));
    }

    /// The own page of a piece that the others have listed.
    pub(in super::super) fn own_page(
        &mut self,
        now: Now,
        held: Option<Vec<Held>>,
        effects: &mut ServerEffects,
    ) {
        let enough = self.ring.resilience().weak_quorum();
        let Round::Visiting(visit) = &mut self.sweep.round else { return };
        let Stage::Reading(page) = &visit.stage else { return };
        let Some(own) = held else {
            effects.mark("dht.sweep.unlisted");
            return self.end_sweep(now, SWEEP_PERIOD, effects);
        };
        let place = page.piece.place;
        let last = self.sweep.summary.cell(place).last;
        let reading = claims::read(&own, &page.pages, last, enough);
        visit.stage = Stage::Fetching(reading.next.map(|first| Piece { place, first }));
        visit.fetches.wanted = reading.wanted;
        self.fetch_more(now, effects);
    }

    /// Everything of this page was fetched, or given up for now.
    pub(super) fn page_over(&mut self, now: Now, effects: &mut ServerEffects) {
        let Some(visit) = self.visit() else { return };
        match visit.stage {
            Stage::Fetching(Some(piece)) => self.ask_names(now, piece, effects),
            Stage::Fetching(None) => self.visit_next_cell(now, effects),
            Stage::Between | Stage::Asking { .. } | Stage::Reading(_) => {}
        }
    }
}
