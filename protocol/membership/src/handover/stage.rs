//! How far the end of an epoch has come, as the log says: the same at every correct member.

use alloc::boxed::Box;
use alloc::vec::Vec;

use quorate_types::limits::REPLICAS_MAX;
use quorate_types::{Digest, Epoch, Slot, SystemId};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use super::attempt::Attempt;
use super::dealing::{ChosenDealing, CommitmentBytes};
use super::randomness::Fixed;
use crate::header::ConfigurationHeader;

const DEALINGS: Limit = Limit::new("certified dealings", REPLICAS_MAX);

/// The changes of an epoch are fixed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frozen {
    /// What is fixed.
    pub fixed: Fixed,
    /// The slot in which it was.
    pub slot: Slot,
}

/// A group has been drawn, and the system's key is being dealt to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Underway {
    /// What is fixed; while a system is being founded, its genesis stands for the changes.
    pub frozen: Frozen,
    /// The randomness of the next epoch.
    pub randomness: Digest,
    /// The group, and which attempt this is.
    pub attempt: Attempt,
    /// Certified dealings in the order of the log: the choice, as soon as there are enough.
    pub dealings: Vec<ChosenDealing>,
}

/// The next epoch is decided: nothing of it changes any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decided {
    /// What the system will sign.
    pub header: ConfigurationHeader,
    /// The attempt that succeeded.
    pub attempt: Attempt,
    /// The dealings of which the sharing was made, for recipients that are behind.
    pub dealings: Vec<ChosenDealing>,
    /// The public side of the sharing among the next group.
    pub sharing: CommitmentBytes,
}

/// How far the end of an epoch has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stage {
    /// The epoch goes on.
    Open,
    /// Its changes are fixed; the randomness of the next one is awaited.
    Frozen(Frozen),
    /// Dealings are awaited, and the completion of the group.
    Dealing(Box<Underway>),
    /// The group did not complete twice; the randomness of another one is awaited, which is drawn
    /// for the attempt behind this one, the last that was aborted.
    Redrawing(Box<Underway>),
    /// DONE: the last operation of the epoch.
    Done(Box<Decided>),
}

/// What the service tells the servers that run it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct News {
    /// The system.
    pub system: SystemId,
    /// The epoch that ends, or goes on.
    pub epoch: Epoch,
    /// Hash of the header of that epoch.
    pub header: Digest,
    /// The public side of the sharing among the members of that epoch; none while the system is
    /// being founded and its key does not exist.
    pub sharing: Option<CommitmentBytes>,
    /// Changes that wait for the next epoch.
    pub change_count: u32,
    /// Founding servers whose keys of the first signed epoch are awaited; 0 behind the founding.
    pub awaited: u32,
    /// How far its end has come.
    pub stage: Stage,
}

quorate_wire::fields!(Frozen { fixed, slot });
quorate_wire::fields!(News { system, epoch, header, sharing, change_count, awaited, stage });

impl News {
    /// How far this is: what comes later in the log is greater.
    #[must_use]
    pub fn progress(&self) -> Progress {
        match &self.stage {
            Stage::Open => Progress(0, 0),
            Stage::Frozen(_) => Progress(1, 0),
            Stage::Dealing(it) => Progress(2 + 2 * u64::from(it.attempt.number), it.dealings.len()),
            Stage::Redrawing(it) => Progress(3 + 2 * u64::from(it.attempt.number), 0),
            Stage::Done(_) => Progress(u64::MAX, 0),
        }
    }
}

/// How far the end of an epoch has come, to be compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Progress(u64, usize);

impl Encode for Decided {
    fn encode(&self, writer: &mut Writer) {
        self.header.encode(writer);
        self.attempt.encode(writer);
        writer.sequence(&self.dealings);
        self.sharing.encode(writer);
    }
}

impl Decode for Decided {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            header: Decode::decode(reader)?,
            attempt: Decode::decode(reader)?,
            dealings: reader.sequence(DEALINGS)?,
            sharing: Decode::decode(reader)?,
        })
    }
}

impl Encode for Underway {
    fn encode(&self, writer: &mut Writer) {
        self.frozen.encode(writer);
        self.randomness.encode(writer);
        self.attempt.encode(writer);
        writer.sequence(&self.dealings);
    }
}

impl Decode for Underway {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            frozen: Decode::decode(reader)?,
            randomness: Decode::decode(reader)?,
            attempt: Decode::decode(reader)?,
            dealings: reader.sequence(DEALINGS)?,
        })
    }
}

impl Encode for Stage {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Open => writer.tag(1),
            Self::Frozen(frozen) => {
                writer.tag(2);
                frozen.encode(writer);
            }
            Self::Dealing(underway) => {
                writer.tag(3);
                underway.encode(writer);
            }
            Self::Redrawing(underway) => {
                writer.tag(4);
                underway.encode(writer);
            }
            Self::Done(decided) => {
                writer.tag(5);
                decided.encode(writer);
            }
        }
    }
}

impl Decode for Stage {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.tag()? {
            1 => Ok(Self::Open),
            2 => Decode::decode(reader).map(Self::Frozen),
            3 => Decode::decode(reader).map(Self::Dealing),
            4 => Decode::decode(reader).map(Self::Redrawing),
            5 => Decode::decode(reader).map(Self::Done),
            tag => Err(DecodeError::UnknownTag { of: "Stage", tag }),
        }
    }
}
