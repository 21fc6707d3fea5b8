//! Having servers check what they hold, and hearing how far they are.
//!
//! This is no operation on an object: every server is asked for itself, and believed about itself
//! alone. A liar can only say wrong things about its own disk.

use alloc::sync::Arc;

use quorate_machine::Class;
use quorate_types::{Now, Peer};

use crate::message::{Head, Message, OperationId, Scrub, Scrubbed};

use super::{Client, ClientEffects, ClientOutput};

impl Client {
    /// Asks every server of the ring once.
    pub(super) fn scrub(&mut self, run: u64, effects: &mut ClientEffects) {
        let operation = OperationId::new(self.next_operation);
        self.next_operation = self.next_operation.wrapping_add(1);
        self.scrub = Some(operation);
        let head = Head { epoch: self.ring.epoch, operation };
        let (certificate, signer) = (&self.identity.certificate, &*self.identity.signer);
        let scrub = Scrub::sign((self.ring.system, head), run, certificate, signer);
        let servers: Arc<[Peer]> = self.ring.servers().iter().copied().map(Peer::Node).collect();
        effects.send_each(&servers, Class::Ordered, Message::Scrub(scrub));
    }

    /// A server says how far it is.
    pub(super) fn scrubbing(
        &self,
        now: Now,
        (from, reply): (Peer, Scrubbed),
        effects: &mut ClientEffects,
    ) {
        let is_asked = self.scrub == Some(reply.head.operation);
        let is_current = reply.head.epoch == self.ring.epoch && self.has_lease(now);
        match from {
            Peer::Node(node) if is_asked && is_current => {
                effects.emit(ClientOutput::Scrubbing(node, reply.state));
            }
            Peer::Node(_) | Peer::Client(_) => effects.mark("dht.client.late_reply"),
        }
    }
}
