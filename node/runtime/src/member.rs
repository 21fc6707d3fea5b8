//! One machine in its node: feeds it inputs and performs its effects.

use std::sync::Arc;

use quorate_crypto::Pending;
use quorate_machine::{Class, Effect, Effects, Input, Machine, Recipients};
use quorate_net::Sent;
use quorate_types::{Instant, Peer};
use quorate_wire::{Encode, Writer, decode};

use crate::alarms::Alarms;
use crate::cache::CachingVerifier;
use crate::clock::Clock;
use crate::disk::{Disk, DiskWork};
use crate::error::NodeError;
use crate::handle::{Inbox, Wish};
use crate::hosted::{Hosted, Interceptor, Record, Request};
use crate::intake::{Admitted, Intake, Origin, Settled};
use crate::limits::TICK_REQUESTS_MAX;
use crate::links::Links;
use crate::metrics::{Complaint, MachineMetrics, Metrics, count, set};
use crate::pool::Pool;
use crate::queue::{Action, EffectQueue, Ticket};

/// What the machines of a node share.
pub(crate) struct World<'a> {
    pub(crate) clock: &'a mut Clock,
    pub(crate) links: &'a Links,
    pub(crate) pool: &'a Pool,
    pub(crate) verifier: &'a Arc<CachingVerifier>,
    pub(crate) metrics: &'a Metrics,
}

/// A frame for one machine.
pub(crate) struct Frame {
    pub(crate) from: Peer,
    pub(crate) class: Class,
    pub(crate) bytes: Vec<u8>,
    /// Where the machine's own bytes begin.
    pub(crate) start: usize,
}

