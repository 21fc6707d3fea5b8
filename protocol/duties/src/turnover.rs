//! From one epoch to the next, on one server: which of its machines ends and begins when, as orders
//! to whoever hosts them.
//!
//! Settled points 1, 4, 9 and 10. The machines know nothing of each other: the replica says that
//! its epoch is over, the responder that it vouches for it no more, the participant of the handover
//! that the system has signed the next header. What follows from what stands here, the same in
//! production and in the simulator. The host performs orders in their order, and each durably
//! before the next one.
//!
//! ```text
//! replica: News ------------------> participant; its announcements --> replica
//! replica: Concluded --> responder: EndEpoch --> VouchesNoMore --> replica: Seal (heirs)
//! participant: Certified + the replica's members, or Learned from others --> Adopt
//!   Adopt --> erase the share, old participant too --> participant of the next epoch
//! in the new group: the final state, from the own replica once Ended or from others
//!   --> replica of the next epoch --> Begun --> Vouch
//! Adopt, and Ended or without a replica --> erase the keys of the epoch before
//! Adopt of the epoch behind that --> retire what still served the old one
//! ```
//!
//! # Invariants
//! - DUT-1: a replica signs the end of its epoch only when the server vouches for it no more.
//! - DUT-2: a server erases its share of an epoch when it has adopted a later configuration, and
//!   not before: on its disk, and in the participant that goes on for those who are behind.
//! - DUT-3: a server vouches for an epoch only when its replica of the group of that epoch has the
//!   final state of the one before.
//! - DUT-4: a server never goes back to an earlier epoch.
//! - DUT-5: a server without a seat in the group of an epoch that it has adopted erases the share
//!   of it that an attempt which failed may have left, and what opens subshares of it (MEM-71).
//! - DUT-6: a server erases its key of an epoch when it has adopted a later configuration and its
//!   replica of the epoch has the end certificate, or never ran; and not before. The end of an
//!   epoch needs the signatures of a quorum of its group; who has them all needs its own no more.
//!
//! # Deviations from the notes
//! - Settled point 9 has a server keep its key of an epoch until a quorum of the next group says
//!   that it has begun. Nothing is signed for that, so nobody says it: the state and the end
//!   certificate are served without a key (BFT-16), until a later epoch replaces them.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_machine::{Plant, planted};
use quorate_membership::handover::{HandoverOperation, News, Stage};
use quorate_membership::{
    CertifiedConfiguration, CertifiedHeader, EpochConfiguration, MembershipOperation, Schemes,
    VerifiedConfiguration,
};
use quorate_types::{Epoch, MemberRecord, NodeId};

/// What a machine of the server, or its host, has to say.
#[derive(Clone, Debug)]
pub enum Event {
    /// The replica of an epoch tells how far its end has come.
    News(Epoch, Box<News>),
    /// The participant of an epoch wants this in the log.
    Announce(Epoch, Box<HandoverOperation>),
    /// The server has something to say of others, in an epoch.
    Report(Epoch, Box<MembershipOperation>),
    /// The replica of an epoch has executed its last slot, and that is durable.
    Concluded(Epoch),
    /// The responder vouches for an epoch no more, whatever happens.
    VouchesNoMore(Epoch),
    /// The replica of an epoch has the end certificate.
    Ended(Epoch),
    /// The participant of an epoch has the signed header of the next one.
    Certified(Epoch, Box<CertifiedHeader>),
    /// What [`Order::ReadMembers`] found in the state of the replica.
    Members(Epoch, Vec<Arc<MemberRecord>>),
    /// Somebody told of a configuration, which has proved itself.
    Learned(VerifiedConfiguration),
    /// What [`Order::GetState`] asked for is there: the final state of the epoch before this one.
    StateGot(Epoch),
    /// The replica of an epoch runs, and the state that it began with is durable.
    Begun(Epoch),
}

