//! A request that waits for its object, and all that wait for one object.

use alloc::boxed::Box;
use alloc::vec::Vec;

use quorate_types::{Epoch, Peer};

use crate::message::Head;
use crate::object::{Body, StoredObject, Version};

use super::repair::Repair;

/// Something to be done with a loaded object.
#[derive(Debug)]
pub(super) enum Job {
    /// A peer asked.
    Answer(Asker, Work),
    /// A sweep fetched it, and checked it.
    Adopt(Box<StoredObject>),
    /// The scrub found it damaged.
    Scrub,
}

impl Job {
    /// Can it be done although the server's copy is damaged? Content can be put in its place; what
    /// a version must be compared with has to be mended first, and reads must not wait for that.
    pub(super) fn must_wait_for_repair(&self) -> bool {
        match self {
            Self::Answer(_, work) => matches!(work, Work::Write(_)),
            Self::Adopt(object) => matches!(**object, StoredObject::Version(_)),
            Self::Scrub => true,
        }
    }
}

/// Who asked, and as what the answer is recognised.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) peer: Peer,
    pub(super) head: Head,
}

/// What a peer asked for.
#[derive(Debug)]
pub(super) enum Work {
    Get,
    Stat,
    Put { body: Body, expires: Epoch },
    Read { wants_value: bool },
    Write(Box<Version>),
}

impl Work {
    /// Bytes that wait in memory with the request.
    pub(super) fn waiting_bytes(&self) -> usize {
        match self {
            Self::Put { body, .. } => body.len(),
            Self::Write(version) => version.value.len(),
            Self::Get | Self::Stat | Self::Read { .. } => 0,
        }
    }
}

/// An object that is being loaded or repaired, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) waiting: Vec<Job>,
    /// Nothing while the object is being loaded.
    pub(super) repair: Option<Repair>,
}
