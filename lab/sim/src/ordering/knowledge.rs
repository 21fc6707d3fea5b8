//! What the replicas' disks hold, as the checkers of the engine need to know it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use quorate_bft::Record;
use quorate_bft::message::{Base, Batch, HashedCut, Tip};
use quorate_machine::RecordNumber;
use quorate_types::{Digest, GroupConfiguration, LaneSeq};

use crate::fast::FastMap;

/// What one disk says, or said at some time of its life.
#[derive(Default, Debug)]
pub(super) struct Facts {
    /// By slot: the last view in which a cut was accepted, and the cut.
    pub(super) accepted: BTreeMap<u64, (u64, Digest)>,
    /// By slot: the highest view in which a cut was prepared, and the cut.
    pub(super) prepared: BTreeMap<u64, (u64, Digest)>,
    /// By view and slot: every cut that was accepted.
    pub(super) ever_accepted: FastMap<(u64, u64), Digest>,
    /// By view and slot: every cut that was prepared.
    pub(super) ever_prepared: FastMap<(u64, u64), Digest>,
    /// The highest view that was entered.
    pub(super) view: u64,
    /// By lane, position and digest: the digest of the batch before.
    pub(super) batches: FastMap<(u16, u64, Digest), Digest>,
    /// By lane: the highest position of which a batch is held.
    pub(super) batches_upto: FastMap<u16, u64>,
    /// Slots and roots of states.
    pub(super) states: FastMap<(u64, Digest), ()>,
    /// The slot and the frontier of the state that is held.
    pub(super) image: Option<(u64, Vec<Tip>)>,
    /// The highest slot that the records prove decided.
    pub(super) proven: u64,
}

impl Facts {
    fn note_batch(&mut self, batch: &Batch) {
        let header = &batch.header.header;
        let (lane, seq) = (header.lane.get(), header.seq.get());
        self.batches.insert((lane, seq, batch.digest()), header.previous);
        let upto = self.batches_upto.entry(lane).or_insert(seq);
        *upto = seq.max(*upto);
    }

    fn note_base(&mut self, base: &Base) {
        let slot = match base {
            Base::Start => 0,
            Base::Committed { cut, .. } | Base::Checkpoint { cut, .. } => cut.slot.get(),
        };
        self.proven = self.proven.max(slot);
    }

    fn note(&mut self, record: &Record) {
        match record {
            Record::Batch(batch) => self.note_batch(batch),
            Record::Accepted { view, cut, inline, parent } => {
                let (view, slot) = (view.get(), cut.slot.get());
                self.accepted.insert(slot, (view, cut.digest()));
                self.ever_accepted.insert((view, slot), cut.digest());
                inline.iter().for_each(|batch| self.note_batch(batch));
                let proven = parent.as_ref().map_or(0, |certificate| certificate.slot.get());
                self.proven = self.proven.max(proven);
            }
            Record::Prepared { certificate, cut } => {
                let (view, slot) = (certificate.view.get(), cut.slot.get());
                self.prepared.insert(slot, (view, cut.digest()));
                self.ever_prepared.insert((view, slot), cut.digest());
            }
            Record::ViewChange(change) => {
                self.view = self.view.max(change.view.get());
                self.note_base(&change.base);
            }
            Record::NewView(_) | Record::Stable(_) => {}
            Record::Checkpoint { statement, cut, proof, .. } => {
                self.states.insert((statement.slot.get(), statement.root), ());
                self.image = Some((cut.slot.get(), cut.frontier()));
                self.note_base(proof);
            }
            Record::Inherited { statement, cut, .. } => {
                self.states.insert((statement.slot.get(), statement.root), ());
                self.image = Some((cut.slot.get(), cut.frontier()));
            }
            Record::Installed { certificate, cut, .. } => {
                let statement = &certificate.statement;
                self.states.insert((statement.slot.get(), statement.root), ());
                self.image = Some((cut.slot.get(), cut.frontier()));
                self.proven = self.proven.max(cut.slot.get());
            }
        }
    }

    /// Does the disk hold this decision, or a state behind it?
    pub(super) fn holds(&self, slot: u64, cut: Digest) -> bool {
        let is_it = |known: Option<&(u64, Digest)>| known.is_some_and(|(_, known)| *known == cut);
        self.image.as_ref().is_some_and(|(upto, _)| *upto >= slot)
            || is_it(self.accepted.get(&slot))
            || is_it(self.prepared.get(&slot))
    }
}

