//! One replica that runs, and three others whose keys the test holds: it tells the replica what is
//! decided and which states are certified, step by step.

use std::sync::Arc;

use quorate_bft::limits::{LANE_QUOTA_BATCHES, LANE_WINDOW_BATCHES};
use quorate_bft::message::{
    Base, Batch, Checkpoint, CheckpointCertificate, CheckpointStatement, Cut, FetchBatches,
    FetchSlots, HashedCut, Message, Slots, StateChunk, Tip,
};
use quorate_bft::{Parameters, Record};
use quorate_crypto::Certificate;
use quorate_state::Map;
use quorate_types::{Digest, Duration, Peer, ReplicaId, Slot};

use crate::forge::{ORIGIN, tip_of};
use crate::support::Cluster;

/// The replica that runs; it leads neither view 0 nor view 1.
pub(crate) const ME: u16 = 3;
/// Those that the test plays.
pub(crate) const OTHERS: [u16; 3] = [0, 1, 2];

/// The replica, and what it was told.
pub(crate) struct Follower {
    pub(crate) cluster: Cluster,
    /// The last cut that it was told is decided.
    pub(crate) last: HashedCut,
    /// The end of lane 2, of which the slots are made that are about nothing else.
    tip: Tip,
    /// The view in which cuts are decided.
    pub(crate) view: u64,
    /// Those who sign what the replica says of its state.
    pub(crate) vouchers: &'static [u16],
}

/// Checkpoints after so many slots.
pub(crate) fn every(checkpoint_interval: u64) -> Parameters {
    Parameters { checkpoint_interval, ..Parameters::default() }
}

impl Follower {
    pub(crate) fn new(parameters: Parameters) -> Self {
        let mut cluster = Cluster::silent(parameters);
        OTHERS.iter().for_each(|other| cluster.crash(*other));
        let (last, tip) = (cluster.origin_cut(), cluster.origin_tip(2));
        Self { cluster, last, tip, view: 0, vouchers: &OTHERS }
    }

    /// One of the others says something.
    pub(crate) fn say(&mut self, message: Message) {
        let from = self.cluster.peer(2);
        assert!(self.cluster.deliver(from, ME, message), "its signatures are good");
        self.cluster.settle();
    }

    /// A cut that orders one more batch of a lane, proven by the others.
    pub(crate) fn cut(&self, parent: &HashedCut, batch: &Batch) -> HashedCut {
        let mut cut = Cut::clone(&self.cluster.cut_with(parent, batch));
        cut.rows = OTHERS.map(|from| self.cluster.vector(from, &cut.tips)).to_vec();
        HashedCut::new(cut)
    }

    /// These cuts are decided, as the votes on the last of them show.
    pub(crate) fn decide(&mut self, cuts: Vec<HashedCut>) {
        self.last = cuts.last().expect("a decision is about something").clone();
        let certificate = self.cluster.committed(&OTHERS, (self.view, &self.last));
        self.say(Message::Slots(Arc::new(Slots { cuts, certificate })));
    }

    /// A batch of lane 2 and the cut behind `parent` that orders it.
    pub(crate) fn next_slot(&mut self, parent: &HashedCut) -> (HashedCut, Arc<Batch>) {
        let batch = self.cluster.batch(2, self.tip, "x");
        self.tip = tip_of(&batch);
        (self.cut(parent, &batch), batch)
    }

    /// The next slot is decided and executed, and its state certified where that is due.
    pub(crate) fn slot(&mut self) -> Arc<Batch> {
        let (cut, batch) = self.next_slot(&self.last.clone());
        self.decide(vec![cut]);
        self.say(Message::Batch(Arc::clone(&batch)));
        assert_eq!(self.executed(), self.last.slot);
        self.certify();
        batch
    }

    /// The others sign what the replica said last of its state.
    pub(crate) fn certify(&mut self) {
        let said = self.cluster.sent_by(ME).filter_map(|(_, _, message)| match message {
            Message::Checkpoint(checkpoint) => Some(checkpoint.statement),
            _ => None,
        });
        if let Some(statement) = said.last() {
            self.certify_as(statement);
        }
    }

    fn certify_as(&mut self, statement: CheckpointStatement) {
        for &from in self.vouchers {
            let signer = (ReplicaId::new(from), &*self.cluster.signers[usize::from(from)]);
            let checkpoint = Checkpoint::sign(&self.cluster.group, statement, signer);
            let own = self.cluster.peer(from);
            assert!(self.cluster.deliver(own, ME, Message::Checkpoint(checkpoint)));
            self.cluster.settle();
        }
    }

