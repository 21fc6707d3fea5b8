//! The two clocks of a node; the only place that reads them.
//!
//! The monotonic clock counts from the start of the process, and goes on while the machine sleeps:
//! a lease must not outlive a night in which nobody looked at the clock. (The one of the standard
//! library stands still then.) The wall clock is what the operating system says; a jump of it is
//! counted and reported, never smoothed: what it means is decided by whoever agrees on time.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quorate_types::{Instant, Now, UnixTime};

use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Sleep, sleep_until};

use crate::limits::WALL_JUMP_MICROS;

/// The monotonic clock that counts the time in which the machine sleeps.
#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const CLOCK: ClockId = ClockId::Monotonic;

/// What the monotonic clock shows.
fn monotonic() -> Duration {
    let time = clock_gettime(CLOCK);
    let seconds = u64::try_from(time.tv_sec).expect("the monotonic clock is never negative");
    let nanos = u32::try_from(time.tv_nsec).expect("a second has fewer than 2^32 nanoseconds");
    Duration::new(seconds, nanos)
}

/// Reads both clocks and compares their progress.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Duration,
    last: Option<Now>,
    jumps: Arc<AtomicU64>,
}

impl Clock {
    pub(crate) fn new(jumps: Arc<AtomicU64>) -> Self {
        Self { start: monotonic(), last: None, jumps }
    }

    /// Both clocks now.
    pub(crate) fn now(&mut self) -> Now {
        let instant = self.instant();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, micros);
        let now = Now { instant, wall: UnixTime::from_micros(wall) };
        if let Some(jump_micros) = self.last.and_then(|last| jump(last, now)) {
            self.jumps.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(jump_micros, "the wall clock jumped; check time synchronisation");
        }
        self.last = Some(now);
        now
    }

    fn instant(&self) -> Instant {
        Instant::from_micros(micros(monotonic().saturating_sub(self.start)))
    }

    /// The point of the timer of tokio that is this instant, if the machine does not sleep until
    /// then; if it does, what is due is seen late, and judged by [`Self::now`].
    pub(crate) fn deadline(&self, instant: Instant) -> tokio::time::Instant {
        let left = Duration::from_micros(instant.since(self.instant()).as_micros());
        let now = tokio::time::Instant::now();
        let far = || now + Duration::from_secs(FAR_SECONDS);
        now.checked_add(left).unwrap_or_else(far)
    }
}

/// The one timer of a loop that waits for alarms.
///
/// Machines set and take back alarms with every request. To set a timer of the runtime to an
/// earlier time than all others costs a wake-up of its own, so this one is set anew only for an
/// alarm that is due before it; otherwise it may end too early, and nothing is due then.
#[derive(Debug, Default)]
pub(crate) struct Waker {
    sleep: Option<Pin<Box<Sleep>>>,
}

/// By how much the timer may be late: the same alarm comes out a little different each time that
/// it is asked for, since two clocks are read for it.
const SLACK: Duration = Duration::from_micros(100);

impl Waker {
    /// Ends at this time, or before it; never if there is none. Cancel safe.
    pub(crate) async fn reach(&mut self, due: Option<tokio::time::Instant>) {
        let Some(due) = due else { return std::future::pending().await };
        if due <= tokio::time::Instant::now() {
            return;
        }
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if sleep.is_elapsed() || due + SLACK < sleep.deadline() {
            sleep.as_mut().reset(due);
        }
        sleep.as_mut().await;
    }
}

/// What stands for a time that the operating system cannot name: a century.
const FAR_SECONDS: u64 = 100 * 366 * 24 * 3600;

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// By how many microseconds the wall clock went further than the other one, if that is a jump.
fn jump(last: Now, now: Now) -> Option<i128> {
    let passed = i128::from(now.instant.as_micros()) - i128::from(last.instant.as_micros());
    let wall = i128::from(now.wall.as_micros()) - i128::from(last.wall.as_micros());
    let difference = wall - passed;
    (difference.unsigned_abs() >= u128::from(WALL_JUMP_MICROS)).then_some(difference)
}

#[cfg(test)]
mod tests {
    //! A jump is a difference between the two clocks, in either direction.
    use quorate_types::{Instant, Now, UnixTime};

    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::Poll;
    use std::time::Duration;

    use super::{Clock, WALL_JUMP_MICROS, Waker, jump};

    fn at(instant: u64, wall: u64) -> Now {
        Now { instant: Instant::from_micros(instant), wall: UnixTime::from_micros(wall) }
    }

    #[test]
    fn only_a_difference_between_the_clocks_is_a_jump() {
        let last = at(1_000, 10_000_000);
        assert_eq!(jump(last, at(9_001_000, 19_000_000)), None, "a long wait is none");
        let forward = 10_000_000 + WALL_JUMP_MICROS;
        assert_eq!(jump(last, at(1_000, forward)), Some(i128::from(WALL_JUMP_MICROS)));
        assert_eq!(jump(last, at(1_000, forward - 1)), None);
        let back = jump(last, at(2_000, 10_001_000 - WALL_JUMP_MICROS));
        assert_eq!(back, Some(-i128::from(WALL_JUMP_MICROS)));
    }

    #[test]
    fn a_deadline_is_as_far_away_as_its_instant() {
        let mut clock = Clock::new(Arc::default());
        let (before, now) = (tokio::time::Instant::now(), clock.now().instant);
        let in_an_hour = now.after(quorate_types::Duration::from_secs(3_600));
        let deadline = clock.deadline(in_an_hour);
        assert!(deadline <= before + Duration::from_secs(3_600 + 60), "{:?}", deadline - before);
        assert!(deadline >= before + Duration::from_secs(3_600 - 60), "{:?}", deadline - before);
        assert!(clock.deadline(Instant::ZERO) <= tokio::time::Instant::now(), "it has passed");
        let never = clock.deadline(Instant::from_micros(u64::MAX));
        assert!(never > before + Duration::from_secs(50 * 366 * 24 * 3_600));
    }

    /// Whether the wait ends at once, and when the timer ends.
    async fn reach(
        waker: &mut Waker,
        due: Option<tokio::time::Instant>,
    ) -> (bool, Option<tokio::time::Instant>) {
        let at_once = {
            let mut reached = pin!(waker.reach(due));
            poll_fn(|task| Poll::Ready(reached.as_mut().poll(task).is_ready())).await
        };
        (at_once, waker.sleep.as_ref().map(|sleep| sleep.deadline()))
    }

    #[test]
    fn the_timer_is_set_anew_for_an_earlier_alarm_alone() {
        let minutes = |count: u64| tokio::time::Instant::now() + Duration::from_secs(60 * count);
        crate::block_on(async {
            let mut waker = Waker::default();
            let (near, far, nearer) = (minutes(60), minutes(120), minutes(30));
            assert_eq!(reach(&mut waker, None).await, (false, None));
            assert_eq!(reach(&mut waker, Some(near)).await, (false, Some(near)));
            assert_eq!(reach(&mut waker, Some(far)).await, (false, Some(near)), "it is kept");
            assert_eq!(reach(&mut waker, Some(nearer)).await, (false, Some(nearer)));
            assert!(reach(&mut waker, Some(minutes(0))).await.0, "it has passed");
        })
        .expect("a runtime starts");
    }
}
