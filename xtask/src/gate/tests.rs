//! What the gate says: the order of its steps, its failures and its times.

use super::*;

#[test]
fn the_steps_are_in_the_order_of_the_contract_and_each_has_a_remedy() {
    let names = STEPS.map(|step| step.name);
    assert_eq!(
        names,
        [
            "fmt",
            "clippy",
            "rustdoc",
            "tests",
            "tidy",
            "golden files",
            "simulation",
            "real processes"
        ]
    );
    assert!(STEPS.iter().all(|step| !step.remedy.is_empty()));
}

#[test]
fn only_the_last_two_steps_need_a_release_build() {
    let slow: Vec<_> = STEPS.iter().filter(|step| step.needs_release).map(|s| s.name).collect();
    assert_eq!(slow, ["simulation", "real processes"]);
}

#[test]
fn a_failure_names_the_step_its_time_and_what_to_do() {
    let text = failure(&STEPS[0], Duration::from_millis(1250), "`cargo fmt` failed");
    assert!(text.starts_with("step `fmt` failed after 1.2 s: `cargo fmt` failed\n"), "{text}");
    assert!(text.contains("what to do: run `cargo fmt --all`"), "{text}");
}

#[test]
fn the_summary_has_a_time_for_each_step_and_for_all() {
    let times = [("fmt", Duration::from_millis(300)), ("clippy", Duration::from_secs(61))];
    let text = summary(&times, Duration::from_secs(62));
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    assert_eq!(lines[0], "the gate is passed");
    assert!(lines[1].starts_with("fmt") && lines[1].ends_with("0.3 s"));
    assert!(lines[2].starts_with("clippy") && lines[2].ends_with("61.0 s"));
    assert!(lines[3].starts_with("in all") && lines[3].ends_with("62.0 s"));
}

#[test]
fn what_is_not_written_yet_is_said_and_does_not_fail() {
    let nowhere = Path::new("no-such-folder-here");
    assert_eq!(simulation(nowhere), Ok(()));
    assert_eq!(processes(nowhere), Ok(()));
    assert!(simulator::run(nowhere, &["ci"]).is_err_and(|error| error.contains("not built yet")));
}