    /// Goes on until two more checkpoints are stable, so that what was recorded before is released.
    pub(crate) fn outlive_what_was_recorded(&mut self) {
        let interval = self.cluster.parameters.checkpoint_interval;
        let (first, before) = (self.last.slot, self.cluster.mark("bft.checkpoint_stable"));
        while self.cluster.mark("bft.checkpoint_stable") < before + 2 {
            assert!(self.last.slot.since(first) < 3 * interval, "checkpoints become stable");
            self.slot();
        }
        assert!(matches!(self.first_record(), Record::Checkpoint { .. }), "the rest is released");
    }

    pub(crate) fn first_record(&self) -> &Record {
        self.cluster.records(ME).next().expect("the log is not empty")
    }

    /// The process dies and begins again from its disk.
    pub(crate) fn restart(&mut self) {
        self.cluster.crash(ME);
        self.cluster.restart(ME);
    }

    pub(crate) fn executed(&self) -> Slot {
        self.cluster.replica(ME).executed_slot()
    }

    /// What the replica last said that it holds of a lane.
    pub(crate) fn acknowledged(&mut self, lane: usize) -> Option<Tip> {
        self.cluster.pass(Duration::from_millis(20));
        let tips = self.cluster.sent_by(ME).filter_map(|(_, _, message)| match message {
            Message::AckVector(vector) => Some(vector.tips[lane]),
            _ => None,
        });
        tips.last()
    }

    /// What the replica answers.
    pub(crate) fn answers(&mut self, message: Message) -> Vec<Message> {
        self.cluster.sent.clear();
        self.say(message);
        self.cluster.sent_by(ME).map(|(_, _, message)| message.clone()).collect()
    }

    /// Does it serve this batch?
    pub(crate) fn serves(&mut self, digest: Digest) -> bool {
        let fetch = Message::FetchBatches(FetchBatches { digests: vec![digest] });
        let is_asked = |message: &Message| match message {
            Message::Batch(batch) => batch.digest() == digest,
            _ => false,
        };
        self.answers(fetch).iter().any(is_asked)
    }

    /// The decided slots that it serves above one.
    pub(crate) fn slots_above(&mut self, above: u64) -> Vec<u64> {
        let fetch = Message::FetchSlots(FetchSlots { above: Slot::new(above) });
        let slots = |message| match message {
            Message::Slots(slots) => slots.cuts.iter().map(|cut| cut.slot.get()).collect(),
            _ => Vec::new(),
        };
        self.answers(fetch).into_iter().flat_map(slots).collect()
    }

    /// The others certify a state far ahead. Returns its parts' beginning, and who is asked for it.
    pub(crate) fn certify_ahead(&mut self, cut: &HashedCut) -> (StateChunk, Option<Peer>) {
        let part = self.state_after(cut);
        self.cluster.sent.clear();
        self.certify_as(part.certificate.statement);
        let source = self.cluster.next_fetch_of_state();
        (part, source)
    }

    /// A certified state after this cut, in one part.
    pub(crate) fn state_after(&self, cut: &HashedCut) -> StateChunk {
        let mut state = Map::new();
        state.insert(b"\x02journal", format!("{};", cut.slot).as_bytes());
        let (slot, digest, root) = (cut.slot, cut.digest(), state.root());
        let statement =
            CheckpointStatement { slot, cut: digest, time: ORIGIN, root, is_last: false };
        let said = OTHERS.map(|from| {
            let signer = (ReplicaId::new(from), &*self.cluster.signers[usize::from(from)]);
            Checkpoint::sign(&self.cluster.group, statement, signer)
        });
        let certificate = Certificate::new(said.map(|one| (one.from, one.signature)));
        let certificate = CheckpointCertificate { statement, certificate };
        StateChunk { certificate, cut: cut.clone(), chunk: state.snapshot().chunk(None, 1_000) }
    }

    /// The replica gets the state after this cut from somebody.
    pub(crate) fn install(&mut self, cut: &HashedCut) {
        let (part, source) = self.certify_ahead(cut);
        let source = source.expect("somebody is asked for the state");
        assert!(self.cluster.deliver(source, ME, Message::StateChunk(Arc::new(part))));
        self.cluster.settle();
        assert!(self.executed() >= cut.slot, "the state is installed");
        if self.last.slot < cut.slot {
            self.last = cut.clone();
            self.tip = cut.tips[2];
        }
    }

