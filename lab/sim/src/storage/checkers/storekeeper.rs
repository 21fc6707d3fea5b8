//! Applies what becomes durable to the disks, as a real object store would.

use std::rc::Rc;

use quorate_machine::RecordNumber;

use crate::checker::{At, Checker, Verdict};
use crate::host::Subject;
use crate::storage::scene::Scene;
use crate::storage::sight::Sight;

/// Judges nothing: it keeps the disks that the others look at.
#[derive(Debug)]
pub struct Storekeeper<S> {
    sight: S,
    scene: Rc<Scene>,
}

impl<S> Storekeeper<S> {
    /// A keeper of the scene's disks.
    #[must_use]
    pub const fn new(sight: S, scene: Rc<Scene>) -> Self {
        Self { sight, scene }
    }
}

impl<M: Subject, S: Sight<M>> Checker<M> for Storekeeper<S> {
    fn id(&self) -> &'static str {
        "STORE"
    }

    fn on_durable(&mut self, at: &At, number: RecordNumber, record: &M::Record) -> Verdict {
        if let (Some(record), Some(disk)) = (self.sight.kept(record), self.scene.disk(at.node)) {
            disk.open().apply(number, record);
        }
        Ok(())
    }
}
