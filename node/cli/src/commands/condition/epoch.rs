//! How old the epoch is, and when the next one may be expected.
//!
//! When an epoch ends is voted by its members, each by the length that it is configured with. What
//! a client can know is how long the one before lasted, by the times that its group agreed on.

use std::time::{Duration, SystemTime};

use quorate_client::findings::{ClockOffset, Findings};
use quorate_types::Configuration;
use serde_json::{Map, Value, json};

/// How long ago the configuration was made, by this machine's clock; 0 if that is behind.
pub(in crate::commands) fn age_seconds(configuration: &Configuration) -> u64 {
    let created = Duration::from_micros(configuration.created.as_micros());
    let made = SystemTime::UNIX_EPOCH + created;
    SystemTime::now().duration_since(made).unwrap_or_default().as_secs()
}

/// What is expected of the next epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Outlook {
    age: u64,
    /// How long the one before lasted, in seconds.
    lasted: Option<u64>,
}

impl Outlook {
    fn of(configuration: &Configuration, found: Option<&Findings>) -> Self {
        let lasted = found.and_then(|found| found.lasted);
        let lasted = lasted.map(|lasted| lasted.as_micros().div_ceil(1_000_000));
        Self { age: age_seconds(configuration), lasted }
    }

    /// In how many seconds the next one comes, if this one lasts as long as the one before.
    fn left(self) -> Option<u64> {
        self.lasted.map(|lasted| lasted.saturating_sub(self.age))
    }

    fn text(self) -> String {
        let age = self.age;
        match (self.left(), self.lasted) {
            (Some(0), Some(lasted)) => {
                format!("{age} s old, the one before lasted {lasted} s: the next is due")
            }
            (Some(left), Some(lasted)) => format!(
                "{age} s old, the one before lasted {lasted} s: the next in about {left} s, or \
                 sooner if too many neighbours are found silent"
            ),
            (_, None) | (None, _) => format!("{age} s old"),
        }
    }
}

/// One line about the epoch.
pub(super) fn line(configuration: &Configuration, found: Option<&Findings>) -> String {
    let (epoch, outlook) = (configuration.epoch.get(), Outlook::of(configuration, found));
    format!("epoch    {epoch}, {}", outlook.text())
}

/// That this machine's clock is off, if so: all ages that are told here are by it.
pub(super) fn clock_line(clock: ClockOffset) -> Option<String> {
    let way = if clock.seconds < 0 { "behind" } else { "ahead of" };
    let seconds = clock.seconds.unsigned_abs();
    clock.is_off().then(|| {
        format!("clock    this machine is {seconds} s {way} the membership group: set its clock")
    })
}

/// The same for programs; null what nobody told.
pub(super) fn facts(configuration: &Configuration, found: Option<&Findings>) -> Map<String, Value> {
    let outlook = Outlook::of(configuration, found);
    let facts = [
        ("epoch", json!(configuration.epoch.get())),
        ("age_seconds", json!(outlook.age)),
        ("former_epoch_seconds", json!(outlook.lasted)),
        ("next_epoch_seconds", json!(outlook.left())),
        ("clock_offset_seconds", json!(found.map(|found| found.clock.seconds))),
    ];
    facts.into_iter().map(|(name, fact)| (String::from(name), fact)).collect()
}

#[cfg(test)]
mod tests {
    //! What is not known is not said.
    use super::{ClockOffset, Outlook, clock_line};

    #[test]
    fn a_clock_that_is_off_is_named_and_one_that_is_about_right_is_not() {
        let line = |seconds| clock_line(ClockOffset { seconds });
        assert_eq!((line(0), line(60), line(-60)), (None, None, None));
        let off = "clock    this machine is 3600 s behind the membership group: set its clock";
        assert_eq!(line(-3_600).as_deref(), Some(off));
        assert!(line(61).is_some_and(|line| line.contains("61 s ahead of the")));
    }

    #[test]
    fn the_next_epoch_is_expected_by_the_length_of_the_one_before() {
        let text = |age, lasted| Outlook { age, lasted }.text();
        assert_eq!(text(5, None), "5 s old");
        assert_eq!(
            text(20, Some(60)),
            "20 s old, the one before lasted 60 s: the next in about 40 s, or sooner if too many \
             neighbours are found silent"
        );
        assert_eq!(text(61, Some(60)), "61 s old, the one before lasted 60 s: the next is due");
        assert_eq!(Outlook { age: 7, lasted: None }.left(), None);
    }
}
