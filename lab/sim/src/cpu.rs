//! The time that a thread has spent on a processor; for people's figures, never for a run.

use std::time::{Duration, Instant};

/// Counts from its creation.
#[derive(Clone, Copy, Debug)]
pub struct CpuClock {
    started: Option<Duration>,
    wall: Instant,
}

impl CpuClock {
    /// Starts for the calling thread.
    #[must_use]
    pub fn start() -> Self {
        Self { started: thread_time(), wall: Instant::now() }
    }

    /// Processor time of the calling thread since the start; elapsed time where the system does
    /// not tell.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        match (self.started, thread_time()) {
            (Some(started), Some(now)) => now.saturating_sub(started),
            _ => self.wall.elapsed(),
        }
    }
}

/// Linux: the first number of `schedstat` is the time on a processor in nanoseconds.
fn thread_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
