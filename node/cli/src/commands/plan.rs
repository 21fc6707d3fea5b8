//! `quorate plan`: how likely groups fail, so that an operator can choose their sizes.

#![expect(
    clippy::float_arithmetic,
    reason = "odds are for people to look at, no server decides on"
)]

use clap::builder::TypedValueParser;
use clap::{Args, value_parser};
use quorate_daemon::founding::ceremony::GROUP_F_MAX;
use quorate_membership::limits::GROUPS_DRAWN_MAX;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::Failure;

mod odds;

const SECONDS_OF_A_YEAR: f64 = 365.25 * 86_400.0;
const SECONDS_OF_A_DAY: f64 = 86_400.0;

/// What is planned.
///
/// Each server is taken to be bad, that is lying, down or behind, with the same probability, and
/// whatever the others are. Servers that fail together, as in one room, are worse than that: spread
/// them over failure domains.
#[derive(Args, Debug)]
pub(crate) struct PlanArguments {
    /// How many servers there are.
    #[arg(long, value_name = "N")]
    nodes: u32,
    /// The probability that a server is bad: 0.01 or 1%.
    #[arg(long, value_name = "P", value_parser = parse_share)]
    bad: f64,
    /// Bad servers tolerated in each storage group of 3f+1.
    #[arg(long, value_name = "F", value_parser = tolerated())]
    f: u16,
    /// Bad servers tolerated in the membership group, drawn anew each epoch.
    #[arg(long, value_name = "G", value_parser = tolerated())]
    f_ms: u16,
    /// How long an epoch lasts, in seconds.
    #[arg(long, value_name = "S", default_value_t = 3600, value_parser = at_least_one())]
    epoch_seconds: u32,
    /// How long the system is to last, in years.
    #[arg(long, value_name = "Y", default_value_t = 10, value_parser = at_least_one())]
    years: u32,
}

fn tolerated() -> impl TypedValueParser<Value = u16> {
    value_parser!(u16).range(1..=i64::from(GROUP_F_MAX))
}

fn at_least_one() -> impl TypedValueParser<Value = u32> {
    value_parser!(u32).range(1..)
}

/// What groups with one `f` are good for.
struct Choice {
    f: u16,
    servers: u16,
    /// That a group fails that is drawn at random.
    fails: f64,
    /// That a membership group fails in one of the epochs of all the years.
    within_years: f64,
    /// That a membership group fails with the end of an epoch where somebody holds back keys of as
    /// many good servers as can be, so that bad ones are a larger part of those that the lot can
    /// fall on (MEM-79), and has attempts fail until each group is drawn that can be.
    fails_held_back: f64,
    /// The same, in one of the epochs of all the years.
    within_years_held_back: f64,
    /// Storage groups that have failed, on average, at any time.
    failed_groups: f64,
}

impl Choice {
    fn new(f: u16, arguments: &PlanArguments) -> Self {
        let fails = odds::group_fails(f, arguments.bad);
        let worst = odds::group_fails(f, odds::part_held_back(arguments.bad));
        let fails_held_back = odds::within(f64::from(GROUPS_DRAWN_MAX), worst);
        let epochs = f64::from(arguments.years) * SECONDS_OF_A_YEAR / arguments.epoch_seconds();
        Self {
            f,
            servers: 3 * f + 1,
            fails,
            within_years: odds::within(epochs, fails),
            fails_held_back,
            within_years_held_back: odds::within(epochs, fails_held_back),
            failed_groups: fails * f64::from(arguments.nodes),
        }
    }

    /// The most that the probability of one failed group or more can be: neighbours share servers,
    /// but no probability that there is one is above the average number of them.
    fn any_group(&self) -> f64 {
        self.failed_groups.min(1.0)
    }

    fn seconds_between(&self, arguments: &PlanArguments) -> f64 {
        arguments.epoch_seconds() / self.fails
    }

    fn seconds_between_held_back(&self, arguments: &PlanArguments) -> f64 {
        arguments.epoch_seconds() / self.fails_held_back
    }

    fn json(&self, arguments: &PlanArguments) -> Value {
        json!({
            "f": self.f,
            "servers": self.servers,
            "group_fails": self.fails,
            "membership_years_between": self.seconds_between(arguments) / SECONDS_OF_A_YEAR,
            "membership_fails_within_years": self.within_years,
            "membership_years_between_held_back":
                self.seconds_between_held_back(arguments) / SECONDS_OF_A_YEAR,
            "membership_fails_within_years_held_back": self.within_years_held_back,
            "storage_groups_failed": self.failed_groups,
            "any_storage_group_fails_at_most": self.any_group(),
        })
    }
}

impl PlanArguments {
    fn epoch_seconds(&self) -> f64 {
        f64::from(self.epoch_seconds)
    }
}

