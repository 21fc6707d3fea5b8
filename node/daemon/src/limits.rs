//! Named bounds of a server.

/// What machines have to say to the thread that goes on from epoch to epoch, waiting.
pub(crate) const HAPPENINGS_MAX: usize = 4096;
/// Ends of epochs of which a server remembers when it took which step.
pub(crate) const EPOCH_ENDS_MAX: usize = 64;
