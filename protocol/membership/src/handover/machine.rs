//! The participant of a handover, one on every server: brings an epoch to its end.
//!
//! It knows of the log what its own replica of the membership service tells it, or what `f + 1`
//! members tell alike, and does what is due at that stage: whatever was lost is done again, since
//! every step asks only what the stage is and what it holds. The files of this folder are the
//! steps in order.
//!
//! ```text
//! all         deposit     keys of the next epoch, into the log
//! members     end         votes that the epoch ends
//! members     sign        parts of the beacon, of another draw, of the next header
//! members     deal        a dealing for each attempt, acknowledgements of its recipients
//! recipients  receive     dealings, the share, completion
//! recipients  repair      complaints about a dealer that cheated, and help
//! recipients  accuse      evidence against that dealer, for the log
//! members     complete    completions, or the end of the attempt
//! all         certify     the signed header; then the old share goes
//! ```
//!
//! What must survive a crash: dealings that were acknowledged (sealed: their bytes are no secret
//! once the decryption key is gone), the share before its completion is told, the signed header
//! before the old share goes.

mod accuse;
mod certify;
mod complete;
mod deal;
mod deposit;
mod end;
mod follow;
mod receive;
mod repair;
mod setup;
mod sign;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use quorate_crypto::{Domain, hash_of};
use quorate_machine::{Class, Effects, Input, Machine, Plant, RecordNumber, planted};
use quorate_threshold::{
    GroupKey, KeyShare, PartialSignature, PublicKey as PublicShare, ShareIndex, Signature,
};
use quorate_types::{Digest, Duration, Epoch, Instant, NodeId, Now, Peer, PublicKey, Resilience};

use super::message::Message;
use super::operation::HandoverOperation;
use super::signed_dealing::SignedDealing;
use super::stage::{News, Stage};
use super::vote::{AbortVote, Completion, EndReason, EndVote};
use super::word::Word;
use crate::header::CertifiedHeader;
use crate::limits::FOUNDING_DOUBLINGS_MAX;
use crate::monitor::Evidence;

pub use setup::{MemberSecrets, NextKeys, Policy, Setup};

/// What a participant sets alarms for.
// tidy: timers
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Timer {
    /// The epoch has lasted as long as an epoch lasts, or a founding has waited long enough.
    Length,
    /// Say again what is not settled.
    Repeat,
    /// The attempt takes too long.
    Attempt,
}

/// What the node asks of its participant.
#[derive(Clone, Debug)]
pub enum Request {
    /// The node's own replica of the membership service has executed this far.
    News(Box<News>),
    /// Whether some neighbourhood of the ring is at risk, as the log says now.
    AtRisk(bool),
    /// The node has got the signed header of the next epoch from elsewhere.
    Signed(Box<CertifiedHeader>),
    /// The share of the epoch that ends is there now ([`Output::Settled`]).
    Share(Arc<KeyShare>),
}

/// What a participant tells its node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Put this into the log of the membership service.
    Announce(Box<HandoverOperation>),
    /// The system has signed the next configuration, and the header is durable: the share of the
    /// epoch that ends, and the seed of its dealings, are to be erased (MEM-17).
    Certified(Box<CertifiedHeader>),
    /// A dealer was proved to cheat: evidence for the log, once of each dealer. It is to be durable
    /// before it is announced.
    Cheated(Box<Evidence>),
    /// The attempt of this session failed: the share that was made in it is to be erased, and no
    /// other, since that of the next attempt may lie in its place by then.
    Abandoned(Digest),
    /// The share of this epoch is durable and is of the attempt that succeeded: what opens dealings
    /// to the epoch's group is to be erased (MEM-75), and a participant that is there for the epoch
    /// gets the share.
    Settled(Epoch),
    /// The share of this epoch with this public side is of an attempt that failed: it is to be
    /// erased, and no other (MEM-76).
    Unfit(Epoch, PublicShare),
}

/// What must survive a crash.
#[derive(Clone, Debug)]
pub enum Record {
    /// A dealing that was acknowledged.
    Dealing(Box<SignedDealing>),
    /// Secret: the share of the next epoch. It belongs into a file of its own that can be erased;
    /// a later one replaces it, and the one before is erased.
    Share {
        /// The attempt.
        session: Digest,
        /// The share.
        share: Arc<KeyShare>,
    },
    /// The signed header of the next epoch.
    Certified(Box<CertifiedHeader>),
}

