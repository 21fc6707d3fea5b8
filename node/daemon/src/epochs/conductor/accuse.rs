//! Proof that a member of the group lies, on its way into the log.
//!
//! It is durable before it is announced, and announced until the log has convicted: an announcement
//! may be lost, and whoever crashes finds the proof again. What comes too late for the log of its
//! epoch, as it may when a dealer cheats, goes into that of the next one, which knows the keys of
//! the group before (MEM-55). Behind that it is dropped.
//!
//! ```text
//! epochs/evidence    the proofs that the log does not show yet
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;

use quorate_duties::turnover::Event;
use quorate_membership::monitor::{Accusation, Evidence};
use quorate_membership::{Docket, MembershipOperation};
use quorate_store::directory::DataDirectory;
use quorate_store::error::StoreError;
use quorate_types::limits::REPLICAS_MAX;
use quorate_types::{Epoch, NodeId, Peer};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use super::super::chain::{PART, replace};
use super::Conductor;
use crate::error::ServerError;
use crate::names::Names;

const KEPT: Limit = Limit::new("proofs against members", REPLICAS_MAX);

/// What a server keeps.
struct Kept {
    proofs: Vec<Evidence>,
}

impl Encode for Kept {
    fn encode(&self, writer: &mut Writer) {
        writer.sequence(&self.proofs);
    }
}

impl Decode for Kept {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { proofs: reader.sequence(KEPT)? })
    }
}

/// Does the log of an epoch know the keys with which this was signed?
fn is_heard_in(proof: &Evidence, epoch: Epoch) -> bool {
    proof.epoch().is_some_and(|of| of == epoch || of.next() == epoch)
}

/// The proofs that the log does not show yet; in a founding, those for the first log behind it.
#[derive(Debug)]
pub(crate) struct Accusing {
    path: PathBuf,
    epoch: Epoch,
    waiting: BTreeMap<NodeId, Evidence>,
}

impl Accusing {
    /// What was found before a restart, as far as the log of this epoch hears of it.
    ///
    /// # Errors
    /// What the disk reports; that the file is damaged.
    pub(crate) fn open(data: &DataDirectory, epoch: Epoch) -> Result<Self, StoreError> {
        let path = data.join(PART).join("evidence");
        let kept = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => return Err(StoreError::Io { path, operation: "read", source }),
            Ok(bytes) => Some(quorate_wire::decode::<Kept>(&bytes).map_err(|error| {
                StoreError::Corrupt { path: path.clone(), reason: error.to_string() }
            })?),
        };
        let proofs = kept.into_iter().flat_map(|kept| kept.proofs);
        let proofs = proofs.filter(|proof| is_heard_in(proof, epoch));
        let waiting = proofs.map(|proof| (proof.server, proof)).collect();
        Ok(Self { path, epoch, waiting })
    }

    fn keep(&self) -> Result<(), StoreError> {
        if self.waiting.is_empty() {
            return crate::host::remove(&self.path);
        }
        let proofs = self.waiting.values().cloned().collect();
        let bytes = quorate_wire::encode(&Kept { proofs });
        let part = self.path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let written = part.and_then(|()| replace(&self.path, &bytes));
        written.map_err(|source| StoreError::Io {
            path: self.path.clone(),
            operation: "write",
            source,
        })
    }

    /// Keeps a proof; false if there is one already, or no log hears of it any more.
    pub(crate) fn take(&mut self, proof: Evidence) -> Result<bool, StoreError> {
        if !is_heard_in(&proof, self.epoch) || self.waiting.contains_key(&proof.server) {
            return Ok(false);
        }
        self.waiting.insert(proof.server, proof);
        self.keep()?;
        Ok(true)
    }

    /// Forgets the proofs against those whom the log has convicted.
    fn settle(&mut self, docket: &Docket) -> Result<(), StoreError> {
        let before = self.waiting.len();
        self.waiting.retain(|server, _| !docket.is_convicted(*server));
        if self.waiting.len() < before { self.keep() } else { Ok(()) }
    }

    /// An epoch begins.
    pub(super) fn begin(&mut self, epoch: Epoch) -> Result<(), StoreError> {
        self.epoch = epoch;
        let before = self.waiting.len();
        self.waiting.retain(|server, proof| {
            let is_heard = is_heard_in(proof, epoch);
            if !is_heard {
                tracing::warn!(%server, "the proof that it lied came too late for two logs");
            }
            is_heard
        });
        if self.waiting.len() < before { self.keep() } else { Ok(()) }
    }
}

impl Conductor {
    /// A machine has proof that a member lies: the log hears of it, once it is durable here.
    pub(super) fn accuse(&mut self, epoch: Epoch, proof: Evidence) -> Result<(), ServerError> {
        let (server, what) = (proof.server, proof.misdeed.text());
        if self.watching.has_convicted(server) || !self.accusing.take(proof)? {
            return Ok(());
        }
        let names = Names::of(self.all.turnover.configuration());
        let server = names.name(Peer::Node(server));
        tracing::error!(server, %epoch, what, "it lies, and there is proof of it");
        self.announce_proofs()
    }

    /// The log was read: what it does not show yet is announced again.
    pub(super) fn accuse_again(&mut self, docket: &Docket) -> Result<(), ServerError> {
        self.accusing.settle(docket)?;
        self.announce_proofs()
    }

    /// Has the log hear of what it does not show yet.
    pub(super) fn announce_proofs(&mut self) -> Result<(), ServerError> {
        let epoch = self.accusing.epoch;
        for evidence in self.accusing.waiting.values().cloned().collect::<Vec<_>>() {
            let accusation = Accusation { evidence, certificate: None };
            let operation = MembershipOperation::Accuse(Box::new(accusation));
            let orders = self.all.turnover.on(Event::Report(epoch, Box::new(operation)));
            self.carry_out(orders)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
