//! Named bounds of a server.

use std::time::Duration;

/// What machines have to say to the thread that goes on from epoch to epoch, waiting.
pub(crate) const HAPPENINGS_MAX: usize = 4096;
/// Wait of a server that does not know whether its epoch is the newest before it asks again, longer
/// than servers are given to answer; each further one is twice as long.
pub(crate) const LOOKOUT_PAUSE_MIN: Duration = Duration::from_secs(4);
/// Longest such wait.
pub(crate) const LOOKOUT_PAUSE_MAX: Duration = Duration::from_secs(30);
/// How far the clock of a server may be off the times on which the membership group agrees.
pub(crate) const CLOCK_OFF_MAX: Duration = Duration::from_secs(60);
/// Windows of the ring, and failure domains, of which the page of metrics has a line each.
pub(crate) const MARGINS_NAMED_MAX: usize = 64;
/// Ends of epochs of which a server remembers when it took which step.
pub(crate) const EPOCH_ENDS_MAX: usize = 64;