/// What the host has to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// Tell the participant of an epoch what its replica says.
    TellParticipant(Epoch, Box<News>),
    /// Have the replica of an epoch announce an operation.
    Announce(Epoch, Vec<u8>),
    /// Have the responder vouch for an epoch no more.
    EndVouching(Epoch),
    /// Have the replica of an epoch sign its end, and let these servers have the state.
    Seal(Epoch, Vec<NodeId>),
    /// Read the members of the next epoch from the state of the replica of this one.
    ReadMembers(Epoch),
    /// Keep a configuration, have the key of its epoch and of the next certified, judge links by
    /// it, serve it and pass it on.
    Adopt(VerifiedConfiguration),
    /// Erase the share of an epoch, the seed of its dealings, and what opened its subshares.
    EraseShare(Epoch),
    /// Tell the participant of an epoch that the system has signed the next header: it may have
    /// come another way, and the participant holds the share too, and the seed of its dealings.
    TellSigned(Epoch, Box<CertifiedHeader>),
    /// Begin the participant that brings an epoch to its end.
    BeginParticipant(Epoch),
    /// Get the final state of the epoch before this one: from the own replica, or from the others.
    GetState {
        /// The epoch that begins.
        epoch: Epoch,
        /// Whether the server's own replica has it.
        is_own: bool,
    },
    /// Begin the replica of an epoch with the state that was got for it.
    BeginReplica(Epoch),
    /// Have the responder vouch for an epoch.
    Vouch(Epoch),
    /// Retire the machines of an epoch: nobody needs them any more.
    Retire(Epoch),
    /// Erase the keys of an epoch, unless another group of it is still served.
    EraseKeys(Epoch),
}

impl Order {
    /// What it is called in a log.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TellParticipant(..) => "tell the participant",
            Self::Announce(..) => "announce",
            Self::EndVouching(_) => "end vouching",
            Self::Seal(..) => "seal",
            Self::ReadMembers(_) => "read the members",
            Self::Adopt(_) => "adopt",
            Self::EraseShare(_) => "erase the share",
            Self::TellSigned(..) => "tell the participant what is signed",
            Self::BeginParticipant(_) => "begin the participant",
            Self::GetState { .. } => "get the state",
            Self::BeginReplica(_) => "begin the replica",
            Self::Vouch(_) => "vouch",
            Self::Retire(_) => "retire",
            Self::EraseKeys(_) => "erase the keys",
        }
    }
}

/// How far the replica of an epoch is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Replica {
    /// The server has no seat in the group.
    None,
    /// It waits for the final state of the epoch before.
    Waiting,
    /// The state is on its way.
    Fetching,
    /// It begins.
    Beginning,
    /// It runs.
    Running,
    /// It has executed the last slot.
    Concluded,
    /// It has the end certificate.
    Ended,
}

/// An epoch whose machines this server has.
#[derive(Clone, Debug)]
struct Period {
    configuration: EpochConfiguration,
    replica: Replica,
    heirs: Vec<NodeId>,
    header: Option<Box<CertifiedHeader>>,
    has_asked_members: bool,
}

impl Period {
    fn new(configuration: EpochConfiguration, me: NodeId, in_group: Replica) -> Self {
        let replica = if configuration.has_seat(me) { in_group } else { Replica::None };
        let (heirs, header) = (Vec::new(), None);
        Self { configuration, replica, heirs, header, has_asked_members: false }
    }

    fn epoch(&self) -> Epoch {
        self.configuration.epoch()
    }

    /// May the replica still have to sign how the epoch ended? A quorum of the group has to.
    fn has_to_sign(&self) -> bool {
        match self.replica {
            Replica::Beginning | Replica::Running | Replica::Concluded => true,
            Replica::None | Replica::Waiting | Replica::Fetching | Replica::Ended => false,
        }
    }
}

/// Which epochs this server is in, and how far.
#[derive(Debug)]
pub struct Turnover {
    me: NodeId,
    schemes: Schemes,
    configuration: VerifiedConfiguration,
    now: Period,
    before: Option<Period>,
}

impl Turnover {
    /// A server that begins, or begins again, in the epoch of a configuration. `has_state`: if it
    /// has a seat in the group, its replica has begun before, or the group is the first.
    #[must_use]
    pub fn new(
        me: NodeId,
        configuration: VerifiedConfiguration,
        has_state: bool,
        schemes: Schemes,
    ) -> Self {
        let in_group = if has_state { Replica::Running } else { Replica::Waiting };
        let now = Period::new(configuration.clone().into(), me, in_group);
        Self { me, schemes, configuration, now, before: None }
    }

    /// The epoch before, whose replica still serves, after a restart; also that of the genesis.
    #[must_use]
    pub fn with_former(mut self, configuration: impl Into<EpochConfiguration>) -> Self {
        let configuration = configuration.into();
        assert!(configuration.epoch() < self.now.epoch(), "DUT-4: it is the former one");
        self.before = Some(Period::new(configuration, self.me, Replica::Running));
        self
    }

