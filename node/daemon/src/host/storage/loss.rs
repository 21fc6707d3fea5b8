//! The end of a server that holds an object which nobody can mend.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use quorate_dht::ObjectKey;
use quorate_runtime::Control;

/// An object that is damaged here and cannot be mended from the group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LostObject {
    /// Its name.
    pub key: ObjectKey,
    /// Of the other members of its group, how many hold it damaged.
    pub damaged: usize,
    /// How many other members there are.
    pub others: usize,
    /// Where the damaged bytes lie.
    pub place: PathBuf,
}

/// Ends the node in good order, and keeps why.
#[derive(Clone, Debug)]
pub struct Brake {
    control: Control,
    loss: Arc<OnceLock<LostObject>>,
}

impl Brake {
    /// A brake of the node that is steered so.
    #[must_use]
    pub fn new(control: Control) -> Self {
        Self { control, loss: Arc::default() }
    }

    /// Stops the node because of this object; the first reason counts.
    pub(super) fn pull(&self, lost: LostObject) {
        tracing::error!(key = %lost.key, "stopping: a damaged object can never be mended");
        self.loss.get_or_init(|| lost);
        self.control.stop();
    }

    /// Why the node was stopped, if that was it.
    #[must_use]
    pub fn pulled(&self) -> Option<LostObject> {
        self.loss.get().cloned()
    }
}
