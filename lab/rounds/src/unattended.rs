//! A system that runs by itself for a long time: servers are killed, added, removed and replaced
//! by the commands of an operator, one of them lies, and epochs go on.
//!
//! | module | |
//! |---|---|
//! | [`ledger`] | who is bad at any time, and who may become it |
//! | [`agenda`] | what happens next, drawn from a seed |
//! | [`sightings`] | what the configurations said of the servers, and for how long |
//! | `town` | the servers, and what is done to them |
//! | [`run`] | all of it, and what is held at the end |

use std::time::Duration;

use crate::cluster::Terms;

pub mod agenda;
pub mod ledger;
pub mod run;
pub mod sightings;
mod town;

/// What kind of run it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// What happens follows from it.
    pub seed: u64,
    /// Servers at the founding.
    pub servers: usize,
    /// How the system is founded; its epochs end.
    pub terms: Terms,
    /// How long things happen.
    pub lasts: Duration,
}

impl Plan {
    /// How long an epoch lasts.
    ///
    /// # Panics
    /// If epochs never end: then there is nothing to see.
    #[must_use]
    pub fn epoch(&self) -> Duration {
        Duration::from_secs(self.terms.epoch_seconds.expect("epochs end in this run"))
    }
}
