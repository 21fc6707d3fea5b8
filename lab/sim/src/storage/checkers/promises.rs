//! C4: a good server never goes back behind what it said: not behind a version that it showed or
//! acknowledged, and not to "absent" for content that it acknowledged; over all its lives.
//! C8: what it acknowledges is on its disk at that moment (DHT-1).

use std::rc::Rc;

use quorate_dht::object::Stamp;
use quorate_dht::{Message, ObjectKey, OperationId};
use quorate_machine::{Input, Recipients};
use quorate_types::Peer;

use crate::checker::{At, Broken, Checker, Verdict};
use crate::fast::FastMap;
use crate::host::Subject;
use crate::node::Node;
use crate::storage::scene::Scene;
use crate::storage::sight::Sight;

/// Remembers what each server was asked for and what it said.
#[derive(Debug)]
pub struct Promises<S> {
    sight: S,
    scene: Rc<Scene>,
    /// What a peer asked a server for under which number.
    asked: FastMap<(Node, Peer, OperationId), (ObjectKey, Option<Stamp>)>,
    /// The highest version that a server showed or acknowledged; nothing for content.
    said: FastMap<(Node, ObjectKey), Option<Stamp>>,
}

impl<S> Promises<S> {
    /// A checker that has seen nothing.
    #[must_use]
    pub fn new(sight: S, scene: Rc<Scene>) -> Self {
        Self { sight, scene, asked: FastMap::default(), said: FastMap::default() }
    }

    fn stored(&mut self, at: &At, (key, stamp): (ObjectKey, Option<Stamp>)) -> Verdict {
        if !self.scene.holds(at.node, key, stamp) {
            let what =
                format!("{:?} acknowledges {key:?} {stamp:?}, which its disk lacks", at.node);
            return Err(Broken::new("C8", what));
        }
        let said = self.said.entry((at.node, key)).or_default();
        *said = (*said).max(stamp);
        Ok(())
    }

    fn shown(&mut self, at: &At, key: ObjectKey, stamp: Option<Stamp>) -> Verdict {
        let said = self.said.entry((at.node, key)).or_default();
        if stamp < *said {
            let what = format!("{:?} shows {stamp:?} of {key:?} after {said:?}", at.node);
            return Err(Broken::new("C4", what));
        }
        *said = stamp;
        Ok(())
    }

    fn denied(&self, at: &At, key: ObjectKey) -> Verdict {
        if self.said.contains_key(&(at.node, key)) {
            let what = format!("{:?} does not know {key:?}, which it acknowledged", at.node);
            return Err(Broken::new("C4", what));
        }
        Ok(())
    }
}

impl<M: Subject, S: Sight<M>> Checker<M> for Promises<S> {
    fn id(&self) -> &'static str {
        "C4"
    }

    fn on_input(&mut self, at: &At, input: &Input<M>) -> Verdict {
        let Some((from, message)) = self.sight.received(input) else { return Ok(()) };
        // Only who is good gives every question a number of its own.
        let is_judged = self.scene.node_of(from).is_some_and(|from| !at.bad.contains(from));
        if !is_judged || !at.is_good() {
            return Ok(());
        }
        let asked = match message {
            Message::PutContent(put) => (put.key, None),
            Message::WriteVersion(write) => (write.version.key(), Some(write.version.stamp())),
            Message::ReadVersion(read) => (read.key, None),
            Message::GetContent(get) => (get.key, None),
            Message::StatContent(stat) => (stat.key, None),
            _ => return Ok(()),
        };
        self.asked.insert((at.node, from, message.head().operation), asked);
        Ok(())
    }

    fn on_send(&mut self, at: &At, to: &Recipients, message: &M::Outbound) -> Verdict {
        let (Some(message), Recipients::One(peer)) = (self.sight.sent(message), to) else {
            return Ok(());
        };
        let place = (at.node, *peer, message.head().operation);
        let Some(&(key, stamp)) = self.asked.get(&place).filter(|_| at.is_good()) else {
            return Ok(());
        };
        match message {
            Message::Stored(_) => self.stored(at, (key, stamp)),
            Message::Versioned(reply) => {
                self.shown(at, key, reply.signed.map(|signed| signed.stamp))
            }
            Message::Content(reply) if reply.body.is_none() => self.denied(at, key),
            Message::Presence(reply) if reply.bytes.is_none() => self.denied(at, key),
            _ => Ok(()),
        }
    }
}
