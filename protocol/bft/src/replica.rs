//! A member of a replica group: what it holds, and where each input goes.
//!
//! The files of this folder are the protocol in order: a request comes in (`request`), travels
//! in a lane (`lane`), is proposed (`propose`), prepared (`prepare`), committed (`commit`)
//! and executed (`execute`); from time to time the state is certified (`checkpoint`). A leader
//! that makes no progress is suspected (`suspicion`) and replaced (`view_change`). Whoever is
//! behind learns it (`status`), fetches what it lacks (`fetch`) or the whole state
//! (`state_transfer`). A replica that crashed begins again from its log (`recovery`). When the
//! service says that a slot was the last, the epoch is over (`end`).

mod checkpoint;
mod commit;
mod end;
mod execute;
mod fetch;
mod lane;
mod prepare;
mod propose;
mod recovery;
mod request;
mod state_transfer;
mod status;
mod suspicion;
mod view_change;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::{Signer, Verified};
use quorate_machine::{Class, Effects, Input, Machine, RecordNumber, Service};
use quorate_state::{Map, scan_section};
use quorate_types::{
    Digest, GroupConfiguration, Instant, NodeId, Now, Peer, ReplicaId, ReplicaSet, Slot, UnixTime,
    View,
};

use crate::contradiction::{Contradiction, SignedWord};
use crate::lanes::{Lanes, Placement};
use crate::message::{
    Accusation, Base, Batch, CheckpointCertificate, CheckpointStatement, CommitCertificate,
    HashedCut, Message,
};
use crate::parameters::Parameters;
use crate::record::Record;
use crate::slots::Slots;

/// What a replica is started with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Its group.
    pub group: Arc<GroupConfiguration>,
    /// Which member it is.
    pub me: ReplicaId,
    /// Signs with the member's key of the epoch; none when that is erased, after the epoch ended.
    pub signer: Option<Arc<dyn Signer>>,
    /// How the group is tuned.
    pub parameters: Parameters,
}

/// What a replica sets alarms for.
// tidy: timers
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timer {
    /// Send the vector of acknowledgements.
    Acknowledge,
    /// Tell the others how far this replica is.
    Status,
    /// Work has been waiting for too long: suspect the leader.
    Progress,
    /// Repeat the wish for another leader.
    Suspicion,
    /// Ask another replica for what is missing.
    Fetch,
    /// Ask another replica for the state.
    Transfer,
}

/// What its node asks of a replica.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// Have this operation executed in the node's own name. It may be lost in a crash, or find no
    /// room; the node announces it again until the service shows that it was executed.
    Announce(Vec<u8>),
    /// Sign the end of the epoch: the node has made durable that it vouches for the epoch no more.
    /// Asked after each [`Output::Concluded`].
    Seal {
        /// The servers that begin the next epoch: they may ask for the final state. Of more than
        /// [`HEIRS_MAX`](crate::limits::HEIRS_MAX) the first count.
        heirs: Vec<NodeId>,
    },
}

/// What a replica tells its node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// A slot was executed.
    Executed {
        /// The slot.
        slot: Slot,
        /// Digest of its cut.
        cut: Digest,
        /// Its agreed time.
        time: UnixTime,
        /// Requests that it executed, duplicates not counted.
        requests: u64,
    },
    /// A quorum certified the state after a slot.
    Stable(CheckpointStatement),
    /// The state of a later slot was got from others.
    Installed(CheckpointStatement),
    /// The replica works in this view now.
    Entered(View),
    /// A member proved to lie. Told once of each member; after a restart, again if it lies again.
    Evidence(Box<Contradiction>),
    /// A quorum certified another state than this replica's; it gets theirs.
    Diverged(Slot),
    /// What the service has to say to the node.
    News(Vec<u8>),
    /// The last slot of the epoch is executed, and the state after it durable: the replica only
    /// serves from here on, and waits for [`Request::Seal`]. Told again after a restart.
    Concluded(CheckpointStatement),
    /// A quorum signed the end of the epoch. Told again after a restart.
    Ended(CheckpointCertificate),
}

/// The slot up to which this replica has executed.
#[derive(Debug, Clone)]
struct Executed {
    cut: HashedCut,
    time: UnixTime,
}

/// Position in the replica's log.
#[derive(Debug, Clone, Copy)]
struct LogPosition {
    last: RecordNumber,
}

