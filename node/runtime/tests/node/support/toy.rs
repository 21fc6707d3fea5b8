//! The toy: a proposer persists a value and sends it to all; whoever gets it persists it and
//! acknowledges; two acknowledgements of others and its own make it committed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use quorate_crypto::ideal::IdealSigner;
use quorate_crypto::{Domain, Rejected, SignatureCheck, Signer, Verifiable, Verified, hash};
use quorate_machine::{Class, Effects, Input, Machine};
use quorate_runtime::Hosted;
use quorate_types::{Duration, Now, Peer, PublicKey, Signature};
use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};
use tokio::sync::mpsc;

const ACKS_NEEDED: usize = 2;
const RESEND_AFTER: Duration = Duration::from_millis(20);

/// What a message is.
pub(crate) const PROPOSE: u64 = 0;
pub(crate) const ACK: u64 = 1;

/// A signed word about a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: u64,
    pub(crate) value: u64,
    pub(crate) signer: PublicKey,
    pub(crate) signature: Signature,
}

impl Message {
    pub(crate) fn sign(kind: u64, value: u64, signer: &IdealSigner) -> Self {
        let digest = digest(kind, value);
        Self { kind, value, signer: signer.public_key(), signature: signer.sign(&digest) }
    }
}

fn digest(kind: u64, value: u64) -> quorate_types::Digest {
    let bytes = [kind.to_be_bytes(), value.to_be_bytes()].concat();
    hash(Domain::Derivation, &bytes)
}

impl Encode for Message {
    fn encode(&self, writer: &mut Writer) {
        writer.raw(&self.kind.to_be_bytes());
        writer.raw(&self.value.to_be_bytes());
        writer.raw(self.signer.as_bytes());
        writer.raw(self.signature.as_bytes());
    }
}

impl Decode for Message {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            kind: u64::from_be_bytes(reader.array()?),
            value: u64::from_be_bytes(reader.array()?),
            signer: PublicKey::new(reader.array()?),
            signature: Signature::new(reader.array()?),
        })
    }
}

impl Verifiable for Message {
    type Context = ();

    fn checks(&self, _: &(), checks: &mut Vec<SignatureCheck>) -> Result<(), Rejected> {
        if self.kind > ACK {
            return Err(Rejected::Inconsistent);
        }
        let digest = digest(self.kind, self.value);
        checks.push(SignatureCheck { key: self.signer, digest, signature: self.signature });
        Ok(())
    }
}

/// A value that a node has promised to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ToyRecord(pub(crate) u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ToyTimer {
    Resend(u64),
    Bell(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ToyRequest {
    Propose(u64),
    /// Ring this bell after so many microseconds.
    Set(u8, u64),
    Unset(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ToyOutput {
    Committed(u64),
    Heard(u64),
    Rang(u8),
}

#[derive(Debug)]
pub(crate) struct Toy {
    peers: Arc<[Peer]>,
    signer: IdealSigner,
    values: Vec<u64>,
    acks: BTreeMap<u64, BTreeSet<Peer>>,
}

impl Toy {
    pub(crate) fn new(peers: Arc<[Peer]>, signer: IdealSigner, values: Vec<u64>) -> Self {
        Self { peers, signer, values, acks: BTreeMap::new() }
    }

    pub(crate) fn values(&self) -> &[u64] {
        &self.values
    }

    fn keep(&mut self, value: u64, effects: &mut Effects<Self>) {
        if !self.values.contains(&value) {
            self.values.push(value);
            effects.persist(ToyRecord(value));
        }
    }

    fn propose(&self, value: u64, now: Now, effects: &mut Effects<Self>) {
        effects.arm(ToyTimer::Resend(value), now.instant.after(RESEND_AFTER));
        let message = Message::sign(PROPOSE, value, &self.signer);
        effects.send_each(&self.peers, Class::Ordered, message);
    }

    fn deliver(&mut self, from: Peer, message: &Message, effects: &mut Effects<Self>) {
        let value = message.value;
        if message.kind == PROPOSE {
            self.keep(value, effects);
            effects.emit(ToyOutput::Heard(value));
            effects.send(from, Class::Control, Message::sign(ACK, value, &self.signer));
            return;
        }
        let Some(acks) = self.acks.get_mut(&value) else {
            effects.mark("toy.late_ack");
            return;
        };
        acks.insert(from);
        if acks.len() == ACKS_NEEDED {
            self.acks.remove(&value);
            effects.disarm(ToyTimer::Resend(value));
            effects.mark("toy.committed");
            effects.emit(ToyOutput::Committed(value));
        }
    }
}

impl Machine for Toy {
    type Inbound = Verified<Message>;
    type Outbound = Message;
    type Record = ToyRecord;
    type Timer = ToyTimer;
    type Request = ToyRequest;
    type Output = ToyOutput;

    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Start => effects.mark("toy.started"),
            Input::Deliver { from, message } => self.deliver(from, &message, effects),
            Input::Expired(ToyTimer::Resend(value)) => self.propose(value, now, effects),
            Input::Expired(ToyTimer::Bell(bell)) => effects.emit(ToyOutput::Rang(bell)),
            Input::Request(ToyRequest::Propose(value)) => {
                self.keep(value, effects);
                self.acks.insert(value, BTreeSet::new());
                self.propose(value, now, effects);
            }
            Input::Request(ToyRequest::Set(bell, micros)) => {
                let at = now.instant.after(Duration::from_micros(micros));
                effects.arm(ToyTimer::Bell(bell), at);
            }
            Input::Request(ToyRequest::Unset(bell)) => effects.disarm(ToyTimer::Bell(bell)),
        }
    }
}

/// The glue of the toy: a client's value above this is of no use.
pub(crate) const USELESS: u64 = 1 << 60;

#[derive(Debug)]
pub(crate) struct ToyHost {
    pub(crate) told: mpsc::Sender<ToyOutput>,
    pub(crate) record_bytes: usize,
    pub(crate) is_deaf: Arc<AtomicBool>,
    pub(crate) work_micros: u64,
}

impl Hosted for ToyHost {
    type Machine = Toy;
    type Message = Message;

    fn is_useful(&self, _: &Toy, _: Peer, message: &Message) -> bool {
        message.value < USELESS
    }

    fn work_micros(&self, _: &Message) -> u64 {
        self.work_micros
    }

    fn may_hear(&self, _: Now) -> bool {
        !self.is_deaf.load(Ordering::Relaxed)
    }

    fn context<'host>(&'host self, _: &'host Toy) -> &'host () {
        &()
    }

    fn believe(&self, message: Verified<Message>) -> Verified<Message> {
        message
    }

    fn record_bytes(&self, _: &ToyRecord) -> usize {
        self.record_bytes
    }

    fn on_output(&mut self, output: ToyOutput, requests: &mut Vec<ToyRequest>) {
        if output == ToyOutput::Rang(u8::MAX) {
            requests.push(ToyRequest::Set(0, 0));
        }
        if self.told.try_send(output).is_err() {
            assert!(self.told.is_closed(), "no test tells so much");
        }
    }
}
