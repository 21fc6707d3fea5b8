//! Checkers that know the storage DHT, beside the generic ones.
//!
//! | id | checker | promise |
//! |---|---|---|
//! | C3 | [`Audit`] | what good clients accept and good servers keep is what it claims to be |
//! | C4 | [`Promises`] | a good server never goes back behind what it said, over all its lives |
//! | C5 | [`Registers`] | public-key objects are atomic registers |
//! | C8 | [`Durability`] | what is acknowledged is on enough good disks, and is found again |
//! | C12 | [`Bounds`] | what servers and clients hold in memory stays within the limits |
//! | C14 | [`Durability`] | in the end every good holder has what was acknowledged |
//! | C14 | [`Mending`] | a disk that has rotted is whole again after a scrub |
//!
//! They see a system through a [`Sight`], so they serve any system in which
//! the machines of the DHT run.

mod audit;
mod bounds;
mod durability;
mod mending;
mod promises;
mod registers;
mod storekeeper;

pub use audit::Audit;
pub use bounds::Bounds;
pub use durability::Durability;
pub use mending::Mending;
pub use promises::Promises;
pub use registers::Registers;
pub use storekeeper::Storekeeper;

use std::rc::Rc;

use super::scene::Scene;
use super::sight::Sight;
use crate::checker::Checker;
use crate::host::Subject;
use crate::node::Nodes;

/// What the checkers must know of a run beside who is who.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expected {
    /// Servers whose only fault is their disk.
    pub rotten: Nodes,
    /// Whether progress after the heal is owed.
    pub owes_progress: bool,
    /// After this time without a request, every good holder has what was acknowledged.
    pub converged_us: u64,
}

/// All of them, with the keeper of the disks, which must see a record before any other does.
#[must_use]
pub fn all<M: Subject, S: Sight<M>>(
    sight: S,
    scene: &Scene,
    expected: Expected,
) -> Vec<Box<dyn Checker<M>>> {
    let scene = Rc::new(scene.clone());
    let scene = || Rc::clone(&scene);
    vec![
        Box::new(Storekeeper::new(sight, scene())),
        Box::new(Audit::new(sight, scene())),
        Box::new(Promises::new(sight, scene())),
        Box::new(Durability::new(sight, scene(), expected.converged_us)),
        Box::new(Registers::new(sight, scene())),
        Box::new(Bounds::new(sight)),
        Box::new(Mending::new(sight, scene(), expected)),
    ]
}
