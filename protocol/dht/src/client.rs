//! The client: reads and writes objects, and believes only what it verified.
//!
//! An operation is a sequence of goals; a goal is pursued in phases. A phase asks the group of the
//! object under an operation id of its own and inside one epoch. When the epoch changes or the
//! lease runs out, the phase is abandoned with all its replies and the goal begins another one.
//!
//! ```text
//! put content   Put                        2f + 1 Stored
//! get content   Get                        one member after the other, until the hash fits
//! stat content  Stat [-> Get]              f + 1 present, or 2f + 1 absent
//! write         ReadStamps -> Write        2f + 1 replies, then 2f + 1 Stored
//! read          Read [-> Write back]       2f + 1 replies; all equal, or the highest at 2f + 1
//! ```
//! What a call returns is emitted once, as [`ClientOutput::Returned`]; the interval from the
//! request to this output is the one in which the operation takes effect.
//!
//! # Invariants
//! - DHT-12: a call that was accepted is answered exactly once.

mod ask;
mod call;
mod content;
mod goal;
mod phase;
mod preference;
mod register;
mod scrub;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use quorate_crypto::{ClientCertificate, Signer, Verified};
use quorate_machine::{Effects, Input, Machine};
use quorate_types::{Duration, Epoch, Instant, NodeId, Now, Peer};

use crate::limits::{CHUNK_BYTES, CLIENT_CALLS_MAX, MANIFEST_NODE_BYTES_MAX, VALUE_BYTES_MAX};
use crate::message::{CertifiedConfiguration, Message, OperationId, ScrubState};
use crate::object::{Body, ContentKind, ObjectKey, Value, Version, WriterId};
use crate::ring::Ring;

use call::Call;
use goal::Goal;
use preference::Preference;

pub(crate) type ClientEffects = Effects<Client>;

/// A number that the node gives to an operation; must not be in use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallId(u64);

impl CallId {
    /// Wraps a number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// As whom a client acts.
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    /// The authority's word about the client.
    pub certificate: ClientCertificate,
    /// The client's key.
    pub signer: Arc<dyn Signer>,
    /// Random, and fresh at each start of the process.
    pub writer: WriterId,
}

/// What a client can do.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Store content; answered with [`Answer::Stored`].
    PutContent {
        /// A chunk or a manifest node.
        kind: ContentKind,
        /// The bytes.
        body: Body,
        /// Last epoch in which it must be kept.
        expires: Epoch,
    },
    /// Read content; answered with [`Answer::Content`].
    GetContent(ObjectKey),
    /// Ask whether content is there; answered with [`Answer::Present`].
    StatContent(ObjectKey),
    /// Write the object of this owner; answered with [`Answer::Written`].
    WriteObject {
        /// The key that names the object and signs its versions.
        owner: Arc<dyn Signer>,
        /// The value.
        value: Value,
    },
    /// Read a public-key object; answered with [`Answer::Object`].
    ReadObject(quorate_types::ObjectId),
}

/// What an operation that succeeded returns; all of it is verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The content is on the disks of `2f + 1` servers under this name.
    Stored(ObjectKey),
    /// The content.
    Content(Body),
    /// The content is there and has so many bytes.
    Present(u32),
    /// The version is on the disks of `2f + 1` servers.
    Written(Version),
    /// The version of the object; nothing if it was never written.
    Object(Option<Version>),
}

/// Why an operation did not succeed. A write may have taken effect all the same, unless stated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// `2f + 1` servers do not have the content.
    Absent,
    /// Too few servers answered in time.
    NoQuorum {
        /// Servers whose answers were needed.
        needed: usize,
        /// Servers that answered.
        answered: Vec<NodeId>,
        /// Servers that did not, or that refused.
        missing: Vec<NodeId>,
    },
    /// A correct server refuses the client's certificate: it has run out.
    NotAuthorised,
    /// The content or value is too long, or the name is of the wrong kind; nothing was sent.
    Unsuitable {
        /// Bytes that were given.
        bytes: usize,
        /// Bytes that are allowed; 0 for a name of the wrong kind.
        bytes_max: usize,
    },
    /// Too many operations are in flight, or the number is in use; nothing was sent.
    TooManyCalls,
    /// No valid lease in time.
    LeaseExpired,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("no such content"),
            Self::NoQuorum { needed, answered, missing } => {
                write!(f, "{} servers answered in time, {needed} are needed;", answered.len())?;
                f.write_str(" no answer from")?;
                missing.iter().try_for_each(|node| write!(f, " {node}"))
            }
            Self::NotAuthorised => f.write_str("the client's certificate has run out"),
            Self::Unsuitable { bytes_max: 0, .. } => f.write_str("not the id of content"),
            Self::Unsuitable { bytes, bytes_max } => {
                write!(f, "{bytes} bytes; at most {bytes_max} are allowed")
            }
            Self::TooManyCalls => f.write_str("too many operations at the same time"),
            Self::LeaseExpired => f.write_str("no proof in time that the configuration is current"),
        }
    }
}

