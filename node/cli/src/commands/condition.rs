//! The condition of a cluster: its epoch, its servers and groups, and what was found of them.
//! `status` and `epoch show` tell the same of it.

use std::collections::BTreeSet;
use std::time::Duration;

use quorate_client::cluster::Cluster;
use quorate_client::cluster_file::ClusterFile;
use quorate_client::explanation::{Explanation, Kind};
use quorate_client::findings::{Findings, findings};
use quorate_client::groups::{Domain, MEMBERSHIP, ServedGroup, domains, groups};
use quorate_membership::VerifiedConfiguration;
use quorate_types::{Configuration, NodeId};
use serde_json::{Map, Value, json};

use super::session::{ClusterArguments, session};
use crate::failure::Failure;

mod epoch;
mod members;

pub(super) use epoch::age_seconds;
pub(super) use members::{states, word};

/// Time that is given to servers to be reached.
const REACH_TIME: Duration = Duration::from_millis(1_500);

/// What was seen of a cluster.
pub(super) struct Condition {
    configuration: VerifiedConfiguration,
    reached: BTreeSet<NodeId>,
    served: Vec<ServedGroup>,
    domains: Vec<Domain>,
    /// Or why the membership group could not be asked.
    found: Result<Findings, String>,
    /// What is wrong with the file by which it was found.
    wrong_file: Option<Explanation>,
}

impl Condition {
    /// Looks at a cluster, and compares what it finds with the file of the call.
    ///
    /// # Errors
    /// What every command that talks to a cluster says.
    pub(super) fn of(arguments: &ClusterArguments, json: bool) -> Result<Self, Failure> {
        let file = ClusterFile::read(&arguments.cluster)?;
        let mut seen = session(arguments, json, async |cluster| Ok(Self::seen(&cluster).await))?;
        let lasted = seen.found.as_ref().ok().and_then(|found| found.lasted);
        let lasted = lasted.map(|lasted| Duration::from_micros(lasted.as_micros()));
        seen.wrong_file = lasted.and_then(|lasted| file.wrong_epoch(&arguments.cluster, lasted));
        Ok(seen)
    }

    /// What was found tells the membership group, as long as that serves, whatever the others do.
    async fn seen(cluster: &Cluster) -> Self {
        let reached = cluster.reach_all(REACH_TIME).await;
        let served = groups(&cluster.configuration(), &reached);
        let found = match served.iter().find(|group| group.name == MEMBERSHIP) {
            Some(group) if group.margin() >= 0 => {
                findings(cluster).await.map_err(|error| error.to_string())
            }
            Some(_) | None => Err(String::from("the membership group does not serve")),
        };
        let configuration = cluster.configuration();
        let domains = domains(&configuration, &reached);
        Self { configuration, reached, served, domains, found, wrong_file: None }
    }

    /// The configuration.
    pub(super) const fn configuration(&self) -> &VerifiedConfiguration {
        &self.configuration
    }

    fn servers(&self) -> &Configuration {
        self.configuration.configuration()
    }

    /// That groups do not serve, if so.
    pub(super) fn failure(&self) -> Option<Failure> {
        let silent = self.served.iter().filter(|group| group.margin() < 0);
        let names: Vec<&str> = silent.map(|group| group.name.as_str()).collect();
        (!names.is_empty()).then(|| not_serving(&names))
    }

    fn serving(&self) -> usize {
        self.served.iter().filter(|group| group.margin() >= 0).count()
    }

