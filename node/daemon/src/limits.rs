//! Named bounds of a server.

use std::time::Duration;

/// What machines have to say to the thread that goes on from epoch to epoch, waiting.
pub(crate) const HAPPENINGS_MAX: usize = 4096;
/// Wait of a server that does not know whether its epoch is the newest before it asks again, longer
/// than servers are given to answer; each further one is twice as long.
pub(crate) const LOOKOUT_PAUSE_MIN: Duration = Duration::from_secs(4);
/// Longest such wait.
pub(crate) const LOOKOUT_PAUSE_MAX: Duration = Duration::from_secs(30);
/// Servers outside of the membership group that it asks each time, other ones by lot: not many more
/// than can be silent one after the other in the time that servers are given to answer.
pub(crate) const LOOKOUT_OTHERS_MAX: usize = 16;
/// How far the clock of a server may be off the times on which the membership group agrees.
pub(crate) const CLOCK_OFF_MAX: Duration = Duration::from_secs(60);
/// Windows of the ring, and failure domains, of which the page of metrics has a line each.
pub(crate) const MARGINS_NAMED_MAX: usize = 64;
/// Ends of epochs of which a server remembers when it took which step.
pub(crate) const EPOCH_ENDS_MAX: usize = 64;
/// Threads of a server that look up the names of others.
pub(crate) const LOOKUP_THREADS_MAX: usize = 8;
/// How many of them at once are at names that did not resolve last time, and may take long to fail
/// again.
pub(crate) const LOOKUPS_FAILING_MAX: usize = 4;
/// How long who has nothing else to do waits for the first lookups of names.
pub(crate) const LOOKUP_PATIENCE: Duration = Duration::from_secs(5);
/// After which time a name is looked up again.
pub(crate) const LOOKUP_AGAIN: Duration = Duration::from_secs(600);
/// After which time one that did not resolve is; twice as long each time.
pub(crate) const LOOKUP_FAILED_MIN: Duration = Duration::from_secs(5);
/// Longest such wait.
pub(crate) const LOOKUP_FAILED_MAX: Duration = Duration::from_secs(60);
/// How often at most the links of a server follow what names resolve to.
pub(crate) const LOOKUP_NEWS_PAUSE: Duration = Duration::from_secs(1);
