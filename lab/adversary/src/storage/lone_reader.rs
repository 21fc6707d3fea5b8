//! Byzantine client that never writes back what it read at some servers (S08).

use std::collections::BTreeSet;

use quorate_dht::Message;
use quorate_dht::object::Stamp;

use super::{Context, Deeds, Holdings, Sending, Villain};

/// Keeps to itself what it read.
#[derive(Default)]
pub(super) struct LoneReader {
    /// Stamps that servers have shown.
    seen: BTreeSet<Stamp>,
}

impl Villain<Holdings> for LoneReader {
    fn name(&self) -> &'static str {
        "lone-reader"
    }

    fn overhear(&mut self, message: &Message) {
        if let Message::Versioned(reply) = message
            && let Some(signed) = reply.signed
        {
            self.seen.insert(signed.stamp);
        }
    }

    fn on_send(&mut self, _: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        if let Message::WriteVersion(write) = &*sending.message
            && self.seen.contains(&write.version.stamp())
        {
            return deeds.mark("liar.no_write_back");
        }
        deeds.pass(sending);
    }
}
