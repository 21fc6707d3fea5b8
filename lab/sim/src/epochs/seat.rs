//! A server: its machines by epoch, and what passes between them in the process.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use quorate_bft::{Inheritance, Output as OrderedOutput, Replica, Succession};
use quorate_crypto::{Verified, verify};
use quorate_duties::turnover::{Event, Turnover};
use quorate_machine::{Class, Effect, Effects, Input, Machine, Recipients, RecordNumber};
use quorate_membership::dissemination::{Disseminator, DisseminatorOutput};
use quorate_membership::handover::machine as participant;
use quorate_membership::handover::message::Message as HandoverMessage;
use quorate_membership::handover::{Handover, HandoverOperation, Policy};
use quorate_membership::{
    FreshnessResponder, MembershipService, ResponderOutput, ResponderRecord, VerifiedConfiguration,
};
use quorate_types::{Digest, Epoch, GroupConfiguration, NodeId, Now, Peer};

use super::cabinet::Cabinet;
use super::founding::Kit;
use super::{EpochsMachine, Message, Output, Record, Request, Timer};

mod accusing;
mod bad_dealing;
mod flood;
mod monitoring;
mod opening;
mod orders;

use bad_dealing::{BadDealing, Pens};
use monitoring::Monitoring;

pub(super) use flood::is_nobody;
pub(super) use monitoring::Vice;
pub(super) use opening::Installed;

/// The replicas of a server, and of what group each is.
#[derive(Debug)]
pub(super) struct Member {
    replica: Replica<MembershipService>,
    group: Arc<GroupConfiguration>,
    /// The number of its last record.
    last: RecordNumber,
}

/// The machines of a server.
#[derive(Debug)]
pub struct ServerSeat {
    kit: Rc<Kit>,
    /// Its place among the servers of the run.
    index: usize,
    id: NodeId,
    policy: Policy,
    cabinet: Cabinet,
    turnover: Turnover,
    responder: FreshnessResponder,
    disseminator: Disseminator,
    handovers: BTreeMap<Epoch, Handover>,
    members: BTreeMap<Epoch, Member>,
    succession: Option<(Epoch, Succession, Arc<GroupConfiguration>)>,
    inheritances: BTreeMap<Epoch, Box<Inheritance>>,
    /// What the participant of this epoch had kept before a crash.
    kept: Option<(Epoch, Vec<participant::Record>)>,
    /// Sessions of attempts that failed, whose shares are still to be erased.
    abandoned: Vec<(Epoch, Digest)>,
    /// The last configurations.
    chain: BTreeMap<Epoch, VerifiedConfiguration>,
    /// It cheats as a dealer.
    vice: Option<BadDealing>,
    /// None where nobody probes.
    monitoring: Option<Monitoring>,
    /// The last record of the row.
    last: u64,
}

/// Something that one part of the server has to say to another.
enum Task {
    Event(Event),
    Inherited(Epoch, Box<Inheritance>),
}

impl From<Event> for Task {
    fn from(event: Event) -> Self {
        Self::Event(event)
    }
}

/// One step of the server: the time, where effects go, and what is still to be done.
struct Turn<'a> {
    now: Now,
    effects: &'a mut Effects<EpochsMachine>,
    todo: VecDeque<Task>,
}

impl Turn<'_> {
    fn send(&mut self, (to, class): (Recipients, Class), message: Message) {
        self.effects.push(Effect::Send { to, class, message });
    }
}

impl ServerSeat {
    /// The configuration that the server works with.
    #[must_use]
    pub const fn turnover(&self) -> &Turnover {
        &self.turnover
    }

    /// What all know.
    pub(super) fn kit(&self) -> &Kit {
        &self.kit
    }

    /// The participants of the ends of epochs.
    #[must_use]
    pub const fn handovers(&self) -> &BTreeMap<Epoch, Handover> {
        &self.handovers
    }

    /// The configuration of the epoch before this one.
    pub(super) fn before(&self, epoch: Epoch) -> Option<VerifiedConfiguration> {
        self.chain.get(&Epoch::new(epoch.get().checked_sub(1)?)).cloned()
    }

    /// The files of its cabinet, as the process has them.
    pub(super) const fn files(&self) -> &BTreeMap<super::Name, Vec<u8>> {
        self.cabinet.files()
    }

    /// The root of the tree that its identity has.
    pub(super) fn identity_root(&self) -> Option<quorate_types::IdentityRoot> {
        self.cabinet.held_root()
    }

    /// Signs with the key of an epoch, for a liar: it has kept what its machines have erased.
    pub(super) fn signer(&self, epoch: Epoch) -> Option<Arc<dyn quorate_crypto::Signer>> {
        self.cabinet.known(epoch).or_else(|| self.cabinet.erased(epoch))
    }