pub(crate) fn run(arguments: &PlanArguments) -> Result<Answer, Failure> {
    for (option, f) in [("--f", arguments.f), ("--f-ms", arguments.f_ms)] {
        let servers = 3 * f + 1;
        if arguments.nodes < u32::from(servers) {
            let what = format!(
                "{option} {f} takes groups of {servers} servers, and --nodes says {}",
                arguments.nodes
            );
            return Err(Failure::usage(option, what, "plan more servers, or a smaller group"));
        }
    }
    let (storage, membership) =
        (Choice::new(arguments.f, arguments), Choice::new(arguments.f_ms, arguments));
    let possible = (1..=GROUP_F_MAX).filter(|f| u32::from(3 * f + 1) <= arguments.nodes);
    let choices: Vec<Choice> = possible.map(|f| Choice::new(f, arguments)).collect();
    Ok(Answer {
        text: text(arguments, (&storage, &membership), &choices),
        json: json!({
            "nodes": arguments.nodes,
            "bad": arguments.bad,
            "epoch_seconds": arguments.epoch_seconds,
            "years": arguments.years,
            "storage": storage.json(arguments),
            "membership": membership.json(arguments),
            "choices": choices.iter().map(|choice| choice.json(arguments)).collect::<Vec<_>>(),
        }),
    })
}

fn text(
    arguments: &PlanArguments,
    (storage, membership): (&Choice, &Choice),
    choices: &[Choice],
) -> String {
    let PlanArguments { nodes, bad, years, epoch_seconds, .. } = arguments;
    let mut lines = vec![
        format!("{nodes} servers, each bad with probability {}", share(*bad)),
        format!(
            "membership group of {}, survives {} bad, a new one each {}: fails once \
             in {} on average,\n  \
             within {years} years with probability {}",
            membership.servers,
            membership.f,
            duration(f64::from(*epoch_seconds)),
            duration(membership.seconds_between(arguments)),
            share(membership.within_years),
        ),
        format!(
            "  at worst, if a third of the servers is kept from bringing keys, and each draw made \
             again that can be:\n  once in {}, within {years} years with probability {}",
            duration(membership.seconds_between_held_back(arguments)),
            share(membership.within_years_held_back),
        ),
        format!(
            "{nodes} storage groups of {}, each survives {} bad: {} of them have \
             failed at any time on average,\n  so one or more with a probability of at most {}",
            storage.servers,
            storage.f,
            amount(storage.failed_groups),
            share(storage.any_group()),
        ),
        String::from("other sizes:"),
        format!(
            "{:>4} {:>8} {:>12} {:>20} {:>16} {:>16}",
            "f",
            "servers",
            "group fails",
            "membership: once in",
            format!("within {years} y"),
            "storage: any of"
        ),
    ];
    lines.extend(choices.iter().map(|choice| {
        let is_chosen = choice.f == storage.f || choice.f == membership.f;
        format!(
            "{:>4} {:>8} {:>12} {:>20} {:>16} {:>16}{}",
            choice.f,
            choice.servers,
            share(choice.fails),
            duration(choice.seconds_between(arguments)),
            share(choice.within_years),
            share(choice.any_group()),
            if is_chosen { "  <" } else { "" },
        )
    }));
    lines.join("\n")
}

/// A number of groups.
fn amount(number: f64) -> String {
    if number < 0.01 { format!("{number:.1e}") } else { format!("{number:.2}") }
}

/// A probability: in percent where a person can feel it.
fn share(probability: f64) -> String {
    let percent = probability * 100.0;
    match percent {
        _ if percent < 0.1 => format!("{probability:.1e}"),
        _ if percent < 10.0 => format!("{percent:.2} %"),
        _ => format!("{percent:.1} %"),
    }
}

fn duration(seconds: f64) -> String {
    let years = seconds / SECONDS_OF_A_YEAR;
    match seconds {
        _ if years >= 100_000.0 => format!("{years:.1e} years"),
        _ if years >= 2.0 => format!("{years:.1} years"),
        _ if seconds >= 2.0 * SECONDS_OF_A_DAY => format!("{:.1} days", seconds / SECONDS_OF_A_DAY),
        _ if seconds >= 2.0 * 3_600.0 => format!("{:.1} hours", seconds / 3_600.0),
        _ if seconds >= 120.0 => format!("{:.1} minutes", seconds / 60.0),
        _ => format!("{seconds:.1} seconds"),
    }
}

/// A share of servers, as 0.01 or as 1%.
fn parse_share(text: &str) -> Result<f64, String> {
    let (number, scale) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let number: Result<f64, _> = number.trim().parse();
    match number.map(|number| number / scale) {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        Ok(_) | Err(_) => Err(String::from("it is a number between 0 and 1, as 0.01 or 1%")),
    }
}
