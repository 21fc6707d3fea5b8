//! A configuration and all that followed it, as a file that anybody can check.
//!
//! Whoever has the system's one key needs nothing else: each header is signed under it and names
//! the one before, and each list of members has the root that its header names.
//!
//! Invariants: MEM-1, MEM-62.

use alloc::vec::Vec;
use core::fmt;

use quorate_threshold as threshold;
use quorate_types::Epoch;
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::codec::{RECORDS_FORMAT, read_format_of};
use crate::configuration::{CertifiedConfiguration, VerifiedConfiguration};
use crate::delta::Delta;
use crate::limits::CHAIN_DELTAS_MAX;
use crate::rejected::Rejected;
use crate::schemes::Schemes;

/// What a file with a chain begins with.
const MAGIC: &[u8; 12] = b"quoratechain";

const DELTAS: Limit = Limit::new("deltas of a chain", CHAIN_DELTAS_MAX);

/// The first configuration in full, and what each epoch after it changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chain {
    /// Where it begins: at genesis, or at a later epoch.
    pub first: CertifiedConfiguration,
    /// What changed, in the order of epochs without a gap.
    pub deltas: Vec<Delta>,
}

/// Where a chain breaks, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Broken {
    /// The epoch that is not believed, as its header calls it.
    pub epoch: Epoch,
    /// Configurations before it that are.
    pub verified_count: usize,
    /// Why.
    pub reason: Rejected,
}

impl Chain {
    /// Whether these bytes claim to be a chain.
    #[must_use]
    pub fn is_chain(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// MEM-62: every configuration of the chain in the order of epochs, each checked with the key
    /// alone and given to `visit`; at most two of them are in memory at a time. The last is
    /// returned.
    ///
    /// # Errors
    /// [`Broken`] at the first that is not believed; those before it have been visited.
    pub fn walk(
        &self,
        system_key: &threshold::PublicKey,
        schemes: &Schemes,
        mut visit: impl FnMut(&VerifiedConfiguration),
    ) -> Result<VerifiedConfiguration, Broken> {
        let broken = |header: &crate::CertifiedHeader, verified_count| {
            let epoch = header.header.epoch;
            move |reason| Broken { epoch, verified_count, reason }
        };
        let first = self.first.verify(system_key, schemes);
        let mut newest = first.map_err(broken(&self.first.certified, 0))?;
        visit(&newest);
        // MEM-62: each delta names the epoch and the header that it follows.
        for (index, delta) in self.deltas.iter().enumerate() {
            let next = delta.apply(&newest, schemes);
            newest = next.map_err(broken(&delta.certified, index + 1))?;
            visit(&newest);
        }
        Ok(newest)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, verified_count, reason } = self;
        write!(f, "epoch {} behind {verified_count} good ones: {reason}", epoch.get())
    }
}

impl core::error::Error for Broken {}

impl Encode for Chain {
    fn encode(&self, writer: &mut Writer) {
        writer.raw(MAGIC);
        writer.tag(RECORDS_FORMAT);
        self.first.encode(writer);
        writer.sequence(&self.deltas);
    }
}

impl Decode for Chain {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if reader.array()? != *MAGIC {
            return Err(DecodeError::NotCanonical { of: "Chain" });
        }
        read_format_of(RECORDS_FORMAT, reader, "Chain")?;
        Ok(Self { first: Decode::decode(reader)?, deltas: reader.sequence(DELTAS)? })
    }
}
