//! The client's half of the CLBFT interface: `invoke`, from one machine per client process.
//!
//! Upon a call: number it, bundle it with others that wait, sign, send the bundle to one replica;
//! accept an answer that `f + 1` replicas give alike (`2f + 1` where the group allows unordered
//! reads, settled points 12). Upon silence: send to `f + 1` replicas, then to all (settled points
//! 26). Numbers are acknowledged as answers come, so that replicas forget them. A call that is not
//! answered within its time is given up and acknowledged like an answered one: it does not execute
//! any more once later calls have.
//!
//! The client has no disk. It numbers its session by the clock; if that is too low, the group says
//! which number was the highest, and the client opens one above it.
//!
//! When the group of the next epoch takes over, the client goes on with it: the session and the
//! record of what was executed are part of the state that the group begins with, and a signature on
//! a bundle names the group and not the epoch. So the same bundles are sent again, and what was
//! executed is not executed again.
//!
//! # Invariants
//! - BFT-9: an answer is given once per call, and only when enough distinct replicas gave it alike
//!   for the very operation that was asked.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::convert::Infallible;

use quorate_crypto::{ClientCertificate, Domain, Signer, Verified, hash_of};
use quorate_machine::{Class, Effects, Input, Machine, Plant, planted};
use quorate_types::{
    Digest, Duration, GroupConfiguration, Instant, Now, Peer, ReadMode, ReplicaId, RequestId, View,
};

use crate::limits::{
    BUNDLE_BYTES_MAX, BUNDLE_OPERATIONS_MAX, CLIENT_BUNDLES_MAX, OPERATION_BYTES_MAX,
    SESSION_WINDOW_REQUESTS,
};
use crate::message::{
    Answer, Bundle, BundleBody, Message, Opening, Operation, Outcome, Reply, Request, SessionId,
    operation_digest,
};

/// Calls that may wait for a bundle.
pub const CALLS_WAITING_MAX: usize = 4096;
/// Bundles that a client has under way: half of what a replica takes, so that those which come
/// again to all of them find room.
pub const BUNDLES_UNDER_WAY_MAX: usize = CLIENT_BUNDLES_MAX / 2;
/// First time after which a bundle is sent to more replicas.
pub const RETRY_TIMEOUT_MIN: Duration = Duration::from_millis(500);
/// Longest such time.
pub const RETRY_TIMEOUT_MAX: Duration = Duration::from_secs(8);

/// Bytes of a bundle beside its operations, at most.
const BUNDLE_FIXED_BYTES: usize = 256;

/// What a client is started with.
#[derive(Debug, Clone)]
pub struct ClientSetup {
    /// The group that it calls.
    pub group: Arc<GroupConfiguration>,
    /// Its key.
    pub signer: Arc<dyn Signer>,
    /// The authority's word for it.
    pub certificate: ClientCertificate,
    /// Drawn by each process of the client: names its session until the group does.
    pub nonce: u64,
    /// Most operations under one signature, 1 to 64.
    pub bundle_operations_max: usize,
}

/// What the client's own program asks of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientRequest {
    /// An operation.
    Call(ClientCall),
    /// Go on with the same group as it is in a later epoch; anything else is ignored.
    Follow(Arc<GroupConfiguration>),
}

/// A call of the client's own program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientCall {
    /// The caller's name for the call.
    pub ticket: u64,
    /// The operation in the service's encoding.
    pub operation: Vec<u8>,
    /// How long the caller waits. The call is given up when the next retry is due behind that, so
    /// up to [`RETRY_TIMEOUT_MIN`] later.
    pub timeout: Duration,
}

/// Why a call has no reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientFailure {
    /// Too many calls wait: try again when some are answered.
    Busy,
    /// The operation is longer than a bundle takes.
    TooLarge,
    /// The client's certificate does not hold.
    NotAuthorised,
    /// The session was closed, or the number is too old: it is not known whether the operation
    /// was executed.
    SessionLost,
    /// No answer came in time: it is not known whether the operation was executed.
    TimedOut,
    /// Somebody opened a session with the highest number there is: the client's key opens no more.
    NumbersUsedUp,
}

/// What the client tells its program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientOutput {
    /// The call's reply.
    Replied {
        /// The caller's name for the call.
        ticket: u64,
        /// The service's reply.
        reply: Vec<u8>,
    },
    /// The call has no reply.
    Failed {
        /// The caller's name for the call.
        ticket: u64,
        /// Why.
        failure: ClientFailure,
    },
}