impl core::error::Error for Failure {}

/// What the node asks of its client.
#[derive(Clone, Debug)]
pub enum ClientRequest {
    /// Begin an operation.
    Invoke {
        /// Names the operation in the answer.
        call: CallId,
        /// What to do.
        operation: Operation,
        /// How long to try.
        timeout: Duration,
    },
    /// The configuration of this epoch may be used until then, by this client's clock.
    Lease {
        /// The epoch that the lease is for.
        epoch: Epoch,
        /// First moment at which it is not valid any more.
        until: Instant,
    },
    /// A later configuration holds; it may be used once there is a lease for it.
    Reconfigured(Ring),
    /// Have every server check all that it holds; to be asked again until all have, since nothing
    /// is sent twice.
    Scrub {
        /// Names the run: random, and the same when it is asked again.
        run: u64,
    },
}

/// What a client tells its node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientOutput {
    /// An operation is over.
    Returned {
        /// Which operation.
        call: CallId,
        /// What became of it.
        outcome: Result<Answer, Failure>,
    },
    /// A server says that there is a later configuration: to be verified, and then given back as
    /// [`ClientRequest::Reconfigured`].
    NewerConfiguration {
        /// The server.
        from: NodeId,
        /// The epoch in which it says that it is.
        epoch: Epoch,
        /// The configuration. Empty bytes: to be fetched from the membership service.
        configuration: CertifiedConfiguration,
    },
    /// Operations wait for a lease of this epoch.
    LeaseExpired(Epoch),
    /// A server says how far its scrub is.
    Scrubbing(NodeId, ScrubState),
}

// tidy: timers
/// What a client sets alarms for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ClientTimer {
    /// Ask again.
    Retry(CallId),
    /// The operation has taken too long.
    Deadline(CallId),
}

/// A client of the DHT.
#[derive(Debug)]
pub struct Client {
    identity: ClientIdentity,
    ring: Ring,
    lease_until: Option<Instant>,
    next_operation: u64,
    calls: BTreeMap<CallId, Call>,
    operations: BTreeMap<OperationId, CallId>,
    preference: Preference,
    scrub: Option<OperationId>,
}

impl Client {
    /// A client that acts in the epoch of `ring` once it has a lease for it. `first_operation` is
    /// random, so that no late reply to an earlier run of the process counts in this one.
    #[must_use]
    pub const fn new(identity: ClientIdentity, ring: Ring, first_operation: u64) -> Self {
        Self {
            identity,
            ring,
            lease_until: None,
            next_operation: first_operation,
            calls: BTreeMap::new(),
            operations: BTreeMap::new(),
            preference: Preference::new(first_operation),
            scrub: None,
        }
    }

