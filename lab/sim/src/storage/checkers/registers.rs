//! C5: every public-key object is an atomic register, judged by the zone algorithm.
//!
//! A value of the history is a version: its stamp. A write of a good client lasts from its request
//! to its answer; one that got none, but of which a version left the client, may take effect at any
//! time after it began. A bad client's write never returns. It begins when the client was asked for
//! it, or else with the oldest of its writes to the object that may have read the number from which
//! it goes on: a client that reads the number first and sends later stands behind writes that were
//! completed in between, and who reads all that while may find it. Without any such write it begins
//! when it is first sent. Moments are numbers of events.

use std::collections::BTreeMap;
use std::rc::Rc;

use quorate_dht::object::{Stamp, register_id};
use quorate_dht::{
    Answer, CallId, ClientOutput, ClientRequest, Message, Operation, Value, Version,
};
use quorate_history::Operation as Interval;
use quorate_history::register::check_per_key;
use quorate_machine::{Input, Recipients};
use quorate_types::{Digest, ObjectId};

use crate::checker::{At, Broken, Checker, End, Verdict};
use crate::fast::FastMap;
use crate::host::Subject;
use crate::node::Node;
use crate::storage::scene::Scene;
use crate::storage::sight::Sight;

/// An operation that has not returned; those of bad clients never do.
#[derive(Clone, Copy, Debug)]
struct Open {
    object: ObjectId,
    /// Hash of the value that it writes; nothing for a read.
    writes: Option<Digest>,
    invoked: u64,
}

/// A version that somebody sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    value: u64,
    process: u64,
    invoked: u64,
    returned: Option<u64>,
}

/// Records the history of every object.
#[derive(Debug)]
pub struct Registers<S> {
    sight: S,
    scene: Rc<Scene>,
    open: FastMap<(Node, CallId), Open>,
    writes: BTreeMap<(ObjectId, Stamp), Sent>,
    reads: Vec<(ObjectId, Interval)>,
    values: u64,
}

fn digest_of(value: &Value) -> Digest {
    value.digest()
}

impl<S> Registers<S> {
    /// A checker that has seen nothing.
    #[must_use]
    pub fn new(sight: S, scene: Rc<Scene>) -> Self {
        Self {
            sight,
            scene,
            open: FastMap::default(),
            writes: BTreeMap::new(),
            reads: Vec::new(),
            values: 0,
        }
    }

    fn next_value(&mut self) -> u64 {
        self.values += 1;
        self.values
    }

    /// A version leaves a client: if it is new, it is a write of its own.
    fn sent(&mut self, at: &At, version: &Version) {
        let place = (version.signed.object(), version.stamp());
        if self.writes.contains_key(&place) {
            return;
        }
        let invoked = self.begun(at, place);
        let (value, process) = (self.next_value(), at.node.number());
        self.writes.insert(place, Sent { value, process, invoked, returned: None });
    }

    /// When the write began of which this version is a part.
    fn begun(&self, at: &At, (object, stamp): (ObjectId, Stamp)) -> u64 {
        let writes = self.open.iter().filter(|((node, _), open)| {
            *node == at.node && open.object == object && open.writes.is_some()
        });
        let (mut own, mut oldest) = (None, None);
        for (_, open) in writes {
            let is_own = open.writes == Some(stamp.value);
            own = own.or_else(|| is_own.then_some(open.invoked));
            oldest = Some(oldest.map_or(open.invoked, |oldest: u64| oldest.min(open.invoked)));
        }
        let else_begun = if at.is_good() { None } else { oldest };
        own.or(else_begun).unwrap_or(at.event)
    }

    fn read(&mut self, at: &At, open: Open, version: Option<&Version>) {
        let place = version.map(|version| (open.object, version.stamp()));
        // A version that nobody sent is a value that nobody wrote.
        let value = place.map(|place| {
            let known = self.writes.get(&place).map(|sent| sent.value);
            known.unwrap_or_else(|| self.next_value())
        });
        let process = at.node.number();
        let read = Interval::read(process, value, open.invoked, Some(at.event));
        self.reads.push((open.object, read));
    }
}

impl<M: Subject, S: Sight<M>> Checker<M> for Registers<S> {
    fn id(&self) -> &'static str {
        "C5"
    }

    fn on_input(&mut self, at: &At, input: &Input<M>) -> Verdict {
        let Some(ClientRequest::Invoke { call, operation, .. }) = self.sight.asked(input) else {
            return Ok(());
        };
        let (object, writes) = match operation {
            Operation::WriteObject { owner, value } => {
                (register_id(&owner.public_key()), Some(digest_of(value)))
            }
            Operation::ReadObject(id) => (*id, None),
            Operation::PutContent { .. } | Operation::GetContent(_) | Operation::StatContent(_) => {
                return Ok(());
            }
        };
        let open = Open { object, writes, invoked: at.event };
        self.open.entry((at.node, *call)).or_insert(open);
        Ok(())
    }

    fn on_send(&mut self, at: &At, _: &Recipients, message: &M::Outbound) -> Verdict {
        if let Some(Message::WriteVersion(write)) = self.sight.sent(message)
            && self.scene.is_client(at.node)
        {
            self.sent(at, &write.version);
        }
        Ok(())
    }

    fn on_output(&mut self, at: &At, output: &M::Output) -> Verdict {
        let Some(ClientOutput::Returned { call, outcome }) = self.sight.told(output) else {
            return Ok(());
        };
        if !at.is_good() {
            return Ok(());
        }
        let Some(open) = self.open.remove(&(at.node, *call)) else { return Ok(()) };
        match outcome {
            Ok(Answer::Written(version)) => {
                let place = (open.object, version.stamp());
                let Some(sent) = self.writes.get_mut(&place) else {
                    let what = format!("{:?} wrote {place:?} without sending it", at.node);
                    return Err(Broken::new("C5", what));
                };
                sent.returned = Some(at.event);
            }
            Ok(Answer::Object(version)) => self.read(at, open, version.as_ref()),
            Ok(Answer::Stored(_) | Answer::Content(_) | Answer::Present(_)) | Err(_) => {}
        }
        Ok(())
    }

    /// What a client of an earlier life wanted never returns.
    fn on_crash(&mut self, at: &At) -> Verdict {
        if at.is_good() {
            self.open.retain(|(node, _), _| *node != at.node);
        }
        Ok(())
    }

    fn on_end(&mut self, _: &End<'_, M>) -> Verdict {
        let writes = self.writes.iter().map(|(place, sent)| {
            let Sent { value, process, invoked, returned } = *sent;
            (place.0, Interval::write(process, value, invoked, returned))
        });
        let history = writes.chain(self.reads.iter().copied());
        match check_per_key(history).into_iter().next() {
            None => Ok(()),
            Some((object, violation)) => {
                Err(Broken::new("C5", format!("the history of {object:?}: {violation}")))
            }
        }
    }
}