/// What a client sets alarms for.
// tidy: timers
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ClientTimer {
    /// Send the oldest bundles to more replicas.
    Retry,
}

/// A bundle that was sent and is not wholly answered.
#[derive(Debug)]
struct Sent {
    bundle: Arc<Bundle>,
    attempt: u32,
    due: Instant,
}

/// A call that is in no bundle yet.
#[derive(Debug)]
struct Queued {
    ticket: u64,
    operation: Vec<u8>,
    due: Instant,
}

/// An operation that waits for enough equal answers.
#[derive(Debug)]
struct Waiting {
    ticket: u64,
    due: Instant,
    operation: Digest,
    bundle: u64,
    answers: BTreeMap<ReplicaId, Answer>,
}

#[derive(Debug)]
enum SessionState {
    Opening { answers: BTreeMap<ReplicaId, Answer> },
    Open(SessionId),
    Refused(ClientFailure),
}

/// A client of a replica group.
#[derive(Debug)]
pub struct Client {
    setup: ClientSetup,
    opening: Opening,
    session: SessionState,
    queue: VecDeque<Queued>,
    sent: BTreeMap<u64, Sent>,
    next_bundle: u64,
    waiting: BTreeMap<RequestId, Waiting>,
    next_id: RequestId,
    /// The views that the replicas say they are in.
    views: BTreeMap<ReplicaId, View>,
}

impl Machine for Client {
    type Inbound = Verified<Message>;
    type Outbound = Message;
    type Record = Infallible;
    type Timer = ClientTimer;
    type Request = ClientRequest;
    type Output = ClientOutput;

    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Start => self.open(now, effects),
            Input::Request(ClientRequest::Call(call)) => self.on_call(now, call, effects),
            Input::Request(ClientRequest::Follow(group)) => self.follow(now, group, effects),
            Input::Deliver { from, message } => {
                if let (Some(replica), Message::Reply(reply)) =
                    (self.replica_of(from), message.into_inner())
                {
                    self.on_reply(now, replica, reply, effects);
                }
            }
            Input::Expired(ClientTimer::Retry) => self.retry(now, effects),
        }
        self.send_bundles(now, effects);
    }
}

impl Client {
    /// A client that has not opened its session.
    #[must_use]
    pub fn new(setup: ClientSetup) -> Self {
        assert!(
            (1..=BUNDLE_OPERATIONS_MAX).contains(&setup.bundle_operations_max),
            "a bundle has 1 to 64 operations"
        );
        Self {
            opening: Opening { number: 0, nonce: setup.nonce },
            setup,
            session: SessionState::Opening { answers: BTreeMap::new() },
            queue: VecDeque::new(),
            sent: BTreeMap::new(),
            next_bundle: 0,
            waiting: BTreeMap::new(),
            next_id: RequestId::ZERO.next(),
            views: BTreeMap::new(),
        }
    }

    fn replica_of(&self, peer: Peer) -> Option<ReplicaId> {
        match peer {
            Peer::Node(node) => self.setup.group.replica_of(node),
            Peer::Client(_) => None,
        }
    }

    fn replies_needed(&self) -> usize {
        match self.setup.group.read_mode {
            ReadMode::Ordered if planted(Plant::ClientBelievesOne) => 1,
            ReadMode::Ordered => self.setup.group.resilience.weak_quorum(),
            ReadMode::Quorum => self.setup.group.resilience.quorum(),
        }
    }

    /// Opens a session with a number no lower than this process has in mind, nor than the clock.
    fn open(&mut self, now: Now, effects: &mut Effects<Self>) {
        let certificate = self.setup.certificate.clone();
        self.opening.number = self.opening.number.max(now.wall.as_micros());
        let body = BundleBody::Open { certificate, opening: self.opening };
        self.send(now, body, effects);
        effects.arm(ClientTimer::Retry, now.instant.after(RETRY_TIMEOUT_MIN));
    }