    /// Its name in the system.
    #[must_use]
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// The state of the group of an epoch, as its replica here has it.
    #[must_use]
    pub fn replica(&self, epoch: Epoch) -> Option<&Replica<MembershipService>> {
        self.members.get(&epoch).map(|member| &member.replica)
    }

    /// Epochs whose keys it has, on the disk or in one of its machines.
    pub(super) fn signing_epochs(&self) -> impl Iterator<Item = Epoch> {
        let keys = self.files().keys().filter(|name| name.is_signing());
        let files = keys.map(|name| name.epoch());
        let replicas = self.members.iter().filter(|(_, member)| member.replica.holds_key());
        let handovers = self.handovers.iter().filter(|(_, handover)| handover.holds_old_share());
        files
            .chain(replicas.map(|(epoch, _)| *epoch))
            .chain(handovers.map(|(epoch, _)| *epoch))
            .chain(self.responder.holds_key_of())
            .chain(self.answer_keys())
    }

    /// Has it nothing to sign any more in the group of an epoch?
    pub(super) fn has_ended(&self, epoch: Epoch) -> bool {
        self.replica(epoch).is_none_or(|replica| replica.end_certificate().is_some())
    }

    /// Items that its machines hold in their queues and tables.
    #[must_use]
    pub fn live_items(&self) -> usize {
        self.members.values().map(|member| member.replica.live_items()).sum()
    }

    pub(super) fn step(
        &mut self,
        now: Now,
        input: Input<EpochsMachine>,
        effects: &mut Effects<EpochsMachine>,
    ) {
        let mut own = Effects::new();
        let turn = &mut Turn { now, effects: &mut own, todo: VecDeque::new() };
        self.erase_abandoned(turn);
        match input {
            Input::Start => self.start(turn),
            Input::Deliver { from, message } => self.deliver(turn, from, message),
            Input::Expired(timer) => self.expire(turn, timer),
            Input::Request(Request(operation)) => self.announce(turn, operation),
        }
        while let Some(task) = turn.todo.pop_front() {
            self.take_up(turn, task);
        }
        self.pass_on(own, effects);
    }

    /// Counts the records of the row: those before the last lie in the files that they make.
    fn pass_on(&mut self, mut own: Effects<EpochsMachine>, effects: &mut Effects<EpochsMachine>) {
        let before = self.last;
        for effect in own.drain() {
            self.last += u64::from(matches!(effect, Effect::Persist(_)));
            effects.push(effect);
        }
        if self.last > before {
            effects.release(RecordNumber::new(self.last));
        }
    }

    fn deliver(&mut self, turn: &mut Turn<'_>, from: Peer, message: Message) {
        match message {
            Message::Ordered(epoch, message) => self.on_ordered(turn, (from, epoch), &message),
            Message::Handover(epoch, message) => {
                let message = Arc::unwrap_or_clone(message);
                if let (Some(vice), HandoverMessage::Acknowledgement(word)) =
                    (&mut self.vice, &message)
                    && let Some(certified) = vice.hear(word)
                {
                    let operation = Box::new(HandoverOperation::Dealt(Box::new(certified)));
                    turn.effects.mark("liar.certified_badly");
                    turn.todo.push_back(Event::Announce(epoch, operation).into());
                }
                self.overhear(epoch, &message);
                self.step_handover(turn, epoch, Input::Deliver { from, message });
            }
            Message::Spread(message) => {
                let message = Arc::unwrap_or_clone(message);
                self.step_disseminator(turn, Input::Deliver { from, message });
            }
            Message::Freshness(message) => {
                let message = Arc::unwrap_or_clone(message);
                self.step_responder(turn, Input::Deliver { from, message });
            }
            Message::Probe(question) => self.on_question(turn, from, &question),
            Message::Probed(answer) => {
                let message = Arc::unwrap_or_clone(answer);
                self.step_prober(turn, Input::Deliver { from, message });
            }
        }
    }

    fn expire(&mut self, turn: &mut Turn<'_>, timer: Timer) {
        match timer {
            Timer::Ordered(epoch, timer) => {
                self.step_replica(turn, epoch, Input::Expired(timer));
            }
            Timer::Handover(epoch, timer) => {
                self.step_handover(turn, epoch, Input::Expired(timer));
            }
            Timer::Succession(epoch, timer) => {
                self.step_succession(turn, epoch, Input::Expired(timer));
            }
            Timer::Spread(timer) => self.step_disseminator(turn, Input::Expired(timer)),
            Timer::Probe(timer) => self.step_prober(turn, Input::Expired(timer)),
            Timer::Docket => self.read_docket(turn),
            Timer::Client(_) => {}
        }
    }

