//! The toy's replica: proposes if it leads, votes once in each slot, executes what is decided.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use quorate_crypto::Signer;
use quorate_machine::{Class, Effects, Input, RecordNumber};
use quorate_types::{
    ClientId, Digest, Duration, GroupConfiguration, Instant, Now, Peer, ReplicaId,
};

use super::message::{LEADER, Proof};
use super::{Body, Bug, Message, Output, Record, Snapshot, Timer, ToyMachine};

/// Time between two status messages.
const STATUS: Duration = Duration::from_millis(50);
/// Time between two answers to one peer, at least: after a pause all its statuses come at once.
const ANSWER_INTERVAL: Duration = STATUS.halved();
/// Decided slots sent in answer to one status.
const ANSWER_SLOTS_MAX: u64 = 64;
/// Slots above the executed ones in which a replica takes part.
pub(super) const WINDOW_SLOTS: u64 = 512;
/// Requests that a replica knows of and has not seen executed.
pub(super) const WAITING_MAX: usize = 256;
/// Records between two snapshots.
const SNAPSHOT_RECORDS: u64 = 512;

type Out = Effects<ToyMachine>;
type RequestName = (ClientId, u64);

#[derive(Debug, Default)]
struct SlotState {
    /// The proposal that it voted for.
    voted: Option<(Digest, Arc<Message>)>,
    vote: Option<Arc<Message>>,
    votes: Vec<(ReplicaId, Digest, Arc<Message>)>,
    /// That it is decided, from somebody who is ahead: links need not keep the order of slots.
    proof: Option<Proof>,
}

/// A replica.
#[derive(Debug)]
pub struct Replica {
    id: ReplicaId,
    group: Arc<GroupConfiguration>,
    others: Arc<[Peer]>,
    signer: Arc<dyn Signer>,
    bug: Option<Bug>,
    slots: BTreeMap<u64, SlotState>,
    /// Slot `i` of the history is slot `i` of the log: all that were executed.
    decided: Vec<Proof>,
    /// The history as messages for those who are behind.
    answers: Vec<Arc<Message>>,
    /// When it last answered the status of a peer.
    answered: BTreeMap<Peer, Instant>,
    position: u64,
    executed: BTreeMap<RequestName, u64>,
    proposed: BTreeSet<RequestName>,
    waiting: BTreeSet<RequestName>,
    last_record: u64,
    last_snapshot: u64,
}

impl Replica {
    /// A replica from what its log holds.
    #[must_use]
    pub fn new(
        (id, group): (ReplicaId, Arc<GroupConfiguration>),
        signer: Arc<dyn Signer>,
        bug: Option<Bug>,
        records: Vec<(RecordNumber, Record)>,
    ) -> Self {
        let others = group.resilience.members().filter(|&other| other != id);
        let others = others.map(|other| group.peer(other)).collect();
        let mut replica = Self {
            id,
            group,
            others,
            signer,
            bug,
            slots: BTreeMap::new(),
            decided: Vec::new(),
            answers: Vec::new(),
            answered: BTreeMap::new(),
            position: 0,
            executed: BTreeMap::new(),
            proposed: BTreeSet::new(),
            waiting: BTreeSet::new(),
            last_record: 0,
            last_snapshot: 0,
        };
        for (number, record) in records {
            replica.last_record = number.get();
            replica.recover(number.get(), record);
        }
        replica
    }

    /// Entries of its tables that are not history.
    #[must_use]
    pub fn live_items(&self) -> usize {
        self.slots.len() + self.waiting.len()
    }

    fn recover(&mut self, number: u64, record: Record) {
        match record {
            Record::Voted(proposal) => self.recover_vote(proposal),
            Record::Decided(proof) => {
                if proof.proposal.slot() == Some(self.decided.len() as u64) {
                    self.apply(proof);
                }
            }
            Record::Snapshot(snapshot) => {
                self.last_snapshot = number;
                let known = self.decided.len();
                for proof in snapshot.decided.iter().skip(known) {
                    self.apply(proof.clone());
                }
                for proposal in &snapshot.voted {
                    self.recover_vote(Arc::clone(proposal));
                }
            }
        }
    }