    /// Asks the group of a later epoch for what is under way. What members of the one before
    /// answered does not count in it: they are others, or had not executed all yet.
    fn follow(&mut self, now: Now, group: Arc<GroupConfiguration>, effects: &mut Effects<Self>) {
        let known = &self.setup.group;
        let is_same = group.system == known.system && group.group == known.group;
        if !is_same || group.epoch <= known.epoch {
            return effects.mark("bft.client_stays");
        }
        effects.mark("bft.client_followed");
        self.setup.group = group;
        self.views.clear();
        self.waiting.values_mut().for_each(|call| call.answers.clear());
        if let SessionState::Opening { answers } = &mut self.session {
            answers.clear();
        }
        for number in self.sent.keys().copied().collect::<Vec<u64>>() {
            let home = self.home(number);
            let due = now.instant.after(RETRY_TIMEOUT_MIN);
            let Some(sent) = self.sent.get_mut(&number) else { continue };
            (sent.attempt, sent.due) = (0, due);
            let bundle = Arc::clone(&sent.bundle);
            self.request_from(home, &bundle, true, effects);
        }
    }

    fn on_call(&mut self, now: Now, request: ClientCall, effects: &mut Effects<Self>) {
        let failure = match self.session {
            SessionState::Refused(failure) => Some(failure),
            _ if request.operation.len() > OPERATION_BYTES_MAX => Some(ClientFailure::TooLarge),
            _ if self.queue.len() >= CALLS_WAITING_MAX => Some(ClientFailure::Busy),
            SessionState::Opening { .. } | SessionState::Open(_) => None,
        };
        match failure {
            None => {
                let ClientCall { ticket, operation, timeout } = request;
                self.queue.push_back(Queued { ticket, operation, due: now.instant.after(timeout) });
            }
            Some(failure) => {
                effects.emit(ClientOutput::Failed { ticket: request.ticket, failure });
            }
        }
    }

    /// Gives up the calls whose time is over. Nobody waits for their answers, so none are kept.
    fn give_up(&mut self, now: Now, effects: &mut Effects<Self>) {
        let failed = |ticket| ClientOutput::Failed { ticket, failure: ClientFailure::TimedOut };
        self.queue.retain(|call| {
            let is_over = call.due <= now.instant;
            if is_over {
                effects.emit(failed(call.ticket));
            }
            !is_over
        });
        self.waiting.retain(|_, call| {
            let is_over = call.due <= now.instant;
            if is_over {
                effects.mark("bft.call_given_up");
                effects.emit(failed(call.ticket));
            }
            !is_over
        });
        if matches!(self.session, SessionState::Open(_)) {
            let waiting = &self.waiting;
            self.sent.retain(|number, _| waiting.values().any(|call| call.bundle == *number));
        }
    }

    /// How many of the waiting calls fit one bundle, by number and by bytes.
    fn bundle_length(&self) -> usize {
        let count_max = self.setup.bundle_operations_max;
        let sizes = self.queue.iter().take(count_max).map(|call| call.operation.len() + 12);
        let mut bytes = BUNDLE_FIXED_BYTES;
        let fits = |size: &usize| {
            bytes += size;
            bytes <= BUNDLE_BYTES_MAX
        };
        sizes.take_while(fits).count()
    }

    /// Bundles what waits, as long as the group takes more bundles of this client.
    fn send_bundles(&mut self, now: Now, effects: &mut Effects<Self>) {
        let SessionState::Open(session) = self.session else { return };
        while !self.queue.is_empty() && self.sent.len() < BUNDLES_UNDER_WAY_MAX {
            let count = self.bundle_length().min(self.room());
            if count == 0 {
                return;
            }
            let calls: Vec<_> = self.queue.drain(..count).collect();
            let mut operations = Vec::with_capacity(count);
            for call in calls {
                let id = self.next_id;
                self.next_id = id.next();
                let operation = operation_digest(&call.operation);
                let (ticket, due, bundle) = (call.ticket, call.due, self.next_bundle);
                let answers = BTreeMap::new();
                self.waiting.insert(id, Waiting { ticket, due, operation, bundle, answers });
                operations.push(Operation { id, payload: call.operation });
            }
            if operations.len() > 1 {
                effects.mark("bft.operations_bundled");
            }
            let first = self.waiting.keys().next().copied().unwrap_or(self.next_id);
            let ack_upto = first.minus(1);
            self.send(now, BundleBody::Invoke { session, ack_upto, operations }, effects);
        }
    }

    /// Numbers that fit the session's window, which begins behind the oldest call that waits: more
    /// would have the group answer that call "expired".
    fn room(&self) -> usize {
        let first = self.waiting.keys().next().copied().unwrap_or(self.next_id);
        let used = self.next_id.since(first);
        usize::try_from(SESSION_WINDOW_REQUESTS.saturating_sub(used)).expect("the window is small")
    }

