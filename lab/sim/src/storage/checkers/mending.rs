//! A server whose only fault is its disk. C14: what a scrub after the heal finds damaged, it mends;
//! and no server calls an object lost, for which its node would stop, as long as at most `f` of a
//! group are faulty. C3: what has rotted is never served.

use std::rc::Rc;

use quorate_dht::{Message, ObjectKey, OperationId, ServerOutput};
use quorate_machine::{Input, Recipients};
use quorate_types::Peer;

use super::Expected;
use crate::checker::{At, Broken, Checker, Verdict};
use crate::fast::FastMap;
use crate::host::Subject;
use crate::node::{Node, Nodes};
use crate::storage::scene::Scene;
use crate::storage::sight::Sight;

/// Watches the servers with rotting disks.
#[derive(Debug)]
pub struct Mending<S> {
    sight: S,
    scene: Rc<Scene>,
    expected: Expected,
    /// The content that a peer asked for under which number.
    asked: FastMap<(Node, Peer, OperationId), ObjectKey>,
    /// Servers of which a scrub has ended since the heal; the next one began after it.
    scrubbed: Nodes,
}

impl<S> Mending<S> {
    /// A checker of the rotten ones among the servers.
    #[must_use]
    pub fn new(sight: S, scene: Rc<Scene>, expected: Expected) -> Self {
        Self { sight, scene, expected, asked: FastMap::default(), scrubbed: Nodes::EMPTY }
    }

    /// Is what this message shows whole?
    fn is_whole(&self, place: &(Node, Peer, OperationId), message: &Message) -> bool {
        match message {
            Message::Content(reply) => {
                let key = self.asked.get(place);
                let body = reply.body.as_ref();
                key.zip(body).is_none_or(|(key, body)| key.is_name_of(body))
            }
            Message::Versioned(reply) => {
                let check = reply.signed.map(|signed| signed.check(self.scene.ring.system));
                let stamped = reply.signed.map(|signed| signed.stamp.value);
                let value = reply.value.as_ref().map(quorate_dht::Value::digest);
                check.is_none_or(|check| self.scene.verifier.is_valid(&check))
                    && value.is_none_or(|value| Some(value) == stamped)
            }
            _ => true,
        }
    }
}

impl<M: Subject, S: Sight<M>> Checker<M> for Mending<S> {
    fn id(&self) -> &'static str {
        "C14"
    }

    fn on_input(&mut self, at: &At, input: &Input<M>) -> Verdict {
        if let Some((from, Message::GetContent(get))) = self.sight.received(input)
            && self.expected.rotten.contains(at.node)
        {
            self.asked.insert((at.node, from, get.head.operation), get.key);
        }
        Ok(())
    }

    fn on_send(&mut self, at: &At, to: &Recipients, message: &M::Outbound) -> Verdict {
        let (Some(message), Recipients::One(peer)) = (self.sight.sent(message), to) else {
            return Ok(());
        };
        let place = (at.node, *peer, message.head().operation);
        if !self.expected.rotten.contains(at.node) || self.is_whole(&place, message) {
            return Ok(());
        }
        Err(Broken::new("C3", format!("{:?} serves what has rotted: {message:?}", at.node)))
    }

    fn on_output(&mut self, at: &At, output: &M::Output) -> Verdict {
        let report = match self.sight.server_told(output) {
            Some(ServerOutput::Scrubbed(report)) => report,
            Some(ServerOutput::Lost { key, .. }) => {
                let what = format!("{:?} stops since {key} is lost, and it is not", at.node);
                return Err(Broken::new("C14", what));
            }
            _ => return Ok(()),
        };
        let is_owed = self.expected.owes_progress && at.is_healed;
        if !self.expected.rotten.contains(at.node) || !is_owed {
            return Ok(());
        }
        let began_before = !self.scrubbed.contains(at.node);
        self.scrubbed.insert(at.node);
        if began_before || report.damaged == report.repaired {
            return Ok(());
        }
        Err(Broken::new("C14", format!("{:?} is not mended: {report:?}", at.node)))
    }

    fn on_crash(&mut self, at: &At) -> Verdict {
        self.scrubbed.remove(at.node);
        Ok(())
    }
}
