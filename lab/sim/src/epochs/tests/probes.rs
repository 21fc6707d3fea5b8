//! Whole clusters in which probes are lost or late, and servers seem to come and go (M02, M03):
//! checker C13 watches that no good server loses its duties.

use crate::epochs::Epochs;
use crate::epochs::founding::Shape;
use crate::epochs::host::PROBES;
use crate::node::Node;
use crate::report::Report;
use crate::scenario::{Fault, FaultKind, Profile, Scenario};
use crate::system::{Limits, System};

/// Probes that a member sends to a server in an epoch, as the production's rule has it.
const PERIODS: u64 = 8;
/// Epochs in which probes fail; the heal comes behind them.
const EPOCHS: u64 = 3;

/// Where and when probes fail, in eighths of a period.
type Failure = (FaultKind, u64, u64);

/// A cluster in which nothing fails but probes.
fn probed(seed: u64, fails: impl Fn(&[Node]) -> Vec<Failure>) -> (Scenario, Report) {
    let mut scenario = Epochs.draw(seed, Profile::Calm);
    let length_us = Shape::of(scenario.variant).length().as_micros();
    scenario.profile = Profile::Feud;
    scenario.end_us -= scenario.heal_us - EPOCHS * length_us;
    scenario.heal_us = EPOCHS * length_us;
    let servers: Vec<Node> = scenario.groups[0].members.iter().collect();
    let fault = |(kind, from, lasts)| Fault {
        at_us: from * length_us / (8 * PERIODS),
        lasts_us: lasts * length_us / (8 * PERIODS),
        kind,
    };
    scenario.faults = fails(&servers).into_iter().map(fault).collect();
    let report = Epochs.build(&scenario, None).run(&Limits::SETTLED);
    assert!(report.marks.by_name().contains_key("epochs.probe_answered"));
    (scenario, report)
}

/// Nobody's probes reach this server for so many eighths of a period, at each of these.
fn silent(servers: &[Node], server: Node, lasts: u64, at: &[u64]) -> Vec<Failure> {
    let others = servers.iter().filter(|other| **other != server);
    let muffled = others.map(|other| FaultKind::Muffle { from: *other, to: server, kind: PROBES });
    muffled.flat_map(|kind| at.iter().map(move |from| (kind, *from, lasts))).collect()
}

#[test]
fn m02_who_is_lost_and_late_for_one_member_alone_keeps_its_duties() {
    for seed in 1..3 {
        let (_, report) = probed(seed, |servers| {
            let (server, prober) = (servers[0], servers[1]);
            let lost = FaultKind::Muffle { from: prober, to: server, kind: PROBES };
            // What is held back comes all at once, and answers nothing any more.
            let late = FaultKind::Clog { from: servers[2], to: servers[3] };
            let now_and_then = (0..EPOCHS * PERIODS / 4).map(|number| (late, 32 * number, 12));
            now_and_then.chain([(lost, 0, 8 * PERIODS * EPOCHS)]).collect()
        });
        assert_eq!(report.violation, None, "seed {seed}");
        let reported = report.marks.by_name().get("epochs.reported").copied();
        assert!(reported > Some(0), "somebody is suspected");
    }
}

#[test]
fn m03_who_flaps_below_the_threshold_keeps_its_duties_and_epochs_last_as_long() {
    for seed in 1..3 {
        // Three or four probes are missed in a row, of six; a member says so after five.
        let at: Vec<u64> = (0..EPOCHS * PERIODS / 6).map(|number| 48 * number).collect();
        let (scenario, report) = probed(seed, |servers| silent(servers, servers[0], 28, &at));
        assert_eq!(report.violation, None, "seed {seed}");
        let shape = Shape::of(scenario.variant);
        let epochs = 1 + report.time_us / shape.length().as_micros();
        let adopted = report.marks.by_name().get("epochs.adopted").copied().unwrap_or(0);
        assert!(adopted <= epochs * u64::from(shape.servers), "{adopted} in {epochs} epochs");
    }
}

#[test]
fn c13_sees_that_a_server_that_is_silent_for_longer_has_lost_its_duties() {
    let (_, report) = probed(1, |servers| silent(servers, servers[0], 8 * 2 * PERIODS, &[0]));
    let found = report.violation.expect("it was silent for two epochs").broken;
    assert_eq!(found.invariant, "C13", "{found:?}");
    assert!(found.detail.contains("n0 is good, and inactive"), "{found:?}");
}