    fn send(&mut self, now: Now, body: BundleBody, effects: &mut Effects<Self>) {
        let (system, group) = (self.setup.group.system, self.setup.group.group);
        let bundle = Arc::new(Bundle::sign((system, group), body, &*self.setup.signer));
        let number = self.next_bundle;
        self.next_bundle += 1;
        let home = self.home(number);
        self.request_from(home, &bundle, false, effects);
        let due = now.instant.after(RETRY_TIMEOUT_MIN);
        self.sent.insert(number, Sent { bundle, attempt: 0, due });
    }

    /// Where a bundle goes first: to the leader, whose lane is the shortest way, when little is
    /// under way; spread over all lanes when there is much.
    fn home(&self, bundle: u64) -> ReplicaId {
        let group = &self.setup.group;
        if self.sent.len() <= 1 {
            return group.resilience.leader(self.view());
        }
        let offset = u64::from(self.setup.signer.public_key().as_bytes()[0]);
        group.resilience.leader(View::new(bundle.wrapping_add(offset)))
    }

    /// The view that enough replicas have reached for one of them to be correct: a liar alone must
    /// not become the first stop of every call.
    fn view(&self) -> View {
        let mut views: Vec<View> = self.views.values().copied().collect();
        views.sort_unstable_by(|left, right| right.cmp(left));
        let index = self.setup.group.resilience.weak_quorum() - 1;
        views.get(index).copied().unwrap_or(View::ZERO)
    }

    fn request_from(
        &self,
        replica: ReplicaId,
        bundle: &Arc<Bundle>,
        is_retry: bool,
        effects: &mut Effects<Self>,
    ) {
        let request = Request { bundle: Arc::clone(bundle), is_retry };
        effects.send(self.setup.group.peer(replica), Class::Ordered, Message::Request(request));
    }

    fn retry(&mut self, now: Now, effects: &mut Effects<Self>) {
        self.give_up(now, effects);
        let due: Vec<u64> = self
            .sent
            .iter()
            .filter(|(_, sent)| sent.due <= now.instant)
            .map(|(number, _)| *number)
            .collect();
        for number in due {
            self.retry_bundle(now, number, effects);
        }
        let next = self.sent.values().map(|sent| sent.due).min();
        let idle = now.instant.after(RETRY_TIMEOUT_MIN);
        effects.arm(ClientTimer::Retry, next.map_or(idle, |due| due.min(idle)));
    }

    fn retry_bundle(&mut self, now: Now, number: u64, effects: &mut Effects<Self>) {
        let group = Arc::clone(&self.setup.group);
        let Some(sent) = self.sent.get_mut(&number) else { return };
        sent.attempt = sent.attempt.saturating_add(1);
        let patience = RETRY_TIMEOUT_MIN.times(1 << sent.attempt.min(4)).min(RETRY_TIMEOUT_MAX);
        sent.due = now.instant.after(patience);
        let (bundle, attempt) = (Arc::clone(&sent.bundle), sent.attempt);
        let weak_quorum = group.resilience.weak_quorum();
        let count = if attempt == 1 { weak_quorum } else { group.members.len() };
        effects.mark("bft.client_retried");
        let first = usize::from(self.home(number).get()) + 1;
        for offset in 0..count {
            let index = (first + offset) % group.members.len();
            let replica = ReplicaId::new(u16::try_from(index).expect("at most 64 replicas"));
            self.request_from(replica, &bundle, true, effects);
        }
    }

    fn on_reply(&mut self, now: Now, from: ReplicaId, reply: Reply, effects: &mut Effects<Self>) {
        self.views.insert(from, reply.view);
        match (&self.session, reply.session) {
            (SessionState::Opening { .. }, None) => {
                for answer in reply.answers {
                    self.on_opening_answer(now, (from, answer), effects);
                }
            }
            (SessionState::Open(session), Some(of)) if *session == of => {
                for answer in reply.answers {
                    self.on_answer(now, (from, answer), effects);
                }
            }
            _ => {}
        }
    }