    fn recover_vote(&mut self, proposal: Arc<Message>) {
        let Body::Propose { slot, request } = &proposal.body else { return };
        // A snapshot repeats the records behind which it was made: a vote counts once.
        let is_known = self.slots.get(slot).is_some_and(|state| state.voted.is_some());
        if *slot < self.decided.len() as u64 || is_known {
            return;
        }
        self.proposed.insert(name_of(request));
        let slot = *slot;
        let digest = proposal.body.digest();
        let vote = self.vote(slot, digest);
        let state = self.slots.entry(slot).or_default();
        state.voted = Some((digest, proposal));
        state.votes.push((self.id, digest, Arc::clone(&vote)));
        state.vote = Some(vote);
    }

    fn vote(&self, slot: u64, proposal: Digest) -> Arc<Message> {
        Body::Vote { slot, replica: self.id, proposal }.signed(&*self.signer)
    }

    pub(super) fn step(&mut self, now: Now, input: Input<ToyMachine>, out: &mut Out) {
        match input {
            Input::Start => {
                if self.bug == Some(Bug::ExecuteTwice)
                    && let Some(proof) = self.decided.last().cloned()
                {
                    let (position, request) = self.apply_request(&proof);
                    let slot = self.decided.len() as u64 - 1;
                    out.emit(Output::Executed { slot, position, request });
                }
                out.arm(Timer::Status, now.instant.after(STATUS));
            }
            Input::Expired(_) => self.on_status_timer(now, out),
            Input::Deliver { from, message } => self.on_message(now, from, &message, out),
            Input::Request(_) => {}
        }
    }

    fn on_message(&mut self, now: Now, from: Peer, message: &Arc<Message>, out: &mut Out) {
        match &message.body {
            Body::Request { .. } => self.on_request(message, out),
            Body::Propose { slot, .. } => {
                let slot = *slot;
                self.on_proposal(slot, message, out);
            }
            Body::Vote { slot, replica, proposal } => {
                let (slot, voter) = (*slot, (*replica, *proposal));
                self.on_vote(slot, voter, message, out);
            }
            Body::Decided { proposal, votes } => self.on_decided(proposal, votes, out),
            Body::Status { executed } => self.on_status(now, from, *executed, out),
            Body::Reply { .. } => {}
        }
    }

    fn on_request(&mut self, request: &Arc<Message>, out: &mut Out) {
        let name = name_of(request);
        if let Some(&position) = self.executed.get(&name)
            && self.bug != Some(Bug::NoDeduplication)
        {
            out.mark("toy-reply-again");
            let reply = Body::Reply { number: name.1, position }.unsigned();
            out.send(Peer::Client(name.0), Class::Ordered, reply);
            return;
        }
        if self.waiting.len() < WAITING_MAX || self.bug == Some(Bug::Hoarding) {
            self.waiting.insert(name);
        }
        let is_known = self.proposed.contains(&name) && self.bug != Some(Bug::NoDeduplication);
        if self.id != LEADER || is_known || self.slots.len() as u64 >= WINDOW_SLOTS {
            return;
        }
        let unused = self.slots.last_key_value().map_or(0, |(slot, _)| slot + 1);
        let slot = unused.max(self.decided.len() as u64);
        let body = Body::Propose { slot, request: Arc::clone(request) };
        let proposal = body.signed(&*self.signer);
        self.cast_vote(slot, &proposal, out);
    }

    fn on_proposal(&mut self, slot: u64, proposal: &Arc<Message>, out: &mut Out) {
        let first = self.decided.len() as u64;
        let in_window = (first..first + WINDOW_SLOTS).contains(&slot);
        let has_voted = self.slots.get(&slot).is_some_and(|state| state.voted.is_some());
        if !in_window || has_voted {
            return;
        }
        self.cast_vote(slot, proposal, out);
    }