    /// The configuration that this server works with.
    #[must_use]
    pub const fn configuration(&self) -> &VerifiedConfiguration {
        &self.configuration
    }

    /// The configuration of the epoch before, while its machines still serve.
    #[must_use]
    pub fn former(&self) -> Option<&EpochConfiguration> {
        self.before.as_ref().map(|before| &before.configuration)
    }

    /// What has to be done first.
    #[must_use]
    pub fn start(&mut self) -> Vec<Order> {
        let mut orders = Vec::new();
        self.erase_without_seat(&mut orders);
        orders.push(Order::BeginParticipant(self.now.epoch()));
        self.seek_state(&mut orders);
        orders
    }

    /// What follows from an event.
    #[must_use]
    pub fn on(&mut self, event: Event) -> Vec<Order> {
        let mut orders = Vec::new();
        match event {
            Event::News(epoch, news) => self.on_news(epoch, news, &mut orders),
            Event::Announce(epoch, operation) => {
                let operation = MembershipOperation::Handover(operation);
                self.announce(epoch, &operation, &mut orders);
            }
            Event::Report(epoch, operation) => self.announce(epoch, &operation, &mut orders),
            Event::Concluded(epoch) => {
                self.advance(epoch, Replica::Concluded);
                if planted(Plant::SealsUnheard) {
                    self.on_silence(epoch, &mut orders);
                } else {
                    orders.push(Order::EndVouching(epoch));
                }
                self.seek_members(&mut orders);
            }
            Event::VouchesNoMore(epoch) => self.on_silence(epoch, &mut orders),
            Event::Ended(epoch) => {
                self.advance(epoch, Replica::Ended);
                self.erase_keys_of_former(&mut orders);
                self.seek_state(&mut orders);
            }
            Event::Certified(epoch, header) => {
                if let Some(period) = self.period(epoch) {
                    period.header = Some(header);
                }
                // DUT-5: what its participant wrote until then is there now.
                if epoch.next() == self.now.epoch() {
                    self.erase_without_seat(&mut orders);
                }
                self.seek_members(&mut orders);
            }
            Event::Members(epoch, members) => self.on_members(epoch, members, &mut orders),
            Event::Learned(configuration) => self.adopt(configuration, &mut orders),
            Event::StateGot(epoch) => self.on_state(epoch, &mut orders),
            Event::Begun(epoch) => self.on_begun(epoch, &mut orders),
        }
        orders
    }

    fn period(&mut self, epoch: Epoch) -> Option<&mut Period> {
        let before = self.before.as_mut().filter(|before| before.epoch() == epoch);
        if self.now.epoch() == epoch { Some(&mut self.now) } else { before }
    }

    fn advance(&mut self, epoch: Epoch, replica: Replica) {
        if let Some(period) = self.period(epoch) {
            period.replica = period.replica.max(replica);
        }
    }

    fn on_news(&mut self, epoch: Epoch, news: Box<News>, orders: &mut Vec<Order>) {
        let Some(period) = self.period(epoch) else { return };
        if let Stage::Done(decided) = &news.stage {
            period.heirs = decided.attempt.seats.iter().map(|seat| seat.node).collect();
        }
        orders.push(Order::TellParticipant(epoch, news));
    }

    fn announce(&mut self, epoch: Epoch, operation: &MembershipOperation, orders: &mut Vec<Order>) {
        let is_running = self.period(epoch).is_some_and(|it| it.replica == Replica::Running);
        if is_running {
            orders.push(Order::Announce(epoch, quorate_wire::encode(operation)));
        }
    }

    fn on_silence(&mut self, epoch: Epoch, orders: &mut Vec<Order>) {
        // DUT-1: only here, upon the word of the responder.
        let Some(period) = self.period(epoch) else { return };
        if period.replica >= Replica::Concluded {
            orders.push(Order::Seal(epoch, period.heirs.clone()));
        }
    }

    /// The header alone does not say who the members are: the state of the replica does.
    fn seek_members(&mut self, orders: &mut Vec<Order>) {
        let now = &mut self.now;
        let is_there = now.header.is_some() && now.replica >= Replica::Concluded;
        if is_there && !now.has_asked_members {
            now.has_asked_members = true;
            orders.push(Order::ReadMembers(now.epoch()));
        }
    }

