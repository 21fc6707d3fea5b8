//! Whether the clock of this machine is off, by the times at which epochs began: members of the
//! group agree on those, and a server hears of an epoch a moment later.
//!
//! Nobody hears of an epoch before it began, so a clock that shows less is behind. One that shows
//! more may be ahead, or the server heard late: only if it is so with several epochs, one after the
//! other, it is the clock. A clock that shows less with one epoch and more with another, whichever
//! came first, was set between the two: what was seen before says nothing any more. Nothing follows
//! from all this but that it is said.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use quorate_types::UnixTime;

use crate::limits::CLOCK_OFF_MAX;

/// Epochs after which a clock that shows too much is taken to be ahead.
const EPOCHS: usize = 3;

/// What the clock showed when the last epochs were adopted.
#[derive(Default, Debug)]
pub struct ClockWatch {
    /// Seconds behind the times at which they began: the newest, and those before it that are on
    /// the same side.
    offsets: VecDeque<i64>,
}

impl ClockWatch {
    /// An epoch that began at this time is adopted.
    pub(super) fn note(&mut self, began: UnixTime, clock: SystemTime) {
        let began = SystemTime::UNIX_EPOCH + Duration::from_micros(began.as_micros());
        let seconds = |later: SystemTime, earlier| {
            let passed = later.duration_since(earlier).unwrap_or_default();
            i64::try_from(passed.as_secs()).unwrap_or(i64::MAX)
        };
        let offset = seconds(clock, began) - seconds(began, clock);
        let was_set = self.offsets.back().is_some_and(|last| offset < 0 || *last < 0);
        if was_set {
            self.offsets.clear();
        } else if self.offsets.len() == EPOCHS {
            self.offsets.pop_front();
        }
        self.offsets.push_back(offset);
    }

    /// By how many seconds the clock seems to be off; below 0 it is behind.
    #[must_use]
    pub fn offset_seconds(&self) -> i64 {
        self.offsets.iter().min().copied().unwrap_or(0)
    }

    /// That the clock is off, with a code, if so.
    #[must_use]
    pub fn condition(&self) -> Option<String> {
        let (offset, bound) = (self.offset_seconds(), CLOCK_OFF_MAX.as_secs());
        let seconds = offset.unsigned_abs();
        let (code, way) = match offset {
            ..0 => ("clock-behind", "behind"),
            0.. if self.offsets.len() < EPOCHS => return None,
            0.. => ("clock-ahead", "ahead of"),
        };
        (seconds > bound).then(|| {
            format!(
                "{code}: the clock of this machine is {seconds} s {way} the times on which the \
                 membership group agreed; set the clock"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    //! A clock is behind at once, and ahead after several epochs; right with the next one.
    use std::time::{Duration, SystemTime};

    use quorate_types::UnixTime;

    use super::ClockWatch;

    fn watch(offsets: &[i64]) -> ClockWatch {
        let mut watch = ClockWatch::default();
        for (epoch, offset) in (1_u64..).zip(offsets) {
            let began = 1_000_000 + 3_600 * epoch;
            let shown = began.checked_add_signed(*offset).expect("a time");
            let clock = SystemTime::UNIX_EPOCH + Duration::from_secs(shown);
            watch.note(UnixTime::from_micros(began * 1_000_000), clock);
        }
        watch
    }

    #[test]
    fn a_clock_that_is_fast_or_slow_is_told_by_the_times_at_which_epochs_began() {
        for right in [&[][..], &[0], &[2, 1, 3], &[-60, 2], &[4_000, 1, 4_000], &[4_000, 4_000]] {
            assert_eq!(watch(right).condition(), None, "{right:?}");
        }
        let ahead = watch(&[1, 3_605, 3_601, 3_602]);
        assert_eq!(ahead.offset_seconds(), 3_601, "the least late one says most");
        let said = ahead.condition().expect("it is off");
        assert!(said.starts_with("clock-ahead: ") && said.contains(" 3601 s ahead of "), "{said}");
        let said = watch(&[-3_600]).condition().expect("it is off");
        assert!(said.starts_with("clock-behind: ") && said.contains(" 3600 s behind "), "{said}");
    }

    #[test]
    fn a_clock_that_was_set_is_judged_by_what_it_shows_since_then() {
        let right = [&[-3_600, 1][..], &[-3_600, -3_600, 0], &[3_600, 3_600, 3_600, 2], &[-90, -5]];
        for offsets in right {
            assert_eq!(watch(offsets).condition(), None, "{offsets:?}");
        }
        assert_eq!(watch(&[-3_600, 1]).offset_seconds(), 1);
        assert_eq!(watch(&[-90, -70]).offset_seconds(), -70, "as it is now");
        for (offsets, code) in [
            (&[3_600, 3_600, 3_600, -3_600][..], "clock-behind: "),
            (&[-3_600, 3_601, 3_602, 3_603], "clock-ahead: "),
        ] {
            let said = watch(offsets).condition().expect("it was set wrong");
            assert!(said.starts_with(code), "{offsets:?}: {said}");
        }
        assert_eq!(watch(&[-3_600, 3_601, 3_602]).condition(), None, "it may have heard late");
    }
}
