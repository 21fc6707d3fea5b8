//! The participant on every server: gets the configuration of each epoch, and gives it to others.
//!
//! TDSC'12 VI.C; Census (ATC'09); MD 2.4, 7b.
//!
//! # Protocol
//! Upon `Adopt` by the node, which has the configuration of the next epoch from the handover: pass
//! what changed on to the children in both trees.
//! Upon a chunk of the next epoch's delta: keep it; when all are there, check the delta against the
//! configuration under the one key, tell the node, and only then pass it on, once.
//! Upon a chunk of a later epoch, and in each round with a few others: say which epoch is the
//! newest here; whoever knows a later one answers with its signed header.
//! Upon a header of a later epoch: ask for the deltas in turn, or compare leaves if they are many.
//! Upon silence: ask somebody else, the senders of what has come first, then others in turn.
//!
//! Invariants: MEM-1, MEM-3, MEM-63, MEM-65.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::sync::Arc;
use core::convert::Infallible;

use quorate_machine::{Class, Effects, Input, Machine, Plant, planted};
use quorate_types::{Duration, Instant, NodeId, Now, Peer};

use crate::configuration::VerifiedConfiguration;
use crate::delta::Delta;
use crate::dissemination::assembly::{Assemblies, Collected};
use crate::dissemination::catching_up::CatchingUp;
use crate::dissemination::chunk::{Chunk, EncodedDelta};
use crate::dissemination::follow::{Follow, Followed};
use crate::dissemination::message::{Digest, Message};
use crate::dissemination::trees::Trees;
use crate::header::{CertifiedHeader, VerifiedHeader};
use crate::limits::{
    ANSWERED_PEERS_MAX, DELTAS_KEPT_MAX, REPAIR_DEFAULT, ROUND_DEFAULT, ROUND_PEERS,
};

mod answer;
mod peers;
mod repair;

use answer::Answered;

/// What a disseminator is told at the start.
#[derive(Clone, Copy, Debug)]
pub struct DisseminatorParameters {
    /// The server on which it runs.
    pub me: NodeId,
    /// How often it compares its epoch with others.
    pub round: Duration,
    /// How long it waits for what it lacks before it asks somebody else.
    pub repair: Duration,
}

impl DisseminatorParameters {
    /// The defaults of production.
    #[must_use]
    pub const fn new(me: NodeId) -> Self {
        Self { me, round: ROUND_DEFAULT, repair: REPAIR_DEFAULT }
    }
}

/// What the node asks of its disseminator.
#[derive(Clone, Debug)]
pub enum DisseminatorRequest {
    /// The node has this configuration: pass it on, if it is newer.
    Adopt(VerifiedConfiguration),
}

/// What a disseminator tells its node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DisseminatorOutput {
    /// This configuration follows the one before. Deltas of several epochs come one by one.
    Adopted(VerifiedConfiguration),
}

// tidy: timers
/// What a disseminator waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DisseminatorTimer {
    /// The next comparison with others.
    Round,
    /// What was asked for, or began to come.
    Repair,
}

/// The machine on every server.
#[derive(Debug)]
pub struct Disseminator {
    parameters: DisseminatorParameters,
    follow: Arc<dyn Follow>,
    newest: VerifiedConfiguration,
    /// The last deltas, the newest last.
    kept: VecDeque<Arc<EncodedDelta>>,
    assemblies: Assemblies,
    /// Who sent what leads nowhere, in this epoch.
    refused: BTreeSet<NodeId>,
    /// A signed header of a later epoch, and who sent it.
    ahead: Option<VerifiedHeader>,
    herald: Option<NodeId>,
    catching_up: Option<CatchingUp>,
    /// Several peers may give the pages of a configuration.
    trusts_many: bool,
    /// Peers that were to give all pages, since the last configuration.
    one_count: u64,
    asked: Option<NodeId>,
    repair_count: u32,
    answered: Answered,
    round: u64,
}

impl Disseminator {
    /// A disseminator on a server that holds `newest`.
    #[must_use]
    pub fn new(
        parameters: DisseminatorParameters,
        newest: VerifiedConfiguration,
        follow: Arc<dyn Follow>,
    ) -> Self {
        Self {
            parameters,
            follow,
            newest,
            kept: VecDeque::new(),
            assemblies: Assemblies::default(),
            refused: BTreeSet::new(),
            ahead: None,
            herald: None,
            catching_up: None,
            trusts_many: true,
            one_count: 0,
            asked: None,
            repair_count: 0,
            answered: Answered::default(),
            round: 0,
        }
    }

    /// The newest configuration here.
    #[must_use]
    pub const fn newest(&self) -> &VerifiedConfiguration {
        &self.newest
    }

    /// The server on which it runs.
    #[must_use]
    pub const fn me(&self) -> NodeId {
        self.parameters.me
    }