/// A member of a replica group.
#[derive(Debug)]
pub struct Replica<S> {
    group: Arc<GroupConfiguration>,
    me: ReplicaId,
    signer: Option<Arc<dyn Signer>>,
    parameters: Parameters,
    others: Arc<[Peer]>,
    replica_of: BTreeMap<NodeId, ReplicaId>,
    service: S,
    state: Map,
    executed: Executed,
    lanes: Lanes,
    bodies: BTreeMap<Digest, Arc<Batch>>,
    bodies_of: BTreeMap<Slot, Vec<Digest>>,
    slots: Slots,
    /// Shows that the highest decided slot, or a later one, is decided.
    proof: Base,
    views: view_change::Views,
    requests: request::Requests,
    acknowledging: lane::Acknowledging,
    suspicion: suspicion::Suspicion,
    checkpoints: checkpoint::Checkpoints,
    gossip: status::Gossip,
    fetching: fetch::Fetching,
    transfer: Option<state_transfer::Transfer>,
    /// Members of whose lies the node was told.
    convicted: ReplicaSet,
    /// What the node was told of the service's state.
    told: Option<Vec<u8>>,
    /// The last slot of the epoch is executed.
    end: Option<end::End>,
    /// The inherited state is not recorded yet.
    has_inherited: bool,
    log: LogPosition,
}

/// One step: the time, and where effects go.
struct Turn<'a, S: Service> {
    now: Now,
    effects: &'a mut Effects<Replica<S>>,
}

impl<S: Service> Turn<'_, S> {
    fn mark(&mut self, mark: &'static str) {
        self.effects.mark(mark);
    }

    fn send(&mut self, to: Peer, class: Class, message: Message) {
        self.effects.send(to, class, message);
    }

    fn arm(&mut self, timer: Timer, at: Instant) {
        self.effects.arm(timer, at);
    }

    fn disarm(&mut self, timer: Timer) {
        self.effects.disarm(timer);
    }

    fn emit(&mut self, output: Output) {
        self.effects.emit(output);
    }
}

impl<S: Service> Machine for Replica<S> {
    type Inbound = Verified<Message>;
    type Outbound = Message;
    type Record = Record;
    type Timer = Timer;
    type Request = Request;
    type Output = Output;

    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        let turn = &mut Turn { now, effects };
        match input {
            Input::Start => self.start(turn),
            Input::Deliver { from, message } => self.on_message(turn, from, message.into_inner()),
            Input::Expired(timer) => self.on_timer(turn, timer),
            Input::Request(Request::Announce(operation)) => self.announce(turn, operation),
            Input::Request(Request::Seal { heirs }) => self.seal(turn, heirs),
        }
        if self.end.is_none() {
            self.propose(turn);
            self.flush_lane(turn);
            self.watch_progress(turn);
        }
    }
}

impl<S: Service> Replica<S> {
    /// Signs as the member.
    fn signer(&self) -> &dyn Signer {
        self.signer.as_deref().expect("BFT-16: who has the end certificate signs nothing")
    }

    /// Does it hold the key of the epoch? BFT-16: not when it has the end certificate.
    #[must_use]
    pub const fn holds_key(&self) -> bool {
        self.signer.is_some()
    }