    /// What is worth telling people, line by line.
    pub(super) fn lines(&self) -> Vec<String> {
        let servers = self.servers();
        let (total, states) = (servers.members.len(), states(servers));
        let mut lines = vec![epoch::line(servers, self.found.as_ref().ok())];
        lines.extend(self.found.as_ref().ok().and_then(|found| epoch::clock_line(found.clock)));
        lines.extend(self.wrong_file.as_ref().map(|it| format!("file     {}: {it}", it.code)));
        lines.push(format!(
            "servers  {} of {total} reached: {}",
            self.reached.len(),
            states.text()
        ));
        let down = servers.members.iter().filter(|member| !self.reached.contains(&member.id));
        lines.extend(down.map(|it| format!("  down   {} at {}", it.name(), it.address)));
        lines.extend(match &self.found {
            Ok(found) => members::found_lines(servers, &found.standings),
            Err(why) => vec![format!("found    nothing was asked of suspicion and proof: {why}")],
        });
        lines.extend(members::ring_line(servers));
        lines.push(format!("groups   {} of {} serve", self.serving(), self.served.len()));
        let is_worth_a_line = |it: &&ServedGroup| it.is_special || it.margin() < it.f();
        lines.extend(self.served.iter().filter(is_worth_a_line).map(group_line));
        lines.push(members::group_line(servers));
        lines.extend(members::domain_lines(&self.domains));
        lines
    }

    /// All of it, for programs.
    pub(super) fn facts(&self) -> Map<String, Value> {
        let servers = self.servers();
        let states = states(servers);
        let worst = self.served.iter().map(ServedGroup::margin).min().unwrap_or(0);
        let group = |group: &ServedGroup| {
            json!({ "name": group.name, "up": group.up, "size": group.size,
                    "margin": group.margin(), "serves": group.margin() >= 0 })
        };
        let server = |member: &quorate_types::MemberRecord| {
            json!({ "identity_key": member.identity_key.to_hex(), "id": member.id.to_hex(),
                    "root": member.root().to_hex(),
                    "address": member.address, "up": self.reached.contains(&member.id),
                    "state": word(member.status), "holds_objects": member.is_on_ring,
                    "is_in_membership_group": servers.membership_group.contains(&member.id) })
        };
        let found = |found: &Findings| members::found_facts(servers, &found.standings);
        let found = self.found.as_ref().map_or(Value::Null, found);
        let mut facts = epoch::facts(servers, self.found.as_ref().ok());
        for (name, fact) in [
            ("margin", json!(worst)),
            ("active", json!(states.active)),
            ("inactive", json!(states.inactive)),
            ("removed", json!(states.removed)),
            ("serves", json!(self.serving() == self.served.len())),
            ("servers", servers.members.iter().map(|it| server(it)).collect()),
            ("groups", self.served.iter().map(group).collect()),
            ("found", found),
            ("not_asked", json!(self.found.as_ref().err())),
            ("domains", members::domain_facts(&self.domains)),
            ("cluster_file", self.wrong_file.as_ref().map_or(Value::Null, explained)),
        ] {
            facts.insert(String::from(name), fact);
        }
        facts
    }
}

/// What is wrong, as a failure is told to programs, with nothing that follows from it.
fn explained(wrong: &Explanation) -> Value {
    let Explanation { code, what, place, remedy, .. } = wrong;
    json!({ "code": code, "what": what, "where": place, "remedy": remedy })
}

fn not_serving(names: &[&str]) -> Failure {
    Failure::from(Explanation {
        kind: Kind::NotServing,
        code: "not-serving",
        what: match names.len() {
            1 => String::from("a group does not serve: too few of its servers were reached"),
            count => format!("{count} groups do not serve: too few of their servers were reached"),
        },
        place: names.join(", "),
        remedy: String::from("start the servers that are down"),
    })
}

fn group_line(group: &ServedGroup) -> String {
    let ServedGroup { name, up, size, .. } = group;
    match group.margin() {
        margin @ 0.. => format!("  {name:<30} {up} of {size} up, can take {}", failures(margin)),
        _ => format!("  {name:<30} {up} of {size} up: DOES NOT SERVE"),
    }
}

fn failures(margin: isize) -> String {
    match margin {
        0 => String::from("no more failures"),
        1 => String::from("1 more failure"),
        _ => format!("{margin} more failures"),
    }
}

#[cfg(test)]
mod tests {
    //! Words agree with their numbers.
    use super::failures;

    #[test]
    fn one_failure_is_one_failure() {
        let said = [0, 1, 2].map(failures);
        assert_eq!(said, ["no more failures", "1 more failure", "2 more failures"]);
    }
}
