//! What an operation pursues at the moment; survives a change of the epoch.

use alloc::sync::Arc;

use quorate_crypto::Signer;
use quorate_types::{Epoch, ReplicaSet};

use crate::choice::level;
use crate::limits::SEQUENCE_SKIP_MAX;
use crate::object::{Body, ObjectKey, Value, Version, register_id};

use super::{Answer, Operation};

/// What a call pursues.
#[derive(Debug)]
pub(super) enum Goal {
    Put {
        key: ObjectKey,
        body: Body,
        expires: Epoch,
    },
    Get {
        key: ObjectKey,
        purpose: GetPurpose,
    },
    Stat {
        key: ObjectKey,
    },
    /// The first half of a write: which stamp is higher than all?
    ReadStamps {
        key: ObjectKey,
        owner: Arc<dyn Signer>,
        value: Value,
        level_max: Option<u64>,
    },
    /// The second half of a write, or the write-back of a read.
    Write {
        version: Version,
        purpose: WritePurpose,
        /// Members that held the version when it was read, in that epoch.
        held: Option<(Epoch, ReplicaSet)>,
    },
    Read {
        key: ObjectKey,
        /// Every reply must carry the value: a digest was announced whose value nobody gave.
        needs_values: bool,
        /// A quorum refused what is on a higher level.
        level_max: Option<u64>,
    },
}

/// What content is wanted for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum GetPurpose {
    Return,
    /// Only whether it is there.
    Stat,
}

/// Why a version is written.
#[derive(Clone, Debug)]
pub(super) enum WritePurpose {
    /// The client's own, signed by the owner.
    Own(Arc<dyn Signer>),
    /// Read at some, to be held by a quorum before it is returned.
    Back,
}

impl Goal {
    pub(super) fn of(operation: Operation) -> Self {
        match operation {
            Operation::PutContent { kind, body, expires } => {
                Self::Put { key: kind.key_of(&body), body, expires }
            }
            Operation::GetContent(key) => Self::Get { key, purpose: GetPurpose::Return },
            Operation::StatContent(key) => Self::Stat { key },
            Operation::WriteObject { owner, value } => {
                let key = ObjectKey::Register(register_id(&owner.public_key()));
                Self::ReadStamps { key, owner, value, level_max: None }
            }
            Operation::ReadObject(id) => {
                Self::Read { key: ObjectKey::Register(id), needs_values: false, level_max: None }
            }
        }
    }

    pub(super) fn key(&self) -> ObjectKey {
        match self {
            Self::Put { key, .. }
            | Self::Get { key, .. }
            | Self::Stat { key }
            | Self::ReadStamps { key, .. }
            | Self::Read { key, .. } => *key,
            Self::Write { version, .. } => version.key(),
        }
    }
}

/// Where to go on when a quorum refused a version because its level is too high. None of them
/// holds anything there, so no write on this level or above was completed: it is passed over. Where
/// the version is the first of its level, the one before it may have been completed, and whoever
/// holds that one will take this one as soon as it has heard of the others.
pub(super) fn below(version: &Version, purpose: &WritePurpose) -> Option<Goal> {
    let sequence = version.stamp().sequence;
    let level_max = level(sequence).checked_sub(1);
    let key = version.key();
    match purpose {
        WritePurpose::Own(_) if sequence.is_multiple_of(SEQUENCE_SKIP_MAX) => None,
        WritePurpose::Own(owner) => {
            let (owner, value) = (Arc::clone(owner), version.value.clone());
            Some(Goal::ReadStamps { key, owner, value, level_max })
        }
        WritePurpose::Back => Some(Goal::Read { key, needs_values: false, level_max }),
    }
}

/// What a write that a quorum acknowledged returns.
pub(super) fn written(version: &Version, purpose: &WritePurpose) -> Answer {
    match purpose {
        WritePurpose::Own(_) => Answer::Written(version.clone()),
        WritePurpose::Back => Answer::Object(Some(version.clone())),
    }
}
