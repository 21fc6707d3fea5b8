//! What the daemon says about a machine so that the runtime can drive it.

use quorate_crypto::{Rejected, SignatureCheck, Verifiable, Verified};
use quorate_machine::{Effect, Input, Machine};
use quorate_types::{Now, Peer};
use quorate_wire::{Decode, DecodeError, Encode, Reader};

use crate::channel::Channel;
use crate::journal::Journal;

/// The glue between one type of machine and the world.
///
/// A frame is decoded and goes through it in this order: `is_useful`, the check of the signatures
/// against `context`, `may_hear`, `vouches_for`, `believe`, one step of the machine.
pub trait Hosted: 'static {
    /// The machine.
    type Machine: Machine<Outbound: Encode> + 'static;
    /// A message as it arrives, before anything is checked.
    type Message: Verifiable + Decode + Send + 'static;

    /// Whether the machine can still use the message. What it cannot is dropped before its
    /// signatures are checked.
    fn is_useful(&self, _machine: &Self::Machine, _from: Peer, _message: &Self::Message) -> bool {
        true
    }

    /// What serving the message costs beside the check of its signatures, in microseconds: its
    /// sender is charged for it, or whoever asks much and signs nothing would ask for free.
    fn work_micros(&self, _message: &Self::Message) -> u64 {
        0
    }

    /// What messages are checked against now: the configuration that the machine is in.
    fn context<'host>(&'host self, machine: &'host Self::Machine) -> &'host Context<Self>;

    /// Whether the machine may learn of messages at this moment. What comes when it may not is
    /// dropped, as the network might have done.
    fn may_hear(&self, _now: Now) -> bool {
        true
    }

    /// Whether the message, whose signatures are good, shows that its sender is a client of the
    /// system: its links are no strangers' any more.
    fn vouches_for(&self, _from: Peer, _message: &Self::Message, _now: Now) -> bool {
        false
    }

    /// The input of the machine for a message whose signatures are good.
    fn believe(&self, message: Verified<Self::Message>) -> Inbound<Self>;

    /// Bytes of a message that leaves beside some hundred: room is made for them at once.
    fn payload_bytes(&self, _message: &Outbound<Self>) -> usize {
        0
    }

    /// Under which name the bytes of a message are counted that leaves.
    fn kind(&self, _message: &Outbound<Self>) -> &'static str {
        "any"
    }

    /// Hears that the machine passed a mark: what it did before is done. Must not block.
    fn on_mark(&mut self, _mark: &'static str) {}

    /// About how many bytes a record has, for the bounds on what waits for the disk.
    fn record_bytes(&self, record: &Record<Self>) -> usize;

    /// Takes what the machine tells its node. What it pushes to `requests` is asked of the same
    /// machine; others are asked through their [`crate::Handle`]. Must not block.
    fn on_output(&mut self, output: Output<Self>, requests: &mut Vec<Request<Self>>);
}

/// What the messages of a host are checked against.
pub type Context<H> = <<H as Hosted>::Message as Verifiable>::Context;
/// What the machine of a host takes.
pub type Inbound<H> = <<H as Hosted>::Machine as Machine>::Inbound;
/// What the machine of a host sends.
pub type Outbound<H> = <<H as Hosted>::Machine as Machine>::Outbound;
/// What the machine of a host persists.
pub type Record<H> = <<H as Hosted>::Machine as Machine>::Record;
/// What the machine of a host is asked.
pub type Request<H> = <<H as Hosted>::Machine as Machine>::Request;
/// What the machine of a host tells.
pub type Output<H> = <<H as Hosted>::Machine as Machine>::Output;

/// A message that only its receiver can check, since what it must be checked against is part of the
/// receiver's state. It counts as verified when it has been decoded.
#[derive(Debug)]
pub struct Plain<M>(pub M);

impl<M> Verifiable for Plain<M> {
    type Context = ();

    fn checks(&self, (): &(), _: &mut Vec<SignatureCheck>) -> Result<(), Rejected> {
        Ok(())
    }
}

impl<M: Decode> Decode for Plain<M> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        M::decode(reader).map(Self)
    }
}

/// Stands between a machine and the world and may change both sides. For the lab alone: a node in
/// production has none.
pub trait Interceptor<M: Machine>: Send {
    /// What the machine is told that the time is, so that a clock can be off.
    fn clock(&mut self, now: Now) -> Now {
        now
    }

    /// Sees an input before the machine does; what it returns is the input, if there is one.
    fn input(&mut self, _now: Now, input: Input<M>) -> Option<Input<M>> {
        Some(input)
    }

    /// Sees all effects of one step before any of them is performed.
    fn effects(&mut self, now: Now, effects: &mut Vec<Effect<M>>);
}

/// One machine to be hosted.
pub struct Hosting<H: Hosted> {
    /// Its name in metrics, logs and errors.
    pub name: &'static str,
    /// Where its frames are.
    pub channel: Channel,
    /// The glue.
    pub hosted: H,
    /// The machine, as recovered from its records.
    pub machine: H::Machine,
    /// Where its records become durable; none for a machine that persists nothing.
    pub journal: Option<Box<dyn Journal<Record<H>>>>,
    /// For the lab alone.
    pub interceptor: Option<Box<dyn Interceptor<H::Machine>>>,
}

impl<H: Hosted> std::fmt::Debug for Hosting<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hosting")
            .field("name", &self.name)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}