/// A machine of any type.
pub(crate) trait Member {
    /// The machine begins.
    fn start(&mut self, world: &mut World<'_>);
    /// Keeps a frame for the next tick.
    fn accept(&mut self, frame: Frame);
    /// Does what there is to do; true if there is more of which nobody else tells the loop.
    fn tick(&mut self, world: &mut World<'_>) -> Result<bool, NodeError>;
    /// Takes no input any more and performs what the disk frees; true once nothing waits.
    fn drain(&mut self, world: &mut World<'_>) -> Result<bool, NodeError>;
    /// When its next alarm is due.
    fn next_alarm(&self) -> Option<Instant>;
    /// Whether its disk or the pool is too far behind for more frames.
    fn is_full(&self) -> bool;
}

/// A machine with its glue, its queue of effects and its disk.
pub(crate) struct Cell<H: Hosted> {
    pub(crate) name: &'static str,
    pub(crate) prefix: Vec<u8>,
    pub(crate) hosted: H,
    pub(crate) machine: H::Machine,
    pub(crate) disk: Option<Disk<Record<H>>>,
    pub(crate) interceptor: Option<Box<dyn Interceptor<H::Machine>>>,
    pub(crate) inbox: Arc<Inbox<H::Machine>>,
    pub(crate) metrics: Arc<MachineMetrics>,
    pub(crate) parts: Parts<H>,
}

/// What a machine has on the way.
pub(crate) struct Parts<H: Hosted> {
    effects: Effects<H::Machine>,
    queue: EffectQueue<H::Machine>,
    alarms: Alarms<<H::Machine as Machine>::Timer>,
    intake: Intake<H::Message>,
    frames: Vec<Frame>,
    requests: Vec<Request<H>>,
    marks: Vec<&'static str>,
    /// Bytes that left, one time for each recipient, by the kind of their message.
    sent: Vec<(&'static str, usize)>,
}

impl<H: Hosted> Parts<H> {
    pub(crate) fn new(metrics: &Arc<MachineMetrics>) -> Self {
        Self {
            effects: Effects::new(),
            queue: EffectQueue::new(),
            alarms: Alarms::new(),
            intake: Intake::new(Arc::clone(metrics)),
            frames: Vec::new(),
            requests: Vec::new(),
            marks: Vec::new(),
            sent: Vec::new(),
        }
    }
}

impl<H: Hosted> Member for Cell<H> {
    fn start(&mut self, world: &mut World<'_>) {
        self.step(Input::Start, world);
        self.finish_tick();
    }

    fn accept(&mut self, frame: Frame) {
        count(&self.metrics.frames);
        self.parts.frames.push(frame);
    }

    fn tick(&mut self, world: &mut World<'_>) -> Result<bool, NodeError> {
        self.hear_disk(world)?;
        for settled in self.parts.intake.take_settled() {
            self.deliver(settled, world);
        }
        self.take_frames(world);
        self.take_alarms(world);
        let has_more = self.take_requests(world);
        self.finish_tick();
        Ok(has_more || !self.parts.requests.is_empty())
    }

    fn drain(&mut self, world: &mut World<'_>) -> Result<bool, NodeError> {
        self.inbox.close();
        self.hear_disk(world)?;
        self.finish_tick();
        Ok(self.parts.queue.is_empty())
    }

    fn next_alarm(&self) -> Option<Instant> {
        self.parts.alarms.next()
    }

    fn is_full(&self) -> bool {
        self.parts.queue.is_full() || self.parts.intake.is_full()
    }
}

impl<H: Hosted> Drop for Cell<H> {
    fn drop(&mut self) {
        self.inbox.close();
    }
}

impl<H: Hosted> Cell<H> {
    /// Learns what has become durable and performs what waited for it.
    fn hear_disk(&mut self, world: &mut World<'_>) -> Result<(), NodeError> {
        let Some(disk) = &self.disk else { return Ok(()) };
        if let Some(source) = disk.take_failure() {
            return Err(NodeError::Disk { machine: self.name, source });
        }
        if disk.died() {
            return Err(NodeError::ThreadDied { thread: self.name });
        }
        self.parts.queue.on_durable(disk.durable());
        self.perform(world);
        Ok(())
    }

    /// Reads the frames of this tick, has their signatures checked, and steps on what is settled.
    fn take_frames(&mut self, world: &mut World<'_>) {
        if self.parts.frames.is_empty() {
            return;
        }
        let frames = std::mem::take(&mut self.parts.frames);
        self.metrics.tick_frames.add(frames.len() as u64);
        self.parts.intake.begin_tick();
        let mut others = Vec::new();
        for frame in &frames {
            let Some(admitted) = self.admit(frame, world) else { continue };
            match self.parts.intake.settle_alone(admitted, world.verifier) {
                Ok(settled) => self.deliver(settled, world),
                Err(admitted) => others.push(admitted),
            }
        }
        let settled = self.parts.intake.dispatch(others, world.pool, world.verifier);
        self.deliver(settled, world);
    }

    fn admit(&self, frame: &Frame, world: &World<'_>) -> Option<Admitted<H::Message>> {
        let &Frame { from, class, ref bytes, start } = frame;
        let Ok(message) = decode::<H::Message>(&bytes[start..]) else {
            world.metrics.complain(from, Complaint::Undecodable);
            return None;
        };
        if !self.hosted.is_useful(&self.machine, from, &message) {
            count(&self.metrics.useless);
            return None;
        }
        world.links.charge(from, self.hosted.work_micros(&message));
        match Pending::new(message, self.hosted.context(&self.machine)) {
            Ok(pending) => {
                let unknown = world.verifier.unknown_count(pending.checks());
                let origin = Origin { from, class, bytes: bytes.len(), unknown, place: 0 };
                Some(Admitted { origin, pending })
            }
            Err(reason) => {
                world.metrics.complain(from, Complaint::Rejected(reason));
                None
            }
        }
    }

    fn deliver(&mut self, settled: Settled<H::Message>, world: &mut World<'_>) {
        for (index, origin) in settled.origins.iter().enumerate() {
            world.links.charge(origin.from, settled.charge(index));
        }
        for (origin, outcome) in settled.origins.into_iter().zip(settled.outcomes) {
            match outcome {
                Ok(_) if !self.hosted.may_hear(world.clock.now()) => count(&self.metrics.useless),
                Ok(message) => {
                    if self.hosted.vouches_for(origin.from, &message, world.clock.now()) {
                        world.links.prove(origin.from);
                    }
                    let message = self.hosted.believe(message);
                    self.step(Input::Deliver { from: origin.from, message }, world);
                }
                Err(reason) => world.metrics.complain(origin.from, Complaint::Rejected(reason)),
            }
        }
    }

    fn take_alarms(&mut self, world: &mut World<'_>) {
        if self.parts.alarms.next().is_none() {
            return;
        }
        let now = world.clock.now().instant;
        // What goes off may be set again for now: it has its turn in the next tick.
        for _ in 0..self.parts.alarms.len() {
            let Some(timer) = self.parts.alarms.take_due(now) else { break };
            count(&self.metrics.alarms);
            self.step(Input::Expired(timer), world);
        }
    }

    /// Takes what was asked; true if there may be more.
    fn take_requests(&mut self, world: &mut World<'_>) -> bool {
        let own = std::mem::take(&mut self.parts.requests);
        let wishes = self.inbox.take(TICK_REQUESTS_MAX);
        let has_more = wishes.len() == TICK_REQUESTS_MAX;
        for request in own {
            self.ask(request, world);
        }
        for wish in wishes {
            match wish {
                Wish::Request(request) => self.ask(request, world),
                Wish::Look(look) => look(&self.machine),
            }
        }
        has_more
    }

    fn ask(&mut self, request: Request<H>, world: &mut World<'_>) {
        count(&self.metrics.requests);
        self.step(Input::Request(request), world);
    }

    /// One step: the machine takes an input; what it wants done is queued, and done if it may be.
    fn step(&mut self, input: Input<H::Machine>, world: &mut World<'_>) {
        let now = world.clock.now();
        let (now, input) = match &mut self.interceptor {
            Some(interceptor) => {
                let now = interceptor.clock(now);
                (now, interceptor.input(now, input))
            }
            None => (now, Some(input)),
        };
        let Some(input) = input else { return };
        count(&self.metrics.steps);
        let mut effects = std::mem::take(&mut self.parts.effects);
        self.machine.step(now, input, &mut effects);
        match &mut self.interceptor {
            Some(interceptor) => {
                let mut changed = effects.drain().collect();
                interceptor.effects(now, &mut changed);
                changed.into_iter().for_each(|effect| self.queue(effect));
            }
            None => effects.drain().for_each(|effect| self.queue(effect)),
        }
        self.parts.effects = effects;
        self.perform(world);
    }

    /// Puts an effect where it waits for its turn; a record goes to the disk.
    fn queue(&mut self, effect: Effect<H::Machine>) {
        let queue = &mut self.parts.queue;
        match effect {
            Effect::Persist(record) => {
                let disk = self.disk.as_mut().expect("a machine that persists has a journal");
                let bytes = self.hosted.record_bytes(&record);
                let ticket = queue.hand(bytes);
                disk.add(DiskWork::Append { record, ticket, bytes });
                count(&self.metrics.records);
            }
            Effect::Send { to, class, message } => {
                let room = FRAME_BYTES_USUAL + self.hosted.payload_bytes(&message);
                let mut writer = Writer::with_capacity(room);
                writer.raw(&self.prefix);
                message.encode(&mut writer);
                let frame = Arc::new(writer.into_bytes());
                let bytes = frame.len();
                let copies = match &to {
                    Recipients::One(_) => 1,
                    Recipients::Each(peers) => peers.len(),
                };
                self.parts.sent.push((self.hosted.kind(&message), bytes * copies));
                queue.push(Action::Send { to, class, frame }, bytes);
            }
            Effect::Release(before) => queue.push(Action::Release(before), 0),
            Effect::Arm { timer, at } => queue.push(Action::Arm { timer, at }, 0),
            Effect::Disarm(timer) => queue.push(Action::Disarm(timer), 0),
            Effect::Emit(output) => queue.push(Action::Emit(output), 0),
            Effect::Mark(mark) => queue.push(Action::Mark(mark), 0),
        }
    }

    /// Performs every effect that waits for no record.
    fn perform(&mut self, world: &World<'_>) {
        let on_disk = self.disk.as_ref().map_or(Ticket::ZERO, Disk::durable);
        while let Some(action) = self.parts.queue.pop_ready(on_disk) {
            match action {
                Action::Release(before) => {
                    if let Some(disk) = &mut self.disk {
                        disk.add(DiskWork::Release(before));
                    }
                }
                Action::Send { to: Recipients::One(peer), class, frame } => {
                    self.count_sent(world.links.send(peer, class, &frame));
                }
                Action::Send { to: Recipients::Each(peers), class, frame } => {
                    for peer in peers.iter() {
                        self.count_sent(world.links.send(*peer, class, &frame));
                    }
                }
                Action::Arm { timer, at } => self.parts.alarms.arm(timer, at),
                Action::Disarm(timer) => self.parts.alarms.disarm(timer),
                Action::Emit(output) => {
                    count(&self.metrics.outputs);
                    self.hosted.on_output(output, &mut self.parts.requests);
                }
                Action::Mark(mark) => {
                    self.hosted.on_mark(mark);
                    self.parts.marks.push(mark);
                }
            }
        }
    }

    fn count_sent(&self, sent: Sent) {
        let metrics = &self.metrics;
        match sent {
            Sent::Queued => count(&metrics.sent),
            Sent::Full => count(&metrics.unsent_full),
            Sent::Down => count(&metrics.unsent_down),
            Sent::TooLarge => count(&metrics.unsent_too_large),
        }
    }

    /// Hands the records of the tick to the disk together, and brings the counters up to date.
    fn finish_tick(&mut self) {
        if let Some(disk) = &mut self.disk {
            disk.hand_over();
        }
        self.metrics.count_marks(&mut self.parts.marks);
        self.metrics.count_sent(&mut self.parts.sent);
        set(&self.metrics.effects_waiting, self.parts.queue.len());
        set(&self.metrics.effects_waiting_bytes, self.parts.queue.waiting_bytes());
        set(&self.metrics.alarms_set, self.parts.alarms.len());
    }
}

/// Room that most messages need beside their payload, bytes.
const FRAME_BYTES_USUAL: usize = 512;