    /// The member that this replica is.
    #[must_use]
    pub const fn id(&self) -> ReplicaId {
        self.me
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> &GroupConfiguration {
        &self.group
    }

    /// The view that the replica entered, and whether it has the view's start.
    #[must_use]
    pub const fn view(&self) -> (View, bool) {
        (self.views.view(), self.views.is_active())
    }

    /// The highest executed slot.
    #[must_use]
    pub fn executed_slot(&self) -> Slot {
        self.executed.cut.slot
    }

    /// The service.
    pub const fn service_mut(&mut self) -> &mut S {
        &mut self.service
    }

    /// Batches, open slots and bundles that the replica holds in memory.
    #[must_use]
    pub fn live_items(&self) -> usize {
        self.bodies.len() + self.slots.all_open().count() + self.requests.len()
    }

    /// The replicated state.
    #[must_use]
    pub const fn state(&self) -> &Map {
        &self.state
    }

    /// Entries of the service's part of the state from a key on, for who may only read.
    #[must_use]
    pub fn scan_service(&self, from: &[u8], count_max: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        scan_section(&self.state, request::SERVICE_SECTION, (from, count_max))
    }

    /// Can the replica still use the message? What it cannot is best dropped before its signatures
    /// are checked: most votes come when a quorum has voted.
    #[must_use]
    pub fn is_useful(&self, message: &Message) -> bool {
        let is_wanted = |vote: &crate::message::Vote, is_decisive: bool| {
            self.votes_in(vote.view, vote.slot) && !is_decisive
        };
        if let Message::Prepare(vote) = message {
            let open = self.slots.open(vote.slot);
            let has_committed =
                open.is_some_and(|open| open.committed_in == Some(self.views.view()));
            return is_wanted(vote, has_committed);
        }
        if let Message::Commit(vote) = message {
            return is_wanted(vote, false);
        }
        if let Message::Batch(batch) = message {
            return !self.has_placed(batch);
        }
        true
    }

    /// Has this replica the batch, and in its lane? A body alone does not make the batch useless:
    /// it may have come for a slot, while the lane still waits for it.
    fn has_placed(&self, batch: &Batch) -> bool {
        let (digest, owner) = (batch.digest(), batch.header.header.lane);
        self.group.resilience.contains(owner)
            && self.bodies.contains_key(&digest)
            && self.lanes.lane(owner).place(batch, digest) == Placement::Known
    }

    fn on_message(&mut self, turn: &mut Turn<'_, S>, from: Peer, message: Message) {
        if let Message::Request(request) = message {
            return self.on_request(turn, request);
        }
        let sender = match from {
            Peer::Node(node) => self.replica_of.get(&node).copied(),
            Peer::Client(_) => None,
        };
        let Some(sender) = sender.filter(|sender| *sender != self.me) else {
            return self.on_message_of_stranger(turn, from, &message);
        };
        if self.end.is_some() {
            return self.on_message_behind_end(turn, sender, message);
        }
        match message {
            Message::Request(_) | Message::Reply(_) => turn.mark("bft.reply_ignored"),
            Message::Batch(batch) => self.on_batch(turn, batch),
            Message::AckVector(vector) => self.on_ack_vector(turn, sender, &vector),
            Message::PrePrepare(proposal) => self.on_pre_prepare(turn, sender, proposal),
            Message::Prepare(vote) => self.on_prepare(turn, vote),
            Message::Commit(vote) => self.on_commit(turn, vote),
            Message::Checkpoint(checkpoint) => self.on_checkpoint(turn, sender, checkpoint),
            Message::NewLeader(wish) => self.on_new_leader(turn, wish),
            Message::NewLeaderProof(proof) => self.on_new_leader_proof(turn, proof),
            Message::Accusation(accusation) => self.on_accusation(turn, accusation),
            Message::ViewChange(change) => self.on_view_change(turn, change),
            Message::NewView(new_view) => self.on_new_view(turn, &new_view),
            Message::Status(status) => self.on_status(turn, sender, status),
            Message::FetchBatches(fetch) => self.on_fetch_batches(turn, sender, &fetch),
            Message::FetchProposal(fetch) => self.on_fetch_proposal(turn, sender, fetch),
            Message::FetchSlots(fetch) => self.on_fetch_slots(turn, sender, fetch),
            Message::Slots(slots) => self.on_slots(turn, &slots),
            Message::FetchState(fetch) => self.on_fetch_state(turn, from, &fetch),
            Message::StateChunk(chunk) => self.on_state_chunk(turn, sender, &chunk),
            Message::Ended(certificate) => self.on_ended(turn, sender, &certificate),
        }
    }

    fn on_timer(&mut self, turn: &mut Turn<'_, S>, timer: Timer) {
        let is_kept = matches!(timer, Timer::Status | Timer::Transfer);
        if self.end.is_some() && !is_kept {
            return;
        }
        match timer {
            Timer::Acknowledge => self.send_vector(turn),
            Timer::Status => self.send_status(turn),
            Timer::Progress => self.on_no_progress(turn),
            Timer::Suspicion => self.repeat_suspicion(turn),
            Timer::Fetch => self.fetch_again(turn),
            Timer::Transfer => self.transfer_from_another(turn),
        }
    }

    /// The node hears of two words of a member that contradict each other.
    fn tell_contradiction(
        &mut self,
        turn: &mut Turn<'_, S>,
        by: ReplicaId,
        [first, second]: [SignedWord; 2],
    ) {
        // BFT-15: one proof is enough, and a liar may make as many as it likes.
        if self.convicted.insert(by)
            && let Some(member) = self.group.member(by)
        {
            let by = member.node;
            turn.emit(Output::Evidence(Box::new(Contradiction { by, first, second })));
        }
    }

    /// The leader of a view proposed two cuts for one slot.
    fn tell_accused(&mut self, turn: &mut Turn<'_, S>, accusation: &Accusation) {
        let Accusation { first, second } = accusation;
        let leader = self.group.resilience.leader(first.view);
        let words = [first.word(&self.group), second.word(&self.group)];
        self.tell_contradiction(turn, leader, words);
    }

    fn persist(&mut self, turn: &mut Turn<'_, S>, record: Record) -> RecordNumber {
        self.log.last = self.log.last.next();
        turn.effects.persist(record);
        self.log.last
    }

    fn broadcast(&self, turn: &mut Turn<'_, S>, class: Class, message: Message) {
        turn.effects.send_each(&self.others, class, message);
    }

    fn peer(&self, replica: ReplicaId) -> Peer {
        self.group.peer(replica)
    }

    fn quorum(&self) -> usize {
        self.group.resilience.quorum()
    }

    fn leader(&self) -> ReplicaId {
        self.group.resilience.leader(self.views.view())
    }

    fn committed_slot(&self) -> Slot {
        self.slots.committed().slot
    }

    /// Votes on the highest decided slot, where they are known.
    fn committed_certificate(&self) -> Option<CommitCertificate> {
        match &self.proof {
            Base::Committed { certificate, .. } => Some(certificate.clone()),
            Base::Start | Base::Checkpoint { .. } => None,
        }
    }

    /// The next slots in order are decided by the votes on the last of them.
    fn decide(&mut self, cuts: &[HashedCut], certificate: CommitCertificate) {
        self.slots.decide(cuts, certificate.clone());
        self.proof = Base::Committed { cut: self.slots.committed().clone(), certificate };
    }
}
