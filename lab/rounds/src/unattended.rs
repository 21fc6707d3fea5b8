//! A system that runs by itself for a long time: servers are killed, added, removed and replaced
//! by the commands of an operator, one of them lies, and epochs go on.
//!
//! | module | |
//! |---|---|
//! | [`ledger`] | who is bad at any time, and who may become it |
//! | [`agenda`] | what happens next, drawn from a seed |
//! | [`sightings`] | what the configurations said of the servers, and for how long |
//! | [`sleeper`] | a client that sleeps from the founding on |
//! | `town` | the servers, and what is done to them |
//! | [`run`] | all of it, and what is held at the end |

use std::time::Duration;

use crate::cluster::Terms;

pub mod agenda;
pub mod ledger;
pub mod run;
pub mod sightings;
pub mod sleeper;
mod town;

/// A founder is lost in the last part of so many of a run,
const LAST_PART: u32 = 6;
/// and of a short run in the last epochs, which are so many.
const LAST_EPOCHS_MIN: u32 = 6;

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

    /// From when on a founder may be lost for good: late, since its neighbours must stay well from
    /// then on, and early enough for whoever is bad then to be well before the end.
    fn loses_from(&self) -> Duration {
        self.lasts.saturating_sub((self.lasts / LAST_PART).max(self.epoch() * LAST_EPOCHS_MIN))
    }
}

#[cfg(test)]
mod tests {
    //! A founder is lost late, but not too late.
    use std::time::Duration;

    use super::Plan;
    use crate::cluster::Terms;

    #[test]
    fn a_founder_is_lost_in_the_last_sixth_or_the_last_six_epochs() {
        let minutes = |minutes: u64, epoch_seconds: u64| {
            let terms = Terms { epoch_seconds: Some(epoch_seconds), ..Terms::default() };
            let lasts = Duration::from_secs(60 * minutes);
            Plan { seed: 1, servers: 12, terms, lasts }.loses_from().as_secs()
        };
        assert_eq!([minutes(60, 60), minutes(5, 20), minutes(1, 20)], [3_000, 180, 0]);
    }
}