/// What has been said at this stage and need not be said again before the next repetition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Topic {
    Deposit,
    EndVote,
    AbortVote,
    Part(Digest),
    Dealing(NodeId),
    Acknowledgement(u16),
    Fetch(u16),
    Grievance(u16),
    Completion,
    News,
    Announcement(Digest),
}

/// The participant.
pub struct Handover {
    setup: Setup,
    /// What the node's own replica says.
    own: Option<Arc<News>>,
    /// The furthest that is known for certain.
    known: Option<Arc<News>>,
    /// What members say, where there is no own replica.
    claims: BTreeMap<NodeId, Arc<News>>,
    /// The public side of the sharing of the epoch that ends.
    group_key: Option<Arc<GroupKey>>,
    /// When whose keys were last put into the log.
    deposited: BTreeMap<NodeId, Instant>,
    /// Who has named another root that is not asked for keys, as far as this member passed it on.
    roots: BTreeSet<NodeId>,
    /// It has lasted long enough.
    is_due: bool,
    earliest_end: Instant,
    end_wish: Option<EndReason>,
    is_at_risk: bool,
    end_votes: BTreeMap<NodeId, Word<EndVote>>,
    abort_wish: Option<u32>,
    abort_votes: BTreeMap<NodeId, Word<AbortVote>>,
    parts: BTreeMap<NodeId, (Digest, PartialSignature)>,
    /// The last signature that was put together.
    signed: Option<(Digest, Signature)>,
    dealt: Option<deal::Dealt>,
    receiving: receive::Receiving,
    /// What recipients say, and whether it was found right.
    completions: BTreeMap<NodeId, (Word<Completion>, Option<bool>)>,
    certified: Option<Box<CertifiedHeader>>,
    said: BTreeSet<Topic>,
    repetitions: u32,
    attempt_watched: Option<u32>,
    record_last: RecordNumber,
}

impl fmt::Debug for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handover({}, {:?})", self.setup.me, self.known)
    }
}

/// One step: the time, and where effects go.
struct Turn<'a> {
    now: Now,
    effects: &'a mut Effects<Handover>,
}

impl Turn<'_> {
    fn mark(&mut self, mark: &'static str) {
        self.effects.mark(mark);
    }

    /// The share of an epoch is there for good.
    fn settle(&mut self, epoch: Epoch) {
        if !planted(Plant::OpenerKept) {
            self.effects.emit(Output::Settled(epoch));
        }
    }

    fn send(&mut self, to: NodeId, message: Message) {
        self.effects.send(Peer::Node(to), Class::Control, message);
    }
}

impl Machine for Handover {
    type Inbound = Message;
    type Outbound = Message;
    type Record = Record;
    type Timer = Timer;
    type Request = Request;
    type Output = Output;

    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        let turn = &mut Turn { now, effects };
        match input {
            Input::Start => self.start(turn),
            Input::Deliver { from: Peer::Node(from), message } => {
                self.on_message(turn, from, message);
            }
            Input::Deliver { from: Peer::Client(_), .. } => turn.mark("handover.client_ignored"),
            Input::Expired(Timer::Length) => self.is_due = true,
            Input::Expired(Timer::Repeat) => self.repeat(turn),
            Input::Expired(Timer::Attempt) => self.give_up(),
            Input::Request(Request::News(news)) => self.on_own_news(turn, *news),
            Input::Request(Request::AtRisk(is_so)) => self.is_at_risk = is_so,
            Input::Request(Request::Signed(header)) => self.on_certified(turn, &header),
            Input::Request(Request::Share(share)) => self.on_share(turn, share),
        }
        self.act(turn);
    }
}