    fn digest(&self) -> Message {
        Message::Digest(Digest { epoch: self.newest.epoch(), hash: self.newest.hash() })
    }

    fn on_round(&mut self, now: Instant, effects: &mut Effects<Self>) {
        self.answered.clear();
        self.round += 1;
        for peer in self.round_peers(self.round, ROUND_PEERS) {
            effects.send(Peer::Node(peer), Class::Control, self.digest());
        }
        effects.arm(DisseminatorTimer::Round, now.after(self.parameters.round));
    }

    fn on_digest(&mut self, from: NodeId, digest: Digest, effects: &mut Effects<Self>) {
        if digest.epoch < self.newest.epoch() {
            return self.send_header(from, effects);
        }
        if digest.epoch > self.newest.epoch() {
            self.say_epoch(from, effects);
        } else if digest.hash != self.newest.hash() {
            effects.mark("dissemination: another configuration of this epoch");
        }
    }

    fn on_header(
        &mut self,
        (now, from): (Instant, NodeId),
        certified: &CertifiedHeader,
        effects: &mut Effects<Self>,
    ) {
        let ahead = self.ahead.as_ref().map(|ahead| ahead.header().epoch);
        let known = ahead.unwrap_or_else(|| self.newest.epoch());
        if certified.header.epoch <= known {
            return effects.mark("dissemination: header is not newer");
        }
        if self.refused.contains(&from) || !self.answered.may_be_checked(from) {
            return effects.mark("dissemination: header from a peer that was refused");
        }

        let scheme = &*self.follow.schemes().threshold;
        let header = match certified.verify(self.newest.header().system_key(), scheme) {
            Ok(header) if header.header().system == self.newest.configuration().system => header,
            Ok(_) => return effects.mark("membership: wrong system"),
            Err(rejected) => {
                effects.mark(rejected.mark());
                return self.refuse([from]);
            }
        };
        effects.mark("dissemination: behind");
        self.ahead = Some(header);
        if self.one_count == 0 {
            self.herald = Some(from);
        }
        if self.catching_up.is_none() && self.assemblies.is_empty() {
            self.repair_count = 0;
            self.ask(now, from, effects);
        } else if !self.trusts_many {
            // Whoever was to give all was too slow for the length of an epoch.
            let next = self.next_one();
            self.ask(now, next, effects);
        }
    }

    fn on_chunk(
        &mut self,
        (now, from): (Instant, NodeId),
        chunk: Arc<Chunk>,
        effects: &mut Effects<Self>,
    ) {
        if chunk.epoch <= self.newest.epoch() {
            return effects.mark("dissemination: delta is not newer");
        }
        if self.refused.contains(&from) {
            return effects.mark("dissemination: chunk from a peer that was refused");
        }
        if chunk.epoch != self.newest.epoch().next() {
            return self.say_epoch(from, effects);
        }
        let Some(place) = chunk.place() else {
            effects.mark("dissemination: malformed chunk");
            return self.refuse([from]);
        };

        if planted(Plant::PassesOnUnchecked) {
            self.pass_on_unchecked(&chunk, effects);
        }
        let is_asked = self.asked == Some(from);
        match self.assemblies.collect((from, is_asked), chunk, place) {
            Collected::Kept if self.asked.is_none() && self.repair_count == 0 => {
                self.repair_count = 1;
                effects.arm(DisseminatorTimer::Repair, now.after(self.parameters.repair));
            }
            Collected::Kept => {}
            Collected::Known => effects.mark("dissemination: chunk was known"),
            Collected::NoRoom => effects.mark("dissemination: no room for another delta"),
            Collected::Complete { delta, senders } => {
                self.on_delta((now, from), delta, senders, effects);
            }
        }
    }

    /// MEM-63: a delta is passed on when it has led to a configuration under the one key.
    fn on_delta(
        &mut self,
        (now, from): (Instant, NodeId),
        delta: EncodedDelta,
        senders: BTreeSet<NodeId>,
        effects: &mut Effects<Self>,
    ) {
        // MEM-63: what is passed on below has been checked here.
        let Ok(followed) = self.follow.follow(&self.newest, delta) else {
            effects.mark("dissemination: a delta leads nowhere");
            return self.refuse(senders);
        };
        let Followed { configuration, trees, delta } = followed;

        self.adopt((now, from), configuration, effects);
        self.pass_on(&trees, delta, effects);
    }

    fn pass_on(&mut self, trees: &Trees, delta: Arc<EncodedDelta>, effects: &mut Effects<Self>) {
        let children = trees.children(self.parameters.me).into_iter().map(Peer::Node);
        let children: Arc<[Peer]> = children.collect();
        if !children.is_empty() {
            for chunk in delta.chunks() {
                let message = Message::Chunk(Arc::clone(chunk));
                effects.send_each(&children, Class::Bulk, message);
            }
        }
        self.kept.push_back(delta);
        if self.kept.len() > DELTAS_KEPT_MAX {
            self.kept.pop_front();
        }
    }

