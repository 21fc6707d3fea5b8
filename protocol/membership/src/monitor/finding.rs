//! What the log has found of a server, and what becomes of it when the epoch ends.
//!
//! A finding takes effect with the next epoch, or is held back by the caps and tried again with
//! the one after that (MD 3.2, settled point 27). There is at most one of a server for each
//! epoch's end.

use quorate_types::{Epoch, NodeId, Slot};

use super::caps::Held;

/// What was found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Found {
    /// `f + 1` members say that it does not answer: an eviction, unless it is rebutted in time.
    Silent,
    /// Two statements prove that it lies: an eviction that nothing cancels.
    Guilty,
    /// `f + 1` members say that it answers again: it gets its duties back.
    Back,
}

quorate_wire::tags!(Found { 1 => Silent, 2 => Guilty, 3 => Back });

impl Found {
    /// What it is called in logs.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Guilty => "guilty",
            Self::Back => "back",
        }
    }

    /// Does it take a server's duties away?
    #[must_use]
    pub const fn is_eviction(self) -> bool {
        matches!(self, Self::Silent | Self::Guilty)
    }
}

/// What was found of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finding {
    /// It takes effect after this epoch.
    pub epoch: Epoch,
    /// The slot in which it was found.
    pub slot: Slot,
    /// The server.
    pub server: NodeId,
    /// What was found.
    pub found: Found,
    /// Whether the server has spoken against it in this epoch.
    pub is_rebutted: bool,
    /// Why it did not take effect with the epoch before, if it should have.
    pub held: Option<Held>,
}

quorate_wire::fields!(Finding { epoch, slot, server, found, is_rebutted, held });

impl Finding {
    /// The same, tried again with the next epoch.
    #[must_use]
    pub fn postponed(self, held: Held) -> Self {
        // No statement survives its epoch, a rebuttal neither.
        Self { epoch: self.epoch.next(), is_rebutted: false, held: Some(held), ..self }
    }
}
