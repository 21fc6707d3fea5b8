//! The end of one epoch, as all servers remember it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use quorate_daemon::epochs::steps::{EpochEnd, Step};
use serde_json::Value;

use crate::page::page;

/// The end of an epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Change {
    /// The epoch that ended.
    pub(super) epoch: u64,
    /// The steps of each server, in microseconds of Unix time.
    pub(super) servers: Vec<EpochEnd>,
}

/// The ends of epochs that a server remembers.
pub(super) fn remembered(address: SocketAddr) -> BTreeMap<u64, EpochEnd> {
    let lines = page(address, "/epochs").unwrap_or_default();
    lines.lines().filter_map(|line| read(&serde_json::from_str(line).ok()?)).collect()
}

fn read(line: &Value) -> Option<(u64, EpochEnd)> {
    let steps = line.get("steps_unix_micros")?;
    let step = |step: Step| Some((step, steps.get(step.label())?.as_u64()?));
    Some((line.get("epoch")?.as_u64()?, Step::ALL.into_iter().filter_map(step).collect()))
}

impl Change {
    /// NEXTEPOCH: when the first of the servers executed FREEZE.
    pub(super) fn begin(&self) -> Option<u64> {
        self.servers.iter().filter_map(|steps| steps.get(&Step::Frozen)).min().copied()
    }

    /// When a server took a step, in microseconds from NEXTEPOCH on.
    pub(super) fn moment(&self, server: &EpochEnd, step: Step) -> Option<i64> {
        let at = i64::try_from(*server.get(&step)?).ok()?;
        Some(at - i64::try_from(self.begin()?).ok()?)
    }

    /// When the servers took a step that took it, in order.
    pub(super) fn moments(&self, step: Step) -> Vec<i64> {
        let moments = self.servers.iter().filter_map(|server| self.moment(server, step));
        let mut moments: Vec<i64> = moments.collect();
        moments.sort_unstable();
        moments
    }

    /// From NEXTEPOCH to the certificate of the new configuration, durably, at every server; none
    /// if a server never had it.
    pub(super) fn length_micros(&self) -> Option<i64> {
        let adopted = self.moments(Step::Adopted);
        adopted.last().copied().filter(|_| adopted.len() == self.servers.len())
    }
}

/// The one in the middle.
pub(super) fn median(sorted: &[i64]) -> i64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    //! What servers remember is counted from NEXTEPOCH on.
    use quorate_daemon::epochs::steps::Step;

    use super::{Change, median, read};

    fn change(lines: &[&str]) -> Change {
        let end = |line: &&str| read(&serde_json::from_str(line).unwrap()).unwrap();
        let servers = lines.iter().map(|line| end(line).1).collect();
        Change { epoch: 7, servers }
    }

    #[test]
    fn an_end_of_an_epoch_lasts_until_the_last_server_has_the_configuration() {
        let member =
            r#"{"epoch":7,"steps_unix_micros":{"end_voted":90,"frozen":100,"adopted":350}}"#;
        let late = r#"{"epoch":7,"steps_unix_micros":{"frozen":120,"adopted":300}}"#;
        let other = r#"{"epoch":7,"steps_unix_micros":{"adopted":400}}"#;
        let change = change(&[member, late, other]);
        assert_eq!(change.moments(Step::EndVoted), [-10]);
        assert_eq!(change.moments(Step::Frozen), [0, 20]);
        assert_eq!(change.moments(Step::Adopted), [200, 250, 300]);
        assert_eq!(median(&change.moments(Step::Adopted)), 250);
        assert_eq!(change.length_micros(), Some(300));
    }

    #[test]
    fn it_has_no_length_while_a_server_is_behind() {
        let member = r#"{"epoch":7,"steps_unix_micros":{"frozen":100,"adopted":350}}"#;
        let behind = r#"{"epoch":7,"steps_unix_micros":{}}"#;
        assert_eq!(change(&[member, behind]).length_micros(), None);
    }
}
