//! Byzantine client that uses up the sequence numbers of objects (S03).

use quorate_dht::limits::SEQUENCE_SKIP_MAX;
use quorate_dht::{Message, Version, WriteVersion};

use super::partial_writer::{authority, owner};
use super::{Context, Deeds, Holdings, SKIPPER, Sending, Villain};
use crate::deeds::peers;

/// Writes with numbers as high as servers take, and higher ones: at all of them, or at some alone,
/// so that they come apart.
pub(super) struct Skipper;

fn skipping(context: &mut Context<'_>, write: &WriteVersion) -> Option<WriteVersion> {
    let stamp = write.version.stamp();
    let to_next_level = SEQUENCE_SKIP_MAX - stamp.sequence % SEQUENCE_SKIP_MAX;
    let skips = [to_next_level - 1, to_next_level, 2 * SEQUENCE_SKIP_MAX, u64::MAX];
    let sequence = stamp.sequence.saturating_add(skips[context.prng.index(skips.len())]);
    let owner = owner(context.holdings, &write.version)?;
    let value = write.version.value.clone();
    let system = context.holdings.ring.system;
    let version = Version::sign(system, (sequence, stamp.writer), value, owner);
    let authority = authority(context.holdings, write, &version)?;
    Some(WriteVersion { head: write.head, authority, version })
}

impl Villain<Holdings> for Skipper {
    fn name(&self) -> &'static str {
        SKIPPER
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let Message::WriteVersion(write) = &*sending.message else { return deeds.pass(sending) };
        let mut some = peers(&sending.to);
        context.prng.shuffle(&mut some);
        some.truncate(1 + context.prng.index(some.len()));
        if context.prng.chance(500)
            && let Some(skipping) = skipping(context, write)
        {
            deeds.mark("liar.skipped");
            return deeds.send(&some, sending.class, Message::WriteVersion(skipping));
        }
        deeds.pass(sending);
    }
}
