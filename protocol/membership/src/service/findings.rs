//! What was found of servers, in pages, for people; and how long epochs last.

use alloc::vec::Vec;

use quorate_types::{Duration, Epoch, NodeId, Slot, UnixTime};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use super::table;
use crate::limits::FINDINGS_PAGE_MAX;
use crate::monitor::{Finding, Verdict};

const FINDINGS: Limit = Limit::new("servers of a page of findings", FINDINGS_PAGE_MAX);

/// What the log knows of a server beyond its record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The server.
    pub server: NodeId,
    /// Members that call it silent, with what they said last in this epoch.
    pub suspecting: u16,
    /// What was found of it and takes effect with the next epoch.
    pub next: Option<Finding>,
    /// What was found of it since the changes of the next epoch were fixed.
    pub later: Option<Finding>,
    /// When it was proved to lie, if it was.
    pub convicted: Option<ConvictedIn>,
}

/// When a server was proved to lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConvictedIn {
    /// The epoch.
    pub epoch: Epoch,
    /// The slot.
    pub slot: Slot,
}

quorate_wire::fields!(Standing { server, suspecting, next, later, convicted });
quorate_wire::fields!(ConvictedIn { epoch, slot });

/// Some of what was found of servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FindingsPage {
    /// The server with which the page begins.
    pub from: NodeId,
    /// Up to [`FINDINGS_PAGE_MAX`] servers of which there is something to say, in ascending order;
    /// fewer: the last page.
    pub standings: Vec<Standing>,
    /// How long the epoch before lasted, by the agreed times at which the two were made; none where
    /// that was the founding, which takes what it takes.
    pub lasted: Option<Duration>,
    /// The agreed time at which this was answered.
    pub now: UnixTime,
}

impl FindingsPage {
    pub(super) fn of(reader: &table::Reader<'_>, from: NodeId, now: UnixTime) -> Self {
        let epoch = reader.header().epoch;
        let standing = |server| {
            let said = reader.case(server).map(|case| case.said).unwrap_or_default();
            let suspecting = said.iter().filter(|said| said.verdict == Verdict::Suspect).count();
            let convicted = reader.conviction(server);
            Standing {
                server,
                suspecting: u16::try_from(suspecting).unwrap_or(u16::MAX),
                next: reader.finding(epoch, server),
                later: reader.finding(epoch.next(), server),
                convicted: convicted.map(|it| ConvictedIn { epoch: it.epoch, slot: it.slot }),
            }
        };
        let servers = reader.watched_servers(from, FINDINGS_PAGE_MAX);
        let standings = servers.into_iter().map(standing).collect();
        Self { from, standings, lasted: reader.lasted(), now }
    }
}

impl Encode for FindingsPage {
    fn encode(&self, writer: &mut Writer) {
        self.from.encode(writer);
        writer.sequence(&self.standings);
        self.lasted.encode(writer);
        self.now.encode(writer);
    }
}

impl Decode for FindingsPage {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (from, standings) = (Decode::decode(reader)?, reader.sequence(FINDINGS)?);
        let (lasted, now) = (Decode::decode(reader)?, Decode::decode(reader)?);
        Ok(Self { from, standings, lasted, now })
    }
}