    fn pass_on_unchecked(&self, chunk: &Arc<Chunk>, effects: &mut Effects<Self>) {
        for peer in self.round_peers(self.round, ROUND_PEERS) {
            effects.send(Peer::Node(peer), Class::Bulk, Message::Chunk(Arc::clone(chunk)));
        }
    }

    fn adopt(
        &mut self,
        (now, from): (Instant, NodeId),
        configuration: VerifiedConfiguration,
        effects: &mut Effects<Self>,
    ) {
        assert!(configuration.epoch() > self.newest.epoch(), "MEM-3: never back to another epoch");
        let (old, new) = (self.newest.header(), configuration.header());
        assert!(old.system_key() == new.system_key(), "MEM-1: verified under the pinned key");

        self.newest = configuration.clone();
        self.assemblies.clear();
        self.refused.clear();
        self.catching_up = None;
        (self.trusts_many, self.one_count, self.herald) = (true, 0, None);
        self.ahead.take_if(|ahead| ahead.header().epoch <= configuration.epoch());
        self.asked = None;
        self.repair_count = 0;

        effects.mark("dissemination: adopted");
        effects.emit(DisseminatorOutput::Adopted(configuration));
        if self.ahead.is_some() {
            self.ask(now, from, effects);
        } else {
            effects.disarm(DisseminatorTimer::Repair);
        }
    }

    /// The node has a configuration: where it follows the one here, others are told what changed.
    fn on_adopt(
        &mut self,
        now: Instant,
        configuration: VerifiedConfiguration,
        effects: &mut Effects<Self>,
    ) {
        let is_newer = configuration.epoch() > self.newest.epoch();
        if !is_newer && !planted(Plant::GoesBackAnEpoch) {
            self.share(configuration);
            return effects.mark("dissemination: configuration is not newer");
        }

        let old = self.newest.clone();
        let delta = Delta::between(&old, &configuration).and_then(|delta| EncodedDelta::of(&delta));
        self.adopt((now, self.parameters.me), configuration, effects);
        if let Some(delta) = delta {
            let trees = self.follow.trees(&old, &self.newest);
            self.pass_on(&trees, Arc::new(delta), effects);
        }
    }

    /// The node has read in the log what came here as a delta at that moment: from now on it and
    /// this machine hold the same records, and those of the next epoch are made from them.
    fn share(&mut self, configuration: VerifiedConfiguration) {
        if configuration.hash() == self.newest.hash() {
            self.newest = configuration;
        }
    }

    /// MEM-65: ignores them until the next configuration is there.
    fn refuse(&mut self, peers: impl IntoIterator<Item = NodeId>) {
        let room = ANSWERED_PEERS_MAX.saturating_sub(self.refused.len());
        self.refused.extend(peers.into_iter().take(room));
    }

    fn on_message(
        &mut self,
        (now, from): (Instant, NodeId),
        message: Message,
        effects: &mut Effects<Self>,
    ) {
        match message {
            Message::Chunk(chunk) => self.on_chunk((now, from), chunk, effects),
            Message::Digest(digest) => self.on_digest(from, digest, effects),
            Message::Header(header) => self.on_header((now, from), &header, effects),
            Message::Leaves(page) => {
                self.on_page((now, from), |state, base| state.on_leaves(base, &page), effects);
            }
            Message::Records(page) => {
                self.on_page((now, from), |state, _| state.on_records(page), effects);
            }
            Message::GetDelta(request) => self.send_delta(from, &request, effects),
            Message::GetLeaves(request) => self.send_leaves(from, request, effects),
            Message::GetRecords(request) => self.send_records(from, &request, effects),
        }
    }
}

impl Machine for Disseminator {
    type Inbound = Message;
    type Outbound = Message;
    type Record = Infallible;
    type Timer = DisseminatorTimer;
    type Request = DisseminatorRequest;
    type Output = DisseminatorOutput;

    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        let now = now.instant;
        match input {
            Input::Start => {
                effects.arm(DisseminatorTimer::Round, now.after(self.first_round()));
            }
            Input::Deliver { from: Peer::Node(from), message } => {
                self.on_message((now, from), message, effects);
            }
            Input::Deliver { from: Peer::Client(_), .. } => {
                effects.mark("dissemination: message from a client");
            }
            Input::Expired(DisseminatorTimer::Round) => self.on_round(now, effects),
            Input::Expired(DisseminatorTimer::Repair) => self.on_repair(now, effects),
            Input::Request(DisseminatorRequest::Adopt(configuration)) => {
                self.on_adopt(now, configuration, effects);
            }
        }
    }
}

#[cfg(test)]
mod tests;