/// What all disks hold.
#[derive(Debug)]
pub(super) struct Knowledge {
    /// By replica: everything that was ever durable.
    pub(super) ever: Vec<Facts>,
    /// By replica: what it found when it began its present life.
    pub(super) found: Vec<Facts>,
    /// The frontier of every cut that was seen in a record.
    pub(super) frontiers: FastMap<Digest, Vec<Tip>>,
    /// By replica: the cut that it executed last.
    pub(super) executed: Vec<Digest>,
    /// What replicas said when it was the end of what was decided in a lane.
    said_decided: BTreeSet<(usize, usize, Tip)>,
}

/// Knowledge that the host and several checkers share.
pub(super) type Shared = Rc<RefCell<Knowledge>>;

impl Knowledge {
    pub(super) fn new(group: &GroupConfiguration) -> Shared {
        let replicas = group.members.len();
        let facts = || (0..replicas).map(|_| Facts::default()).collect();
        let origin = HashedCut::origin(group);
        let mut frontiers = FastMap::default();
        frontiers.insert(origin.digest(), origin.frontier());
        let executed = vec![origin.digest(); replicas];
        let (ever, found, said_decided) = (facts(), facts(), BTreeSet::new());
        Rc::new(RefCell::new(Self { ever, found, frontiers, executed, said_decided }))
    }

    /// Is what the replica says now the end of what it executed in a lane, or of the state that it
    /// holds, or was it that when it said so first? A message is sent again as it was made.
    fn is_decided(&mut self, replica: usize, (lane, tip): (usize, Tip)) -> bool {
        let image = self.ever[replica].image.as_ref().map(|(_, frontier)| frontier);
        let executed = self.frontiers.get(&self.executed[replica]);
        if [image, executed].into_iter().flatten().any(|frontier| frontier[lane] == tip) {
            self.said_decided.insert((replica, lane, tip));
        }
        self.said_decided.contains(&(replica, lane, tip))
    }

    /// What a tip says that the replica holds in a lane: each batch from there down to the end of
    /// what it executed. That end is no promise, whatever was acknowledged before.
    pub(super) fn held(&mut self, replica: usize, (lane, tip): (usize, Tip)) -> Vec<Tip> {
        let mut held = Vec::new();
        let mut next = Some(tip).filter(|tip| !self.is_decided(replica, (lane, *tip)));
        let executed = self.frontiers.get(&self.executed[replica]);
        let image = self.ever[replica].image.as_ref().map(|(_, frontier)| frontier);
        let ends = [image, executed].into_iter().flatten().map(|frontier| frontier[lane].seq);
        let end = ends.max().unwrap_or(LaneSeq::ZERO);
        let number = u16::try_from(lane).expect("a group has at most 64 lanes");
        while let Some(tip) = next {
            held.push(tip);
            let place = (number, tip.seq.get(), tip.digest);
            let previous = self.ever[replica].batches.get(&place).copied();
            let before = previous.zip(tip.seq.get().checked_sub(1));
            let before = before.map(|(digest, seq)| Tip { seq: LaneSeq::new(seq), digest });
            next = before.filter(|before| before.seq > end);
        }
        held
    }

    /// A record is durable.
    pub(super) fn note(&mut self, replica: usize, record: &Record) {
        if let Record::Accepted { cut, .. }
        | Record::Prepared { cut, .. }
        | Record::Checkpoint { cut, .. }
        | Record::Installed { cut, .. } = record
        {
            self.frontiers.entry(cut.digest()).or_insert_with(|| cut.frontier());
        }
        self.ever[replica].note(record);
    }

    /// A replica begins a life with these records; some of them it may never have been told of.
    pub(super) fn begin(&mut self, replica: usize, records: &[(RecordNumber, Arc<Record>)]) {
        let mut found = Facts::default();
        for (_, record) in records {
            found.note(record);
            self.note(replica, record);
        }
        self.found[replica] = found;
        // What it sends again it has made in this life.
        self.said_decided.retain(|(of, _, _)| *of != replica);
    }
}