impl Handover {
    /// A participant, new or after a crash: `records` are what its log holds.
    #[must_use]
    pub fn new(setup: Setup, records: impl IntoIterator<Item = (RecordNumber, Record)>) -> Self {
        let mut handover = Self {
            setup,
            own: None,
            known: None,
            claims: BTreeMap::new(),
            group_key: None,
            deposited: BTreeMap::new(),
            roots: BTreeSet::new(),
            is_due: false,
            earliest_end: Instant::ZERO,
            end_wish: None,
            is_at_risk: false,
            end_votes: BTreeMap::new(),
            abort_wish: None,
            abort_votes: BTreeMap::new(),
            parts: BTreeMap::new(),
            signed: None,
            dealt: None,
            receiving: receive::Receiving::default(),
            completions: BTreeMap::new(),
            certified: None,
            said: BTreeSet::new(),
            repetitions: 0,
            attempt_watched: None,
            record_last: RecordNumber::ZERO,
        };
        for (number, record) in records {
            assert!(number > handover.record_last, "the log gives records in order");
            handover.record_last = number;
            handover.replay(record);
        }
        handover.forget_failed_attempts();
        handover
    }

    /// The signed header of the next epoch, once there is one.
    #[must_use]
    pub fn certified(&self) -> Option<&CertifiedHeader> {
        self.certified.as_deref()
    }

    /// The share of the next epoch, once it is durable.
    #[must_use]
    pub fn share(&self) -> Option<&Arc<KeyShare>> {
        self.receiving.share()
    }

    /// Does this participant still hold secrets of the epoch that ends: its share, or the seed of
    /// the dealings, which together with a subshare of them tells the share?
    #[must_use]
    pub const fn holds_old_share(&self) -> bool {
        self.setup.member.is_some()
    }

    /// Does it hold secrets that were dealt for the next epoch: subshares, or the share?
    #[must_use]
    pub fn holds_dealt(&self) -> bool {
        self.receiving.holds_secrets()
    }

    /// Every share of the system's key that this participant holds, and of which epoch.
    pub fn held_shares(&self) -> impl Iterator<Item = (Epoch, &Arc<KeyShare>)> {
        let epoch = self.setup.configuration.epoch;
        let old = self.setup.member.as_ref().and_then(|member| member.share.as_ref());
        let new = self.receiving.any_share();
        old.map(|share| (epoch, share)).into_iter().chain(new.map(|share| (epoch.next(), share)))
    }

    /// The attempt that this participant receives dealings of: its number, and the session that
    /// names it, under which a share of it is kept.
    #[must_use]
    pub fn receives(&self) -> Option<(u32, Digest)> {
        Some((self.attempt()?.number, self.receiving.session()?))
    }

    fn replay(&mut self, record: Record) {
        match record {
            Record::Dealing(published) => self.receiving.replay_dealing(*published),
            Record::Share { session, share } => self.receiving.replay_share(session, share),
            Record::Certified(header) => {
                self.forget_share();
                self.certified = Some(header);
            }
        }
    }

    fn start(&mut self, turn: &mut Turn<'_>) {
        if let Some(certified) = &self.certified {
            // The node may have crashed before it erased the share.
            turn.effects.emit(Output::Certified(certified.clone()));
        }
        let left = if self.is_founding() {
            self.setup.policy.patience
        } else {
            let length = self.setup.policy.length.as_micros();
            let ends = self.setup.configuration.created.as_micros().saturating_add(length);
            Duration::from_micros(ends.saturating_sub(turn.now.wall.as_micros()))
        };
        self.earliest_end = self.others_awaited_until(turn.now.instant);
        turn.effects.arm(Timer::Length, turn.now.instant.after(left).max(self.earliest_end));
        self.arm_repeat(turn);
    }

    /// Is the key of the system being made?
    const fn is_founding(&self) -> bool {
        self.setup.system_key.is_none()
    }

    fn on_message(&mut self, turn: &mut Turn<'_>, from: NodeId, message: Message) {
        if self.answer_with_header(turn, from, &message) {
            return;
        }
        match message {
            Message::News(news) => self.on_claim(turn, from, *news),
            Message::Deposit(deposit) => self.on_deposit(turn, from, deposit),
            Message::EndVote(vote) => self.on_end_vote(turn, vote),
            Message::AbortVote(vote) => self.on_abort_vote(turn, vote),
            Message::Part(part) => self.on_part(turn, from, &part),
            Message::Dealing(dealing) => self.on_dealing(turn, from, *dealing),
            Message::Acknowledgement(word) => self.on_acknowledgement(turn, word),
            Message::FetchDealing(name) => self.on_fetch_dealing(turn, from, name),
            Message::Grievance(grievance) => self.on_grievance(turn, from, &grievance),
            Message::Help(help) => self.on_help(turn, from, &help),
            Message::Completion(word) => self.on_completion(turn, from, word),
            Message::Certified(header) => self.on_certified(turn, &header),
        }
    }