    /// Has an operation ordered, if this server has a replica of the newest group.
    fn announce(&mut self, turn: &mut Turn<'_>, operation: Vec<u8>) {
        let epoch = self.turnover.configuration().epoch();
        let request = quorate_bft::Request::Announce(operation);
        self.step_replica(turn, epoch, Input::Request(request));
    }

    /// Messages of a group are verified by whoever is of it, or gets its state.
    fn on_ordered(
        &mut self,
        turn: &mut Turn<'_>,
        (from, epoch): (Peer, Epoch),
        message: &Arc<quorate_bft::Message>,
    ) {
        let verifier = Arc::clone(&self.kit.schemes.signatures);
        let admit = |group: &GroupConfiguration| -> Option<Verified<quorate_bft::Message>> {
            verify((**message).clone(), group, &*verifier).ok()
        };
        if let Some(member) = self.members.get(&epoch) {
            let Some(message) = admit(&member.group) else {
                return turn.effects.mark("epochs.message_refused");
            };
            return self.step_replica(turn, epoch, Input::Deliver { from, message });
        }
        let Some((begins, _, old)) = &self.succession else { return };
        if *begins == epoch.next()
            && let Some(message) = admit(old)
        {
            self.step_succession(turn, *begins, Input::Deliver { from, message });
        }
    }

    fn step_replica(
        &mut self,
        turn: &mut Turn<'_>,
        epoch: Epoch,
        input: Input<Replica<MembershipService>>,
    ) {
        let Some(member) = self.members.get_mut(&epoch) else { return };
        let mut effects = Effects::new();
        member.replica.step(turn.now, input, &mut effects);
        for effect in effects.drain() {
            match effect {
                Effect::Persist(record) => {
                    member.last = member.last.next();
                    turn.effects.persist(Record::Ordered(epoch, member.last, Arc::new(record)));
                }
                Effect::Release(below) => turn.effects.emit(Output::Released(epoch, below)),
                Effect::Send { to, class, message } => {
                    turn.send((to, class), Message::Ordered(epoch, Arc::new(message)));
                }
                Effect::Arm { timer, at } => turn.effects.arm(Timer::Ordered(epoch, timer), at),
                Effect::Disarm(timer) => turn.effects.disarm(Timer::Ordered(epoch, timer)),
                Effect::Emit(output) => turn.hear(epoch, output),
                Effect::Mark(mark) => turn.effects.mark(mark),
            }
        }
    }

    fn step_handover(&mut self, turn: &mut Turn<'_>, epoch: Epoch, input: Input<Handover>) {
        let Some(handover) = self.handovers.get_mut(&epoch) else { return };
        let mut effects = Effects::new();
        handover.step(turn.now, input, &mut effects);
        for effect in effects.drain() {
            match effect {
                Effect::Persist(participant::Record::Share { session, share }) => {
                    self.cabinet.put_share(turn.effects, epoch.next(), (session, &share));
                }
                Effect::Persist(record) => {
                    turn.effects.persist(Record::Handover(epoch, Arc::new(record)));
                }
                Effect::Send { to, class, message } => {
                    let message = self.twist(epoch, message);
                    if let Some(message) = message {
                        turn.send((to, class), Message::Handover(epoch, Arc::new(message)));
                    }
                }
                Effect::Arm { timer, at } => turn.effects.arm(Timer::Handover(epoch, timer), at),
                Effect::Disarm(timer) => turn.effects.disarm(Timer::Handover(epoch, timer)),
                Effect::Emit(participant::Output::Announce(operation)) => {
                    turn.todo.push_back(Event::Announce(epoch, operation).into());
                }
                Effect::Emit(participant::Output::Certified(header)) => {
                    turn.todo.push_back(Event::Certified(epoch, header).into());
                }
                Effect::Emit(participant::Output::Cheated(proof)) => {
                    turn.effects.emit(Output::Cheated(epoch, proof.clone()));
                    self.accuse(turn, *proof);
                }
                Effect::Emit(participant::Output::Abandoned(session)) => {
                    self.abandoned.push((epoch, session));
                }
                Effect::Emit(participant::Output::Settled(settled)) => self.settle(turn, settled),
                Effect::Emit(participant::Output::Unfit(of, unfit)) => {
                    let share = self.cabinet.share(of);
                    let share = share.filter(|(_, share)| share.public_share() == unfit);
                    if let Some((session, _)) = share {
                        self.cabinet.abandon(turn.effects, (of, session));
                        let is_awaited = self.handovers.range(..of).next().is_some();
                        if !is_awaited {
                            self.cabinet.erase_decryption(turn.effects, of);
                        }
                    }
                }
                Effect::Release(_) => {}
                Effect::Mark(mark) => turn.effects.mark(mark),
            }
        }
    }