    /// The epoch in which the client acts.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.ring.epoch
    }

    /// Operations in flight.
    #[must_use]
    pub fn calls_in_flight(&self) -> usize {
        self.calls.len()
    }

    /// Phases of which a reply would be taken; at most one for each operation in flight.
    #[must_use]
    pub fn phases_in_flight(&self) -> usize {
        self.operations.len()
    }

    fn invoke(
        &mut self,
        now: Now,
        call: CallId,
        (operation, timeout): (Operation, Duration),
        effects: &mut ClientEffects,
    ) {
        let is_full = self.calls.len() >= CLIENT_CALLS_MAX || self.calls.contains_key(&call);
        let refused =
            if is_full { Some(Failure::TooManyCalls) } else { unsuitable(&operation).err() };
        if let Some(failure) = refused {
            effects.mark("dht.client.refused_call");
            effects.emit(ClientOutput::Returned { call, outcome: Err(failure) });
            return;
        }

        effects.arm(ClientTimer::Deadline(call), now.instant.after(timeout));
        let call = Call::new(call, Goal::of(operation));
        self.begin_phase(now, call, effects);
    }

    fn grant_lease(
        &mut self,
        now: Now,
        (epoch, until): (Epoch, Instant),
        effects: &mut ClientEffects,
    ) {
        if epoch != self.ring.epoch {
            effects.mark("dht.client.lease_of_other_epoch");
            return;
        }
        self.lease_until = self.lease_until.max(Some(until));
        self.begin_parked_phases(now, effects);
    }

    fn reconfigure(&mut self, ring: Ring, effects: &mut ClientEffects) {
        if ring.epoch <= self.ring.epoch {
            return;
        }
        self.ring = ring;
        self.lease_until = None;
        self.operations.clear();
        for call in self.calls.values_mut() {
            call.phase = None;
            effects.disarm(ClientTimer::Retry(call.id));
        }
        if !self.calls.is_empty() {
            effects.mark("dht.client.epoch_changed");
            effects.emit(ClientOutput::LeaseExpired(self.ring.epoch));
        }
    }

    /// DHT-9: may the client believe anything at this moment?
    fn has_lease(&self, now: Now) -> bool {
        self.lease_until.is_some_and(|until| now.instant < until)
    }

    fn deliver(
        &mut self,
        now: Now,
        from: Peer,
        message: Verified<Message>,
        effects: &mut ClientEffects,
    ) {
        if let Message::Scrubbed(reply) = &*message {
            return self.scrubbing(now, (from, *reply), effects);
        }
        let id = self.operations.get(&message.head().operation);
        let Some(call) = id.and_then(|id| self.calls.remove(id)) else {
            effects.mark("dht.client.late_reply");
            return;
        };
        self.reply(now, (from, message.into_inner()), call, effects);
    }

    fn deadline(&mut self, id: CallId, effects: &mut ClientEffects) {
        let Some(call) = self.calls.remove(&id) else { return };
        effects.mark("dht.client.deadline");
        let outcome = Err(call.failure_at_deadline());
        self.finish(&call, outcome, effects);
    }

    fn finish(
        &mut self,
        call: &Call,
        outcome: Result<Answer, Failure>,
        effects: &mut ClientEffects,
    ) {
        assert!(!self.calls.contains_key(&call.id), "DHT-12: an answered call goes on");
        if let Some(phase) = &call.phase {
            self.operations.remove(&phase.head.operation);
        }
        effects.disarm(ClientTimer::Retry(call.id));
        effects.disarm(ClientTimer::Deadline(call.id));
        effects.emit(ClientOutput::Returned { call: call.id, outcome });
    }
}

/// What no server would take is refused at once.
fn unsuitable(operation: &Operation) -> Result<(), Failure> {
    let (bytes, bytes_max) = match operation {
        Operation::PutContent { kind: ContentKind::Chunk, body, .. } => (body.len(), CHUNK_BYTES),
        Operation::PutContent { kind: ContentKind::Manifest, body, .. } => {
            (body.len(), MANIFEST_NODE_BYTES_MAX)
        }
        Operation::WriteObject { value, .. } => (value.len(), VALUE_BYTES_MAX),
        Operation::GetContent(key) | Operation::StatContent(key) => match key.content_kind() {
            Some(_) => return Ok(()),
            None => return Err(Failure::Unsuitable { bytes: 0, bytes_max: 0 }),
        },
        Operation::ReadObject(_) => return Ok(()),
    };
    if bytes > bytes_max { Err(Failure::Unsuitable { bytes, bytes_max }) } else { Ok(()) }
}

impl Machine for Client {
    type Inbound = Verified<Message>;
    type Outbound = Message;
    /// A client keeps nothing: its writer id is fresh at each start.
    type Record = ();
    type Timer = ClientTimer;
    type Request = ClientRequest;
    type Output = ClientOutput;

    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut ClientEffects) {
        match input {
            Input::Start => {}
            Input::Deliver { from, message } => self.deliver(now, from, message, effects),
            Input::Expired(ClientTimer::Retry(call)) => self.retry(now, call, effects),
            Input::Expired(ClientTimer::Deadline(call)) => self.deadline(call, effects),
            Input::Request(ClientRequest::Invoke { call, operation, timeout }) => {
                self.invoke(now, call, (operation, timeout), effects);
            }
            Input::Request(ClientRequest::Lease { epoch, until }) => {
                self.grant_lease(now, (epoch, until), effects);
            }
            Input::Request(ClientRequest::Reconfigured(ring)) => self.reconfigure(ring, effects),
            Input::Request(ClientRequest::Scrub { run }) => self.scrub(run, effects),
        }
    }
}

#[cfg(test)]
mod tests;
