//! Power cuts: what was acknowledged is there afterwards, and the judges would see it if not.

use quorate_rounds::power::{Meanwhile, cuts, missing};
use quorate_rounds::round::seed;
use quorate_rounds::telling::skip;

/// Cuts in the gate; `cargo xtask power-cuts --times 20` makes more.
const CUTS: usize = 5;

#[test]
fn what_was_acknowledged_survives_power_cuts_of_the_whole_cluster() {
    if let Some(why) = missing() {
        return skip("power cuts", &why);
    }
    let summary = cuts(seed().expect("a seed"), CUTS, Meanwhile::Nothing);
    summary.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_disk_that_goes_back_in_time_is_found_out() {
    if let Some(why) = missing() {
        return skip("a planted loss behind a power cut", &why);
    }
    let error = cuts(seed().expect("a seed"), 2, Meanwhile::BackInTime).unwrap_err();
    assert!(error.contains("BROKEN: "), "{error}");
}