    /// Does what is due and was not done yet.
    fn act(&mut self, turn: &mut Turn<'_>) {
        self.deposit(turn);
        self.tell_recipients(turn);
        self.vote_end(turn);
        self.deal(turn);
        self.receive(turn);
        self.complete(turn);
        self.vote_abort(turn);
        self.sign(turn);
        self.watch_attempt(turn);
    }

    /// What was said is said again, where it still matters.
    fn repeat(&mut self, turn: &mut Turn<'_>) {
        if !planted(Plant::SaysOnce) {
            self.said.clear();
        }
        self.repetitions = self.repetitions.wrapping_add(1);
        self.arm_repeat(turn);
    }

    fn arm_repeat(&self, turn: &mut Turn<'_>) {
        let policy = &self.setup.policy;
        let is_under_way = !matches!(self.stage(), None | Some(Stage::Open))
            || self.end_wish.is_some()
            || !self.end_votes.is_empty();
        let is_over = self.certified.is_some();
        let wait = if is_under_way && !is_over {
            policy.repeat
        } else if self.is_founding() {
            policy.repeat.times(1_u64 << self.repetitions.min(FOUNDING_DOUBLINGS_MAX))
        } else {
            policy.repeat_idle
        };
        turn.effects.arm(Timer::Repeat, turn.now.instant.after(wait));
    }

    /// Is it time to say this?
    fn says(&mut self, topic: Topic) -> bool {
        self.said.insert(topic)
    }

    fn persist(&mut self, turn: &mut Turn<'_>, record: Record) {
        self.record_last = self.record_last.next();
        turn.effects.persist(record);
    }

    /// Puts an operation into the log; the first `f + 1` members at once, of whom one is correct,
    /// the others only when it has not come by itself.
    fn announce(&mut self, turn: &mut Turn<'_>, operation: HandoverOperation) {
        let Some(place) = self.member_place() else { return };
        if place < self.resilience().weak_quorum() || self.repetitions > 0 {
            self.announce_own(turn, operation);
        }
    }

    /// Puts an operation into the log that nobody else will.
    fn announce_own(&mut self, turn: &mut Turn<'_>, operation: HandoverOperation) {
        if self.says(Topic::Announcement(hash_of(Domain::Operation, &operation))) {
            turn.effects.emit(Output::Announce(Box::new(operation)));
        }
    }

    fn stage(&self) -> Option<&Stage> {
        self.known.as_ref().map(|news| &news.stage)
    }

    fn resilience(&self) -> Resilience {
        self.setup.configuration.membership
    }

    /// This server's place among the members of the epoch that ends, from 0.
    fn member_place(&self) -> Option<usize> {
        self.setup.member.as_ref()?;
        self.place_of(self.setup.me)
    }

    fn place_of(&self, node: NodeId) -> Option<usize> {
        self.setup.configuration.membership_group.iter().position(|member| *member == node)
    }

    fn index_of(&self, node: NodeId) -> Option<ShareIndex> {
        let place = u16::try_from(self.place_of(node)?).expect("at most 64 members");
        Some(ShareIndex::new(place + 1).expect("from 1 to 64"))
    }

    fn member_key(&self, node: NodeId) -> Option<PublicKey> {
        self.place_of(node)?;
        self.setup.configuration.member(node)?.epoch_key
    }

    fn other_members(&self) -> Vec<NodeId> {
        let members = self.setup.configuration.membership_group.iter().copied();
        members.filter(|member| *member != self.setup.me).collect()
    }

    fn tell_members(&self, turn: &mut Turn<'_>, message: &Message) {
        for member in self.other_members() {
            turn.send(member, message.clone());
        }
    }
}

#[cfg(test)]
mod tests;