    fn on_opening_answer(
        &mut self,
        now: Now,
        (from, answer): (ReplicaId, Answer),
        effects: &mut Effects<Self>,
    ) {
        let (needed, nonce) = (self.replies_needed(), self.opening.nonce);
        let SessionState::Opening { answers } = &mut self.session else { return };
        if answer.id != RequestId::new(nonce) {
            return;
        }
        let Some(answer) = count(answers, from, answer, needed) else { return };
        self.sent.clear();
        match answer.outcome {
            Outcome::Opened(session) => {
                effects.mark("bft.session_opened");
                self.session = SessionState::Open(session);
            }
            Outcome::NumberTaken { highest: u64::MAX } => {
                self.refused(ClientFailure::NumbersUsedUp, effects);
            }
            Outcome::NumberTaken { highest } => {
                effects.mark("bft.session_numbered_again");
                self.begin_session(now, highest + 1, effects);
            }
            Outcome::Executed(_)
            | Outcome::UnknownSession
            | Outcome::Expired
            | Outcome::NotAuthorised => self.refused(ClientFailure::NotAuthorised, effects),
        }
    }

    /// There will be no session.
    fn refused(&mut self, failure: ClientFailure, effects: &mut Effects<Self>) {
        self.session = SessionState::Refused(failure);
        for call in core::mem::take(&mut self.queue) {
            effects.emit(ClientOutput::Failed { ticket: call.ticket, failure });
        }
    }

    /// Opens a session with this number or a higher one, under a nonce as fresh as the first.
    fn begin_session(&mut self, now: Now, number: u64, effects: &mut Effects<Self>) {
        self.opening = Opening { number, nonce: nonce_after(self.opening) };
        self.session = SessionState::Opening { answers: BTreeMap::new() };
        self.open(now, effects);
    }

    fn on_answer(
        &mut self,
        now: Now,
        (from, answer): (ReplicaId, Answer),
        effects: &mut Effects<Self>,
    ) {
        let (needed, id) = (self.replies_needed(), answer.id);
        let Some(waiting) = self.waiting.get_mut(&id) else { return };
        let Some(answer) = count(&mut waiting.answers, from, answer, needed) else { return };
        let Some(waiting) = self.waiting.remove(&id) else { return };
        let ticket = waiting.ticket;
        let is_lost = answer.outcome == Outcome::UnknownSession;
        let is_own = answer.operation == waiting.operation;
        let failed = |failure| ClientOutput::Failed { ticket, failure };
        effects.emit(match answer.outcome {
            Outcome::Executed(reply) if is_own => ClientOutput::Replied { ticket, reply },
            Outcome::NotAuthorised => failed(ClientFailure::NotAuthorised),
            Outcome::Executed(_)
            | Outcome::Opened(_)
            | Outcome::NumberTaken { .. }
            | Outcome::UnknownSession
            | Outcome::Expired => failed(ClientFailure::SessionLost),
        });
        let bundle = waiting.bundle;
        if !self.waiting.values().any(|other| other.bundle == bundle) {
            self.sent.remove(&bundle);
        }
        if is_lost {
            self.open_another(now, effects);
        }
    }

    /// The session was closed, as when the client has more processes than sessions: it is not known
    /// what became of what is under way in it, and what waits goes into another one.
    fn open_another(&mut self, now: Now, effects: &mut Effects<Self>) {
        if !matches!(self.session, SessionState::Open(_)) {
            return;
        }
        for waiting in core::mem::take(&mut self.waiting).into_values() {
            let (ticket, failure) = (waiting.ticket, ClientFailure::SessionLost);
            effects.emit(ClientOutput::Failed { ticket, failure });
        }
        effects.mark("bft.session_reopened");
        self.sent.clear();
        self.next_id = RequestId::ZERO.next();
        self.begin_session(now, self.opening.number.saturating_add(1), effects);
    }
}

/// The nonce of the session behind this one.
fn nonce_after(opening: Opening) -> u64 {
    let digest = hash_of(Domain::Derivation, &opening);
    digest.as_bytes().iter().take(8).fold(0, |nonce, &byte| (nonce << 8) | u64::from(byte))
}

/// Counts an answer; returns it when enough distinct replicas gave it alike. What a replica reads
/// in its table before it has executed all may differ from what the others say, so its last word
/// holds.
fn count(
    answers: &mut BTreeMap<ReplicaId, Answer>,
    from: ReplicaId,
    answer: Answer,
    needed: usize,
) -> Option<Answer> {
    // A replica counts once (G13), and answers are compared whole.
    let is_alike =
        |(replica, other): &(&ReplicaId, &Answer)| **replica != from && **other == answer;
    let alike = answers.iter().filter(is_alike).count() + 1;
    assert!(alike <= needed, "BFT-9: an answer is given once");
    if alike == needed {
        return Some(answer);
    }
    answers.insert(from, answer);
    None
}