    /// A cut of this slot behind one that nobody here knows, with these tips.
    pub(crate) fn distant(&self, slot: u64, tips: &[Tip]) -> HashedCut {
        let (slot, parent) = (Slot::new(slot), Digest::new([7; 32]));
        let (tips, links) = (tips.to_vec(), vec![Vec::new(); tips.len()]);
        HashedCut::new(Cut { slot, parent, tips, links, ..Cut::origin(&self.cluster.group) })
    }

    /// View 1 starts, in which nothing of view 0 counts.
    pub(crate) fn start_view_1(&mut self) {
        let change = |from| self.cluster.change(from, 1, (Base::Start, Vec::new()));
        let changes = OTHERS.map(change).to_vec();
        self.say(self.cluster.new_view(1, changes));
        self.view = 1;
    }

    /// Two batches that may stand at one position of a lane.
    pub(crate) fn rivals(&self, lane: u16, previous: Option<&Batch>) -> [Arc<Batch>; 2] {
        let tip = previous.map_or_else(|| self.cluster.origin_tip(lane), tip_of);
        ["ours", "other"].map(|content| self.cluster.batch(lane, tip, content))
    }

    /// The replica votes for a cut of the first slot with the second batch of lane 0 inside,
    /// without the first. Returns the first, the second, and another second.
    pub(crate) fn promise_behind_a_gap(&mut self) -> [Arc<Batch>; 3] {
        let gap = self.cluster.batch(0, self.cluster.origin_tip(0), "x");
        let [ours, other] = self.rivals(0, Some(&gap));
        let mut cut = Cut::clone(&self.cut(&self.last, &gap));
        cut.inline = Some(ours.header);
        self.say(self.cluster.proposal(0, &HashedCut::new(cut), Some(Arc::clone(&ours))));
        assert_eq!(self.cluster.mark("bft.accepted"), 1, "its vote is the promise");
        [gap, ours, other]
    }

    /// The replica acknowledges two batches of lane 1, whose owner has made others.
    pub(crate) fn fork(&mut self) -> Fork {
        let [left, taken] = self.rivals(1, None);
        let end = self.cluster.batch(1, tip_of(&left), "x");
        self.say(Message::Batch(left));
        self.say(Message::Batch(Arc::clone(&end)));
        Fork { end, taken }
    }

    /// The replica votes for four cuts in a row: two that order as many batches of lane 0 as its
    /// window holds, one of another lane, and one with the next batch of lane 0 inside.
    pub(crate) fn accept_beyond_the_window(&mut self) -> Beyond {
        const { assert!(LANE_WINDOW_BATCHES == 2 * LANE_QUOTA_BATCHES, "two cuts fill it") };
        let (mut tip, mut batches) = (self.cluster.origin_tip(0), Vec::new());
        for _ in 0..LANE_WINDOW_BATCHES {
            let batch = self.cluster.batch(0, tip, "x");
            tip = tip_of(&batch);
            batches.push(batch);
        }
        let mut cuts = Vec::new();
        for quota in batches.chunks(batches.len() / 2) {
            let parent = cuts.last().unwrap_or(&self.last).clone();
            let mut cut = Cut::clone(&self.cut(&parent, &quota[quota.len() - 1]));
            cut.links[0] = quota.iter().map(|batch| batch.header.header.body).collect();
            cuts.push(HashedCut::new(cut));
        }
        let between = self.cluster.batch(1, self.cluster.origin_tip(1), "x");
        cuts.push(self.cut(&cuts[1], &between));
        for cut in &cuts {
            self.say(self.cluster.proposal(0, cut, None));
        }
        let inline = self.cluster.batch(0, tip, "ours");
        let cut = self.cluster.cut_inline(&cuts[2], &inline);
        self.say(self.cluster.proposal(0, &cut, Some(Arc::clone(&inline))));
        assert_eq!(self.cluster.mark("bft.accepted"), 4, "the last of them beyond the window");
        Beyond { cuts, batches, inline }
    }
}

/// A lane that its owner forked.
pub(crate) struct Fork {
    /// The end of the branch that the replica acknowledges.
    pub(crate) end: Arc<Batch>,
    /// The first batch of the other branch.
    pub(crate) taken: Arc<Batch>,
}

/// A batch beyond the window of lane 0, for which the replica voted.
pub(crate) struct Beyond {
    /// The cuts before the one with the batch inside.
    pub(crate) cuts: Vec<HashedCut>,
    /// The batches of lane 0 before it.
    pub(crate) batches: Vec<Arc<Batch>>,
    pub(crate) inline: Arc<Batch>,
}