    /// Votes for a proposal; the leader's first vote spreads it.
    fn cast_vote(&mut self, slot: u64, proposal: &Arc<Message>, out: &mut Out) {
        let digest = proposal.body.digest();
        let vote = self.vote(slot, digest);
        if let Body::Propose { request, .. } = &proposal.body {
            self.proposed.insert(name_of(request));
        }
        let state = self.slots.entry(slot).or_default();
        assert!(state.voted.is_none(), "TOY-1: a second vote in slot {slot}");
        state.voted = Some((digest, Arc::clone(proposal)));
        state.votes.push((self.id, digest, Arc::clone(&vote)));
        state.vote = Some(Arc::clone(&vote));
        if self.bug != Some(Bug::VoteBeforePersist) {
            self.persist(Record::Voted(Arc::clone(proposal)), out);
        }
        if self.id == LEADER {
            out.send_each(&self.others, Class::Control, Arc::clone(proposal));
        }
        out.send_each(&self.others, Class::Control, vote);
        if self.bug == Some(Bug::VoteBeforePersist) {
            self.persist(Record::Voted(Arc::clone(proposal)), out);
        }
        self.execute(out);
    }

    fn on_vote(
        &mut self,
        slot: u64,
        (replica, digest): (ReplicaId, Digest),
        vote: &Arc<Message>,
        out: &mut Out,
    ) {
        let first = self.decided.len() as u64;
        if !(first..first + WINDOW_SLOTS).contains(&slot) {
            return;
        }
        let state = self.slots.entry(slot).or_default();
        let is_known = state.votes.iter().any(|(known, _, _)| *known == replica);
        if is_known && self.bug != Some(Bug::DuplicateVotes) {
            return;
        }
        if state.votes.len() < self.group.resilience.replicas() {
            state.votes.push((replica, digest, Arc::clone(vote)));
        }
        self.execute(out);
    }

    fn on_decided(&mut self, proposal: &Arc<Message>, votes: &[Arc<Message>], out: &mut Out) {
        let first = self.decided.len() as u64;
        let window = first..first + WINDOW_SLOTS;
        let Some(of) = proposal.slot().filter(|slot| window.contains(slot)) else { return };
        let digest = proposal.body.digest();
        let voters = votes.iter().filter_map(|vote| {
            let Body::Vote { slot, replica, proposal } = vote.body else { return None };
            (slot == of && proposal == digest).then_some(replica)
        });
        if voters.collect::<BTreeSet<_>>().len() < self.quorum() {
            return;
        }
        out.mark("toy-catch-up");
        let proof = Proof { proposal: Arc::clone(proposal), votes: votes.to_vec() };
        self.slots.entry(of).or_default().proof = Some(proof);
        self.execute(out);
    }

    /// Executes what is decided, in order.
    fn execute(&mut self, out: &mut Out) {
        while let Some(proof) = self.next_decided() {
            self.decide(proof, out);
        }
    }

    fn next_decided(&self) -> Option<Proof> {
        let state = self.slots.get(&(self.decided.len() as u64))?;
        if let Some(proof) = &state.proof {
            return Some(proof.clone());
        }
        let (digest, proposal) = state.voted.as_ref()?;
        let matching = state.votes.iter().filter(|(_, voted, _)| voted == digest);
        let votes: Vec<_> = matching.map(|(_, _, vote)| Arc::clone(vote)).collect();
        (votes.len() >= self.quorum()).then(|| Proof { proposal: Arc::clone(proposal), votes })
    }

    fn quorum(&self) -> usize {
        let quorum = self.group.resilience.quorum();
        if self.bug == Some(Bug::ShortQuorum) { quorum - 1 } else { quorum }
    }

    fn decide(&mut self, proof: Proof, out: &mut Out) {
        let slot = self.decided.len() as u64;
        self.persist(Record::Decided(proof.clone()), out);
        let (position, request) = self.apply(proof);
        let (client, number) = name_of(&request);
        out.emit(Output::Executed { slot, position, request });
        let reply = Body::Reply { number, position }.unsigned();
        out.send(Peer::Client(client), Class::Ordered, reply);
        self.snapshot(out);
    }

