//! Random schedules: loss, repetition, any order, cut links, power failures in the middle of a
//! step, and a member that says what it likes. Then everything heals, and every call is answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_bft::message::{
    AckVector, Base, Checkpoint, CheckpointStatement, Cut, HashedCut, Message, NewView, Phase,
    PrePrepare, SignedProposal, Status, ViewChange, Vote,
};
use quorate_bft::{Output, Parameters};
use quorate_types::{Digest, Duration, LaneSeq, Peer, ReplicaId, Slot, View};

use crate::support::Cluster;

/// SplitMix64: one stream for each run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).expect("below a usize")
    }

    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn replica(&mut self) -> u16 {
        u16::try_from(self.below(4)).expect("below 4")
    }
}

/// Says in the end which run it was, if it fails.
struct Seed(u64);

impl Drop for Seed {
    #[expect(clippy::print_stderr, reason = "a failed run is found again by its seed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed schedule: seed {}", self.0);
        }
    }
}

struct Run {
    cluster: Cluster,
    random: Random,
    loss_percent: usize,
    crash_percent: usize,
    cut_percent: usize,
    lie_percent: usize,
    /// What the villain said, to be said again.
    said: Vec<Message>,
    tickets: Vec<u64>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let parameters = Parameters {
            checkpoint_interval: 2 + random.next() % 7,
            slots_in_flight: 1 + random.next() % 3,
            progress_timeout_max: Duration::from_secs(4),
            ..Parameters::default()
        };
        let mut cluster = Cluster::with(1, parameters);
        cluster.records_sent = false;
        cluster.sent.clear();
        cluster.villain = random.percent(70).then(|| random.replica());
        Self {
            loss_percent: random.below(25),
            crash_percent: random.below(4),
            cut_percent: random.below(4),
            lie_percent: [0, 5, 30, 60][random.below(4)],
            cluster,
            random,
            said: Vec::new(),
            tickets: Vec::new(),
        }
    }

    /// For a while the group is well, but for one member at most; or all is as bad as it gets.
    fn change_weather(&mut self) {
        self.cluster.heal();
        let is_calm = self.random.percent(50);
        self.loss_percent = if is_calm { 0 } else { self.random.below(25) };
        self.crash_percent = if is_calm { 0 } else { self.random.below(4) };
        self.cut_percent = if is_calm { 0 } else { self.random.below(4) };
        if is_calm {
            (0..4)
                .filter(|index| !self.cluster.runs(*index))
                .collect::<Vec<_>>()
                .into_iter()
                .for_each(|index| self.cluster.boot(index));
            let index = self.random.replica();
            self.cluster.isolate(index);
        }
    }

    fn act(&mut self) {
        if self.random.below(500) == 0 {
            self.change_weather();
        }
        if self.random.percent(4) && self.tickets.len() < 100 {
            let ticket = self.cluster.call(&format!("<{}>", self.tickets.len()));
            self.tickets.push(ticket);
        }
        if self.random.percent(self.crash_percent) {
            let (index, effects) = (self.random.replica(), self.random.below(12));
            match self.cluster.runs(index) {
                true => self.cluster.crash_after(index, effects),
                false => self.cluster.boot(index),
            }
        }
        if self.random.percent(self.cut_percent) {
            self.cut_or_heal();
        }
        if self.cluster.queue.is_empty() || self.random.percent(6) {
            let end = self.cluster.now.after(Duration::from_secs(60));
            self.cluster.pass_to_timer(end);
            return;
        }
        let index = self.random.below(self.cluster.queue.len().min(60));
        let Some((from, to, message)) = self.cluster.queue.remove(index) else { return };
        if self.random.percent(self.loss_percent / 2) {
            self.cluster.queue.push_back((from, to, message.clone()));
        }
        if !self.random.percent(self.loss_percent) {
            self.carry(from, to, message);
        }
    }

    fn cut_or_heal(&mut self) {
        match self.random.below(3) {
            0 => self.cluster.heal(),
            1 => {
                let index = self.random.replica();
                self.cluster.isolate(index);
            }
            _ => {
                let (from, to) = (self.random.replica(), self.random.replica());
                let link = (self.cluster.peer(from), self.cluster.peer(to));
                self.cluster.cut_links.insert(link);
            }
        }
    }

    fn carry(&mut self, from: Peer, to: Peer, message: Message) {
        let villain = self.cluster.villain.filter(|index| self.cluster.peer(*index) == from);
        let Some(villain) = villain else { return self.cluster.carry(from, to, message) };
        if self.said.len() < 500 {
            self.said.push(message.clone());
        }
        if !self.random.percent(self.lie_percent) {
            return self.cluster.carry(from, to, message);
        }
        match self.random.below(4) {
            0 => {}
            1 => {
                let index = self.random.below(self.said.len());
                self.cluster.carry(from, to, self.said[index].clone());
            }
            _ => {
                let lie = self.lie(villain, message);
                self.cluster.carry(from, to, lie);
            }
        }
    }

    /// Another message of the same kind, signed.
    fn lie(&mut self, villain: u16, message: Message) -> Message {
        let group = Arc::clone(&self.cluster.group);
        let signer = Arc::clone(&self.cluster.signers[usize::from(villain)]);
        let me = ReplicaId::new(villain);
        let digest = Digest::new([u8::try_from(self.random.below(3)).expect("small"); 32]);
        match message {
            Message::Prepare(vote) | Message::Commit(vote) if self.random.percent(30) => {
                let phase = if self.random.percent(50) { Phase::Prepare } else { Phase::Commit };
                let choice = (vote.view, vote.slot, digest);
                let vote = Vote::sign((phase, &group), choice, (me, &*signer));
                if phase == Phase::Prepare { Message::Prepare(vote) } else { Message::Commit(vote) }
            }
            Message::Prepare(vote) => {
                let choice = (vote.view, vote.slot, vote.digest);
                Message::Commit(Vote::sign((Phase::Commit, &group), choice, (me, &*signer)))
            }
            Message::PrePrepare(proposal) => {
                let mut cut = Cut::clone(&proposal.cut);
                match self.random.below(3) {
                    0 => cut.inline = None,
                    1 => drop(cut.rows.pop()),
                    _ => cut.slot = cut.slot.next(),
                }
                let cut = HashedCut::new(cut);
                let choice = (proposal.proposal.view, &cut);
                let proposal = SignedProposal::sign(&group, choice, &*signer);
                Message::PrePrepare(Arc::new(PrePrepare { proposal, cut, inline: None }))
            }
            Message::AckVector(vector) => {
                let mut tips = vector.tips.clone();
                let lane = self.random.below(tips.len());
                tips[lane].digest = digest;
                tips[lane].seq = tips[lane].seq.plus(self.random.next() % 3);
                Message::AckVector(Arc::new(AckVector::sign(
                    &group,
                    (me, vector.clock),
                    tips,
                    &*signer,
                )))
            }
            Message::ViewChange(change) => {
                let mut change = ViewChange::clone(&change);
                match self.random.below(2) {
                    0 => change.prepared.clear(),
                    _ => (change.base, change.prepared) = (Base::Start, Vec::new()),
                }
                Message::ViewChange(Arc::new(ViewChange::sign(&group, change, &*signer)))
            }
            Message::NewView(start) => {
                let mut changes = start.changes.clone();
                changes.reverse();
                if start.view.get() % 4 != u64::from(villain) {
                    return Message::NewView(start);
                }
                Message::NewView(Arc::new(NewView::sign(&group, start.view, changes, &*signer)))
            }
            Message::Checkpoint(checkpoint) => {
                let statement = CheckpointStatement { root: digest, ..checkpoint.statement };
                Message::Checkpoint(Checkpoint::sign(&group, statement, (me, &*signer)))
            }
            Message::Status(status) => {
                let far = status.committed.plus(self.random.next() % 20);
                let acknowledged = vec![LaneSeq::new(self.random.next() % 40); 4];
                let view = View::new(status.view.get() + self.random.next() % 3);
                let lie = Status { committed: far, floor: far, stable: far, ..status };
                Message::Status(Status { view, acknowledged, ..lie })
            }
            other => other,
        }
    }

    /// The group is healed, the villain alone goes on; every call is answered.
    fn heal_and_finish(&mut self) {
        self.cluster.heal();
        for index in 0..4 {
            self.cluster.crash_after(index, usize::MAX);
            if !self.cluster.runs(index) {
                self.cluster.boot(index);
            }
        }
        let is_silent = self.random.percent(50);
        if let Some(villain) = self.cluster.villain.filter(|_| is_silent) {
            self.cluster.crash(villain);
        }
        // Whoever has just restarted learns with it what it forgot.
        self.tickets.push(self.cluster.call(&format!("<{}>", self.tickets.len())));
        let end = self.cluster.now.after(Duration::from_secs(200));
        while !self.is_finished() {
            for _ in 0..5_000 {
                let Some((from, to, message)) = self.cluster.queue.pop_front() else { break };
                self.carry(from, to, message);
            }
            assert!(self.cluster.queue.is_empty(), "the group comes to rest");
            assert!(self.cluster.pass_to_timer(end), "every call is answered in time");
        }
    }

    fn correct(&self) -> impl Iterator<Item = u16> {
        let villain = self.cluster.villain;
        (0..4).filter(move |index| Some(*index) != villain)
    }

    fn is_finished(&self) -> bool {
        let are_answered =
            self.tickets.iter().all(|ticket| self.cluster.replies.contains_key(ticket));
        let mut slots = self.correct().map(|index| self.cluster.replica(index).executed_slot());
        let first = slots.next();
        are_answered && slots.all(|slot| Some(slot) == first)
    }

    /// BFT-6: decided cuts form one chain; BFT-3: each request is executed once.
    fn check(&self) {
        let mut decided: BTreeMap<Slot, Digest> = BTreeMap::new();
        for (replica, output) in &self.cluster.outputs {
            if Some(replica.get()) == self.cluster.villain {
                continue;
            }
            if let Output::Executed { slot, cut, .. } = output {
                let known = decided.entry(*slot).or_insert(*cut);
                assert_eq!(known, cut, "BFT-6: {replica} executes another cut at {slot}");
            }
            assert!(!matches!(output, Output::Diverged(_)), "one state after one order");
            if let Output::Evidence(told) = output {
                let villain = self.cluster.villain.map(|villain| self.cluster.peer(villain));
                assert_eq!(
                    Some(Peer::Node(told.by)),
                    villain,
                    "BFT-15: who lies not is convicted by nobody"
                );
            }
        }
        let journals: Vec<String> =
            self.correct().map(|index| self.cluster.journal(index)).collect();
        assert!(journals.windows(2).all(|pair| pair[0] == pair[1]), "one state");
        for number in 0..self.tickets.len() {
            let count = journals[0].matches(&format!("<{number}>;")).count();
            assert_eq!(count, 1, "BFT-3: request {number} is executed once");
        }
    }
}

fn run(seed: u64, steps: usize) -> Run {
    let _seed = Seed(seed);
    let mut run = Run::new(seed);
    for _ in 0..steps {
        run.act();
    }
    run.heal_and_finish();
    run.check();
    run
}

#[test]
fn every_call_is_answered_once_after_any_schedule() {
    let mut marks: BTreeMap<&'static str, u64> = BTreeMap::new();
    for seed in 0..60 {
        for (mark, count) in run(seed, 3_000).cluster.marks {
            *marks.entry(mark).or_default() += count;
        }
    }
    for mark in [
        "bft.prepared_again",
        "bft.view_started",
        "bft.view_entered_by_accusation",
        "bft.state_installed",
        "bft.checkpoint_stable",
        "bft.slots_learned",
        "bft.proposal_fetched",
        "bft.batch_fetched",
        "bft.double_vote",
    ] {
        assert!(marks.get(mark).copied().unwrap_or(0) >= 3, "the schedules never reach {mark}");
    }
}
