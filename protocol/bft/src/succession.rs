//! From one epoch's group to the next: the final state, and who begins with it.
//!
//! Specs/ordering-engine 5.7, settled points 9 and 10. The next group begins with the state after
//! the last slot of the one before, and nothing else lets it begin: a quorum of the old members
//! signed that end, each after it had made durable that it vouches for its epoch no more. A weak
//! quorum would prove the state, but not that.
//!
//! A [`Succession`] is the machine of a server that is in the next group and has no replica of the
//! old one: it asks one old member after the other for the state, part by part. It keeps nothing
//! on a disk; who crashed begins again. A server that is in both groups asks its own replica
//! ([`crate::Replica::inheritance`]).
//!
//! # Protocol
//! Upon the start: ask an old member for the first part. Upon a part of a state that a quorum of
//! old members signed as the last: check it against the signed root, and ask for the next one. Upon
//! silence or a bad part: ask the next old member for the same part.
//!
//! # Invariants
//! - BFT-14: a group that follows another one begins with the state of that one's end, in the slot
//!   behind its last one, and has that state on its disk before it says anything.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::convert::Infallible;

use quorate_crypto::Verified;
use quorate_machine::{Class, Effects, Input, Machine};
use quorate_state::{Map, Restore, Snapshot};
use quorate_types::{Digest, Duration, GroupConfiguration, Now, ReplicaId};

use crate::message::{CheckpointCertificate, CheckpointStatement, FetchState, Message, StateChunk};

/// The final state of an epoch, with the proof that it is that.
#[derive(Debug)]
pub struct Inheritance {
    end: CheckpointCertificate,
    state: Map,
}

impl Inheritance {
    /// BFT-13: there is none without a quorum's signatures on the end.
    fn new(old: &GroupConfiguration, end: CheckpointCertificate, mut state: Map) -> Self {
        assert!(end.is_end(old), "BFT-13: a quorum signed the end");
        assert_eq!(state.root(), end.statement.root, "BFT-14: it is the signed state");
        Self { end, state }
    }

    /// Of a replica that has ended itself. The entries are shared with it: it serves them for an
    /// epoch yet, and those of a large system need not lie in memory twice.
    pub(crate) fn of_own(
        old: &GroupConfiguration,
        end: CheckpointCertificate,
        state: &Snapshot,
    ) -> Self {
        Self::new(old, end, Map::from_snapshot(state))
    }

    /// What the old group signed: the proof that it has ended.
    #[must_use]
    pub const fn end(&self) -> &CheckpointCertificate {
        &self.end
    }

    /// The group, as it begins behind this end in the epoch of the configuration with this hash.
    #[must_use]
    pub fn begin(&self, group: GroupConfiguration, configuration: Digest) -> GroupConfiguration {
        let base_digest = self.end.statement.base_digest(configuration);
        GroupConfiguration { base_slot: self.end.statement.slot, base_digest, ..group }
    }

    pub(crate) fn into_parts(self) -> (CheckpointStatement, Map) {
        (self.end.statement, self.state)
    }
}

/// What a succession sets an alarm for.
// tidy: timers
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SuccessionTimer {
    /// Ask another old member for the next part.
    Inherit,
}

/// A state on its way from the old group.
#[derive(Debug)]
pub struct Succession {
    old: Arc<GroupConfiguration>,
    patience: Duration,
    source: ReplicaId,
    restore: Option<(CheckpointCertificate, Restore)>,
    is_done: bool,
}

impl Machine for Succession {
    type Inbound = Verified<Message>;
    type Outbound = Message;
    type Record = Infallible;
    type Timer = SuccessionTimer;
    type Request = Infallible;
    type Output = Inheritance;

    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        if self.is_done {
            return;
        }
        match input {
            Input::Start => self.ask(now, effects),
            Input::Expired(SuccessionTimer::Inherit) => self.ask_another(now, effects),
            Input::Deliver { from, message } => {
                let is_source = from == self.old.peer(self.source);
                let message = message.into_inner();
                if let (Message::StateChunk(chunk), true) = (&message, is_source) {
                    self.on_chunk(now, chunk, effects);
                } else {
                    effects.mark("bft.succession_ignored");
                }
            }
            Input::Request(never) => match never {},
        }
    }
}

impl Succession {
    /// Begins with the old member of this number, modulo their number, so that not all heirs ask
    /// the same; a member that says nothing for `patience` is passed over.
    #[must_use]
    pub fn new(old: Arc<GroupConfiguration>, first: usize, patience: Duration) -> Self {
        let index = first % old.members.len();
        let source = ReplicaId::new(u16::try_from(index).expect("at most 64 replicas"));
        Self { old, patience, source, restore: None, is_done: false }
    }

    /// The group whose state it gets: what the messages to it are checked against.
    #[must_use]
    pub fn group(&self) -> &GroupConfiguration {
        &self.old
    }

    fn ask(&self, now: Now, effects: &mut Effects<Self>) {
        let after = self.restore.as_ref().and_then(|(_, restore)| restore.from());
        let slot_min = self.old.base_slot.next();
        let fetch = FetchState { slot_min, after: after.map(<[u8]>::to_vec) };
        let source = self.old.peer(self.source);
        effects.send(source, Class::Bulk, Message::FetchState(fetch));
        effects.arm(SuccessionTimer::Inherit, now.instant.after(self.patience));
    }

    fn ask_another(&mut self, now: Now, effects: &mut Effects<Self>) {
        let members: Vec<ReplicaId> = self.old.resilience.members().collect();
        self.source = members[(self.source.index() + 1) % members.len()];
        effects.mark("bft.succession_switched");
        self.ask(now, effects);
    }

    fn on_chunk(&mut self, now: Now, chunk: &StateChunk, effects: &mut Effects<Self>) {
        // Old members that have not seen the end yet serve earlier states, and a weak quorum
        // vouches for those: not for an end.
        if !chunk.certificate.is_end(&self.old) {
            effects.mark("bft.succession_not_the_end");
            return;
        }
        let end = || chunk.certificate.clone();
        let fresh = || (end(), Restore::new(chunk.certificate.statement.root));
        let (known, restore) = self.restore.get_or_insert_with(fresh);
        let is_same = known.statement == chunk.certificate.statement;
        match is_same.then(|| restore.take(chunk.chunk.clone())) {
            Some(Ok(false)) => self.ask(now, effects),
            Some(Ok(true)) => self.finish(effects),
            Some(Err(_)) | None => {
                effects.mark("bft.succession_chunk_rejected");
                self.ask_another(now, effects);
            }
        }
    }

    fn finish(&mut self, effects: &mut Effects<Self>) {
        let Some((end, restore)) = self.restore.take() else { return };
        let state = restore.finish().expect("the last part has come");
        self.is_done = true;
        effects.disarm(SuccessionTimer::Inherit);
        effects.mark("bft.state_got_for_succession");
        effects.emit(Inheritance::new(&self.old, end, state));
    }
}