    /// What leaves the server in the place of a message, if it cheats as a dealer.
    fn twist(&mut self, epoch: Epoch, message: HandoverMessage) -> Option<HandoverMessage> {
        let Some(vice) = &mut self.vice else { return Some(message) };
        let system = self.turnover.configuration().configuration().system;
        let pens = Pens {
            me: self.id,
            place: (system, epoch),
            old: self.cabinet.known(epoch),
            new: self.cabinet.known(epoch.next()),
        };
        vice.twist(message, &pens)
    }

    fn step_succession(&mut self, turn: &mut Turn<'_>, epoch: Epoch, input: Input<Succession>) {
        let Some((begins, succession, _)) = &mut self.succession else { return };
        if *begins != epoch {
            return;
        }
        let former = Epoch::new(epoch.get() - 1);
        let mut effects = Effects::new();
        succession.step(turn.now, input, &mut effects);
        for effect in effects.drain() {
            match effect {
                Effect::Persist(never) => match never {},
                Effect::Send { to, class, message } => {
                    turn.send((to, class), Message::Ordered(former, Arc::new(message)));
                }
                Effect::Arm { timer, at } => {
                    turn.effects.arm(Timer::Succession(epoch, timer), at);
                }
                Effect::Disarm(timer) => turn.effects.disarm(Timer::Succession(epoch, timer)),
                Effect::Emit(inheritance) => {
                    turn.todo.push_back(Task::Inherited(epoch, Box::new(inheritance)));
                }
                Effect::Release(_) => {}
                Effect::Mark(mark) => turn.effects.mark(mark),
            }
        }
    }

    fn step_responder(&mut self, turn: &mut Turn<'_>, input: Input<FreshnessResponder>) {
        let mut effects = Effects::new();
        self.responder.step(turn.now, input, &mut effects);
        for effect in effects.drain() {
            match effect {
                Effect::Persist(ResponderRecord::Ended(epoch)) => {
                    turn.effects.persist(Record::Ended(epoch));
                }
                Effect::Send { to, class, message } => {
                    turn.send((to, class), Message::Freshness(Arc::new(message)));
                }
                Effect::Emit(ResponderOutput::EpochEnded(epoch)) => {
                    turn.todo.push_back(Event::VouchesNoMore(epoch).into());
                }
                Effect::Arm { timer, .. } | Effect::Disarm(timer) => match timer {},
                Effect::Release(_) => {}
                Effect::Mark(mark) => turn.effects.mark(mark),
            }
        }
    }

    fn step_disseminator(&mut self, turn: &mut Turn<'_>, input: Input<Disseminator>) {
        let mut effects = Effects::new();
        self.disseminator.step(turn.now, input, &mut effects);
        for effect in effects.drain() {
            match effect {
                Effect::Persist(never) => match never {},
                Effect::Send { to, class, message } => {
                    turn.send((to, class), Message::Spread(Arc::new(message)));
                }
                Effect::Arm { timer, at } => turn.effects.arm(Timer::Spread(timer), at),
                Effect::Disarm(timer) => turn.effects.disarm(Timer::Spread(timer)),
                Effect::Emit(DisseminatorOutput::Adopted(configuration)) => {
                    turn.todo.push_back(Event::Learned(configuration).into());
                }
                Effect::Release(_) => {}
                Effect::Mark(mark) => turn.effects.mark(mark),
            }
        }
    }
}

impl Turn<'_> {
    /// What a replica tells its server, and its observers.
    fn hear(&mut self, epoch: Epoch, output: OrderedOutput) {
        let event = match &output {
            OrderedOutput::News(news) => {
                let news = quorate_wire::decode(news).expect("the service encoded it");
                let news: Box<quorate_membership::handover::News> = Box::new(news);
                self.effects.emit(Output::News(news.clone()));
                self.todo.push_back(Event::News(epoch, news).into());
                return;
            }
            OrderedOutput::Concluded(_) => Some(Event::Concluded(epoch)),
            OrderedOutput::Ended(_) => Some(Event::Ended(epoch)),
            OrderedOutput::Executed { .. }
            | OrderedOutput::Stable(_)
            | OrderedOutput::Installed(_)
            | OrderedOutput::Entered(_)
            | OrderedOutput::Evidence(_)
            | OrderedOutput::Diverged(_) => None,
        };
        self.effects.emit(Output::Ordered(epoch, output));
        self.todo.extend(event.map(Task::Event));
    }
}