    /// TOY-2: a slot becomes history; the same when it happens and when the log is read again.
    fn apply(&mut self, proof: Proof) -> (u64, Arc<Message>) {
        let slot = self.decided.len() as u64;
        assert!(proof.proposal.slot() == Some(slot), "TOY-2: slot {slot} is next");
        let applied = self.apply_request(&proof);
        self.slots.remove(&slot);
        let Proof { proposal, votes } = proof.clone();
        self.answers.push(Body::Decided { proposal, votes }.unsigned());
        self.decided.push(proof);
        applied
    }

    fn apply_request(&mut self, proof: &Proof) -> (u64, Arc<Message>) {
        let Body::Propose { request, .. } = &proof.proposal.body else {
            unreachable!("TOY-2: only proposals are decided");
        };
        let name = name_of(request);
        let may_repeat = matches!(self.bug, Some(Bug::ExecuteTwice | Bug::NoDeduplication));
        let before = self.executed.get(&name).copied();
        if let Some(position) = before.filter(|_| !may_repeat) {
            // A Byzantine leader may put a request into two slots; the second does nothing.
            return (position, Arc::clone(request));
        }
        let position = self.position;
        self.position += 1;
        self.executed.insert(name, position);
        self.proposed.remove(&name);
        if self.bug != Some(Bug::Hoarding) {
            self.waiting.remove(&name);
        }
        (position, Arc::clone(request))
    }

    fn persist(&mut self, record: Record, out: &mut Out) {
        self.last_record += 1;
        out.persist(record);
    }

    fn snapshot(&mut self, out: &mut Out) {
        if self.last_record - self.last_snapshot < SNAPSHOT_RECORDS {
            return;
        }
        out.mark("toy-snapshot");
        let voted = self.slots.values().filter_map(|state| state.voted.as_ref());
        let voted = voted.map(|(_, proposal)| Arc::clone(proposal)).collect();
        let snapshot = Snapshot { decided: self.decided.clone(), voted };
        self.persist(Record::Snapshot(Arc::new(snapshot)), out);
        self.last_snapshot = self.last_record;
        out.release(RecordNumber::new(self.last_record));
    }

    fn on_status_timer(&self, now: Now, out: &mut Out) {
        if self.bug == Some(Bug::SilentAfterAll) {
            return;
        }
        let status = Body::Status { executed: self.decided.len() as u64 }.unsigned();
        out.send_each(&self.others, Class::Control, status);
        out.arm(Timer::Status, now.instant.after(STATUS));
    }

    /// Answers with proofs of what the peer lacks, and who is nearly level with what it may lack
    /// for the next slots.
    fn on_status(&mut self, now: Now, from: Peer, executed: u64, out: &mut Out) {
        let last = self.answered.get(&from);
        if last.is_some_and(|last| now.instant < last.after(ANSWER_INTERVAL)) {
            return;
        }
        self.answered.insert(from, now.instant);
        let own = self.decided.len() as u64;
        for slot in executed..own.min(executed.saturating_add(ANSWER_SLOTS_MAX)) {
            let index = usize::try_from(slot).expect("the history is in memory");
            out.send(from, Class::Bulk, Arc::clone(&self.answers[index]));
        }
        if executed.abs_diff(own) < ANSWER_SLOTS_MAX {
            let open = self.slots.iter().take(RESENT_SLOTS_MAX);
            for state in open.map(|(_, state)| state) {
                let proposal = state.voted.iter().map(|(_, proposal)| proposal);
                for message in proposal.chain(&state.vote) {
                    out.send(from, Class::Control, Arc::clone(message));
                }
            }
        }
    }
}

/// Open slots whose messages are sent again in answer to one status.
const RESENT_SLOTS_MAX: usize = 64;

fn name_of(request: &Arc<Message>) -> RequestName {
    let Body::Request { client, number } = request.body else {
        unreachable!("verification lets only requests into proposals");
    };
    (client, number)
}

#[cfg(test)]
mod tests;