    fn on_members(
        &mut self,
        epoch: Epoch,
        members: Vec<Arc<MemberRecord>>,
        orders: &mut Vec<Order>,
    ) {
        let Some(header) = self.period(epoch).and_then(|period| period.header.clone()) else {
            return;
        };
        let configuration = CertifiedConfiguration { certified: *header, members };
        let verified = configuration.verify_after(&self.configuration, &self.schemes);
        let verified = verified.expect("the system signed what the log has decided");
        self.adopt(verified, orders);
    }

    fn adopt(&mut self, configuration: VerifiedConfiguration, orders: &mut Vec<Order>) {
        if configuration.epoch() <= self.now.epoch() {
            return;
        }
        let next = Period::new(configuration.clone().into(), self.me, Replica::Waiting);
        self.configuration = configuration.clone();
        let is_next = self.now.epoch().next() == next.epoch();
        let former = core::mem::replace(&mut self.now, next);
        assert!(former.epoch() < self.now.epoch(), "DUT-4: epochs only go up");
        let header = Box::new(configuration.header().certified().clone());
        if planted(Plant::ShareErasedEarly) {
            orders.push(Order::EraseShare(former.epoch()));
        }
        orders.push(Order::Adopt(configuration));
        // DUT-2: behind the order that makes the configuration durable.
        if !planted(Plant::ShareKept) {
            orders.push(Order::EraseShare(former.epoch()));
        }
        // DUT-5: the participant first, which may be about to make another share durable.
        if is_next && !planted(Plant::ParticipantKeepsShare) {
            orders.push(Order::TellSigned(former.epoch(), header));
        }
        self.erase_without_seat(orders);
        let over = self.before.replace(former);
        // Who was away for longer serves nobody with what it had.
        let missed = if is_next { None } else { self.before.take() };
        for period in over.into_iter().chain(missed) {
            orders.push(Order::Retire(period.epoch()));
            if !planted(Plant::KeysKept) {
                orders.push(Order::EraseKeys(period.epoch()));
            }
        }
        // Behind the orders to retire: with keys what machines of the past had on the disk goes.
        self.erase_keys_of_former(orders);
        orders.push(Order::BeginParticipant(self.now.epoch()));
        self.seek_state(orders);
    }

    // DUT-5: also at a start, since a crash may have come between.
    fn erase_without_seat(&self, orders: &mut Vec<Order>) {
        if planted(Plant::FailedAttemptKept) {
            return;
        }
        if !self.now.configuration.has_seat(self.me) {
            orders.push(Order::EraseShare(self.now.epoch()));
        }
    }

    // DUT-6: the configuration that made it the former one is durable.
    fn erase_keys_of_former(&self, orders: &mut Vec<Order>) {
        let over = self.before.as_ref().filter(|before| !before.has_to_sign());
        if let Some(former) = over
            && !planted(Plant::KeysKept)
            && !planted(Plant::KeysKeptAnEpoch)
        {
            orders.push(Order::EraseKeys(former.epoch()));
        }
    }

    /// The group of the epoch begins with the final state of the one before.
    fn seek_state(&mut self, orders: &mut Vec<Order>) {
        if self.now.replica != Replica::Waiting {
            return;
        }
        let own = self.before.as_ref().map_or(Replica::None, |before| before.replica);
        let is_own = match own {
            Replica::Ended => true,
            // It comes to the end by itself, and then has the state.
            Replica::Running | Replica::Concluded => return,
            Replica::None | Replica::Waiting | Replica::Fetching | Replica::Beginning => false,
        };
        self.now.replica = Replica::Fetching;
        if planted(Plant::VouchesWithoutState) {
            orders.push(Order::Vouch(self.now.epoch()));
        }
        orders.push(Order::GetState { epoch: self.now.epoch(), is_own });
    }

    fn on_state(&mut self, epoch: Epoch, orders: &mut Vec<Order>) {
        if self.now.epoch() == epoch && self.now.replica == Replica::Fetching {
            self.now.replica = Replica::Beginning;
            orders.push(Order::BeginReplica(epoch));
        }
    }

    fn on_begun(&mut self, epoch: Epoch, orders: &mut Vec<Order>) {
        if self.now.epoch() == epoch && self.now.replica == Replica::Beginning {
            self.now.replica = Replica::Running;
            // DUT-3: the replica has the state, which a quorum signed as the end.
            orders.push(Order::Vouch(epoch));
        }
    }
}

#[cfg(test)]
mod tests;
