//! What the membership service has found of servers: who is suspected, who is to lose its duties,
//! who was proved to lie; and how long epochs last.

use std::time::{Duration as StdDuration, SystemTime};

use quorate_membership::limits::FINDINGS_PAGE_MAX;
use quorate_membership::monitor::caps::Held;
use quorate_membership::monitor::{Finding, Found};
use quorate_membership::{MembershipOperation, MembershipReply, Standing};
use quorate_types::{Duration, NodeId, UnixTime};

use crate::cluster::Cluster;
use crate::error::ClientError;

/// How far a clock may be off before it is worth a word.
pub const CLOCK_OFF_MAX: StdDuration = StdDuration::from_secs(60);

/// What the log knows beyond the configuration.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Findings {
    /// Servers of which there is something to say, in ascending order.
    pub standings: Vec<Standing>,
    /// How long the epoch before lasted, by the agreed times of the two; none where that was the
    /// founding.
    pub lasted: Option<Duration>,
    /// How far the clock of this machine is off.
    pub clock: ClockOffset,
}

/// How far the clock of this machine is off the time on which the members of the membership group
/// agreed, at least: what passed between question and answer may be either's. 0 if it may be right.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ClockOffset {
    /// Whole seconds; below 0 it is behind.
    pub seconds: i64,
}

impl ClockOffset {
    /// By what this machine's clock showed before it asked and behind the answer.
    fn of(asked: SystemTime, agreed: UnixTime, answered: SystemTime) -> Self {
        let agreed = SystemTime::UNIX_EPOCH + StdDuration::from_micros(agreed.as_micros());
        let seconds = |later: SystemTime, earlier| {
            let passed = later.duration_since(earlier).unwrap_or_default();
            i64::try_from(passed.as_secs()).unwrap_or(i64::MAX)
        };
        Self { seconds: seconds(asked, agreed) - seconds(agreed, answered) }
    }

    /// Is it off by more than clocks may be?
    #[must_use]
    pub fn is_off(self) -> bool {
        self.seconds.unsigned_abs() > CLOCK_OFF_MAX.as_secs()
    }
}

/// All that was found.
///
/// # Errors
/// What [`Cluster::membership`] says.
pub async fn findings(cluster: &Cluster) -> Result<Findings, ClientError> {
    let mut found = Findings::default();
    let mut from = Some(NodeId::new([0; NodeId::BYTES]));
    while let Some(place) = from {
        let asked = SystemTime::now();
        let answered = cluster.membership(&MembershipOperation::GetFindings(place)).await?;
        let MembershipReply::Findings(page) = answered.reply else {
            return Err(ClientError::UnknownReply);
        };
        let is_full = page.standings.len() == FINDINGS_PAGE_MAX;
        from = page.standings.last().filter(|_| is_full).and_then(|last| behind(last.server));
        found.standings.extend(page.standings);
        found.lasted = page.lasted;
        found.clock = ClockOffset::of(asked, page.now, SystemTime::now());
    }
    Ok(found)
}

/// The next id, if there is one.
fn behind(server: NodeId) -> Option<NodeId> {
    let mut bytes = *server.as_bytes();
    for byte in bytes.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return Some(NodeId::new(bytes));
        }
    }
    None
}

/// What becomes of a server, in words.
#[must_use]
pub fn outcome(finding: &Finding) -> String {
    let what = match finding.found {
        Found::Silent => "does not answer: to lose its duties",
        Found::Guilty => "was proved to lie: to lose its duties",
        Found::Back => "answers again: to have its duties back",
    };
    match finding.held {
        None => format!("{what} behind epoch {}", finding.epoch),
        Some(held) => format!("{what}, but waits: {}", reason(held)),
    }
}

/// Why an eviction waits.
const fn reason(held: Held) -> &'static str {
    match held {
        Held::Window => "as many of its neighbours on the ring have gone as may",
        Held::Rate => "as many go with one epoch as may",
        Held::TooFewLeft => "too few active servers would be left for a group",
        Held::Seat => "it has a seat in the membership group, for want of others",
    }
}

#[cfg(test)]
mod tests {
    //! Pages follow each other, and a clock is off only if no delay explains it.
    use super::{ClockOffset, NodeId, StdDuration, SystemTime, UnixTime, behind};

    #[test]
    fn a_clock_is_off_by_what_no_delay_explains() {
        let agreed = UnixTime::from_micros(1_000_000_000);
        let clock = |seconds| SystemTime::UNIX_EPOCH + StdDuration::from_secs(seconds);
        let offset = |asked, answered| ClockOffset::of(clock(asked), agreed, clock(answered));
        assert_eq!(offset(900, 1_100).seconds, 0, "a long call says little");
        assert_eq!(offset(1_060, 1_061).seconds, 60);
        assert!(!offset(1_060, 1_061).is_off() && offset(4_600, 4_601).is_off());
        assert_eq!(offset(398, 400).seconds, -600);
        assert!(offset(398, 400).is_off());
    }

    #[test]
    fn the_next_page_begins_behind_the_last_server() {
        let mut next = [0; 32];
        next[30] = 1;
        let mut last = [0; 32];
        last[31] = 255;
        assert_eq!(behind(NodeId::new(last)), Some(NodeId::new(next)));
        assert_eq!(behind(NodeId::new([255; 32])), None);
    }
}
