//! `quorate status`: does every group serve, how many more failures can each take, and what was
//! found of servers?

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use quorate_client::cluster::Cluster;
use quorate_client::explanation::{Explanation, Kind};
use quorate_client::findings::findings;
use quorate_client::groups::{ServedGroup, domains, groups};
use quorate_membership::Standing;
use quorate_types::NodeId;
use serde_json::json;

use super::session::{ClusterArguments, session};
use crate::answer::Answer;
use crate::failure::Failure;

mod members;

/// Time that is given to servers to be reached.
const REACH_TIME: Duration = Duration::from_millis(1_500);

/// Which cluster.
#[derive(Args, Debug)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    cluster: ClusterArguments,
}

pub(crate) fn run(arguments: &StatusArguments, json: bool) -> Result<Answer, Failure> {
    let (answer, failure) = session(&arguments.cluster, json, async |cluster| {
        let reached = cluster.reach_all(REACH_TIME).await;
        let served = groups(&cluster.configuration(), &reached);
        let found = match served.iter().all(|group| group.margin() >= 0) {
            true => findings(&cluster).await.ok(),
            false => None,
        };
        let silent = served.iter().filter(|group| group.margin() < 0);
        let names: Vec<&str> = silent.map(|group| group.name.as_str()).collect();
        let failure = (!names.is_empty()).then(|| not_serving(&names));
        Ok((describe(&cluster, &reached, (&served, found.as_deref())), failure))
    })
    .map_err(Failure::into_not_serving)?;
    match failure {
        None => Ok(answer),
        Some(failure) => {
            // What is up is worth as much as that it is not enough.
            answer.print(json);
            Err(failure)
        }
    }
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

fn describe(
    cluster: &Cluster,
    reached: &BTreeSet<NodeId>,
    (served, found): (&[ServedGroup], Option<&[Standing]>),
) -> Answer {
    let known = cluster.configuration();
    let configuration = known.configuration();
    let worst = served.iter().map(ServedGroup::margin).min().unwrap_or(0);
    let serving = served.iter().filter(|group| group.margin() >= 0).count();
    let mut text = String::new();
    let mut line = |arguments: std::fmt::Arguments<'_>| {
        text.write_fmt(arguments).expect("a string takes everything");
        text.push('\n');
    };
    let age = members::age_seconds(configuration);
    line(format_args!("epoch    {}, {age} s old", configuration.epoch.get()));
    let (total, states) = (configuration.members.len(), members::states(configuration));
    line(format_args!("servers  {} of {total} reached: {}", reached.len(), states.text()));
    for member in configuration.members.iter().filter(|member| !reached.contains(&member.id)) {
        line(format_args!("  down   {} at {}", member.name(), member.address));
    }
    members::found_lines(configuration, found)
        .into_iter()
        .for_each(|it| line(format_args!("{it}")));
    let without = configuration.members.iter().filter(|member| !member.is_on_ring).count();
    if without > 0 {
        line(format_args!("objects  on the servers of the founding; {without} others hold none"));
    }
    line(format_args!("groups   {serving} of {} serve", served.len()));
    for group in served.iter().filter(|group| group.is_special || group.margin() < group.f()) {
        let (up, size) = (group.up, group.size);
        match group.margin() {
            margin @ 0.. => line(format_args!(
                "  {:<30} {up} of {size} up, can take {}",
                group.name,
                failures(margin)
            )),
            _ => line(format_args!("  {:<30} {up} of {size} up: DOES NOT SERVE", group.name)),
        }
    }
    let domains = domains(&known, reached);
    members::domain_lines(&domains).into_iter().for_each(|it| line(format_args!("{it}")));
    let groups: Vec<_> = served
        .iter()
        .map(|group| {
            json!({ "name": group.name, "up": group.up, "size": group.size,
                    "margin": group.margin(), "serves": group.margin() >= 0 })
        })
        .collect();
    let servers: Vec<_> = configuration
        .members
        .iter()
        .map(|member| {
            json!({ "identity_key": member.identity_key.to_hex(), "id": member.id.to_hex(),
                    "root": member.root().to_hex(),
                    "address": member.address, "up": reached.contains(&member.id),
                    "state": members::word(member.status), "holds_objects": member.is_on_ring,
                    "is_in_membership_group":
                        configuration.membership_group.contains(&member.id) })
        })
        .collect();
    let json = json!({ "epoch": configuration.epoch.get(), "age_seconds": age, "margin": worst,
                       "active": states.active, "inactive": states.inactive,
                       "removed": states.removed,
                       "serves": serving == served.len(), "servers": servers, "groups": groups,
                       "found": members::found_facts(configuration, found),
                       "domains": members::domain_facts(&domains) });
    Answer { text: text.trim_end().to_owned(), json }
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
