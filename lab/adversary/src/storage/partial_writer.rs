//! Byzantine client that writes to a few and goes, or two values under one number (S05).

use std::collections::BTreeSet;

use quorate_crypto::Signer;
use quorate_dht::object::{KEEP_FOR_EVER, register_id};
use quorate_dht::{
    Body, Message, OperationId, Value, Version, WriteAuthority, WriteStatement, WriteVersion,
};
use quorate_types::Peer;

use super::{Context, Deeds, Holdings, Sending, Villain};
use crate::deeds::peers;

/// Leaves writes half done.
#[derive(Default)]
pub(super) struct PartialWriter {
    /// Writes that it does not come back to.
    left: BTreeSet<OperationId>,
}

/// The key of the object that a version belongs to, if the villain holds it.
pub(super) fn owner<'a>(holdings: &'a Holdings, version: &Version) -> Option<&'a dyn Signer> {
    let id = version.signed.object();
    let owners = holdings.owners.iter();
    owners.map(|owner| &**owner).find(|owner| register_id(&owner.public_key()) == id)
}

/// The client's word on a version that it signed anew.
pub(super) fn authority(
    holdings: &Holdings,
    write: &WriteVersion,
    version: &Version,
) -> Option<WriteAuthority> {
    let identity = holdings.identity.as_ref()?;
    let statement = WriteStatement {
        system: holdings.ring.system,
        epoch: write.head.epoch,
        client: identity.certificate.grant.client,
        key: version.key(),
        stamp: Some(version.stamp()),
        expires: KEEP_FOR_EVER,
    };
    Some(statement.sign(&identity.certificate, &*identity.signer))
}

/// The same number and writer with another value.
fn second_value(context: &Context<'_>, write: &WriteVersion) -> Option<WriteVersion> {
    let stamp = write.version.stamp();
    let mut bytes = stamp.value.as_bytes().to_vec();
    bytes.push(2);
    let value = Value::Data(Body::new(bytes));
    let owner = owner(context.holdings, &write.version)?;
    let system = context.holdings.ring.system;
    let version = Version::sign(system, (stamp.sequence, stamp.writer), value, owner);
    let authority = authority(context.holdings, write, &version)?;
    Some(WriteVersion { head: write.head, authority, version })
}

impl Villain<Holdings> for PartialWriter {
    fn name(&self) -> &'static str {
        "partial-writer"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let Message::WriteVersion(write) = &*sending.message else { return deeds.pass(sending) };
        if !self.left.insert(write.head.operation) {
            return;
        }
        let mut all: Vec<Peer> = peers(&sending.to);
        context.prng.shuffle(&mut all);
        let (some, others) = all.split_at(context.prng.index(all.len()));
        if context.prng.chance(500)
            && let Some(second) = second_value(context, write)
        {
            deeds.mark("liar.two_values");
            deeds.send(others, sending.class, Message::WriteVersion(second));
        } else {
            deeds.mark("liar.partial_write");
        }
        deeds.share(some, sending.class, sending.message);
    }
}
