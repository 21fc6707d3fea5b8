//! What an operator learns before there are servers.

use serde_json::Value;

use crate::support::Scratch;

fn plan(scratch: &Scratch, more: &[&str]) -> String {
    let fixed = ["plan", "--nodes", "1000", "--f", "1", "--f-ms", "3"];
    scratch.succeed(&[&fixed[..], more].concat())
}

#[test]
fn a_plan_tells_how_likely_groups_fail() {
    let scratch = Scratch::new();
    let answer = plan(&scratch, &["--bad", "1%", "--json"]);
    assert_eq!(answer, plan(&scratch, &["--bad", "0.01", "--json"]));
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let number = |pointer: &str| answer.pointer(pointer).and_then(Value::as_f64).expect(pointer);
    // One group in 1,689 fails, so more than half of one of a thousand; with f = 3 one in 500,000,
    // which is an hourly draw of 57 years.
    assert!((0.591..0.593).contains(&number("/storage/storage_groups_failed")), "{answer}");
    assert!((56.0..58.0).contains(&number("/membership/membership_years_between")), "{answer}");
    assert!((0.15..0.17).contains(&number("/membership/membership_fails_within_years")));
    // 1.5 % of those who bring keys are bad at worst: a group in 101,119 fails, and three are drawn
    // in an hour.
    let held_back = number("/membership/membership_years_between_held_back");
    assert!((3.84..3.85).contains(&held_back), "{answer}");
    assert!(number("/membership/membership_fails_within_years_held_back") > 0.5, "{answer}");
    let choices = answer["choices"].as_array().expect("a list");
    let fails: Vec<f64> = choices.iter().filter_map(|one| one["group_fails"].as_f64()).collect();
    assert!(fails.len() == 8 && fails.is_sorted_by(|small, large| small > large), "{fails:?}");

    let text = plan(&scratch, &["--bad", "1%"]);
    assert!(text.contains("fails once in 57.0 years on average"), "{text}");
    assert!(
        text.contains("at worst, if a third of the servers is kept from bringing keys"),
        "{text}"
    );
    assert_eq!(text.lines().filter(|line| line.ends_with('<')).count(), 2, "{text}");
    let text = plan(&scratch, &["--bad", "1%", "--epoch-seconds", "86400"]);
    assert!(text.contains("fails once in 1368.1 years on average"), "{text}");
}

#[test]
fn a_plan_that_cannot_be_meant_is_refused_by_name() {
    let scratch = Scratch::new();
    for (call, named) in [
        (["5", "0.01", "1", "2"], "--f-ms 2 takes groups of 7 servers, and --nodes says 5"),
        (["9", "1", "1", "1"], "it is a number between 0 and 1, as 0.01 or 1%"),
        (["9", "nan", "1", "1"], "it is a number between 0 and 1"),
        (["99", "0.1", "9", "1"], "9 is not in 1..=8"),
    ] {
        let [nodes, bad, f, f_ms] = call;
        let call = ["plan", "--nodes", nodes, "--bad", bad, "--f", f, "--f-ms", f_ms];
        let (code, complaint) = scratch.fail(&call);
        assert_eq!(code, 2, "{complaint}");
        assert!(complaint.contains(named), "{complaint}");
    }
}
